"""Machine code that finds by how much a whole frame is shifted. Importing this file loads numba."""

from __future__ import annotations

from typing import Any

import numpy as np

from beambook.machine_code import compiled

__all__ = ["BINS", "shift_frames"]

LOWEST, HIGHEST, WIDTH = -4000.0, 200.0, 2.0  # ADU, of the histogram
BINS = 2100
FARTHEST = 250  # bins that a frame is moved to match the one before
SIGNIFICANT = 0.01  # of the good pixels, for a peak to be one
FEWEST = 64  # pixels that a shift is found by


@compiled(boundscheck=False)
def _is_good(gain: Any, mask: Any, ignored: Any) -> Any:
    return gain == 0 and (mask & ~ignored) == 0


@compiled(boundscheck=False)
def _fill(data: Any, gain: Any, mask: Any, histogram: Any) -> Any:
    """Histogram of the good pixels in high gain; how many, and their mean."""
    histogram[:] = 0
    good, total = 0, 0.0
    for i in range(len(data)):
        value = data[i]
        if not _is_good(gain[i], mask[i], 0) or value != value:
            continue
        good += 1
        total += value
        if LOWEST <= value < HIGHEST:
            histogram[int((value - LOWEST) / WIDTH)] += 1
    return good, total / max(good, 1)


@compiled(boundscheck=False)
def _first_peak(histogram: Any, sigma: Any, least: Any) -> Any:
    """Centre of the lowest peak that holds enough pixels within ±2σ; NaN if there is none."""
    half = max(1, int(2 * sigma / WIDTH))
    inside, best, at = 0.0, 0.0, -1
    for i in range(min(half, BINS)):
        inside += histogram[i]
    for i in range(BINS):
        if i + half < BINS:
            inside += histogram[i + half]
        if i - half - 1 >= 0:
            inside -= histogram[i - half - 1]
        if inside > best:
            best, at = inside, i
        elif best >= least and i > at + half:
            break  # the peak is behind us
    return LOWEST + (at + 0.5) * WIDTH if best >= least else np.nan


@compiled(boundscheck=False)
def _refine(data: Any, gain: Any, mask: Any, start: Any, sigma: Any) -> Any:
    """Mean of the good pixels within ±2σ, found again around it three times."""
    centre = start
    for _ in range(3):
        count, total = 0, 0.0
        for i in range(len(data)):
            inside = abs(data[i] - centre) <= 2 * sigma
            if inside and _is_good(gain[i], mask[i], 0):
                count += 1
                total += data[i]
        if count == 0:
            return centre
        centre = total / count
    return centre


@compiled(boundscheck=False)
def _under_stripes(data: Any, gain: Any, mask: Any, stripes: Any, ignored: Any) -> Any:
    """Median of the pixels under the stripes; NaN if they are too few."""
    values = np.empty(len(stripes), np.float32)
    count = 0
    for i in stripes:
        if _is_good(gain[i], mask[i], ignored) and data[i] == data[i]:
            values[count] = data[i]
            count += 1
    return np.median(values[:count]) if count >= FEWEST else np.nan


@compiled(boundscheck=False)
def _match(histogram: Any, before: Any) -> Any:
    """By how much `histogram` lies above `before`: the lag of their largest product."""
    best, at = -1.0, 0
    products = np.zeros(2 * FARTHEST + 1)
    for k in range(2 * FARTHEST + 1):
        lag = k - FARTHEST
        total = 0.0
        for i in range(max(0, -lag), min(BINS, BINS - lag)):
            total += before[i] * histogram[i + lag]
        products[k] = total
        if total > best:
            best, at = total, k
    part = 0.0
    if 0 < at < 2 * FARTHEST:
        left, right = products[at - 1], products[at + 1]
        bend = left - 2 * best + right
        part = 0.5 * (left - right) / bend if bend < 0 else 0.0
    return (at - FARTHEST + part) * WIDTH


@compiled(boundscheck=False)
def _move(data: Any, shift: Any) -> None:
    for i in range(len(data)):
        data[i] -= shift


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
    histogram, before = np.zeros(BINS), np.zeros(BINS)
    shifted, has_before = 0, False
    for f in range(frames[0], frames[1]):
        if not known[f]:
            continue
        shift = 0.0
        if by_noise:
            good, mean = _fill(data[f], gain[f], mask[f], histogram)
            if good >= FEWEST and mean < brightest:
                peak = _first_peak(histogram, sigma, SIGNIFICANT * good)
                if peak == peak:
                    shift += _refine(data[f], gain[f], mask[f], peak, sigma)
        _move(data[f], np.float32(shift))
        if by_stripes:
            level = _under_stripes(data[f], gain[f], mask[f], stripes, ignored)
            if level == level:
                _move(data[f], np.float32(level))
                shift += level
        if by_histogram:
            good, mean = _fill(data[f], gain[f], mask[f], histogram)
            if has_before and good >= FEWEST:
                lag = _match(histogram, before)
                _move(data[f], np.float32(lag))
                shift += lag
                good, mean = _fill(data[f], gain[f], mask[f], histogram)
            before[:] = histogram
            has_before = good >= FEWEST
        shifted += shift != 0
    return shifted
