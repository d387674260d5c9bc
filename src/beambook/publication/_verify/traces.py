"""What was changed outside of the work folder, where no sandbox prevents it."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from beambook.words import few

__all__ = ["changed_since", "places"]

DEPTHS = {"subject": 20, "here": 3, "home": 2, "temporary": 1}
ENTRIES_MOST = 50_000
SHOWN = 5
CLOCK_NS = 20_000_000  # the kernel's clock for files ticks more coarsely than ours
NOISE = {".cache", ".ipython", ".jupyter", "__pycache__", ".git"}


def places(subject: Path) -> dict[Path, int]:
    """Folders to look into, and how deep: where a notebook would most likely write.

    Parameters
    ----------
    subject : Path
        What is verified.
    """
    found = {
        Path(tempfile.gettempdir()): DEPTHS["temporary"],
        Path.home(): DEPTHS["home"],
        Path.cwd(): DEPTHS["here"],
        subject: DEPTHS["subject"],
    }
    return {folder.resolve(): depth for folder, depth in found.items() if folder.is_dir()}


def changed_since(began: float, where: dict[Path, int], without: Iterable[Path]) -> tuple[str, ...]:
    """Notes on files that were written, or folders that something was removed from.

    Parameters
    ----------
    began : float
        s since the epoch.
    where : mapping of Path to int
        Folders and how deep to look.
    without : iterable of Path
        What may be changed.

    Returns
    -------
    tuple of str
        At most one note. Another program may have been it; that nobody can tell.
    """
    ours = {path.resolve() for path in without}
    after = int(began * 1e9) - CLOCK_NS
    found: dict[str, None] = {}
    for folder, depth in where.items():
        for path in _changed(folder, depth, after, ours, [ENTRIES_MOST]):
            found[path] = None
    if not found:
        return ()
    return (
        "changed outside of the work folder meanwhile, by a notebook or by another program: "
        f"{few(sorted(found), SHOWN)}",
    )


def _changed(
    folder: Path, depth: int, after: int, ours: set[Path], left: list[int]
) -> Iterator[str]:
    """Files that were changed; a folder that was, though no file in it was, has lost one."""
    try:
        entries = list(os.scandir(folder))
        touched = folder.stat().st_mtime_ns >= after
    except OSError:
        return
    seen = False
    for entry in entries:
        left[0] -= 1
        path = Path(entry.path)
        if left[0] < 0 or entry.name in NOISE or path in ours:
            seen = seen or path in ours or entry.name in NOISE
            continue
        if entry.is_dir(follow_symlinks=False):
            seen = seen or _stat_ns(entry) >= after
            if depth > 1:
                yield from _changed(path, depth - 1, after, ours, left)
        elif _stat_ns(entry) >= after:
            seen = True
            yield entry.path
    if touched and not seen:
        yield f"{folder}/ (something was removed)"


def _stat_ns(entry: os.DirEntry[str]) -> int:
    try:
        return entry.stat(follow_symlinks=False).st_ctime_ns
    except OSError:
        return 0
