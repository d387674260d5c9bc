"""What is read past HDF5, and how."""

from __future__ import annotations

from functools import partial

import numpy as np

from beambook.data._hdf5 import StoredFile
from beambook.data._reading.cells import cell_jobs
from beambook.data._reading.chunk_table import Layout
from beambook.data._reading.chunks import layout_in
from beambook.data._reading.coded import coded_jobs
from beambook.data._reading.descriptors import descriptors
from beambook.data._reading.engine import Int, Origin, Output, Pieces
from beambook.data._reading.hdf5 import read_by_hdf5
from beambook.data._reading.plain import plain_jobs
from beambook.data._reading.threads import Job

__all__ = ["origin_of", "placed", "plan_jobs"]


def plan_jobs(
    file: StoredFile, dataset: str, pieces: Pieces, output: Output, *, block: int
) -> list[Job]:
    """Reads that bring all pieces, in any order and by any thread.

    Parameters
    ----------
    file : StoredFile
    dataset : str
    pieces : Pieces
        At least one, none empty.
    output : Output
    block : int
        About so many bytes in a job.
    """
    origin = origin_of(file, dataset, pieces)
    layout = origin.layout
    if layout.reason:
        return [_by_hdf5(origin, pieces, output)]
    _refuse_unfit(origin, pieces, output)
    if not output.array.size:
        return []
    if layout.chunk[1:] != layout.shape[1:]:
        return cell_jobs(origin, pieces, output)
    pieces, at, size = placed(layout, pieces)
    jobs: list[Job] = []
    if (at < 0).any():  # never written, or not as the others are
        there = at >= 0
        jobs.append(_by_hdf5(origin, pieces[~there], output))
        pieces, at, size = pieces[there], at[there], size[there]
        if not len(pieces):
            return jobs
    if layout.filters:
        return jobs + coded_jobs(origin, pieces, at, size, output, block=block)
    return jobs + plain_jobs(origin, pieces, at, output, block=block)


def origin_of(file: StoredFile, dataset: str, pieces: Pieces) -> Origin:
    """The data set, and where these rows of it are; at least one piece."""
    with descriptors.lend(file) as lent:
        rows = int(pieces.source.min()), int((pieces.source + pieces.count).max())
        return Origin(file, dataset, layout_in(lent, file, dataset, rows), lent.stamp)


def placed(layout: Layout, pieces: Pieces) -> tuple[Pieces, Int, Int]:
    """Pieces cut so that each is in one place of the file.

    Returns
    -------
    pieces : Pieces
    at : ndarray of int64, (pieces,)
        Where it begins, or where its chunk begins that went through filters; -1 where HDF5
        must look.
    size : ndarray of int64, (pieces,)
        Bytes of that chunk.
    """
    if layout.filters:
        pieces = pieces.split(layout.chunk[0])
        return (pieces, *layout.find(pieces.source // layout.chunk[0]))
    first, offset = layout.stretches
    pieces, which = pieces.split_at(first)
    row = layout.chunk_bytes // layout.chunk[0]
    at = offset[which]
    return pieces, np.where(at < 0, -1, at + (pieces.source - first[which]) * row), at


def _by_hdf5(origin: Origin, pieces: Pieces, output: Output) -> Job:
    run = partial(read_by_hdf5, origin.file, origin.dataset, pieces, output)
    return Job(run, 0)  # under the lock of HDF5 no other thread is of use


def _refuse_unfit(origin: Origin, pieces: Pieces, output: Output) -> None:
    shape = origin.layout.shape
    if shape[1:] != output.roi.entry:
        reason = f"its entries have shape {shape[1:]}, not {output.roi.entry}"
        raise origin.damaged(pieces, reason)
    if int((pieces.source + pieces.count).max()) > shape[0]:
        raise origin.damaged(pieces, f"there are only {shape[0]} rows")
