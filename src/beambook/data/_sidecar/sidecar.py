"""The index of a run: one small file that answers what else all files would be opened for.

It is a hint and never believed against the files: each answer belongs to a state of a file
(`Sight`), and counts only as long as the file is in that state. It is not kept for files that
change while they are read or have changed a moment ago. What is damaged, of another version,
or by somebody whom one need not trust, is not there.
"""

from __future__ import annotations

import atexit
import os
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from hashlib import blake2b
from pathlib import Path
from threading import Lock
from typing import Any, TypeVar
from weakref import WeakValueDictionary

from beambook.data._findings import Finding
from beambook.data._format import Part
from beambook.data._hdf5 import StoredFile
from beambook.data._sidecar.answers import MISSING, Answers
from beambook.data._sidecar.archive import BAD, Archive, Packed
from beambook.data._sidecar.entry import Entry, entries_document, entries_of
from beambook.data._sidecar.part import IndexedPart, Lease
from beambook.data._sidecar.place import evict, may_replace, places, trusted
from beambook.data._sidecar.schemas import Schemas
from beambook.data._sidecar.sight import Sight, sights
from beambook.errors import DamagedFile

__all__ = ["Sidecar"]

T = TypeVar("T")
Question = tuple[str, str, str]  # source, kind, subject
FILES, SCHEMAS, SOURCE = "files", "schemas", "source "
PATIENCE_S, SHARE = 1.0, 20  # saving takes at most a twentieth of the time
MOST_UNSAVED = 64
MEANING = ("_format.py", "_euxfel/*.py", "_nexus/*.py", "_reading/*.py", "_sidecar/*.py")

_unsaved: dict[int, Sidecar] = {}
_latest: WeakValueDictionary[str, Sidecar] = WeakValueDictionary()


