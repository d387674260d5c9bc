"""Sealed notebooks with software, data and results: a folder, or the same as one zip."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import tempfile
import weakref
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from beambook.card import Card, Described, Table
from beambook.checksum import sha256_of
from beambook.errors import PublicationError, RunNotFound
from beambook.events import Reporter
from beambook.publication._archive import MOST_BYTES, is_zip, unpack, write_zip
from beambook.publication._contents import Claim, Code, DataReference, SealedNotebook, build
from beambook.publication._manifest import MANIFEST, Problem, files_below, problems
from beambook.publication._names import twins, why_unsafe
from beambook.recipe._memory import as_size

if TYPE_CHECKING:
    from beambook.environment import Environment

__all__ = ["FORMAT", "RECORD", "Publication", "is_publication", "was_publication"]

RECORD = "publication.json"
FORMAT = "beambook publication 1"
WORK = "work"
REFERENCE = "reference"
ENVIRONMENT = "environment"
MOST_RECORD = 64 << 20
MOST_HEAD = 4 << 20
SHOWN = 16  # digits of a checksum that people compare


@dataclass(frozen=True, repr=False)
class Publication(Described):
    """Sealed notebooks with their software, data and expected results.

    Attributes
    ----------
    path : Path
        The folder; of a zip, where it is unpacked while this object lives.
    record : mapping
        Content of ``publication.json``.
    origin : Path
        What was opened: the folder or the zip.

    Examples
    --------
    >>> publication = Publication.open("edge-of-nickel.zip")  # doctest: +SKIP
    >>> publication.check()  # doctest: +SKIP
    ()
    """

    path: Path
    record: Mapping[str, Any] = field(compare=False)
    origin: Path = field(compare=False)

    @classmethod
    def open(
        cls,
        path: str | Path,
        *,
        checksum: str = "",
        most_bytes: int = MOST_BYTES,
        reporter: Reporter | None = None,
    ) -> Publication:
        """Read a publication; nothing of it is executed, and nothing is written beside it.

        Parameters
        ----------
        path : str or Path
            A folder or a zip. A zip is unpacked into a private folder that is removed with the
            object; it is looked at before.
        checksum : str
            The publication must have this one, or begin with it.
        most_bytes : int
            What a zip may unpack to.
        reporter : Reporter, optional
            Takes progress while a zip is unpacked.

        Returns
        -------
        Publication

        Raises
        ------
        RunNotFound
            If there is no such file or folder.
        PublicationError
            If it is no publication, is of an unknown format, has another checksum, or is refused:
            paths that climb out, links, hostile names, bombs.
        """
        origin = Path(os.path.abspath(path))
        if origin.is_dir():
            opened = cls._of_folder(origin, origin)
        elif origin.is_file() and is_zip(origin):
            opened = cls._of_zip(origin, most_bytes, reporter)
        elif origin.exists():
            raise PublicationError(f"{str(path)!r} is neither a folder nor a zip")
        else:
            raise RunNotFound(f"No publication {str(path)!r}")
        return opened.expected(checksum)

    def expected(self, checksum: str) -> Publication:
        """Return itself, if its checksum begins like this.

        Raises
        ------
        PublicationError
            If it has another one.
        """
        if not self.checksum.startswith(checksum.strip().lower()):
            raise PublicationError(
                f"{self.origin.name!r} has the checksum {self.checksum}, not {checksum}",
                hint="It is another publication, or it was changed after it was sealed",
            )
        return self

    @classmethod
    def _of_zip(cls, origin: Path, most_bytes: int, reporter: Reporter | None) -> Publication:
        home = Path(tempfile.mkdtemp(prefix="beambook-publication-"))
        try:
            opened = cls._of_folder(
                unpack(origin, home, most_bytes=most_bytes, reporter=reporter), origin
            )
        except BaseException:
            shutil.rmtree(home, ignore_errors=True)
            raise
        weakref.finalize(opened, shutil.rmtree, home, ignore_errors=True)
        return opened

    @classmethod
    def _of_folder(cls, folder: Path, origin: Path) -> Publication:
        names = list(files_below(folder))
        if same := twins(names):
            raise PublicationError(
                f"Refused: {same[0][0]!r} and {same[0][1]!r} are one file where case does not count"
            )
        if missing := [name for name in (RECORD, MANIFEST) if name not in names]:
            raise PublicationError(
                f"{origin.name!r} is no publication: it has no {' and no '.join(missing)}",
                hint="beambook publish SOURCE makes one",
            )
        opened = cls(folder, _read(folder / RECORD), origin)
        opened._refuse_climbing()
        return opened

    def _refuse_climbing(self) -> None:
        """What the record names is in the publication."""
        names = [f"{WORK}/{each.path}" for each in self.notebooks]
        names += [each.reference for each in self.notebooks if each.reference]
        names += [name for each in self.notebooks for name in each.outputs]
        names += [f"{WORK}/{each.target}" for each in self.data if each.target]
        names += [f"x/{file.path}" for each in self.data for file in each.files]
        names += [each.where for each in self.data if each.kind == "carried"]
        for name in names:
            if why := why_unsafe(name):
                raise PublicationError(f"Refused: {RECORD} names {name!r}, which {why}")

    @property
    def title(self) -> str:
        """What it is called."""
        return str(self.record.get("title", ""))

    @cached_property
    def checksum(self) -> str:
        """SHA-256 of the manifest, which has that of every file."""
        return sha256_of(self.path / MANIFEST)

    @cached_property
    def notebooks(self) -> tuple[SealedNotebook, ...]:
        """The notebooks, in the order in which they are executed."""
        return build(SealedNotebook, self.record.get("notebooks", []), "notebooks")

    @cached_property
    def data(self) -> tuple[DataReference, ...]:
        """What the notebooks read: carried, or where it is."""
        return build(DataReference, self.record.get("data", []), "data")

    @cached_property
    def claims(self) -> tuple[Claim, ...]:
        """What the publication rests on."""
        return build(Claim, self.record.get("claims", []), "claims")

    @cached_property
    def code(self) -> Code:
        """Commit and repository of the code; empty where nothing is known."""
        made: Code = build(Code, [self.record.get("code") or {}], "code")[0]
        return made

    @property
    def notes(self) -> tuple[str, ...]:
        """What the one who sealed it should know, and the reader too."""
        notes = self.record.get("notes", [])
        return tuple(map(str, notes)) if isinstance(notes, list) else ()

    @property
    def work(self) -> Path:
        """The author's files at their places: what is executed (in a copy)."""
        return self.path / WORK

    @property
    def environment(self) -> Environment | None:
        """The frozen software; None if there is none."""
        from beambook.environment import Environment

        folder = self.path / ENVIRONMENT
        return Environment.load(folder) if folder.is_dir() else None

    def check(self, *, reporter: Reporter | None = None) -> tuple[Problem, ...]:
        """Compare every file with its checksum.

        Parameters
        ----------
        reporter : Reporter, optional

        Returns
        -------
        tuple of Problem
            Files that were changed, are missing or were not sealed; empty if all is well.
        """
        return problems(self.path, reporter=reporter)

    def zip(self, path: str | Path, *, reporter: Reporter | None = None) -> Path:
        """Write it as one file, which is the same each time.

        Parameters
        ----------
        path : str or Path
        reporter : Reporter, optional

        Returns
        -------
        Path
        """
        write_zip(self.path, Path(path), reporter=reporter)
        return Path(path)

    def card(self) -> Card:
        """Title, authors, notebooks, data, software, claims, checksum."""
        software = self.record.get("environment") or {}
        authors = [author.get("name", "") for author in _mappings(self.record.get("authors"))]
        facts = {
            "authors": ", ".join(map(str, authors)),
            "date": str(self.record.get("date", "")),
            "licence": str(self.record.get("licence", "")),
            "software": _software(software, self.path / ENVIRONMENT),
            "code": _code(self.code),
            "claims": str(len(self.claims)),
            "checksum": self.checksum[:SHOWN],
            "folder": f"{self.origin} ({self._extent})",
        }
        facts = {name: fact for name, fact in facts.items() if fact}
        hints = (f"beambook verify {_typed(self.origin)}   executes it and compares",)
        return Card("Publication", self.title, facts, tuple(self._tables()), hints)

    @property
    def _extent(self) -> str:
        sizes = [(self.path / name).stat().st_size for name in files_below(self.path)]
        return f"{len(sizes)} files, {as_size(sum(sizes))}"

    def _tables(self) -> list[Table]:
        books = [
            (each.path, each.title, "yes" if each.reference else "no", _seconds(each.seconds))
            for each in self.notebooks
        ]
        tables = [Table(("notebook", "title", "reference", "took"), tuple(books), "notebooks")]
        if self.data:
            rows = [
                (d.name, d.kind, d.where or d.target, len(d.files), as_size(d.size))
                for d in self.data
            ]
            tables.append(Table(("data", "kind", "where", "files", "size"), tuple(rows), "data"))
        if self.claims:
            said = [(c.name or c.text, c.kind, f"{c.notebook}, cell {c.cell}") for c in self.claims]
            tables.append(Table(("claim", "kind", "where"), tuple(said), "claims"))
        if self.notes:
            tables.append(Table(("note",), tuple((note,) for note in self.notes), "notes"))
        return tables


