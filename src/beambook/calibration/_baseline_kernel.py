"""Machine code that finds by how much a whole frame is shifted. Importing this file loads numba."""

from __future__ import annotations

from typing import Any

import numpy as np

from beambook.calibration._common_mode_kernel import (
    ASIC,
    LANES,
    STRIP,
    add_within,
    mean_of_asic,
    sum_of_lanes,
    usable_values,
)
from beambook.machine_code import compiled

__all__ = ["shift_frames"]

LOWEST, HIGHEST, WIDTH = -4000.0, 50.0, 2.0  # ADU, of the histogram
BINS = int((HIGHEST - LOWEST) / WIDTH)
SIGNIFICANT = 0.02  # of the good pixels of an ASIC, for a peak to be one
FEWEST = 64  # pixels that a level is found by
FEWEST_ASICS = 2  # that have a level: one alone may be off for reasons of its own
HIGHEST_LEVEL = 10.0  # ADU: what is above is light; a frame is shifted down
FARTHEST = 1e30  # any number


@compiled(boundscheck=False)
def _fill(values: Any, places: Any, histogram: Any) -> Any:
    """Histogram of an ASIC: one bin more at either end for all that is beyond; how many are good.

    Without a branch for each pixel, which no processor could foretell.
    """
    histogram[:] = 0
    for i in range(ASIC):
        place = (values[i] - np.float32(LOWEST)) * np.float32(1 / WIDTH)
        inside = min(max(place + np.float32(1), np.float32(0)), np.float32(BINS + 1))
        places[i] = np.int32(inside) + np.int32(values[i] > FARTHEST)
    for i in range(ASIC):
        histogram[places[i]] += 1
    return ASIC - histogram[BINS + 2]


@compiled(boundscheck=False)
def _first_peak(histogram: Any, half: Any, least: Any) -> Any:
    """Centre of the lowest window of 2 · half + 1 bins with a peak in it; NaN if there is none."""
    first = 1
    while first <= BINS and histogram[first] == 0:
        first += 1
    inside, best, at = 0, 0, -1
    for i in range(first - half, BINS + 1):
        if i + half <= BINS:
            inside += histogram[i + half]
        if i - half > first:
            inside -= histogram[i - half - 1]
        if inside > best:
            best, at = inside, i
        elif best >= least and i > at + half:
            break  # the peak is behind us
    return LOWEST + (at - 0.5) * WIDTH if best >= least else np.nan


@compiled(boundscheck=False)
def _collect(bits: Any, gain: Any, mask: Any, values: Any, spare: Any) -> None:
    """Values of a frame that can be dark, ASIC by ASIC."""
    into = values.view(np.int32)
    for strip in range(len(values) // 2):
        a, b = strip * STRIP, (strip + 1) * STRIP
        pair = into[2 * strip], into[2 * strip + 1]
        usable_values(bits[a:b], gain[a:b], mask[a:b], spare, pair)


@compiled(boundscheck=False)
def _level(values: Any, sigma: Any, scratch: Any) -> Any:
    """Where the pixels without a photon are: the median over the ASICs that have such pixels.

    Of two in the middle the lower, as light only moves a level up. NaN if too few have one.
    """
    levels, places, histogram, zeros, sums = scratch
    half = max(1, int(2 * sigma / WIDTH))
    near = np.float32(-2 * sigma), np.float32(2 * sigma), np.float32(0)
    found = 0
    for asic in range(len(values)):
        good = _fill(values[asic], places, histogram)
        peak = _first_peak(histogram, half, max(SIGNIFICANT * good, 1.0))
        if good < FEWEST or not peak == peak:
            continue
        level = mean_of_asic(values[asic], zeros, np.float32(peak), near, 3, sums)
        if level <= HIGHEST_LEVEL:
            levels[found] = level
            found += 1
    if found < FEWEST_ASICS:
        return np.nan
    return np.float64(np.sort(levels[:found])[(found - 1) // 2])


@compiled(boundscheck=False)
def _mean(values: Any, zeros: Any, sums: Any) -> Any:
    """Mean of the good pixels of a frame; infinite if there is none."""
    total, count = sums
    far, none = np.float32(FARTHEST), np.float32(0)
    number, level = 0.0, 0.0
    for asic in range(len(values)):
        total[:] = 0
        count[:] = 0
        for a in range(0, ASIC, LANES):
            add_within(values[asic, a : a + LANES], zeros, none, -far, far, total, count)
        number += sum_of_lanes(count)
        level += sum_of_lanes(total)
    return level / number if number > 0 else np.inf


@compiled(boundscheck=False)
def _under_stripes(data: Any, gain: Any, mask: Any, stripes: Any, ignored: Any) -> Any:
    """Median of the pixels under the stripes; NaN if they are too few."""
    values = np.empty(len(stripes), np.float32)
    count = 0
    for i in stripes:
        if gain[i] == 0 and (mask[i] & ~ignored) == 0 and abs(data[i]) < FARTHEST:
            values[count] = data[i]
            count += 1
    return np.median(values[:count]) if count >= FEWEST else np.nan


@compiled(boundscheck=False)
def _move(data: Any, shift: Any) -> Any:
    """Subtract a shift, if it is known; what was subtracted."""
    if not shift == shift:
        return 0.0
    amount = np.float32(shift)
    for i in range(len(data)):
        data[i] -= amount
    return shift


@compiled(boundscheck=False)
def shift_frames(out: Any, frames: Any, known: Any, steps: Any, stripes: Any, numbers: Any) -> Any:
    """Subtract the shift of each frame.

    Parameters
    ----------
    out : tuple of ndarray (frame, pixel)
        Data float32 above offset, gain uint8, mask int32.
    frames : tuple of int
        First and last (not included), of one train if histograms are matched.
    known : ndarray (frame,) of bool
        Whether a frame has constants.
    steps : tuple of bool
        By noise, by stripes, by histogram.
    stripes : ndarray of int64
        Pixels under the stripes.
    numbers : tuple
        σ of the noise and mean signal up to which the noise peak is looked for (float), bits of
        the mask that pixels under stripes may have (int).

    Returns
    -------
    int
        Frames that were shifted.
    """
    data, gain, mask = out
    by_noise, by_stripes, by_histogram = steps
    sigma, brightest, ignored = numbers
    bits, spare = data.view(np.int32), np.empty(STRIP, np.int32)
    values = np.empty((data.shape[1] // ASIC, ASIC), np.float32)
    levels, places = np.empty(len(values), np.float32), np.empty(ASIC, np.int32)
    zeros = np.zeros(ASIC, np.float32)
    sums = np.empty(LANES, np.float32), np.empty(LANES, np.float32)
    scratch = levels, places, np.empty(BINS + 3, np.int32), zeros, sums
    shifted, first = 0, -np.inf
    for f in range(frames[0], frames[1]):
        if not known[f]:
            continue
        shift = 0.0
        if by_noise:
            _collect(bits[f], gain[f], mask[f], values, spare)
            if _mean(values, zeros, sums) < brightest:
                shift += _move(data[f], _level(values, sigma, scratch))
        if by_stripes:
            shift += _move(data[f], _under_stripes(data[f], gain[f], mask[f], stripes, ignored))
        if by_histogram:
            _collect(bits[f], gain[f], mask[f], values, spare)
            level = _level(values, sigma, scratch)
            if level > first + HIGHEST_LEVEL:
                first = level  # the first of the train, or those before were shifted themselves
            else:
                shift += _move(data[f], level - first)
        shifted += shift != 0
    return shifted
