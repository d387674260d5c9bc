"""Correct LPD frames: packed or parallel gain, offset, gain, mask."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from beambook.calibration import _stage_kernel as kernel
from beambook.calibration._canonical import by_gain, combine_bad_pixels, offsets
from beambook.calibration._corrected import Corrected
from beambook.calibration._staged import Reading, StagedPack, correct_staged, staged_pack
from beambook.errors import DataError, ParameterError

__all__ = ["LPDConstants", "LPDOptions", "correct_lpd"]

SHAPE = (256, 256)
FACTORS = {"rel_gain": "RelativeGain", "gain_amp_map": "GainAmpMap", "ff_map": "FFMap"}
_OPTIONAL = ("BadPixelsDark", "BadPixelsFF", *FACTORS.values())


@dataclass(frozen=True, kw_only=True)
class LPDOptions:
    """Steps of `correct_lpd`; names and defaults are those of European XFEL.

    Attributes
    ----------
    offset_corr : bool
        Subtract the offset.
    rel_gain, gain_amp_map, ff_map : bool
        Multiply with RelativeGain and GainAmpMap, divide by FFMap.
    combine_parallel_gain : bool
        Frames (frame, 3, 256, 256), of which all three gains were stored, become one; a frame
        that has one value is not concerned.
    parallel_gain_limit : int
        A value of so many ADU, of 4095, counts as saturated; then the next lower gain is taken.
        (Not a parameter of the facility, whose criterion is not public.)
    zero_nans, zero_orange : bool
        Put 0 for NaN; for what is beyond ±10⁷. Both are masked in any case.
    """

    offset_corr: bool = True
    rel_gain: bool = True
    gain_amp_map: bool = True
    ff_map: bool = True
    combine_parallel_gain: bool = True
    parallel_gain_limit: int = 4000
    zero_nans: bool = False
    zero_orange: bool = False

    def __post_init__(self) -> None:
        if not 0 < self.parallel_gain_limit <= 4096:
            raise ParameterError(
                f"parallel_gain_limit={self.parallel_gain_limit}", hint="It is 1 to 4096 ADU."
            )

    @property
    def unit(self) -> str:
        """Of the corrected values, if it is known: that of the factors is not told anywhere."""
        return "" if self.rel_gain or self.gain_amp_map or self.ff_map else "ADU"


@dataclass(frozen=True, repr=False)
class LPDConstants:
    """Constants of one LPD module, canonical: (gain, cell, slow_scan, fast_scan).

    Attributes
    ----------
    offset : ndarray (3, cell, 256, 256) float32
    bad : ndarray (3, cell or 1, 256, 256) uint32, optional
        All constants named BadPixels…, by OR.
    factors : mapping of str to ndarray
        RelativeGain, GainAmpMap, FFMap: those that were given.
    missing : tuple of str
        Usual constants that were not given.
    """

    offset: NDArray[np.float32]
    bad: NDArray[np.uint32] | None
    factors: Mapping[str, NDArray[np.float32]]
    missing: tuple[str, ...]
    _packed: dict[LPDOptions, StagedPack] = field(default_factory=dict, compare=False)
    _lock: Any = field(default_factory=Lock, compare=False)

    @classmethod
    def from_mapping(cls, given: Mapping[str, Any]) -> LPDConstants:
        """Check constants and make them ready.

        Parameters
        ----------
        given : mapping of str to array_like
            ``Offset`` (3, C, 256, 256) must be there; ``RelativeGain``, ``GainAmpMap``,
            ``FFMap`` and those named ``BadPixels…`` have the same shape.

        Raises
        ------
        DataError
            No offset, or a shape that does not fit to it.
        """
        offset = offsets(given, "Offset", 3, SHAPE)
        factors = {name: by_gain(given, name, offset) for name in FACTORS.values()}
        there = {name: array for name, array in factors.items() if array is not None}
        missing = tuple(name for name in _OPTIONAL if name not in given)
        return cls(offset, combine_bad_pixels(given, offset)[0], there, missing)

    def packed(self, options: LPDOptions) -> StagedPack:
        """What the kernel reads with these options; made once, the last one is kept.

        Raises
        ------
        DataError
            The options need a constant that was not given.
        """
        with self._lock:
            if options not in self._packed:
                self._packed.clear()
                offset = self.offset if options.offset_corr else np.zeros_like(self.offset)
                self._packed[options] = staged_pack(offset, self.bad, self._scale(options))
            return self._packed[options]

    def _scale(self, options: LPDOptions) -> NDArray[np.float32] | None:
        total: NDArray[np.float32] | None = None
        for option, name in FACTORS.items():
            if not getattr(options, option):
                continue
            if name not in self.factors:
                raise DataError(
                    f"The constants have no {name}",
                    hint=f"Give it, or {option}=False.",
                )
            factor = self.factors[name]
            with np.errstate(divide="ignore"):
                factor = np.float32(1) / factor if name == "FFMap" else factor
            total = factor if total is None else total * factor
        return total


DEFAULTS = LPDOptions()


def correct_lpd(
    raw: NDArray[np.uint16],
    cells: NDArray[np.integer],
    constants: LPDConstants,
    *,
    options: LPDOptions = DEFAULTS,
    out: Corrected | None = None,
    threads: int | None = None,
) -> Corrected:
    """Correct frames of one LPD module.

    ``d = (raw & 0xFFF − Offset[s]) · RelativeGain[s] · GainAmpMap[s] / FFMap[s]``, where the two
    bits above the value are the gain stage s. The value 3 is none: such a pixel is corrected as in
    high gain and masked WRONG_GAIN_VALUE. Where all three gains were stored, s is the highest gain
    that is not saturated.

    Parameters
    ----------
    raw : ndarray of uint16
        (frame, 256, 256), (frame, 1, 256, 256), or in parallel gain (frame, 3, 256, 256): the
        values in high, medium and low gain of the same pulse.
    cells, constants, options, out, threads
        See `correct_agipd`.

    Returns
    -------
    Corrected
        ``counts`` also has ``wrong_gain`` (pixels).

    Raises
    ------
    DataError
        Shapes or types do not fit, or a constant is missing that the options need.

    Examples
    --------
    >>> import numpy as np
    >>> constants = LPDConstants.from_mapping({"Offset": np.full((3, 1, 256, 256), 900, "f4")})
    >>> plain = LPDOptions(rel_gain=False, gain_amp_map=False, ff_map=False)
    >>> raw = np.full((1, 256, 256), 1000 | 1 << 12, "u2")
    >>> corrected = correct_lpd(raw, np.array([0]), constants, options=plain)
    >>> corrected.data[0, 0, 0], corrected.gain[0, 0, 0]
    (np.float32(100.0), np.uint8(1))
    """
    array = np.asarray(raw)
    values = array.reshape(len(array), 1, *SHAPE) if array.shape[1:] == SHAPE else array
    parallel = values.shape[1:] == (3, *SHAPE)
    if array.dtype != np.uint16 or not (parallel or values.shape[1:] == (1, *SHAPE)):
        raise DataError(
            f"LPD frames are uint16 (frames, 1 or 3, 256, 256), these {array.dtype} {array.shape}"
        )
    if parallel and not options.combine_parallel_gain:
        raise DataError(
            "Three values for each frame, and combine_parallel_gain=False",
            hint="Give one gain as (frames, 256, 256), or combine them.",
        )
    reading = Reading(
        kernel.PARALLEL if parallel else kernel.PACKED,
        limit=options.parallel_gain_limit,
        zeroed=(options.zero_nans << 11) | (options.zero_orange << 12),
    )
    flat = np.ascontiguousarray(values).reshape(len(values), values.shape[1], -1)
    return correct_staged(
        flat, cells, constants.packed(options), reading, shape=SHAPE, out=out, threads=threads
    )
