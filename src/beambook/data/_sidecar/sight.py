"""What a file looks like from outside: whether what was read from it still holds."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cache
from hashlib import blake2b
from pathlib import Path
from stat import S_ISREG

from beambook.data._hdf5 import Stamp

__all__ = ["Sight", "sights"]

HEAD = 96  # bytes: an HDF5 superblock with the address of the root group
SIGNATURE = b"\x89HDF\r\n\x1a\n"
LOCAL_NS = 2 * 10**9  # the coarsest clock of a local file system ticks every two seconds
REMOTE_NS = 60 * 10**9  # the clocks of servers differ, and attributes are cached so long
LOCAL = {"btrfs", "ext2", "ext3", "ext4", "f2fs", "overlay", "tmpfs", "xfs", "zfs"}
SLOW_S = 3e-4  # a look takes longer where each goes to a server
TRIED, THREADS = 32, 16


@dataclass(frozen=True, slots=True)
class Sight:
    """Everything that changes when somebody changes a file, as far as one look can tell.

    Size and time of the last change are not enough: a file may be replaced by one of the same
    size and, from a backup, of the same time. Nobody can set the time of the last change of
    the inode (``ctime``). The first bytes of an HDF5 file hold where it ends.

    Attributes
    ----------
    inode, size, mtime_ns, ctime_ns : int
    head : str
        Digest of the first bytes.
    writing : bool
        Whether the file says that somebody has it open for writing.
    device : int
        What it is on; not the same in all processes, so it does not count.
    """

    inode: int
    size: int
    mtime_ns: int
    ctime_ns: int
    head: str
    writing: bool = False
    device: int = field(default=0, compare=False)

    @classmethod
    def of(cls, path: Path) -> Sight | None:
        """Look at a file; None where there is none that can be read.

        It is opened, because only then a network file system asks its server.
        """
        try:
            fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        except OSError:
            return None
        try:
            stat = os.fstat(fd)
            head = os.pread(fd, HEAD, 0) if S_ISREG(stat.st_mode) else None
        except OSError:
            return None
        finally:
            os.close(fd)
        if head is None:
            return None
        seen = blake2b(head, digest_size=8).hexdigest()
        times = stat.st_mtime_ns, stat.st_ctime_ns
        return cls(stat.st_ino, stat.st_size, *times, seen, _writing(head), stat.st_dev)

    @property
    def stamp(self) -> Stamp:
        """What a `StoredFile` is compared by."""
        return self.inode, self.size, self.mtime_ns, self.ctime_ns

    def token(self, name: str) -> str:
        """Short name of this state of this file."""
        seen = (name, self.inode, self.size, self.mtime_ns, self.ctime_ns, self.head)
        return blake2b(repr(seen).encode(), digest_size=8).hexdigest()

    def settled(self, now_ns: int) -> bool:
        """Whether any change after `now_ns` will show.

        Times are counted in ticks: of two changes within one tick the second does not show.
        So nothing is kept of a file that was changed a moment ago (as in git's index).
        """
        device = f"{os.major(self.device)}:{os.minor(self.device)}"
        quiet = LOCAL_NS if device in _local() else REMOTE_NS
        return not self.writing and now_ns - max(self.mtime_ns, self.ctime_ns) > quiet


def _writing(head: bytes) -> bool:
    """From version 2 of the superblock on HDF5 marks files that are open for writing."""
    return head.startswith(SIGNATURE) and len(head) > 11 and head[8] >= 2 and bool(head[11] & 1)


def sights(paths: Sequence[Path]) -> list[Sight | None]:
    """Look at many files, in threads where each look has to wait for a server."""
    began = time.perf_counter()
    first = [Sight.of(path) for path in paths[:TRIED]]
    rest = paths[TRIED:]
    if not rest or time.perf_counter() - began < SLOW_S * TRIED:
        return first + [Sight.of(path) for path in rest]
    with ThreadPoolExecutor(THREADS) as pool:
        return first + list(pool.map(Sight.of, rest))


@cache
def _local() -> frozenset[str]:
    """Devices of which the kernel itself sets the times."""
    try:
        lines = Path("/proc/self/mountinfo").read_text("utf-8", "replace").splitlines()
    except OSError:
        return frozenset()
    return frozenset(_devices(lines))


def _devices(lines: Iterable[str]) -> Iterable[str]:
    for line in lines:
        mount, _, kind = line.partition(" - ")
        if kind.partition(" ")[0] in LOCAL:
            yield mount.split(" ")[2]
