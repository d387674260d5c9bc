"""Machine code of the common mode: what all dark pixels of an ASIC have in common.

Only pixels in high gain without a bad bit can be dark. Sums are kept by column and added up in
a fixed order: the result does not depend on the processor's vectors or the number of threads.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from beambook.machine_code import compiled

__all__ = ["shift_asics", "shift_cell_row"]

_ROWS, _ACROSS, _SIDE = 64, 128, 64  # of a strip: two ASICs side by side
_NEVER_DARK = 0x7F800000  # bits of infinity


@compiled(boundscheck=False)
def _candidates(data: Any, gain: Any, mask: Any, out: Any) -> None:
    """Values of pixels that can be dark, else infinity; as bits."""
    bits, into = data.view(np.int32), out.view(np.int32)
    for i in range(len(into)):
        usable = -np.int32((np.int32(gain[i]) | mask[i]) == 0)
        into[i] = (bits[i] & usable) | (np.int32(_NEVER_DARK) & ~usable)


@compiled(boundscheck=False)
def _dark_sums(row: Any, offset: Any, low: Any, high: Any, total: Any, count: Any) -> None:
    """Add up, by column, the dark pixels of one line of an ASIC."""
    for i in range(len(total)):
        value = row[i] - offset
        dark = (value >= low) & (value <= high)
        total[i] += value if dark else np.float32(0)
        count[i] += np.int32(dark)


@compiled(boundscheck=False)
def _asic_shift(values: Any, column: Any, common: Any, total: Any, count: Any) -> Any:
    """Common shift of the ASIC whose first column is `column`, found again and again."""
    rounds, low, high, fraction, _ = common
    shift = np.float32(0)
    for _ in range(rounds):
        total[:] = 0
        count[:] = 0
        for line in range(_ROWS):
            begin = line * _ACROSS + column
            _dark_sums(values[begin : begin + _SIDE], shift, low, high, total, count)
        found, level = 0, 0.0
        for i in range(_SIDE):
            found += count[i]
            level += total[i]
        if found <= fraction * (_ROWS * _SIDE) or found == 0:
            return shift
        shift += np.float32(level / found)
    return shift


@compiled(boundscheck=False)
def shift_asics(data: Any, gain: Any, mask: Any, scratch: Any, common: Any) -> Any:
    """Subtract from each of the two ASICs of a strip what its dark pixels have in common."""
    total, count = np.empty(_SIDE, np.float32), np.empty(_SIDE, np.int32)
    _candidates(data, gain, mask, scratch)
    shifted = 0
    for column in (0, _SIDE):
        shift = _asic_shift(scratch, column, common, total, count)
        if shift != 0:
            shifted += 1
            for line in range(_ROWS):
                begin = line * _ACROSS + column
                for i in range(begin, begin + _SIDE):
                    data[i] -= shift
    return shifted


@compiled(boundscheck=False)
def _add_dark(data: Any, gain: Any, mask: Any, limits: Any, total: Any, count: Any) -> None:
    low, high = limits
    for i in range(len(total)):
        usable = (np.int32(gain[i]) | mask[i]) == 0
        dark = usable & (data[i] >= low) & (data[i] <= high)
        total[i] += data[i] if dark else np.float32(0)
        count[i] += np.int32(dark)


@compiled(boundscheck=False)
def shift_cell_row(data: Any, gain: Any, mask: Any, members: Any, pixels: Any, common: Any) -> Any:
    """Common mode of a row of memory cells, then of each frame's ASICs, again and again.

    Parameters
    ----------
    data, gain, mask : ndarray (frame, pixel)
    members : ndarray of int64
        Frames of the row.
    pixels : tuple of int
        First and last (not included).
    common : tuple
        See `correct_cells`.
    """
    a, b = pixels
    rounds, low, high, fraction, _ = common
    once = (1, low, high, fraction, 0)
    size = b - a
    total, count = np.empty(size, np.float32), np.empty(size, np.int32)
    scratch = np.empty(size, np.float32)
    shifted, moved = 0, 0
    for _ in range(rounds):
        total[:] = 0
        count[:] = 0
        for f in members:
            _add_dark(data[f, a:b], gain[f, a:b], mask[f, a:b], (low, high), total, count)
        moved = 0
        for i in range(size):
            enough = count[i] > fraction * len(members)
            moved += enough
            total[i] = total[i] / np.float32(count[i]) if enough else np.float32(0)
        shifted = 0
        for f in members:
            values = data[f, a:b]
            for i in range(size):
                values[i] -= total[i]
            shifted += shift_asics(values, gain[f, a:b], mask[f, a:b], scratch, once)
    return shifted, moved
