"""Mean and standard deviation of digital gain levels, of each pixel and memory cell."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from beambook.calibration._dark.by_cell import ByCell, Groups
from beambook.calibration._dark.level_kernel import add_values

__all__ = ["LevelStatistics", "LevelValue"]


@dataclass(frozen=True, eq=False)
class LevelValue:
    """What `LevelStatistics` found.

    Attributes
    ----------
    mean, noise : ndarray of float64, (cells, slow, fast)
        NaN where there are no frames.
    """

    mean: NDArray[np.float64]
    noise: NDArray[np.float64]


class LevelStatistics(ByCell):
    """Adds up whole numbers and their squares: mean and standard deviation without rounding.

    18 bytes for each pixel and cell.

    Examples
    --------
    >>> levels = LevelStatistics(1, (1, 2))
    >>> levels.push(np.array([[[8000, 9]], [[8004, 9]]], np.uint16))
    >>> levels.value.mean, levels.value.noise
    (array([[[8002.,    9.]]]), array([[[2., 0.]]]))
    """

    def _allocate(self, cells: int, pixels: int) -> None:
        self._pivot = np.zeros((cells, pixels), np.uint16)
        self._sums = np.zeros((cells, pixels), np.int64)
        self._squares = np.zeros((cells, pixels), np.int64)

    @property
    def nbytes(self) -> int:
        """Memory held, in bytes."""
        return self._pivot.nbytes + self._sums.nbytes + self._squares.nbytes

    def _push(self, rows: NDArray[np.uint16], groups: Groups) -> None:
        for cell, frames in groups:
            if not self._pushed[cell]:
                self._pivot[cell] = rows[frames[0]]
        self._share(
            (
                partial(
                    add_values, rows, frames, pixels,
                    self._pivot[cell], self._sums[cell], self._squares[cell],
                ),
                len(frames),
            )
            for cell, frames in groups
            for pixels in self._pieces()
        )  # fmt: skip

    def _merge(self, other: LevelStatistics) -> None:
        for cell in np.flatnonzero(other._pushed):
            if not self._pushed[cell]:
                self._pivot[cell] = other._pivot[cell]
            shift = other._pivot[cell].astype(np.int64) - self._pivot[cell]
            number, sums = int(other._pushed[cell]), other._sums[cell]
            self._sums[cell] += sums + number * shift
            self._squares[cell] += other._squares[cell] + shift * (2 * sums + number * shift)

    def _clear(self) -> None:
        self._sums[:] = 0
        self._squares[:] = 0

    @property
    def value(self) -> LevelValue:
        """Mean and standard deviation as of now."""
        number = self._pushed[:, None]
        with np.errstate(invalid="ignore", divide="ignore"):
            mean = self._sums / number
            # Around an integer next to the mean, so that all but one small term is exact.
            near = self._sums // np.maximum(number, 1)
            rest = self._sums - near * number
            squares = self._squares - 2 * near * self._sums + near * near * number
            variance = squares / number - (rest / number) ** 2
        full = (len(self.cells), *self.shape)
        noise = np.sqrt(np.maximum(variance, 0))
        return LevelValue((mean + self._pivot).reshape(full), noise.reshape(full))
