"""Machine code of the AGIPD correction. Importing this file loads numba.

A job is one row of memory cells (32 of them) and one strip of 64 × 128 pixels (two ASICs), so
that nothing in it depends on another job. Cells go round outside and trains inside: the
constants, ten times as many bytes as a frame, are then fetched once for all trains.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from beambook.calibration._common_mode_kernel import (
    ASIC,
    LANES,
    common_of_row,
    mean_of_asic,
    shift_asics,
    subtract_row,
    usable_values,
)
from beambook.calibration._select_kernel import (
    check_values,
    mark_stages,
    multiply,
    round_to_photons,
    select,
    subtract_from,
    zero_bad_values,
)
from beambook.machine_code import compiled

__all__ = ["FINISH", "FIXED", "FORCE", "PHOTONS", "SCALE", "SET_MINIMUM", "SHIFT", "START",
           "ZERO", "correct_cells", "mask_constant_pixels"]  # fmt: skip

# What is to be done, as bits.
START, FINISH, FIXED, FORCE, SCALE, SHIFT, SET_MINIMUM, PHOTONS, ZERO = (1 << n for n in range(9))


@compiled(boundscheck=False)
def _stages(digital: Any, first: Any, second: Any, above: Any, low: Any) -> None:
    """Words of ones where the digital gain is beyond the first, and the second threshold."""
    for i in range(len(low)):
        level = np.float32(digital[i])
        beyond = np.int32(level > second[i])
        low[i] = -beyond
        above[i] = -(np.int32(level > first[i]) | beyond)


@compiled(boundscheck=False)
def _force(analog: Any, high: Any, medium: Any, limits: Any, above: Any, low: Any) -> None:
    """Back to medium, or to high gain, what is too near to that stage's offset."""
    in_high, in_medium = limits
    for i in range(len(low)):
        level = np.float32(analog[i])
        is_medium = -np.int32((level - medium[i]) < in_medium)
        is_high = -np.int32((level - high[i]) < in_high)
        low[i] &= ~(is_medium | is_high)
        above[i] &= ~is_high


@compiled(boundscheck=False)
def _fixed(stage: Any, above: Any, low: Any) -> None:
    above[:] = -np.int32(stage > 0)
    low[:] = -np.int32(stage > 1)


@compiled(boundscheck=False)
def _known_stages(gain: Any, above: Any, low: Any) -> None:
    for i in range(len(low)):
        above[i] = -np.int32(gain[i] > 0)
        low[i] = -np.int32(gain[i] > 1)


@compiled(boundscheck=False)
def _of_medium(shift: Any, above: Any, low: Any, out: Any) -> None:
    """Bits of `shift` for pixels in medium gain, else of 0; all int32."""
    for i in range(len(out)):
        out[i] = shift[i] & above[i] & ~low[i]


@compiled(boundscheck=False)
def _add(what: Any, data: Any) -> None:
    for i in range(len(data)):
        data[i] += what[i]


@compiled(boundscheck=False)
def _medium_not_below_zero(above: Any, low: Any, data: Any) -> None:
    for i in range(len(data)):
        data[i] = np.float32(0) if (above[i] & ~low[i]) and data[i] < 0 else data[i]


@compiled(boundscheck=False)
def _start(
    what: Any, pair: Any, constants: Any, at: Any, limits: Any, words: Any, out: Any
) -> None:
    """Gain stage, mask by it, and what is left above the offset."""
    offset, thresholds, bad = constants[:3]
    cell, a, b = at
    above, low = words
    bits, data, gain, mask = out
    if what & FIXED:
        _fixed(limits[2], above, low)
    else:
        one = cell if thresholds.shape[1] > 1 else 0
        _stages(pair[1, a:b], thresholds[0, one, a:b], thresholds[1, one, a:b], above, low)
        if what & FORCE:
            high, medium = offset[0, cell, a:b], offset[1, cell, a:b]
            _force(pair[0, a:b], high, medium, limits[:2], above, low)
    mark_stages(above, low, gain)
    number = offset.view(np.int32)
    select(number[0, cell, a:b], number[1, cell, a:b], number[2, cell, a:b], above, low, bits)
    subtract_from(pair[0, a:b], data)
    one = cell if bad.shape[1] > 1 else 0
    select(bad[0, one, a:b], bad[1, one, a:b], bad[2, one, a:b], above, low, mask)


@compiled(boundscheck=False)
def _finish(
    what: Any, constants: Any, at: Any, photons: Any, words: Any, spare: Any, out: Any
) -> None:
    """From ADU of each stage to ADU of high gain, keV or photons; the value is checked."""
    scale, shift = constants[3:]
    cell, a, b = at
    above, low = words
    bits, data, _, mask = out
    if what & SCALE:
        one = cell if scale.shape[1] > 1 else 0
        number = scale.view(np.int32)
        select(number[0, one, a:b], number[1, one, a:b], number[2, one, a:b], above, low, spare[0])
        multiply(spare[1], data)
    if what & SHIFT:
        added = shift[cell if len(shift) > 1 else 0, a:b]
        _of_medium(added.view(np.int32), above, low, spare[0])
        _add(spare[1], data)
    if what & SET_MINIMUM:
        _medium_not_below_zero(above, low, data)
    if what & PHOTONS:
        round_to_photons(data, photons[0], photons[1])
    check_values(bits, mask)
    if what & ZERO:
        zero_bad_values(bits, photons[2])


@compiled(boundscheck=False)
def _strip(out: Any, f: Any, a: Any, b: Any) -> Any:
    """Of a frame: data as bits and as float32, gain, mask."""
    data = out[0][f, a:b]
    return data.view(np.int32), data, out[1][f, a:b], out[2][f, a:b]


