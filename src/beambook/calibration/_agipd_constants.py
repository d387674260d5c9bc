"""Constants of one AGIPD module, and what the kernel reads of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from beambook.calibration._agipd_gain import gain_factors, xray_factor
from beambook.calibration._agipd_options import AGIPDOptions
from beambook.calibration._bad_pixels import BadPixels
from beambook.calibration._canonical import by_cell, by_gain, combine_bad_pixels, offsets
from beambook.errors import DataError

__all__ = ["SHAPE", "AGIPDConstants", "Pack"]

SHAPE = (512, 128)
ADC = (64, 16)  # slow, fast: an ASIC of 64 × 64 pixels is read by four ADC channels
GAP = 1.05  # the second threshold over the first, for low gain to be told from medium
_NOISY = BadPixels.NOISE_OUT_OF_THRESHOLD | BadPixels.OFFSET_NOISE_EVAL_ERROR
_OPTIONAL = ("ThresholdsDark", "Noise", "BadPixelsDark", "BadPixelsPC", "BadPixelsFF",
             "SlopesPC", "SlopesFF")  # fmt: skip
# Options that say what is worked into the constants.
_OF_CONSTANTS = (
    "only_offset", "gain_mode", "low_medium_gap", "rel_gain", "rel_gain_mode",
    "adjust_mg_baseline", "cs_mg_adjust", "xray_gain", "ff_gain", "mask_noisy_adc",
    "noisy_adc_threshold",
)  # fmt: skip


@dataclass(frozen=True)
class Pack:
    """What the kernel reads: contiguous, (stage, cell, pixel), with what is static worked in.

    A cell axis of length 1 serves all cells.

    Attributes
    ----------
    offset, scale : ndarray (3, cell, pixel) float32
    thresholds : ndarray (2, cell, pixel) float32
    bad : ndarray (3, cell, pixel) int32
    shift : ndarray (cell, pixel) float32
        Added after scaling, in the unit that scaling leads to.
    has_scale, has_shift : bool
    """

    offset: NDArray[np.float32]
    thresholds: NDArray[np.float32]
    bad: NDArray[np.int32]
    scale: NDArray[np.float32]
    shift: NDArray[np.float32]
    has_scale: bool
    has_shift: bool

    @property
    def arrays(self) -> tuple[NDArray[Any], ...]:
        """In the order that the kernel takes them."""
        return self.offset, self.thresholds, self.bad, self.scale, self.shift


@dataclass(frozen=True, repr=False)
class AGIPDConstants:
    """Constants of one AGIPD module, canonical: (gain, cell, slow_scan, fast_scan).

    Attributes
    ----------
    offset : ndarray (3, cell, 512, 128) float32
    thresholds : ndarray (2, cell, 512, 128) float32, optional
        ThresholdsDark: digital gain above the first is medium, above the second low gain.
    bad : ndarray (3, cell or 1, 512, 128) uint32, optional
        All constants named BadPixels…, by OR.
    others : mapping
        Noise, SlopesPC, SlopesCS, SlopesFF, RelativeGain, Stripes as they were given.
    missing : tuple of str
        Usual constants that were not given; what needs them is not done, or raises.
    """

    offset: NDArray[np.float32]
    thresholds: NDArray[np.float32] | None
    bad: NDArray[np.uint32] | None
    others: Mapping[str, Any]
    missing: tuple[str, ...]
    _packed: dict[tuple[object, ...], Pack] = field(default_factory=dict, compare=False)
    _lock: Any = field(default_factory=Lock, compare=False)

    @classmethod
    def from_mapping(cls, given: Mapping[str, Any]) -> AGIPDConstants:
        """Check constants and make them ready.

        Parameters
        ----------
        given : mapping of str to array_like
            By the facility's names. ``Offset`` (3, C, 512, 128) must be there. ``ThresholdsDark``
            (2 or more, C, 512, 128); ``BadPixelsDark``, ``BadPixelsPC``, ``BadPixelsFF``, …
            (3, C, 512, 128), (C, 512, 128) or (512, 128); ``SlopesPC`` (10 or 11, C, 512, 128):
            fits to pulsed charges, of which 0 and 1 are slope and intercept in high gain, 3 and
            4 in medium gain; ``SlopesCS`` (8, C, 512, 128): 6 and 7 are the ratios high to
            medium and medium to low; ``SlopesFF`` (C, 512, 128), (512, 128), or with a first axis
            of fit parameters; ``Noise`` (3, C, 512, 128). In place of slopes: ``RelativeGain``
            (3, C, 512, 128), the factors from ADU of each stage to ADU of high gain.
            ``Stripes`` (512, 128) bool: pixels under the tantalum stripes.

        Raises
        ------
        DataError
            No offset, or a shape that does not fit to it.
        """
        offset = offsets(given, "Offset", 3, SHAPE)
        thresholds = _thresholds(given, offset)
        bad, _ = combine_bad_pixels(given, offset)
        used = ("Noise", "SlopesPC", "SlopesCS", "SlopesFF", "RelativeGain", "Stripes")
        others = {name: given[name] for name in used if name in given}
        by_gain(given, "Noise", offset)
        by_gain(given, "RelativeGain", offset)
        by_cell(given, "SlopesFF", offset)
        missing = tuple(name for name in _OPTIONAL if name not in given)
        return cls(offset, thresholds, bad, others, missing)

    @property
    def cells(self) -> int:
        """Memory cells that there are constants for."""
        return int(self.offset.shape[1])

    def __repr__(self) -> str:
        missing = f", without {', '.join(self.missing)}" if self.missing else ""
        return f"<AGIPDConstants: {self.cells} memory cells{missing}>"

    def packed(self, options: AGIPDOptions) -> Pack:
        """What the kernel reads with these options; made once, the last one is kept.

        Options that change no constant share it.

        Raises
        ------
        DataError
            The options need a constant that was not given.
        """
        key = tuple(getattr(options, name) for name in _OF_CONSTANTS)
        with self._lock:
            if key not in self._packed:
                self._packed.clear()
                self._packed[key] = self._pack(options)
            return self._packed[key]

    def _pack(self, options: AGIPDOptions) -> Pack:
        pixels = SHAPE[0] * SHAPE[1]
        bad = np.zeros((3, 1, *SHAPE), np.uint32) if self.bad is None else self.bad
        thresholds, unclear = self._stage_limits(options)
        factors = gain_factors(self, options)
        xray = xray_factor(self, options)
        for flags in (unclear, factors.bad, xray.bad):
            bad = bad if flags is None else bad | flags
        if options.mask_noisy_adc and not options.only_offset:
            bad = bad | _noisy_adc(bad, options.noisy_adc_threshold)
        scale = _product(factors.scale, xray.scale)
        shift = _in_unit(factors.shift, xray.scale)
        return Pack(
            offset=self.offset.reshape(3, -1, pixels),
            thresholds=thresholds.reshape(2, -1, pixels),
            bad=np.ascontiguousarray(bad).view(np.int32).reshape(3, -1, pixels),
            scale=_flat(scale, (3, 1, pixels)),
            shift=_flat(shift, (1, pixels)),
            has_scale=scale is not None,
            has_shift=shift is not None,
        )

    def _stage_limits(
        self, options: AGIPDOptions
    ) -> tuple[NDArray[np.float32], NDArray[np.uint32] | None]:
        """Thresholds, and where they cannot tell stages apart."""
        if options.gain_mode:
            return np.zeros((2, 1, *SHAPE), np.float32), None  # not looked at
        if self.thresholds is None:
            raise DataError(
                "The constants have no ThresholdsDark, by which the gain stage is chosen",
                hint="Give it, or gain_mode=1, 2 or 3 for data in a fixed gain.",
            )
        first, second = self.thresholds
        with np.errstate(invalid="ignore"):
            unclear = ~(first <= second)  # NaN, too
            near = second <= np.float32(GAP) * first
        thresholds = self.thresholds
        if options.low_medium_gap and near.any():
            thresholds = thresholds.copy()
            thresholds[1][near] = np.inf
        bits = np.uint32(BadPixels.GAIN_THRESHOLDING_ERROR)
        return thresholds, (unclear * bits)[np.newaxis] if unclear.any() else None


def _thresholds(given: Mapping[str, Any], offset: NDArray[Any]) -> NDArray[np.float32] | None:
    """The two thresholds; what the facility stores behind them (mean levels) is left aside."""
    array = given.get("ThresholdsDark")
    if array is not None and np.ndim(array) == 4 and np.shape(array)[0] > 2:
        given = {"ThresholdsDark": np.asarray(array)[:2]}
    return by_gain(given, "ThresholdsDark", offset, gains=2)


def _flat(array: NDArray[Any] | None, otherwise: tuple[int, ...]) -> NDArray[np.float32]:
    if array is None:
        return np.zeros(otherwise, np.float32)
    flat = array.reshape(*array.shape[:-2], otherwise[-1])
    return np.ascontiguousarray(flat, np.float32)


def _product(
    one: NDArray[np.float32] | None, other: NDArray[np.float32] | None
) -> NDArray[np.float32] | None:
    """Of factors (3, cell, …) of stages and one (cell, …) for all stages; None is 1."""
    if other is None:
        return one
    if one is None:
        return np.repeat(other[np.newaxis], 3, axis=0)
    return one * other


def _in_unit(
    shift: NDArray[np.float32] | None, xray: NDArray[np.float32] | None
) -> NDArray[np.float32] | None:
    """What is added to medium gain, which the kernel does last: in keV, if the data are."""
    return shift if shift is None or xray is None else shift * xray


def _noisy_adc(bad: NDArray[np.uint32], most: float) -> NDArray[np.uint32]:
    """NOISY_ADC for all pixels of a channel, by stage and cell, of which too many are noisy."""
    slow, fast = SHAPE[0] // ADC[0], SHAPE[1] // ADC[1]
    noisy = (bad & np.uint32(_NOISY)) != 0
    channels = noisy.reshape(*bad.shape[:2], slow, ADC[0], fast, ADC[1])
    over = channels.mean(axis=(3, 5), keepdims=True) > most
    flags = np.broadcast_to(over, channels.shape).reshape(bad.shape)
    return flags * np.uint32(BadPixels.NOISY_ADC)
