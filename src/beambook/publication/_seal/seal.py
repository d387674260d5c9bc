"""Seal: put a publication together beside its place, look for secrets, then move it there."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import date as Date  # noqa: N812 `date` is the argument that users give
from pathlib import Path
from typing import Any

from beambook.environment import Environment
from beambook.errors import PublicationError, close_names
from beambook.events import Reporter
from beambook.publication._author import Author
from beambook.publication._contents import Claim, Code, DataReference
from beambook.publication._crate.citation import citation
from beambook.publication._crate.crate import METADATA, Facts, crate, licence_url
from beambook.publication._crate.datacite import datacite
from beambook.publication._crate.readme import readme
from beambook.publication._crate.run import Run
from beambook.publication._declaration import LICENCE, Declaration, spdx
from beambook.publication._manifest import (
    MANIFEST,
    checksums,
    files_below,
    manifest_text,
    sha256_of,
)
from beambook.publication._names import twins, why_unsafe
from beambook.publication._publication import ENVIRONMENT, FORMAT, RECORD, WORK, Publication
from beambook.publication._seal.code import code_of
from beambook.publication._seal.data import Limits, Piece, as_piece, pieces_of, settled
from beambook.publication._seal.date import date_of
from beambook.publication._seal.notebook import Sealed, sealed_notebook
from beambook.publication._seal.order import ordered
from beambook.publication._seal.software import sealed_software
from beambook.publication._seal.source import Source, find_source
from beambook.publication._secrets import KINDS, Leak, find_secrets
from beambook.recipe import Execution

__all__ = ["seal"]

LEAKS_SHOWN = 20
LICENCES = ("license", "license.txt", "license.md", "licence", "licence.txt", "licence.md")


def seal(
    source: str | Path | Execution,
    into: str | Path,
    *,
    title: str | None = None,
    authors: Sequence[Author | str | Mapping[str, str]] = (),
    licence: str | None = None,
    description: str = "",
    keywords: Sequence[str] = (),
    data: Sequence[str | Path | Mapping[str, Any] | DataReference] = (),
    environment: Environment | str | Path | None = None,
    wheels: bool = False,
    values: Mapping[str, Any] | None = None,
    date: str | Date | None = None,
    allow: Iterable[str] = (),
    limits: Limits | None = None,
    reporter: Reporter | None = None,
) -> Publication:
    """Seal notebooks with their executed outputs, values, software, data and claims.

    Nothing is executed. What is not given is taken from ``publication.yml`` beside the
    notebooks, then from the notebooks and their executions.

    Parameters
    ----------
    source : str, Path or Execution
        A notebook, a folder of notebooks, or an Execution (its folder).
    into : str or Path
        The folder that is made; a publication that is there is replaced. A name that ends in
        ``.zip`` gives the same as one file.
    title, licence, description : str, optional
        `licence` is an SPDX identifier; ``CC-BY-4.0`` if nobody says anything.
    authors : sequence of Author, str or mapping
        ``"Jane Doe"``, or ``{"name": …, "orcid": …, "affiliation": …, "ror": …}``.
    keywords : sequence of str
    data : sequence
        DOIs, addresses, ``"p900074 r0487"``, folders, files.
    environment : Environment, str, Path, optional
        A frozen environment or its folder, or a Python to be frozen now; ``"none"`` for none. If
        not given, what ``beambook freeze`` wrote beside the notebooks, else the Python that
        executed them, else this one.
    wheels : bool
        Carry the wheels of all packages, so that no index is needed to verify.
    values : mapping, optional
        Of the parameters of a single notebook.
    date : str or datetime.date, optional
        Else ``SOURCE_DATE_EPOCH``, the end of the newest execution, the commit, today.
    allow : iterable of str
        Kinds of secrets (see `find_secrets`) that may leave.
    limits : Limits, optional
        Data that is carried: 100 MB a file and 1 GB in all; larger data goes by reference.
    reporter : Reporter, optional

    Returns
    -------
    Publication

    Raises
    ------
    RunNotFound
        If there is no such notebook, folder or execution.
    PublicationError
        If something that should not leave was found, what is declared cannot be understood, or
        there is something else at `into`.
    EnvironmentProblem
        If the software cannot be frozen.

    Examples
    --------
    >>> made = seal("analysis/", "edge-of-nickel", authors=["Jane Doe"])  # doctest: +SKIP
    >>> made.checksum[:12]  # doctest: +SKIP
    '41d2b1c9f0aa'
    """
    allowed = _allowed(allow)
    target = _target(Path(into))
    given = source.path if isinstance(source, Execution) else source
    found = find_source(given, into=target)
    found = replace(found, declaration=_completed(
        found, title=title, authors=tuple(map(Author.of, authors)), licence=licence,
        description=description, keywords=tuple(keywords), values=values,
    ))  # fmt: skip
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{target.name}.", dir=target.parent) as scratch:
        folder = Path(scratch) / "publication"
        folder.mkdir()
        draft = _Draft(found, folder, limits or Limits(), reporter)
        draft.fill(data, environment, date, wheels=wheels)
        _refuse_leaks(draft.secrets(), allowed)
        _close(folder, reporter)
        if target.suffix == ".zip":
            Publication.open(folder).zip(target, reporter=reporter)
        else:
            _replace(folder, target)
    return Publication.open(target)


class _Draft:
    """A publication that is being put together in a folder of its own."""

    def __init__(
        self, source: Source, folder: Path, limits: Limits, reporter: Reporter | None
    ) -> None:
        self.source, self.folder = source, folder
        self.limits, self.reporter = limits, reporter
        self.notes = [*source.notes]
        if not source.declaration.authors:
            self.notes.append("nobody is named as author: say so in publication.yml, or --author")
        if not source.declaration.licence:
            self.notes.append(f"nobody named a licence: {LICENCE} was taken")
            self.source = replace(source, declaration=source.declaration.over(licence=LICENCE))
        self.pieces: list[Piece] = []
        self.sealed: tuple[Sealed, ...] = ()
        self.code = Code()

    def fill(
        self,
        data: Sequence[Any],
        environment: Environment | str | Path | None,
        date: str | Date | None,
        *,
        wheels: bool,
    ) -> None:
        """Everything but the manifest."""
        self._copy_work()
        self._take_data(data)
        self._take_notebooks()
        software, notes = sealed_software(
            environment,
            self.folder / ENVIRONMENT,
            self.source,
            wheels=wheels,
            reporter=self.reporter,
        )
        self.notes += notes
        self.code = code_of(self.source.root, list(self.source.files))
        ended = [each.record.ended for each in self.sealed]
        day, dated = date_of(date or self.source.declaration.date, ended, self.source.root)
        self.notes += dated
        self._write(day, software)

    def _copy_work(self) -> None:
        """The author's files; those that are too large become data that goes by reference."""
        spent = 0
        for name in self.source.files:
            path = self.source.path(name)
            if why := why_unsafe(f"{WORK}/{name}"):
                raise PublicationError(f"The file name {name!r} {why}", hint="Rename or exclude it")
            size = path.stat().st_size
            fits = size <= self.limits.each and spent + size <= self.limits.total
            if fits or name.endswith(".ipynb"):
                spent += size
                _copy(path, self.folder / WORK / name)
            else:
                piece = as_piece({"folder": str(path), "name": name, "target": name}, Path("/"))
                self.pieces.append(piece)
        if same := twins(self.source.files):
            raise PublicationError(
                f"{same[0][0]!r} and {same[0][1]!r} are one file where case does not count",
                hint="Rename one of them",
            )
        self.spent = spent

    def _take_data(self, data: Sequence[Any]) -> None:
        found = pieces_of(self.source, data, self.pieces)
        self.pieces, notes = settled(found, self.limits, self.spent, reporter=self.reporter)
        self.notes += notes
        for piece in self.pieces:
            if piece.carried and piece.reference.target in self.source.links:
                self.notes.append(
                    f"{piece.reference.target} is a link out of the folder: what it leads to "
                    f"({len(piece.files)} files) is carried"
                )
            if piece.carried:
                for name, path in piece.files.items():
                    _copy(path, self.folder / piece.reference.where / name)

    def _take_notebooks(self) -> None:
        books = ordered(self.source)
        self.sealed = tuple(
            sealed_notebook(self.source, name, needs, self.pieces, most=self.limits.each)
            for name, needs in books
        )
        for each in self.sealed:
            self.notes += each.notes
            for name, path in each.files.items():
                if (self.folder / name).exists():
                    self.notes.append(f"{name} is of two executions: that of the first is carried")
                else:
                    _copy(path, self.folder / name)

    def _write(self, day: str, software: Mapping[str, Any] | None) -> None:
        data = tuple(piece.reference for piece in self.pieces)
        claims = tuple(claim for each in self.sealed for claim in each.claims)
        self._copy_licence()
        _write_json(self.folder / RECORD, self._record(day, software, data, claims))
        facts = Facts(
            self.source.declaration, day, self._runs(day), data, {}, software, asdict(self.code)
        )
        facts = replace(facts, files=self._files())
        (self.folder / "README.md").write_text(readme(facts, claims), encoding="utf-8")
        (self.folder / "CITATION.cff").write_text(citation(facts), encoding="utf-8")
        _write_json(self.folder / "datacite.json", datacite(facts))
        facts = replace(facts, files=self._files() | {MANIFEST: None})
        _write_json(self.folder / METADATA, crate(facts))

    def _copy_licence(self) -> None:
        """The text of the licence is looked for at the top."""
        named = (n for n in self.source.files if n.lower() in LICENCES)
        if name := next(named, ""):
            _copy(self.source.path(name), self.folder / "LICENSE")

    def _files(self) -> dict[str, Any]:
        return {name: (self.folder / name).stat().st_size for name in files_below(self.folder)}

    def _runs(self, day: str) -> tuple[Run, ...]:
        declared = self.source.declaration
        return tuple(
            Run(
                each.record, each.results, date=each.record.ended or day,
                licence=licence_url(declared.licence), version=declared.version or self.code.commit,
                repository=self.code.remote,
            )
            for each in self.sealed
        )  # fmt: skip

    def _record(
        self,
        day: str,
        software: Mapping[str, Any] | None,
        data: tuple[DataReference, ...],
        claims: tuple[Claim, ...],
    ) -> dict[str, Any]:
        declared = self.source.declaration
        return {
            "format": FORMAT,
            "title": declared.title,
            "description": declared.description,
            "authors": [author.document() for author in declared.authors],
            "licence": declared.licence,
            "keywords": list(declared.keywords),
            "date": day,
            "doi": declared.doi,
            "version": declared.version,
            "notebooks": [asdict(each.record) for each in self.sealed],
            "data": [asdict(each) for each in data],
            "environment": software,
            "claims": [asdict(claim) for claim in claims],
            "code": asdict(self.code),
            "related": [asdict(each) for each in declared.related],
            "notes": self.notes,
        }

    def secrets(self) -> tuple[Leak, ...]:
        """What should not leave: in everything that would, each content once."""
        names = [n for n in files_below(self.folder) if not n.startswith(f"{ENVIRONMENT}/wheels/")]
        first: dict[str, str] = {}
        for name in sorted(names, key=lambda name: not name.startswith(WORK)):
            first.setdefault(sha256_of(self.folder / name), name)
        return find_secrets({name: self.folder / name for name in first.values()})


