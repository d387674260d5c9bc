"""The sums of each ring, of single frames and of eight at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from beambook.detector._frames import Frames
from beambook.detector._lanes import LANES, TERMS
from beambook.detector._ring_kernel import add_eight, add_good, add_squares, add_values
from beambook.detector._rings import Rings

__all__ = ["RingSums"]

FEW = 2  # frames that are not worth being added side by side
EXACT = frozenset({"b1", "i1", "u1", "i2", "u2", "f2", "f4"})  # in float32
NONE_BAD = np.zeros((0, 0, 0), np.bool_)

Place = tuple[int, ...]


class RingSums:
    """Adds up frames; the parts of a stack may be done by several threads.

    Parameters
    ----------
    given : Frames
    rings : Rings
    bad : ndarray of bool, as the frames, or None
        Pixels left out of each frame.
    sums : ndarray (..., 5, bin) float64
        Where to put what `add_good` says.
    squares : bool
        Whether squares are wanted.
    """

    def __init__(
        self,
        given: Frames,
        rings: Rings,
        bad: NDArray[np.bool_] | None,
        sums: NDArray[np.float64],
        *,
        squares: bool,
    ) -> None:
        self.values, self.bad, self.sums, self.squares = given.values, bad, sums, squares
        # whole: sums of the weights, where no pixel is left out
        self.ring, self.weight, self.whole = rings.part(given.modules)
        pixels = self.ring[0].size
        kind = self.values.dtype
        self.side_by_side = f"{kind.kind}{kind.itemsize}" in EXACT and pixels % LANES == 0
        self.some_bad = bad is not None

    def __call__(self, frames: list[Place]) -> None:
        """Add up at most eight frames."""
        if self.side_by_side and len(frames) > FEW:
            self._eight(frames)
        else:
            for frame in frames:
                self._one(frame)

    def _one(self, frame: Place) -> None:
        values = self.values[frame]
        if values.dtype.kind == "b" or values.dtype.itemsize == 2 or not values.dtype.isnative:
            values = values.astype(np.float64)
        bins = self.whole.shape[1]
        total, square = np.zeros(bins + 1), np.zeros(bins + 1)
        found = self.sums[frame]
        if self.bad is None:
            if self.squares:
                add_squares(values, self.ring, self.weight, total, square)
            else:
                add_values(values, self.ring, total)
            found[0], found[1], found[2:] = total[:-1], square[:-1], self.whole
        if self.bad is not None or not np.isfinite(total[:-1]).all():
            every = np.empty((TERMS, bins + 1))
            bad = NONE_BAD if self.bad is None else self.bad[frame]
            add_good(values, bad, self.ring, self.weight, every)
            found[:] = every[:, :-1]

    def _eight(self, frames: list[Place]) -> None:
        values = [self._plain(frame) for frame in frames]
        if not self.some_bad:
            terms = 2 if self.squares else 1
            found = self._added(values, terms)
            if np.isfinite(found).all():
                for k, frame in enumerate(frames):
                    self.sums[frame][:terms] = found[:, :, k].T
                    self.sums[frame][terms:2] = 0
                    self.sums[frame][2:] = self.whole
                return
            self.some_bad = True  # the rest of the stack will be so, too
        found = self._added(values, TERMS)
        for k, frame in enumerate(frames):
            self.sums[frame] = found[:, :, k].T

    def _plain(self, frame: Place) -> NDArray[np.float32]:
        """A frame as float32, each module's pixels contiguous, NaN where it is bad."""
        values = self.values[frame]
        if self.bad is not None:
            marked = values.astype(np.float32)
            marked[self.bad[frame]] = np.nan
            return np.ascontiguousarray(marked)
        size, width = 4, values.shape[-1]
        if values.dtype != np.float32 or values.strides[1:] != (size * width, size):
            values = np.ascontiguousarray(values, np.float32)
        plain: NDArray[np.float32] = values
        return plain

    def _added(self, values: list[NDArray[np.float32]], terms: int) -> NDArray[np.float64]:
        """Sums (bin, term, 8) of up to eight frames; the last one is taken for those that lack."""
        addresses = [v.ctypes.data for v in values]
        addresses += addresses[-1:] * (LANES - len(values))
        modules = len(self.ring)
        found = np.empty((self.whole.shape[1] + 1, terms, LANES))
        add_eight(
            np.array(addresses), values[0].strides[0], self.ring.reshape(modules, -1),
            self.weight.reshape(modules, -1), found,
        )  # fmt: skip
        return found[:-1]
