"""Rows that are in the file as they are in memory."""

from __future__ import annotations

from functools import partial
from math import prod

import numpy as np
from numpy.typing import NDArray

from beambook.data._reading.engine import (
    Box,
    Int,
    Origin,
    Output,
    Pieces,
    ReadError,
    apart,
    borrowed,
    read_into,
    windows,
)
from beambook.data._reading.threads import Job

__all__ = ["merged", "plain_jobs"]

SMALL = 16 << 10  # bytes; copied faster than asked for one by one
GAP = 32 << 10  # bytes; read faster than left out
WINDOW = 2 << 20  # bytes; fits into the processor's cache


def plain_jobs(origin: Origin, pieces: Pieces, at: Int, output: Output, *, block: int) -> list[Job]:
    """Reads of pieces that are each in one stretch of the file.

    Parameters
    ----------
    origin : Origin
    pieces : Pieces
    at : ndarray of int64, (pieces,)
        Where in the file.
    output : Output
    block : int
        About so many bytes in a job.
    """
    layout, item = origin.layout, origin.layout.dtype.itemsize
    row = layout.chunk_bytes // layout.chunk[0]
    if prod(output.roi.shape) * item == row and output.takes(layout.dtype) and output.drops_only:
        stretches = merged(at, pieces.target * row, pieces.count * row)
        if _large(stretches):
            return _straight(origin, pieces, output, stretches, block)
    source, target = pieces.rows()
    at = np.repeat(at - pieces.source * row, pieces.count) + source * row
    if output.array.flags.c_contiguous and output.drops_only:
        begin, roi = apart(output.roi, item, gap=GAP)
        if len(begin) > 1:
            source, at = np.repeat(source, len(begin)), (at[:, None] + begin).reshape(-1)
            target = (target[:, None] * len(begin) + np.arange(len(begin))).reshape(-1)
            output = Output(output.array.reshape(-1, *roi.shape), roi)
    box = Box.of(output.roi, item)
    at += box.start
    if box.whole and output.takes(layout.dtype) and output.drops_only and box.size >= SMALL:
        stretches = at, target * box.size, np.full(len(at), box.size)
        return _straight(origin, pieces, output, stretches, block)
    return _through_buffers(origin, Pieces(source, target, at), box, output, block)


def _large(stretches: tuple[Int, Int, Int]) -> bool:
    size = stretches[2]
    return len(size) == 1 or int(size.sum()) >= SMALL * len(size)


def merged(at: Int, to: Int, size: Int, block: int | None = None) -> tuple[Int, Int, Int]:
    """Stretches that follow each other in the file and in the result are one.

    Unless they are in two blocks of so many bytes of the result.
    """
    follows = (at[1:] == at[:-1] + size[:-1]) & (to[1:] == to[:-1] + size[:-1])
    if block is not None:
        follows &= to[1:] // block == to[:-1] // block
    first = np.flatnonzero(np.append(True, ~follows))
    return at[first], to[first], np.add.reduceat(size, first)


def _straight(
    origin: Origin, pieces: Pieces, output: Output, stretches: tuple[Int, Int, Int], block: int
) -> list[Job]:
    """To where they belong."""
    at, to, size = _cut(*stretches, block)
    turn = np.cumsum(size) // block
    breaks = (np.flatnonzero(turn[1:] != turn[:-1]) + 1).tolist()
    memory = output.bytes().data
    jobs = []
    for part in map(slice, [0, *breaks], [*breaks, len(at)]):
        reads = at[part].tolist(), to[part].tolist(), size[part].tolist()
        jobs.append(Job(partial(_read_straight, origin, pieces, memory, reads), sum(reads[2])))
    return jobs


def _cut(at: Int, to: Int, size: Int, block: int) -> tuple[Int, Int, Int]:
    """None larger than a block."""
    parts = -(-size // block)
    if len(parts) == int(parts.sum()):
        return at, to, size
    of = np.repeat(np.arange(len(at)), parts)
    start = (np.arange(len(of)) - np.repeat(np.cumsum(parts) - parts, parts)) * block
    return at[of] + start, to[of] + start, np.minimum(block, size[of] - start)


def _read_straight(
    origin: Origin, pieces: Pieces, memory: memoryview, reads: tuple[list[int], ...]
) -> None:
    try:
        with origin.lend() as lent:
            for at, to, size in zip(*reads, strict=True):
                read_into(lent.fd, memory[to : to + size], at)
    except ReadError as error:
        raise origin.damaged(pieces, error) from error


def _through_buffers(
    origin: Origin, rows: Pieces, box: Box, output: Output, block: int
) -> list[Job]:
    """Through a buffer, where they are cut or put in order.

    `rows` are single ones; their `count` is where their box begins in the file.
    """
    if np.any(np.diff(rows.count) < 0):
        rows = rows[np.argsort(rows.count, kind="stable")]
    groups = windows(rows.count, box.size, gap=GAP, most=WINDOW)
    jobs: list[Job] = []
    size, begun = 0, 0
    for number, (first, stop) in enumerate(groups):
        size += int(rows.count[stop - 1] - rows.count[first]) + box.size
        if size >= block or number == len(groups) - 1:
            run = partial(_read_windows, origin, rows, box, output, groups[begun : number + 1])
            jobs.append(Job(run, size))
            size, begun = 0, number + 1
    return jobs


def _read_windows(
    origin: Origin, rows: Pieces, box: Box, output: Output, groups: list[tuple[int, int]]
) -> None:
    with origin.lend() as lent:
        for first, stop in groups:
            at = rows.count[first:stop]
            size = int(at[-1] - at[0]) + box.size
            try:
                if int(at[0]) + size > lent.stamp[1]:  # before there is memory for it
                    raise ReadError(f"the file ends at {lent.stamp[1]}")
                with borrowed(size) as buffer:
                    read_into(lent.fd, buffer.data, int(at[0]))
                    found = _picked(origin, buffer, at - at[0], box)
                    output.put(found, rows.target[first:stop])
            except ReadError as error:
                lost = rows[first:stop]
                one = Pieces(lost.source, lost.target, np.ones(len(lost), np.int64))
                raise origin.damaged(one, error) from error


def _picked(origin: Origin, buffer: NDArray[np.uint8], at: Int, box: Box) -> NDArray[np.generic]:
    """Boxes at these places of a buffer, as numbers."""
    dtype = origin.layout.dtype
    step = int(at[1]) if len(at) > 1 else box.size
    if np.all(at[1:] - at[:-1] == step):
        inner = np.empty((1, *box.shape), dtype).strides[1:]
        found = np.ndarray((len(at), *box.shape), dtype, buffer, 0, (step, *inner))
    else:
        shape = (len(buffer) - box.size + 1,)
        anywhere = np.ndarray(shape, np.dtype((np.void, box.size)), buffer, 0, (1,))
        found = anywhere[at].view(dtype).reshape(len(at), *box.shape)
    return found if box.whole else found[(slice(None), *box.within)]
