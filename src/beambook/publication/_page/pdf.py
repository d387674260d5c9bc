"""The page as PDF/A-3b by typst: all that comes from outside is data, never source."""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from beambook.errors import MissingPackage, ReportError
from beambook.publication._page.model import (
    Block,
    Cell,
    Fold,
    Heading,
    Mark,
    Named,
    Page,
    Paragraph,
    Picture,
    Pictures,
    Sides,
    Table,
)
from beambook.publication._page.words import MARKS, shown
from beambook.recipe._report_pandoc import INSTALL
from beambook.recipe._report_pdf import MISSING, PICTURE, unquoted
from beambook.recipe._typst import SECONDS, typeset

__all__ = ["pdf_bytes"]

TEMPLATE = Path(__file__).with_name("page.typ")
ROUNDS = 12
WIDE = 500  # pt
PART, WORD = 12, 20  # letters of a long word, after which it may break; of one that need not


def pdf_bytes(page: Page) -> bytes:
    """Set the page.

    Raises
    ------
    MissingPackage
        If typst is not installed.
    ReportError
        If typst fails.
    """
    if find_spec("typst") is None:
        raise MissingPackage("A PDF needs typst, which is not installed", hint=INSTALL)
    with tempfile.TemporaryDirectory(prefix="beambook-page-") as folder:
        return _Press(page, Path(folder)).compile()


class _Press:
    """A folder with one typst document in it."""

    def __init__(self, page: Page, folder: Path) -> None:
        self.page, self.folder = page, folder
        self.boxes: set[str] = set()
        self.bad: set[str] = set()
        self.pictures = 0

    def compile(self) -> bytes:
        """Compile until typst is content; each round some characters or pictures fewer."""
        (self.folder / "images").mkdir()
        source = TEMPLATE.read_text(encoding="utf-8")
        (self.folder / "main.typ").write_text(source, encoding="utf-8")
        answer = {"message": "", "diagnostic": ""}
        for _ in range(ROUNDS):
            answer = self._run()
            if not answer["message"]:
                return (self.folder / "report.pdf").read_bytes()
            if not self._repair(answer["diagnostic"]):
                break
        raise ReportError(f"typst could not set the page: {answer['message'][:300]}")

    def _repair(self, diagnostic: str) -> bool:
        lacking = {char for text in MISSING.findall(diagnostic) for char in unquoted(text)}
        bad = set(PICTURE.findall(diagnostic))
        found = bool(lacking - self.boxes or bad - self.bad)
        self.boxes |= lacking
        self.bad |= bad
        return found

    def _run(self) -> dict[str, str]:
        self._write()
        try:
            told = typeset(self.folder, int(_time(self.page).timestamp()))
        except subprocess.TimeoutExpired as error:
            raise ReportError(f"typst did not end within {SECONDS} s") from error
        if told is None:
            raise ReportError("typst ended without a word")
        return told

    def _write(self) -> None:
        self.pictures = 0
        page, time = self.page, _time(self.page)
        document = {
            "title": page.title,
            "shown-title": _breakable(page.title),
            "running": _breakable(shown(page.title, 60)),
            "headline": page.headline,
            "sign": MARKS[page.status][0],
            "kind": MARKS[page.status][1],
            "lead": [_breakable(text) for text in page.lead],
            "byline": [_breakable(text) for text in page.byline],
            "about": page.about,
            "day": page.date,
            "date": [time.year, time.month, time.day],
            "version": page.version,
            "foot": list(page.foot),
            "blocks": self._blocks(page.blocks),
        }
        if self.boxes:
            document["foot"] = [*page.foot, "□ stands for characters that no font here has."]
        text = json.dumps(document, ensure_ascii=False)
        text = text.translate({ord(char): "□" for char in self.boxes if char not in '"\\{}[]'})
        (self.folder / "page.json").write_text(text, encoding="utf-8")

    def _blocks(self, blocks: Sequence[Block]) -> list[dict[str, Any]]:
        return [self._block(block) for block in blocks]

    def _block(self, block: Block) -> dict[str, Any]:
        match block:
            case Heading():
                return {"is": "heading", "text": block.text}
            case Paragraph():
                return {"is": "paragraph", "kind": block.kind, "text": _breakable(block.text)}
            case Table():
                return _table(block)
            case Sides():
                return {"is": "sides", "sides": [_side(s.label, s.text) for s in block.sides]}
            case Pictures():
                shown = [self._picture(each) for each in block.pictures]
                return {"is": "pictures", "caption": block.caption, "pictures": shown}
            case Fold():
                blocks = self._blocks(block.blocks)
                title = _breakable(block.title)
                return {"is": "fold", "title": title, **_mark(block.mark), "blocks": blocks}

    def _picture(self, picture: Picture) -> dict[str, Any]:
        self.pictures += 1
        name = f"p{self.pictures}"
        told = {"label": picture.label, "alt": picture.alt, "path": ""}
        if picture.image is None:
            return told
        if name in self.bad:
            return {**told, "alt": "a picture that cannot be set"}
        content = picture.image.content
        if self.boxes and picture.image.kind == "svg":
            text = content.decode(errors="replace")
            content = text.translate({ord(char): "□" for char in self.boxes}).encode()
        path = self.folder / "images" / f"{name}.{picture.image.kind}"
        path.write_bytes(content)
        width = picture.image.width or 2 * WIDE  # a drawing that does not say: all there is
        return {**told, "path": f"/images/{path.name}", "width": min(width, 2 * WIDE)}


