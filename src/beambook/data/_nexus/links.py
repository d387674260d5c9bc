"""Links and virtual data sets in NeXus files, and what of them leads nowhere.

HDF5 gives fill values in silence where the source of a virtual data set is not there.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from stat import S_ISREG
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

__all__ = ["FAULTS", "Target", "find_file", "lost_sources", "rows_there", "target_of"]

FAULTS = (OSError, KeyError, RuntimeError, TypeError, ValueError, AttributeError, OverflowError)
MOST_SOURCES = 10_000
MOST_FILES = 16  # so many are looked into for the data set that they should have


@dataclass(frozen=True)
class Target:
    """Where a link leads: as text (empty for a hard link), and whether its file is not there."""

    text: str
    gone: bool = False


def target_of(group: Any, name: bytes, folder: Path) -> Target:
    """Where a link leads; files are looked at first, for opening a pipe would wait for ever.

    Parameters
    ----------
    group : h5py.h5g.GroupID
    name : bytes
    folder : Path
        That of the file.
    """
    try:
        kind = group.links.get_info(name).type
        if kind == h5py.h5l.TYPE_HARD:
            return Target("")
        value = group.links.get_val(name)
    except FAULTS:
        return Target("a link of an unknown kind")
    if kind == h5py.h5l.TYPE_SOFT:
        return Target(_decoded(value))
    file, inside = map(_decoded, value)
    return Target(f"{file}:{inside}", gone=find_file(file, folder) is None)


def find_file(name: str, folder: Path) -> Path | None:
    """The file that a link or a virtual data set means, by HDF5's own rules; None if not there."""
    beside = folder / name
    candidates = (Path(name), folder / Path(name).name) if os.path.isabs(name) else (
        beside, Path(name)
    )  # fmt: skip
    for path in candidates:
        try:
            if S_ISREG(path.stat().st_mode):
                return path
        except (OSError, ValueError):
            continue
    return None


def lost_sources(dataset: h5py.h5d.DatasetID, folder: Path) -> tuple[str, ...]:
    """Files, or data sets of this file, that hold values of a data set and are not there."""
    layout = dataset.get_create_plist()
    kind = layout.get_layout()
    if kind == h5py.h5d.VIRTUAL:
        return tuple(sorted({lost for _, lost in _mappings(dataset, layout, folder) if lost}))
    if kind != h5py.h5d.CONTIGUOUS:
        return ()
    names = {_decoded(layout.get_external(i)[0]) for i in range(layout.get_external_count())}
    return tuple(sorted(name for name in names if find_file(name, folder) is None))


def rows_there(file: h5py.File, path: str, number: int) -> NDArray[np.int64]:
    """1 for each row of a data set whose source is there, 0 for the others.

    Parameters
    ----------
    file : h5py.File
    path : str
    number : int
        Of rows.
    """
    dataset = file[path.encode(errors="surrogateescape")].id
    layout = dataset.get_create_plist()
    there = np.ones(number, np.int64)
    if layout.get_layout() != h5py.h5d.VIRTUAL:
        return there * 0
    for index, lost in _mappings(dataset, layout, Path(file.filename).parent):
        if lost:
            first, last = layout.get_virtual_vspace(index).get_select_bounds()
            there[int(first[0]) : min(int(last[0]) + 1, number)] = 0
    return there


def _mappings(dataset: h5py.h5d.DatasetID, layout: Any, folder: Path) -> Iterator[tuple[int, str]]:
    """Each source of a virtual data set: its number, and its name if it is not there."""
    own = h5py.h5i.get_file_id(dataset)
    known: dict[tuple[str, str], str] = {}
    for index in range(min(layout.get_virtual_count(), MOST_SOURCES)):
        file = _decoded(layout.get_virtual_filename(index)).replace("%b", "0")
        name = _decoded(layout.get_virtual_dsetname(index)).replace("%b", "0")
        if (file, name) not in known:
            known[file, name] = _lost(own, file, name, folder, look=len(known) < MOST_FILES)
        yield index, known[file, name]


def _lost(own: h5py.h5f.FileID, file: str, name: str, folder: Path, *, look: bool) -> str:
    if file in (".", ""):
        return _lost_inside(own, name, folder)
    path = find_file(file, folder)
    if path is None:
        return file
    if not look:
        return ""
    try:
        with h5py.File(path, "r") as other:
            return "" if name in other else f"{file}:{name}"
    except FAULTS:
        return file


def _lost_inside(own: h5py.h5f.FileID, name: str, folder: Path) -> str:
    above, _, last = name.rpartition("/")
    try:
        group = h5py.h5o.open(own, (above or "/").encode(errors="surrogateescape"))
        target = target_of(group, last.encode(errors="surrogateescape"), folder)
        if not target.gone:
            h5py.h5o.open(group, last.encode(errors="surrogateescape"))
            return ""
    except FAULTS:
        return name
    return target.text.partition(":")[0]


def _decoded(value: bytes | str) -> str:
    return value.decode(errors="surrogateescape") if isinstance(value, bytes) else value
