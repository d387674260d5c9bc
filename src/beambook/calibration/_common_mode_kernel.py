"""Machine code of the common mode: what all dark pixels of an ASIC have in common.

Only pixels in high gain without a bad bit can be dark. Sums are kept by column and added up in
a fixed order: the result does not depend on the processor's vectors or the number of threads.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from beambook.machine_code import compiled

__all__ = ["add_dark", "dark_means", "shift_asics", "subtract"]

_ROWS, _ACROSS, _SIDE = 64, 128, 64  # of a strip: two ASICs side by side
_NEVER_DARK = 0x7E967699  # bits of 1e38: finite, as it is multiplied with 0
_INFINITY_BITS, _WITHOUT_SIGN = 0x7F800000, 0x7FFFFFFF


@compiled(boundscheck=False)
def _candidates(bits: Any, gain: Any, mask: Any, into: Any) -> None:
    """Values of pixels that can be dark, else a huge one; all but `gain` int32.

    What is no number, or infinite, has no bit in the mask yet, and must not get into a sum.
    """
    for i in range(len(into)):
        finite = np.int32((bits[i] & np.int32(_WITHOUT_SIGN)) < _INFINITY_BITS)
        usable = -(np.int32((np.int32(gain[i]) | mask[i]) == 0) & finite)
        into[i] = (bits[i] & usable) | (np.int32(_NEVER_DARK) & ~usable)


@compiled(boundscheck=False)
def _add(values: Any, offset: Any, low: Any, high: Any, total: Any, count: Any) -> None:
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
def _asic_shift(values: Any, column: Any, common: Any, rounds: Any, sums: Any) -> Any:
    """Common shift of the ASIC whose first column is `column`, found again and again."""
    low, high, fraction = common
    total, count = sums
    shift = np.float32(0)
    for _ in range(rounds):
        total[:] = 0
        count[:] = 0
        for line in range(_ROWS):
            begin = line * _ACROSS + column
            _add(values[begin : begin + _SIDE], shift, low, high, total, count)
        found, level = 0.0, 0.0
        for i in range(_SIDE):
            found += count[i]
            level += total[i]
        if found <= fraction * (_ROWS * _SIDE) or found == 0:
            return shift
        shift += np.float32(level / found)
    return shift


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
    sums = np.empty(_SIDE, np.float32), np.empty(_SIDE, np.float32)
    _candidates(bits, gain, mask, scratch[0])
    shifted = 0
    for column in (0, _SIDE):
        shift = _asic_shift(scratch[1], column, common, rounds, sums)
        if shift != 0:
            shifted += 1
            for line in range(_ROWS):
                begin = line * _ACROSS + column
                part = data[begin : begin + _SIDE]
                for i in range(_SIDE):
                    part[i] -= shift
    return shifted


@compiled(boundscheck=False)
def add_dark(out: Any, scratch: Any, common: Any, sums: Any) -> None:
    """Add the dark pixels of a frame to sums by pixel; parameters as of `shift_asics`."""
    bits, _, gain, mask = out
    low, high, _ = common
    _candidates(bits, gain, mask, scratch[0])
    _add(scratch[1], np.float32(0), low, high, sums[0], sums[1])


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
