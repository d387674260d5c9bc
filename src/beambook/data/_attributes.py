"""What a file says about a data set, beside its values."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

import h5py

from beambook.data._findings import warn
from beambook.data._hdf5 import StoredFile, pool
from beambook.data._reading.virtual import DEEPEST, Mapping, find_file, mappings
from beambook.errors import DamagedFile

__all__ = ["attributes_of", "text", "virtual_sources"]


def attributes_of(file: StoredFile, dataset: str) -> dict[str, Any]:
    """Attributes of a data set, as stored.

    Control keys carry most of them on the group around ``value``, which wins. Virtual data
    sets without any have those of what they stand for.

    Parameters
    ----------
    file : StoredFile
    dataset : str

    Warns
    -----
    DataWarning
        Attributes that are damaged are left out.

    Raises
    ------
    DamagedFile
        The data set cannot be opened.
    """
    for depth in range(DEEPEST):  # it may stand for itself
        try:
            with pool.open(file) as opened:
                found, source = _own_attributes(file, opened, dataset)
        except DamagedFile:
            if not depth:
                raise
            return {}  # nothing says anything about it
        path = None if source is None else _source_path(file, source.file)
        if found or source is None or path is None:
            return found
        file = file if path == file.path else StoredFile.of(path)
        dataset = source.name
    return {}


def _own_attributes(
    file: StoredFile, opened: h5py.File, dataset: str
) -> tuple[dict[str, Any], Mapping | None]:
    """Of one data set, and the first that it stands for."""
    try:
        stored = opened[dataset.encode(errors="surrogateescape")]
        found = _read(stored, dataset)
        if dataset.lstrip("/").startswith("CONTROL/") and dataset.endswith("/value"):
            found |= _read(stored.parent, dataset)
        first = next(mappings(stored.id), None) if isinstance(stored, h5py.Dataset) else None
    except (OSError, LookupError, RuntimeError, TypeError, ValueError) as error:
        name = file.path.name
        raise DamagedFile(f"Attributes of {dataset} in {name} cannot be read ({error})") from error
    return found, first


def _read(stored: h5py.Dataset | h5py.Group, dataset: str) -> dict[str, Any]:
    """Those that can be read."""
    found: dict[str, Any] = {}
    names = list(stored.attrs)
    for name in names:
        with suppress(OSError, LookupError, RuntimeError, TypeError, ValueError):
            found[name] = stored.attrs[name]
    if lost := [name for name in names if name not in found]:
        some = ", ".join(lost[:3])
        warn(f"{dataset}: {len(lost)} damaged attributes were left out ({some})")
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
        parts = list(mappings(stored.id)) if isinstance(stored, h5py.Dataset) else []
        used = [each for each in parts if rows is None or _touches(each, *rows)]
        names = [each.file for each in used or parts[:1]]
        if not names and rows is not None:
            names = [name for name in _overviewed(stored.parent) if isinstance(name, str)][:1]
    folder = file.path.parent
    return tuple(dict.fromkeys(file.path if n in (".", "") else folder / n for n in names))


def _source_path(file: StoredFile, name: str) -> Path | None:
    return file.path if name in (".", "") else find_file(name, file.path.parent)


def _touches(part: Mapping, first: Any, count: Any) -> bool:
    """Whether a piece of a virtual data set has any of the rows."""
    return bool(((count > 0) & (first < part.stop) & (first + count > part.first)).any())


def _overviewed(group: Any) -> Any:
    """Files that an overview file says a source is in; it says so of the source's group."""
    while group.name != "/" and "source_files" not in group.attrs:
        group = group.parent
    return group.attrs.get("source_files", ())


def text(value: Any) -> str:
    """An attribute as text."""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
