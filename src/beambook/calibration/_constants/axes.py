"""The order of a constant's axes: ours, and the one that a file has."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from beambook.errors import DataError

__all__ = ["CANONICAL", "canonical", "default_dims", "guessed_dims", "stored_type"]

CANONICAL = ("gain", "cell", "slow_scan", "fast_scan")
# The facility's files have it the other way round: EXtra's tests state the labels of a JUNGFRAU
# constant, and the shape (fast, slow, cell, gain) of an AGIPD one (tests/test_calibration.py).
FACILITY = ("fast_scan", "slow_scan", "cell", "gain")


def default_dims(ndim: int) -> tuple[str, ...]:
    """Names of the axes of an array that is given without: the last ones of `CANONICAL`.

    Raises
    ------
    DataError
        There are more than four axes, or fewer than two.
    """
    if not 2 <= ndim <= len(CANONICAL):
        raise DataError(f"A constant with {ndim} axes", hint="Name them: dims=(…).")
    return CANONICAL[-ndim:]


def stored_type(calibration: str) -> np.dtype[Any]:
    """Whole numbers of 32 bit for masks, floats of 32 bit for everything else."""
    return np.dtype("u4") if calibration.startswith("BadPixels") else np.dtype("f4")


def guessed_dims(shape: tuple[int, ...], module_shape: tuple[int, int]) -> tuple[str, ...]:
    """Names of the axes of a file that does not say them, if its shape leaves one possibility.

    Parameters
    ----------
    shape : tuple of int
    module_shape : tuple of int
        Pixels of a module: slow scan, fast scan.

    Raises
    ------
    DataError
        Both orders fit (the square modules of LPD), or none.
    """
    orders = [] if len(shape) != len(CANONICAL) else [CANONICAL, FACILITY]
    fits = [o for o in orders if _pixels(o, shape) == module_shape]
    if len(fits) != 1 or module_shape[0] == module_shape[1]:
        raise DataError(
            f"The constant does not say what its axes are, and {shape} does not tell",
            hint="Say it: constant.ndarray(dims=(…)).",
        )
    return fits[0]


def _pixels(dims: tuple[str, ...], shape: tuple[int, ...]) -> tuple[int, int]:
    sizes = dict(zip(dims, shape, strict=True))
    return sizes["slow_scan"], sizes["fast_scan"]


def canonical(
    values: NDArray[Any], dims: tuple[str, ...], dtype: np.dtype[Any]
) -> tuple[NDArray[Any], tuple[str, ...]]:
    """Values with their axes in the order of `CANONICAL`, contiguous, in another type.

    Axes of other names come first.

    Raises
    ------
    DataError
        Names and axes do not agree, or values do not fit the type.

    Examples
    --------
    >>> values, dims = canonical(np.zeros((128, 512, 352, 3), "f8"), FACILITY, np.dtype("f4"))
    >>> values.shape, dims
    ((3, 352, 512, 128), ('gain', 'cell', 'slow_scan', 'fast_scan'))
    """
    if len(dims) != values.ndim or len(set(dims)) != len(dims):
        raise DataError(f"A constant with the shape {values.shape} cannot have the axes {dims}")
    order = sorted(dims, key=lambda d: CANONICAL.index(d) if d in CANONICAL else -1)
    turned = values.transpose([dims.index(d) for d in order])
    if dtype.kind == "u" and values.dtype.kind not in "ub":
        _check_whole(values)
    return np.ascontiguousarray(turned, dtype=dtype), tuple(order)


def _check_whole(values: NDArray[Any]) -> None:
    """Refuse what would be changed by becoming a mask of bits."""
    with np.errstate(invalid="ignore"):
        bits = values.astype(np.int64)
    if not (bits == values).all() or bits.min(initial=0) < 0 or bits.max(initial=0) >= 2**32:
        raise DataError("A mask holds values that are no whole numbers of 32 bit")
