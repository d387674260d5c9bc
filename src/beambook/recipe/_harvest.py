"""What came out of an execution: the files it declared, and the results it recorded."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from beambook.checksum import sha256_of
from beambook.recipe._record import RESULT

__all__ = ["declared_files", "recorded_results"]


def declared_files(folder: Path, patterns: Iterable[str]) -> tuple[list[dict[str, Any]], list[str]]:
    """Files below `folder` that were declared, and the declarations that no file fulfils.

    Parameters
    ----------
    folder : Path
        Of the execution; nothing outside of it counts.
    patterns : iterable of str
        Names relative to the folder; ``*`` and ``?`` stand for characters.

    Returns
    -------
    files : list of dict
        ``name``, ``size`` in bytes, ``sha256``.
    missing : list of str
    """
    there = [str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()]
    found: set[str] = set()
    missing = []
    for pattern in patterns:
        fulfilling = [name for name in there if fnmatchcase(name, pattern.removeprefix("./"))]
        found.update(fulfilling)
        if not fulfilling:
            missing.append(pattern)
    return [_describe(folder, name) for name in sorted(found)], missing


def recorded_results(notebook: Any, note: Callable[[str], None]) -> dict[str, Any]:
    """What the notebook recorded; a name that comes twice has the later value.

    Parameters
    ----------
    notebook : nbformat.NotebookNode
        Executed.
    note : callable
        Takes a line for the log.

    Returns
    -------
    dict
        By name; each with the cell's position as ``cell``.
    """
    found: dict[str, Any] = {}
    for index, cell in enumerate(notebook.cells):
        for out in cell.get("outputs", []):
            data = out.get("data", {}).get(RESULT)
            if isinstance(data, dict) and isinstance(data.get("name"), str):
                if data["name"] in found:
                    note(f"result {data['name']!r} is recorded twice")
                found[data["name"]] = {**data, "cell": index}
    return found


def _describe(folder: Path, name: str) -> dict[str, Any]:
    path = folder / name
    return {"name": name, "size": path.stat().st_size, "sha256": sha256_of(path)}