@dataclass(eq=False)
class Sidecar:
    """The index of the run in a folder.

    Attributes
    ----------
    folder : Path
    read_part : callable
        What reads a file that is not in the index.
    """

    folder: Path
    read_part: Callable[[Path], Part]

    def __post_init__(self) -> None:
        self.schemas = Schemas(lambda: self._archive.document(SCHEMAS))
        self._places = places(self.folder)
        self._archive = self._load()
        self._entries = self._entries_in(self._archive)
        self._answers: dict[str, Answers] = {}
        self._stale = False  # whether there are answers about states that are no more
        self._lock, self._pid = Lock(), os.getpid()
        self._saved, self._cost = time.monotonic(), 0.0
        _latest[os.fspath(self.folder)] = self

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_lock": None, "_places": (), "schemas": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._lock = Lock()
        self.schemas = Schemas(lambda: self._archive.document(SCHEMAS))

    # --- files ------------------------------------------------------------

    def parts(self, paths: Sequence[Path]) -> tuple[list[Part], list[Finding]]:
        """Parts of files, as far as known without reading them, and those that cannot be read.

        Parameters
        ----------
        paths : sequence of Path
            Files in the folder.
        """
        paths = [path.absolute() for path in paths]
        now = time.time_ns()
        known, lease = dict(self._entries), Lease(paths)
        parts: list[Part] = []
        unreadable: list[Finding] = []
        for path, sight in zip(paths, self._sights(paths), strict=True):
            entry = known.get(path.name)
            if entry is not None and entry.sight == sight:
                parts.append(IndexedPart.of(path, entry, self, lease))
                continue
            keep = sight is not None and sight.settled(now)
            try:
                parts.append(self._read(path, sight if keep else None, lease))
            except DamagedFile as error:
                unreadable.append(Finding("unreadable file", path.name, 1, error.message))
        if self._entries != known:
            self.save()
        return parts, unreadable

    def _sights(self, paths: Sequence[Path]) -> Sequence[Sight | None]:
        home = os.fspath(self.folder)
        if self._places and all(os.path.dirname(path) == home for path in paths):
            return sights(paths)
        return [None] * len(paths)  # nothing is known of these

    def _read(self, path: Path, sight: Sight | None, lease: Lease) -> Part:
        part = self.read_part(path)
        if sight is None or Sight.of(path) != sight:
            return part
        entry = Entry.read(part, sight, sight.token(path.name))
        self._stale |= path.name in self._entries
        self._entries[path.name] = entry
        return IndexedPart.of(path, entry, self, lease, part)

    # --- answers ----------------------------------------------------------

    def recall(self, entry: Entry, question: Question, decode: Callable[[Any], T]) -> tuple[T, ...]:
        """What is known: the answer alone, or nothing."""
        source, kind, subject = question
        found = self._of(source).get(kind, subject, entry.token)
        if found is MISSING:
            return ()
        try:
            return (decode(found),)
        except BAD:
            return ()

    def remember(
        self, entry: Entry, path: Path, question: Question, encode: Callable[[], Any]
    ) -> None:
        """Keep an answer, if the file is still in the state of the entry."""
        mine = self._places and self._pid == os.getpid()
        if not mine or Sight.of(path) != entry.sight:
            return
        with suppress(*BAD):  # what cannot be coded is asked again next time
            source, kind, subject = question
            answer = encode()
            with self._lock:
                self._of(source).put(kind, subject, entry.token, answer)
            self._to_be_saved()

    @classmethod
    def of_file(cls, file: StoredFile) -> tuple[Sidecar, Entry] | None:
        """The index of the run that a file is in, and what it has on the file in this state."""
        folder, name = os.path.split(file.path)
        sidecar = _latest.get(folder)
        entry = sidecar and sidecar._entries.get(name)
        if not sidecar or not entry or (entry.sight.stamp, entry.guard) != (file.stamp, file.guard):
            return None
        return sidecar, entry

    def _of(self, source: str) -> Answers:
        if source not in self._answers:
            self._answers[source] = _answers_in(self._archive, source)
        return self._answers[source]

    def _to_be_saved(self) -> None:
        _unsaved[id(self)] = self
        waited = time.monotonic() - self._saved
        if waited > max(PATIENCE_S, SHARE * self._cost):
            self.save()
        elif len(_unsaved) > MOST_UNSAVED:
            next(iter(_unsaved.values())).save()

    # --- storing ----------------------------------------------------------

    def save(self) -> None:
        """Store what is new. What cannot be stored is found out again: no error."""
        _unsaved.pop(id(self), None)
        if self._pid != os.getpid() or not self._lock.acquire(blocking=False):
            return
        began = time.monotonic()
        try:
            self._store()
        except (OSError, RuntimeError, *BAD):
            self._places = ()
        finally:
            self._saved = time.monotonic()
            self._cost = self._saved - began
            self._lock.release()

    def _store(self) -> None:
        archive = self._load()  # others may have stored something since
        self._merge(self._entries_in(archive))
        packed = Archive(self._packed(archive))
        for place in self._places:
            if may_replace(place, self.folder) and _written(packed, place):
                self._archive, self._stale = packed, False
                for answers in list(self._answers.values()):
                    answers.changed = False
                if place == self._places[-1]:
                    evict(place.parent)
                return
        self._places = ()

    def _merge(self, others: Mapping[str, Entry]) -> None:
        for name, entry in others.items():
            mine = self._entries.setdefault(name, entry)
            if mine.token != entry.token and Sight.of(self.folder / name) == entry.sight:
                self._entries[name] = entry
        there = {path.name for path in self.folder.iterdir()}
        for name in [name for name in self._entries if name not in there]:
            del self._entries[name]
            self._stale = True

    def _packed(self, archive: Archive) -> Mapping[str, Packed]:
        sections = dict(archive.sections)
        if self._stale:
            for name in [n for n in sections if n.startswith(SOURCE)]:
                self._of(name.removeprefix(SOURCE))
        tokens = {entry.token for entry in self._entries.values()}
        for source, answers in list(self._answers.items()):
            if answers.changed or self._stale:
                answers.fill(_answers_in(archive, source))
                with suppress(ValueError):  # too large
                    sections[SOURCE + source] = Packed.of(answers.document(tokens))
        sections[FILES] = Packed.of({"meaning": _meaning(), **entries_document(self._entries)})
        sections[SCHEMAS] = Packed.of(self.schemas.document(archive.document(SCHEMAS)))
        return sections

    # --- loading ----------------------------------------------------------

    def _load(self) -> Archive:
        for place in self._places:
            archive = Archive.read(place, lambda found: trusted(found, self.folder))
            if archive is not None and _meant(archive.document(FILES)):
                return archive
        return Archive({})

    def _entries_in(self, archive: Archive) -> dict[str, Entry]:
        with suppress(*BAD):
            if (stored := archive.document(FILES)) is not None:
                return entries_of(stored)
        return {}


def _meant(files: Any) -> bool:
    return isinstance(files, dict) and files.get("meaning") == _meaning()


def _written(packed: Archive, place: Path) -> bool:
    try:
        place.parent.mkdir(0o755, parents=True, exist_ok=True)
        packed.write(place)
    except OSError:
        return False
    return True


def _answers_in(archive: Archive, source: str) -> Answers:
    with suppress(*BAD):
        if (stored := archive.document(SOURCE + source)) is not None:
            return Answers.of(stored)
    return Answers()


@cache
def _meaning() -> str:
    """What the answers mean is said by the code that gives them: after a change it is asked."""
    room = Path(__file__).parent.parent
    files = sorted({path for pattern in MEANING for path in room.glob(pattern)})
    digest = blake2b(digest_size=8)
    for path in files:
        digest.update(path.read_bytes())
    return digest.hexdigest()


@atexit.register
def _save_all() -> None:
    for sidecar in list(_unsaved.values()):
        sidecar.save()
