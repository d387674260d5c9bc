"""The folder that notebooks are executed in: a copy, so that what was published stays as it is."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from beambook.errors import NotebookError, PublicationError
from beambook.parameters._looks import looks_of
from beambook.publication._verify.notebook import (
    cells_of,
    code_cells,
    has_error,
    is_skipped,
    read_json,
    tags_of,
)
from beambook.publication._verify.subject import Item, Subject
from beambook.recipe._notebook import write_atomically

__all__ = ["copied", "kept", "prepared"]

LARGE = 64 << 20
FILES_MOST = 100_000
EXPECTED = "raises-exception"


def copied(root: Path, into: Path, *, link_large: bool) -> tuple[str, ...]:
    """Copy what is executed into `into`; gives what was left behind or linked.

    Parameters
    ----------
    root : Path
    into : Path
        Must not exist.
    link_large : bool
        True: files beyond 64 MB are links to the original (a sandbox keeps that read-only).

    Returns
    -------
    tuple of str
        Notes.

    Raises
    ------
    PublicationError
        If there are more than 100,000 files.
    """
    notes: list[str] = []
    into.mkdir(parents=True)
    for count, (source, target) in enumerate(_files(root, into)):
        if count > FILES_MOST:
            raise PublicationError(
                f"{str(root)!r} holds more than {FILES_MOST:,} files",
                hint="Give the folder of the notebooks",
            )
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_symlink():
            notes += _copy_link(source, target, root)
        elif link_large and source.stat().st_size > LARGE:
            target.symlink_to(source)
        elif source.is_file():  # no sockets, no pipes
            shutil.copy2(source, target)
            target.chmod(target.stat().st_mode | 0o200)  # a copy is there to be worked with
    return tuple(notes)


def _files(root: Path, into: Path) -> Iterator[tuple[Path, Path]]:
    for where, folders, names in os.walk(root):
        here = Path(where)
        links = [name for name in folders if (here / name).is_symlink()]
        folders[:] = [
            name
            for name in sorted(folders)
            if name not in links and not is_skipped(here / name) and not _is_ours(here / name, into)
        ]
        target = into / here.relative_to(root)
        for name in folders:
            (target / name).mkdir(parents=True, exist_ok=True)
        for name in (*sorted(names), *links):
            yield here / name, target / name


def _is_ours(folder: Path, into: Path) -> bool:
    """The folder of verifications may be inside of what is verified."""
    return folder == into or folder in into.parents


def _copy_link(source: Path, target: Path, root: Path) -> list[str]:
    leads = source.resolve()
    if leads.is_relative_to(root):
        target.symlink_to(os.path.relpath(leads, source.parent.resolve()))
        return []
    return [f"{source.relative_to(root)} is a link out of the folder and was left behind"]


def kept(subject: Subject, into: Path) -> Subject:
    """The same with its references kept beside the verdict: a zip's are gone when it is closed."""
    items = []
    for item in subject.items:
        place = into / item.path
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(item.reference, place)  # with its time, which the comparison goes by
        items.append(replace(item, reference=place))
    return replace(subject, items=tuple(items))


def prepared(work: Path, item: Item, original: Path) -> Path:
    """The notebook in the copy, made ready: an error that the reference has does not end it.

    It is taken anew from where it was published: a notebook that ran before may have changed
    the copy, or put a link in its place.

    Parameters
    ----------
    work : Path
        The copy.
    item : Item
    original : Path
        The notebook as it was published.

    Raises
    ------
    PublicationError
        If its folder in the copy was moved away or leads elsewhere.
    NotebookError
        If it is none.
    """
    notebook = work / item.path
    if notebook.parent.resolve() != work.resolve() / Path(item.path).parent:
        raise PublicationError("a notebook before it has put another folder in place of its own")
    document = read_json(original)
    if not {"cells", "worksheets"} & set(document):
        raise NotebookError(f"{item.path} is no Jupyter notebook: {looks_of(original)}")
    expected = {number for number, _, cell in code_cells(item.reference) if has_error(cell)}
    cells = cells_of(document)
    _tag([cells[number - 1] for number in expected if number <= len(cells)])
    notebook.parent.mkdir(parents=True, exist_ok=True)
    notebook.unlink(missing_ok=True)
    write_atomically(notebook, json.dumps(document, ensure_ascii=False).encode())
    return notebook


def _tag(cells: list[Any]) -> None:
    for cell in cells:
        if EXPECTED not in tags_of(cell):
            old = cell.get("metadata")
            cell["metadata"] = metadata = old if isinstance(old, dict) else {}
            metadata["tags"] = [*tags_of(cell), EXPECTED]
