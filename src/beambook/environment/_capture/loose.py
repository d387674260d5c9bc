"""Modules that somebody has put beside the installed packages by hand."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

from beambook.environment._capture.probe import Installed, Probed

__all__ = ["loose_modules"]

MODULES = (".py", ".so")


def loose_modules(probed: Probed) -> list[str]:
    """Names of modules that can be imported and belong to no package.

    Where a package has no list of its files (as the operating system installs them) nobody can
    say, and nothing is named.

    Parameters
    ----------
    probed : Probed

    Returns
    -------
    list of str
    """
    found: list[str] = []
    for site in probed.sites:
        packages = [p for p in probed.packages if p.folder == site]
        if site.is_dir() and packages and all(package.recorded for package in packages):
            known = {name for package in packages for name in _tops(package)}
            found += [path.name for path in sorted(site.iterdir()) if _is_loose(path, known)]
    return found


def _tops(package: Installed) -> Iterator[str]:
    text = (package.metadata / "RECORD").read_text(encoding="utf-8", errors="replace")
    for row in csv.reader(text.splitlines()):
        if row:
            yield row[0].split("/")[0]


def _is_loose(path: Path, known: set[str]) -> bool:
    if path.name in known or path.name.startswith(("_virtualenv", "__", ".")):
        return False
    return path.suffix in MODULES or (path / "__init__.py").is_file()
