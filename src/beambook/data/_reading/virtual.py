"""Virtual data sets, which stand for rows of other files.

HDF5 follows them without end when they stand for themselves, waits for ever when a source is a
pipe, and gives fill values without a word for what is not there. So their sources are looked at
here, before HDF5 is asked for rows or for a size that depends on them.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from stat import S_ISDIR, S_ISREG
from typing import Any

import h5py

from beambook.errors import DamagedFile

__all__ = [
    "DEEPEST",
    "Mapping",
    "Piece",
    "find_file",
    "is_virtual",
    "mappings",
    "pieces_of",
    "whole_rows",
]

FAULTS = (OSError, KeyError, RuntimeError, TypeError, ValueError, AttributeError, OverflowError)
MOST_MAPPINGS = 100_000  # of one data set
MOST_SOURCES = 10_000  # data sets that are looked at, those that sources stand for included
DEEPEST = 16  # virtual data sets of virtual data sets, links to links
ENDLESS = 1 << 62  # rows of a piece that grows with its source

Identity = tuple[int, int, int]  # device, inode, address: the same data set, whatever its name
Span = tuple[int, int]  # first row, and the one after the last


def is_virtual(dataset: h5py.h5d.DatasetID) -> bool:
    """Whether a data set only stands for rows that are elsewhere."""
    return bool(dataset.get_create_plist().get_layout() == h5py.h5d.VIRTUAL)


@dataclass(frozen=True, slots=True)
class Mapping:
    """Rows that stand for those of another data set, as written; nothing was looked at.

    Attributes
    ----------
    first, stop : int
        Rows; many more than there are if they grow with the source.
    file, name : str
        Of the source; ``"."`` is the same file.
    number : int
        Place among the mappings of the data set.
    """

    first: int
    stop: int
    file: str
    name: str
    number: int


@dataclass(frozen=True, slots=True)
class Piece:
    """Rows that stand for others, and which of them are not there.

    Attributes
    ----------
    first, stop : int
    lost : tuple of (int, int)
        Rows whose values are nowhere.
    where : str
        What is not there: a file, or a file and the name of a data set.
    """

    first: int
    stop: int
    lost: tuple[Span, ...] = ()
    where: str = ""


def mappings(dataset: h5py.h5d.DatasetID) -> Iterator[Mapping]:
    """What a virtual data set says that it stands for; nothing if it is not virtual.

    Raises
    ------
    DamagedFile
        It has too many parts.
    """
    layout = dataset.get_create_plist()
    if layout.get_layout() != h5py.h5d.VIRTUAL:
        return
    if (count := layout.get_virtual_count()) > MOST_MAPPINGS:
        raise DamagedFile(f"A virtual data set has {count} parts, which is too many")
    for number in range(count):
        first, stop = _span(layout.get_virtual_vspace(number))
        file, name = layout.get_virtual_filename(number), layout.get_virtual_dsetname(number)
        yield Mapping(first, stop, _decoded(file), _decoded(name), number)


def pieces_of(
    dataset: h5py.h5d.DatasetID, wanted: Iterable[Span] | None = None
) -> tuple[Piece, ...]:
    """Look at all that a virtual data set stands for, through any number of files.

    Parameters
    ----------
    dataset : h5py.h5d.DatasetID
        Virtual or not; without pieces if not.
    wanted : iterable of (int, int), optional
        Only pieces with any of these rows.

    Raises
    ------
    DamagedFile
        It must not be read: it stands for itself, or for what is no file, or it has too many
        sources.
    """
    if not is_virtual(dataset):
        return ()
    walk = _Walk()
    try:
        return walk.pieces(dataset, None if wanted is None else tuple(wanted))
    finally:
        walk.close()


def whole_rows(dataset: h5py.h5d.DatasetID) -> int:
    """How many rows from the first on are there.

    Parameters
    ----------
    dataset : h5py.h5d.DatasetID
        Virtual or not.

    Raises
    ------
    DamagedFile
        As `pieces_of`.
    """
    if not is_virtual(dataset):
        return int(dataset.shape[0])
    pieces = pieces_of(dataset)
    rows = int(dataset.shape[0])  # only now: it may depend on the sources
    return min((span[0] for piece in pieces for span in piece.lost), default=rows)


def find_file(name: str, folder: Path) -> Path | None:
    """The file that a link or a virtual data set means, by HDF5's own rules; None if not there."""
    for path in _candidates(name, folder):
        try:
            if S_ISREG(path.stat().st_mode):
                return path
        except (OSError, ValueError):
            continue
    return None


def _candidates(name: str, folder: Path) -> tuple[Path, ...]:
    if os.path.isabs(name):
        return Path(name), folder / Path(name).name
    return folder / name, Path(name)


