"""A notebook as the list of things that its report shows, in order.

An `Element` is a paragraph of text, a picture, a table, what was printed, an error. Those
of pandoc (text, tables, code) become fragments there; the others are written by the format.
"""

from __future__ import annotations

import html as markup
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from beambook.recipe._notebook import heading_above
from beambook.recipe._report_images import BadImage, Image, Images, decoded
from beambook.recipe._report_markdown import Formulas
from beambook.recipe._report_tables import cut_rows, styles
from beambook.recipe._report_text import SPILLED, clean_text, plain_text, shorten

__all__ = ["PICTURES", "RESULT", "Document", "Element", "cell_options"]

RESULT = "application/vnd.beambook.result+json"
FIGURE = "application/vnd.beambook.figure+json"
LIVE = re.compile(r"plotly|bokeh|vega|widget|holoviews|javascript|geo\+json|\.elements|jupyter\.")
REMOVED = {"remove_cell", "remove-cell", "hide_cell", "hide-cell", "hide"}
NO_OUTPUT = {"remove_output", "remove-output", "hide_output", "hide-output"}
NO_CODE = {"remove_input", "remove-input", "hide_input", "hide-input"}
PICTURES = ("image/svg+xml", "image/png", "image/jpeg", "image/gif", "image/webp")
LINES = {"stdout": (400, 60), "stderr": (12, 4), "error": (200, 100), "plain": (400, 60)}


@dataclass
class Element:
    """One thing that the report shows.

    Attributes
    ----------
    index : int
        Place in the report.
    cell : int
        Number of the cell it comes from, counted from 1.
    kind : str
        ``markdown``, ``html``, ``image``, ``code`` go through pandoc; ``stdout``, ``stderr``,
        ``plain``, ``error`` and ``remark`` are text.
    text : str
        Source, shown as it is if all else fails.
    more : dict
        What the kind needs besides: `caption`, `label`, `maths`, `styles`, `image`, `lang`.
    """

    index: int
    cell: int
    kind: str
    text: str
    more: dict[str, Any] = field(default_factory=dict)

    @property
    def for_pandoc(self) -> bool:
        """Whether pandoc makes the fragment of this element."""
        return self.kind in {"markdown", "html", "image", "code"}

    def job(self) -> dict[str, Any]:
        """The element as `blocks.lua` reads it."""
        shared = {"index": self.index, "cell": self.cell, "kind": self.kind, "text": self.text}
        return {"maths": [], "styles": {}, **self.more, **shared}


