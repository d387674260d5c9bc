"""The core: signals of many files on one ordered axis of events. Knows no facility.

A `Store` is shared by everything that is selected from a run. It answers one question:
which rows of which file belong to event *e* of source *s*? Everything that reads goes
through the answer (`Table`), so that there is one place only where trains could be mixed up.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from beambook.data._cached_property import cached_property
from beambook.data._event_ids import all_of
from beambook.data._findings import Finding
from beambook.data._format import Part, Rows, Signal
from beambook.data._hdf5 import changed

__all__ = ["Store", "Table"]


@dataclass(frozen=True, eq=False)
class Table:
    """Rows of each event of one index group, events ascending and each once.

    Attributes
    ----------
    event_ids : ndarray of uint64, (events,)
    part : ndarray of intp, (events,)
        Position of the part in the store.
    first, count : ndarray of int64, (events,)
        As in `Rows`.
    repeated : int
        Entries left out because their event has another entry with data.
    """

    event_ids: NDArray[np.uint64]
    part: NDArray[np.intp]
    first: NDArray[np.int64]
    count: NDArray[np.int64]
    repeated: int = 0

    @classmethod
    def of(cls, entries: Iterable[tuple[int, Part, Rows]], *, suspect: bool = True) -> Table:
        """Bring entries of many parts in order.

        Of several entries for one event the one is taken that is not suspect, has rows, and
        was stored first, in this order of importance.

        Parameters
        ----------
        entries : iterable of (int, Part, Rows)
            The part's position in the store, the part, and its rows.
        suspect : bool
            Whether events with a doubtful id are taken at all.
        """
        found = list(entries)
        ids = _joined([part.event_ids for _, part, _ in found], np.uint64)
        doubt = _joined([part.suspect for _, part, _ in found], np.bool_)
        where = _joined([np.full(len(p.event_ids), n) for n, p, _ in found], np.intp)
        first = _joined([rows.first for _, _, rows in found], np.int64)
        count = _joined([rows.count for _, _, rows in found], np.int64)
        order = np.lexsort((np.arange(len(ids)), count == 0, doubt, ids))
        if not suspect:
            order = order[~doubt[order]]
        ids = ids[order]
        new = np.append(True, ids[1:] != ids[:-1])[: len(ids)]
        repeated = int(np.count_nonzero(count[order[~new]]))
        kept = order[new]
        return cls(ids[new], where[kept], first[kept], count[kept], repeated)

    def at(self, event_ids: NDArray[np.uint64]) -> Table:
        """The same for these events; count 0 where an event is not in the table."""
        if not len(self.event_ids):
            zero = np.zeros(len(event_ids), np.int64)
            return Table(event_ids, zero.astype(np.intp), zero, zero.copy())
        near = np.minimum(np.searchsorted(self.event_ids, event_ids), len(self.event_ids) - 1)
        there = self.event_ids[near] == event_ids
        count = np.where(there, self.count[near], 0)
        return Table(event_ids, self.part[near], self.first[near], count)


@dataclass(frozen=True, eq=False)
class Store:
    """All parts of a run.

    Attributes
    ----------
    parts : tuple of Part
    sources : mapping of str to tuple of int
        The parts that each source is in.
    suspect : bool
        Whether events with a doubtful id are taken.
    findings : tuple of Finding
        What was wrong when the parts were read.
    """

    parts: tuple[Part, ...]
    sources: Mapping[str, tuple[int, ...]]
    suspect: bool = True
    findings: tuple[Finding, ...] = ()
    _tables: dict[tuple[str, str], Table] = field(default_factory=dict, repr=False)
    _signals: dict[tuple[str, str], tuple[Signal | None, ...]] = field(
        default_factory=dict, repr=False
    )
    _names: dict[tuple[str, bool], frozenset[str]] = field(default_factory=dict, repr=False)

    @classmethod
    def of(
        cls, parts: Sequence[Part], *, suspect: bool = True, findings: tuple[Finding, ...] = ()
    ) -> Store:
        """All sources of these parts."""
        sources: dict[str, list[int]] = {}
        for number, part in enumerate(parts):
            for source in part.sources:
                sources.setdefault(source, []).append(number)
        return cls(
            tuple(parts), {s: tuple(n) for s, n in sources.items()}, suspect, tuple(findings)
        )

    def with_(self, other: Store) -> Store:
        """Both together; a file that is in both counts once.

        Raises
        ------
        DamagedFile
            A file has changed between the openings.
        """
        numbers = {part.file.path: number for number, part in enumerate(self.parts)}
        parts = list(self.parts)
        for part in other.parts:
            number = numbers.setdefault(part.file.path, len(parts))
            if number == len(parts):
                parts.append(part)
            elif part.file.stamp != parts[number].file.stamp:
                parts[number] = _later(parts[number], part)
        sources = {source: set(found) for source, found in self.sources.items()}
        for source, found in other.sources.items():
            moved = {numbers[other.parts[n].file.path] for n in found}
            sources.setdefault(source, set()).update(moved)
        return Store(
            tuple(parts),
            {source: tuple(sorted(found)) for source, found in sources.items()},
            self.suspect,
            tuple(dict.fromkeys((*self.findings, *other.findings))),
        )

    def only(self, sources: Iterable[str]) -> Store:
        """The same parts with some of the sources."""
        wanted = set(sources)
        kept = {source: found for source, found in self.sources.items() if source in wanted}
        return Store(self.parts, kept, self.suspect, self.findings)

    def kind(self, source: str) -> str:
        """``"control"`` or ``"instrument"``."""
        return self.parts[self.sources[source][0]].sources[source]

    @cached_property
    def legacy(self) -> dict[str, str]:
        """Old names of sources and the names they have now."""
        return {
            old: new
            for number, part in enumerate(self.parts)
            for old, new in part.legacy.items()
            if number in self.sources.get(old, ())  # else another run has it as a real name
        }

    @cached_property
    def event_ids(self) -> NDArray[np.uint64]:
        """Ids of all events of all sources, ascending, each once."""
        used = {number for found in self.sources.values() for number in found}
        return all_of([self.ids_of(self.parts[number]) for number in sorted(used)])

    def ids_of(self, part: Part) -> NDArray[np.uint64]:
        """Ids of a part's events, less the suspect ones where these are not wanted."""
        return part.event_ids if self.suspect else part.event_ids[~part.suspect]

    def table(self, source: str, group: str) -> Table:
        """Rows of all events of a source."""
        if (source, group) not in self._tables:
            entries = [
                (number, self.parts[number], rows)
                for number in self.sources[source]
                if (rows := self.parts[number].rows(source, group)) is not None
            ]
            self._tables[source, group] = Table.of(entries, suspect=self.suspect)
        return self._tables[source, group]

    def names(self, source: str, *, constant: bool = False) -> frozenset[str]:
        """Keys of a source, from the first part that has any."""
        if (source, constant) not in self._names:
            found = (self.parts[n].names(source, constant=constant) for n in self.sources[source])
            self._names[source, constant] = next(filter(None, found), frozenset())
        return self._names[source, constant]

    def signals(self, source: str, name: str) -> tuple[Signal | None, ...]:
        """One key in each part of the store (None in those that do not have it)."""
        if (source, name) not in self._signals:
            found: list[Signal | None] = [None] * len(self.parts)
            for number in self.sources[source]:
                found[number] = self.parts[number].signal(source, name)
            self._signals[source, name] = tuple(found)
        return self._signals[source, name]

    def forget_keys(self, source: str) -> None:
        """Forget what was found about the keys of a source; there may be very many."""
        for known in [item for item in self._signals if item[0] == source]:
            del self._signals[known]

    def has(self, source: str, name: str) -> bool:
        """Whether the source has a key of exactly this name, asking as few parts as possible."""
        if (source, False) in self._names:
            return name in self._names[source, False]
        if (source, name) in self._signals:
            return any(self._signals[source, name])
        return any(self.parts[n].signal(source, name) for n in self.sources[source])


def _later(one: Part, other: Part) -> Part:
    """Of two states of a file that is being written, the one that was seen later."""
    if not one.file.live or not other.file.live:
        raise changed(one.file)
    return max(one, other, key=lambda part: part.file.stamp[1:])


def _joined(arrays: Sequence[NDArray[np.generic]], dtype: type[np.generic]) -> NDArray:  # type: ignore[type-arg]
    return np.concatenate([np.zeros(0, dtype), *(a.astype(dtype, copy=False) for a in arrays)])
