"""What a file looks like that is called ``*.ipynb`` and is no notebook."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

__all__ = ["looks_of"]

HEAD = 1 << 16
TITLE = 60
MANY = 9  # comments before a page
_HTML = re.compile(r"<(?:!doctype\s+html|html|head|title)\b", re.I)
_MAGIC = (
    (b"\x89PNG", "a PNG picture"),
    (b"\xff\xd8\xff", "a JPEG picture"),
    (b"%PDF", "a PDF"),
    (b"PK\x03\x04", "a zip"),
    (b"\x1f\x8b", "a gzip file"),
    (b"\x89HDF", "an HDF5 file"),
)


def looks_of(path: Path) -> str:
    """Why a file is no notebook, for the end of a sentence; empty where it looks like one.

    Examples
    --------
    >>> import tempfile
    >>> file = Path(tempfile.mkdtemp(), "fit.ipynb")
    >>> _ = file.write_text("<!DOCTYPE html><title>Sign in</title>")
    >>> looks_of(file)
    "it is an HTML page ('Sign in'), perhaps saved instead of the notebook itself"
    """
    try:
        with path.open("rb") as file:
            head = file.read(HEAD)
    except OSError as error:
        return f"it cannot be read ({error.strerror})"
    text = head.decode("utf-8-sig", errors="replace")
    return next(_guesses(head, text, path))


def _guesses(head: bytes, text: str, path: Path) -> Iterator[str]:
    if not text.strip():
        yield "it is empty"
    yield from (f"it is {what}" for magic, what in _MAGIC if head.startswith(magic))
    if _HTML.match(_without_comments(text)):
        yield f"it is an HTML page{_title(text)}, perhaps saved instead of the notebook itself"
    if text.startswith("version https://git-lfs"):
        yield "it only points to the notebook, which Git LFS has: git lfs pull"
    if b"\0" in head:
        yield "it is a binary file"
    lines = text.splitlines()
    if "=======" in lines and any(line.startswith("<<<<<<< ") for line in lines):
        yield "it has the marks of a merge conflict of git (<<<<<<<)"
    yield _as_json(text, path)


def _without_comments(text: str) -> str:
    """What stands after all that may stand before a page begins."""
    text = text.lstrip()
    for opening, closing in (("<?xml", "?>"), *MANY * (("<!--", "-->"),)):
        if text.startswith(opening):
            text = text.partition(closing)[2].lstrip()
    return text


def _title(text: str) -> str:
    # no expression with a star in its middle: a stranger's file could make it try for minutes
    _, *rest = re.split(r"<title\b", text, maxsplit=1, flags=re.I)
    words = "".join(rest).partition(">")[2].partition("<")[0]
    words = " ".join("".join(c if c.isprintable() else " " for c in words).split())
    return f" ({words[:TITLE]!r})" if words else ""


def _as_json(text: str, path: Path) -> str:
    if text.lstrip()[0] not in "{[":
        return "it is text, not JSON"
    try:
        document = json.loads(path.read_bytes())
    except RecursionError:
        return "it is JSON, nested deeper than any notebook"
    except json.JSONDecodeError as error:
        return f"its JSON is cut short or damaged in line {error.lineno}: {error.msg}"
    except ValueError as error:
        return f"it is no JSON: {error}"
    if isinstance(document, dict) and {"cells", "worksheets"} & set(document):
        return ""
    kind = "a list" if isinstance(document, list) else "without cells"
    return f"it is JSON, but {kind}"
