"""From moments to absorbance and its errors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from beambook.analysis._moments import Level, Moments
from beambook.errors import ParameterError

__all__ = ["ErrorKind", "Estimate", "Mode", "estimate", "sign_of"]

Floats = NDArray[np.float64]
Mode = Literal["transmission", "fluorescence"]
ErrorKind = Literal["pooled", "train", "pulse"]
ENOUGH = 30.0  # degrees of freedom that a scatter or a design effect is taken from
FLAT = 1e-6  # eV; a smaller spread of energies within a bin is none


@dataclass(frozen=True)
class Estimate:
    """Columns of a spectrum, each ndarray (bin,); NaN where nothing can be said."""

    energy: Floats
    spread: Floats
    absorbance: Floats
    sigma: Floats
    correlation: Floats
    error: Floats
    design_effect: Floats
    binning: Floats


def sign_of(moments: Moments, sign: Literal["auto", 1, -1]) -> int:
    """Sign of I1: as told, or that of the sum of I1 over all bins."""
    if sign == "auto":
        return -1 if moments.sums[1].sum() < 0 else 1
    if sign not in (1, -1):
        raise ParameterError(f"i1_sign must be 'auto', 1 or -1, not {sign!r}")
    return int(sign)


def estimate(moments: Moments, *, mode: Mode, sign: int, error: ErrorKind) -> Estimate:
    """Absorbance, σ and standard error of each bin."""
    if mode not in ("transmission", "fluorescence"):
        raise ParameterError(f"mode must be 'transmission' or 'fluorescence', not {mode!r}")
    if error not in ("pooled", "train", "pulse"):
        raise ParameterError(f"error must be 'pooled', 'train' or 'pulse', not {error!r}")
    with np.errstate(divide="ignore", invalid="ignore"):
        sum0, sum1, sum0e = moments.sums
        ratio = sign * sum1 / sum0
        absorbance = np.where(ratio > 0, 0.0 - np.log(ratio), np.nan)
        scale = np.where(ratio > 0, 1.0, np.nan)
        if mode == "fluorescence":
            absorbance, scale = ratio, np.abs(ratio)
        sigma, correlation = _toolbox(moments.pulses)
        mean_e = sum0e / sum0
        spread = np.sqrt(np.maximum(moments.energy_sums[1] / sum0 - mean_e**2, 0.0))
        simple, by_train, free = _residual_errors(moments, spread)
        pooled = _pooled(simple, *free, moments.pulses.n)
        effect = np.maximum(_near_mean((by_train / pooled) ** 2, free[1]), 1.0)
        energy = moments.centre + np.where(sum0 > 0, mean_e, 0.0)
        binning = _binning(energy, absorbance, spread, logarithmic=mode == "transmission")
        chosen = {
            "pulse": sigma / np.sqrt(moments.pulses.n) * scale,
            "train": by_train * scale,
            "pooled": np.hypot(pooled * np.sqrt(effect) * scale, binning),
        }[error]
    return Estimate(
        energy=energy,
        spread=np.where(sum0 > 0, spread, np.nan),
        absorbance=absorbance,
        sigma=sigma * scale,
        correlation=correlation,
        error=chosen,
        design_effect=effect,
        binning=np.where(np.isfinite(absorbance), binning, np.nan),
    )


def _toolbox(pulses: Level) -> tuple[Floats, Floats]:
    """σ of −ln(I1/I0) of a single pulse to first order, and the correlation of I0 and I1."""
    free = np.where(pulses.n > 1, pulses.n - 1, np.nan)
    v0, v1, v01 = (pulses.square[:, i, j] / free for i, j in ((0, 0), (1, 1), (0, 1)))
    m0, m1 = pulses.mean[:, 0], pulses.mean[:, 1]
    variance = v0 / m0**2 + v1 / m1**2 - 2 * v01 / (m0 * m1)
    return np.sqrt(np.maximum(variance, 0.0)), v01 / np.sqrt(v0 * v1)


def _residual_errors(
    moments: Moments, spread: Floats
) -> tuple[Floats, Floats, tuple[Floats, Floats]]:
    """Relative error of Σ I1/Σ I0, from pulses and from trains; degrees of freedom of both.

    Residuals are r = I1 − (R + b·(e − ē))·I0: what the slope of the spectrum does
    within a bin is no error at the bin's mean energy ē.
    """
    sum0, sum1, sum0e = moments.sums
    sum1e, sum0ee = moments.energy_sums
    ratio, mean_e = sum1 / sum0, sum0e / sum0
    sloped = (spread > FLAT) & (moments.trains.n > 2)
    slope = np.where(sloped, (sum1e - mean_e * sum1) / (sum0ee - mean_e * sum0e), 0.0)
    weights = np.stack([slope * mean_e - ratio, np.ones_like(ratio), -slope], axis=-1)
    known = 1 + sloped
    relative, degrees = [], []
    for level in (moments.pulses, moments.trains):
        free = np.where(level.n > known, level.n - known, np.nan)
        squares = np.einsum("bi,bij,bj->b", weights, level.square, weights)
        relative.append(np.sqrt(np.maximum(squares, 0.0) * level.n / free) / np.abs(sum1))
        degrees.append(np.maximum(level.n - known, 0.0))
    return relative[0], relative[1], (degrees[0], degrees[1])


def _binning(energy: Floats, value: Floats, spread: Floats, *, logarithmic: bool) -> Floats:
    """Mean over a bin less the value at its mean energy, to second order in its width.

    With slope and curvature from the two neighbours; 0 at the ends.
    """
    good = np.flatnonzero(np.isfinite(value) & (np.diff(energy, prepend=-np.inf) > 0))
    term = np.zeros(len(value))
    if len(good) < 3:
        return term
    before, after = np.diff(energy[good])[:-1], np.diff(energy[good])[1:]
    rise = np.diff(value[good]) / np.diff(energy[good])
    curvature = 2 * (rise[1:] - rise[:-1]) / (before + after)
    slope = (rise[1:] * before + rise[:-1] * after) / (before + after)
    lost = slope**2 if logarithmic else 0.0  # a mean of exp(−A) is not that of A
    term[good[1:-1]] = 0.5 * spread[good[1:-1]] ** 2 * (curvature - lost)
    return np.abs(term)


def _pooled(simple: Floats, by_pulse: Floats, by_train: Floats, number: Floats) -> Floats:
    """Error from pulses, where a bin has few of them from the scatter of the neighbours' too.

    The scatter of two or three pulses is a rough number: bins in which they agree by chance
    would have errors next to nothing. Where no pulse of a bin is spare, there is no error.
    """
    scatter = np.sqrt(_near_mean(simple**2 * number, by_pulse) / number)
    return np.where(np.isfinite(simple), scatter, np.nan)


def _near_mean(value: Floats, free: Floats) -> Floats:
    """Mean over as many neighbouring bins as have `ENOUGH` degrees of freedom together.

    1 if none has any.
    """
    weight = np.where(np.isfinite(value), free, 0.0)
    totals = np.cumsum(np.concatenate([[0.0], weight]))
    products = np.cumsum(np.concatenate([[0.0], np.where(weight > 0, weight * value, 0.0)]))
    place = np.arange(len(value))
    low, high = place, place + 1
    for _ in range(len(value)):
        few = totals[high] - totals[low] < ENOUGH
        if not few.any():
            break
        low = np.where(few, np.maximum(low - 1, 0), low)
        high = np.where(few, np.minimum(high + 1, len(value)), high)
    near = totals[high] - totals[low]
    return np.where(near > 0, (products[high] - products[low]) / near, 1.0)
