"""Files that are still being written: the trains in them that are complete.

A train of a file is complete when its id, and for each source that the file lists the index and
the rows of all keys, are surely in the file (`beambook.data._live.rows` says when that is so).
Trains that are not are held back and counted; the next look may have them. What was learned in
a look is kept, because the file may not be readable a moment later. A file that nobody has
touched for a while is taken as it is.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Lock

from beambook.data._euxfel.format import read_open_part
from beambook.data._findings import Finding
from beambook.data._format import Part
from beambook.data._hdf5 import StoredFile, pool
from beambook.data._live.part import live_part
from beambook.data._sidecar.sight import Sight

__all__ = ["live_parts"]

QUIET_NS = 60 * 10**9  # a file untouched for so long is finished
TICK_NS = 50 * 10**6  # changes within one tick of the file system's clock do not show
LOOKS = 3  # at a file that changes while it is looked at
MOST_REMEMBERED = 4096  # files

HELD = "trains not complete yet"
NOT_YET = "file not readable yet"
BEHIND = "writer behind the others"


@dataclass(frozen=True)
class _Look:
    """What was found in a file in one state.

    Attributes
    ----------
    sight : Sight or None
        The file before it was looked at.
    final : bool
        Whether it was taken as finished.
    rested : bool
        Whether a change during the look or after it shows in the file's times.
    part : Part or None
    findings : tuple of Finding
    """

    sight: Sight | None
    final: bool
    rested: bool
    part: Part | None
    findings: tuple[Finding, ...]


_looks: OrderedDict[Path, _Look] = OrderedDict()
_lock = Lock()


def live_parts(paths: Sequence[Path]) -> tuple[list[Part], list[Finding]]:
    """The complete trains of files, some of which are still being written.

    Only files that have changed since the last look are read. Nobody is kept from writing: no
    file is locked.

    Parameters
    ----------
    paths : sequence of Path

    Returns
    -------
    parts : list of Part
    findings : list of Finding
        Trains held back, files that cannot be read (yet), writers that are behind.
    """
    looks = [_look(path.absolute()) for path in paths]
    parts = [look.part for look in looks if look.part is not None]
    found = [finding for look in looks for finding in look.findings]
    return parts, [*found, *_behind(parts)]


def _look(path: Path) -> _Look:
    before = _looks.get(path)
    sight = Sight.of(path)
    if before and before.rested and before.sight == sight:
        if before.final or not _finished(path, sight):
            return before
    look = _look_until_calm(path)
    if look.part is None and before and _same_file(before, look):
        look = replace(look, part=before.part)  # its trains are still there
    with _lock:
        _looks[path] = look
        _looks.move_to_end(path)
        while len(_looks) > MOST_REMEMBERED:
            _looks.popitem(last=False)
    return look


def _same_file(before: _Look, now: _Look) -> bool:
    return bool(before.sight and now.sight and before.sight.inode == now.sight.inode)


def _look_until_calm(path: Path) -> _Look:
    """Look again while the file changes under one's eyes; the last look counts in any case."""
    for attempt in range(LOOKS):
        time.sleep(0.01 * attempt)
        sight = Sight.of(path)
        look = _look_once(path, sight)
        if look.part is not None and Sight.of(path) == sight:
            break
    return look


def _look_once(path: Path, sight: Sight | None) -> _Look:
    rested = sight is not None and time.time_ns() - sight.mtime_ns > TICK_NS
    final = _finished(path, sight)
    try:
        part, findings = _complete(path, live=not final)
    except (OSError, LookupError, RuntimeError, ValueError, TypeError) as error:
        text = getattr(error, "message", str(error))
        return _Look(sight, final, rested, None, (Finding(NOT_YET, path.name, 1, text),))
    return _Look(sight, final, rested, part, findings)


def _complete(path: Path, *, live: bool) -> tuple[Part, tuple[Finding, ...]]:
    stored = replace(StoredFile.of(path), live=live)
    pool.release(path)  # an open file may remember how it was
    with pool.open(stored) as file:
        whole = read_open_part(stored, file)
        if not live:
            return whole, ()
        part, why = live_part(whole, file)
    held = len(whole.event_ids) - len(part.event_ids)
    return part, (Finding(HELD, path.name, held, why),) if held else ()


def _finished(path: Path, sight: Sight | None) -> bool:
    """Whether nobody has touched the file for long, nor says that it is being written."""
    if sight is None or sight.writing or time.time_ns() - sight.mtime_ns < QUIET_NS:
        return False
    return not _locked(path)


def _locked(path: Path) -> bool:
    """Whether somebody holds the lock that HDF5 takes for writing."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:  # a file system without locks
        return False
    finally:
        os.close(handle)
    return False


def _behind(parts: Sequence[Part]) -> Iterator[Finding]:
    """Writers whose last complete train is before that of others."""
    last: dict[str, int] = {}
    for part in parts:
        trusted = part.event_ids[~part.suspect]
        last[part.writer] = max(last.get(part.writer, 0), int(trusted.max(initial=0)))
    newest = max(last.values(), default=0)
    for writer, train in sorted(last.items()):
        if 0 < train < newest:
            yield Finding(BEHIND, writer, newest - train, f"at {train}, others at {newest}")


def forget() -> None:
    """Forget all looks."""
    with _lock:
        _looks.clear()


def _unlocked_after_fork() -> None:
    global _lock
    _lock = Lock()


os.register_at_fork(after_in_child=_unlocked_after_fork)
