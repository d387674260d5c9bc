"""Machine code of the peak integration. Importing this file loads numba."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import types
from numba.extending import overload
from numpy.typing import NDArray

from beambook.machine_code import compiled

__all__ = ["LONGEST_NARROW", "integrate_block"]

# Sums may be re-ordered (that is what makes them vector code), but NaN stays NaN.
_FAST = {"reassoc", "contract", "nsz"}
# Samples of 16 bits that a sum of 32 bits holds for certain.
LONGEST_NARROW = 32767


def _total(row: Any, start: Any, stop: Any) -> Any:
    """Sum of ``row[start:stop]``: exact for integers, and as narrow as is safe, for speed."""
    raise NotImplementedError  # the machine code is chosen below, by the type of the samples


@overload(_total)
def _choose_total(row: Any, start: Any, stop: Any) -> Any:
    integer = isinstance(row.dtype, types.Integer)
    if integer and getattr(row.dtype, "bitwidth", 64) <= 16:

        def narrow(row: Any, start: Any, stop: Any) -> Any:
            total = np.int32(0)
            for sample in row[start:stop]:
                total = np.int32(total + np.int32(sample))
            return total

        return narrow
    zero = 0 if integer else 0.0

    def wide(row: Any, start: Any, stop: Any) -> Any:
        total = zero
        for sample in row[start:stop]:
            total += sample
        return total

    return wide


@compiled(fastmath=_FAST, boundscheck=False)
def integrate_block(
    traces: NDArray[Any],
    shifts: NDArray[np.int64],
    window: tuple[int, int, int, int],
    trapezoid: int,
    out: NDArray[np.float64],
) -> None:
    """Area of each pulse above its own base line.

    Parameters
    ----------
    traces : ndarray (train, sample)
    shifts : ndarray (pulse,) int64
        How far the window is moved for each pulse, samples.
    window : tuple of int
        start, stop, base start, base stop of a pulse that is not moved. Samples of 16 bits:
        neither range longer than `LONGEST_NARROW`.
    trapezoid : int
        1: the two samples at the ends count half; 0: plain sum.
    out : ndarray (train, pulse) float64
        Result.
    """
    start, stop, base_start, base_stop = window
    width = float(stop - start - trapezoid)
    base_width = float(base_stop - base_start)
    for train in range(traces.shape[0]):
        row = traces[train]
        for pulse in range(len(shifts)):
            shift = shifts[pulse]
            area = float(_total(row, start + shift, stop + shift))
            base = float(_total(row, base_start + shift, base_stop + shift))
            if trapezoid:
                area -= 0.5 * (float(row[start + shift]) + float(row[stop + shift - 1]))
            out[train, pulse] = area - base / base_width * width
