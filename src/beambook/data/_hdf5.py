"""HDF5 files: opened when needed, closed when too many, refused when they have changed.

Nothing outside this file and the formats touches h5py.
"""

from __future__ import annotations

import errno
import os
import re
import resource
import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from stat import S_ISREG
from typing import Any, Protocol

import h5py
import numpy as np
from numpy.typing import NDArray

from beambook.errors import DamagedFile

__all__ = ["FilePool", "Stamp", "StoredFile", "changed", "digest", "pool", "stamp_now", "stamp_of"]

Stamp = tuple[int, int, int, int]
# Inode, size in bytes, time of last change of the contents and of the inode, in ns. Of these only
# the last cannot be set back: a copy or a backup may have the same size and time.

MOST_OPEN = 128


@dataclass(frozen=True)
class StoredFile:
    """A file as it was when its index was read.

    Attributes
    ----------
    path : Path
    stamp : tuple of int
        Inode, size in bytes, times of the last change of contents and inode in ns.
    guard : tuple of (str, int, bytes)
        A data set, how many of its leading values were used, and their digest. A file that
        differs later from what it was is not read on, because rows could belong to other events;
        only one that is being written may grow, if these values are unchanged.
    live : bool
        Whether it is being written: it is read without a lock, and rows that HDF5 does not
        find in it are an error, not fill values.
    """

    path: Path
    stamp: Stamp
    guard: tuple[str, int, bytes] = ("", 0, b"")
    live: bool = False

    @classmethod
    def of(cls, path: Path) -> StoredFile:
        """The file as it is now."""
        return cls(path, stamp_now(path))


def digest(values: NDArray[Any]) -> bytes:
    """Short digest of an array's bytes."""
    return blake2b(np.ascontiguousarray(values).tobytes(), digest_size=16).digest()


@dataclass
class _Handle:
    file: h5py.File
    stamp: Stamp
    trusted: set[StoredFile] = field(default_factory=set)


class Companion(Protocol):
    """What else holds files open."""

    def release(self, path: Path) -> None:
        """Close one file when nobody uses it any more."""

    def close(self) -> None:
        """Close all."""


