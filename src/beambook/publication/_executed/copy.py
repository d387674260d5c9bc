"""The two copies: one that is published, and one that notebooks work in."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

from beambook.events import Progress, Reporter
from beambook.publication._seal.source import Source
from beambook.publication._verify.notebook import is_skipped
from beambook.publication._verify.work import copied

__all__ = ["State", "changed", "copy_source", "copy_work", "state_of"]

State = dict[str, tuple[int, int, int]]


def copy_source(source: Source, into: Path, reporter: Reporter) -> None:
    """What would be published, at its places; links to folders elsewhere stay links.

    Parameters
    ----------
    source : Source
    into : Path
        An empty folder.
    reporter : Reporter
    """
    began = time.monotonic()
    for number, name in enumerate(source.files):
        target = into / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source.path(name), target)
        target.chmod(target.stat().st_mode | 0o200)  # a copy is there to be worked with
        seconds = time.monotonic() - began
        reporter(Progress("copying", number + 1, len(source.files), name, seconds))
    _link(source, into)


def copy_work(source: Source, folder: Path, into: Path) -> None:
    """Where notebooks are executed: whatever they do there, the copy that is published stays.

    Parameters
    ----------
    source : Source
    folder : Path
        With its copy.
    into : Path
        Must not exist.
    """
    copied(folder, into, link_large=True)
    _link(source, into)


def _link(source: Source, folder: Path) -> None:
    for name, leads in source.links.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).symlink_to(leads)


def state_of(folder: Path, start: Path | None = None, *, but: Path | None = None) -> State:
    """Size, time and place on the disk of each file, by its name.

    Parameters
    ----------
    folder : Path
        Where to look.
    start : Path, optional
        Where names start, else there as well.
    but : Path, optional
        A folder in it that is left out.
    """
    found: State = {}
    for where, folders, names in os.walk(folder):
        below = (Path(where, name) for name in folders)
        folders[:] = [each.name for each in below if each != but and not is_skipped(each)]
        for path in (Path(where, name) for name in names if not name.startswith(".")):
            if path.is_file() and not path.is_symlink():
                stat = path.stat()
                name = os.path.relpath(path, start or folder)
                found[name] = (stat.st_size, stat.st_mtime_ns, stat.st_ino)
    return found


def changed(before: State, after: State) -> tuple[str, ...]:
    """Names of files that are new or other than they were."""
    return tuple(sorted(name for name, state in after.items() if before.get(name) != state))
