"""Reading rows, and small arrays in many pieces."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from beambook.data._hdf5 import StoredFile, pool
from beambook.data._roi import Roi
from beambook.errors import DamagedFile

__all__ = ["MOST_EVENTS", "Segment", "open_dataset", "read_index", "read_segments"]

MOST_AT_ONCE = 4 << 20  # bytes between the first and the last piece of an index
FEW_PIECES = 64  # so many are read as well by HDF5
MOST_EVENTS = 10_000_000  # in one file: eleven days at 10 Hz


@dataclass(frozen=True)
class Segment:
    """Consecutive rows of one data set: `start` up to but not including `stop`."""

    file: StoredFile
    dataset: str
    start: int
    stop: int


def read_segments(segments: tuple[Segment, ...], out: NDArray[Any], roi: Roi) -> NDArray[Any]:
    """Fill `out` with the rows of all segments, one after another.

    Parameters
    ----------
    segments : tuple of Segment
    out : ndarray
        As many rows as the segments have together; rows cut as `roi` says.
    roi : Roi

    Raises
    ------
    DamagedFile
        Rows cannot be read; nothing is left out in silence.
    """
    cursor = 0
    for segment in segments:
        rows = segment.stop - segment.start
        try:
            with pool.open(segment.file) as file:
                dataset = file[segment.dataset.encode(errors="surrogateescape")]
                _read(dataset, segment, out[cursor : cursor + rows], roi)
        except (OSError, KeyError, RuntimeError) as error:
            if isinstance(error, DamagedFile):
                raise
            raise DamagedFile(
                f"Rows {segment.start}:{segment.stop} of {segment.dataset} "
                f"in {segment.file.path.name} cannot be read ({error})"
            ) from error
        cursor += rows
    return out


def _read(dataset: h5py.Dataset, segment: Segment, out: NDArray[Any], roi: Roi) -> None:
    where = (slice(segment.start, segment.stop), *roi.stored)
    if h5py.check_string_dtype(dataset.dtype) is not None and dataset.dtype.kind == "O":
        rows = dataset.asstr(errors="surrogateescape")[where]
    elif not roi.rest and out.flags.c_contiguous and out.size and out.dtype == dataset.dtype:
        dataset.read_direct(out, where)
        return
    else:
        rows = dataset[where]
    out[...] = rows[roi.rest] if roi.rest else rows


def read_index(file: h5py.File, path: str) -> NDArray[Any] | None:
    """Read a list of numbers, in one call even if it is in a thousand chunks.

    The data acquisition writes index arrays in chunks of one element, and HDF5 reads chunk by
    chunk. Where the chunks lie close together they are read as one block and picked from it.
    Opening a data set takes longer than reading it, hence h5py's lower level.

    Parameters
    ----------
    file : h5py.File
    path : str

    Returns
    -------
    ndarray, (n,) or None
        The same as ``file[path][:]``; None where there is no list of whole numbers.
    """
    dataset = open_dataset(file, path)
    if dataset is None or dataset.rank != 1 or dataset.dtype.kind not in "iu":
        return None
    if dataset.shape[0] > MOST_EVENTS:
        return None
    values = _pieces(file, dataset) if _in_pieces(file, dataset) else None
    if values is None:
        values = np.empty(dataset.shape, dataset.dtype)
        dataset.read(h5py.h5s.ALL, h5py.h5s.ALL, values)
    return values


def open_dataset(file: h5py.File, path: str) -> h5py.h5d.DatasetID | None:
    """A data set, or None where there is none, or only a link that leads nowhere."""
    try:
        found = h5py.h5o.open(file.id, path.encode(errors="surrogateescape"))
    except (KeyError, OSError, RuntimeError):
        return None
    return found if isinstance(found, h5py.h5d.DatasetID) else None


def _in_pieces(file: h5py.File, dataset: h5py.h5d.DatasetID) -> bool:
    """Whether it is in many chunks of plain numbers."""
    layout = dataset.get_create_plist()
    if layout.get_layout() != h5py.h5d.CHUNKED or layout.get_nfilters():
        return False
    many = dataset.shape[0] > FEW_PIECES * layout.get_chunk()[0]
    return many and dataset.dtype.kind in "iuf" and not file.userblock_size


def _pieces(file: h5py.File, dataset: h5py.h5d.DatasetID) -> NDArray[Any] | None:
    starts: list[int] = []
    offsets: list[int] = []

    def found(chunk: Any) -> None:
        starts.append(chunk.chunk_offset[0])
        offsets.append(chunk.byte_offset)

    dataset.chunk_iter(found)
    length = dataset.get_create_plist().get_chunk()[0]
    if len(offsets) * length < dataset.shape[0]:  # pieces never written hold the fill value
        return None
    size = length * dataset.dtype.itemsize
    first, spread = min(offsets), max(offsets) - min(offsets) + size
    block = b""
    if spread <= MOST_AT_ONCE:
        block = os.pread(file.id.get_vfd_handle(), spread, first)
    if len(block) < spread:
        return None
    where = np.asarray(offsets)[np.argsort(starts), None] - first + np.arange(size)
    pieces = np.frombuffer(block, np.uint8)[where].view(dataset.dtype)
    return np.asarray(pieces.ravel()[: dataset.shape[0]])
