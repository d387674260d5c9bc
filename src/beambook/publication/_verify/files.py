"""Files that a notebook wrote, beside those that were sealed with it."""

from __future__ import annotations

import filecmp
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from beambook.publication._verify.leg import NotebookVerdict
from beambook.words import few

__all__ = ["with_files"]

SHOWN = 3
APART = "files"  # where a file is sealed whose own name was taken


def with_files(verdict: NotebookVerdict, sealed: Mapping[str, Path], work: Path) -> NotebookVerdict:
    """The verdict of a notebook, with what its files say.

    That they are the same byte for byte proves a notebook that shows nothing. That they are not
    proves nothing, as many formats hold the time: it is told.

    Parameters
    ----------
    verdict : NotebookVerdict
    sealed : mapping of str to Path
        As the notebook called them.
    work : Path
        The folder that it was executed in.
    """
    if not sealed or (verdict.problem and not verdict.is_silent):
        return verdict
    folder = (work / verdict.path).parent
    found = {name: next(_found(name, folder, work), None) for name in sealed}
    missing = [name for name, path in found.items() if path is None]
    other = [
        name
        for name, path in found.items()
        if path is not None and not filecmp.cmp(path, sealed[name], shallow=False)
    ]
    told = (*_told(missing, "it did not write"), *_told(other, "not the same byte for byte:"))
    if not told and verdict.is_silent:
        same = "it shows nothing; what it wrote is the same byte for byte"
        return replace(verdict, status="same", problem="", notes=(*verdict.notes, same))
    return replace(verdict, notes=(*verdict.notes, *told))


def _found(name: str, folder: Path, work: Path) -> Iterator[Path]:
    """Where it may be: beside the notebook, or, named from there, below the common folder."""
    path = Path(name)
    names = [path, *([path.relative_to(APART)] if path.parts[0] == APART else [])]
    for each in (base / name for name in names for base in (folder, work)):
        if each.is_file() and each.resolve().is_relative_to(work.resolve()):
            yield each


def _told(names: list[str], what: str) -> Iterator[str]:
    if names:
        yield f"{what} {few(names, SHOWN)}"
