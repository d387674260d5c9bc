"""Rows in chunks that went through filters before they were stored."""

from __future__ import annotations

from functools import partial
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from beambook.data._reading.descriptors import Lent
from beambook.data._reading.engine import (
    Int,
    Origin,
    Output,
    Pieces,
    ReadError,
    borrowed,
    read_into,
    windows,
)
from beambook.data._reading.hdf5 import read_by_hdf5
from beambook.data._reading.inflate import BadChunk, ChecksumDiffers, decode, expect
from beambook.data._reading.threads import Job

__all__ = ["COST", "coded_jobs", "decoded"]

GAP = 32 << 10  # bytes
WINDOW = 1 << 20  # bytes
COST = 8  # times as long to undo filters as to read


def coded_jobs(
    origin: Origin, pieces: Pieces, offset: Int, size: Int, output: Output, *, block: int
) -> list[Job]:
    """Reads of chunks that each hold whole rows.

    Parameters
    ----------
    origin : Origin
    pieces : Pieces
        None in two chunks.
    offset, size : ndarray of int64, (pieces,)
        Where the chunk of each is.
    output : Output
    block : int
        About so many bytes, as they are in memory, in a job.
    """
    if not len(pieces):
        return []
    order = np.argsort(offset, kind="stable")
    pieces, offset, size = pieces[order], offset[order], size[order]
    first = np.flatnonzero(np.append(True, offset[1:] != offset[:-1]))
    stop = np.append(first[1:], len(offset))
    chunk = origin.layout.chunk_bytes
    each = max(1, block // COST // chunk)
    expect(origin.layout, chunk * len(first))
    return [
        Job(
            partial(_read_chunks, origin, pieces, offset, size, output, first[a:b], stop[a:b]),
            chunk * min(each, len(first) - a) * COST,
        )
        for a, b in ((a, a + each) for a in range(0, len(first), each))
    ]


def _read_chunks(
    origin: Origin, pieces: Pieces, offset: Int, size: Int, output: Output, first: Int, stop: Int
) -> None:
    at, length = offset[first], size[first]
    with origin.lend() as lent:
        for a, b in windows(at, length, gap=GAP, most=WINDOW):
            begin, end = int(at[a]), int((at[a:b] + length[a:b]).max())
            concerned = pieces[int(first[a]) : int(stop[b - 1])]
            try:
                _refuse_beyond(lent, end)
                with borrowed(end - begin) as buffer:
                    stored = buffer.data
                    read_into(lent.fd, stored, begin)
                    for i in range(a, b):
                        concerned = pieces[int(first[i]) : int(stop[i])]
                        start = int(at[i]) - begin
                        data = stored[start : start + int(length[i])]
                        _place(origin, data, concerned, output)
            except (ReadError, BadChunk) as error:
                raise origin.damaged(concerned, error) from error


def _refuse_beyond(lent: Lent, end: int) -> None:
    if end > lent.stamp[1]:  # before there is memory for it
        raise ReadError(f"the file ends at {lent.stamp[1]}, before byte {end}")


def _place(origin: Origin, data: memoryview, pieces: Pieces, output: Output) -> None:
    """Bring the pieces of a chunk to where they belong."""
    layout, rows = origin.layout, origin.layout.chunk[0]
    alone = len(pieces) == 1 and int(pieces.count[0]) == rows
    plain = output.drops_only and prod(output.roi.shape) == prod(layout.chunk[1:])
    try:
        if alone and plain and output.takes(layout.dtype):
            to = int(pieces.target[0]) * (layout.chunk_bytes // rows)
            decode(data, layout, output.bytes()[to : to + layout.chunk_bytes])
            return
        found = decoded(data, origin)
    except ChecksumDiffers:
        read_by_hdf5(origin.file, origin.dataset, pieces, output)  # which may know better
        return
    if len(pieces) == 1:
        start = int(pieces.source[0]) % rows
        stop, target = start + int(pieces.count[0]), int(pieces.target[0])
        found = found[(slice(start, stop), *output.roi.stored)]
        output.put(found, np.arange(target, target + stop - start))
    else:
        source, to_rows = pieces.rows()
        output.put(found[source % rows][(slice(None), *output.roi.stored)], to_rows)


def decoded(data: memoryview, origin: Origin) -> NDArray[Any]:
    """A chunk as it was before the filters, in its shape."""
    layout = origin.layout
    return np.asarray(decode(data, layout)).view(layout.dtype).reshape(layout.chunk)