def _completed(source: Source, *, values: Mapping[str, Any] | None, **given: Any) -> Declaration:
    """What was declared, with what was given, and what the notebooks say where nobody else does."""
    declared = source.declaration
    if given["licence"]:
        given["licence"] = spdx(given["licence"])
    if values:
        if len(source.notebooks) > 1:
            raise PublicationError(
                "Values were given for a folder of notebooks",
                hint="Declare them in publication.yml, for each notebook",
            )
        name = source.notebooks[0]
        facts = {**declared.notebooks.get(name, {}), "path": name, "values": dict(values)}
        given["notebooks"] = {**declared.notebooks, name: facts}
    done = declared.over(**given)
    return done.over(
        title=done.title or _title_of(source), authors=done.authors or _authors_of(source)
    )


def _title_of(source: Source) -> str:
    from beambook.recipe import Recipe

    if len(source.notebooks) > 1 and source.root.name:
        return source.root.name
    path = source.path(source.notebooks[0])
    return Recipe(path, Path(source.notebooks[0]).stem).title


def _authors_of(source: Source) -> tuple[Author, ...]:
    from beambook.recipe import Recipe

    names = [Recipe(source.path(name), name).author for name in source.notebooks]
    each = [part.strip() for name in names for part in name.split(",") if part.strip()]
    return tuple(map(Author.of, dict.fromkeys(each)))


