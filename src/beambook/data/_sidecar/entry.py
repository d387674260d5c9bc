"""The part of a file that every opening needs, as the index of a run keeps it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from beambook.data._findings import Finding
from beambook.data._format import Part
from beambook.data._sidecar.archive import BAD
from beambook.data._sidecar.code import pack, pack_finding, unpack, unpack_finding
from beambook.data._sidecar.sight import Sight

__all__ = ["Entry", "Listing", "entries_document", "entries_of"]


@dataclass(frozen=True, eq=False)
class Listing:
    """The sources of a file; the files of one writer mostly have the same.

    Attributes
    ----------
    sources, legacy, modules : mapping
        As in `Part`.
    """

    sources: Mapping[str, str]
    legacy: Mapping[str, str]
    modules: Mapping[str, tuple[str, str]]

    def document(self) -> list[Any]:
        """For JSON."""
        return [dict(self.sources), dict(self.legacy), {s: [*m] for s, m in self.modules.items()}]

    @classmethod
    def of(cls, coded: Sequence[Any]) -> Listing:
        """Undo `document`."""
        sources, legacy, modules = coded
        for text in (*sources.values(), *legacy.values()):
            if not isinstance(text, str):
                raise TypeError("text")
        return cls(sources, legacy, {s: (str(d), str(m)) for s, (d, m) in modules.items()})


@dataclass(frozen=True, eq=False)
class Entry:
    """One file in one state.

    Attributes
    ----------
    sight : Sight
        What it looked like before and after it was read.
    token : str
        Name of this state.
    guard : tuple of (str, int, bytes)
        As in `StoredFile`.
    event_ids, suspect : ndarray, (events,)
    listing : Listing
    writer : str
    sequence : int or None
    findings : tuple of Finding
    """

    sight: Sight
    token: str
    guard: tuple[str, int, bytes]
    event_ids: NDArray[np.uint64]
    suspect: NDArray[np.bool_]
    listing: Listing
    writer: str
    sequence: int | None
    findings: tuple[Finding, ...]

    @classmethod
    def read(cls, part: Part, sight: Sight, token: str) -> Entry:
        """From a part that a format has read; without a token it is not kept."""
        return cls(
            *(sight, token, part.file.guard, part.event_ids, part.suspect),
            Listing(part.sources, part.legacy, part.modules),
            *(part.writer, part.sequence, part.findings),
        )


def entries_document(entries: Mapping[str, Entry]) -> dict[str, Any]:
    """Entries by name of file as JSON; equal arrays and listings are stored once."""
    arrays, listings = _Pool(), _Pool()
    files = {}
    for name, entry in entries.items():
        sight, (dataset, length, digest) = entry.sight, entry.guard
        files[name] = [
            [sight.inode, sight.size, sight.mtime_ns, sight.ctime_ns, sight.head],
            [dataset, length, digest.hex()],
            arrays.number(entry.event_ids, pack),
            arrays.number(entry.suspect, pack),
            listings.number(entry.listing, Listing.document),
            *(entry.writer, entry.sequence, [pack_finding(f) for f in entry.findings]),
        ]
    return {"files": files, "arrays": arrays.values, "listings": listings.values}


def entries_of(document: Mapping[str, Any]) -> dict[str, Entry]:
    """Undo `entries_document`; a file of which something does not fit is left out."""
    arrays = _Once(document["arrays"], _array)
    doubts = _Once(document["arrays"], lambda coded: unpack(coded).astype(bool))
    listings = _Once(document["listings"], Listing.of)
    found = {}
    for name, coded in document["files"].items():
        try:
            found[name] = _entry(name, coded, arrays, doubts, listings)
        except BAD:
            continue
    return found


def _array(coded: Any) -> NDArray[np.uint64]:
    return unpack(coded).view(np.uint64)


def _entry(name: str, coded: Any, arrays: _Once, doubts: _Once, listings: _Once) -> Entry:
    seen, (dataset, length, digest), ids, doubt, listing, writer, sequence, wrong = coded
    sight = Sight(*seen)
    event_ids, suspect = arrays[ids], doubts[doubt]
    if len(event_ids) != len(suspect):
        raise ValueError("length")
    guard = str(dataset), int(length), bytes.fromhex(digest)
    return Entry(
        *(sight, sight.token(name), guard, event_ids, suspect, listings[listing]),
        *(str(writer), None if sequence is None else int(sequence)),
        tuple(map(unpack_finding, wrong)),
    )


class _Once:
    """Items of a list, each decoded when first asked for."""

    def __init__(self, coded: Sequence[Any], decode: Callable[[Any], Any]) -> None:
        self._coded, self._decode = coded, decode
        self._found: dict[int, Any] = {}

    def __getitem__(self, number: int) -> Any:
        if number not in self._found:
            self._found[number] = self._decode(self._coded[number])
        return self._found[number]


class _Pool:
    """Values by number; the same object, and equal values, once."""

    def __init__(self) -> None:
        self.values: list[Any] = []
        self._objects: dict[int, int] = {}
        self._equal: dict[str, int] = {}

    def number(self, thing: Any, code: Callable[[Any], Any]) -> int:
        if id(thing) not in self._objects:
            value = code(thing)
            number = self._equal.setdefault(repr(value), len(self.values))
            if number == len(self.values):
                self.values.append(value)
            self._objects[id(thing)] = number
        return self._objects[id(thing)]
