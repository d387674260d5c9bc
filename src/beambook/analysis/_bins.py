"""Bins of photon energy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from beambook.analysis._select import variable
from beambook.errors import DataError, ParameterError

__all__ = ["edges_of"]

MOST_BINS = 1_000_000


def edges_of(
    bins: int | float | ArrayLike, data: Mapping[str, Any] | xr.Dataset, energy: str
) -> NDArray[np.float64]:
    """Edges from a number of bins, a width, or the edges themselves.

    Parameters
    ----------
    bins : int, float or array_like
        See `beambook.analysis.xas`.
    data : Dataset or mapping
    energy : str
        Name of the energy in `data`.

    Returns
    -------
    ndarray (bin + 1,) float64

    Raises
    ------
    ParameterError
        Not a number of bins, not a width, not ascending edges.
    DataError
        No energy is a number.
    """
    if np.ndim(bins) > 0:
        return np.asarray(bins, dtype=np.float64)
    if isinstance(bins, bool) or not isinstance(bins, int | float | np.integer | np.floating):
        raise ParameterError(f"bins must be a number, a width or edges, not {bins!r}")
    whole = isinstance(bins, int | np.integer)
    if not (np.isfinite(bins) and bins > 0):
        kind = "The number of bins" if whole else "The width of bins"
        raise ParameterError(f"{kind} must be above 0, not {bins}")
    values = np.asarray(variable(data, energy), dtype=np.float64)
    values = values[np.isfinite(values)]
    if not values.size:
        raise DataError(f"No value of {energy!r} is a number", hint="Give bins as edges")
    low, high = float(values.min()), float(values.max())
    return _split(low, high, int(bins)) if whole else _steps(low, high, float(bins))


def _split(low: float, high: float, number: int) -> NDArray[np.float64]:
    if number > MOST_BINS:
        raise ParameterError(f"{number:,} bins are too many", hint="A width is a float: bins=0.5")
    if low == high:
        low, high = low - 0.5, high + 0.5
    return np.linspace(low, high, number + 1)


def _steps(low: float, high: float, width: float) -> NDArray[np.float64]:
    """Edges at multiples of the width, so that runs with the same width have the same edges."""
    first, last = np.floor(low / width), np.floor(high / width) + 1
    if last - first > MOST_BINS:
        raise ParameterError(f"Bins of {width:g} are too narrow for {low:g} … {high:g}")
    return np.arange(first, last + 1) * width
