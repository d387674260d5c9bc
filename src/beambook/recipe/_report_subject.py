"""What a report is about: an executed notebook and the record beside it."""

from __future__ import annotations

import datetime as dt
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from beambook.errors import RunNotFound
from beambook.recipe._notebook import read_notebook
from beambook.recipe._report_elements import Document
from beambook.recipe._report_facts import moment, one_line
from beambook.recipe._report_front import Front
from beambook.recipe._report_images import Images
from beambook.recipe._report_text import plain_text

__all__ = ["Attachment", "Subject"]

NOTEBOOK, RECORD = "notebook.ipynb", "execution.json"
TIMES = ("ended", "finished", "started", "created")


@dataclass(frozen=True)
class Attachment:
    """A file that goes with the PDF.

    Attributes
    ----------
    path : Path
    name : str
        What it is called in the PDF.
    relationship : str
        ``source`` or ``supplement``.
    mime : str
    what : str
        A few words.
    """

    path: Path
    name: str
    relationship: str
    mime: str
    what: str


@dataclass(frozen=True)
class Subject:
    """A notebook, and the record of its execution if there is one.

    Attributes
    ----------
    path : Path
        The executed notebook.
    notebook : nbformat.NotebookNode
    record : mapping
        ``execution.json``; empty for a notebook that nobody's `execute` ran.
    record_path : Path or None
    """

    path: Path
    notebook: Any
    record: Mapping[str, Any]
    record_path: Path | None

    @classmethod
    def load(cls, source: Any) -> Subject:
        """Find the notebook and the record of an Execution, of its folder, or of a notebook."""
        path = Path(getattr(source, "path", source))
        if path.is_dir():
            path = path / NOTEBOOK
        if not path.is_file():
            raise RunNotFound(f"No execution and no notebook at {str(path)!r}")
        beside = path.with_name(RECORD)
        own = path.name == NOTEBOOK and beside.is_file()
        record = getattr(source, "record", None) or (_read_record(beside) if own else {})
        return cls(path, read_notebook(path), record, beside if own else None)

    @property
    def kicker(self) -> str:
        """What stands above the title."""
        return "Report of an execution" if self.record else "Report of a notebook"

    def document(self, *, code: bool) -> Document:
        """The elements that the report shows."""
        return Document(self.notebook, Images(self.folders), code)

    def front(self, document: Document, title: str) -> Front:
        """The first page; `title` is the notebook's first heading."""
        return Front.of(self, document, title)

    def attachments(self) -> list[Attachment]:
        """The executed notebook and its record."""
        kind = "application/x-ipynb+json"
        found = [Attachment(self.path, NOTEBOOK, "source", kind, "executed notebook")]
        if self.record_path is not None:
            what = "record of the execution"
            found.append(
                Attachment(self.record_path, RECORD, "supplement", "application/json", what)
            )
        return found

    @property
    def title(self) -> str:
        """Name for a notebook without a heading."""
        recipe = self.find("recipe")
        names = (
            self._own("title"),
            recipe.get("title") or recipe.get("name") if isinstance(recipe, dict) else recipe,
            self.path.stem if self.path.name != NOTEBOOK else self.path.parent.name,
        )
        return next(
            (one_line(name) for name in names if isinstance(name, str) and name), "Notebook"
        )

    @property
    def author(self) -> str:
        """Who wrote the notebook."""
        recipe = self.find("recipe")
        given = self._own("author") or self._own("authors")
        given = given or (recipe.get("author") if isinstance(recipe, dict) else "") or ""
        names = given if isinstance(given, list) else [given]
        return one_line(
            ", ".join(str(n.get("name", "") if isinstance(n, dict) else n) for n in names)
        )

    @property
    def folders(self) -> tuple[Path, ...]:
        """Where pictures may lie: beside the executed notebook, and beside the original one.

        A record can name any file. The second folder counts only if its notebook has the owner
        of the first, or root: nobody gets a picture that they could not have shown anyway.
        """
        here = self.path.parent
        recipe = self.find("recipe")
        origin = Path(str(recipe.get("path") or "")) if isinstance(recipe, dict) else Path()
        try:
            owners = {self.path.stat().st_uid, 0}
            ours = origin.suffix == ".ipynb" and origin.is_file() and origin.stat().st_uid in owners
        except (OSError, ValueError):
            ours = False
        return (here, origin.parent) if ours else (here,)

    @property
    def time(self) -> dt.datetime:
        """When it was done: the report's own date, so that one execution gives one file."""
        if (epoch := os.environ.get("SOURCE_DATE_EPOCH", "")).isdigit():
            return dt.datetime.fromtimestamp(int(epoch), dt.UTC)
        stated = (moment(self.record.get(name)) for name in TIMES)
        changed = dt.datetime.fromtimestamp(int(self.path.stat().st_mtime), dt.UTC)
        return next((each for each in stated if each), changed)

    @property
    def status(self) -> str:
        """Status of the execution; of a notebook alone, whether it holds an error."""
        if status := self.record.get("status"):
            return one_line(status)
        return "failed" if self.errors() else ""

    def find(self, *names: str) -> Any:
        """The first of `names` that the record has, at the top or one level down."""
        sections = [self.record, *(v for v in self.record.values() if isinstance(v, dict))]
        found = (section.get(name) for name in names for section in sections)
        return next((value for value in found if value not in (None, "", [], {})), None)

    def errors(self) -> list[tuple[int, str]]:
        """Number of each cell that ended in an error, and the error."""
        return [
            (number, plain_text(f"{o.get('ename', '')}: {o.get('evalue', '')}").strip(": "))
            for number, cell in enumerate(self.notebook.cells, 1)
            for o in cell.get("outputs", [])
            if o.output_type == "error"
        ]

    def not_run(self) -> list[int]:
        """Code cells that nobody executed although others were."""
        cells = enumerate(self.notebook.cells, 1)
        code = [(n, c) for n, c in cells if c.cell_type == "code" and c.source.strip()]
        ran = [c.get("execution_count") is not None or bool(c.outputs) for _, c in code]
        return [n for (n, _), done in zip(code, ran, strict=True) if not done] if any(ran) else []

    def _own(self, name: str) -> Any:
        """What the notebook's metadata says of itself."""
        own = self.notebook.metadata.get("beambook")
        return (own.get(name) if isinstance(own, dict) else "") or self.notebook.metadata.get(name)


def _read_record(path: Path) -> dict[str, Any]:
    try:
        record = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return record if isinstance(record, dict) else {}
