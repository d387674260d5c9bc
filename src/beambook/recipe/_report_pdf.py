"""The report as PDF/A-3b by typst, its notebook attached.

Each element is a file of its own. When typst refuses one, that one is shown as its source,
and the report is compiled again; characters without a glyph become boxes and are told.
"""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import textwrap
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from beambook.errors import MissingPackage, ReportError
from beambook.recipe._report_elements import Document, Element
from beambook.recipe._report_facts import size
from beambook.recipe._report_front import Front
from beambook.recipe._report_images import Image
from beambook.recipe._report_pandoc import INSTALL, RESOURCES, Body
from beambook.recipe._report_subject import Attachment, Subject
from beambook.recipe._report_text import plain_text, wrap
from beambook.recipe._typst import typeset
from beambook.words import few

__all__ = ["MISSING", "PICTURE", "pdf_bytes", "unquoted"]

ATTACHED_BYTES = 20_000_000
COLUMNS = 102
SCALE = 0.82  # screen figures are drawn large for paper
TALLEST = 560.0  # pt
MISSING = re.compile(r"error: PDF/A-3b error: the text `?(\".*?\")`? could not be displayed")
PLACE = re.compile(r"\be/(\d+)\.typ")
PICTURE = re.compile(r"images/(\w+)\.\w+:")


def pdf_bytes(subject: Subject, document: Document, body: Body, folder: Path) -> bytes:
    """Compile the report in `folder`, an empty one.

    Raises
    ------
    MissingPackage
        If typst's wheel is not installed.
    ReportError
        If typst fails and no element is to blame.
    """
    if find_spec("typst") is None:
        raise MissingPackage("A PDF needs typst, which is not installed", hint=INSTALL)
    press = _Press(subject, document, body, folder)
    press.lay_out()
    return press.compile()


