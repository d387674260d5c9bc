"""A notebook as far as parameters need it: plain JSON, nothing heavy imported."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from beambook.errors import NotebookError, RunNotFound
from beambook.parameters._looks import looks_of

__all__ = ["code_cells", "language_of", "load", "metadata_of", "parameter_cells", "source_of"]

TAG = "parameters"
INJECTED = "injected-parameters"
_OTHER_KERNELS = ("bash", "ir", "julia", "octave", "matlab", "ruby", "javascript", "sos", "xcpp")


def load(notebook: Any) -> tuple[Mapping[str, Any], str]:
    """The notebook as a mapping, and what to call it.

    Parameters
    ----------
    notebook : str, Path, NotebookNode or mapping
        A path is read as JSON; only a file of format 3 or older needs nbformat.

    Returns
    -------
    mapping, str

    Raises
    ------
    RunNotFound
        If there is no such file.
    NotebookError
        If it is no notebook.
    """
    where = "the notebook"
    if isinstance(notebook, str | os.PathLike):
        where = Path(notebook).name
        notebook = _read(Path(notebook))
    if not isinstance(notebook, Mapping):
        raise NotebookError(f"{where} is not a Jupyter notebook")
    if "worksheets" in notebook and "cells" not in notebook:
        notebook = _upgrade(notebook)
    cells = notebook.get("cells")
    if not isinstance(cells, list) or not all(isinstance(cell, Mapping) for cell in cells):
        raise NotebookError(f"{where} is not a Jupyter notebook: it has no list of cells")
    return notebook, where


def _read(path: Path) -> Any:
    if not path.is_file():
        raise RunNotFound(f"No notebook {str(path)!r}")
    try:
        return json.loads(path.read_text(encoding="utf-8-sig"))
    except (ValueError, RecursionError) as error:
        looks = looks_of(path)
        raise NotebookError(f"{str(path)!r} is not a Jupyter notebook: {looks}") from error


def _upgrade(notebook: Mapping[str, Any]) -> Any:
    import nbformat

    try:
        return nbformat.reads(json.dumps(notebook), as_version=4)  # type: ignore[no-untyped-call]
    except Exception as error:  # nbformat raises what the broken document makes it raise
        raise NotebookError(f"An old notebook that nbformat cannot convert: {error}") from error


def code_cells(notebook: Mapping[str, Any]) -> list[Any]:
    """The code cells that hold anything."""
    cells = [cell for cell in notebook["cells"] if cell.get("cell_type") == "code"]
    return [cell for cell in cells if source_of(cell).strip()]


def source_of(cell: Mapping[str, Any]) -> str:
    """A cell's text; in a file it may be a list of lines."""
    source = cell.get("source", "")
    if isinstance(source, list):
        return "".join(map(str, source))
    return source if isinstance(source, str) else ""


def parameter_cells(notebook: Mapping[str, Any]) -> list[Any]:
    """The cell that declares, then the cells in which papermill wrote values over it.

    The first is the first code cell tagged ``parameters`` (in any case), else the
    first code cell. Cells tagged ``injected-parameters`` below it win at execution.
    """
    cells = code_cells(notebook)
    tagged = [cell for cell in cells if TAG in _tags(cell)]
    chosen = (tagged or cells)[:1]
    return chosen + [c for c in cells if INJECTED in _tags(c) and c is not chosen[0]]


def _tags(cell: Mapping[str, Any]) -> set[str]:
    tags = _mapping(cell.get("metadata")).get("tags")
    return {str(tag).lower() for tag in tags} if isinstance(tags, list) else set()


def language_of(notebook: Mapping[str, Any]) -> str:
    """The kernel's language in lower case; ``python`` if the notebook does not say."""
    metadata = _mapping(notebook.get("metadata"))
    kernel = _mapping(metadata.get("kernelspec"))
    language = kernel.get("language") or _mapping(metadata.get("language_info")).get("name")
    if not language:
        name = str(kernel.get("name", "")).lower()
        language = next((o for o in _OTHER_KERNELS if name == o or name.startswith(f"{o}-")), "")
    language = str(language).lower()
    return "python" if not language or "python" in language else language


def metadata_of(notebook: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """What the notebook's metadata say of single parameters.

    ``metadata.parameterise[name]``, nbparameterise's place, and
    ``metadata.beambook.parameters[name]``, which wins.
    """
    metadata = _mapping(notebook.get("metadata"))
    ours = _mapping(_mapping(metadata.get("beambook")).get("parameters"))
    found: dict[str, dict[str, Any]] = {}
    for place in (_mapping(metadata.get("parameterise")), ours):
        for name, facts in place.items():
            found[str(name)] = found.get(str(name), {}) | dict(_mapping(facts))
    return found


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
