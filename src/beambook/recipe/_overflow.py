"""Outputs of a cell as they come: coalesced, and kept small whatever the cell prints.

Text beyond a limit goes to a file beside the notebook while it arrives; the
notebook keeps its beginning, its end and a note. So does a picture or another
rich output that is too large.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from nbformat import NotebookNode
from nbformat.v4 import new_output

from beambook.recipe._own_file import open_own
from beambook.recipe._terminal import TerminalText

__all__ = ["OUTPUT_LIMIT", "CellOutputs", "OutputLimits"]

OUTPUT_LIMIT = 1_000_000
RICH_FACTOR = 10
SPILL_MOST = 1 << 30
SHOWN = 4_000
PIECES_MOST = 200
SUFFIXES = {
    "image/png": "png",
    "image/jpeg": "jpg",
    "image/gif": "gif",
    "image/svg+xml": "svg",
    "application/pdf": "pdf",
    "text/html": "html",
    "text/latex": "tex",
    "text/markdown": "md",
    "text/plain": "txt",
}
BINARY = {"image/png", "image/jpeg", "image/gif", "application/pdf"}


@dataclass
class OutputLimits:
    """How much of a cell's output stays in the notebook, and where the rest goes.

    Attributes
    ----------
    folder : Path
        The execution's; files go to ``outputs/`` in it.
    text : int
        Characters that stay per stream or text; ten times as many of a picture or rich output.
    note : callable
        Takes a line for the log.
    """

    folder: Path
    text: int
    note: Callable[[str], None]
    used: set[str] = field(default_factory=set)

    @property
    def rich(self) -> int:
        """Characters of rich output that stay."""
        return RICH_FACTOR * self.text

    def file(self, cell: int, what: str, suffix: str) -> Path:
        """A new file for what does not stay in the notebook."""
        # The kernel says what a stream is called, and it must not say where it is.
        stem = name = f"cell-{cell:02d}-{re.sub(r'[^A-Za-z0-9]+', '-', what)}"
        number = 1
        while name in self.used:
            number += 1
            name = f"{stem}-{number}"
        self.used.add(name)
        folder = self.folder / "outputs"
        folder.mkdir(exist_ok=True)
        return folder / f"{name}.{suffix}"


class _Stream:
    """Text of one stream output; spills to a file when it grows over the limit."""

    def __init__(self, out: NotebookNode, cell: int, limits: OutputLimits) -> None:
        self.out = out
        self._cell = cell
        self._limits = limits
        self._text = TerminalText()
        self._head = ""
        self._tail = ""
        self._file: IO[bytes] | None = None
        self._path = Path()
        self._seen = self._kept = 0

    def push(self, text: str) -> None:
        if self._file is None:
            self._text.push(text)
            if self._text.size <= self._limits.text:
                return
            text = self._spill()
        self._write(text)

    def settle(self) -> None:
        """Put the text, or what stays of it, into the output."""
        if self._file is None:
            self.out.text = self._text.text()
            return
        self._file.close()
        place = self._path.relative_to(self._limits.folder)
        lost = f"; {self._seen - self._kept:,} more are lost" if self._seen > self._kept else ""
        self.out.text = (
            f"{self._head}\n\n… {self._seen:,} bytes in all, of which {self._kept:,} "
            f"are in {place}{lost} …\n\n{self._tail}"
        )
        self._limits.note(f"cell {self._cell}: {self._seen:,} bytes of {self.out.name} → {place}")

    def close(self) -> None:
        if self._file is not None:
            self._file.close()

    def _spill(self) -> str:
        self._path = self._limits.file(self._cell, self.out.name, "txt")
        self._file = open_own(self._path)
        text = self._text.text()
        self._text = TerminalText()
        self._head = text[:SHOWN]
        return text

    def _write(self, text: str) -> None:
        assert self._file is not None  # noqa: S101
        if self._file.closed:  # late words of a thread
            self._file = open_own(self._path, append=True)
        data = text.encode(errors="surrogateescape")
        self._seen += len(data)
        self._tail = (self._tail + text[-SHOWN:])[-SHOWN:]
        room = SPILL_MOST - self._kept
        if room > 0:
            self._kept += len(data[:room])
            _write_all(self._file, data[:room])


class CellOutputs:
    """Outputs of one cell while it runs.

    Parameters
    ----------
    cell : int
        Position of the cell in the notebook.
    limits : OutputLimits
    """

    def __init__(self, cell: int, limits: OutputLimits) -> None:
        self._cell = cell + 1  # people count from 1
        self._limits = limits
        self._streams: list[_Stream] = []
        self._rich = 0

    def stream(self, outs: list[NotebookNode], content: dict[str, str]) -> NotebookNode | None:
        """Add text: to the last output if that is the same stream, as JupyterLab does.

        Parameters
        ----------
        outs : list of NotebookNode
            The cell's outputs.
        content : dict
            Of a ``stream`` message.

        Returns
        -------
        NotebookNode or None
            The output if it is a new one.
        """
        stream = self._stream_of(outs, content["name"])
        is_new = stream is None
        if stream is None:
            out = new_output("stream", name=content["name"])  # type: ignore[no-untyped-call]
            stream = _Stream(out, self._cell, self._limits)
            outs.append(out)
            self._streams.append(stream)
        stream.push(content["text"])
        return stream.out if is_new else None

    def _stream_of(self, outs: list[NotebookNode], name: str) -> _Stream | None:
        among = outs if len(outs) > PIECES_MOST else outs[-1:]
        ids = {id(out) for out in among}
        for stream in reversed(self._streams):
            if stream.out.name == name and id(stream.out) in ids:
                return stream
        return None

    def settle(self, cell: NotebookNode) -> None:
        """Complete the outputs of `cell`."""
        kept = {id(out) for out in cell.get("outputs", [])}
        for stream in self._streams:
            if id(stream.out) in kept:
                stream.settle()
            else:  # cleared by the cell itself
                stream.close()

    def fit(self, content: dict[str, Any]) -> None:
        """Move what is too large out of the data of a display message."""
        data = content["data"]
        if not isinstance(data, dict):
            return
        places = {}
        for mime, value in sorted(data.items()):
            size = len(value) if isinstance(value, str) else len(json.dumps(value))
            limit = self._limits.text if mime == "text/plain" else self._limits.rich
            if size > limit or self._rich + size > 10 * self._limits.rich:
                places[mime] = self._save(mime, data.pop(mime))
            else:
                self._rich += size
        if places:
            _say_where(content, places)

    def fit_error(self, content: dict[str, Any]) -> None:
        """Cut an error that is too large."""
        whole = "\n".join(content.get("traceback") or [])
        if len(whole) + len(content.get("evalue", "")) <= self._limits.text:
            return
        path = self._limits.file(self._cell, "error", "txt")
        text = f"{content['ename']}: {content['evalue']}\n{whole}"
        with open_own(path) as file:
            _write_all(file, text.encode(errors="replace"))
        place = path.relative_to(self._limits.folder)
        content["evalue"] = content["evalue"][:SHOWN] + f" … (all of it in {place})"
        content["traceback"] = [whole[:SHOWN], f"… (all of it in {place}) …", whole[-SHOWN:]]
        self._limits.note(f"cell {self._cell}: a large error → {place}")

    def _save(self, mime: str, value: Any) -> str:
        path = self._limits.file(self._cell, "output", SUFFIXES.get(mime, "json"))
        content = _as_bytes(mime, value)
        with open_own(path) as file:
            _write_all(file, content)
        place = str(path.relative_to(self._limits.folder))
        self._limits.note(f"cell {self._cell}: {len(content):,} bytes of {mime} → {place}")
        return place


def _say_where(content: dict[str, Any], places: dict[str, str]) -> None:
    """Leave a note in place of what was moved; pictures show from where they are."""
    data = content["data"]
    notes = [f"{mime} is in {place}" for mime, place in places.items()]
    data["text/plain"] = "\n".join([data.get("text/plain", ""), *notes]).strip()
    pictures = [place for mime, place in places.items() if mime.startswith("image/")]
    if pictures and not any(mime.startswith("image/") for mime in data):
        data["text/markdown"] = f"![{Path(pictures[0]).stem}]({pictures[0]})"
    content.setdefault("metadata", {})["beambook"] = {"moved": places}


def _as_bytes(mime: str, value: Any) -> bytes:
    if not isinstance(value, str):
        return json.dumps(value).encode()
    if mime in BINARY:
        try:
            return base64.b64decode(value)
        except binascii.Error:
            pass
    return value.encode(errors="surrogateescape")


def _write_all(file: IO[bytes], data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[file.write(view) :]
