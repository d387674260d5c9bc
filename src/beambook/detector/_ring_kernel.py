"""Machine code that adds up pixels by ring. Importing it loads numba."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from beambook.detector._lanes import LANES, add_checked, add_plain, add_squared
from beambook.machine_code import compiled

__all__ = ["add_eight", "add_good", "add_squares", "add_values"]

PLAIN, SQUARED, CHECKED = 1, 2, 5  # how many sums of each ring


@compiled(boundscheck=False)
def add_values(frame: Any, ring: NDArray[np.int32], total: NDArray[np.float64]) -> None:
    """Sum of the values of each ring.

    Parameters
    ----------
    frame : ndarray (module, slow_scan, fast_scan)
    ring : ndarray (module, slow_scan, fast_scan) int32
        Which ring a pixel belongs to; what belongs to none has one at the end for itself.
    total : ndarray (ring,) float64
    """
    total[:] = 0
    for m in range(frame.shape[0]):
        for s in range(frame.shape[1]):
            line, of = frame[m, s], ring[m, s]
            for i in range(len(line)):
                total[of[i]] += line[i]


@compiled(boundscheck=False)
def add_squares(
    frame: Any,
    ring: NDArray[np.int32],
    weight: NDArray[np.float32],
    total: NDArray[np.float64],
    square: NDArray[np.float64],
) -> None:
    """Sums of the values and of their squares over the weight; see `add_values`."""
    total[:] = 0
    square[:] = 0
    for m in range(frame.shape[0]):
        for s in range(frame.shape[1]):
            line, of, scale = frame[m, s], ring[m, s], weight[m, s]
            for i in range(len(line)):
                value = np.float64(line[i])
                total[of[i]] += value
                square[of[i]] += value * value / scale[i]


@compiled(boundscheck=False)
def add_good(
    frame: Any,
    bad: Any,
    ring: NDArray[np.int32],
    weight: NDArray[np.float32],
    sums: NDArray[np.float64],
) -> None:
    """All sums, of pixels that have a value.

    Parameters
    ----------
    frame, ring
        See `add_values`.
    bad : ndarray of bool (module, slow_scan, fast_scan)
        Pixels of this frame to be left out; of size 0 for none. NaN and infinite values are
        left out, too.
    weight : ndarray (module, slow_scan, fast_scan) float32
    sums : ndarray (5, ring) float64
        Of values, of squares over weight, of weights, of squared weights, and how many.
    """
    sums[:] = 0
    for m in range(frame.shape[0]):
        for s in range(frame.shape[1]):
            line, of, scale = frame[m, s], ring[m, s], weight[m, s]
            for i in range(len(line)):
                value = np.float64(line[i])
                if np.isfinite(value) and not (bad.size and bad[m, s, i]):
                    where = of[i]
                    sums[0, where] += value
                    sums[1, where] += value * value / scale[i]
                    sums[2, where] += scale[i]
                    sums[3, where] += scale[i] * scale[i]
                    sums[4, where] += 1


@compiled(boundscheck=False)
def add_eight(
    frames: NDArray[np.int64],
    module_step: int,
    ring: NDArray[np.int32],
    weight: NDArray[np.float32],
    sums: NDArray[np.float64],
) -> None:
    """Sums of eight frames of float32 at once.

    Parameters
    ----------
    frames : ndarray (8,) int64
        Addresses of the first pixels; each module's pixels are contiguous, and a multiple of 8.
    module_step : int
        Bytes from module to module.
    ring, weight : ndarray (module, pixel)
        See `add_good`; contiguous.
    sums : ndarray (ring, term, 8) float64
        1 term: of values. 2: and of squares over weight. 5: see `add_good`; what is no finite
        number is left out only of these.
    """
    sums[:] = 0
    at = sums.ctypes.data
    table = frames.ctypes.data
    terms = sums.shape[1]
    for m in range(ring.shape[0]):
        of, by = ring[m].ctypes.data, weight[m].ctypes.data
        for i in range(0, ring.shape[1], LANES):
            offset = m * module_step + 4 * i
            if terms == PLAIN:
                add_plain(table, offset, of + 4 * i, by + 4 * i, at)
            elif terms == SQUARED:
                add_squared(table, offset, of + 4 * i, by + 4 * i, at)
            else:
                add_checked(table, offset, of + 4 * i, by + 4 * i, at)
