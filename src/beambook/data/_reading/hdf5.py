"""Rows of data sets read by HDF5: strings, virtual data sets, filters that only it knows."""

from __future__ import annotations

from math import prod
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from beambook.data._filters import missing_filters
from beambook.data._hdf5 import StoredFile, pool
from beambook.data._live.rows import sure_rows
from beambook.data._reading.engine import Output, Pieces
from beambook.data._reading.external_raw import open_with_raw
from beambook.data._reading.virtual import pieces_of
from beambook.errors import DamagedFile

__all__ = ["read_by_hdf5"]

MOST_BETWEEN = 4  # times the rows that are wanted may be read with them
MOST_AT_ONCE = 64 << 20  # bytes


def read_by_hdf5(file: StoredFile, name: str, pieces: Pieces, output: Output) -> None:
    """Read rows under the lock of the pool.

    Raises
    ------
    DamagedFile
        HDF5 cannot read them.
    """
    try:
        with pool.open(file) as opened:
            dataset = open_with_raw(opened, name.encode(errors="surrogateescape"))
            if not isinstance(dataset, h5py.Dataset):
                raise KeyError(f"{name} is no data set")
            _refuse_unknown(dataset)
            _refuse_lost(dataset, pieces)  # first of all: HDF5 follows sources without end
            _refuse_unfit(dataset, pieces, output, live=file.live)
            for group in _groups(pieces, prod(dataset.shape[1:]) * dataset.dtype.itemsize):
                _read(dataset, group, output)
    except (OSError, LookupError, RuntimeError, TypeError, ValueError) as error:
        if isinstance(error, DamagedFile):
            raise
        first, last = int(pieces.source[0]), int((pieces.source + pieces.count)[-1])
        raise DamagedFile(
            f"Rows {first}:{last} of {name} in {file.path.name} cannot be read ({error})"
        ) from error


def _refuse_unknown(dataset: h5py.Dataset) -> None:
    if lost := missing_filters(dataset.id):
        raise OSError(
            f"compressed with filter {', '.join(lost)}, which HDF5 does not have here: "
            "`pip install hdf5plugin` adds the common ones"
        )


def _refuse_unfit(dataset: h5py.Dataset, pieces: Pieces, output: Output, *, live: bool) -> None:
    if dataset.shape is None or dataset.shape[1:] != output.roi.entry:
        raise ValueError(f"its shape is {dataset.shape}, rows of {output.roi.entry} are expected")
    last = int((pieces.source + pieces.count).max())
    if last > dataset.shape[0]:
        raise ValueError(f"there are only {dataset.shape[0]} rows")
    if live and sure_rows(dataset.id, last) < last:  # HDF5 would give fill values
        raise ValueError("the file is being written and they are not found now; read them again")


def _refuse_lost(dataset: h5py.Dataset, pieces: Pieces) -> None:
    """HDF5 gives fill values where a virtual data set stands for what is not there."""
    if not dataset.is_virtual:
        return
    first, stop = pieces.source, pieces.source + pieces.count
    touched = (int(first.min()), int(stop.max()))
    for piece in pieces_of(dataset.id, [touched]):
        for a, b in piece.lost:
            if ((first < b) & (stop > a)).any():
                raise FileNotFoundError(f"they are in {piece.where}, which is not there")


def _groups(pieces: Pieces, row: int) -> list[Pieces]:
    """Pieces that are read in one go, since little else is between them."""
    if len(pieces) == 1:
        return [pieces]
    pieces = pieces[np.argsort(pieces.source, kind="stable")]
    stop = pieces.source + pieces.count
    apart = pieces.source[1:] - stop[:-1] > MOST_BETWEEN * pieces.count[:-1]
    span = (stop - pieces.source[0]) * max(1, row) // MOST_AT_ONCE
    breaks = np.flatnonzero(apart | (span[1:] != span[:-1])) + 1
    return [pieces[part] for part in map(slice, [0, *breaks], [*breaks, len(pieces)])]


def _read(dataset: h5py.Dataset, pieces: Pieces, output: Output) -> None:
    first, stop = int(pieces.source.min()), int((pieces.source + pieces.count).max())
    where = (slice(first, stop), *output.roi.stored)
    if len(pieces) == 1:
        to = output.array[int(pieces.target[0]) : int(pieces.target[0]) + stop - first]
        if _fits(dataset, to, output):
            dataset.read_direct(to, where)
            return
    source, target = pieces.rows()
    output.put(_rows(dataset, where)[source - first], target)


def _fits(dataset: h5py.Dataset, to: NDArray[Any], output: Output) -> bool:
    plain = dataset.dtype.kind != "O" and to.dtype == dataset.dtype
    return plain and not output.roi.rest and bool(to.flags.c_contiguous and to.size)


def _rows(dataset: h5py.Dataset, where: tuple[slice, ...]) -> NDArray[Any]:
    if h5py.check_string_dtype(dataset.dtype) is not None and dataset.dtype.kind == "O":
        return np.asarray(dataset.asstr(errors="surrogateescape")[where])
    return np.asarray(dataset[where])
