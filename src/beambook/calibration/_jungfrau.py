"""Correct JUNGFRAU frames: gain bits, memory cells, offset, gain, mask."""

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

__all__ = ["JungfrauConstants", "JungfrauOptions", "correct_jungfrau"]

SHAPE = (512, 1024)
_OPTIONAL = ("RelativeGain10Hz", "BadPixelsDark10Hz", "BadPixelsFF10Hz")


@dataclass(frozen=True, kw_only=True)
class JungfrauOptions:
    """Steps of `correct_jungfrau`; names and defaults are those of European XFEL.

    Attributes
    ----------
    relative_gain : bool
        Divide by RelativeGain10Hz, which gives keV.
    replace_wrong_gain_value : int
        The stage (0, 1, 2) that is used where the gain bits are invalid; it is masked.
    zero_nans, zero_orange : bool
        Put 0 for NaN; for what is beyond ±10⁷. Both are masked in any case.
    """

    relative_gain: bool = True
    replace_wrong_gain_value: int = 0
    zero_nans: bool = False
    zero_orange: bool = False

    def __post_init__(self) -> None:
        if self.replace_wrong_gain_value not in (0, 1, 2):
            raise ParameterError(
                f"replace_wrong_gain_value={self.replace_wrong_gain_value}",
                hint="It is a gain stage: 0, 1 or 2.",
            )

    @property
    def unit(self) -> str:
        """Of the corrected values."""
        return "keV" if self.relative_gain else "ADU"


@dataclass(frozen=True, repr=False)
class JungfrauConstants:
    """Constants of one JUNGFRAU module, canonical: (gain, cell, slow_scan, fast_scan).

    Attributes
    ----------
    offset : ndarray (3, cell, 512, 1024) float32
        One cell, or 16 in burst mode.
    bad : ndarray (3, cell or 1, 512, 1024) uint32, optional
        All constants named BadPixels…, by OR.
    relative_gain : ndarray (3, cell or 1, 512, 1024) float32, optional
        ADU per keV; negative in medium and low gain, where the signal goes down.
    missing : tuple of str
        Usual constants that were not given.
    """

    offset: NDArray[np.float32]
    bad: NDArray[np.uint32] | None
    relative_gain: NDArray[np.float32] | None
    missing: tuple[str, ...]
    _packed: dict[bool, StagedPack] = field(default_factory=dict, compare=False)
    _lock: Any = field(default_factory=Lock, compare=False)

    @classmethod
    def from_mapping(cls, given: Mapping[str, Any]) -> JungfrauConstants:
        """Check constants and make them ready.

        Parameters
        ----------
        given : mapping of str to array_like
            ``Offset10Hz`` (3, C, 512, 1024) must be there; ``RelativeGain10Hz`` and those named
            ``BadPixels…`` have the same shape.

        Raises
        ------
        DataError
            No offset, or a shape that does not fit to it.
        """
        offset = offsets(given, "Offset10Hz", 3, SHAPE)
        gain = by_gain(given, "RelativeGain10Hz", offset)
        missing = tuple(name for name in _OPTIONAL if name not in given)
        return cls(offset, combine_bad_pixels(given, offset)[0], gain, missing)

    def packed(self, options: JungfrauOptions) -> StagedPack:
        """What the kernel reads with these options; made once.

        Raises
        ------
        DataError
            The relative gain is asked for and was not given.
        """
        with self._lock:
            key = options.relative_gain
            if key not in self._packed:
                self._packed.clear()
                self._packed[key] = staged_pack(self.offset, self.bad, self._scale(options))
            return self._packed[key]

    def _scale(self, options: JungfrauOptions) -> NDArray[np.float32] | None:
        if not options.relative_gain:
            return None
        if self.relative_gain is None:
            raise DataError(
                "The constants have no RelativeGain10Hz",
                hint="Give it, or relative_gain=False.",
            )
        with np.errstate(divide="ignore"):
            return np.float32(1) / self.relative_gain


DEFAULTS = JungfrauOptions()


def correct_jungfrau(
    raw: tuple[NDArray[np.uint16], NDArray[np.uint8]],
    cells: NDArray[np.integer],
    constants: JungfrauConstants,
    *,
    options: JungfrauOptions = DEFAULTS,
    out: Corrected | None = None,
    threads: int | None = None,
) -> Corrected:
    """Correct frames of one JUNGFRAU module.

    ``d = (adc − Offset10Hz[s, cell]) / RelativeGain10Hz[s, cell]``. Gain bits 0, 1 and 3 are the
    stages 0, 1 and 2; 2 is invalid and masked WRONG_GAIN_VALUE.

    Parameters
    ----------
    raw : tuple of ndarray
        ``data.adc`` uint16 and ``data.gain`` uint8, both (frame, 512, 1024) or (train, cell, 512,
        1024).
    cells : ndarray of int
        ``data.memoryCell``, (frame,) or (train, cell). Constants of one cell serve all: outside
        burst mode the detector writes its last cell, 15.
    constants, options, out, threads
        See `correct_agipd`.

    Returns
    -------
    Corrected
        Frames one after another; ``counts`` also has ``wrong_gain`` (pixels).

    Raises
    ------
    DataError
        Shapes or types do not fit, or a constant is missing that the options need.

    Examples
    --------
    >>> import numpy as np
    >>> offset = np.full((3, 1, 512, 1024), 2900, "f4")
    >>> constants = JungfrauConstants.from_mapping({"Offset10Hz": offset})
    >>> adc, gain = np.full((1, 512, 1024), 3000, "u2"), np.full((1, 512, 1024), 3, "u1")
    >>> plain = JungfrauOptions(relative_gain=False)
    >>> corrected = correct_jungfrau((adc, gain), np.array([15]), constants, options=plain)
    >>> corrected.data[0, 0, 0], corrected.gain[0, 0, 0]
    (np.float32(100.0), np.uint8(2))
    """
    adc, bits = (np.asarray(array) for array in raw)
    right = adc.dtype == np.uint16 and bits.dtype == np.uint8 and adc.shape == bits.shape
    if not right or adc.ndim not in (3, 4) or adc.shape[-2:] != SHAPE:
        raise DataError(
            "JUNGFRAU frames are adc uint16 and gain uint8 (frames, 512, 1024), these "
            f"{adc.dtype} {adc.shape} and {bits.dtype} {bits.shape}"
        )
    flat = np.ascontiguousarray(adc).reshape(-1, 1, SHAPE[0] * SHAPE[1])
    numbers = np.asarray(cells).reshape(-1)
    pack = constants.packed(options)
    if pack.offset.shape[1] == 1:
        numbers = np.zeros_like(numbers)
    reading = Reading(
        kernel.BESIDE,
        instead=options.replace_wrong_gain_value,
        zeroed=(options.zero_nans << 11) | (options.zero_orange << 12),
    )
    beside = np.ascontiguousarray(bits).reshape(-1, SHAPE[0] * SHAPE[1])
    return correct_staged(
        flat, numbers, pack, reading, shape=SHAPE, beside=beside, out=out, threads=threads
    )