@dataclass
class Document:
    """The elements of one notebook, with its pictures and what could not be shown.

    Parameters
    ----------
    notebook : nbformat.NotebookNode
    images : Images
    code : bool
        Whether the code cells are elements too.
    places : mapping of int to str
        What a cell is called in the notes, if its number says nothing to anybody.
    folders : mapping of int to tuple of Path
        Where pictures of a cell may lie, if it is from another notebook than others.
    scales : mapping of int to float
        How large the pictures of a cell are shown, if not as they are.
    """

    notebook: Any
    images: Images
    code: bool
    places: Mapping[int, str] = field(default_factory=dict)
    folders: Mapping[int, tuple[Path, ...]] = field(default_factory=dict)
    scales: Mapping[int, float] = field(default_factory=dict)
    elements: list[Element] = field(default_factory=list)
    notes: list[tuple[int, str]] = field(default_factory=list)
    formulas: Formulas = field(default_factory=Formulas)

    def __post_init__(self) -> None:
        self.cell, self.options = 0, dict[str, Any]()
        info = self.notebook.metadata.get("language_info") or {}
        spec = self.notebook.metadata.get("kernelspec") or {}
        self.language = str(info.get("name") or spec.get("language") or "")
        for cell in self.notebook.cells:
            if cell.cell_type == "markdown":
                self.formulas.learn(cell.source)
        for number, cell in enumerate(self.notebook.cells, 1):
            self._cell(number, cell)

    def note(self, text: str) -> None:
        """Remember something that the report does not show as the notebook does."""
        self.notes.append((self.cell, text))

    def attachments(self, cell: int) -> dict[str, Any]:
        """Pictures attached to a cell."""
        found = self.notebook.cells[cell - 1].get("attachments") if cell else None
        return dict(found) if isinstance(found, dict) else {}

    def _cell(self, number: int, cell: Any) -> None:
        self.cell = number
        tags = cell.metadata.get("tags")
        tags = set(map(str, tags)) if isinstance(tags, list) else set()
        if tags & REMOVED:
            self.note("left out, as its tag asks")
        elif cell.cell_type == "markdown":
            self._markdown(cell.source)
        elif cell.cell_type == "code":
            self._code(cell, tags)
        elif cell.source.strip():
            self._text("plain", cell.source)

    def _code(self, cell: Any, tags: set[str]) -> None:
        self.options = cell_options(cell)
        if self.code and cell.source.strip() and not tags & NO_CODE:
            self._add("code", clean_text(cell.source), lang=self.language or "text")
        if tags & NO_OUTPUT and cell.outputs:
            self.note("its output is left out, as its tag asks")
            return
        for output in _joined(cell.outputs):
            self._output(output)

    def _output(self, output: Any) -> None:
        if output.output_type == "stream":
            self._text("stderr" if output.get("name") == "stderr" else "stdout", output.text)
        elif output.output_type == "error":
            self._error(output)
        else:
            self._bundle({k: _joined_text(v) for k, v in output.data.items()}, output)

    def _error(self, output: Any) -> None:
        name, value = str(output.get("ename", "")), str(output.get("evalue", ""))
        summary = plain_text(f"{name}: {value}".strip(": ")) or "An error without a message"
        traceback = "\n".join(map(str, output.get("traceback") or []))
        self._text("error", traceback, summary=summary[:2000])

    def _bundle(self, data: dict[str, Any], output: Any) -> None:
        html = str(data.get("text/html", ""))
        if RESULT in data and "text/plain" in data:
            self._result(str(data["text/plain"]))
        elif "text/markdown" in data:
            self._markdown(str(data["text/markdown"]))
        elif "text/latex" in data and "<table" not in html:
            self._latex(str(data["text/latex"]))
        elif not (self._pictures(data, output) or self._interactive(data, html)):
            self._table_or_text(data, html)

    def _result(self, text: str) -> None:
        """A recorded result; those of one cell stand together."""
        last = self.elements[-1] if self.elements else None
        if last and last.cell == self.cell and last.more.get("result"):
            last.text += f"\n{text}"
        else:
            self._text("plain", text, result=True)

    def _latex(self, text: str) -> None:
        match = re.fullmatch(r"\s*\$(?!\$)(?:\\displaystyle)?(.+?)(?<!\$)\$\s*", text, re.S)
        self._markdown(f"$${match[1]}$$" if match else text)

    def _pictures(self, data: dict[str, Any], output: Any) -> bool:
        tried = [kind for kind in PICTURES if kind in data]
        for kind in tried:
            text = str(data[kind])
            size = (output.metadata.get(kind) or {}) if output.get("metadata") else {}
            try:
                raw = kind.endswith("xml") and text.lstrip().startswith("<")
                content = clean_text(text).encode() if raw else decoded(text)
                width = size.get("width") if isinstance(size, dict) else None
                alt = plain_text(str(data.get("text/plain", "")))[:200]
                scale = self.scales.get(self.cell, 1.0)
                name = self.images.add(content, alt=alt, width=width, scale=scale)
                self._note_lost(name)
                self._figure(name, data)
                return True
            except BadImage as error:
                self.note(str(error))
        if tried:
            what = plain_text(str(data.get("text/plain", ""))) or tried[0]
            self._add("remark", f"A damaged picture is not shown: {what}")
        return bool(tried)

    def _note_lost(self, name: str) -> None:
        image = self.images.found[name]
        if isinstance(image, Image) and image.lost:
            self.note(image.lost)

    def _figure(self, image: str, data: dict[str, Any]) -> None:
        caption = self._option("caption") or _drawn_title(data.get(FIGURE))
        text, maths = self.formulas.extract(caption)
        label = self._option("label")
        self._add("image", caption, image=image, caption=text, maths=maths, label=label)

    def _interactive(self, data: dict[str, Any], html: str) -> bool:
        """Whether only a browser with scripts could show this."""
        live = [kind for kind in data if LIVE.search(kind) and "beambook" not in kind]
        words = re.sub(r"<(script|style)\b.*?(</\1>|\Z)|<[^>]*>", "", html, flags=re.S | re.I)
        scripted = bool(re.search(r"<(script|iframe|video|audio|object|embed)\b", html, re.I))
        if not (live or (scripted and not words.strip())):
            return False
        plain = " ".join(plain_text(str(data.get("text/plain", ""))).split())
        detail = f": {plain[:120]}" if plain and not plain.startswith("<") else ""
        self._add("remark", f"Interactive output not shown{detail}")
        self.note(f"interactive output not shown ({(live or ['text/html'])[0]})")
        return True

    def _table_or_text(self, data: dict[str, Any], html: str) -> None:
        if html and "xr-wrap" not in html:
            self._html(html)
        elif "text/plain" in data:
            self._text("plain", str(data["text/plain"]))
        elif html:
            self._html(html)
        elif "application/json" in data:
            self._text("plain", str(data["application/json"]))
        elif data and not all("beambook" in kind for kind in data):
            kinds = ", ".join(sorted(data))
            self._add("remark", f"An output of the kind {kinds} is not shown")
            self.note(f"an output of the kind {kinds} is not shown")

    def _html(self, html: str) -> None:
        if not re.sub(r"<style\b.*?</style>|<!--.*?-->", "", html, flags=re.S | re.I).strip():
            return
        html, left = cut_rows(clean_text(html))
        if left:
            self.note(f"{left:,} rows of a table are left out")
        if re.search(r"<(script|iframe|video|audio|object|embed|form|canvas)\b", html, re.I):
            self.note("scripts, frames or media in an output are not shown")
        rules = styles(html)
        html = re.sub(r"<style\b.*?</style>", "", html, flags=re.S | re.I)
        caption = label = ""
        maths: list[dict[str, Any]] = []
        if "<table" in html:
            caption, maths = self.formulas.extract(self._option("caption"))
            label = self._option("label")
        self._add("html", html, styles=rules, caption=caption, label=label, maths=maths)

    def _markdown(self, source: str) -> None:
        text, maths = self.formulas.extract(source)
        if text.strip():
            self._add("markdown", text, maths=maths, source=source)

    def _text(self, kind: str, text: str, **more: Any) -> None:
        first, last = LINES[kind]
        short, left = shorten(text.rstrip("\n"), first=first, last=last)
        if left:
            self.note(f"{left:,} lines of text are left out")
        if SPILLED.search(short):
            self.note("most of a text is in a file of the execution and not shown")
        if plain_text(short).strip() or more:
            self._add(kind, short, **more)

    def _add(self, kind: str, text: str, **more: Any) -> None:
        self.elements.append(Element(len(self.elements) + 1, self.cell, kind, text, more))

    def _option(self, name: str) -> str:
        """Caption or label of the cell; each is used once, by the first output that it fits."""
        value = self.options.pop(name, "")
        if isinstance(value, list):
            if value[1:]:
                self.options[name] = value[1:]
            value = value[0] if value else ""
        return clean_text(str(value)).strip()

    def told(self) -> list[str]:
        """The notes as sentences, each once, with the cells that they are about."""
        cells: dict[str, list[str]] = {}
        for cell, text in self.notes:
            place = self.places.get(cell, str(cell)) if cell else ""
            cells.setdefault(text, [])
            if place and place not in cells[text]:
                cells[text].append(place)
        what = "" if self.places else "Cell"
        return [_sentence(text, places, what) for text, places in cells.items()]

    def heading(self, cell: int) -> str:
        """Heading above a cell."""
        return heading_above(self.notebook, cell - 1) if cell else ""

    def source_of(self, element: Element) -> str:
        """What stands in the notebook, for an element that cannot be set."""
        if element.kind == "image":
            return f"A picture that cannot be set. {element.text}".strip()
        text = str(element.more.get("source", element.text))
        return markup.unescape(re.sub(r"<[^>]*>", " ", text)) if element.kind == "html" else text


