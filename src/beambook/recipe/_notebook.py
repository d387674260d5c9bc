"""Notebook files: read with care, written whole or not at all."""

from __future__ import annotations

import json
import os
import re
import tempfile
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import nbformat

from beambook.errors import NotebookError, RunNotFound
from beambook.parameters._looks import looks_of

__all__ = ["heading_above", "read_notebook", "title_of", "write_atomically", "write_notebook"]

CELL_KINDS = ("code", "markdown", "raw")
BUNDLES = ("display_data", "execute_result")
SHOWN = 40  # characters of a name in that of a temporary file, which must not get too long


def read_notebook(path: str | Path) -> Any:
    """Read a notebook of any format version as version 4.

    Parameters
    ----------
    path : str or Path

    Returns
    -------
    nbformat.NotebookNode

    Raises
    ------
    RunNotFound
        If there is no such file.
    NotebookError
        If the file is not a notebook.
    """
    path = Path(path)
    if not path.is_file():
        raise RunNotFound(f"No notebook {str(path)!r}")
    try:
        with warnings.catch_warnings():  # nbformat mends missing and double ids, and says so
            warnings.simplefilter("ignore")
            notebook = nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call]
    except Exception as error:  # nbformat raises a dozen kinds, some of them bare
        reason = " ".join(str(error).split())[:160] or type(error).__name__
        said = looks_of(path) or reason
        raise NotebookError(f"{str(path)!r} is not a Jupyter notebook: {said}") from error
    return _mended(notebook)


def _mended(notebook: Any) -> Any:
    """What nbformat lets pass but nobody can work with: parts missing, of a wrong or unknown kind.

    Cells of a kind that only a later format knows are shown as raw text; outputs of such a kind
    keep what they hold under the name of their kind.
    """
    notebook.metadata = _mapping(notebook.get("metadata"))
    for name in ("kernelspec", "language_info"):
        if name in notebook.metadata:
            notebook.metadata[name] = _mapping(notebook.metadata[name])
    for cell in notebook.cells:
        cell.metadata = _mapping(cell.get("metadata"))
        cell.source = "".join(map(str, cell.get("source") or ""))
        if cell.get("cell_type") not in CELL_KINDS:
            cell.cell_type = "raw"
        if cell.cell_type == "code":
            cell.outputs = [_mended_output(output) for output in cell.get("outputs") or []]
    return notebook


def _mended_output(output: Any) -> Any:
    kind = str(output.get("output_type"))
    if kind == "stream":
        output.text = "".join(map(str, output.get("text") or ""))
        output.setdefault("name", "stdout")
    elif kind in BUNDLES:
        output.data, output.metadata = map(_mapping, (output.get("data"), output.get("metadata")))
    elif kind != "error":
        rest = json.dumps(output, ensure_ascii=False)
        output = nbformat.v4.new_output("display_data", {"text/plain": f"{kind}: {rest}"})  # type: ignore[no-untyped-call]
    return output


def _mapping(value: Any) -> Any:
    return value if isinstance(value, Mapping) else nbformat.from_dict({})  # type: ignore[no-untyped-call]


def write_notebook(notebook: Any, path: str | Path) -> None:
    """Write `notebook` beside `path`, then rename: a crash or a full disk loses nothing."""
    text: str = nbformat.writes(notebook)  # type: ignore[no-untyped-call]
    write_atomically(path, (text.rstrip("\n") + "\n").encode())


def write_atomically(path: str | Path, content: bytes) -> None:
    """Put `content` at `path` in one step; on any error the old file stays as it was."""
    path = Path(path)
    handle, temporary = tempfile.mkstemp(prefix=f".{path.name[:SHOWN]}.", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            os.fchmod(handle, 0o666 & ~_umask())
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def title_of(notebook: Any, default: str = "") -> str:
    """Text of the first top-level heading, else `default`."""
    for cell in notebook.cells:
        if cell.cell_type == "markdown" and (match := re.search(r"^# +(.+)$", cell.source, re.M)):
            return match[1].strip()
    return default


def heading_above(notebook: Any, index: int) -> str:
    """Text of the nearest heading in or above the cell at `index`, else an empty string."""
    for cell in reversed(notebook.cells[: index + 1]):
        if cell.cell_type == "markdown" and (
            found := re.findall(r"^#{1,6} +(.+)$", cell.source, re.M)
        ):
            return str(found[-1]).strip()
    return ""


def dumps(document: Any) -> bytes:
    """JSON as beambook writes it to disk: indented, UTF-8, one trailing newline."""
    return (json.dumps(document, indent=1, ensure_ascii=False, default=str) + "\n").encode()


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
