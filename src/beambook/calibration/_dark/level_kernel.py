"""Machine code that adds up values and their squares for each pixel; exact."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from beambook.machine_code import compiled

__all__ = ["add_values", "pack_gain"]

TILE = 64


@compiled(boundscheck=False)
def add_values(
    raw: NDArray[np.uint16],
    frames: NDArray[np.int64],
    pixels: tuple[int, int],
    pivot: NDArray[np.uint16],
    sums: NDArray[np.int64],
    squares: NDArray[np.int64],
) -> None:
    """Add Σ(v − pivot) and Σ(v − pivot)² of some frames.

    Parameters
    ----------
    raw : ndarray (frame, pixel) uint16
    frames : ndarray (k,) int64
        Rows of `raw`.
    pixels : (int, int)
        From, to.
    pivot : ndarray (pixel,) uint16
    sums, squares : ndarray (pixel,) int64
        Are added to.
    """
    one, two = np.empty(TILE, np.int64), np.empty(TILE, np.int64)
    for a in range(pixels[0], pixels[1], TILE):
        if a + TILE > pixels[1]:
            for p in range(a, pixels[1]):
                for f in frames:
                    d = np.int64(raw[f, p]) - np.int64(pivot[p])
                    sums[p] += d
                    squares[p] += d * d
            continue
        one[:], two[:] = 0, 0
        low = pivot[a : a + TILE]
        for i in range(len(frames)):
            row = raw[frames[i], a : a + TILE]
            for p in range(TILE):  # of a constant length, so that it becomes vector code
                difference = np.int32(row[p]) - np.int32(low[p])
                one[p] += difference
                two[p] += np.int64(np.uint32(difference * difference))
        for p in range(TILE):
            sums[a + p] += one[p]
            squares[a + p] += two[p]


@compiled(boundscheck=False)
def pack_gain(
    values: NDArray[np.uint16], gain: NDArray[np.uint8], bits: int, out: NDArray[np.uint16]
) -> int:
    """Put gain bits above the bits of the values.

    Parameters
    ----------
    values, gain : ndarray (n,)
    bits : int
        Of the values.
    out : ndarray (n,) uint16
        Result.

    Returns
    -------
    int
        The bits that are set in any value, to see that none is in the way.
    """
    every = np.uint16(0)
    for i in range(len(values)):
        every |= values[i]
        out[i] = values[i] | np.uint16(np.uint16(gain[i]) << bits)
    return int(every)
