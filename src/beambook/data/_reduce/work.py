"""What a reduction reads: rows in order, told in numbers that another computer understands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from beambook.data._detector.mask import Mask
from beambook.data._hdf5 import StoredFile
from beambook.data._reading.read import Plan, read_plans
from beambook.data._reading.roi import Roi
from beambook.data._reading.stream import Stream

__all__ = ["Work", "in_memory"]

Int = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Work:
    """Rows of some data sets in order, and the group of each. No data: a few numbers a piece.

    Attributes
    ----------
    sets : tuple of (StoredFile, str)
        Files and paths of the data sets.
    of, source, count : ndarray of int64, (pieces,)
        Each piece is `count` rows of the data set at `of` in `sets`, from row `source` on.
    group : ndarray of int32, (rows,) or None
        Line of the result that each row belongs to; None: all to one.
    dtype : numpy.dtype
        Of the rows in memory.
    roi : Roi
        Of each entry.
    mask : (Work, Mask) or None
        What says which elements are bad, row by row, and which reasons count.
    """

    sets: tuple[tuple[StoredFile, str], ...]
    of: Int
    source: Int
    count: Int
    group: NDArray[np.int32] | None
    dtype: np.dtype[Any]
    roi: Roi
    mask: tuple[Work, Mask] | None = None

    @classmethod
    def of_plans(cls, plans: Sequence[Plan], roi: Roi, dtype: np.dtype[Any]) -> Work:
        """All rows of the plans, in the order of their targets; these may have gaps."""
        of = np.repeat(np.arange(len(plans)), [len(plan.source) for plan in plans])
        source, target, count = (
            np.concatenate([np.zeros(0, np.int64), *(getattr(plan, name) for plan in plans)])
            for name in ("source", "target", "count")
        )
        order = np.argsort(target, kind="stable")
        sets = tuple((plan.file, plan.dataset) for plan in plans)
        kind = in_memory(dtype)
        return cls(sets, of[order], source[order], count[order], None, kind, roi)

    def grouped(self, group: NDArray[np.int32] | None) -> Work:
        """The same rows in groups, less those in none.

        Parameters
        ----------
        group : ndarray of int32, (rows,) or None
            Negative for none.
        """
        work = replace(self, group=group)
        return work if group is None or (group >= 0).all() else work._only(group >= 0)

    def _only(self, keep: NDArray[np.bool_]) -> Work:
        rows = np.arange(self.rows)
        of = np.repeat(self.of, self.count)[keep]
        source = (rows - np.repeat(self._begin - self.source, self.count))[keep]
        new = np.append(True, (of[1:] != of[:-1]) | (source[1:] != source[:-1] + 1))[: len(of)]
        first = np.flatnonzero(new)
        group = None if self.group is None else self.group[keep]
        count = np.diff(np.append(first, len(of)))
        mask = self.mask and (self.mask[0]._only(keep), self.mask[1])
        return replace(
            self, of=of[first], source=source[first], count=count, group=group, mask=mask
        )

    @property
    def _begin(self) -> Int:
        """Place of each piece's first row in the order of all."""
        return np.cumsum(self.count) - self.count

    @property
    def rows(self) -> int:
        """How many there are."""
        return int(self.count.sum())

    @property
    def elements(self) -> int:
        """Numbers in a row, after the region of interest was cut out."""
        return prod(self.roi.shape)

    @property
    def row_bytes(self) -> int:
        """Memory of a row, with its mask."""
        mask = self.mask[0].row_bytes if self.mask else 0
        return max(1, self.elements * self.dtype.itemsize) + mask

    def part(self, start: int, stop: int) -> Work:
        """Some of the rows."""
        begin = self._begin
        end = begin + self.count
        there = np.flatnonzero((end > start) & (begin < stop))
        skipped = np.maximum(start - begin[there], 0)
        return replace(
            self,
            of=self.of[there],
            source=self.source[there] + skipped,
            count=np.minimum(end[there], stop) - begin[there] - skipped,
            group=None if self.group is None else self.group[start:stop],
            mask=self.mask and (self.mask[0].part(start, stop), self.mask[1]),
        )

    def _plans(self) -> list[Plan]:
        begin = self._begin
        plans = []
        for number in np.flatnonzero(np.bincount(self.of)):
            mine = self.of == number
            file, dataset = self.sets[number]
            plans.append(Plan(file, dataset, self.source[mine], begin[mine], self.count[mine]))
        return plans

    def stream(self, rows: int) -> Stream | None:
        """What reads it in blocks of so many rows, if they are stored as they are in memory."""
        if self.mask is not None:
            return None
        return Stream.of(self._plans(), self.roi, self.dtype, rows=rows, total=self.rows)

    def read(self, out: NDArray[Any]) -> None:
        """Read all rows, in this thread.

        Parameters
        ----------
        out : ndarray, (rows, elements)

        Raises
        ------
        DamagedFile
            Rows cannot be read.
        """
        read_plans(self._plans(), out.reshape(len(out), *self.roi.shape), self.roi, threads=1)
        if self.mask is not None:
            work, mask = self.mask
            reasons = np.empty(out.shape, work.dtype)
            work.read(reasons)
            mask.apply(out, reasons)


def in_memory(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """The type that machine code takes."""
    other = {np.dtype(bool): np.uint8, np.dtype(np.float16): np.float32}
    return np.dtype(other.get(dtype, dtype.newbyteorder("=")))
