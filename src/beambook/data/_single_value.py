"""One value that stands for all."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from beambook.errors import DataError

__all__ = ["Reduction", "single_value"]

Reduction = str | Callable[[NDArray[Any]], Any] | None


def single_value(
    values: NDArray[Any], name: str, *, rtol: float, atol: float, reduce_by: Reduction
) -> Any:
    """The value that all values are, within tolerances.

    Parameters
    ----------
    values : ndarray, (rows, ...)
    name : str
        What they are, for errors.
    rtol, atol : float
        As of `numpy.allclose`.
    reduce_by : str or callable, optional
        See `Channel.as_single_value`.

    Raises
    ------
    DataError
        There is no value, or values differ by more.
    """
    if not len(values):
        raise DataError(f"{name} has no data in the selected trains")
    if values.dtype.kind not in "iufcb":
        return _unique(values, name, reduce_by)
    value = _reduced(values, reduce_by)
    if not np.allclose(values, value, rtol=rtol, atol=atol):
        away = float(np.max(np.abs(values - value)))
        raise DataError(
            f"{name} is not one value: up to {away:.3g} away from {value}",
            hint="Give rtol or atol, or select trains.",
        )
    return value


def _unique(values: NDArray[Any], name: str, reduce_by: Reduction) -> Any:
    if reduce_by is not None:
        raise TypeError(f"{name} is not a number: it has no {reduce_by!r}")
    found = np.unique(values)
    if len(found) > 1:
        raise DataError(f"{name} is not one value: {', '.join(map(repr, found[:3].tolist()))} …")
    return found[0]


def _reduced(values: NDArray[Any], reduce_by: Reduction) -> Any:
    if callable(reduce_by):
        return reduce_by(values)
    if reduce_by == "first":
        return values[0]
    function = getattr(np, reduce_by or "median", None)
    if function is None:
        raise DataError(f"There is no way to reduce called {reduce_by!r}", hint="Write a callable.")
    return function(values, axis=0)
