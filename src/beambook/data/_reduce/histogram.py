"""How often values are in bins, over all elements."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from beambook.data._reduce.machine import Elements, Machine, Shape
from beambook.errors import ParameterError

__all__ = ["Histogram"]

LANES = 4
FEW = 1 << 16  # counts of one lane up to which lanes are worth their memory


class Histogram(Machine):
    """Counts of the values of all elements in bins; the last bin includes its upper edge.

    Parameters
    ----------
    form : Shape
    edges : ndarray (bin + 1,)
        Ascending and finite.
    used : ndarray of bool, (*shape), optional
        Elements to count; by default all.
    """

    def __init__(
        self, form: Shape, edges: NDArray[Any], used: NDArray[np.bool_] | None = None
    ) -> None:
        self.edges = np.asarray(edges, np.float64)
        if self.edges.ndim != 1 or len(self.edges) < 2 or not np.isfinite(self.edges).all():
            raise ParameterError("Edges of bins must be two or more finite numbers")
        if (np.diff(self.edges) < 0).any():
            raise ParameterError("Edges of bins must ascend")
        everything = np.ones(form.elements, np.uint8)
        self._used = everything if used is None else used.reshape(-1).astype(np.uint8)
        self._table = _table(form.dtype, self.edges) if form.is_narrow else None
        super().__init__(form)

    def clear(self) -> None:
        """Forget everything."""
        super().clear()
        self._counts = np.zeros((self.form.groups, len(self.edges) + 2), np.int64)
        self._lanes = np.zeros((0, 0, 0, 0), np.int64)

    def prepare(self, workers: int) -> None:
        """Each thread has counts of its own, in lanes; see the kernels."""
        self._gather()
        lanes = LANES if self._counts.size <= FEW else 1
        self._lanes = np.zeros((workers, lanes, *self._counts.shape), np.int64)

    def _gather(self) -> None:
        if len(self._lanes):
            self._counts += self._lanes.sum(axis=(0, 1))
            self._lanes = self._lanes[:0]

    def eat(
        self, block: NDArray[Any], group: NDArray[np.int32], elements: Elements, worker: int
    ) -> None:
        """See `Machine.eat`."""
        from beambook.data._reduce import kernels  # loads numba

        mine = self._lanes[worker]
        if self._table is not None:
            kernels.bin_narrow(block, group, elements, self._used, self._table, mine)
        else:
            kernels.bin_wide(block, group, elements, self._used, self._scaled, mine)

    @property
    def _scaled(self) -> tuple[NDArray[np.float64], float]:
        """The edges, and 1 / width of bins of one width."""
        width = np.diff(self.edges)
        even = width.min() > 0 and np.ptp(width) < 1e-6 * width.mean()
        return self.edges, float(1 / width.mean()) if even else 0.0

    def _join(self, other: Histogram) -> None:
        if not np.array_equal(self.edges, other.edges):
            raise ParameterError("Only histograms of the same bins can be merged")
        self._gather()
        other._gather()
        self._counts += other._counts

    @property
    def counts(self) -> NDArray[np.int64]:
        """Values in each bin: ndarray (group, bin)."""
        self._gather()
        return self._counts[:, :-3]

    @property
    def count(self) -> NDArray[np.int64]:
        """Values in any bin: ndarray (group,)."""
        return np.asarray(self.counts.sum(axis=1))

    @property
    def nan(self) -> NDArray[np.int64]:
        """NaN left out: ndarray (group, 1)."""
        self._gather()
        return self._counts[:, -1:]

    @property
    def left_out(self) -> dict[str, int]:
        """Values in no bin, by reason."""
        self._gather()
        numbers = map(int, self._counts[:, -3:].sum(axis=0))
        return dict(zip(("below", "above", "nan"), numbers, strict=True))


def _table(dtype: np.dtype[Any], edges: NDArray[np.float64]) -> tuple[NDArray[np.int32], int]:
    """Bin of each whole number of 16 bits or less, and the smallest of these."""
    least, most = np.iinfo(dtype).min, np.iinfo(dtype).max
    values, last = np.arange(least, most + 1), len(edges) - 2
    bins = np.minimum(np.searchsorted(edges, values, side="right") - 1, last)
    bins[values < edges[0]] = last + 1
    bins[values > edges[-1]] = last + 2
    return bins.astype(np.int32), int(least)
