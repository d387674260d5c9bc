"""Where the index of a run is kept, and whose is believed."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path

from beambook.data._layout import proposal_of

__all__ = ["evict", "may_replace", "places", "trusted"]

SETTING = "BEAMBOOK_INDEX"
OFF = {"0", "false", "no", "off"}
MOST_BYTES, MOST_FILES = 256 << 20, 4096  # in the user's folder
LEFT_OVER_S = 3600  # a temporary file so old is nobody's any more
WRITABLE_BY_OTHERS = 0o022


def places(folder: Path) -> tuple[Path, ...]:
    """Files that may hold the index of a run's folder, the preferred one first.

    In ``scratch/.beambook`` of the proposal if the user may write there, else in the user's
    ``$XDG_CACHE_HOME/beambook``. The environment variable ``BEAMBOOK_INDEX`` may name another
    folder, or say ``off``. It is never the run's own folder.

    Parameters
    ----------
    folder : Path
        Of the run.
    """
    setting = os.environ.get(SETTING, "").strip()
    if setting.lower() in OFF:
        return ()
    real = Path(os.path.realpath(folder))
    if setting:
        found = [Path(os.path.realpath(os.path.expanduser(setting))) / _cache_name(real)]
    else:
        found = [*_shared(folder.absolute()), *_cached(real)]
    return tuple(path for path in found if real not in path.parents)


def _shared(folder: Path) -> Iterator[Path]:
    proposal = proposal_of(folder)
    if proposal is None or folder.parent.parent != proposal:
        return
    scratch = proposal / "scratch"
    if scratch.is_dir() and os.access(scratch, os.W_OK | os.X_OK):
        yield scratch / ".beambook" / f"{folder.parent.name}_{folder.name}.index"


def _cached(real: Path) -> Iterator[Path]:
    stated = os.environ.get("XDG_CACHE_HOME", "")
    with suppress(RuntimeError):  # nobody's home
        base = Path(stated) if os.path.isabs(stated) else Path.home() / ".cache"
        yield base / "beambook" / "index" / _cache_name(real)


def _cache_name(real: Path) -> str:
    try:
        device = os.stat(real).st_dev
    except OSError:
        device = 0
    digest = blake2b(os.fsencode(real) + b"\0%d" % device, digest_size=12).hexdigest()
    readable = re.sub(r"[^\w.-]", "_", real.name, flags=re.ASCII)[:40]
    return f"{readable}-{digest}.index"


def trusted(found: os.stat_result, folder: Path) -> bool:
    """Whether an index may be believed: its writer could as well have changed the data or us.

    What a file looks like from outside is known to everybody, so an index by a colleague could
    say anything in spite of all checks: wrong trains. Believed are the user's own, the
    administrator's, and that of the owner of the run's folder.
    """
    if found.st_mode & WRITABLE_BY_OTHERS:
        return False
    owners = {os.geteuid(), 0}
    with suppress(OSError):
        owners.add(folder.stat().st_uid)
    return found.st_uid in owners


def may_replace(place: Path, folder: Path) -> bool:
    """Whether nothing is there, or something that would be trusted were it not damaged."""
    try:
        return trusted(place.lstat(), folder)
    except FileNotFoundError:
        return True
    except OSError:
        return False


def evict(folder: Path) -> None:
    """Remove the indexes used longest ago where there are too many, and what crashes left."""
    with suppress(OSError):
        found = []
        for entry in os.scandir(folder):
            if entry.name.endswith((".index", ".tmp")) and entry.is_file(follow_symlinks=False):
                stat = entry.stat(follow_symlinks=False)
                found.append((stat.st_mtime, stat.st_size, entry.path))
        for path in _too_many(sorted(found, reverse=True)):
            with suppress(OSError):
                os.unlink(path)


def _too_many(newest_first: list[tuple[float, int, str]]) -> Iterator[str]:
    size, old = 0, time.time() - LEFT_OVER_S
    for number, (changed, bytes_, path) in enumerate(newest_first):
        size += bytes_
        many = number >= MOST_FILES or size > MOST_BYTES
        if many or (path.endswith(".tmp") and changed < old):
            yield path
