"""Machine code of the common mode: what all dark pixels of an ASIC have in common.

Only pixels in high gain without a bad bit can be dark. Their values are first copied ASIC by
ASIC, so that loops are long enough for the processor's vectors. Sums are kept by place and added
up in a fixed order: the result does not depend on those vectors or the number of threads.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from beambook.machine_code import compiled

__all__ = ["ASIC", "LANES", "STRIP", "add_within", "common_of_row", "mean_of_asic", "shift_asics",
           "subtract", "subtract_row", "sum_of_lanes", "usable_values"]  # fmt: skip

_SIDE, _LINE = 64, 128  # pixels of an ASIC; a line of two ASICs side by side
ASIC, STRIP = _SIDE * _SIDE, _SIDE * _LINE  # pixels of one, and of these two
LANES, _FOLDED = 1024, 32  # places that sums are kept in; when they are added up
_NEVER_DARK = 0x7E967699  # bits of 1e38: finite, as it is multiplied with 0
_INFINITY_BITS, _WITHOUT_SIGN = 0x7F800000, 0x7FFFFFFF


@compiled(boundscheck=False)
def usable_values(bits: Any, gain: Any, mask: Any, spare: Any, into: Any) -> None:
    """Values of a strip's pixels that can be dark, else a huge one; all but `gain` int32.

    What is no number, or infinite, has no bit in the mask yet, and must not get into a sum.
    `into` has two arrays, one for each ASIC.
    """
    for i in range(STRIP):
        finite = np.int32((bits[i] & np.int32(_WITHOUT_SIGN)) < _INFINITY_BITS)
        usable = -(np.int32((np.int32(gain[i]) | mask[i]) == 0) & finite)
        spare[i] = (bits[i] & usable) | (np.int32(_NEVER_DARK) & ~usable)
    for line in range(_SIDE):
        begin, there = line * _LINE, line * _SIDE
        for i in range(_SIDE):
            into[0][there + i] = spare[begin + i]
            into[1][there + i] = spare[begin + _SIDE + i]


@compiled(boundscheck=False)
def add_within(
    values: Any, means: Any, offset: Any, low: Any, high: Any, total: Any, count: Any
) -> None:
    """Add up, by place, what lies in a range above `means` and `offset`.

    Counts are float32, and whole up to 2²⁴.
    """
    for i in range(len(total)):
        value = values[i] - means[i] - offset
        inside = (value >= low) & (value <= high)
        total[i] += value if inside else np.float32(0)
        count[i] += np.float32(1) if inside else np.float32(0)


@compiled(boundscheck=False)
def subtract(what: Any, values: Any) -> None:
    """Subtract in place."""
    for i in range(len(values)):
        values[i] -= what[i]


@compiled(boundscheck=False)
def sum_of_lanes(lanes: Any) -> Any:
    """Sum of sums, which are folded (and lost) until one by one takes no time."""
    width = LANES
    while width > _FOLDED:
        width //= 2
        for i in range(width):
            lanes[i] += lanes[width + i]
    total = 0.0
    for i in range(width):
        total += lanes[i]
    return total


@compiled(boundscheck=False)
def mean_of_asic(values: Any, means: Any, start: Any, common: Any, rounds: Any, sums: Any) -> Any:
    """Mean, above `means`, of an ASIC's dark pixels.

    Dark is what lies in a range around the mean of the round before, first around `start`; where
    that is too few, the mean of the round before is returned.
    """
    low, high, fraction = common
    total, count = sums
    mean = start
    for _ in range(rounds):
        total[:] = 0
        count[:] = 0
        for a in range(0, ASIC, LANES):
            b = a + LANES
            add_within(values[a:b], means[a:b], mean, low, high, total, count)
        found, level = sum_of_lanes(count), sum_of_lanes(total)
        if found <= fraction * ASIC or found == 0:
            return mean
        mean += np.float32(level / found)
    return mean


@compiled(boundscheck=False)
def shift_asics(data: Any, left: Any, right: Any) -> None:
    """Subtract from the two ASICs of a strip a number each."""
    if left == 0 and right == 0:
        return
    line = np.empty(_LINE, np.float32)
    line[:_SIDE] = left
    line[_SIDE:] = right
    for begin in range(0, STRIP, _LINE):
        subtract(line, data[begin : begin + _LINE])


@compiled(boundscheck=False)
def subtract_row(data: Any, means: Any) -> None:
    """Subtract from a strip what `common_of_row` found for its two ASICs, (2, pixel)."""
    for line in range(_SIDE):
        for side in range(2):
            begin, there = line * _LINE + side * _SIDE, line * _SIDE
            subtract(means[side, there : there + _SIDE], data[begin : begin + _SIDE])


@compiled(boundscheck=False)
def _take_means(total: Any, count: Any, least: Any, means: Any) -> Any:
    """Add to `means` that of each pixel which was dark more than `least` times; sums are cleared.

    Returns
    -------
    int
        Pixels that had a mean.
    """
    found = 0
    for i in range(ASIC):
        enough = count[i] > least and count[i] > 0
        means[i] += total[i] / count[i] if enough else np.float32(0)
        found += enough
        total[i] = 0
        count[i] = 0
    return found


@compiled(boundscheck=False)
def common_of_row(values: Any, common: Any, rounds: Any, means: Any, shifts: Any) -> Any:
    """Find, in turns, what a pixel has in common in all frames and a frame in all pixels.

    Parameters
    ----------
    values : ndarray (frame, pixel of an ASIC)
        Of `usable_values`, in all frames of a row of memory cells.
    common : tuple of float32
        Lowest and highest dark value, fraction of dark pixels or frames.
    rounds : int
    means : ndarray (pixel,), shifts : ndarray (frame,)
        What is to be subtracted; written to.

    Returns
    -------
    int
        Pixels that had a mean, in the last round.
    """
    low, high, fraction = common
    sums = np.empty(LANES, np.float32), np.empty(LANES, np.float32)
    total, count = np.zeros(ASIC, np.float32), np.zeros(ASIC, np.float32)
    means[:] = 0
    shifts[:] = 0
    moved = 0
    for turn in range(rounds + 1):
        if turn > 0:
            moved = _take_means(total, count, fraction * len(values), means)
        for f in range(len(values)):
            if turn > 0:
                shifts[f] = mean_of_asic(values[f], means, shifts[f], common, 1, sums)
            if turn < rounds:
                add_within(values[f], means, shifts[f], low, high, total, count)
    return moved