def _sentence(text: str, cells: list[str], what: str) -> str:
    text = clean_text(text).rstrip(".")
    if not cells:
        return f"{text[:1].upper()}{text[1:]}."
    shown = ", ".join(cells[:12]) + (" …" if len(cells) > 12 else "")
    kind = f"{what}{'s' if len(cells) > 1 else ''} " if what else ""
    return f"{kind}{shown}: {text}."


def cell_options(cell: Any) -> dict[str, Any]:
    """Caption and label: of the cell's metadata, else of Quarto's ``#|`` comments."""
    quarto = dict(re.findall(r"^#\|\s*([\w-]+):\s*(.*?)\s*$", cell.source, re.M))
    bare = {key: value.strip("\"'") for key, value in quarto.items()}
    own = cell.metadata.get("beambook")
    metadata = {**cell.metadata, **(own if isinstance(own, dict) else {})}
    caption = metadata.get("caption") or bare.get("fig-cap") or bare.get("tbl-cap") or ""
    return {"caption": caption, "label": metadata.get("label") or bare.get("label") or ""}


def _joined(outputs: list[Any]) -> list[Any]:
    """Outputs with neighbouring pieces of one stream joined, as a terminal would show them."""
    joined: list[Any] = []
    for output in outputs:
        last = joined[-1] if joined else None
        if output.output_type == "stream":
            text = "".join(output.get("text", ""))
            if last is not None and last.output_type == "stream" and last.name == output.name:
                last["text"] += text
                continue
            output = type(output)({**output, "text": text})
        joined.append(output)
    return joined


def _joined_text(value: Any) -> Any:
    if isinstance(value, list) and all(isinstance(line, str) for line in value):
        return "".join(value)
    return value


def _drawn_title(drawn: Any) -> str:
    """The first title in the fingerprint of a figure, whatever its layout."""
    if isinstance(drawn, dict):
        for key in ("suptitle", "title"):
            if isinstance(drawn.get(key), str) and drawn[key].strip():
                return str(drawn[key]).strip()
        return _drawn_title(list(drawn.values()))
    if isinstance(drawn, list) and len(drawn) < 100:
        return next((title for each in drawn if (title := _drawn_title(each))), "")
    return ""
