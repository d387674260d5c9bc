"""What a correction gives back, and the frames that it works on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from beambook.calibration._bad_pixels import BadPixels
from beambook.data._findings import warn
from beambook.errors import DataError

__all__ = ["Corrected", "Frames"]

Number = TypeVar("Number", bound=np.generic)


@dataclass(frozen=True)
class Corrected:
    """Corrected frames of one module.

    Attributes
    ----------
    data : ndarray (frame, slow_scan, fast_scan) float32
        In ADU of high gain, in keV or in photons: what the options and constants give.
    gain : ndarray (frame, slow_scan, fast_scan) uint8
        Gain stage: 0 high, 1 medium, 2 low.
    mask : ndarray (frame, slow_scan, fast_scan) uint32
        `BadPixels`; 0 is good.
    counts : mapping of str to int
        What was met in this block, at least ``frames`` and ``frames_without_constants``.
    """

    data: NDArray[np.float32]
    gain: NDArray[np.uint8]
    mask: NDArray[np.uint32]
    counts: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))

    @classmethod
    def empty(cls, frames: int, shape: tuple[int, int], out: Corrected | None = None) -> Corrected:
        """Arrays to be filled: new ones, or the first `frames` of those of `out`.

        Raises
        ------
        DataError
            `out` is too short, or its arrays are not contiguous ones of these shapes and types.
        """
        whole = (frames, *shape)
        if out is None:
            return cls(
                np.empty(whole, np.float32), np.empty(whole, np.uint8), np.empty(whole, np.uint32)
            )
        return cls(
            _part(out.data, np.float32, whole),
            _part(out.gain, np.uint8, whole),
            _part(out.mask, np.uint32, whole),
        )

    def flat(self) -> tuple[NDArray[np.float32], NDArray[np.uint8], NDArray[np.uint32]]:
        """The three arrays as (frame, pixel)."""
        frames, slow, fast = self.data.shape
        return (
            self.data.reshape(frames, slow * fast),
            self.gain.reshape(frames, slow * fast),
            self.mask.reshape(frames, slow * fast),
        )


def _part(array: NDArray[Number], dtype: type[Number], shape: tuple[int, ...]) -> NDArray[Number]:
    fits = array.dtype == dtype and array.shape[1:] == shape[1:] and len(array) >= shape[0]
    if not (fits and array.flags.c_contiguous and array.flags.writeable):
        raise DataError(
            f"out has {array.dtype} {array.shape} where {np.dtype(dtype)} {shape} is needed",
            hint="Arrays to be used again are contiguous, writeable, and as long or longer.",
        )
    return array[: shape[0]]


@dataclass(frozen=True)
class Frames:
    """Frames of a block by memory cell: constants are then read once for all trains.

    Attributes
    ----------
    order : ndarray of int64
        Numbers of the frames that have constants, sorted by cell, else in the order given.
    starts : ndarray (cells + 1,) of int64
        Where in `order` the frames of each cell begin.
    strangers : ndarray of int64
        Numbers of the frames whose cell no constant is for.
    """

    order: NDArray[np.int64]
    starts: NDArray[np.int64]
    strangers: NDArray[np.int64]

    @classmethod
    def of(cls, cells: NDArray[np.integer], frames: int, known: int) -> Frames:
        """Sort the frames.

        Parameters
        ----------
        cells : array_like (frame,) of int
        frames : int
            How many there are.
        known : int
            Memory cells that the constants are for.

        Raises
        ------
        DataError
            One cell for each frame is needed.
        """
        numbers = np.asarray(cells)
        if numbers.shape != (frames,) or numbers.dtype.kind not in "iu":
            raise DataError(
                f"{frames} frames, but cells is {numbers.dtype} {numbers.shape}",
                hint="Give the memory cell of each frame, as whole numbers.",
            )
        inside = (numbers >= 0) & (numbers < known)
        order = np.argsort(np.where(inside, numbers, known).astype(np.int64), kind="stable")
        order = order[: np.count_nonzero(inside)]
        counts = np.bincount(numbers[order].astype(np.int64), minlength=known)
        starts = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
        return cls(order, starts, np.flatnonzero(~inside))

    def mark_strangers(self, into: Corrected, *, zero: bool) -> None:
        """Frames without constants: NaN (or 0), high gain, masked; said once for the block."""
        if not len(self.strangers):
            return
        into.data[self.strangers] = 0 if zero else np.nan
        into.gain[self.strangers] = 0
        into.mask[self.strangers] = BadPixels.NO_DARK_DATA | BadPixels.VALUE_IS_NAN
        known = len(self.starts) - 1
        warn(
            f"{len(self.strangers)} of {len(into.data)} frames are of memory cells beyond the "
            f"{known} of the constants; they are NaN and masked NO_DARK_DATA"
        )

    def counts(self) -> dict[str, int]:
        """How many frames, and how many without constants."""
        return {
            "frames": len(self.order) + len(self.strangers),
            "frames_without_constants": len(self.strangers),
        }
