"""What can be read in a file: the cells of a notebook, or its text."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from beambook.publication._rules import SECRET_NAME

__all__ = ["texts_of"]

MOST_BYTES = 50 << 20  # of a text that is read; a larger one is a table of numbers
_BINARY = re.compile(r"^(?:image/(?!svg)|audio/|video/|application/(?:pdf|octet-stream|x-))")


def texts_of(path: Path) -> Iterator[tuple[int | None, str, str]]:
    """(cell, place, text) of everything readable in a file; of a plain text no place is known.

    Pictures and other binary content are not read, nor texts that are as long as tables are.
    """
    if path.stat().st_size > MOST_BYTES and path.suffix != ".ipynb":
        return
    content = path.read_bytes()
    if b"\0" in content[:8192]:
        return
    text = content.decode(errors="replace")
    if path.suffix == ".ipynb" and (document := _notebook(text)) is not None:
        yield from _of_notebook(document)
        return
    yield None, "", text


def _notebook(text: str) -> dict[str, Any] | None:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None


def _of_notebook(document: dict[str, Any]) -> Iterator[tuple[int | None, str, str]]:
    metadata = document.get("metadata")
    if isinstance(metadata, dict):  # authors are named on purpose
        metadata = {key: value for key, value in metadata.items() if key != "authors"}
    yield None, "metadata", "\n".join(_strings(metadata))
    for number, cell in enumerate(_cells(document), 1):
        kind = "code" if cell.get("cell_type") == "code" else "text"
        yield number, kind, _joined(cell.get("source") or cell.get("input") or "")
        yield number, "metadata", "\n".join(_strings(cell.get("metadata")))
        for output in cell.get("outputs") or []:
            yield number, "output", "\n".join(_of_output(output))


def _cells(document: dict[str, Any]) -> list[dict[str, Any]]:
    sheets = document.get("worksheets") or [document]
    cells = [cell for sheet in sheets if isinstance(sheet, dict) for cell in sheet.get("cells", [])]
    return [cell for cell in cells if isinstance(cell, dict)]


def _of_output(output: Any) -> Iterator[str]:
    if not isinstance(output, dict):
        return
    for key, value in output.items():
        if key == "data" and isinstance(value, dict):
            for mime, content in value.items():
                if not _BINARY.match(str(mime)):
                    yield from _strings(content)
        elif key not in ("png", "jpeg", "pdf"):  # names of format 3
            yield from _strings(value)


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list) and value and all(isinstance(each, str) for each in value):
        yield "".join(value) if any(each.endswith("\n") for each in value) else "\n".join(value)
    elif isinstance(value, list):
        for each in value:
            yield from _strings(each)
    elif isinstance(value, dict):
        for key, each in value.items():
            yield str(key)
            yield from _named(str(key), each)


def _named(key: str, value: Any) -> Iterator[str]:
    """A text under a name: ``"password": "…"`` is one because of its name."""
    if isinstance(value, str) and SECRET_NAME.fullmatch(key):
        yield f'{key} = "{value}"'
    else:
        yield from _strings(value)


def _joined(source: Any) -> str:
    return "".join(map(str, source)) if isinstance(source, list) else str(source)
