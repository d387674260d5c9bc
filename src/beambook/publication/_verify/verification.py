"""What a verification says, and keeps."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import beambook
from beambook.card import Card, Described, Table
from beambook.errors import DamagedFile, RunNotFound
from beambook.publication._page.write import write_pages
from beambook.publication._verify.document import leg_document, read_leg
from beambook.publication._verify.explain import answer_of, cause_of, pair_of
from beambook.publication._verify.imprint import Imprint
from beambook.publication._verify.leg import Answer, CellOutcome, CellStatus, Leg
from beambook.publication._verify.stopped import STOPPED
from beambook.recipe._notebook import dumps, write_atomically

__all__ = ["VERDICT", "Claim", "Verification"]

VERDICT = "verdict.json"
TEXT = "verdict.txt"
PAGES = ("verdict.html", "verdict.pdf")
VERSION = 1
TAMPERED = 2
_COUNTED: tuple[CellStatus, ...] = (
    "different", "error", "missing software", "not reached", "within tolerance", "same",
    "not comparable", "no output",
)  # fmt: skip


@dataclass(frozen=True)
class Claim:
    """One cell that the publication rests on, in every leg.

    Attributes
    ----------
    notebook : str
    number : int
    heading : str
    names : tuple of str
        Recorded results that are claims.
    statuses : mapping of str to CellStatus
        By the name of the leg.
    what : str
        What is different, in the first leg where something is.
    said : str
        What the authors say of it.
    """

    notebook: str
    number: int
    heading: str
    names: tuple[str, ...]
    statuses: Mapping[str, CellStatus]
    what: str = ""
    said: str = ""


@dataclass(frozen=True, repr=False)
class Verification(Described):
    """Whether a publication comes out again.

    Attributes
    ----------
    name, title : str
    kind : str
        ``publication``, ``folder`` or ``notebook``.
    subject : str
        The path that was verified.
    path : Path
        Folder of this verification: ``verdict.json``, and for each leg ``<leg>/work`` and
        ``<leg>/executions``.
    date : str
        When it began, with its zone.
    checksum : str
        Of the sealed publication.
    integrity : tuple of (str, str)
        Files that are not as they were sealed, and what is wrong with them.
    legs : tuple of Leg
    seconds : float
    notes : tuple of str
    data : tuple of (str, str)
        What the notebooks read, and whether it was here.
    imprint : Imprint
        Authors, day, version and DOI of the publication.
    stopped : bool
        Somebody stopped it: what it says is what was known until then.
    """

    name: str
    title: str
    kind: str
    subject: str
    path: Path
    date: str
    checksum: str = ""
    integrity: tuple[tuple[str, str], ...] = ()
    legs: tuple[Leg, ...] = ()
    seconds: float = 0.0
    notes: tuple[str, ...] = ()
    data: tuple[tuple[str, str], ...] = ()
    imprint: Imprint = field(default_factory=Imprint)
    stopped: bool = False

    @property
    def status(self) -> Answer:
        """``same``, ``within tolerance``, ``different`` or ``not verified``.

        Of the first leg that could be executed: a second one explains, it does not judge. One
        that was stopped may know a difference; that all is well it does not know.
        """
        answer = "not verified" if self.integrity else answer_of(self.legs)
        return "not verified" if self.stopped and answer != "different" else answer

    @property
    def ok(self) -> bool:
        """The same, or within tolerance."""
        return self.status in ("same", "within tolerance")

    @property
    def exit_status(self) -> int:
        """What a command ends with: 0 it came out, 1 it did not, 2 it is not what was sealed."""
        return TAMPERED if self.integrity else int(not self.ok)

    @property
    def cause(self) -> str:
        """Why it did not come out: the first cause in one line; empty when it did."""
        if self.integrity:
            path, what = self.integrity[0]
            more = len(self.integrity) - 1
            rest = f", and {more} more" if more else ""
            return f"changed since it was sealed: {path} {what}{rest}"
        if self.stopped and self.status != "different":
            return f"{STOPPED}: {self._extent}"
        return cause_of(self.legs)

    @property
    def _extent(self) -> str:
        """How far it came."""
        notebooks = [notebook for leg in self.legs for notebook in leg.notebooks]
        done = sum(notebook.status != "not verified" for notebook in notebooks)
        return f"{done} of {len(notebooks)} notebooks verified"

    @property
    def executed(self) -> bool:
        """Whether any notebook was begun."""
        return any(n.execution is not None for leg in self.legs for n in leg.notebooks)

    @property
    def pair(self) -> str:
        """What two legs together say: the software, or the science; empty with one leg."""
        return "" if self.integrity or self.stopped else pair_of(self.legs)

    @property
    def claims(self) -> tuple[Claim, ...]:
        """What the author marked, with its status in every leg."""
        found: dict[tuple[str, int], list[tuple[str, CellOutcome]]] = {}
        for leg in self.legs:
            for notebook in leg.notebooks:
                for cell in notebook.claims:
                    found.setdefault((notebook.path, cell.number), []).append((leg.name, cell))
        return tuple(self._claim(*place, cells) for place, cells in found.items())

    def _claim(self, path: str, number: int, cells: list[tuple[str, CellOutcome]]) -> Claim:
        whats = [cell.what for _, cell in cells if cell.status not in ("same",) and cell.what]
        return Claim(
            notebook=path,
            number=number,
            heading=cells[0][1].heading,
            names=self._claim_names(path, number),
            statuses={leg: cell.status for leg, cell in cells},
            what=whats[0] if whats else "",
            said=cells[0][1].said,
        )

    def _claim_names(self, path: str, number: int) -> tuple[str, ...]:
        names = [
            output.name
            for leg in self.legs
            for notebook in leg.notebooks
            if notebook.path == path and notebook.verdict is not None
            for cell in notebook.verdict.cells
            if cell.number == number
            for output in cell.outputs
            if output.claim and output.name
        ]
        return tuple(dict.fromkeys(names))

    def card(self) -> Card:
        """The answer, the first cause, the claims, and each cell that did not come out."""
        facts = {
            "answer": self.status,
            "cause": self.cause,
            "software": "; ".join(_software(leg) for leg in self.legs),
            "cells": "; ".join(_cells(leg, alone=len(self.legs) == 1) for leg in self.legs),
            "both legs": self.pair,
            "sandbox": "; ".join(dict.fromkeys(leg.sandbox for leg in self.legs if leg.sandbox)),
            "remarks": "; ".join(
                dict.fromkeys([*self.notes, *(note for leg in self.legs for note in _remarks(leg))])
            ),
            "folder": str(self.path),
        }
        facts = {name: fact for name, fact in facts.items() if fact}
        return Card("Verification", self.title, facts, self._tables())

    def _tables(self) -> tuple[Table, ...]:
        tables = [self._integrity_table(), self._claims_table(), self._notebooks_table()]
        tables += [_cells_table(leg) for leg in self.legs]
        tables += [_notes_table(leg) for leg in self.legs]
        tables += [_changes_table(leg) for leg in self.legs]
        return tuple(table for table in tables if table.rows)

    def _integrity_table(self) -> Table:
        return Table(("file", "what"), self.integrity, "changed since it was sealed")

    def _claims_table(self) -> Table:
        rows = tuple(
            (
                claim.notebook,
                f"{claim.number} {', '.join(claim.names) or claim.said or claim.heading}".strip(),
                *(claim.statuses.get(leg.name, "not reached") for leg in self.legs),
                claim.what,
            )
            for claim in self.claims
        )
        return Table(("notebook", "cell", *(leg.name for leg in self.legs), "what"), rows, "claims")

    def _notebooks_table(self) -> Table:
        rows = tuple(
            (notebook.path, leg.name, notebook.status, f"{notebook.seconds:.1f} s", notebook.cause)
            for leg in self.legs
            for notebook in leg.notebooks
        )
        return Table(("notebook", "leg", "status", "time", "why"), rows, "notebooks")

    def json(self, *, pictures: bool = False) -> str:
        """The verification as JSON; difference pictures (base64) on request."""
        return json.dumps(self.document(pictures=pictures), ensure_ascii=False, default=str)

    def document(self, *, pictures: bool = False) -> dict[str, Any]:
        """The verification as JSON has it."""
        return {
            "format": "beambook verification",
            "version": VERSION,
            "beambook": beambook.__version__,
            "name": self.name,
            "title": self.title,
            "kind": self.kind,
            "subject": self.subject,
            "date": self.date,
            "status": self.status,
            "exit_status": self.exit_status,
            "stopped": self.stopped,
            "cause": self.cause,
            "pair": self.pair,
            "checksum": self.checksum,
            "publication": self.imprint.document(),
            "integrity": [list(each) for each in self.integrity],
            "claims": [vars(claim) for claim in self.claims],
            "notes": list(self.notes),
            "data": [list(each) for each in self.data],
            "seconds": self.seconds,
            "legs": [leg_document(leg, self.path, pictures=pictures) for leg in self.legs],
        }

    @property
    def files(self) -> tuple[Path, ...]:
        """What the verification has written for people and programs."""
        executed = [
            notebook.execution / "notebook.ipynb"
            for leg in self.legs
            for notebook in leg.notebooks
            if notebook.execution is not None
        ]
        pages = [self.path / name for name in (TEXT, VERDICT, *PAGES)]
        return tuple(file for file in (*pages, *executed) if file.is_file())

    def save(self) -> tuple[Path, ...]:
        """Write ``verdict.json``, ``.txt``, ``.html`` and ``.pdf``; gives what was written."""
        self.path.mkdir(parents=True, exist_ok=True)
        write_atomically(self.path / VERDICT, dumps(self.document(pictures=True)))
        write_atomically(self.path / TEXT, (self.card().text(rows=1000) + "\n").encode())
        return self.path / VERDICT, self.path / TEXT, *write_pages(self)

    @classmethod
    def load(cls, path: str | Path) -> Verification:
        """Read a verification back.

        Parameters
        ----------
        path : str or Path
            Its folder, or its ``verdict.json``.

        Raises
        ------
        RunNotFound
            If there is none.
        DamagedFile
            If it cannot be read.
        """
        file = Path(path)
        file = file / VERDICT if file.is_dir() else file
        try:
            document = json.loads(file.read_bytes())
            return cls._from(document, file.parent.absolute())
        except FileNotFoundError:
            raise RunNotFound(f"No verification {str(path)!r}") from None
        except (ValueError, KeyError, TypeError) as error:
            raise DamagedFile(f"{str(file)!r} is no verification: {error}") from error

    @classmethod
    def _from(cls, document: Mapping[str, Any], folder: Path) -> Verification:
        plain = ("name", "title", "kind", "subject", "date", "checksum", "seconds")
        return cls(
            **{key: document[key] for key in plain},
            path=folder,
            integrity=tuple((path, what) for path, what in document["integrity"]),
            legs=tuple(read_leg(leg, folder) for leg in document["legs"]),
            notes=tuple(document["notes"]),
            data=tuple((name, what) for name, what in document.get("data", ())),
            imprint=Imprint.of(document.get("publication", {})),
            stopped=bool(document.get("stopped", False)),
        )


def _software(leg: Leg) -> str:
    python = f"Python {leg.software.python}" if leg.software.python else ""
    packages = f"{len(leg.software.packages)} packages" if leg.software.packages else ""
    how = f"from {leg.software.how}" if leg.software.how and leg.software.how != "here" else ""
    said = ", ".join(each for each in (python, packages, how) if each)
    return f"{leg.name} ({said})" if said else leg.name


def _remarks(leg: Leg) -> list[str]:
    """Of the leg; and of its notebooks what they did beyond their folder."""
    beyond = [f"{n.path}: {note}" for n in leg.notebooks for note in n.notes if note[:3] == "it "]
    return [*leg.notes, *beyond]


def _cells(leg: Leg, *, alone: bool) -> str:
    counts = [f"{leg.count(status)} {status}" for status in _COUNTED if leg.count(status)]
    text = ", ".join(counts) or "none"
    return text if alone else f"{leg.name}: {text}"


def _cells_table(leg: Leg) -> Table:
    shown = ("different", "error", "missing software", "within tolerance", "not comparable")
    rows = tuple(
        (notebook.path, f"{cell.number} {cell.heading}".strip(), cell.status, cell.what)
        for notebook in leg.notebooks
        for cell in notebook.cells
        if cell.status in shown
    )
    return Table(("notebook", "cell", "status", "what"), rows, f"cells, {leg.name}")


def _notes_table(leg: Leg) -> Table:
    rows = tuple((note,) for note in leg.software.notes)
    return Table(("note",), rows, f"software, {leg.name}")


def _changes_table(leg: Leg) -> Table:
    rows = tuple(
        (each.name, each.version or "not there", each.reference or "not there")
        for each in leg.software.changes
    )
    return Table(("package", "here", "reference"), rows, f"other software, {leg.name}")
