"""What a file says about a data set, beside its values."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from beambook.data._hdf5 import StoredFile, pool

__all__ = ["attributes_of", "text", "virtual_sources"]


def attributes_of(file: StoredFile, dataset: str) -> dict[str, Any]:
    """Attributes of a data set, as stored.

    Control keys carry most of them on the group around ``value``, which wins. Virtual data
    sets without any have those of what they stand for.

    Parameters
    ----------
    file : StoredFile
    dataset : str
    """
    with pool.open(file) as opened:
        stored = opened[dataset.encode(errors="surrogateescape")]
        found = dict(stored.attrs)
        if dataset.lstrip("/").startswith("CONTROL/") and dataset.endswith("/value"):
            found |= dict(stored.parent.attrs)
    if not found and (sources := virtual_sources(file, dataset)) and sources[0].is_file():
        return attributes_of(StoredFile.of(sources[0]), dataset)
    return found


def virtual_sources(file: StoredFile, dataset: str, rows: Any = None) -> tuple[Path, ...]:
    """Files that a virtual data set stands for; none if it is not virtual.

    Parameters
    ----------
    file : StoredFile
    dataset : str
    rows : (ndarray, ndarray), optional
        First row and number of rows of each train: only files with any of these, or else one.
        Overview files of EXtra-data say which for data sets without rows, too.
    """
    with pool.open(file) as opened:
        stored = opened[dataset.encode(errors="surrogateescape")]
        pieces = stored.virtual_sources() if stored.is_virtual else []
        used = [each for each in pieces if rows is None or _touches(each.vspace, *rows)]
        names = [each.file_name for each in used or pieces[:1]]
        if not names and rows is not None:
            names = [name for name in _overviewed(stored.parent) if isinstance(name, str)][:1]
    folder = file.path.parent
    return tuple(dict.fromkeys(file.path if n == "." else folder / n for n in names))


def _touches(space: Any, first: Any, count: Any) -> bool:
    """Whether a piece of a virtual data set has any of the rows."""
    start, stop = (int(end[0]) for end in space.get_select_bounds())
    return bool(((count > 0) & (first <= stop) & (first + count > start)).any())


def _overviewed(group: Any) -> Any:
    """Files that an overview file says a source is in; it says so of the source's group."""
    while group.name != "/" and "source_files" not in group.attrs:
        group = group.parent
    return group.attrs.get("source_files", ())


def text(value: Any) -> str:
    """An attribute as text."""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
