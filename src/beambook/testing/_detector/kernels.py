"""Machine code that draws photons and makes pixel values of them.

Nothing here has a state: a number depends on a key and on the place of the pixel, so that any
train can be made again alone. Normal numbers come from a pool of a million of mean 0 and rms 1:
each row of pixels of each frame reads it from another place on.
"""

from __future__ import annotations

from functools import cache
from math import exp, floor, sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from beambook.machine_code import compiled

__all__ = ["expose", "gain_stages", "levels", "normal_pool", "offsets", "photons"]

POOL = 1 << 20
LONGEST_ROW = 1024
ONE = np.uint64(1)
PLACES = np.uint64(POOL - 1)
FEW = 16.0  # photons up to which Poisson's law is drawn exactly


@cache
def normal_pool() -> NDArray[np.float32]:
    """Normal numbers, with the first ones again at the end."""
    pool = np.random.Generator(np.random.SFC64(20260310)).standard_normal(POOL)
    pool = (pool - pool.mean()) / pool.std()
    return np.concatenate([pool, pool[:LONGEST_ROW]]).astype(np.float32)


@compiled(inline="always")
def _mix(x: Any) -> Any:  # the finaliser of splitmix64: every bit changes half of the others
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


@compiled(inline="always")
def _place(key: Any, a: Any, b: Any) -> Any:
    """Where in the pool the numbers for (key, a, b) begin."""
    mixed = _mix(_mix(key + np.uint64(a)) + np.uint64(b))
    return np.int64(mixed & PLACES)


@compiled()
def photons(mean: Any, i0: Any, key: Any, pool: Any, out: Any) -> None:
    """Draw whole photons: Poisson's law, above 16 photons a rounded normal one.

    Parameters
    ----------
    mean : ndarray (slow, fast) of float32
        Photons per unit of `i0`.
    i0 : ndarray (frames,) of float64
    key : uint64
    pool : ndarray of float32
    out : ndarray (frames, slow, fast) of int32
    """
    for f in range(len(i0)):
        frame_key = _mix(key + np.uint64(f))
        if i0[f] <= 0:
            out[f] = 0
            continue
        for s in range(mean.shape[0]):
            place = _place(frame_key, 0, s)
            row_key = frame_key + np.uint64(s * mean.shape[1] + 1)
            for x in range(mean.shape[1]):
                mu = np.float64(mean[s, x]) * i0[f]
                if mu > FEW:
                    # Rounding adds 1/12 to the variance.
                    drawn = floor(mu + sqrt(mu - 1 / 12) * pool[place + x] + 0.5)
                    out[f, s, x] = max(0, np.int32(drawn))
                else:
                    bits = _mix(row_key + np.uint64(x)) >> np.uint64(11)
                    out[f, s, x] = _poisson(mu, np.float64(bits) * (1.0 / 9007199254740992.0))


@compiled()
def _poisson(mu: float, u: float) -> int:
    """By inversion of a uniform number."""
    if u <= 1 - mu:  # ≤ exp(−mu): most pixels see nothing
        return 0
    term = exp(-mu)
    total, n = term, 0
    while u > total and n < 100:
        n += 1
        term *= mu / n
        total += term
    return n


@compiled(inline="always")
def _stage(n: Any, gain: Any, cell_gain: Any, switch: Any, c: Any, s: Any, x: Any) -> Any:
    """The stage in which a pixel reads n photons."""
    g = 0
    while g < len(switch) and abs(n * gain[g, s, x] * cell_gain[c]) > switch[g]:
        g += 1
    return g


@compiled()
def gain_stages(counts: Any, cells: Any, gain: Any, cell_gain: Any, switch: Any, out: Any) -> None:
    """Gain stage of each pixel: see `expose`."""
    for f in range(counts.shape[0]):
        for s in range(counts.shape[1]):
            for x in range(counts.shape[2]):
                n = np.float32(counts[f, s, x])
                out[f, s, x] = _stage(n, gain, cell_gain, switch, cells[f], s, x)


