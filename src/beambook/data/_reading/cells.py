"""Rows that are cut into several chunks each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from itertools import product
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from beambook.data._reading.coded import COST, decoded
from beambook.data._reading.descriptors import Lent
from beambook.data._reading.engine import Int, Origin, Output, Pieces, ReadError, read_into
from beambook.data._reading.hdf5 import read_by_hdf5
from beambook.data._reading.inflate import BadChunk, ChecksumDiffers
from beambook.data._reading.threads import Job

__all__ = ["cell_jobs"]

FEWEST_BYTES = 2 << 10  # smaller chunks are read as well by HDF5
MOST_CELLS = 1 << 16  # in a row


@dataclass(frozen=True)
class Cell:
    """A chunk among those across a row.

    Attributes
    ----------
    number : int
        In the part of the grid that is across rows.
    source : tuple of slice
        What of the chunk is in the region of interest.
    target : tuple of slice
        Where in the region of interest that is.
    """

    number: int
    source: tuple[slice, ...]
    target: tuple[slice, ...]


def cell_jobs(origin: Origin, pieces: Pieces, output: Output) -> list[Job]:
    """Reads of pieces of a data set whose chunks do not hold whole rows."""
    layout, whole = origin.layout, partial(read_by_hdf5, origin.file, origin.dataset)
    axes = [
        list(_along(part, chunk))
        for part, chunk in zip(output.roi.stored, layout.chunk[1:], strict=True)
    ]
    if layout.chunk_bytes < FEWEST_BYTES or prod(map(len, axes)) > MOST_CELLS:
        return [Job(partial(whole, pieces, output), 0)]
    cells = _cells(axes, layout.grid[1:])
    pieces = pieces.split(layout.chunk[0])
    pieces = pieces[np.argsort(pieces.source // layout.chunk[0], kind="stable")]
    row = pieces.source // layout.chunk[0]
    breaks = (np.flatnonzero(row[1:] != row[:-1]) + 1).tolist()
    across = np.array([cell.number for cell in cells], np.int64)
    jobs = []
    for a, b in zip([0, *breaks], [*breaks, len(row)], strict=True):
        offset, size = layout.find(int(row[a]) * prod(layout.grid[1:]) + across)
        if (offset < 0).any():
            jobs.append(Job(partial(whole, pieces[a:b], output), 0))
        else:
            run = partial(_read_row, origin, pieces[a:b], output, cells, offset, size)
            cost = COST if layout.filters else 1
            jobs.append(Job(run, len(cells) * layout.chunk_bytes * cost))
    return jobs


def _along(part: slice, chunk: int) -> Iterator[tuple[int, slice, slice]]:
    """Chunks along an axis: which, what of it, and where that is in the region of interest."""
    start, stop, step = part.start, part.stop, part.step
    for number in range(start // chunk, -(-stop // chunk) if stop > start else 0):
        low, high = max(start, number * chunk), min(stop, (number + 1) * chunk)
        first, last = -(-(low - start) // step), -(-(high - start) // step)
        if last > first:
            at = start + first * step - number * chunk
            yield number, slice(at, at + (last - first - 1) * step + 1, step), slice(first, last)


def _cells(axes: list[list[tuple[int, slice, slice]]], grid: tuple[int, ...]) -> list[Cell]:
    strides = [prod(grid[i + 1 :]) for i in range(len(grid))]
    return [
        Cell(
            sum(n * stride for (n, _, _), stride in zip(one, strides, strict=True)),
            tuple(source for _, source, _ in one),
            tuple(target for _, _, target in one),
        )
        for one in product(*axes)
    ]


def _read_row(
    origin: Origin, pieces: Pieces, output: Output, cells: list[Cell], offset: Int, size: Int
) -> None:
    """Pieces of one row of chunks."""
    first = pieces.source % origin.layout.chunk[0]
    rooms = [_room(origin, output, int(t), int(n)) for t, n in zip(*_to(pieces), strict=True)]
    try:
        with origin.lend() as lent:
            for cell, at, length in zip(cells, offset.tolist(), size.tolist(), strict=True):
                found = _chunk(origin, lent, at, length)
                for start, room in zip(first.tolist(), rooms, strict=True):
                    rows = slice(start, start + len(room))
                    room[(slice(None), *cell.target)] = found[(rows, *cell.source)]
    except ChecksumDiffers:
        read_by_hdf5(origin.file, origin.dataset, pieces, output)  # which may know better
        return
    except (ReadError, BadChunk) as error:
        raise origin.damaged(pieces, error) from error
    if output.roi.rest:
        for room, target in zip(rooms, pieces.target.tolist(), strict=True):
            output.put(room, np.arange(target, target + len(room)))


def _to(pieces: Pieces) -> tuple[Int, Int]:
    return pieces.target, pieces.count


def _room(origin: Origin, output: Output, target: int, count: int) -> NDArray[Any]:
    """Where a piece goes: into the result, or to where the rest of the cutting is done."""
    if not output.roi.rest:
        return output.array[target : target + count]
    shape = [
        len(range(*s.indices(n))) for s, n in zip(output.roi.stored, output.roi.entry, strict=True)
    ]
    return np.empty((count, *shape), origin.layout.dtype)


def _chunk(origin: Origin, lent: Lent, at: int, size: int) -> NDArray[Any]:
    if at + size > lent.stamp[1]:  # before there is memory for it
        raise ReadError(f"the file ends at {lent.stamp[1]}, before byte {at + size}")
    stored = np.empty(size, np.uint8)
    read_into(lent.fd, stored.data, at)
    if origin.layout.filters:
        return decoded(stored.data, origin)
    return stored.view(origin.layout.dtype).reshape(origin.layout.chunk)
