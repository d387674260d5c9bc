"""Correct DSSC frames: offset and mask."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from beambook.calibration import _stage_kernel as kernel
from beambook.calibration._canonical import combine_bad_pixels, offsets
from beambook.calibration._corrected import Corrected
from beambook.calibration._staged import Reading, StagedPack, correct_staged, staged_pack
from beambook.errors import DataError

__all__ = ["DSSCConstants", "DSSCOptions", "correct_dssc"]

SHAPE = (128, 512)


@dataclass(frozen=True, kw_only=True)
class DSSCOptions:
    """Steps of `correct_dssc`.

    Attributes
    ----------
    zero_nans, zero_orange : bool
        Put 0 for NaN; for what is beyond ±10⁷. Both are masked in any case.
    """

    zero_nans: bool = False
    zero_orange: bool = False


@dataclass(frozen=True, repr=False)
class DSSCConstants:
    """Constants of one DSSC module, canonical: (1, cell, slow_scan, fast_scan).

    Attributes
    ----------
    offset : ndarray (1, cell, 128, 512) float32
    bad : ndarray (1, cell or 1, 128, 512) uint32, optional
    missing : tuple of str
        Usual constants that were not given.
    """

    offset: NDArray[np.float32]
    bad: NDArray[np.uint32] | None
    missing: tuple[str, ...]

    @classmethod
    def from_mapping(cls, given: Mapping[str, Any]) -> DSSCConstants:
        """Check constants: ``Offset`` (1, C, 128, 512), and those named ``BadPixels…``.

        Raises
        ------
        DataError
            No offset, or a shape that does not fit to it.
        """
        offset = offsets(given, "Offset", 1, SHAPE)
        missing = tuple(name for name in ("BadPixelsDark",) if name not in given)
        return cls(offset, combine_bad_pixels(given, offset)[0], missing)

    def packed(self) -> StagedPack:
        """What the kernel reads: views of what is here."""
        return staged_pack(self.offset, self.bad, None)


DEFAULTS = DSSCOptions()


def correct_dssc(
    raw: NDArray[np.uint16],
    cells: NDArray[np.integer],
    constants: DSSCConstants,
    *,
    options: DSSCOptions = DEFAULTS,
    out: Corrected | None = None,
    threads: int | None = None,
) -> Corrected:
    """Correct frames of one DSSC module: ``d = raw − Offset[cell]``; the gain stage is always 0.

    Parameters
    ----------
    raw : ndarray of uint16
        (frame, 128, 512) or (frame, 1, 128, 512).
    cells, constants, options, out, threads
        See `correct_agipd`.

    Raises
    ------
    DataError
        Shapes or types do not fit.

    Examples
    --------
    >>> import numpy as np
    >>> constants = DSSCConstants.from_mapping({"Offset": np.full((1, 1, 128, 512), 40, "f4")})
    >>> raw = np.full((1, 1, 128, 512), 47, "u2")
    >>> correct_dssc(raw, np.array([0]), constants).data[0, 0, 0]
    np.float32(7.0)
    """
    array = np.asarray(raw)
    if array.dtype != np.uint16 or array.shape[1:] not in (SHAPE, (1, *SHAPE)):
        raise DataError(
            f"DSSC frames are uint16 (frames, 1, 128, 512), these {array.dtype} {array.shape}"
        )
    reading = Reading(kernel.NONE, zeroed=(options.zero_nans << 11) | (options.zero_orange << 12))
    flat = np.ascontiguousarray(array).reshape(len(array), 1, SHAPE[0] * SHAPE[1])
    return correct_staged(
        flat, cells, constants.packed(), reading, shape=SHAPE, out=out, threads=threads
    )
