"""Which entries a file has, and which of them it opens."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py

from beambook.data._findings import Finding
from beambook.data._nexus.links import FAULTS, target_of
from beambook.data._nexus.text import text_of
from beambook.data._nexus.tree import attributes, child_names
from beambook.errors import SourceNotFound

__all__ = ["Chosen", "choose_entry"]

HINTS = {"NXdata", "NXinstrument", "NXsample", "NXmonitor", "NXdetector", "NXuser", "NXprocess"}
MOST_ENTRIES = 10_000


@dataclass(frozen=True)
class Chosen:
    """An entry of a file.

    Attributes
    ----------
    path : str
        ``"/entry"``; ``"/"`` where the file has no entries.
    entries : tuple of str
        Names of all entries.
    beyond : str
        What ``@default`` of the file says after the entry.
    stated : bool
        Whether anything says that this is NeXus.
    findings : tuple of Finding
    """

    path: str
    entries: tuple[str, ...]
    beyond: str = ""
    stated: bool = True
    findings: tuple[Finding, ...] = ()


def choose_entry(file: h5py.File, wanted: str | None = None) -> Chosen:
    """The entry that is wanted, else that of ``@default``, else the first.

    Raises
    ------
    SourceNotFound
        There is no entry of this name.
    """
    listed = _Listed.of(file)
    root = attributes(_root(file))
    said = text_of(root.get("default"))
    first, _, beyond = said.strip("/").partition("/")
    entries, findings = listed.entries, list(listed.findings)
    if wanted is not None and wanted.strip("/") not in (*entries, *listed.groups):
        raise SourceNotFound(wanted, entries, where=str(file.filename))
    if wanted is not None:
        name = wanted.strip("/")
        rest = beyond if name == first else ""
        return Chosen(f"/{name}", entries, rest, listed.stated, tuple(findings))
    if first in entries:
        return Chosen(f"/{first}", entries, beyond, listed.stated, tuple(findings))
    if said and not entries:
        return Chosen("/", (), said, listed.stated, tuple(findings))
    if said and first in listed.groups:  # it leads to data beside the entries
        return Chosen("/", entries, said, listed.stated, tuple(findings))
    if said:
        findings.append(Finding("no such entry", "/", 1, f"@default names {said!r}"))
    if entries:
        return Chosen(f"/{entries[0]}", entries, "", listed.stated, tuple(findings))
    return Chosen("/", (), "", listed.stated, tuple(findings))


@dataclass(frozen=True)
class _Listed:
    entries: tuple[str, ...]
    groups: tuple[str, ...]
    stated: bool
    findings: tuple[Finding, ...]

    @classmethod
    def of(cls, file: h5py.File) -> _Listed:
        classes = _classes(file)
        said = tuple(n for n, c in classes.items() if c.lower() in ("nxentry", "sasentry"))
        groups = tuple(classes)
        if said:
            return cls(said, groups, stated=True, findings=())
        nested = tuple(_nested(file, [n for n, c in classes.items() if not c]))
        if nested:
            return cls(nested, (*groups, *nested), stated=True, findings=())
        likely = tuple(n for n, c in classes.items() if not c and _looks_like_entry(file, n))
        if likely:
            note = Finding("no NX_class", f"/{likely[0]}", len(likely), "taken as NXentry")
            return cls(likely, groups, stated=True, findings=(note,))
        stated = any(c.startswith(("NX", "SAS")) for c in classes.values()) or any(
            name.startswith(("NX_class", "NeXus_version", "default")) for name in
            attributes(_root(file))
        )  # fmt: skip
        missing = Finding("no NXentry", "/", 1, "the whole file is taken as one entry")
        nothing = Finding("no NeXus attributes", "/", 1, "names and shapes are all there is")
        return cls((), groups, stated, (missing,) if stated else (missing, nothing))


def _classes(file: h5py.File) -> dict[str, str]:
    found = {}
    for name in child_names(_root(file), MOST_ENTRIES):
        try:
            if target_of(_root(file), name, _folder(file)).gone:
                continue
            child = h5py.h5o.open(_root(file), name)
        except FAULTS:
            continue
        if isinstance(child, h5py.h5g.GroupID):
            stated = attributes(child, ("NX_class", "canSAS_class"))
            text = text_of(stated.get("NX_class")) or text_of(stated.get("canSAS_class"))
            found[name.decode(errors="surrogateescape")] = text
    return found


def _nested(file: h5py.File, names: list[str]) -> Iterator[str]:
    """Entries within groups of no class, e.g. of a file that collects others."""
    for name in names:
        try:
            group = h5py.h5o.open(_root(file), name.encode(errors="surrogateescape"))
        except FAULTS:
            continue
        for child in child_names(group, MOST_ENTRIES):
            if _class(file, group, child) == "NXentry":
                yield f"{name}/{child.decode(errors='surrogateescape')}"


def _class(file: h5py.File, group: Any, name: bytes) -> str:
    if target_of(group, name, _folder(file)).gone:
        return ""
    try:
        opened = h5py.h5o.open(group, name)
    except FAULTS:
        return ""
    is_group = isinstance(opened, h5py.h5g.GroupID)
    return text_of(attributes(opened, ("NX_class",)).get("NX_class")) if is_group else ""


def _looks_like_entry(file: h5py.File, name: str) -> bool:
    try:
        group = h5py.h5o.open(_root(file), name.encode(errors="surrogateescape"))
    except FAULTS:
        return False
    return any(_class(file, group, child) in HINTS for child in child_names(group, 1000))


def _folder(file: h5py.File) -> Path:
    return Path(file.filename).parent


def _root(file: h5py.File) -> h5py.h5g.GroupID:
    return file["/"].id
