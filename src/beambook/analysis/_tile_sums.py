"""Sums over the elements of each row: the machine behind trends."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from beambook.data._reduce.machine import Elements, Machine, Shape

__all__ = ["TILE", "TileSums"]

TILE = 1024  # elements; threads share rows in whole tiles, so that sums do not depend on them


class TileSums(Machine):
    """Sum of all elements of the rows of each group, and how many were NaN.

    Whole numbers of 32 bits or less are summed exactly; everything else in float64, tile by tile.

    Parameters
    ----------
    form : Shape
    """

    def __init__(self, form: Shape) -> None:
        self.exact = not form.is_float and form.dtype.itemsize <= 4
        super().__init__(form)

    def clear(self) -> None:
        """Forget everything."""
        super().clear()
        shape = self.form.groups, -(-self.form.elements // TILE)
        self._sums: NDArray[Any] = np.zeros(shape, np.int64 if self.exact else np.float64)
        self._nan = np.zeros(shape, np.int64)

    @property
    def ordered(self) -> bool:
        """See `Machine.ordered`."""
        return not self.exact

    def eat(
        self, block: NDArray[Any], group: NDArray[np.int32], elements: Elements, worker: int
    ) -> None:
        """See `Machine.eat`."""
        used = group >= 0
        values, lines = block[used, slice(*elements)], group[used]
        if not values.size:
            return
        starts = np.arange(0, values.shape[1], TILE)
        first = elements[0] // TILE
        where = (lines[:, None], first + np.arange(len(starts)))
        if self.form.is_float and (bad := np.isnan(values)).any():
            np.add.at(self._nan, where, np.add.reduceat(bad, starts, axis=1, dtype=np.int64))
            values = np.where(bad, 0, values)
        sums = np.add.reduceat(values, starts, axis=1, dtype=self._sums.dtype)
        np.add.at(self._sums, where, sums)

    def _join(self, other: TileSums) -> None:
        self._sums += other._sums
        self._nan += other._nan

    @property
    def nan(self) -> NDArray[np.int64]:
        """NaN left out: ndarray (group, tile)."""
        return self._nan

    @property
    def sums(self) -> NDArray[Any]:
        """Sum of each group: ndarray (group,) of int64 or float64."""
        return np.asarray(self._sums.sum(axis=1))

    @property
    def numbers(self) -> NDArray[np.int64]:
        """Values summed: ndarray (group,)."""
        return np.asarray(self.frames * self.form.elements - self._nan.sum(axis=1))
