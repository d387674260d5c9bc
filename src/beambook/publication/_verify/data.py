"""Data that notebooks read: found where it is here, checked, and put where they look for it."""

from __future__ import annotations

import os
import re
import shutil
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from beambook.events import Progress, Reporter
from beambook.publication._contents import DataReference
from beambook.publication._manifest import sha256_of
from beambook.publication._verify.subject import Subject

__all__ = ["Data", "find_data"]

ROOTS = "BEAMBOOK_DATA"
DEPTH = 6
_VALUE = re.compile(r"data:([^/]+)(?:/(.*))?$", re.S)


@dataclass(frozen=True)
class Data:
    """Where the data is on this machine.

    Attributes
    ----------
    folders : mapping of str to Path
        Folder of each `DataReference`, by its name.
    targets : mapping of str to str
        Where it has to be below the work folder, by its name.
    readable : tuple of Path
        What a sandbox must let the notebooks see.
    roots : tuple of Path
        Roots of proposals, for ``BEAMBOOK_DATA``.
    problem : str
        What is not here, or is not what was sealed; empty if all is well.
    """

    folders: Mapping[str, Path] = field(default_factory=dict)
    targets: Mapping[str, str] = field(default_factory=dict)
    readable: tuple[Path, ...] = ()
    roots: tuple[Path, ...] = ()
    problem: str = ""

    @property
    def env(self) -> dict[str, str]:
        """Environment variables that say where it is."""
        return {ROOTS: os.pathsep.join(map(str, self.roots))} if self.roots else {}

    def place(self, work: Path, *, link: bool) -> None:
        """Put it where the notebooks look for it: links to it, or copies."""
        for name, target in self.targets.items():
            place = work / target
            if target and name in self.folders and not place.exists():
                place.parent.mkdir(parents=True, exist_ok=True)
                _put(self.folders[name], place, link=link)

    def value(self, value: Any, work: Path) -> Any:
        """A value of a parameter with ``data:NAME/rest`` replaced by the path here."""
        if isinstance(value, str) and (match := _VALUE.match(value)) and match[1] in self.folders:
            target = self.targets.get(match[1], "")
            folder = work / target if target else self.folders[match[1]]
            return str(folder / match[2] if match[2] else folder)
        if isinstance(value, list):
            return [self.value(each, work) for each in value]
        if isinstance(value, Mapping):
            return {key: self.value(each, work) for key, each in value.items()}
        return value


def _put(source: Path, place: Path, *, link: bool) -> None:
    if link:
        place.symlink_to(source)
    elif source.is_dir():
        shutil.copytree(source, place)
    else:
        shutil.copy2(source, place)


def find_data(subject: Subject, given: Path | None, *, reporter: Reporter) -> Data:
    """Find the data of a subject, and check sizes and checksums.

    Parameters
    ----------
    subject : Subject
    given : Path or None
        Where the user says that it is; besides, the roots in ``$BEAMBOOK_DATA`` are searched.
    reporter : Reporter

    Returns
    -------
    Data
        With a problem where something is not here.
    """
    roots = _roots(given)
    folders: dict[str, Path] = {}
    problems: list[str] = []
    for reference in subject.data:
        found = _find(reference, subject, roots)
        if found is None:
            problems.append(_missing(reference, given))
        elif wrong := _wrong(reference, found, reporter):
            problems.append(wrong)
        else:
            folders[reference.name] = found
    outside = [f for f in folders.values() if not f.is_relative_to(subject.root)]
    targets = {reference.name: reference.target for reference in subject.data}
    readable = tuple(dict.fromkeys([*outside, *roots]))
    return Data(folders, targets, readable, roots, "; ".join(problems))


def _roots(given: Path | None) -> tuple[Path, ...]:
    named = [Path(root) for root in os.environ.get(ROOTS, "").split(os.pathsep) if root]
    roots = [*([given] if given is not None else []), *named]
    return tuple(dict.fromkeys(root.resolve() for root in roots if root.is_dir()))


def _find(reference: DataReference, subject: Subject, roots: tuple[Path, ...]) -> Path | None:
    """The folder below which all files of a reference are."""
    for folder in _candidates(reference, subject, roots):
        if all((folder / file.path).is_file() for file in reference.files):
            return folder
    return None


def _candidates(
    reference: DataReference, subject: Subject, roots: tuple[Path, ...]
) -> Iterator[Path]:
    if reference.kind == "carried":
        yield subject.folder / reference.where
        return
    for root in roots:
        yield from (root, root / reference.name, root / Path(reference.target or ".").name)
    if reference.files:
        for root in roots:
            yield from _deeper(root, Path(reference.files[0].path))


def _deeper(root: Path, first: Path) -> Iterator[Path]:
    """Folders not far below `root` that have the first file at its place."""
    for where, folders, _ in os.walk(root):
        depth = len(Path(where).relative_to(root).parts)
        if depth >= DEPTH:
            folders.clear()
        if first.parts[0] in folders or len(first.parts) == 1:
            yield Path(where)


def _missing(reference: DataReference, given: Path | None) -> str:
    where = f" ({reference.where})" if reference.where and reference.kind != "carried" else ""
    if reference.kind in ("doi", "url"):
        advice = "download it and give its folder with --data"
    elif given is None:
        advice = "give its folder with --data"
    else:
        advice = f"it is not in {given}"
    return f"data {reference.name}{where} is not here: {advice}"


def _wrong(reference: DataReference, folder: Path, reporter: Reporter) -> str:
    """The first file that is not what was sealed, in words."""
    began = time.monotonic()
    for done, file in enumerate(reference.files):
        path = folder / file.path
        reporter(
            Progress(
                f"data {reference.name}", done, len(reference.files), file.path,
                time.monotonic() - began,
            )
        )  # fmt: skip
        if path.stat().st_size != file.size:
            return (
                f"data {reference.name}: {path} has {path.stat().st_size:,} bytes, "
                f"not {file.size:,}: it is not what was sealed"
            )
        if file.sha256 is not None and sha256_of(path) != file.sha256:
            return f"data {reference.name}: {path} has another checksum than what was sealed"
    return ""