def _time(page: Page) -> datetime:
    try:
        return datetime.fromisoformat(page.date)
    except ValueError:
        return datetime.fromtimestamp(0, UTC)


def _mark(word: str) -> dict[str, Any]:
    sign, kind = MARKS.get(word, ("", "soft"))
    return {"mark": word, "sign": sign, "kind": kind}


def _side(label: str, text: str) -> dict[str, str]:
    lines = [line[i : i + 48] for line in text.split("\n") for i in range(0, len(line) or 1, 48)]
    return {"label": label, "text": "\n".join(lines)}


def _table(table: Table) -> dict[str, Any]:
    table = table.used
    return {
        "is": "table",
        "facts": table.kind == "facts",
        "caption": table.caption,
        "columns": list(table.columns),
        "code": sorted(table.code),
        "widths": _widths(table),
        "rows": [[_cell(cell) for cell in row] for row in table.rows],
    }


def _cell(cell: Cell) -> str | dict[str, Any]:
    match cell:
        case Mark():
            return _mark(cell.word)
        case Named():
            return {"name": _breakable(cell.name), "where": _breakable(cell.where)}
        case _:
            return _breakable(cell)


def _widths(table: Table) -> list[float]:
    """Shares of the width: by the longest text of each column, none too narrow or too wide."""
    columns = list(zip(*table.rows, strict=True)) if table.rows else [()] * len(table.columns)
    longest = [
        max([len(name), *map(_length, cells)])
        for name, cells in zip(table.columns, columns, strict=True)
    ]
    words = [
        max(
            [
                4,
                *map(len, name.split()),
                *(0.6 * len(c.word) + 3 for c in cells if isinstance(c, Mark)),
            ]
        )
        for name, cells in zip(table.columns, columns, strict=True)
    ]
    return [max(1.15 * w, min(n, 48) ** 0.8) for w, n in zip(words, longest, strict=True)]


def _length(cell: Cell) -> int:
    match cell:
        case Mark():
            return len(cell.word) + 3
        case Named():
            return max(len(cell.name), 36)
        case _:
            return len(cell)


def _breakable(text: str) -> str:
    """Long words (paths, checksums) may break after each few characters."""
    parts = []
    for word in text.split(" "):
        cuts = range(0, len(word), PART) if len(word) > WORD else (0,)
        size = PART if len(word) > WORD else len(word)
        parts.append("\u200b".join(word[i : i + size] for i in cuts))
    return " ".join(parts)