def is_publication(path: Path) -> bool:
    """Whether this looks like a publication: cheap, and opens nothing of a folder."""
    if path.is_dir():
        return (path / RECORD).is_file() and (path / MANIFEST).is_file()
    return path.suffix == ".zip" and path.is_file() and is_zip(path)


def was_publication(folder: Path) -> bool:
    """Whether a folder has only one of the two files that make a publication.

    Somebody took the other one away: it must not pass for a folder that nobody sealed.
    """
    record, manifest = folder / RECORD, folder / MANIFEST
    if record.is_file():
        return not manifest.is_file() and FORMAT[:-1].encode() in _head(record)
    return manifest.is_file() and f"  {RECORD}\n".encode() in _head(manifest)


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(MOST_HEAD)


def _read(path: Path) -> Mapping[str, Any]:
    if path.stat().st_size > MOST_RECORD:
        raise PublicationError(f"{RECORD} is larger than {MOST_RECORD >> 20} MiB; nobody reads it")
    try:
        record = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise PublicationError(f"{RECORD} is no JSON: {error}") from error
    found = record.get("format") if isinstance(record, dict) else None
    if found != FORMAT:
        raise PublicationError(
            f"{RECORD} has the format {found!r}; this beambook reads {FORMAT!r}",
            hint="A newer beambook may have written it",
        )
    checked: Mapping[str, Any] = record
    return checked


def _mappings(found: Any) -> list[Mapping[str, Any]]:
    """What is an object in a list; anything else of a stranger's record is not told."""
    return [each for each in found if isinstance(each, Mapping)] if isinstance(found, list) else []


def _software(software: Any, folder: Path) -> str:
    if not isinstance(software, Mapping) or not software:
        return "none was sealed"
    packages = software.get("packages")
    return f"Python {software.get('python')}, {packages} packages, {_carried(folder, packages)}"


def _carried(folder: Path, packages: Any) -> str:
    """How many packages are here; all others have to be downloaded."""
    if (folder / "image.sqfs").is_file():
        return "all in one image"
    wheels = sum(1 for _ in (folder / "wheels").glob("*.whl"))
    return "all carried" if wheels == packages else f"{wheels or 'none'} carried"


def _typed(path: Path) -> str:
    """As one would type it from here."""
    here = Path.cwd()
    return shlex.quote(str(path.relative_to(here) if path.is_relative_to(here) else path))


def _code(code: Code) -> str:
    changed = " and changes" if code.dirty else ""
    return f"{code.commit[:12]}{changed} {code.remote}".strip() if code.commit else ""


def _seconds(seconds: float | None) -> str:
    return "" if seconds is None else f"{seconds:.1f} s"