def _find_safe(name: str, folder: Path) -> Path | None:
    """As `find_file`; refuses what HDF5 would try to open first and wait for."""
    for path in _candidates(name, folder):
        try:
            mode = path.stat().st_mode
        except (OSError, ValueError):
            continue
        if S_ISREG(mode):
            return path
        if not S_ISDIR(mode):
            raise DamagedFile(f"A virtual data set stands for {path}, which is not a file")
    return None


def _unmapped(pieces: tuple[Piece, ...], rows: int) -> Iterator[Piece]:
    """Rows that stand for nothing."""
    reached = 0
    for first, stop in sorted({(piece.first, piece.stop) for piece in pieces}):
        if first > reached:
            yield _nothing(reached, min(first, rows))
        reached = max(reached, stop)
    if reached < rows:
        yield _nothing(reached, rows)


def _nothing(first: int, stop: int) -> Piece:
    return Piece(first, stop, ((first, stop),), f"nothing (rows {first}:{stop})")


class _LostFile(KeyError):
    """A link leads to a file that is not there."""


# --- the walk -------------------------------------------------------------


@dataclass
class _Walk:
    files: dict[Path, h5py.h5f.FileID] = field(default_factory=dict)
    known: dict[Identity, tuple[Piece, ...]] = field(default_factory=dict)
    above: list[Identity] = field(default_factory=list)
    behind: dict[tuple[str, str], str] = field(default_factory=dict)  # links to lost files
    seen: int = 0

    def close(self) -> None:
        for file in self.files.values():
            with suppress(*FAULTS):
                file.close()

    def pieces(
        self, dataset: h5py.h5d.DatasetID, wanted: tuple[Span, ...] | None = None
    ) -> tuple[Piece, ...]:
        """Of one data set; of the outermost only some are wanted."""
        if not is_virtual(dataset):
            return ()
        own = h5py.h5i.get_file_id(dataset)
        identity = _identity(own, dataset)
        if identity in self.above:
            raise DamagedFile("A virtual data set stands for itself")
        if len(self.above) >= DEEPEST:
            raise DamagedFile("A virtual data set stands for others, and these for others, and on")
        if identity not in self.known:
            self.above.append(identity)
            pieces = tuple(self._pieces(own, dataset, wanted))
            if wanted is None:
                pieces += tuple(_unmapped(pieces, int(dataset.shape[0])))
            self.known[identity] = pieces
            self.above.pop()
        return self.known[identity]

    def _pieces(
        self, own: h5py.h5f.FileID, dataset: h5py.h5d.DatasetID, wanted: tuple[Span, ...] | None
    ) -> Iterator[Piece]:
        layout = dataset.get_create_plist()
        found: dict[tuple[str, str], h5py.h5d.DatasetID | None] = {}
        for part in mappings(dataset):
            if wanted is not None and not _meets(wanted, part.first, part.stop):
                continue
            where = part.name if part.file in (".", "") else f"{part.file}:{part.name}"
            for number, (file, name) in enumerate(_named(part)):
                if (file, name) not in found:
                    found[file, name] = self._source(own, file, name)
                source = found[file, name]
                if source is None and number:
                    break  # of numbered sources, so many are there
                lost: tuple[Span, ...] = ((part.first, part.stop),)
                if source is not None:
                    lost = self._lost(layout, part, source)
                elif self._gone(own, file):
                    where = part.file
                else:
                    where = self.behind.get((str(_folder(own)), name), where)
                yield Piece(part.first, part.stop, lost, where if lost else "")
                if source is None:
                    break

    def _gone(self, own: h5py.h5f.FileID, file: str) -> bool:
        return file not in (".", "") and find_file(file, _folder(own)) not in self.files

    def _lost(self, layout: Any, part: Mapping, source: h5py.h5d.DatasetID) -> tuple[Span, ...]:
        """Rows of a part that its source does not have."""
        inner = self.pieces(source)
        shape = tuple(map(int, source.shape)) or (1,)  # safe now that its own sources are
        gaps = [span for piece in inner for span in piece.lost]
        virtual, stored = (
            layout.get_virtual_vspace(part.number), layout.get_virtual_srcspace(part.number)
        )  # fmt: skip
        every = stored.get_select_type() == h5py.h5s.SEL_ALL
        first, stop = (0, shape[0]) if every else _span(stored)
        if stop < ENDLESS:
            if not every and not _fits(stored, shape):
                return ((part.first, part.stop),)
            gaps.append((shape[0], ENDLESS))
        gaps = [(max(a, first), min(b, stop)) for a, b in gaps if a < stop and b > first]
        if not gaps:
            return ()
        same = stop - first == part.stop - part.first or stop == part.stop == ENDLESS
        if not same or not _is_plain(virtual) or not (every or _is_plain(stored)):
            return ((part.first, part.stop),)
        shift = part.first - first
        return tuple((a + shift, min(b + shift, ENDLESS)) for a, b in gaps)

    def _source(self, own: h5py.h5f.FileID, file: str, name: str) -> h5py.h5d.DatasetID | None:
        """The data set that is meant, or None."""
        self.seen += 1
        if self.seen > MOST_SOURCES:
            raise DamagedFile(f"A virtual data set stands for more than {MOST_SOURCES} others")
        opened = own if file in (".", "") else self._file(own, file)
        if opened is None:
            return None
        try:
            found = self._open(h5py.h5g.open(opened, b"/"), name, opened, 0)
        except DamagedFile:
            raise
        except _LostFile as error:
            self.behind[str(_folder(own)), name] = str(error.args[0])
            return None
        except FAULTS:
            return None
        return found if isinstance(found, h5py.h5d.DatasetID) else None

    def _file(self, own: h5py.h5f.FileID, name: str) -> h5py.h5f.FileID | None:
        path = _find_safe(name, _folder(own))
        if path is None:
            return None
        if path not in self.files:
            try:  # with the same locks as HDF5 would
                self.files[path] = h5py.h5f.open(
                    os.fsencode(path), h5py.h5f.ACC_RDONLY, own.get_access_plist()
                )
            except FAULTS:
                return None
        return self.files[path]

    def _open(self, here: Any, path: str, own: h5py.h5f.FileID, links: int) -> Any:
        """What a path leads to; link by link, since HDF5 would wait for a pipe behind one."""
        if links > DEEPEST:
            raise KeyError("too many links")
        if path.startswith("/"):
            here = h5py.h5g.open(own, b"/")
        for text in path.split("/"):
            if text in ("", "."):
                continue
            name = text.encode(errors="surrogateescape")
            kind = here.links.get_info(name).type
            if kind == h5py.h5l.TYPE_HARD:
                here = h5py.h5o.open(here, name)
            elif kind == h5py.h5l.TYPE_SOFT:
                here = self._open(here, _decoded(here.links.get_val(name)), own, links + 1)
            else:
                file, inside = map(_decoded, here.links.get_val(name))
                other = self._file(own, file)
                if other is None:
                    raise _LostFile(file)
                here = self._open(h5py.h5g.open(other, b"/"), inside, other, links + 1)
            own = h5py.h5i.get_file_id(here)
        return here