def _allowed(allow: Iterable[str]) -> set[str]:
    allowed = {allow} if isinstance(allow, str) else set(allow)
    for kind in sorted(allowed - set(KINDS)):
        close = " or ".join(close_names(kind, KINDS)) or ", ".join(KINDS)
        raise PublicationError(
            f"There is no kind of secret {kind!r}", hint=f"Did you mean {close}?"
        )
    return allowed


def _target(into: Path) -> Path:
    target = into.absolute()
    if target.suffix == ".zip" and not target.is_dir():
        return target
    if target.is_dir() and any(target.iterdir()) and not (target / RECORD).is_file():
        raise PublicationError(
            f"{str(into)!r} has files and is no publication", hint="Name a folder that is not there"
        )
    if target.exists() and not target.is_dir():
        raise PublicationError(f"{str(into)!r} is a file")
    return target


def _refuse_leaks(leaks: Sequence[Leak], allowed: set[str]) -> None:
    kept = [leak for leak in leaks if leak.kind not in allowed]
    if not kept:
        return
    lines = [f"  {leak}" for leak in kept[:LEAKS_SHOWN]]
    if len(kept) > LEAKS_SHOWN:
        lines.append(f"  and {len(kept) - LEAKS_SHOWN} more")
    kinds = ", ".join(sorted({leak.kind for leak in kept}))
    lines.append(f"Remove them and execute the notebooks again, or allow these kinds: {kinds}")
    raise PublicationError("Not sealed, this would leave with it:\n" + "\n".join(lines))


def _close(folder: Path, reporter: Reporter | None) -> None:
    """The manifest, which is the last file that is written."""
    (folder / MANIFEST).write_bytes(manifest_text(checksums(folder, reporter=reporter)))


def _replace(folder: Path, target: Path) -> None:
    """Put the finished folder at its place; what was there goes only then."""
    if not target.exists():
        folder.rename(target)
        return
    old = folder.with_name("old")
    target.rename(old)
    try:
        folder.rename(target)
    except OSError:
        old.rename(target)  # else it would go with the scratch folder
        raise


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)
    if source.stat().st_mode & 0o100:
        target.chmod(target.stat().st_mode | 0o111)


def _write_json(path: Path, document: Any) -> None:
    text = json.dumps(document, indent=1, ensure_ascii=False, default=str)
    path.write_text(text + "\n", encoding="utf-8")
