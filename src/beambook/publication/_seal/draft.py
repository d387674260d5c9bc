"""A publication that is being put together, in a folder of its own."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from datetime import date as Date  # noqa: N812 `date` is the argument that users give
from pathlib import Path
from typing import Any

from beambook.checksum import sha256_of
from beambook.environment import Environment
from beambook.events import Reporter
from beambook.publication._contents import Claim, Code, DataReference
from beambook.publication._crate.citation import citation
from beambook.publication._crate.crate import METADATA, Facts, crate, licence_url
from beambook.publication._crate.datacite import datacite
from beambook.publication._crate.readme import readme
from beambook.publication._crate.run import Run
from beambook.publication._declaration import LICENCE
from beambook.publication._manifest import MANIFEST, files_below
from beambook.publication._names import check_names
from beambook.publication._publication import ENVIRONMENT, FORMAT, RECORD, WORK
from beambook.publication._seal.code import code_of
from beambook.publication._seal.data import (
    Limits,
    apart,
    as_piece,
    pieces_of,
    settled,
    with_what_was_read,
)
from beambook.publication._seal.date import date_of
from beambook.publication._seal.notebook import Sealed, sealed_notebook
from beambook.publication._seal.order import ordered
from beambook.publication._seal.piece import Piece
from beambook.publication._seal.software import leaks_of_wheels, sealed_software
from beambook.publication._seal.source import Source
from beambook.publication._secrets import Leak, find_secrets

__all__ = ["Draft"]

LICENCES = ("license", "license.txt", "license.md", "licence", "licence.txt", "licence.md")


class Draft:
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
        self.code = self._code()
        ended = [each.record.ended for each in self.sealed]
        day, dated = date_of(date or self.source.declaration.date, ended, self.source.root)
        self.notes += dated
        self._write(day, software)

    def _code(self) -> Code:
        """Of the author's folder, when it was executed; of this one, if it was not copied."""
        copy, root = self.source.copy_of, self.source.root
        if copy is None:
            return code_of(root, list(self.source.files))
        changed = any((root / name).stat().st_mtime > copy.ended for name in self.source.files)
        return replace(copy.code, dirty=bool(copy.code.commit) and (copy.code.dirty or changed))

    def _copy_work(self) -> None:
        """The author's files; those that are too large become data that goes by reference."""
        check_names(self.source.files, below=WORK)
        spent, referred = 0, apart(self.source)
        for name in self.source.files:
            path = self.source.path(name)
            size = path.stat().st_size
            fits = size <= self.limits.each and spent + size <= self.limits.total
            if (fits and path not in referred) or name.endswith(".ipynb"):
                spent += size
                _copy(path, self.folder / WORK / name)
            else:
                piece = as_piece({"folder": str(path), "name": name, "target": name}, Path("/"))
                self.pieces.append(piece)
        self.spent = spent

    def _take_data(self, data: Sequence[Any]) -> None:
        found, read = with_what_was_read(self.source, pieces_of(self.source, data, self.pieces))
        self.notes += read
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
        self.sealed = tuple(
            sealed_notebook(self.source, name, needs, self.pieces, most=self.limits.each)
            for name, needs in ordered(self.source).needs.items()
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
            "data": [each.document() for each in data],
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
        leaks = find_secrets({name: self.folder / name for name in first.values()})
        return (*leaks, *leaks_of_wheels(self.folder / ENVIRONMENT))


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)
    if source.stat().st_mode & 0o100:
        target.chmod(target.stat().st_mode | 0o111)


def _write_json(path: Path, document: Any) -> None:
    text = json.dumps(document, indent=1, ensure_ascii=False, default=str)
    path.write_text(text + "\n", encoding="utf-8")