def _identity(file: h5py.h5f.FileID, dataset: h5py.h5d.DatasetID) -> Identity:
    found = os.stat(h5py.h5f.get_name(file))
    return found.st_dev, found.st_ino, h5py.h5o.get_info(dataset).addr


def _folder(file: h5py.h5f.FileID) -> Path:
    return Path(os.fsdecode(h5py.h5f.get_name(file))).parent


def _named(part: Mapping) -> Iterator[tuple[str, str]]:
    """Names of the source; many where they are numbered."""
    if "%" not in part.file + part.name:
        yield part.file, part.name
        return
    for number in range(MOST_SOURCES + 1):
        names = part.file, part.name
        file, name = (
            "%".join(piece.replace("%b", str(number)) for piece in text.split("%%"))
            for text in names
        )
        yield file, name
        if "%b" not in "".join(names).replace("%%", ""):
            return


def _span(space: h5py.h5s.SpaceID) -> Span:
    """First row of a selection, and the one after the last."""
    try:
        first, last = space.get_select_bounds()
    except (RuntimeError, ValueError):  # it grows, or is all of a space whose size is not stored
        try:
            return int(space.get_regular_hyperslab()[0][0]), ENDLESS
        except FAULTS:
            return 0, ENDLESS
    return (int(first[0]), int(last[0]) + 1) if first else (0, 1)


def _fits(space: h5py.h5s.SpaceID, shape: tuple[int, ...]) -> bool:
    """Whether a selection is within a data set, along all axes but the rows."""
    last = space.get_select_bounds()[1]
    return len(last) == len(shape) and all(a < n for a, n in zip(last[1:], shape[1:], strict=True))


def _is_plain(space: h5py.h5s.SpaceID) -> bool:
    """Whether a selection has the same entries of each of its rows, which are consecutive."""
    if space.get_select_type() == h5py.h5s.SEL_ALL:
        return True
    try:
        _, stride, count, block = (axes[0] for axes in space.get_regular_hyperslab())
    except FAULTS:
        return False
    return bool(count == 1 or stride == block)


def _meets(wanted: tuple[Span, ...], first: int, stop: int) -> bool:
    return stop >= ENDLESS or any(a < stop and b > first for a, b in wanted)


def _decoded(value: bytes | str) -> str:
    return value.decode(errors="surrogateescape") if isinstance(value, bytes) else value