@compiled(boundscheck=False)
def _row_in_common(
    what: Any, raw: Any, out: Any, frames: Any, part: Any, constants: Any, numbers: Any, room: Any
) -> Any:
    """Start all frames of a row of cells; what they have in common, by pixel and by ASIC."""
    order, starts = frames
    first, last, a, b = part
    limits, rounds, dark = numbers
    words, spare, means, shifts = room
    begin = starts[first]
    values = np.empty((2, starts[last] - begin, ASIC), np.float32)
    number = values.view(np.int32)
    for cell in range(first, last):
        for k in range(starts[cell], starts[cell + 1]):
            f, pair = order[k], (number[0, k - begin], number[1, k - begin])
            into = _strip(out, f, a, b)
            if what & START:
                _start(what, raw[f], constants, (cell, a, b), limits, words, into)
            usable_values(into[0], into[2], into[3], spare, pair)
    moved = 0
    for side in range(2):
        moved += common_of_row(values[side], dark, rounds, means[side], shifts[side])
    return moved


@compiled(boundscheck=False)
def _frame_in_common(into: Any, spare: Any, common: Any, rounds: Any, room: Any) -> Any:
    """Find the common mode of a frame's two ASICs."""
    values, number, none, sums = room
    usable_values(into[0], into[2], into[3], spare, (number[0], number[1]))
    start = np.float32(0)
    left = mean_of_asic(values[0], none, start, common, rounds, sums)
    return left, mean_of_asic(values[1], none, start, common, rounds, sums)


@compiled(boundscheck=False)
def correct_cells(
    what: Any, raw: Any, out: Any, frames: Any, part: Any, constants: Any, numbers: Any
) -> Any:
    """Correct the frames of some memory cells, in some pixels.

    Parameters
    ----------
    what : int
        Which steps, as bits.
    raw : ndarray (frame, 2, pixel) uint16
    out : tuple of ndarray (frame, pixel)
        Data float32, gain uint8, mask int32.
    frames : tuple of ndarray int64
        Order and starts of `Frames`.
    part : tuple of int
        First cell, last cell (not included), first pixel, last pixel (not included).
    constants : tuple of ndarray
        Arrays of `Pack`: offset, thresholds, bad, scale, shift.
    numbers : tuple
        Limits of forced stages and fixed stage (float32, float32, int); photon energy, rounding
        threshold, bits of values to be zero (float32, float32, int32); common mode's rounds,
        lowest and highest dark value, fraction of dark pixels, fewest frames of a row (int,
        float32, float32, float32, int).

    Returns
    -------
    tuple of int
        ASICs of frames shifted by the common mode; pixels shifted for all frames of the row.
    """
    order, starts = frames
    first, last, a, b = part
    limits, photons, (rounds, lowest, highest, fraction, fewest) = numbers
    dark = lowest, highest, fraction
    begin, in_row = starts[first], starts[last] - starts[first]
    rounds = rounds if what & FINISH else 0
    by_row = rounds > 0 and in_row >= fewest
    words = np.empty(b - a, np.int32), np.empty(b - a, np.int32)
    scratch = np.empty(b - a, np.int32)
    spare = scratch, scratch.view(np.float32)
    means, shifts = np.zeros((2, ASIC), np.float32), np.zeros((2, in_row), np.float32)
    values = np.empty((2, ASIC), np.float32)
    sums = np.empty(LANES, np.float32), np.empty(LANES, np.float32)
    room = values, values.view(np.int32), means[0], sums
    moved = 0
    if by_row:
        of_row = (limits, rounds, dark), (words, scratch, means, shifts)
        moved = _row_in_common(what, raw, out, frames, part, constants, of_row[0], of_row[1])
    for cell in range(first, last):
        for k in range(starts[cell], starts[cell + 1]):
            f, at, j = order[k], (cell, a, b), k - begin
            into = _strip(out, f, a, b)
            if what & START and not by_row:
                _start(what, raw[f], constants, at, limits, words, into)
            else:
                _known_stages(into[2], words[0], words[1])
            if by_row:
                subtract_row(into[1], means)
            elif rounds > 0:
                both = _frame_in_common(into, scratch, dark, rounds, room)
                shifts[0, j], shifts[1, j] = both
            if rounds > 0:
                shift_asics(into[1], shifts[0, j], shifts[1, j])
            if what & FINISH:
                _finish(what, constants, at, photons, words, spare, into)
    return np.count_nonzero(shifts), moved


@compiled(boundscheck=False)
def mask_constant_pixels(raw: Any, mask: Any, frames: Any, part: Any, fewest: Any) -> Any:
    """Set DATA_STD_IS_ZERO where all frames of a cell have the same analogue value.

    Returns
    -------
    int
        Pixels of cells that were marked.
    """
    order, starts = frames
    first, last, a, b = part
    differs = np.empty(b - a, np.int32)
    marked = 0
    for cell in range(first, last):
        begin, end = starts[cell], starts[cell + 1]
        if end - begin < fewest:
            continue
        differs[:] = 0
        one = raw[order[begin], 0, a:b]
        for k in range(begin + 1, end):
            values = raw[order[k], 0, a:b]
            for i in range(b - a):
                differs[i] |= np.int32(values[i]) ^ np.int32(one[i])
        for i in range(b - a):
            differs[i] = -np.int32(differs[i] == 0) & np.int32(1 << 14)
            marked += differs[i] >> 14
        for k in range(begin, end):
            flags = mask[order[k], a:b]
            for i in range(b - a):
                flags[i] |= differs[i]
    return marked
