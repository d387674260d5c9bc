"""Baseline and common mode of AGIPD frames once more, in plain numpy, to compare with.

Written from what the steps are to do, and not from the machine code; nothing of
`beambook.calibration` is used. Float64, one frame and one ASIC after another. A frame is
(512, 128), `voting` are its good pixels in high gain.
"""

from __future__ import annotations

import numpy as np


def asics(image):
    """The 16 ASICs of a frame, or of frames, as (…, 16, 4096)."""
    lead = image.shape[:-2]
    parts = image.reshape(*lead, 8, 64, 2, 64)
    return np.moveaxis(parts, -3, -2).reshape(*lead, 16, 4096)


def lowest_peak(values, sigma, share=0.02):
    """Centre of the lowest peak with 2 % of the values; by bins of 2 ADU, then their mean."""
    counts, edges = np.histogram(values, bins=2025, range=(-4000, 50))
    half = max(1, int(sigma))
    window = np.convolve(counts, np.ones(2 * half + 1, int), mode="same")
    enough = np.flatnonzero(window >= max(share * values.size, 1))
    if values.size < 64 or not enough.size:
        return None
    at = enough[0]
    while (higher := window[at : at + half + 2]).max() > window[at]:
        at += higher.argmax()
    centre = (edges[at] + edges[at + 1]) / 2
    for _ in range(3):
        centre = values[np.abs(values - centre) <= 2 * sigma].mean()
    return centre


def level(data, voting, sigma):
    """Of the ASICs with a peak not above 10 ADU, the lower one in the middle; else None."""
    found = []
    for values, votes in zip(asics(data), asics(voting & np.isfinite(data)), strict=True):
        peak = lowest_peak(values[votes].astype(float), sigma)
        if peak is not None and peak <= 10:
            found.append(peak)
    return sorted(found)[(len(found) - 1) // 2] if len(found) > 1 else None


def by_noise(data, voting, sigma, brightest=5000):
    shifts = []
    for image, votes in zip(data, voting & np.isfinite(data), strict=True):
        dark = votes.any() and image[votes].mean(dtype=float) < brightest
        shifts.append((level(image, votes, sigma) if dark else None) or 0.0)
    return np.array(shifts)


def by_stripes(data, voting, stripes):
    under = voting & stripes & np.isfinite(data)
    medians = [
        np.median(image[u]) if u.sum() >= 64 else 0 for image, u in zip(data, under, strict=True)
    ]
    return np.array(medians)


def by_histogram(data, voting, sigma, cells):
    shifts, first = [], None
    for f, (image, votes) in enumerate(zip(data, voting, strict=True)):
        if f and cells[f] <= cells[f - 1]:
            first = None
        here = level(image, votes, sigma)
        if here is not None and (first is None or here > first + 10):
            first = here
        shifts.append(0.0 if here is None else here - first)
    return np.array(shifts)


def _ricker(width):
    x = np.arange(-int(5 * width), int(5 * width) + 1)
    return (1 - (x / width) ** 2) * np.exp(-((x / width) ** 2) / 2)


def peak_by_wavelet(data, voting, sigma):
    """The same level in another way: where a Mexican hat as wide as the noise fits best.

    Twice: among -2000 to 100 ADU with hats of 1, 3 and 5 σ, then within ±5σ. It takes the
    strongest peak, so it is right only where most pixels have no photon.
    """
    values = data[voting & (data <= 50)]
    counts, edges = np.histogram(values, bins=210, range=(-2000, 100))
    fits = sum(np.convolve(counts, _ricker(k * sigma / 10), mode="same") for k in (1, 3, 5))
    centre = edges[fits.argmax()] + 5
    counts, edges = np.histogram(values, bins=200, range=(centre - 5 * sigma, centre + 5 * sigma))
    fit = np.convolve(counts, _ricker(20.0), mode="same")
    return edges[fit.argmax()] + sigma / 40


def lag_of_histograms(data, voting, before, votes_before):
    """Whole ADU that one frame lies above another: the largest product of their histograms."""
    edges = np.arange(-1000.5, 1001)
    ours, theirs = (
        np.histogram(d[v], edges)[0] for d, v in ((data, voting), (before, votes_before))
    )
    products = {lag: (np.roll(ours, -lag) * theirs).sum() for lag in range(-400, 101)}
    return max(products, key=products.get)


def common_mode(data, voting, cells, *, rounds, dark_range, fraction, fewest=256):
    """Means of dark pixels: over the frames of 32 cells by pixel, then of each ASIC; in turns."""
    data, cells = data.astype("f4"), np.asarray(cells)

    def mean(values, votes, least, axes):
        with np.errstate(invalid="ignore"):
            dark = votes & (values >= dark_range[0]) & (values <= dark_range[1])
        count, total = dark.sum(axes), np.where(dark, values, 0).sum(axes, dtype=float)
        enough = (count > least) & (count > 0)
        return np.where(enough, total / np.maximum(count, 1), 0).astype("f4")

    for _ in range(rounds):
        for row in np.unique(cells // 32):
            frames = np.flatnonzero(cells // 32 == row)
            if len(frames) >= fewest:
                data[frames] -= mean(data[frames], voting[frames], fraction * len(frames), 0)
        shift = mean(asics(data), asics(voting), fraction * 4096, -1).reshape(-1, 8, 2)
        data -= shift.repeat(64, axis=1).repeat(64, axis=2)
    return data
