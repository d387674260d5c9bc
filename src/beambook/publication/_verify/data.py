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

from beambook.checksum import sha256_of
from beambook.errors import DataError
from beambook.events import Progress, Reporter
from beambook.publication._contents import DataReference
from beambook.publication._fetch.fetch import Fetcher, asked_of, why_not_fetched
from beambook.publication._verify.subject import Subject
from beambook.recipe._memory import as_size

__all__ = ["Data", "find_data"]

ROOTS = "BEAMBOOK_DATA"
DEPTH = 6
PLACED = ("folder", "doi", "url")  # a run is found through its root, what is carried by values
_PROPOSAL = re.compile(r"(?:^|/)p\d{6}/(?:raw|proc)/")
_VALUE = re.compile(r"data:([^/]+)(?:/(.*))?$", re.S)


@dataclass(frozen=True)
class Data:
    """Where the data is on this machine.

    Attributes
    ----------
    found : mapping of str to (DataReference, Path)
        By name: what the publication says of it, and the folder that its files are in.
    readable : tuple of Path
        What a sandbox must let the notebooks see.
    roots : tuple of Path
        Roots of proposals, for ``BEAMBOOK_DATA``.
    problem : str
        What is not here, or is not what was sealed; empty if all is well.
    notes : tuple of str
    """

    found: Mapping[str, tuple[DataReference, Path]] = field(default_factory=dict)
    readable: tuple[Path, ...] = ()
    roots: tuple[Path, ...] = ()
    problem: str = ""
    notes: tuple[str, ...] = ()

    @property
    def env(self) -> dict[str, str]:
        """Environment variables that say where it is."""
        return {ROOTS: os.pathsep.join(map(str, self.roots))} if self.roots else {}

    def told(self, subject: Subject) -> tuple[tuple[str, str], ...]:
        """Each data's name, and in words what it is and whether it is here."""
        return tuple(
            (
                each.name,
                f"{each.kind} {each.where}".strip()
                + (f", {len(each.files):,} files, {each.size:,} bytes" if each.files else "")
                + (f"; found in {self.found[each.name][1]}" if each.name in self.found else ""),
            )
            for each in subject.data
        )

    def place(self, work: Path, *, link: bool) -> None:
        """Put it where the notebooks look for it: links to it, or copies."""
        for reference, folder in self.found.values():
            if _has_place(reference):
                for file in reference.files:
                    _put(folder / file.path, work / reference.target / file.path, link=link)
                if not reference.files:
                    _put(folder, work / reference.target, link=link)

    def value(self, value: Any, work: Path) -> Any:
        """A value of a parameter with ``data:NAME/rest`` replaced by the path here."""
        if isinstance(value, str) and (match := _VALUE.match(value)) and match[1] in self.found:
            reference, folder = self.found[match[1]]
            folder = work / reference.target if _has_place(reference) else folder
            return str(folder / match[2] if match[2] else folder)
        if isinstance(value, list):
            return [self.value(each, work) for each in value]
        if isinstance(value, Mapping):
            return {key: self.value(each, work) for key, each in value.items()}
        return value


def _has_place(reference: DataReference) -> bool:
    """Whether its place is below the work folder: by its target, or beside the notebooks."""
    return bool(reference.target) or (reference.kind in PLACED and bool(reference.files))


def _put(source: Path, place: Path, *, link: bool) -> None:
    if place.exists():
        return
    place.parent.mkdir(parents=True, exist_ok=True)
    if link:
        place.symlink_to(source)
    elif source.is_dir():
        shutil.copytree(source, place)
    else:
        shutil.copy2(source, place)