class FilePool:
    """Open files, at most so many of them; the one unused for longest is closed first.

    A file is used under the pool's lock. HDF5 has such a lock anyway, and so
    no thread can close a file that another one reads.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self._lock = threading.RLock()
        self._handles: OrderedDict[Path, _Handle] = OrderedDict()
        self._lent = 0
        self._in_use: dict[Path, _Handle] = {}  # lent: not opened again when they change
        self._released: list[Path] = []
        self.companions: list[Companion] = []

    def __len__(self) -> int:
        return len(self._handles)

    @property
    def paths(self) -> tuple[Path, ...]:
        """Files that are open, the one unused for longest first."""
        return tuple(self._handles)

    def limit(self, most: int) -> None:
        """Hold at most so many files open from now on."""
        with self._lock:
            self.most = most
            while len(self._handles) > most and not self._lent:
                self._drop(next(iter(self._handles)))

    @contextmanager
    def open(self, stored: StoredFile) -> Iterator[h5py.File]:
        """Lend the open file.

        Raises
        ------
        DamagedFile
            It cannot be read, or its index is no longer the one that was read.
        """
        with self._lock:
            self._lent += 1
            try:
                held = self._in_use.get(stored.path)
                handle = held or self._handle(stored)
                self._in_use[stored.path] = handle
                try:
                    yield handle.file
                finally:
                    if held is None:
                        del self._in_use[stored.path]
            finally:
                self._lent -= 1
                self._drop_released()

    def release(self, path: Path) -> None:
        """Close a file that nobody needs now; at once, or when no file is lent.

        The garbage collector calls this at any time, also while a file is being read.
        """
        for other in self.companions:
            other.release(path)
        self._released.append(path)
        if self._lock.acquire(blocking=False):
            try:
                self._drop_released()
            finally:
                self._lock.release()

    def close(self) -> None:
        """Close all."""
        for other in self.companions:
            other.close()
        with self._lock:
            while self._handles:
                self._handles.popitem()[1].file.close()

    def forget(self) -> None:
        """Start anew in a forked child, whose parent may have held the lock."""
        self._lock = threading.RLock()
        self._handles = OrderedDict()
        self._lent, self._in_use, self._released = 0, {}, []

    def _drop_released(self) -> None:
        while self._released and not self._lent:
            self._drop(self._released.pop())

    def _handle(self, stored: StoredFile) -> _Handle:
        stamp = stamp_now(stored.path)
        handle = self._handles.get(stored.path)
        if handle is None or handle.stamp != stamp:
            self._drop(stored.path)
            handle = self._handles[stored.path] = _Handle(self._new(stored), stamp)
        self._handles.move_to_end(stored.path)
        if stored not in handle.trusted:
            _refuse_if_changed(stored, handle)
            handle.trusted.add(stored)
        while len(self._handles) > self.most:
            self._drop(next(iter(self._handles)))
        return handle

    def _new(self, stored: StoredFile) -> h5py.File:
        try:
            return _open(stored)
        except OSError as error:
            if error.errno != errno.EMFILE:
                raise DamagedFile(_reason(error, stored.path)) from error
        self.close()
        return _open(stored)

    def _drop(self, path: Path) -> None:
        if (handle := self._handles.pop(path, None)) is not None:
            handle.file.close()


def _open(stored: StoredFile) -> h5py.File:
    """Open for reading; a file that is being written without a lock, which could stop the writer.

    Writers of the newer kind of file mark it. HDF5 reads it then only if they follow its
    protocol for one writer and many readers (SWMR).
    """
    if not stored.live:
        return h5py.File(stored.path, "r")
    try:
        return h5py.File(stored.path, "r", locking=False)
    except OSError as error:
        if "already open for write" not in str(error):
            raise
    return h5py.File(stored.path, "r", locking=False, swmr=True)


def stamp_of(stat: os.stat_result) -> Stamp:
    """What tells one state of a file from another."""
    return stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns


def stamp_now(path: Path, fd: int | None = None) -> Stamp:
    """Stamp of a file as it is now, or as it is open.

    Raises
    ------
    DamagedFile
        It cannot be read, or is no file.
    """
    try:
        stat = os.stat(path if fd is None else fd)
    except OSError as error:
        raise DamagedFile(f"{path.name} cannot be read: {error.strerror}") from error
    if not S_ISREG(stat.st_mode):  # to open a pipe would wait for ever
        raise DamagedFile(f"{path.name} is not a file")
    return stamp_of(stat)


def _refuse_if_changed(stored: StoredFile, handle: _Handle) -> None:
    if stored.stamp == handle.stamp:
        return
    dataset, length, expected = stored.guard
    if stored.live and dataset and _grown(stored.stamp, handle.stamp):
        now = handle.file.get(dataset)
        if now is not None and digest(now[:length]) == expected:
            return
    raise changed(stored)


def _grown(before: Stamp, now: Stamp) -> bool:
    return before[0] == now[0] and before[1] <= now[1]


def changed(stored: StoredFile) -> DamagedFile:
    """The error to raise for a file that is not what it was."""
    return DamagedFile(
        f"{stored.path.name} was replaced or changed since the run was opened",
        hint="Open the run again (with live=True if it is being written).",
    )


def _reason(error: OSError, path: Path) -> str:
    text = str(error)
    if found := re.search(r"eof = (\d+),.*stored_eof = (\d+)", text):
        there, wanted = found.groups()
        return f"{path.name} is truncated: {there} of {wanted} bytes are there"
    if path.stat().st_size == 0:
        return f"{path.name} is empty"
    if "unable to lock file" in text:
        return (
            f"{path.name} is being written: its writer has locked it; open the run with live=True"
        )
    if "already open for" in text:
        return (
            f"{path.name} is being written, or its writer died, and HDF5 does not read it: it is "
            "marked as open for writing (live=True reads it if the writer allows readers, "
            "h5clear -s removes the mark of a dead writer)"
        )
    if "signature not found" in text:
        return f"{path.name} is not an HDF5 file, or its beginning is lost"
    return f"{path.name} cannot be read: {text}"


def _most_open() -> int:
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return MOST_OPEN if soft < 0 else max(8, min(MOST_OPEN, soft // 4))


pool = FilePool(_most_open())
os.register_at_fork(after_in_child=pool.forget)
