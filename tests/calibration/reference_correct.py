"""The corrections once more, in plain numpy and one frame after another, to compare with.

Written from the formulas alone: nothing of `beambook.calibration` is used here but the names of
the bits. Float32 throughout, as the kernels.
"""

from __future__ import annotations

import numpy as np

NAN, RANGE, THRESHOLDS, WRONG_GAIN, NO_DARK = 1 << 11, 1 << 12, 1 << 13, 1 << 21, 1 << 3


def pick(constant, gain, cell):
    """Of (gain, cell, slow, fast) the value of each pixel's own stage."""
    return np.choose(gain, list(constant[:, cell]))


def agipd_stage(analog, digital, cell, offset, thresholds, *, hg=None, mg=None):
    gain = np.zeros(analog.shape, np.uint8)
    gain[digital > thresholds[0, cell]] = 1
    gain[digital > thresholds[1, cell]] = 2
    if mg is not None:
        gain[(gain == 2) & (analog - offset[1, cell] < mg)] = 1
    if hg is not None:
        gain[(gain > 0) & (analog - offset[0, cell] < hg)] = 0
    return gain


def common_mode(data, usable, *, rounds, dark_range, fraction):
    """Subtract from each 64 × 64 ASIC the mean of its dark pixels, again and again."""
    for slow in range(0, data.shape[0], 64):
        for fast in range(0, data.shape[1], 64):
            asic = (slice(slow, slow + 64), slice(fast, fast + 64))
            for _ in range(rounds):
                values = data[asic]
                dark = usable[asic] & (values >= dark_range[0]) & (values <= dark_range[1])
                if dark.sum() <= fraction * dark.size:
                    break
                data[asic] = values - values[dark].mean(dtype=np.float64).astype(np.float32)


def check(data, mask, *, zero_nans=False, zero_orange=False):
    nan = np.isnan(data)
    with np.errstate(invalid="ignore"):
        far = np.abs(data) > 1e7
    mask[nan] |= NAN
    mask[far] |= RANGE
    if zero_nans:
        data[nan] = 0
    if zero_orange:
        data[far] = 0


def agipd(
    raw,
    cells,
    offset,
    thresholds,
    *,
    bad=None,
    scale=None,
    xray=None,
    shift=None,
    hg=None,
    mg=None,
    fixed=None,
    cm=None,
    set_min=False,
    photon=None,
    rounding=0.5,
    **zero,
):
    frames = []
    for (analog, digital), cell in zip(raw.astype(np.float32), cells, strict=True):
        if fixed is None:
            gain = agipd_stage(analog, digital, cell, offset, thresholds, hg=hg, mg=mg)
        else:
            gain = np.full(analog.shape, fixed, np.uint8)
        mask = np.zeros(analog.shape, np.uint32) if bad is None else pick(bad, gain, cell)
        data = analog - pick(offset, gain, cell)
        if cm is not None:
            common_mode(data, (gain == 0) & (mask == 0), **cm)
        if scale is not None:
            data = data * pick(scale, gain, cell)
        if shift is not None:
            data[gain == 1] += shift[cell][gain == 1]
        if xray is not None:
            data = data / xray[cell]
        if set_min:
            data[(gain == 1) & (data < 0)] = 0
        if photon is not None:
            data = np.maximum(np.floor(data / np.float32(photon) + np.float32(1 - rounding)), 0)
        check(data, mask, **zero)
        frames.append((data, gain, mask))
    return [np.stack(each) for each in zip(*frames, strict=True)]


def staged(values, gain, cells, offset, *, bad=None, scale=None, instead=0, **zero):
    """Detectors that say their gain stage; a stage of 3 or more is wrong."""
    frames = []
    for value, stage, cell in zip(values.astype(np.float32), gain, cells, strict=True):
        wrong = stage > 2
        stage = np.where(wrong, instead, stage).astype(np.uint8)
        data = value - pick(offset, stage, cell)
        if scale is not None:
            data = data * pick(scale, stage, cell)
        mask = np.zeros(value.shape, np.uint32) if bad is None else pick(bad, stage, cell)
        mask = np.where(wrong, mask | WRONG_GAIN, mask).astype(np.uint32)
        check(data, mask, **zero)
        frames.append((data, stage, mask))
    return [np.stack(each) for each in zip(*frames, strict=True)]


def lpd(raw, cells, offset, **more):
    return staged(raw & 0x0FFF, raw >> 12 & 3, cells, offset, **more)


def lpd_parallel(raw, cells, offset, *, limit, **more):
    high, medium, low = (raw[:, g] & 0x0FFF for g in range(3))
    gain = np.zeros(high.shape, np.uint8)
    gain[high >= limit] = 1
    gain[(high >= limit) & (medium >= limit)] = 2
    return staged(np.choose(gain, [high, medium, low]), gain, cells, offset, **more)


def jungfrau(adc, bits, cells, offset, *, relative=None, **more):
    stages = np.full(bits.shape, 9)
    for stored, stage in ((0, 0), (1, 1), (3, 2)):
        stages[bits == stored] = stage
    scale = None if relative is None else np.float32(1) / relative
    return staged(adc, stages, cells, offset, scale=scale, **more)
