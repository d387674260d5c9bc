"""A part that answers from the index of its run, and asks the file what is not in it."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from beambook.data._cached_property import cached_property
from beambook.data._findings import Finding
from beambook.data._format import Part, Rows, Signal
from beambook.data._hdf5 import StoredFile, changed, pool
from beambook.data._sidecar.code import (
    pack,
    pack_rows,
    pack_signal,
    unpack,
    unpack_rows,
    unpack_signal,
)
from beambook.data._sidecar.entry import Entry

if TYPE_CHECKING:
    from beambook.data._sidecar.sidecar import Sidecar

__all__ = ["IndexedPart", "Lease"]

T = TypeVar("T")


class Lease:
    """Files that are closed when the last of their parts is forgotten.

    One for all, because to watch each of a thousand parts takes longer than to open the run.
    """

    def __init__(self, paths: Sequence[Path]) -> None:
        weakref.finalize(self, _release, tuple(paths)).atexit = False


def _release(paths: Sequence[Path]) -> None:
    for path in paths:
        pool.release(path)


@dataclass(frozen=True, eq=False)
class IndexedPart:
    """One file of a run with an index. See `beambook.data._format.Part` for the attributes.

    Attributes
    ----------
    entry : Entry
    file : StoredFile
        The file, as it was when it was indexed.
    sidecar : Sidecar
        The index of the run.
    read : Part or None
        What the format has read, if it had to.
    lease : Lease or None
        Keeps the files of an opening from being closed for good.
    """

    entry: Entry
    file: StoredFile
    sidecar: Sidecar
    read: Part | None = None
    lease: Lease | None = None

    @cached_property
    def own(self) -> Part:
        """The part as the format reads it.

        Raises
        ------
        DamagedFile
            The file is not in the state that the index is of.
        """
        part = self.read or self.sidecar.read_part(self.file.path)
        if part.file.stamp != self.file.stamp:
            raise changed(self.file)
        return part

    @classmethod
    def of(
        cls, path: Path, entry: Entry, sidecar: Sidecar, lease: Lease, read: Part | None = None
    ) -> IndexedPart:
        """The part of a file that is in the state of the entry."""
        return cls(entry, StoredFile(path, entry.sight.stamp, entry.guard), sidecar, read, lease)

    @property
    def event_ids(self) -> NDArray[np.uint64]:
        """Ids of the events in stored order."""
        return self.entry.event_ids

    @property
    def suspect(self) -> NDArray[np.bool_]:
        """Whether the id of each event is doubtful."""
        return self.entry.suspect

    @property
    def sources(self) -> Mapping[str, str]:
        """Name of each source and its kind."""
        return self.entry.listing.sources

    @property
    def legacy(self) -> Mapping[str, str]:
        """Old name of a source: its name now."""
        return self.entry.listing.legacy

    @property
    def modules(self) -> Mapping[str, tuple[str, str]]:
        """Sources that are modules of an area detector."""
        return self.entry.listing.modules

    @property
    def writer(self) -> str:
        """Who wrote it."""
        return self.entry.writer

    @property
    def sequence(self) -> int | None:
        """Number of the part among those of its writer."""
        return self.entry.sequence

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What was wrong when the file was read."""
        return self.entry.findings

    @cached_property
    def times(self) -> NDArray[np.datetime64]:
        """When each event was, in UTC."""
        events = len(self.event_ids)

        def decode(coded: Any) -> NDArray[np.datetime64]:
            found = unpack(coded)
            if len(found) != events:
                raise ValueError("length")
            return found.view("M8[ns]")

        return self._answer(
            *("", "times", "", lambda: self.own.times[:events]),
            *(lambda times: pack(times.astype("M8[ns]").view(np.int64)), decode),
        )

    @cached_property
    def facts(self) -> Mapping[str, str | int]:
        """What the file says about the run."""
        return self._answer("", "facts", "", lambda: self.own.facts, dict, dict)

    def names(self, source: str, *, constant: bool = False) -> frozenset[str]:
        """Keys of a source."""
        return self._answer(
            *(source, "constants" if constant else "names", ""),
            lambda: self.own.names(source, constant=constant),
            *(self.sidecar.schemas.digest, self.sidecar.schemas.names),
        )

    def signal(self, source: str, name: str, *, constant: bool = False) -> Signal | None:
        """One key, or None where the file does not have it."""
        return self._answer(
            *(source, "constant" if constant else "signal", name),
            lambda: self.own.signal(source, name, constant=constant),
            *(pack_signal, unpack_signal),
        )

    def rows(self, source: str, group: str) -> Rows | None:
        """Which rows belong to each event, or None where the file has no such index."""
        events = len(self.event_ids)

        def ask() -> Rows | None:
            rows = self.own.rows(source, group)
            return rows and Rows(rows.first[:events], rows.count[:events])

        return self._answer(
            source, "rows", group, ask, pack_rows, lambda coded: unpack_rows(coded, events)
        )

    def _answer(
        self,
        source: str,
        kind: str,
        subject: str,
        ask: Callable[[], T],
        encode: Callable[[T], Any],
        decode: Callable[[Any], T],
    ) -> T:
        question = source, kind, subject
        found = self.sidecar.recall(self.entry, question, decode)
        if found:
            return found[0]
        answer = ask()
        self.sidecar.remember(self.entry, self.file.path, question, lambda: encode(answer))
        return answer
