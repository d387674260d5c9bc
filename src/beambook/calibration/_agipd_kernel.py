"""Machine code of the AGIPD correction. Importing this file loads numba.

A job is one row of memory cells (32 of them) and one strip of 64 × 128 pixels (two ASICs), so
that nothing in it depends on another job. Cells go round outside and trains inside: the
constants, ten times as many bytes as a frame, are then fetched once for all trains.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from beambook.calibration._common_mode_kernel import add_dark, dark_means, shift_asics, subtract
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
def _common_mode(
    turn: Any, rounds: Any, by_row: Any, dark: Any, row: Any, spare: Any, out: Any
) -> Any:
    """A frame's share in the common mode; how many of its ASICs were shifted.

    In turn 0 a row's sums are begun; each turn then subtracts the means of the turn before.
    """
    total, count, means = row
    if not by_row:
        return shift_asics(out, spare, dark, rounds)
    shifted = 0
    if turn > 0:
        subtract(means, out[1])
        shifted = shift_asics(out, spare, dark, 1)
    if turn < rounds:
        add_dark(out, spare, dark, (total, count))
    return shifted


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
    in_row = starts[last] - starts[first]
    by_row = rounds > 0 and in_row >= fewest and bool(what & FINISH)
    turns = rounds if by_row else 0
    words = np.empty(b - a, np.int32), np.empty(b - a, np.int32)
    scratch = np.empty(b - a, np.int32)
    spare = scratch, scratch.view(np.float32)
    row = np.zeros(b - a, np.float32), np.zeros(b - a, np.float32), np.empty(b - a, np.float32)
    bits = out[0].view(np.int32)
    shifted, moved = 0, 0
    for turn in range(turns + 1):
        if turn > 0:
            shifted, moved = 0, dark_means((row[0], row[1]), fraction * in_row, row[2])
        for cell in range(first, last):
            for k in range(starts[cell], starts[cell + 1]):
                f, at = order[k], (cell, a, b)
                into = bits[f, a:b], out[0][f, a:b], out[1][f, a:b], out[2][f, a:b]
                if turn == 0 and what & START:
                    _start(what, raw[f], constants, at, limits, words, into)
                elif turn == turns:
                    _known_stages(into[2], words[0], words[1])
                if rounds > 0 and what & FINISH:
                    shifted += _common_mode(turn, rounds, by_row, dark, row, spare, into)
                if turn == turns and what & FINISH:
                    _finish(what, constants, at, photons, words, spare, into)
    return shifted, moved


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
