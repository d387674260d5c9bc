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


def virtual_sources(file: StoredFile, dataset: str) -> tuple[Path, ...]:
    """Files that a virtual data set stands for; none if it is not virtual."""
    with pool.open(file) as opened:
        stored = opened[dataset.encode(errors="surrogateescape")]
        names = [each.file_name for each in stored.virtual_sources()] if stored.is_virtual else []
    folder = file.path.parent
    return tuple(dict.fromkeys(file.path if n == "." else folder / n for n in names))


def text(value: Any) -> str:
    """An attribute as text."""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
