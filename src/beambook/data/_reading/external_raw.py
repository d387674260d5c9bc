"""Data sets whose values are in plain files beside the HDF5 file."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

import h5py

__all__ = ["open_with_raw"]


def open_with_raw(file: h5py.File, name: bytes) -> Any:
    """What is under a name; raw files of a data set are also found beside the HDF5 file.

    HDF5 itself takes their names relative to the folder that the process happens to be in.

    Parameters
    ----------
    file : h5py.File
    name : bytes
    """
    found = file[name]
    if not isinstance(found, h5py.Dataset) or not (raw := found.external):
        return found
    folder = Path(found.file.filename).parent
    if not all((folder / each).is_file() for each, *_ in raw):
        return found
    del found  # HDF5 refuses another prefix while it is open
    access = h5py.h5p.create(h5py.h5p.DATASET_ACCESS)
    access.set_efile_prefix(b"${ORIGIN}")
    with suppress(OSError, ValueError, RuntimeError):
        return h5py.Dataset(h5py.h5d.open(file.id, name, access))
    return file[name]
