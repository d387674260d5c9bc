"""Reading rows, and small arrays in many pieces."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from beambook.data._hdf5 import StoredFile
from beambook.data._reading.btree import tree_of
from beambook.data._reading.chunk_table import FARTHEST
from beambook.data._reading.engine import Output, Pieces
from beambook.data._reading.plan import plan_jobs
from beambook.data._reading.roi import Roi
from beambook.data._reading.threads import Job, share, thread_count
from beambook.errors import DamagedFile

__all__ = [
    "MOST_EVENTS",
    "Plan",
    "Segment",
    "open_dataset",
    "read_index",
    "read_plans",
    "read_segments",
]

SMALLEST_BLOCK, LARGEST_BLOCK = 2 << 20, 8 << 20  # bytes that a thread reads in one go
MOST_AT_ONCE = 4 << 20  # bytes between the first and the last piece of an index
FEW_PIECES = 64  # so many are read as well by HDF5
TRIES, PAUSE_S = 5, 0.02  # for files that are being written
MOST_EVENTS = 10_000_000  # in one file: eleven days at 10 Hz


@dataclass(frozen=True, eq=False)
class Plan:
    """Which rows of one data set go where.

    Attributes
    ----------
    file : StoredFile
    dataset : str
        Path within the file.
    source : ndarray of int64, (pieces,)
        First row of each piece in the data set.
    target : ndarray of int64, (pieces,)
        Its place in the result: first row.
    count : ndarray of int64, (pieces,)
        Number of its rows, which are consecutive in both.
    """

    file: StoredFile
    dataset: str
    source: NDArray[np.int64]
    target: NDArray[np.int64]
    count: NDArray[np.int64]


@dataclass(frozen=True)
class Segment:
    """Consecutive rows of one data set: `start` up to but not including `stop`."""

    file: StoredFile
    dataset: str
    start: int
    stop: int


def read_plans(
    plans: Sequence[Plan], out: NDArray[Any], roi: Roi, *, threads: int | None = None
) -> NDArray[Any]:
    """Fill `out` with rows of any number of data sets.

    Plain numbers, compressed or not, are read past HDF5 by several threads; what is unusual is
    left to HDF5. Many threads may call this at once, best with ``threads=1``.

    Parameters
    ----------
    plans : sequence of Plan
    out : ndarray, (rows, ...)
        Entries cut as `roi` says. Rows that no plan mentions are left as they are.
    roi : Roi
        Of the entries of all plans.
    threads : int, optional
        By default ``BEAMBOOK_THREADS``, or as many as there are cores, up to 8.

    Returns
    -------
    ndarray
        `out`

    Raises
    ------
    DamagedFile
        Rows cannot be read, or the file was replaced; nothing is left out in silence.
    IndexError
        A plan does not fit `out`.

    Examples
    --------
    ::

        rows = np.array([0]), np.array([0]), np.array([100])
        plan = Plan(part.file, signal.dataset, *rows)
        frames = read_plans([plan], np.empty((100, 512, 128), "f4"), Roi.of((), (512, 128)))
    """
    for _ in range(TRIES if any(plan.file.live for plan in plans) else 0):
        try:
            return _read_plans(plans, out, roi, threads)
        except DamagedFile:  # half rewritten just now
            time.sleep(PAUSE_S)
    return _read_plans(plans, out, roi, threads)


def _read_plans(
    plans: Sequence[Plan], out: NDArray[Any], roi: Roi, threads: int | None
) -> NDArray[Any]:
    output, number = Output(out, roi), thread_count(threads)
    turns = 8 * number if number > 1 else 1  # one thread has nobody to share with
    block = min(LARGEST_BLOCK, max(SMALLEST_BLOCK, out.nbytes // turns))
    jobs: list[Job] = []
    for plan in plans:
        if len(pieces := _pieces_of(plan, len(out))):
            jobs += plan_jobs(plan.file, plan.dataset, pieces, output, block=block)
    share(jobs, number)
    return out


def _pieces_of(plan: Plan, rows: int) -> Pieces:
    """Its pieces that are not empty; refused where they would be outside of the result."""
    taken = plan.count > 0
    pieces = Pieces(plan.source, plan.target, plan.count)
    pieces = pieces if taken.all() else pieces[taken]
    if len(pieces):
        lowest = min(int(pieces.source.min()), int(pieces.target.min()))
        if lowest < 0 or int((pieces.target + pieces.count).max()) > rows:
            raise IndexError(f"Rows of {plan.dataset} do not fit into an array of {rows}")
    return pieces


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
    plans: list[Plan] = []
    at = 0
    for (file, dataset), group in groupby(segments, lambda s: (s.file, s.dataset)):
        start, stop = np.array([(s.start, s.stop) for s in group], np.int64).T
        count = stop - start
        target = at + np.cumsum(count) - count
        plans.append(Plan(file, dataset, start, target, count))
        at += int(count.sum())
    return read_plans(plans, out, roi)


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
    length = dataset.get_create_plist().get_chunk()[0]
    starts, offsets = _places(file, dataset, length)
    if len(offsets) * length < dataset.shape[0]:  # pieces never written hold the fill value
        return None
    size = length * dataset.dtype.itemsize
    first = int(offsets.min())
    spread = int(offsets.max()) - first + size
    block = b""
    if spread <= MOST_AT_ONCE:
        block = os.pread(file.id.get_vfd_handle(), spread, first)
    if len(block) < spread:
        return None
    where = offsets[np.argsort(starts), None] - first + np.arange(size)
    pieces = np.frombuffer(block, np.uint8)[where].view(dataset.dtype)
    return np.asarray(pieces.ravel()[: dataset.shape[0]])


def _places(
    file: h5py.File, dataset: h5py.h5d.DatasetID, length: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """First entry and offset of each chunk; from the file's own list if that is understood."""
    fd, chunks = file.id.get_vfd_handle(), -(-dataset.shape[0] // length)
    tree = tree_of(fd, dataset, (length,), (chunks,))
    listed = tree and tree.entries(fd, 0, chunks)
    if listed and (listed[1]["size"] == length * dataset.dtype.itemsize).all():
        return listed[0] * length, np.minimum(listed[1]["child"], FARTHEST).astype(np.int64)
    found: list[tuple[int, int]] = []
    dataset.chunk_iter(lambda chunk: found.append((chunk.chunk_offset[0], chunk.byte_offset)))
    starts, offsets = np.array(found, np.int64).reshape(-1, 2).T
    return starts, offsets
