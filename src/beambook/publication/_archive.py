"""One file for a whole folder: zip written the same each time, and read with suspicion.

A zip from outside is looked at in its table of contents before a byte is unpacked: names
that climb, links, doubles, encrypted or overlapping entries and bombs are refused. What is
unpacked is counted while it comes, for a table of contents can lie.
"""

from __future__ import annotations

import shutil
import stat
import struct
import time
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from beambook.errors import PublicationError
from beambook.events import Progress, Reporter
from beambook.publication._manifest import files_below
from beambook.publication._names import twins, why_unsafe

__all__ = ["MOST_BYTES", "is_zip", "unpack", "write_zip"]

MOST_BYTES = 64 << 30
MOST_FILES = 200_000
MOST_RATIO = 200  # deflate makes 1,032 of zeros; a notebook of numbers is 10, a table 20
SMALL = 200 << 20  # below this nobody minds the ratio
MOST_CONTENTS = 64 << 20  # bytes; 200,000 names have 30 MB
END_MOST = (1 << 16) + 200  # a comment, and the three records of the end
BLOCK = 1 << 20
EPOCH = (1980, 1, 1, 0, 0, 0)
SAMPLE = 1 << 16
PACKED = 0.95  # what shrinks less is stored as it is: wheels, images, noise


def is_zip(path: Path) -> bool:
    """Whether the file begins as a zip does."""
    with path.open("rb") as file:
        return file.read(4) in (b"PK\x03\x04", b"PK\x05\x06")


def write_zip(folder: Path, path: Path, *, reporter: Reporter | None = None) -> None:
    """Write all files below `folder`: sorted, with one date, so that it is the same each time.

    Parameters
    ----------
    folder, path : Path
        `path` appears when it is complete.
    reporter : Reporter, optional
    """
    names = list(files_below(folder))
    temporary = path.with_name(f".{path.name}.new")
    began = time.monotonic()
    try:
        with zipfile.ZipFile(temporary, "w", allowZip64=True) as archive:
            for done, name in enumerate(names):
                _write_entry(archive, folder / name, name)
                if reporter is not None:
                    seconds = time.monotonic() - began
                    reporter(Progress("zip", done + 1, len(names), name, seconds))
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _write_entry(archive: zipfile.ZipFile, path: Path, name: str) -> None:
    entry = zipfile.ZipInfo(name, EPOCH)
    entry.compress_type = zipfile.ZIP_STORED if _is_packed(path) else zipfile.ZIP_DEFLATED
    entry.create_system = 3  # Unix, wherever it is written
    entry.external_attr = (stat.S_IFREG | 0o644) << 16
    entry.file_size = path.stat().st_size  # decides whether the entry needs Zip64
    with path.open("rb") as source, archive.open(entry, "w") as target:
        shutil.copyfileobj(source, target, BLOCK)


def _is_packed(path: Path) -> bool:
    """Whether the middle of a file is as dense as what was compressed already."""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - SAMPLE) // 2)
        sample = file.read(SAMPLE)
    return len(zlib.compress(sample, 1)) > PACKED * len(sample)


def unpack(
    path: Path, into: Path, *, most_bytes: int = MOST_BYTES, reporter: Reporter | None = None
) -> Path:
    """Unpack a zip into an empty folder, or refuse it.

    Parameters
    ----------
    path : Path
    into : Path
        A folder that nobody else writes to.
    most_bytes : int
        What all files together may have.
    reporter : Reporter, optional

    Returns
    -------
    Path
        `into`, or the one folder that everything is in.

    Raises
    ------
    PublicationError
        If it is no zip, is damaged, or is refused.
    """
    try:
        _refuse_long_contents(path)
        with zipfile.ZipFile(path) as archive:
            entries = _admitted(archive, path.stat().st_size, most_bytes)
            _unpack_entries(archive, entries, into, reporter)
    except (zipfile.BadZipFile, zlib.error, EOFError, struct.error) as error:
        raise PublicationError(f"{path.name!r} is no zip that can be read: {error}") from error
    except PublicationError:
        raise
    except (RuntimeError, ValueError, OverflowError, FileExistsError, NotADirectoryError) as error:
        # What zipfile makes of hostile ones; also a file that is a folder in another entry.
        raise PublicationError(f"{path.name!r} is refused: {error}") from error
    tops = list(into.iterdir())
    return tops[0] if len(tops) == 1 and tops[0].is_dir() else into