def find_data(
    subject: Subject, given: Path | None, *, fetch: bool = False, reporter: Reporter
) -> Data:
    """Find the data of a subject, and check sizes and checksums.

    Parameters
    ----------
    subject : Subject
    given : Path or None
        Where the user says that it is; besides, the roots in ``$BEAMBOOK_DATA`` are searched, and
        what was fetched before.
    fetch : bool
        Download what is not here, where the publication says from where.
    reporter : Reporter

    Returns
    -------
    Data
        With a problem where something is not here.
    """
    roots = _roots(given)
    found: dict[str, tuple[DataReference, Path]] = {}
    problems: list[str] = []
    nothing = fetch and not any(each.kind != "carried" for each in subject.data)
    notes = ["nothing to fetch: no data is referred to"] if nothing else []
    for reference in subject.data:
        folder = _find(reference, subject, roots)
        problem = _wrong(reference, folder, reporter) if folder is not None else ""
        if folder is None and not _is_needed(reference, subject):
            notes.append(f"data {reference.name} is cited, and not read")
            continue
        if folder is None:
            folder, problem, note = _from_the_web(reference, given, reporter, fetch=fetch)
            notes += [note] if note else []
        if folder is None or problem:
            problems.append(problem)
        else:
            found[reference.name] = (reference, folder)
    return Data(
        found=found,
        readable=_readable(found, subject, roots),
        roots=tuple(dict.fromkeys([*(f for r, f in found.values() if _is_run(r)), *roots])),
        problem="; ".join(problems),
        notes=tuple(notes),
    )


def _is_needed(reference: DataReference, subject: Subject) -> bool:
    """Data without files and without a place, that no value names, is a citation."""
    named = f"data:{reference.name}"
    values = (text for item in subject.items for text in _texts(item.values))
    return bool(reference.files or reference.target) or any(
        text == named or text.startswith(f"{named}/") for text in values
    )


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for each in value.values():
            yield from _texts(each)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _texts(each)


def _is_run(reference: DataReference) -> bool:
    return any(_PROPOSAL.search(file.path) for file in reference.files)


def _folders(reference: DataReference, folder: Path) -> list[Path]:
    """Of a run its own folders: the root has the proposals of others, too."""
    if not _is_run(reference):
        return [folder]
    return sorted({(folder / file.path).parent for file in reference.files})


def _readable(
    found: Mapping[str, tuple[DataReference, Path]], subject: Subject, roots: tuple[Path, ...]
) -> tuple[Path, ...]:
    """Folders of the data; of a folder that nobody sealed, all that the user says is data."""
    folders = [
        each
        for reference, folder in found.values()
        for each in _folders(reference, folder)
        if not each.is_relative_to(subject.root)
    ]
    return tuple(dict.fromkeys([*folders, *(() if subject.kind == "publication" else roots)]))


def _roots(given: Path | None) -> tuple[Path, ...]:
    named = [Path(root) for root in os.environ.get(ROOTS, "").split(os.pathsep) if root]
    roots = [*([given] if given is not None else []), *named]
    return tuple(dict.fromkeys(root.resolve() for root in roots if root.is_dir()))


def _find(reference: DataReference, subject: Subject, roots: tuple[Path, ...]) -> Path | None:
    """The folder below which all files of a reference are."""
    if not reference.files and not reference.target:
        return None  # nobody knows which folder it would be
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


def _from_the_web(
    reference: DataReference, given: Path | None, reporter: Reporter, *, fetch: bool
) -> tuple[Path | None, str, str]:
    """The folder of data that was fetched before, or is now; what is wrong; what to note."""
    missing = _missing(reference, given, fetch=fetch)
    if reference.kind == "carried" or why_not_fetched(reference):
        return None, missing, ""
    fetcher = Fetcher(reporter)
    try:
        if kept := fetcher.kept(reference):
            return kept, "", ""
        if not fetch:
            return None, missing, ""
        folder, note = fetcher.fetched(reference)
    except (DataError, OSError) as error:
        return None, str(error), ""
    return folder, "", note


def _missing(reference: DataReference, given: Path | None, *, fetch: bool) -> str:
    where = f" ({reference.where})" if reference.where and reference.kind != "carried" else ""
    why = why_not_fetched(reference)
    if reference.kind != "carried" and not why:
        what = f"{as_size(reference.size)} from {asked_of(reference)}"
        advice = f"--fetch downloads it ({what}), or give its folder with --data"
    elif reference.kind in ("doi", "url"):
        advice = "download it and give its folder with --data"
    elif given is None:
        advice = "give its folder with --data"
    else:
        advice = f"it is not in {given}"
    if fetch and why and reference.kind != "carried":
        advice += f"; --fetch cannot have it: {why}"
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
