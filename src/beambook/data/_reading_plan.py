"""What is read past HDF5, and how."""

from __future__ import annotations

from functools import partial

from beambook.data._chunks import layout_in
from beambook.data._descriptors import descriptors
from beambook.data._hdf5 import StoredFile
from beambook.data._reading import Origin, Output, Pieces
from beambook.data._reading_cells import cell_jobs
from beambook.data._reading_coded import coded_jobs
from beambook.data._reading_hdf5 import read_by_hdf5
from beambook.data._reading_plain import plain_jobs
from beambook.data._threads import Job

__all__ = ["plan_jobs"]


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
    with descriptors.lend(file) as lent:
        rows = int(pieces.source.min()), int((pieces.source + pieces.count).max())
        origin = Origin(file, dataset, layout_in(lent, file, dataset, rows), lent.stamp)
    layout = origin.layout
    if layout.reason:
        return [_by_hdf5(origin, pieces, output)]
    _refuse_unfit(origin, pieces, output)
    if not output.array.size:
        return []
    if layout.chunk[1:] != layout.shape[1:]:
        return cell_jobs(origin, pieces, output)
    pieces = pieces.split(layout.chunk[0])
    offset, size = layout.find(pieces.source // layout.chunk[0])
    jobs: list[Job] = []
    if (offset < 0).any():  # never written, or not as the others are
        there = offset >= 0
        jobs.append(_by_hdf5(origin, pieces[~there], output))
        pieces, offset, size = pieces[there], offset[there], size[there]
        if not len(pieces):
            return jobs
    if layout.filters:
        return jobs + coded_jobs(origin, pieces, offset, size, output, block=block)
    return jobs + plain_jobs(origin, pieces, offset, output, block=block)


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
