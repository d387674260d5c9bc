"""What is read past HDF5 and what by it."""

from __future__ import annotations

from functools import partial

from beambook.data._hdf5 import StoredFile
from beambook.data._reading import Output, Pieces
from beambook.data._reading_hdf5 import read_by_hdf5
from beambook.data._threads import Job

__all__ = ["plan_jobs"]


def plan_jobs(file: StoredFile, dataset: str, pieces: Pieces, output: Output) -> list[Job]:
    """Reads that bring all pieces, in any order and by any thread."""
    return [partial(read_by_hdf5, file, dataset, pieces, output)]
