"""Notebooks as plain JSON: found, listed and prepared without being executed."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

__all__ = [
    "cells_of",
    "code_cells",
    "find_notebooks",
    "has_error",
    "is_skipped",
    "language_of",
    "python_of",
    "read_json",
    "source_of",
    "tags_of",
    "was_executed",
]

SKIPPED = {"__pycache__", "executions", "verifications", "node_modules", "site-packages"}


def find_notebooks(folder: Path) -> tuple[Path, ...]:
    """The notebooks below a folder, without those of checkpoints, executions and environments."""
    found = []
    for where, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not is_skipped(Path(where, name)))
        found += [Path(where, name) for name in sorted(names) if name.endswith(".ipynb")]
    return tuple(path for path in found if not path.name.startswith(".") and not path.is_symlink())


def is_skipped(path: Path) -> bool:
    """Whether a folder holds nothing that its author wrote."""
    hidden = path.name.startswith(".") and path.name != ".binder"
    copy = (path / "executions" / "folder.json").is_file()  # of a folder that was executed
    return hidden or path.name in SKIPPED or copy or (path / "pyvenv.cfg").is_file()


def read_json(path: Path) -> Mapping[str, Any]:
    """A notebook as it is in the file; empty when it is none."""
    try:
        document = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):  # of strangers: also 100,000 brackets
        return {}
    return document if isinstance(document, dict) else {}


def code_cells(path: Path) -> Iterator[tuple[int, str, Mapping[str, Any]]]:
    """Position from 1, nearest heading above, and the cell itself, of every cell with code."""
    heading = ""
    for number, cell in enumerate(cells_of(read_json(path)), start=1):
        source = source_of(cell)
        if cell.get("cell_type") == "markdown":
            headings = [line for line in source.splitlines() if line.startswith("#")]
            heading = headings[-1].strip("# ") if headings else heading
        elif cell.get("cell_type") == "code" and source.strip():
            yield number, heading, cell


def language_of(path: Path) -> str:
    """The programming language, in lower case; ``python`` when nothing says otherwise."""
    metadata = read_json(path).get("metadata")
    for group, key in (("kernelspec", "language"), ("language_info", "name")):
        found = metadata.get(group) if isinstance(metadata, dict) else None
        if isinstance(found, dict) and isinstance(found.get(key), str) and found[key]:
            return str(found[key]).lower()
    return "python"


def python_of(path: Path) -> str:
    """The Python that the stored outputs are from: ``2.7.12``; empty when nobody says."""
    metadata = read_json(path).get("metadata")
    said = metadata.get("language_info") if isinstance(metadata, dict) else None
    return str(said.get("version") or "") if isinstance(said, dict) else ""


def source_of(cell: Mapping[str, Any]) -> str:
    """The source of a cell as one text."""
    source = cell.get("source", cell.get("input", ""))
    return "".join(map(str, source)) if isinstance(source, list) else str(source)


def tags_of(cell: Mapping[str, Any]) -> frozenset[str]:
    """The tags of a cell."""
    metadata = cell.get("metadata")
    tags = metadata.get("tags") if isinstance(metadata, dict) else ()
    return frozenset(map(str, tags)) if isinstance(tags, list) else frozenset()


def has_error(cell: Mapping[str, Any]) -> bool:
    """Whether the cell's stored outputs end with an error."""
    outputs = cell.get("outputs")
    return isinstance(outputs, list) and any(
        isinstance(out, dict) and out.get("output_type") in ("error", "pyerr") for out in outputs
    )


def was_executed(cell: Mapping[str, Any]) -> bool:
    """Whether the cell has a count or outputs."""
    return bool(cell.get("outputs")) or cell.get("execution_count") is not None


def cells_of(document: Mapping[str, Any]) -> list[dict[str, Any]]:
    """All cells; what is none, in a file that is almost a notebook, is left out."""
    sheets = document.get("worksheets") or [document]  # format 3 has worksheets
    first = sheets[0] if isinstance(sheets, list) else {}
    cells = first.get("cells") if isinstance(first, dict) else []
    return [cell for cell in cells if isinstance(cell, dict)] if isinstance(cells, list) else []
