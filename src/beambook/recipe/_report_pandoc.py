"""pandoc, from its wheel: elements in, fragments of HTML or typst out."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from beambook.errors import MissingPackage, ReportError
from beambook.recipe._report_elements import Document
from beambook.recipe._report_tables import COLOURS

__all__ = ["RESOURCES", "Body", "Heading", "make_body"]

RESOURCES = Path(__file__).with_name("report")
SECONDS = 300
INSTALL = "pip install 'beambook[report]'"


@dataclass(frozen=True)
class Heading:
    """A line of the contents."""

    level: int
    number: str
    text: str
    id: str


@dataclass
class Body:
    """What pandoc made of a document.

    Attributes
    ----------
    fragments : dict of int to str
        HTML or typst by the index of the element.
    headings : list of Heading
    title : str
        First heading of the first level; it stands on the title page, not in the body.
    numbered : bool
        Whether headings get numbers; not if they already carry some.
    figures, tables : int
        How many have a number.
    """

    fragments: dict[int, str] = field(default_factory=dict)
    headings: list[Heading] = field(default_factory=list)
    title: str = ""
    numbered: bool = True
    figures: int = 0
    tables: int = 0


def make_body(document: Document, *, target: str) -> Body:
    """Let pandoc write the elements of `document`; notes go to the document, pictures are found.

    Parameters
    ----------
    document : Document
    target : str
        ``html`` or ``typst``.

    Raises
    ------
    MissingPackage
        If pandoc's wheel is not installed.
    ReportError
        If pandoc fails as a whole.
    """
    answer = _pandoc(
        {
            "format": target,
            "colours": COLOURS,
            "text_width": 482,  # pt: A4 less its margins
            "text_height": 700,
            "elements": [e.job() for e in document.elements if e.for_pandoc],
        }
    )
    for asked in answer["images"]:
        document.cell = asked["cell"]
        attachments = document.attachments(asked["cell"])
        if problem := document.images.resolve(
            asked["id"],
            asked["source"],
            attachments,
            alt=asked["alt"],
            folders=document.folders.get(asked["cell"]),
        ):
            document.note(problem)
    document.notes += [(note["cell"], note["text"]) for note in answer["notes"]]
    return Body(
        fragments={each["index"]: each["text"] for each in answer["fragments"]},
        headings=[Heading(h["level"], h["number"], h["text"], h["id"]) for h in answer["headings"]],
        title=answer["title"],
        numbered=answer["numbered"],
        figures=answer["figures"],
        tables=answer["tables"],
    )


def _pandoc(job: dict[str, Any]) -> dict[str, Any]:
    command = [_program(), "lua", str(RESOURCES / "blocks.lua")]
    try:
        done = subprocess.run(  # noqa: S603 our own program and script
            command,
            input=json.dumps(job, ensure_ascii=False).encode(),
            capture_output=True,
            timeout=SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise ReportError(f"pandoc did not end within {SECONDS} s") from error
    if done.returncode:
        lines = done.stderr.decode(errors="replace").strip().splitlines() or ["no message"]
        raise ReportError(f"pandoc failed ({done.returncode}): {lines[-1][:200]}")
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def _program() -> str:
    try:
        import pypandoc

        return str(pypandoc.get_pandoc_path())
    except (ImportError, OSError) as error:
        raise MissingPackage(
            "A report needs pandoc, which is not installed", hint=INSTALL
        ) from error
