"""Machine code of the binning. Importing this file loads numba.

What is kept of each bin is central moments of a vector v = (x, y, w) at two
levels: *pulse*, where v = (I0, I1, I0·e) of each pulse, and *train*, where v is
the sum over the pulses of one train in this bin; e is the photon energy less
the bin's centre. Central moments are merged by the rule of Chan, Golub and
LeVeque (1983), which loses no digits however large the means are.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from beambook.machine_code import compiled

__all__ = [
    "BELOW",
    "COLUMNS",
    "ENERGY",
    "GAPS",
    "OUTSIDE",
    "PULSE",
    "SXEE",
    "SYE",
    "TRAIN",
    "accumulate",
    "merge",
]

# Columns of a bin's state: two blocks of (n, 3 means, 6 co-moments), then Σ I1·e, Σ I0·e².
PULSE, TRAIN, SYE, SXEE, COLUMNS = 0, 10, 20, 21, 22
# Places of the counts of what was left out.
ENERGY, OUTSIDE, GAPS, BELOW = 0, 1, 2, 3


@compiled(error_model="numpy")
def _absorb(state: Any, place: int, at: int, n: float, mean: Any, square: Any) -> None:
    """Merge n vectors of this mean and these co-moments into the block at `at`."""
    total = state[place, at] + n
    share = n / total
    weight = state[place, at] * share
    dx = mean[0] - state[place, at + 1]
    dy = mean[1] - state[place, at + 2]
    dw = mean[2] - state[place, at + 3]
    state[place, at] = total
    state[place, at + 1] += dx * share
    state[place, at + 2] += dy * share
    state[place, at + 3] += dw * share
    state[place, at + 4] += square[0] + dx * dx * weight
    state[place, at + 5] += square[1] + dx * dy * weight
    state[place, at + 6] += square[2] + dy * dy * weight
    state[place, at + 7] += square[3] + dx * dw * weight
    state[place, at + 8] += square[4] + dy * dw * weight
    state[place, at + 9] += square[5] + dw * dw * weight


@compiled(error_model="numpy", inline="always")
def _find(edges: Any, scale: float, energy: float) -> Any:
    """Bin of an energy as `numpy.histogram` has it (the last bin is closed), or -1."""
    last = len(edges) - 1
    if not edges[0] <= energy <= edges[last]:
        return -1
    if scale == 0.0:
        return min(int(np.searchsorted(edges, energy, side="right")) - 1, last - 1)
    place = min(max(int((energy - edges[0]) * scale), 0), last - 1)
    while place > 0 and energy < edges[place]:
        place -= 1
    while place < last - 1 and energy >= edges[place + 1]:
        place += 1
    return place


@compiled(error_model="numpy")
def accumulate(
    state: NDArray[np.float64],
    left_out: NDArray[np.int64],
    edges: NDArray[np.float64],
    scale: float,
    energy: NDArray[np.float64],
    i0: NDArray[Any],
    i1: NDArray[Any],
    offsets: tuple[float, float, float],
) -> None:
    """Digitise and add up in one pass.

    Parameters
    ----------
    state : ndarray (bin, COLUMNS)
    left_out : ndarray (4,)
        Counts of pulses without energy, outside the bins, with gaps, with too small I0.
    edges : ndarray (bin + 1,)
    scale : float
        1 / width if all bins have one width, else 0.
    energy : ndarray (train, 1) or (train, pulse)
    i0, i1 : ndarray (train, pulse)
    offsets : tuple of float
        Offset of I0, offset of I1, and what I0 less its offset must exceed.
    """
    trains, pulses = i0.shape
    bins = len(edges) - 1
    sums = np.zeros((2, bins, 13))
    owner = np.full(bins, -1)  # the train whose sums are open in each bin
    open_ = np.zeros((bins, 3))
    single = energy.shape[1] == 1
    for train in range(trains):
        first = 0
        while first < pulses:
            e = energy[train, 0 if single else first]
            end = pulses if single else first + 1
            while end < pulses and energy[train, end] == e:
                end += 1
            place = _find(edges, scale, e) if np.isfinite(e) else -1
            if place < 0:
                left_out[OUTSIDE if np.isfinite(e) else ENERGY] += end - first
            else:
                e -= 0.5 * (edges[place] + edges[place + 1])
                part = train, first, end
                if end - first > 1:
                    n, x, y = _stretch(state, place, left_out, e, i0, i1, part, offsets)
                else:
                    n, x, y = _pulse(state, sums, place, left_out, e, i0, i1, part, offsets)
                if n > 0:
                    if owner[place] != train:  # those of the train before are a vector now
                        if owner[place] >= 0:
                            _add(sums, 1, place, open_[place, 0], open_[place, 1], open_[place, 2])
                        owner[place] = train
                        open_[place] = 0.0
                    open_[place, 0] += x
                    open_[place, 1] += y
                    open_[place, 2] += x * e
            first = end
    _finish(state, sums, owner, open_)


@compiled(error_model="numpy")
def _finish(state: Any, sums: Any, owner: Any, open_: Any) -> None:
    """Close what is open, and merge the sums of all bins into the state."""
    for place in range(len(owner)):
        if owner[place] >= 0:
            _add(sums, 1, place, open_[place, 0], open_[place, 1], open_[place, 2])
        _close(state, sums, 0, place, PULSE)
        _close(state, sums, 1, place, TRAIN)


@compiled(error_model="numpy", inline="always")
def _add(sums: Any, level: int, place: int, x: float, y: float, w: float) -> None:
    """One vector into sums of differences from the first one: no division, no digits lost."""
    if sums[level, place, 0] == 0:
        sums[level, place, 1] = x
        sums[level, place, 2] = y
        sums[level, place, 3] = w
    x -= sums[level, place, 1]
    y -= sums[level, place, 2]
    w -= sums[level, place, 3]
    sums[level, place, 0] += 1
    sums[level, place, 4] += x
    sums[level, place, 5] += y
    sums[level, place, 6] += w
    sums[level, place, 7] += x * x
    sums[level, place, 8] += x * y
    sums[level, place, 9] += y * y
    sums[level, place, 10] += x * w
    sums[level, place, 11] += y * w
    sums[level, place, 12] += w * w


@compiled(error_model="numpy")
def _close(state: Any, sums: Any, level: int, place: int, at: int) -> None:
    """Make moments of the sums of a bin and merge them into its state."""
    s = sums[level, place]
    n = s[0]
    if n == 0:
        return
    mx, my, mw = s[4] / n, s[5] / n, s[6] / n
    square = (
        max(s[7] - s[4] * mx, 0.0),
        s[8] - s[4] * my,
        max(s[9] - s[5] * my, 0.0),
        s[10] - s[4] * mw,
        s[11] - s[5] * mw,
        max(s[12] - s[6] * mw, 0.0),
    )
    _absorb(state, place, at, n, (mx + s[1], my + s[2], mw + s[3]), square)


@compiled(error_model="numpy", inline="always")
def _pulse(
    state: Any,
    sums: Any,
    place: int,
    left_out: Any,
    e: float,
    i0: Any,
    i1: Any,
    part: Any,
    offsets: Any,
) -> Any:
    """A pulse of its own energy: as `_stretch`, but by way of the sums."""
    train, first, _ = part
    x = i0[train, first] - offsets[0]
    y = i1[train, first] - offsets[1]
    if not (np.isfinite(x) and np.isfinite(y)):
        left_out[GAPS] += 1
    elif x <= offsets[2]:
        left_out[BELOW] += 1
    else:
        _add(sums, 0, place, x, y, x * e)
        state[place, SYE] += y * e
        state[place, SXEE] += x * e * e
        return 1, x, y
    return 0, 0.0, 0.0


@compiled(error_model="numpy")
def _stretch(
    state: Any, place: int, left_out: Any, e: float, i0: Any, i1: Any, part: Any, offsets: Any
) -> Any:
    """Pulses of one train and one energy: into the pulse block; n, Σ I0 and Σ I1 back."""
    train, first, end = part
    offset0, offset1, threshold = offsets
    n, gaps, below = 0, 0, 0
    x0, y0 = 0.0, 0.0
    sx, sy, sxx, sxy, syy = 0.0, 0.0, 0.0, 0.0, 0.0
    for pulse in range(first, end):
        x = i0[train, pulse] - offset0
        y = i1[train, pulse] - offset1
        if not (np.isfinite(x) and np.isfinite(y)):
            gaps += 1
        elif x <= threshold:
            below += 1
        else:
            if n == 0:
                x0, y0 = x, y  # sums of small differences keep their digits
            n += 1
            dx = x - x0
            dy = y - y0
            sx += dx
            sy += dy
            sxx += dx * dx
            sxy += dx * dy
            syy += dy * dy
    left_out[GAPS] += gaps
    left_out[BELOW] += below
    if n == 0:
        return 0, 0.0, 0.0
    mx, my = sx / n, sy / n
    xx, xy, yy = max(sxx - sx * mx, 0.0), sxy - sx * my, max(syy - sy * my, 0.0)
    mx, my = mx + x0, my + y0
    _absorb(
        state, place, PULSE, float(n), (mx, my, mx * e), (xx, xy, yy, xx * e, xy * e, xx * e * e)
    )
    state[place, SYE] += n * my * e
    state[place, SXEE] += n * mx * e * e
    return n, n * mx, n * my


@compiled(error_model="numpy")
def merge(state: NDArray[np.float64], other: NDArray[np.float64]) -> None:
    """Merge the bins of `other` into those of `state`."""
    for place in range(len(state)):
        for at in (PULSE, TRAIN):
            n = other[place, at]
            if n > 0:
                v = other[place, at : at + 10]
                _absorb(
                    state, place, at, n, (v[1], v[2], v[3]), (v[4], v[5], v[6], v[7], v[8], v[9])
                )
        state[place, SYE] += other[place, SYE]
        state[place, SXEE] += other[place, SXEE]
