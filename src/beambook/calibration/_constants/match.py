"""Which version of a constant answers a query: the rules of the facility's data base."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Literal

import numpy as np

from beambook.calibration._constants.conditions import Value
from beambook.calibration._constants.constant import Constant
from beambook.errors import ParameterError

__all__ = ["Strategy", "Time", "best", "check_strategy", "differences", "nearest", "utc"]

Strategy = Literal["closest", "prior"]
Time = datetime | np.datetime64 | str
NONE = "not given"


def utc(time: Time | None) -> datetime:
    """A time of any kind as a datetime in UTC; None is now.

    Raises
    ------
    ParameterError
        It does not say in which zone it is, or is no time.

    Examples
    --------
    >>> utc("2024-03-04T13:33:28+01:00").isoformat()
    '2024-03-04T12:33:28+00:00'
    """
    if time is None:
        return datetime.now(UTC)
    if isinstance(time, np.datetime64):  # as of `Run`: in UTC
        microseconds = int(time.astype("M8[us]").astype(np.int64))
        return datetime.fromtimestamp(0, UTC) + timedelta(microseconds=microseconds)
    try:
        found = datetime.fromisoformat(time) if isinstance(time, str) else time
    except ValueError as error:
        raise ParameterError(f"{time!r} is no time: {error}") from error
    if found.tzinfo is None:
        raise ParameterError(
            f"{time!r} does not say in which zone it is",
            hint="Write 2024-03-04T13:33:28+01:00, or pass a datetime with tzinfo.",
        )
    return found.astimezone(UTC)


def check_strategy(strategy: str) -> None:
    """Refuse what is no strategy.

    Raises
    ------
    ParameterError
        It is neither ``"closest"`` nor ``"prior"``.
    """
    if strategy not in ("closest", "prior"):
        raise ParameterError(f"{strategy!r} is neither 'closest' nor 'prior'")


def differences(constant: Constant, wanted: Mapping[str, Value]) -> tuple[str, ...]:
    """What keeps a constant from being the one that is asked for; empty if nothing does.

    A parameter that only one of the two has is a difference: the data base leaves out some values
    on purpose (`Conditions.unwritten`).
    """
    names = [*wanted, *(n for n in constant.conditions if n not in wanted)]
    return tuple(
        f"{name} {wanted.get(name, NONE)} asked, {constant.conditions.get(name, NONE)} there"
        for name in names
        if not _agrees(name, wanted.get(name), constant)
    )


def _agrees(name: str, value: Value | None, constant: Constant) -> bool:
    stored = constant.conditions.get(name)
    if isinstance(value, str) or isinstance(stored, str) or value is None or stored is None:
        return value == stored
    less, more = constant.deviations.get(name, (0.0, 0.0))
    slack = 1e-9 * max(1.0, abs(stored))  # 4.5 + 0.05 is not 4.55 in binary
    return stored - less - slack <= value <= stored + more + slack


def best(
    constants: Iterable[Constant], wanted: Mapping[str, Value], at: datetime, strategy: Strategy
) -> Constant | None:
    """The constant whose validity begins closest to a time, or last before it.

    Of those that begin at the same time, the one injected last; of one before and one after, the
    one before.
    """
    fit = [c for c in constants if _valid(c, at, strategy) and not differences(c, wanted)]
    return min(fit, key=lambda c: _distance(c, at), default=None)


def nearest(
    constants: Iterable[Constant], wanted: Mapping[str, Value], at: datetime
) -> Constant | None:
    """The constant that differs least from what is asked for, to tell about."""
    return min(
        constants, key=lambda c: (len(differences(c, wanted)), _distance(c, at)), default=None
    )


def _valid(constant: Constant, at: datetime, strategy: Strategy) -> bool:
    ended = constant.end is not None and at >= constant.end
    return not ended and (strategy == "closest" or constant.begin <= at)


def _distance(constant: Constant, at: datetime) -> tuple[timedelta, bool, int]:
    return abs(constant.begin - at), constant.begin > at, -constant.id
