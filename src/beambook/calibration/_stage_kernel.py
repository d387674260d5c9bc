"""Machine code for detectors that say their gain stage: LPD, JUNGFRAU, and DSSC that has one.

Importing this file loads numba.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from beambook.calibration._select_kernel import (
    check_values,
    multiply,
    select,
    subtract_from,
    zero_bad_values,
)
from beambook.machine_code import compiled

__all__ = ["BESIDE", "NONE", "PACKED", "PARALLEL", "correct_frames"]

# Where the gain stage is: nowhere, in the two bits above the value's twelve, in an array beside
# it (0, 1 and 3), or to be chosen among three values that were all stored.
NONE, PACKED, BESIDE, PARALLEL = range(4)
_VALUE = 0x0FFF
_WRONG_GAIN = 1 << 21


@compiled(boundscheck=False)
def _unpack(raw: Any, value: Any, stage: Any) -> None:
    for i in range(len(value)):
        value[i] = raw[i] & np.uint16(_VALUE)
        stage[i] = (np.int32(raw[i]) >> 12) & 3


@compiled(boundscheck=False)
def _from_bits(beside: Any, stage: Any) -> None:
    """0, 1 and 3 are the stages 0, 1 and 2; what is invalid, 2, becomes 3."""
    for i in range(len(stage)):
        bits = np.int32(beside[i])
        stage[i] = bits ^ (bits >> 1) | -np.int32(bits == 2) & 3 | -np.int32(bits > 3) & 3


@compiled(boundscheck=False)
def _choose(high: Any, medium: Any, low: Any, limit: Any, value: Any, stage: Any) -> None:
    """The highest gain that is not saturated."""
    for i in range(len(value)):
        one, two = np.int32(high[i]) & _VALUE, np.int32(medium[i]) & _VALUE
        three = np.int32(low[i]) & _VALUE
        above, lowest = -np.int32(one >= limit), -np.int32(two >= limit)
        bits = two ^ ((two ^ three) & lowest)
        value[i] = np.uint16(one ^ ((one ^ bits) & above))
        stage[i] = -above - (above & lowest)


@compiled(boundscheck=False)
def _words(stage: Any, instead: Any, above: Any, low: Any, gain: Any) -> Any:
    """Words of ones, and the gain, from stages; a wrong one is taken as `instead`.

    Returns
    -------
    int
        Ones if any stage is wrong.
    """
    wrong = np.int32(0)
    for i in range(len(stage)):
        invalid = -np.int32(stage[i] > 2)
        used = stage[i] ^ ((stage[i] ^ instead) & invalid)
        above[i] = -np.int32(used > 0)
        low[i] = -np.int32(used > 1)
        gain[i] = np.uint8(used)
        wrong |= invalid
    return wrong


@compiled(boundscheck=False)
def _mark_wrong(stage: Any, mask: Any) -> Any:
    """Set WRONG_GAIN_VALUE; gives how many."""
    found = 0
    for i in range(len(mask)):
        invalid = stage[i] > 2
        mask[i] |= -np.int32(invalid) & np.int32(_WRONG_GAIN)
        found += invalid
    return found


@compiled(boundscheck=False)
def _copy(raw: Any, value: Any, stage: Any) -> None:
    for i in range(len(value)):
        value[i] = raw[i]
        stage[i] = 0


@compiled(boundscheck=False)
def _read(kind: Any, raw: Any, beside: Any, limit: Any, value: Any, stage: Any) -> None:
    if kind == PACKED:
        _unpack(raw[0], value, stage)
    elif kind == PARALLEL:
        _choose(raw[0], raw[1], raw[2], limit, value, stage)
    else:
        _copy(raw[0], value, stage)
        if kind == BESIDE:
            _from_bits(beside, stage)


@compiled(boundscheck=False)
def correct_frames(
    raw: Any, beside: Any, out: Any, frames: Any, part: Any, constants: Any, numbers: Any
) -> Any:
    """Correct the frames of some memory cells, in some pixels.

    Parameters
    ----------
    raw : ndarray (frame, value, pixel) uint16
        One value, or three in parallel gain.
    beside : ndarray (frame, pixel) uint8
        Gain bits, of `BESIDE`.
    out : tuple of ndarray (frame, pixel)
        Data float32, gain uint8, mask int32.
    frames : tuple of ndarray int64
        Order and starts of `Frames`.
    part : tuple of int
        First cell, last cell (not included), first pixel, last pixel (not included).
    constants : tuple of ndarray
        Offset (stage, cell, pixel), bad pixels (stage, cell, pixel) int32, scale (stage, cell,
        pixel); axes of length 1 serve all stages or cells.
    numbers : tuple of int
        Kind, limit of parallel gain, stage in place of a wrong one, whether to scale, mask bits
        of which the values become zero.

    Returns
    -------
    int
        Pixels with a wrong stage.
    """
    order, starts = frames
    data, gain, mask = out
    first, last, a, b = part
    offset, bad, scale = constants
    kind, limit, instead, scales, zeroed = numbers
    bits, number = data.view(np.int32), offset.view(np.int32)
    factors = scale.view(np.int32)
    size = b - a
    above, low = np.empty(size, np.int32), np.empty(size, np.int32)
    stage, value = np.empty(size, np.int32), np.empty(size, np.uint16)
    scratch = np.empty(size, np.int32)
    factor = scratch.view(np.float32)
    one, two = min(1, len(offset) - 1), min(2, len(offset) - 1)
    invalid = 0
    for cell in range(first, last):
        by = cell if number.shape[1] > 1 else 0
        flagged = cell if bad.shape[1] > 1 else 0
        scaled = cell if scale.shape[1] > 1 else 0
        for k in range(starts[cell], starts[cell + 1]):
            f = order[k]
            mine = bits[f, a:b]
            _read(
                kind, raw[f, :, a:b], beside[f if kind == BESIDE else 0, a:b], limit, value, stage
            )
            wrong = _words(stage, np.int32(instead), above, low, gain[f, a:b])
            select(number[0, by, a:b], number[one, by, a:b], number[two, by, a:b],
                   above, low, mine)  # fmt: skip
            subtract_from(value, data[f, a:b])
            if scales:
                select(factors[0, scaled, a:b], factors[one, scaled, a:b],
                       factors[two, scaled, a:b], above, low, scratch)  # fmt: skip
                multiply(factor, data[f, a:b])
            select(bad[0, flagged, a:b], bad[one, flagged, a:b], bad[two, flagged, a:b],
                   above, low, mask[f, a:b])  # fmt: skip
            if wrong:
                invalid += _mark_wrong(stage, mask[f, a:b])
            check_values(mine, mask[f, a:b])
            if zeroed:
                zero_bad_values(mine, zeroed)
    return invalid
