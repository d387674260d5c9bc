"""Installed packages whose files are no longer those that were installed."""

from __future__ import annotations

import base64
import csv
import hashlib
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from beambook.environment._capture.probe import Installed

__all__ = ["changed"]

AT_ONCE = 4
TEXT = (".py", ".pyi", ".json", ".yaml", ".toml", ".txt")


def changed(packages: Iterable[Installed]) -> dict[str, tuple[str, ...]]:
    """Compare packages with the list of files that their installer has left.

    Modules and other texts are compared by their checksum, all else by its size.

    Parameters
    ----------
    packages : iterable of Installed

    Returns
    -------
    dict
        Name to its files that are missing or changed; only those that have any.
    """
    known = [package for package in packages if package.recorded]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        found = pool.map(lambda package: tuple(_changed(package)), known)
        return {p.name: files for p, files in zip(known, found, strict=True) if files}


def _changed(package: Installed) -> Iterator[str]:
    text = (package.metadata / "RECORD").read_text(encoding="utf-8", errors="replace")
    for row in csv.reader(text.splitlines()):
        name, stated, size = (*row, "", "", "")[:3]
        # outside of the packages' folder an installer writes launchers in its own way
        if not name or name.startswith(("/", "..")) or name.endswith(".pyc"):
            continue
        if not _is(package.folder / name, stated, size):
            yield name


def _is(file: Path, stated: str, size: str) -> bool:
    try:
        if size.isdigit() and file.stat().st_size != int(size):
            return False
        if not stated.startswith("sha256=") or file.suffix not in TEXT:
            return file.is_file()
        digest = hashlib.sha256(file.read_bytes()).digest()
    except OSError:
        return False
    return base64.urlsafe_b64encode(digest).decode().rstrip("=") == stated.removeprefix("sha256=")
