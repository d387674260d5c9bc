"""Which pixels are bad in the dark, and why."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from beambook.calibration._bad_pixels import BadPixels
from beambook.calibration._dark.levels import LevelValue
from beambook.calibration._dark.options import DarkOptions, Limits
from beambook.calibration._dark.statistics import DarkValue

__all__ = ["flag_levels", "flag_values", "threshold_between"]

OFFSET, NOISE = BadPixels.OFFSET_OUT_OF_THRESHOLD, BadPixels.NOISE_OUT_OF_THRESHOLD

Mask = NDArray[np.uint32]
Values = NDArray[np.float64]


def flag_values(value: DarkValue, options: DarkOptions, stage: int) -> Mask:
    """Bits for the offset and noise of one gain stage: uint32 (cells, slow, fast)."""
    mask = np.zeros(value.offset.shape, np.uint32)
    for what, values, sigma, bit in (
        ("offset", value.offset, options.thresholds_offset_sigma, OFFSET),
        ("noise", value.noise, options.thresholds_noise_sigma, NOISE),
    ):
        mask[_outside(values, sigma, options.hard(what, stage))] |= np.uint32(bit)
    unknown = ~(np.isfinite(value.offset) & np.isfinite(value.noise))
    mask[unknown] |= np.uint32(BadPixels.OFFSET_NOISE_EVAL_ERROR)
    mask[value.count == 0] |= np.uint32(BadPixels.NO_DARK_DATA)
    pushed = value.pushed[:, None, None]
    wrong = pushed - value.count > options.wrong_gain_share * pushed
    mask[wrong] |= np.uint32(BadPixels.WRONG_GAIN_VALUE)
    return mask


def _outside(values: Values, sigma: float, hard: Limits | None) -> NDArray[np.bool_]:
    """What is too far from the median of its cell, or beyond hard limits; not what is NaN."""
    out = np.zeros(values.shape, bool)
    for cell, of_cell in enumerate(values):
        known = of_cell[np.isfinite(of_cell)]
        if len(known):
            out[cell] = np.abs(of_cell - np.median(known)) > sigma * np.std(known)
    if hard is not None:
        out |= (values < hard[0]) | (values > hard[1])
    return out


def threshold_between(lower: LevelValue, upper: LevelValue) -> Values:
    """Half way between the digital levels of two neighbouring gain stages."""
    return 0.5 * (lower.mean + upper.mean)


def flag_levels(lower: LevelValue, upper: LevelValue, options: DarkOptions) -> Mask:
    """Where two gain stages cannot be told apart: uint32 (cells, slow, fast).

    The upper level has to be more than ``gain_separation_sigma_threshold`` · √(σ₁² + σ₂²) above the
    lower one.
    """
    apart = upper.mean - lower.mean
    least = options.gain_separation_sigma_threshold * np.hypot(lower.noise, upper.noise)
    wrong = ~((apart > least) & (apart > 0))
    return np.where(wrong, np.uint32(BadPixels.GAIN_THRESHOLDING_ERROR), np.uint32(0))
