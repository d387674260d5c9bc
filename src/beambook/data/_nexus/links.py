"""Links and virtual data sets in NeXus files, and what of them leads nowhere.

HDF5 gives fill values in silence where the source of a virtual data set is not there.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from beambook.data._reading.virtual import find_file, is_virtual, pieces_of

__all__ = ["FAULTS", "Target", "find_file", "lost_sources", "rows_there", "target_of"]

FAULTS = (OSError, KeyError, RuntimeError, TypeError, ValueError, AttributeError, OverflowError)


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


def lost_sources(dataset: h5py.h5d.DatasetID, folder: Path) -> tuple[str, ...]:
    """Files, or data sets of them, that hold values of a data set and are not there.

    Raises
    ------
    DamagedFile
        It must not be read: it stands for itself, or for what is no file.
    """
    layout = dataset.get_create_plist()
    kind = layout.get_layout()
    if kind == h5py.h5d.VIRTUAL:
        return tuple(sorted({piece.where for piece in pieces_of(dataset) if piece.lost}))
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
    there = np.ones(number, np.int64)
    if not is_virtual(dataset):
        return there * 0
    for piece in pieces_of(dataset):
        for first, stop in piece.lost:
            there[first : min(stop, number)] = 0
    return there


def _decoded(value: bytes | str) -> str:
    return value.decode(errors="surrogateescape") if isinstance(value, bytes) else value
