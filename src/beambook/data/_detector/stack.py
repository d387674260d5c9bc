"""Rows of several modules side by side: which row of which file is a train's, in each module."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from beambook.data._cached_property import cached_property
from beambook.data._store import Store

__all__ = ["Pieces", "Slots", "Stack", "merged", "module_pieces"]

Int = NDArray[np.int64]
Bool = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Stack:
    """Rows of each train of one index group, in each module.

    Modules belong together if they have the same train. In a train where modules have
    different numbers of rows nobody can tell which row is which: those that have
    as many as most of them count, the others count as missing (`odd`).

    Attributes
    ----------
    train_ids : ndarray of uint64, (trains,)
    part : ndarray of intp, (modules, trains)
        Position of the part in the store.
    first, count : ndarray of int64, (modules, trains)
        As in `beambook.data._format.Rows`.
    """

    train_ids: NDArray[np.uint64]
    part: NDArray[np.intp]
    first: Int
    count: Int

    @classmethod
    def of(
        cls, store: Store, sources: Sequence[str], group: str, train_ids: NDArray[np.uint64]
    ) -> Stack:
        """Rows of these sources."""
        tables = [store.table(source, group).at(train_ids) for source in sources]
        return cls(
            train_ids,
            np.stack([table.part for table in tables]),
            np.stack([table.first for table in tables]),
            np.stack([table.count for table in tables]),
        )

    def trains(self, which: Any) -> Stack:
        """The same for some of the trains, by position."""
        return Stack(
            self.train_ids[which], self.part[:, which], self.first[:, which], self.count[:, which]
        )

    @cached_property
    def rows(self) -> Int:
        """Rows of each train: as many as most modules with data have, the larger of two ties."""
        rows = self.count.max(axis=0, initial=0)
        least = np.where(self.count > 0, self.count, rows).min(axis=0, initial=0)
        for_vote = np.flatnonzero(least < rows)
        if len(for_vote):
            counts = self.count[:, for_vote]
            votes = (counts[:, None] == counts[None]).sum(axis=1) * (counts > 0)
            best = np.argmax(votes * (rows.max() + 1) + counts, axis=0)
            rows[for_vote] = counts[best, np.arange(len(for_vote))]
        return np.asarray(rows)

    @cached_property
    def valid(self) -> Bool:
        """Whether each module's rows of a train count, (modules, trains)."""
        return np.asarray((self.count == self.rows) & (self.rows > 0))

    @property
    def odd(self) -> Bool:
        """Whether a module has rows, but not as many as most others, (modules, trains)."""
        return np.asarray((self.count > 0) & (self.count != self.rows))


@dataclass(frozen=True, eq=False)
class Slots:
    """The axis along which modules are stacked: places for the rows of each train.

    Attributes
    ----------
    sizes : ndarray of int64, (trains,)
        Places of each train.
    chosen : ndarray of int64, (slots,) or None
        The places that are wanted, ascending; None for all.
    """

    sizes: Int
    chosen: Int | None = None

    @cached_property
    def first(self) -> Int:
        """The first place of each train."""
        return np.asarray(np.cumsum(self.sizes) - self.sizes)

    @cached_property
    def all(self) -> int:
        """Number of places, chosen or not."""
        return int(self.sizes.sum())

    def __len__(self) -> int:
        return self.all if self.chosen is None else len(self.chosen)

    @cached_property
    def train(self) -> Int:
        """Position of the train of each slot."""
        return np.asarray(self.of(np.repeat(np.arange(len(self.sizes)), self.sizes)))

    @cached_property
    def position(self) -> Int:
        """Position of each slot within its train."""
        which = np.arange(self.all) if self.chosen is None else self.chosen
        return np.asarray(which - self.first[self.train])

    @cached_property
    def counts(self) -> Int:
        """Chosen places of each train."""
        if self.chosen is None:
            return self.sizes
        return np.bincount(self.train, minlength=len(self.sizes)).astype(np.int64)

    def of(self, values: NDArray[Any]) -> NDArray[Any]:
        """Of values for all places, those that are chosen."""
        return values if self.chosen is None else values[self.chosen]


@dataclass(frozen=True, eq=False)
class Pieces:
    """Consecutive rows of one module and where they go.

    Attributes
    ----------
    part : ndarray of intp, (pieces,)
        The part that they are in.
    source, target, count : ndarray of int64, (pieces,)
        First row in the data set, first row in the result, and how many.
    """

    part: NDArray[np.intp]
    source: Int
    target: Int
    count: Int

    def covers(self, length: int) -> Bool:
        """Which of so many rows of the result they fill."""
        edges = np.zeros(length + 1, np.int64)
        edges[self.target] += 1  # no two pieces begin, or end, at the same row
        edges[self.target + self.count] -= 1
        return np.asarray(np.cumsum(edges[:-1]) > 0)

    def sorted(self) -> Pieces:
        """In the order of their targets."""
        if (self.target[1:] > self.target[:-1]).all():
            return self
        order = np.argsort(self.target)
        return Pieces(*(a[order] for a in (self.part, self.source, self.target, self.count)))

    def between(self, start: int, stop: int) -> Pieces:
        """What goes to the rows from `start` up to `stop`; they must be sorted."""
        begin = int(np.searchsorted(self._ends, start, side="right"))
        end = int(np.searchsorted(self.target, stop))
        if begin == 0 and end == len(self.target) and self._inside(start, stop):
            return self
        target, source = self.target[begin:end], self.source[begin:end]
        low = np.maximum(target, start)
        high = np.minimum(self._ends[begin:end], stop)
        return Pieces(self.part[begin:end], source + low - target, low, high - low)

    @cached_property
    def _ends(self) -> Int:
        return self.target + self.count

    def _inside(self, start: int, stop: int) -> bool:
        if not len(self.target):
            return True
        return bool(self.target[0] >= start and self.target[-1] + self.count[-1] <= stop)


def module_pieces(
    stack: Stack,
    module: int,
    slots: Slots,
    usable: Bool,
    *,
    target: Int | None = None,
    without: Bool | None = None,
) -> Pieces:
    """What to read of a module.

    Parameters
    ----------
    stack : Stack
    module : int
        Its position in the stack.
    slots : Slots
    usable : ndarray of bool, (trains,)
        Whether the module's rows of a train count.
    target : ndarray of int64, (slots,), optional
        Where each slot goes; one after another by default.
    without : ndarray of bool, (slots,), optional
        Slots that are left out.
    """
    part, first = stack.part[module], stack.first[module]
    if slots.chosen is None and target is None and without is None:
        ok = np.flatnonzero(usable & (slots.sizes > 0))
        return merged(part[ok], first[ok], slots.first[ok], slots.sizes[ok])
    keep = usable[slots.train]
    if without is not None:
        keep &= ~without
    ok = np.flatnonzero(keep)
    train = slots.train[ok]
    source = first[train] + slots.position[ok]
    return merged(part[train], source, ok if target is None else target[ok], np.ones_like(ok))


def merged(part: NDArray[np.intp], source: Int, target: Int, count: Int) -> Pieces:
    """Put neighbours together that are neighbours in the file and in the result."""
    if not len(part):
        return Pieces(part, source, target, count)
    apart = (part[1:] != part[:-1]) | (source[1:] != source[:-1] + count[:-1])
    apart |= target[1:] != target[:-1] + count[:-1]
    begins = np.append(0, np.flatnonzero(apart) + 1)
    return Pieces(part[begins], source[begins], target[begins], np.add.reduceat(count, begins))
