"""Open file descriptors for reading past HDF5: few, shared by threads, checked on each loan."""

from __future__ import annotations

import errno
import os
import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from beambook.data._hdf5 import FilePool, Stamp, StoredFile, pool, stamp_now
from beambook.errors import DamagedFile

__all__ = ["Descriptors", "Lent", "descriptors"]


@dataclass(eq=False)
class Lent:
    """An open descriptor.

    Attributes
    ----------
    fd : int
    stamp : tuple of int
        Of the file as it is open: inode, size in bytes, time of the last change in ns.
    """

    fd: int
    stamp: Stamp
    users: int = 0
    dropped: bool = False
    trusted: set[StoredFile] = field(default_factory=set)


class Descriptors:
    """Descriptors of files, at most so many that nobody uses; any number of threads at once.

    Unlike a `FilePool` it lends without a lock: `os.pread` has no position that threads
    could quarrel about. As many are open as `pool` may have files, and what it closes is
    closed here.
    """

    def __init__(self, pool: FilePool) -> None:
        self.pool = pool
        pool.companions.append(self)
        self._lock = threading.Lock()
        self._open: OrderedDict[Path, Lent] = OrderedDict()
        self._released: list[Path] = []

    def __len__(self) -> int:
        return len(self._open)

    @contextmanager
    def lend(self, stored: StoredFile, seen: Stamp | None = None) -> Iterator[Lent]:
        """Lend the descriptor of a file that is still what it was.

        Parameters
        ----------
        stored : StoredFile
        seen : tuple of int, optional
            The stamp of the file a moment ago, when it was lent for the same purpose: where it is
            still open the system is not asked again.

        Raises
        ------
        DamagedFile
            It cannot be opened, or was replaced by another file, or changed since it was `seen`.
        """
        lent = self._take(stored, seen)
        try:
            if seen is not None and seen != lent.stamp:
                name = stored.path.name
                raise DamagedFile(f"{name} changed while it was read", hint="Read it again.")
            if stored not in lent.trusted:
                _refuse_if_changed(stored, lent)
                lent.trusted.add(stored)
            yield lent
        finally:
            self._give_back(lent)

    def release(self, path: Path) -> None:
        """Close a file's descriptor; at once, or when its last user is done.

        The garbage collector calls this at any time, also in a thread that has the lock.
        """
        self._released.append(path)
        if self._lock.acquire(blocking=False):
            try:
                self._drop_released()
            finally:
                self._lock.release()

    def close(self) -> None:
        """Close all; those in use when they are given back."""
        with self._lock:
            while self._open:
                _drop(self._open.popitem()[1])

    def forget(self) -> None:
        """Start anew in a forked child: none of its parent's threads is there to give back."""
        self._lock = threading.Lock()
        for lent in self._open.values():
            os.close(lent.fd)
        self._open = OrderedDict()
        self._released = []

    def _drop_released(self) -> None:
        while self._released:
            if (lent := self._open.pop(self._released.pop(), None)) is not None:
                _drop(lent)

    def _take(self, stored: StoredFile, seen: Stamp | None) -> Lent:
        now = seen or stamp_now(stored.path)
        with self._lock:
            lent = self._open.get(stored.path)
            if lent is None or lent.stamp != now:
                if lent is not None:
                    _drop(self._open.pop(stored.path))
                lent = self._open[stored.path] = self._new(stored.path)
            self._open.move_to_end(stored.path)
            lent.users += 1
            self._drop_oldest()
        return lent

    def _give_back(self, lent: Lent) -> None:
        with self._lock:
            lent.users -= 1
            if lent.dropped and not lent.users:
                os.close(lent.fd)
            self._drop_released()

    def _drop_oldest(self) -> None:
        while len(self._open) > self.pool.most:
            _drop(self._open.popitem(last=False)[1])

    def _new(self, path: Path) -> Lent:
        try:
            fd = _opened(path)
        except OSError as error:
            if error.errno != errno.EMFILE:
                raise DamagedFile(f"{path.name} cannot be read: {error.strerror}") from error
            while self._open:
                _drop(self._open.popitem()[1])
            fd = _opened(path)
        try:
            return Lent(fd, stamp_now(path, fd))
        except DamagedFile:
            os.close(fd)
            raise


def _opened(path: Path) -> int:
    return os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)  # a pipe would wait for ever


def _drop(lent: Lent) -> None:
    lent.dropped = True
    if not lent.users:
        os.close(lent.fd)


def _refuse_if_changed(stored: StoredFile, lent: Lent) -> None:
    if stored.stamp == lent.stamp:
        return
    with pool.open(stored) as file:  # compares what guards the file
        if os.fstat(file.id.get_vfd_handle()).st_ino != lent.stamp[0]:
            raise DamagedFile(f"{stored.path.name} is being replaced", hint="Open the run again.")


descriptors = Descriptors(pool)
os.register_at_fork(after_in_child=descriptors.forget)
