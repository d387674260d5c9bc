"""From slopes of AGIPD's fits to factors: every stage in ADU of high gain, then in keV."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from beambook.calibration._agipd_options import AGIPDOptions
from beambook.calibration._bad_pixels import BadPixels
from beambook.calibration._canonical import by_cell, by_gain, medians
from beambook.errors import DataError

__all__ = ["MEDIUM_TO_LOW", "Factors", "gain_factors", "xray_factor"]

MEDIUM_TO_LOW = 4.48  # of the facility's pipeline, from memory: nothing public has it

Array = NDArray[np.float32]


class _Constants(Protocol):
    @property
    def offset(self) -> NDArray[np.float32]: ...

    @property
    def others(self) -> Mapping[str, Any]: ...


@dataclass(frozen=True)
class Factors:
    """How ADU above offset are scaled; None where there is nothing to do.

    Attributes
    ----------
    scale : ndarray (3, cell, slow_scan, fast_scan) or (cell, slow_scan, fast_scan), optional
    shift : ndarray (cell, slow_scan, fast_scan), optional
        Added to medium gain after scaling.
    bad : ndarray of uint32, optional
        Where a factor could not be had from the pixel's own fit.
    """

    scale: Array | None = None
    shift: Array | None = None
    bad: NDArray[np.uint32] | None = None


def gain_factors(constants: _Constants, options: AGIPDOptions) -> Factors:
    """Relative gain.

    PC: a charge q gives ``m_H q + l_H`` ADU in high and ``m_M q + l_M`` in medium gain, so that
    medium gain becomes high gain by ``d · m_H/m_M + (l_H − l_M m_H/m_M)``; the second term is
    added with `adjust_mg_baseline`. Low gain is taken as 4.48 times less than medium gain. CS:
    both ratios are measured. Where a fit failed (not finite, or a slope of 0 or less) the ratio
    is the median of the cell, and medium and low gain are masked CI_EVAL_ERROR.
    """
    if not options.scales:
        return Factors()
    ready = by_gain(constants.others, "RelativeGain", constants.offset)
    if ready is not None:
        return Factors(ready)
    if options.rel_gain_mode == "CS":
        return _from_current_source(constants, options)
    return _from_pulsed_charges(constants, options)


def _from_pulsed_charges(constants: _Constants, options: AGIPDOptions) -> Factors:
    slope_high, zero_high, _, slope_medium, zero_medium = _fits(constants, "SlopesPC", 5)[:5]
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = slope_high / slope_medium
        extra = zero_high - zero_medium * ratio
        good = np.isfinite(ratio) & np.isfinite(extra) & (slope_high > 0) & (slope_medium > 0)
    ratio = medians(ratio, good)
    shift = medians(extra, good) if options.adjust_mg_baseline else None
    return Factors(_stages(ratio, np.float32(MEDIUM_TO_LOW)), shift, _failed(good))


def _from_current_source(constants: _Constants, options: AGIPDOptions) -> Factors:
    fits = _fits(constants, "SlopesCS", 8)
    first, second = fits[6], fits[7]
    with np.errstate(invalid="ignore"):
        good = np.isfinite(first) & np.isfinite(second) & (first > 0) & (second > 0)
    scale = _stages(medians(first, good), medians(second, good))
    added = np.full((1, *scale.shape[2:]), options.cs_mg_adjust, np.float32)
    return Factors(scale, added if options.adjust_mg_baseline else None, _failed(good))


def _fits(constants: _Constants, name: str, fewest: int) -> Array:
    """Fit parameters (parameter, cell, slow_scan, fast_scan), for the cells of the offset."""
    if name not in constants.others:
        raise DataError(
            f"The relative gain needs {name}, which the constants do not have",
            hint="Give it, or RelativeGain (3, cells, 512, 128), or rel_gain=False.",
        )
    array, (_, cells, *pixels) = np.asarray(constants.others[name]), constants.offset.shape
    fits = array.ndim == 4 and array.shape[0] >= fewest and array.shape[2:] == tuple(pixels)
    if not fits or array.shape[1] < cells:
        raise DataError(
            f"{name} has the shape {array.shape}",
            hint=f"It is ({fewest} or more fit parameters, {cells}, 512, 128); factors that are "
            "ready to multiply with go under RelativeGain.",
        )
    return array[:, :cells]


def _stages(first: Array, second: Array | np.float32) -> Array:
    return np.stack([np.ones_like(first), first, first * second]).astype(np.float32, copy=False)


def _failed(good: NDArray[np.bool_]) -> NDArray[np.uint32] | None:
    if good.all():
        return None
    flags = ~good * np.uint32(BadPixels.CI_EVAL_ERROR)
    return np.stack([np.zeros_like(flags), flags, flags])


def xray_factor(constants: _Constants, options: AGIPDOptions) -> Factors:
    """``ff_gain / SlopesFF``, or ``median / SlopesFF`` with ``ff_gain=0``.

    A slope that is not finite or not above 0 becomes the cell's median, masked FF_GAIN_EVAL_ERROR.
    """
    if not options.xray_gain or options.only_offset:
        return Factors()
    slopes = by_cell(constants.others, "SlopesFF", constants.offset)
    if slopes is None:
        raise DataError(
            "The X-ray gain needs SlopesFF, which the constants do not have",
            hint="Give it, or xray_gain=False.",
        )
    with np.errstate(invalid="ignore"):
        good = np.isfinite(slopes) & (slopes > 0)
    slopes = medians(slopes, good)
    level = np.median(slopes, axis=(1, 2), keepdims=True)
    unit = np.float32(options.ff_gain) if options.ff_gain else level
    bad = None if good.all() else (~good * np.uint32(BadPixels.FF_GAIN_EVAL_ERROR))[np.newaxis]
    return Factors((unit / slopes).astype(np.float32, copy=False), None, bad)
