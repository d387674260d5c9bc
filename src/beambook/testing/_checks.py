"""Options within their limits, or the line that says what they may be."""

from __future__ import annotations

from collections.abc import Sequence
from operator import index

from beambook.errors import ParameterError

__all__ = ["one_of", "within"]


def within(name: str, value: int, low: int, high: int) -> int:
    """Give `value` as an integer from `low` to `high`.

    Raises
    ------
    ParameterError
        If it is something else.
    """
    try:
        number = index(value)
    except TypeError:
        number = low - 1
    if not low <= number <= high or isinstance(value, bool):
        raise ParameterError(f"{name} must be an integer from {low} to {high}, not {value!r}")
    return number


def one_of(name: str, value: str, values: Sequence[str]) -> str:
    """Give `value` if it is one of `values`.

    Raises
    ------
    ParameterError
        If it is something else.
    """
    if value not in values:
        raise ParameterError(f"{name} must be one of {', '.join(values)}, not {value!r}")
    return value