@compiled()
def expose(
    counts: Any,
    cells: Any,
    forced: Any,
    pixels: Any,
    switch: Any,
    saturation: Any,
    common: Any,
    asic: Any,
    keys: Any,
    pool: Any,
    stages: Any,
    out: Any,
) -> None:
    """Values of pixels that saw photons.

    Parameters
    ----------
    counts : ndarray (frames, slow, fast) of int32
        Photons.
    cells : ndarray (frames,) of int64
    forced : int
        Gain stage of all pixels; negative: as the signal wants.
    pixels : tuple
        Offset (g, slow, fast), of cells (g, cells), its spread; noise (g, slow, fast); ADU per
        photon (g, slow, fast), factor of cells (cells,); all of float32.
    switch : ndarray (g − 1,) of float32
    saturation : float
    common : ndarray (frames, slow ASICs, fast ASICs) of float32
        Common mode and baseline.
    asic : (int, int)
    keys : (uint64, uint64)
        Of the pixels, and of this train.
    pool : ndarray of float32
    stages : ndarray (frames, slow, fast) of uint8
    out : ndarray (frames, slow, fast) of uint16
    """
    gain, cell_gain = pixels[4], pixels[5]
    places = np.empty(gain.shape[0], np.int64)
    base = max(forced, 0)
    for f in range(counts.shape[0]):
        c = cells[f]
        for s in range(counts.shape[1]):
            place = _place(keys[1], f, s)
            for g in range(len(places)):
                places[g] = _place(keys[0], g + 4 * c, s)
            row = common[f, s // asic[0]]
            # All pixels as if they saw nothing, then those that did: the first is fast.
            _dark_row(s, c, base, pixels, row, asic[1], saturation, pool, places, place, out[f, s])
            stages[f, s] = base
            for x in range(counts.shape[2]):
                if counts[f, s, x] == 0:
                    continue
                n = np.float32(counts[f, s, x])
                g = base
                if forced < 0:
                    g = _stage(n, gain, cell_gain, switch, c, s, x)
                dark = _dark(s, c, g, pixels, row[x // asic[1]], pool, places[g], place, x)
                stages[f, s, x] = g
                out[f, s, x] = _word(dark + n * gain[g, s, x] * cell_gain[c], saturation)


@compiled(inline="always")
def _dark(
    s: Any, c: Any, g: Any, pixels: Any, common: Any, pool: Any, fixed: Any, place: Any, x: Any
) -> Any:
    """Value of a pixel that saw nothing."""
    offset, cell_offset, spread, noise = pixels[0], pixels[1], pixels[2], pixels[3]
    value = offset[g, s, x] + cell_offset[g, c] + spread * pool[fixed + x]
    value += noise[g, s, x] * pool[place + x]
    # A dead pixel does not even have a common mode.
    return value + (common if noise[g, s, x] > 0 else np.float32(0))


@compiled(inline="always")
def _word(value: Any, saturation: Any) -> Any:
    return np.uint16(min(max(value + np.float32(0.5), np.float32(0)), saturation))


@compiled()
def _dark_row(
    s: Any, c: Any, g: Any, pixels: Any, row: Any, width: Any, saturation: Any, pool: Any,
    places: Any, place: Any, out: Any,
) -> None:  # fmt: skip
    fixed = places[g]
    for a in range(len(out) // width):
        common = row[a]
        for x in range(a * width, (a + 1) * width):
            value = _dark(s, c, g, pixels, common, pool, fixed, place, x)
            out[x] = _word(value, saturation)


@compiled()
def levels(stages: Any, level: Any, noise: Any, key: Any, pool: Any, out: Any) -> None:
    """Digital gain levels.

    Parameters
    ----------
    stages : ndarray (frames, slow, fast) of uint8
    level : ndarray (g, slow, fast) of float32
    noise : ndarray (slow, fast) of float32
    key : uint64
    pool : ndarray of float32
    out : ndarray (frames, slow, fast) of uint16
    """
    for f in range(stages.shape[0]):
        for s in range(stages.shape[1]):
            place = _place(key, f, s)
            for x in range(stages.shape[2]):
                value = level[stages[f, s, x], s, x] + noise[s, x] * pool[place + x]
                out[f, s, x] = np.uint16(min(max(value + np.float32(0.5), np.float32(0)), 16383))


@compiled()
def offsets(pixels: Any, key: Any, pool: Any, out: Any) -> None:
    """The offsets that `expose` uses: out (g, cells, slow, fast) of float32."""
    offset, cell_offset, spread = pixels[0], pixels[1], pixels[2]
    for g in range(out.shape[0]):
        for c in range(out.shape[1]):
            for s in range(out.shape[2]):
                place = _place(key, g + 4 * c, s)
                for x in range(out.shape[3]):
                    value = offset[g, s, x] + cell_offset[g, c] + spread * pool[place + x]
                    out[g, c, s, x] = value