def _refuse_long_contents(path: Path) -> None:
    """Look how long the table of contents is, before zipfile reads all of it into memory."""
    size = path.stat().st_size
    with path.open("rb") as file:
        file.seek(max(0, size - END_MOST))
        tail = file.read()
    end = tail.rfind(b"PK\x05\x06")
    if end < 0:
        return  # no zip at all, which zipfile says better
    length = struct.unpack_from("<I", tail, end + 12)[0]
    if end >= 20 and tail[end - 20 : end - 16] == b"PK\x06\x07":  # says where the long form is
        with path.open("rb") as file:
            file.seek(struct.unpack_from("<Q", tail, end - 12)[0])
            record = file.read(56)
        length = struct.unpack_from("<Q", record, 40)[0] if len(record) == 56 else length
    if length > MOST_CONTENTS:
        raise PublicationError(f"Refused: its table of contents has {length:,} bytes")


def _admitted(archive: zipfile.ZipFile, packed: int, most_bytes: int) -> Sequence[zipfile.ZipInfo]:
    """The entries that are files, once all of them are above suspicion."""
    entries = archive.infolist()
    if len(entries) > MOST_FILES:
        raise PublicationError(f"Refused: {len(entries)} files; at most {MOST_FILES}")
    for entry in entries:
        _admit(entry)
    _refuse_twins([entry.filename.rstrip("/") for entry in entries])
    total = sum(entry.file_size for entry in entries)
    if total > most_bytes:
        raise PublicationError(f"Refused: it unpacks to {total:,} bytes; at most {most_bytes:,}")
    if total > SMALL and total > MOST_RATIO * packed:
        times = total // max(packed, 1)
        raise PublicationError(f"Refused: it unpacks to {times} times its size, as bombs do")
    if sum(entry.compress_size for entry in entries) > packed:
        raise PublicationError("Refused: its entries overlap, as those of bombs do")
    return [entry for entry in entries if not entry.is_dir()]


def _admit(entry: zipfile.ZipInfo) -> None:
    name = entry.orig_filename  # zipfile cuts it at a NUL, and we want to know
    if why := why_unsafe(name.removesuffix("/")):
        raise PublicationError(f"Refused: the name {name!r} {why}")
    kind = stat.S_IFMT(entry.external_attr >> 16) if entry.create_system == 3 else 0
    if kind and kind != (stat.S_IFDIR if entry.is_dir() else stat.S_IFREG):
        what = "a link" if kind == stat.S_IFLNK else "no plain file"
        raise PublicationError(f"Refused: {name!r} is {what}; only files and folders may be")
    if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise PublicationError(f"Refused: {name!r} is packed in a way that we never do")
    if entry.flag_bits & 0x1:
        raise PublicationError(f"Refused: {name!r} is encrypted")


def _refuse_twins(names: list[str]) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise PublicationError(f"Refused: {name!r} is in it twice")
        seen.add(name)
    if same := twins(names):
        raise PublicationError(
            f"Refused: {same[0][0]!r} and {same[0][1]!r} are one file where case does not count"
        )


def _unpack_entries(
    archive: zipfile.ZipFile,
    entries: Sequence[zipfile.ZipInfo],
    into: Path,
    reporter: Reporter | None,
) -> None:
    began = time.monotonic()
    for done, entry in enumerate(entries):
        target = into / entry.filename
        target.parent.mkdir(parents=True, exist_ok=True)
        with archive.open(entry) as source, target.open("xb") as file:
            _copy(source, file, entry)
        if reporter is not None:
            seconds = time.monotonic() - began
            reporter(Progress("unpack", done + 1, len(entries), entry.filename, seconds))


def _copy(source: IO[bytes], target: IO[bytes], entry: zipfile.ZipInfo) -> None:
    left = entry.file_size
    while block := source.read(BLOCK):
        left -= len(block)
        if left < 0:
            raise PublicationError(f"Refused: {entry.filename!r} is larger than it says")
        target.write(block)
    if left:
        raise PublicationError(f"{entry.filename!r} is shorter than it says")
