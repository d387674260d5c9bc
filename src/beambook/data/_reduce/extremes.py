"""Smallest and largest values, element by element."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from beambook.data._reduce.machine import Elements, Machine

__all__ = ["Extremes"]


class Extremes(Machine):
    """Smallest and largest value of each element; NaN is left out and counted."""

    def clear(self) -> None:
        """Forget everything."""
        super().clear()
        kind = self.form.dtype
        least, most = (
            (-np.inf, np.inf) if kind.kind == "f" else (np.iinfo(kind).min, np.iinfo(kind).max)
        )
        shape = self.form.groups, self.form.elements
        self._low, self._high = np.full(shape, most, kind), np.full(shape, least, kind)
        self._nan = self.form.nan()

    def eat(
        self, block: NDArray[Any], group: NDArray[np.int32], elements: Elements, worker: int
    ) -> None:
        """See `Machine.eat`."""
        from beambook.data._reduce import kernels  # loads numba

        kernels.extremes(block, group, elements, self._low, self._high, self._nan)

    def _join(self, other: Extremes) -> None:
        np.minimum(self._low, other._low, out=self._low)
        np.maximum(self._high, other._high, out=self._high)
        self._nan += other._nan

    @property
    def nan(self) -> NDArray[np.int64]:
        """See `Machine.nan`."""
        return self._nan

    @property
    def low(self) -> NDArray[Any]:
        """Smallest: of the type of the values, or float64 with NaN where there are none."""
        return self._known(self._low)

    @property
    def high(self) -> NDArray[Any]:
        """Largest, as `low`."""
        return self._known(self._high)

    def _known(self, values: NDArray[Any]) -> NDArray[Any]:
        found = self.shaped(values, values.dtype)
        number = self.count.reshape((self.form.groups, *self.count.shape[1:]))
        number = number.reshape(number.shape + (1,) * (found.ndim - number.ndim))
        if (number > 0).all():
            return found
        return np.where(number > 0, found, np.nan)
