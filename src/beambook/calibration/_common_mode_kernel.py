"""Machine code of the common mode: what all dark pixels of an ASIC have in common.

Only pixels in high gain without a bad bit can be dark. Sums are kept by column and added up in
a fixed order: the result does not depend on the processor's vectors or the number of threads.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from beambook.machine_code import compiled

__all__ = ["LINE", "SIDE", "STRIP", "add_dark", "add_within", "dark_means", "mean_of_asic",
           "shift_asics", "subtract", "usable_values"]  # fmt: skip

SIDE, LINE = 64, 128  # pixels of an ASIC; a line of two ASICs side by side
STRIP = SIDE * LINE  # pixels of these two
_NEVER_DARK = 0x7E967699  # bits of 1e38: finite, as it is multiplied with 0
_INFINITY_BITS, _WITHOUT_SIGN = 0x7F800000, 0x7FFFFFFF


@compiled(boundscheck=False)
def usable_values(bits: Any, gain: Any, mask: Any, into: Any) -> None:
    """Values of pixels that can be dark, else a huge one; all but `gain` int32.

    What is no number, or infinite, has no bit in the mask yet, and must not get into a sum.
    """
    for i in range(len(into)):
        finite = np.int32((bits[i] & np.int32(_WITHOUT_SIGN)) < _INFINITY_BITS)
        usable = -(np.int32((np.int32(gain[i]) | mask[i]) == 0) & finite)
        into[i] = (bits[i] & usable) | (np.int32(_NEVER_DARK) & ~usable)


@compiled(boundscheck=False)
def add_within(values: Any, offset: Any, low: Any, high: Any, total: Any, count: Any) -> None:
    """Add up the dark ones, by column; counts are float32, and whole up to 2²⁴."""
    for i in range(len(total)):
        value = values[i] - offset
        dark = np.float32(value >= low) * np.float32(value <= high)
        total[i] += value * dark
        count[i] += dark


@compiled(boundscheck=False)
def subtract(what: Any, values: Any) -> None:
    """Subtract in place."""
    for i in range(len(values)):
        values[i] -= what[i]


@compiled(boundscheck=False)
def mean_of_asic(values: Any, column: Any, start: Any, common: Any, rounds: Any, sums: Any) -> Any:
    """Mean of the dark pixels of the ASIC whose first column is `column`.

    Dark is what lies in a range around the mean of the round before, first around `start`; where
    that is too few, the mean of the round before is returned.
    """
    low, high, fraction = common
    total, count = sums
    mean = start
    for _ in range(rounds):
        total[:] = 0
        count[:] = 0
        for line in range(SIDE):
            begin = line * LINE + column
            add_within(values[begin : begin + SIDE], mean, low, high, total, count)
        found, level = 0.0, 0.0
        for i in range(SIDE):
            found += count[i]
            level += total[i]
        if found <= fraction * (SIDE * SIDE) or found == 0:
            return mean
        mean += np.float32(level / found)
    return mean


@compiled(boundscheck=False)
def shift_asics(out: Any, scratch: Any, common: Any, rounds: Any) -> Any:
    """Subtract from each of the two ASICs of a strip what its dark pixels have in common.

    Parameters
    ----------
    out : tuple of ndarray (pixel,)
        Data as bits and as float32, gain, mask.
    scratch : tuple of ndarray
        (pixel,) as bits and as float32.
    common : tuple of float32
        Lowest and highest dark value, fraction of dark pixels.
    rounds : int

    Returns
    -------
    int
        ASICs that were shifted.
    """
    bits, data, gain, mask = out
    sums = np.empty(SIDE, np.float32), np.empty(SIDE, np.float32)
    usable_values(bits, gain, mask, scratch[0])
    shifted = 0
    for column in (0, SIDE):
        shift = mean_of_asic(scratch[1], column, np.float32(0), common, rounds, sums)
        if shift != 0:
            shifted += 1
            for line in range(SIDE):
                begin = line * LINE + column
                part = data[begin : begin + SIDE]
                for i in range(SIDE):
                    part[i] -= shift
    return shifted


@compiled(boundscheck=False)
def add_dark(out: Any, scratch: Any, common: Any, sums: Any) -> None:
    """Add the dark pixels of a frame to sums by pixel; parameters as of `shift_asics`."""
    bits, _, gain, mask = out
    low, high, _ = common
    usable_values(bits, gain, mask, scratch[0])
    add_within(scratch[1], np.float32(0), low, high, sums[0], sums[1])


@compiled(boundscheck=False)
def dark_means(sums: Any, least: Any, means: Any) -> Any:
    """Mean by pixel where more than `least` frames were dark, else 0; the sums are cleared.

    Returns
    -------
    int
        Pixels that have a mean.
    """
    total, count = sums
    found = 0
    for i in range(len(means)):
        enough = count[i] > least and count[i] > 0
        means[i] = total[i] / count[i] if enough else np.float32(0)
        found += enough
        total[i] = 0
        count[i] = 0
    return found