@dataclass
class _Press:
    """A folder with one typst document in it."""

    subject: Subject
    document: Document
    body: Body
    folder: Path
    front: Front = field(init=False)
    boxes: set[str] = field(default_factory=set)
    as_source: set[int] = field(default_factory=set)

    def lay_out(self) -> None:
        """Write the template, the pictures and the attachments."""
        self.front = self.subject.front(self.document, self.body.title)
        (self.folder / "e").mkdir()
        template = (RESOURCES / "template.typ").read_text(encoding="utf-8")
        (self.folder / "template.typ").write_text(template, encoding="utf-8")
        (self.folder / "images").mkdir()
        self._write_pictures()
        self.attached = self._attach()

    def compile(self) -> bytes:
        """Compile until typst is content; each round one fault fewer."""
        for _ in range(len(self.document.elements) + 3):
            answer = self._run(self.document.elements)
            if answer is None or (answer["message"] and not self._repair(answer)):
                self._search(self.document.elements)
                answer = self._run(self.document.elements)
                if answer is None or answer["message"]:
                    message = answer["message"] if answer else "it ended without a word"
                    raise ReportError(f"typst could not set the report: {message[:300]}")
            if not answer["message"]:
                return (self.folder / "report.pdf").read_bytes()
        raise ReportError("typst could not set the report")

    def _repair(self, answer: dict[str, str]) -> bool:
        """Do something about typst's complaint; whether there was something to do."""
        text = answer["diagnostic"]
        found = {char for quoted in MISSING.findall(text) for char in unquoted(quoted)}
        if lacking := found - self.boxes:
            self.boxes |= lacking
            self._tell_boxes()
            self._write_pictures()
            return True
        if bad := {name for name in PICTURE.findall(text) if self._shown(name)}:
            self._drop_pictures(bad, answer["message"])
            return True
        blamed = {int(number) for number in PLACE.findall(text)} - self.as_source
        for number in blamed:
            self._blame(number, answer["message"])
        return bool(blamed)

    def _shown(self, name: str) -> bool:
        return isinstance(self.document.images.found.get(name), Image)

    def _drop_pictures(self, names: set[str], message: str) -> None:
        for name in names:
            self.document.images.found[name] = "a picture that cannot be set"
        self.document.cell = 0
        self.document.note(f"a picture cannot be set (typst: {message[:120]})")
        self._write_pictures()

    def _blame(self, number: int, message: str) -> None:
        self.as_source.add(number)
        self.document.cell = self.document.elements[number - 1].cell
        self.document.note(f"a part is shown as its source (typst: {message[:120]})")

    def _search(self, elements: list[Element]) -> None:
        """Find the elements that typst cannot set by halves."""
        left = [e for e in elements if e.index not in self.as_source]
        if not left or self._fine(left):
            return
        if len(left) == 1:
            self._blame(left[0].index, "failed")
            return
        self._search(left[: len(left) // 2])
        self._search(left[len(left) // 2 :])

    def _fine(self, elements: list[Element]) -> bool:
        answer = self._run(elements)
        while answer and answer["message"] and self._repair(answer):
            answer = self._run(elements)
        return answer is not None and not answer["message"]

    def _run(self, elements: Iterable[Element]) -> dict[str, str] | None:
        """Compile with these elements; None if the process died."""
        self._write_elements(list(elements))
        try:
            return typeset(self.folder, int(self.front.time.timestamp()))
        except subprocess.TimeoutExpired:
            return None

    def _write_elements(self, elements: list[Element]) -> None:
        texts: dict[str, Any] = {}
        for element in elements:
            self._write_element(element, texts)
        includes = "".join(f'#include "/e/{e.index}.typ"\n' for e in elements)
        main = f'#import "/template.typ": *\n#show: report\n{includes}'
        (self.folder / "main.typ").write_text(main, encoding="utf-8")
        self._write("texts.json", texts)
        self._write("meta.json", self._meta())

    def _write_element(self, element: Element, texts: dict[str, Any]) -> None:
        name = str(element.index)
        fragment = f'#bb-text("{name}")'
        if element.index in self.as_source:
            source = plain_text(self.document.source_of(element))
            texts[name] = {"kind": "plain", "text": wrap(source[:20_000], COLUMNS)}
        elif element.for_pandoc and element.kind != "code":
            fragment = self.body.fragments.get(element.index, "")
        else:
            texts[name] = {
                "kind": element.kind,
                "text": _set_text(element),
                "summary": element.more.get("summary", ""),
                "lang": element.more.get("lang", ""),
            }
            if element.kind == "error":
                fragment = f'#bb-problem("{name}", "problem-{element.cell}-{name}")'
        text = f'#import "/template.typ": *\n{self._boxed(fragment)}\n'
        (self.folder / "e" / f"{name}.typ").write_text(text, encoding="utf-8")

    def _meta(self) -> dict[str, Any]:
        front, headings = self.front, self.body.headings
        return {
            "title": front.title,
            "running": textwrap.shorten(front.title, 90, placeholder=" …"),
            "author": front.author,
            "status": front.status,
            "kicker": self.subject.kicker,
            "summary": front.summary,
            "tables": [
                {"title": t.title, "columns": t.columns, "rows": _breakable(t.rows)}
                for t in front.tables
            ],
            "details-last": front.details_last,
            "day": front.date,
            "date": [front.time.year, front.time.month, front.time.day],
            "numbered": self.body.numbered,
            "contents": len(headings) > 1,
            "short-contents": len(headings) <= 12,
            "problems": [self._problem(text) for text in front.problems],
            "results": _breakable(front.results),
            "parameters": _breakable(front.parameters),
            "provenance": _breakable([*front.provenance, *self._not_attached()]),
            "inputs": _breakable(front.inputs),
            "notes": self.document.told(),
            "attached": [a for a in self.attached if "path" in a],
        }

    def _problem(self, text: str) -> dict[str, str]:
        cell = re.match(r"Cell (\d+)", text)
        errors = [e for e in self.document.elements if e.kind == "error"]
        here = [e.index for e in errors if cell and e.cell == int(cell[1])]
        return {"text": text, "anchor": f"problem-{cell[1]}-{here[0]}" if cell and here else ""}

    def _attach(self) -> list[dict[str, str]]:
        return [self._attached(each) for each in self.subject.attachments()]

    def _attached(self, each: Attachment) -> dict[str, str]:
        content = each.path.read_bytes()
        if len(content) > ATTACHED_BYTES:
            digest = hashlib.sha256(content).hexdigest()
            told = f"{each.path.name}, {size(len(content))}, not attached; sha256 {digest}"
            return {"what": each.what, "told": told}
        (self.folder / each.name).write_bytes(content)
        return {
            "path": each.name,
            "relationship": each.relationship,
            "mime": each.mime,
            "description": each.what,
        }

    def _not_attached(self) -> list[list[str]]:
        return [[a["what"], a["told"]] for a in self.attached if "told" in a]

    def _tell_boxes(self) -> None:
        self.document.notes = [n for n in self.document.notes if not n[1].startswith("no font")]
        names = [f"U+{ord(c):04X} {unicodedata.name(c, '')}".strip() for c in sorted(self.boxes)]
        shown = few(names, 8)
        self.document.cell = 0
        self.document.note(f"no font of this PDF has the characters shown as □: {shown}")

    def _boxed(self, text: str) -> str:
        return text.translate({ord(char): "□" for char in self.boxes}) if self.boxes else text

    def _write_pictures(self) -> None:
        images = self.document.images
        pictures: dict[str, Any] = {}
        for name, image in images.found.items():
            if not isinstance(image, Image):
                pictures[name] = {"missing": str(image)}
                continue
            path = f"/images/{name}.{image.kind}"
            content = image.content
            if self.boxes and image.kind == "svg":
                content = self._boxed(content.decode(errors="replace")).encode()
            (self.folder / path[1:]).write_bytes(content)
            pictures[name] = {
                "path": path,
                "width": _width(image),
                "alt": images.alts.get(name, ""),
            }
        self._write("images.json", pictures)

    def _write(self, name: str, content: Any) -> None:
        text = self._boxed(json.dumps(content, ensure_ascii=False))
        (self.folder / name).write_text(text, encoding="utf-8")


def _width(image: Image) -> float:
    """Width on paper, in pt; 0 when the picture does not tell its own."""
    tall = max(1.0, image.height * SCALE / TALLEST)
    return image.width * SCALE / tall


def unquoted(text: str) -> str:
    """The characters of a string as typst quotes it."""
    return re.sub(r"\\u\{([0-9a-f]+)\}", lambda m: chr(int(m[1], 16)), text[1:-1])


def _set_text(element: Element) -> str:
    text = plain_text(element.text)
    return (
        text if element.kind == "remark" else wrap(text, COLUMNS + 16 * (element.kind == "stderr"))
    )


def _breakable(rows: list[list[str]]) -> list[list[str]]:
    """Long words (paths, checksums) may break after each few characters."""
    return [[re.sub(r"(\S{12})(?=\S{4})", "\\1\u200b", cell) for cell in row] for row in rows]
