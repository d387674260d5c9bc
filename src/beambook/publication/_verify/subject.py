"""What is verified: a sealed publication, a folder or checkout, or one notebook, seen alike."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from beambook.errors import NotebookError, PublicationError, RunNotFound
from beambook.events import Reporter
from beambook.parameters._looks import looks_of
from beambook.publication._contents import Claim, DataReference, SealedNotebook, written_in
from beambook.publication._declaration import read_declaration
from beambook.publication._order.order import Order, in_order
from beambook.publication._publication import Publication
from beambook.publication._verify.imprint import Imprint
from beambook.publication._verify.notebook import find_notebooks, language_of, read_json
from beambook.publication._verify.outcome import plain

__all__ = ["Item", "Subject", "sealed", "unsealed"]


@dataclass(frozen=True)
class Item:
    """One notebook to be executed.

    Attributes
    ----------
    path : str
        Relative to the folder that is executed.
    reference : Path
        The notebook with the published outputs.
    values : mapping
        Of its parameters, as JSON has them.
    requires : tuple of str
        Notebooks that must have come to their end before.
    claims : mapping
        Cells (from 1) and recorded names that the publication rests on, and what its authors say
        of them.
    language : str
    files : mapping of str to Path
        What it wrote when it was sealed, as it called them.
    """

    path: str
    reference: Path
    values: Mapping[str, Any] = field(default_factory=dict)
    requires: tuple[str, ...] = ()
    claims: Mapping[Any, str] = field(default_factory=dict)
    language: str = "python"
    files: Mapping[str, Path] = field(default_factory=dict)


@dataclass(frozen=True)
class Subject:
    """What is verified.

    Attributes
    ----------
    kind : str
        ``publication``, ``folder`` or ``notebook``.
    path : Path
        What was given.
    name, title : str
    root : Path
        The folder that a copy of is executed.
    items : tuple of Item
        In the order of execution.
    checksum : str
        Of a sealed publication.
    problems : tuple of (str, str)
        Files that are not as they were sealed, and what is wrong with them.
    data : tuple of DataReference
        What the publication says of its data.
    publication : Publication or None
    imprint : Imprint
        Its authors, day, version and DOI.
    notes : tuple of str
    """

    kind: str
    path: Path
    name: str
    title: str
    root: Path
    items: tuple[Item, ...]
    checksum: str = ""
    problems: tuple[tuple[str, str], ...] = ()
    data: tuple[DataReference, ...] = ()
    publication: Publication | None = None
    imprint: Imprint = field(default_factory=Imprint)
    notes: tuple[str, ...] = ()

    @property
    def folder(self) -> Path:
        """The folder of the publication, else the one that is executed."""
        return self.publication.path if self.publication is not None else self.root

    @property
    def originals(self) -> tuple[Path, ...]:
        """The notebooks as they were published."""
        return tuple(self.root / item.path for item in self.items)


def sealed(publication: Publication, *, reporter: Reporter | None = None) -> Subject:
    """A publication, with what its checksums say.

    Raises
    ------
    PublicationError
        If its record names a notebook that is not in it.
    """
    found = publication.check(reporter=reporter)
    for each in publication.notebooks:
        for name in (f"work/{each.path}", each.reference):
            if not found and name is not None and not (publication.path / name).is_file():
                raise PublicationError(f"publication.json names {name!r}, which is not in it")
    items = tuple(
        Item(
            path=each.path,
            reference=publication.path / (each.reference or f"work/{each.path}"),
            values=each.values,
            requires=each.requires,
            claims={
                claim.name or claim.cell: _said(claim)
                for claim in publication.claims
                if claim.notebook == each.path
            },
            language=each.language,
            files=_files(publication, each),
        )
        for each in publication.notebooks
    )
    return Subject(
        kind="publication",
        path=publication.origin,
        name=publication.origin.stem if publication.origin.is_file() else publication.origin.name,
        title=plain(publication.title) or publication.origin.name,
        root=publication.work,
        items=items,
        checksum=publication.checksum,
        problems=tuple((problem.path, problem.what) for problem in found),
        data=publication.data,
        publication=publication,
        imprint=Imprint.of(publication.record),
    )


def _files(publication: Publication, notebook: SealedNotebook) -> dict[str, Path]:
    """Without outputs that did not fit into the notebook: they are compared with its cells."""
    start = f"{written_in(notebook.path)}/"
    names = [n for n in notebook.outputs if n.startswith(start) and ".." not in Path(n).parts]
    files = {name.removeprefix(start): publication.path / name for name in names}
    return {name: path for name, path in files.items() if path.is_file()}


def _said(claim: Claim) -> str:
    """What its author says; not the value, which is compared, nor nothing but its name."""
    text = plain(claim.text)
    return "" if claim.name and text.startswith(f"{claim.name} =") else text


def unsealed(path: Path) -> Subject:
    """A folder, a checkout or a notebook that nobody sealed: its stored outputs are the reference.

    Raises
    ------
    RunNotFound
        If there is no such file or folder, or no notebook in it.
    NotebookError
        If the file is no notebook.
    """
    if path.is_file():
        if not {"cells", "worksheets"} & set(read_json(path)):
            looks = looks_of(path)
            raise NotebookError(f"{str(path)!r} is neither a notebook nor a publication: {looks}")
        return _subject("notebook", path, root_of(path), (path,))
    if not path.is_dir():
        raise RunNotFound(f"No publication, folder or notebook {str(path)!r}")
    found = find_notebooks(path.absolute())
    if not found:
        raise RunNotFound(
            f"No notebook in {str(path)!r}",
            hint="Give a publication, a notebook, or a folder with *.ipynb files",
        )
    return _subject("folder", path, path.absolute(), found)


def _subject(kind: str, path: Path, root: Path, found: tuple[Path, ...]) -> Subject:
    root = root.resolve()
    order, notes = _order(root, [each.resolve() for each in found])
    items = tuple(
        Item(name, root / name, requires=needed, language=language_of(root / name))
        for name, needed in order.needs.items()
    )
    name = path.resolve().stem if kind == "notebook" else path.resolve().name
    return Subject(
        kind, path.absolute(), name or "folder", name or "folder", root, items, notes=notes
    )


def _order(root: Path, paths: list[Path]) -> tuple[Order, tuple[str, ...]]:
    """As declared; a declaration that cannot be followed, of anybody, is no reason to give up."""
    if len(paths) == 1:
        return in_order(root, paths), ()
    try:
        return in_order(root, paths, read_declaration(root)), ()
    except PublicationError as error:
        return in_order(root, paths), (f"{error}; the order is that which the code says",)


def root_of(notebook: Path) -> Path:
    """The checkout that a notebook is in, else its folder: code and requirements are there."""
    folder = notebook.absolute().parent
    home = Path(os.path.expanduser("~"))
    for each in (folder, *folder.parents):
        if each == home:
            break
        if (each / ".git").exists():
            return each
    return folder
