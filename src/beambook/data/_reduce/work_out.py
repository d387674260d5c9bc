"""Rows pushed through machines in bounded memory: here with threads, or on a Dask cluster."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any

import numpy as np

from beambook.data._reading.threads import thread_count
from beambook.data._reduce.machine import Elements, Machine
from beambook.data._reduce.work import Work

__all__ = ["BLOCK", "reduce_cluster", "reduce_here"]

BLOCK = 4 << 20  # bytes that a thread reads at once: small enough to be summed in the cache
MOST_ROWS = 1 << 16  # in a block
TILE = 1024  # elements that threads do not share
PART = 64 << 20  # bytes that are worth a task of their own

Machines = tuple[Machine, ...]
Make = Callable[[], Machines]


def reduce_here(work: Work, machines: Machines, *, threads: int | None = None) -> Machines:
    """Push all rows through the machines.

    Threads take turns in reading a block each and in eating all these blocks, each thread its own
    range of the elements. So each element is added up in the order of the rows, whatever the
    number of threads; there is one result, and memory for it and a block of 4 MiB (or one row, if
    that is more) per thread.

    Parameters
    ----------
    work : Work
    machines : tuple of Machine
        Made for `work`.
    threads : int, optional
        By default ``BEAMBOOK_THREADS``, or as many as there are cores, up to 8.

    Raises
    ------
    DamagedFile
        Rows cannot be read.
    """
    most = min(max(1, BLOCK // work.row_bytes), MOST_ROWS)
    number = min(thread_count(threads), -(-work.rows // most) or 1)
    rows = min(most, work.rows)
    buffers = [np.empty((rows, work.elements), work.dtype) for _ in range(number)]
    shares = _shares(work.elements, number)
    nowhere = np.zeros(rows, np.int32)
    for machine in machines:
        machine.prepare(len(shares))
    with ThreadPoolExecutor(number) as pool:
        for blocks in _batches([*work.blocks(most)], number):
            read = [buffer[: block.rows] for buffer, block in zip(buffers, blocks, strict=False)]
            _all(pool, Work.read, blocks, read)
            pairs = [
                (values, nowhere[: len(values)] if block.group is None else block.group)
                for values, block in zip(read, blocks, strict=True)
            ]
            _eat(pool, machines, pairs, shares)
    return machines


def _shares(elements: int, workers: int) -> list[Elements]:
    """Ranges of elements, of whole tiles."""
    tiles = -(-elements // TILE)
    ends = [min(elements, TILE * (tiles * n // workers)) for n in range(workers + 1)]
    return [(a, b) for a, b in pairwise(ends) if b > a]


def _eat(
    pool: ThreadPoolExecutor, machines: Machines, pairs: list[Any], shares: list[Elements]
) -> None:
    for machine in machines:
        for values, group in pairs:
            machine.note(values, group)

    def eat(worker: int) -> None:
        for values, group in pairs:
            for machine in machines:
                machine.eat(values, group, shares[worker], worker)

    _all(pool, eat, range(len(shares)))


def _all(pool: ThreadPoolExecutor, job: Callable[..., None], *arguments: Sequence[Any]) -> None:
    """Do all, and raise the first error."""
    if len(arguments[0]) == 1:
        job(*(argument[0] for argument in arguments))
    else:
        list(pool.map(job, *arguments))


def reduce_cluster(work: Work, make: Make, client: Any) -> Machines:
    """Push all rows through machines on a cluster.

    The rows are cut in parts, a few for each core; a task reads its part in bounded memory, as
    `reduce_here` does in one thread, and its machines are merged two by two. What travels is
    numbers of rows, and results.

    Parameters
    ----------
    work : Work
    make : callable
        Makes new machines; is sent to the workers.
    client : distributed.Client

    Raises
    ------
    DamagedFile
        Rows cannot be read there.
    """
    size = max(1, work.rows * work.row_bytes // PART)
    parts = int(min(size, 4 * max(1, sum(client.ncores().values()))))
    ends = [n * work.rows // parts for n in range(parts + 1)]
    level = [client.submit(_part, work.part(a, b), make, pure=False) for a, b in pairwise(ends)]
    while len(level) > 1:
        level = [
            client.submit(_merged, *pair, pure=False) if len(pair) > 1 else pair[0]
            for pair in _batches(level, 2)
        ]
    machines: Machines = level[0].result()
    return machines


def _batches(items: Sequence[Any], size: int) -> list[Sequence[Any]]:
    return [items[n : n + size] for n in range(0, len(items), size)]


def _part(work: Work, make: Make) -> Machines:
    return reduce_here(work, make(), threads=1)


def _merged(ours: Machines, theirs: Machines) -> Machines:
    """A task must not change what it is given: dask may need it again."""
    from copy import deepcopy

    merged = deepcopy(ours)
    for mine, other in zip(merged, theirs, strict=True):
        mine.merge(other)
    return merged
