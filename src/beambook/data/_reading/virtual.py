"""Virtual data sets, which stand for rows of other files."""

from __future__ import annotations

import os
from pathlib import Path

import h5py

__all__ = ["is_virtual", "whole_rows"]


def is_virtual(dataset: h5py.h5d.DatasetID) -> bool:
    """Whether a data set only stands for rows that are elsewhere."""
    return bool(dataset.get_create_plist().get_layout() == h5py.h5d.VIRTUAL)


def whole_rows(dataset: h5py.h5d.DatasetID, folder: Path) -> int:
    """How many rows from the first on are there, for all that HDF5 can tell.

    For rows that stand for those of a file that is gone HDF5 gives fill values, without a word.

    Parameters
    ----------
    dataset : h5py.h5d.DatasetID
        Virtual or not.
    folder : Path
        Where the file is that it is in; names of other files are relative to it.
    """
    rows = int(dataset.shape[0])
    if not is_virtual(dataset):
        return rows
    layout = dataset.get_create_plist()
    known: dict[str, bool] = {}
    for number in range(layout.get_virtual_count()):
        name = layout.get_virtual_filename(number)
        if name not in known:
            known[name] = name == "." or os.path.exists(folder / name)
        if not known[name]:
            rows = min(rows, int(layout.get_virtual_vspace(number).get_select_bounds()[0][0]))
    return rows
