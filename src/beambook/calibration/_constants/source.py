"""Where constants come from, and all constants of many modules at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from beambook.calibration._constants.conditions import Conditions
from beambook.calibration._constants.constant import Constant
from beambook.calibration._constants.match import Strategy, Time
from beambook.card import Card, Described, Table
from beambook.errors import ConstantNotFound

__all__ = ["ConstantSource", "MissingConstant", "RetrievedConstants", "retrieve"]


class ConstantSource(Protocol):
    """What constants can be asked for from: a folder (`Constants`), the facility's `CalCat`."""

    def query(
        self,
        calibration: str,
        *,
        detector: str,
        module: str,
        conditions: Conditions,
        at: Time | None = None,
        strategy: Strategy = "closest",
        snapshot_at: Time | None = None,
    ) -> Constant:
        """The version of a constant that holds for a module at a time.

        Parameters
        ----------
        calibration : str
            ``"Offset"``
        detector, module : str
            ``"SPB_DET_AGIPD1M-1"``, ``"AGIPD00"``.
        conditions : Conditions
        at : datetime, numpy.datetime64 or str
            When the data was taken; now by default. Text and datetime must tell their zone.
        strategy : {"closest", "prior"}
            The constant whose validity begins closest to that time, or last before it.
        snapshot_at : datetime, numpy.datetime64 or str, optional
            Answer as it would have been then: what was injected later does not count.

        Raises
        ------
        ConstantNotFound
            There is none; the message tells what comes closest and in what it differs.
        """


@dataclass(frozen=True)
class MissingConstant:
    """A constant that was asked for and not found.

    Attributes
    ----------
    module, calibration, reason : str
    """

    module: str
    calibration: str
    reason: str


@dataclass(frozen=True, eq=False, repr=False)
class RetrievedConstants(Described, Mapping[str, Mapping[str, Constant]]):
    """Constants by module and calibration: ``found["AGIPD00"]["Offset"].ndarray()``.

    All modules that were asked for are there, also one without constants; ``missing`` lists what
    was not found and why.

    Attributes
    ----------
    detector : str
    modules : mapping of str to mapping of str to Constant
    missing : tuple of MissingConstant
    """

    detector: str
    modules: Mapping[str, Mapping[str, Constant]] = field(default_factory=dict)
    missing: tuple[MissingConstant, ...] = ()

    def __getitem__(self, module: str) -> Mapping[str, Constant]:
        return self.modules[module]

    def __iter__(self) -> Iterator[str]:
        return iter(self.modules)

    def __len__(self) -> int:
        return len(self.modules)

    def select(self, modules: Iterable[str]) -> RetrievedConstants:
        """Some modules of it."""
        kept = set(modules)
        return RetrievedConstants(
            self.detector,
            {module: found for module, found in self.modules.items() if module in kept},
            tuple(m for m in self.missing if m.module in kept),
        )

    def card(self) -> Card:
        """Which constant each module has, by the time from when it holds."""
        names = list(dict.fromkeys(c for found in self.values() for c in found))
        rows = tuple(
            (module, *(f"{found[n].begin:%Y-%m-%d %H:%M}" if n in found else "—" for n in names))
            for module, found in self.items()
        )
        tables = [Table(("module", *names), rows, "Constants: valid from")]
        if self.missing:
            lost = tuple((m.module, m.calibration, m.reason) for m in self.missing)
            tables.append(Table(("module", "constant", "reason"), lost, "Missing"))
        facts = {
            "modules": str(len(self)),
            "constants": str(sum(map(len, self.values()))),
            "missing": str(len(self.missing)),
        }
        return Card("RetrievedConstants", self.detector, facts, tuple(tables))


def retrieve(
    source: ConstantSource,
    detector: str,
    modules: Iterable[str | int],
    calibrations: Iterable[str],
    conditions: Conditions,
    at: Time | None = None,
    *,
    strategy: Strategy = "closest",
    snapshot_at: Time | None = None,
) -> RetrievedConstants:
    """Constants of many modules; those that there are not are listed, not raised.

    Parameters
    ----------
    source : ConstantSource
    detector : str
        ``"SPB_DET_AGIPD1M-1"``
    modules : iterable of str or int
        ``"AGIPD00"`` or ``0``.
    calibrations : iterable of str
        ``"Offset"``, ``"ThresholdsDark"`` …
    conditions : Conditions
    at, strategy, snapshot_at
        See `ConstantSource.query`.

    Returns
    -------
    RetrievedConstants
    """
    wanted = tuple(calibrations)
    found: dict[str, dict[str, Constant]] = {}
    missing: list[MissingConstant] = []
    for number in modules:
        module = conditions.module_name(number) if isinstance(number, int) else number
        of_module = found.setdefault(module, {})
        for calibration in wanted:
            try:
                of_module[calibration] = source.query(
                    calibration,
                    detector=detector,
                    module=module,
                    conditions=conditions,
                    at=at,
                    strategy=strategy,
                    snapshot_at=snapshot_at,
                )
            except ConstantNotFound as error:
                missing.append(MissingConstant(module, calibration, error.hint or str(error)))
    return RetrievedConstants(detector, found, tuple(missing))
