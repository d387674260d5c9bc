"""Rows pushed through machines in bounded memory: here with threads, or on a Dask cluster."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from itertools import chain, pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from beambook.data._reading.threads import thread_count
from beambook.data._reduce.machine import Elements, Machine
from beambook.data._reduce.work import Work

__all__ = ["BLOCK", "reduce_cluster", "reduce_here"]

BLOCK = 4 << 20  # bytes that a thread reads at once: small enough to be summed in the cache
MOST_ROWS = 1 << 16  # in a block
TILE = 1024  # elements that threads do not share
STATE, MOST_STATE = 32, 64 << 20  # bytes of an element of a result, at most; of other results
PART = 64 << 20  # bytes that are worth a task of their own

Machines = tuple[Machine, ...]
Make = Callable[[], Machines]


def reduce_here(work: Work, machines: Machines, *, threads: int | None = None) -> Machines:
    """Push all rows through the machines.

    Where the order of rows does not matter and results are small, each thread reads and eats
    blocks on its own, and what they have is merged. Else threads take turns in reading a block
    each and in eating all these blocks, each thread its own range of the elements. Either way
    the result does not depend on the number of threads, and memory is a block of 4 MiB (or one
    row, if that is more) per thread, one result, and at most 64 MiB of others.

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
    blocks = _Blocks(work, min(most, work.rows))
    state = sum(machine.form.groups * machine.form.elements for machine in machines) * STATE
    alone = state * (number - 1) <= MOST_STATE and not any(m.ordered for m in machines)
    with ThreadPoolExecutor(number) as pool:
        (_each_alone if alone else _all_together)(pool, blocks, machines, number)
    return machines


class _Blocks:
    """Rows of a work in blocks, with the groups of each."""

    def __init__(self, work: Work, rows: int) -> None:
        self.work = work
        self.rows = rows
        self._stream = work.stream(rows) if work.rows else None
        self._nowhere = np.zeros(rows, np.int32)

    def __len__(self) -> int:
        return -(-self.work.rows // self.rows) if self.rows else 0

    def buffer(self) -> NDArray[Any]:
        """Memory for a block."""
        return np.empty((self.rows, self.work.elements), self.work.dtype)

    def read(self, number: int, buffer: NDArray[Any]) -> tuple[NDArray[Any], NDArray[np.int32]]:
        """Values and groups of a block; the values are in the buffer."""
        start = number * self.rows
        stop = min(start + self.rows, self.work.rows)
        values = buffer[: stop - start]
        if self._stream is not None:
            self._stream.read(number, values)
        else:
            self.work.part(start, stop).read(values)
        group = self.work.group
        return values, self._nowhere[: len(values)] if group is None else group[start:stop]


def _each_alone(pool: ThreadPoolExecutor, blocks: _Blocks, machines: Machines, number: int) -> None:
    left = deque(range(len(blocks)))

    def work(mine: Machines) -> None:
        buffer = blocks.buffer()
        for machine in mine:
            machine.prepare(1)
        while (block := _next(left)) is not None:
            values, group = blocks.read(block, buffer)
            for machine in mine:
                machine.note(values, group)
                machine.eat(values, group, (0, blocks.work.elements), 0)

    others = [deepcopy(machines) for _ in range(number - 1)]
    for machine in chain(*others):
        machine.clear()
    _all(pool, work, [machines, *others])
    for other in others:
        for machine, more in zip(machines, other, strict=True):
            machine.merge(more)


def _next(left: deque[int]) -> int | None:
    try:
        return left.popleft()
    except IndexError:  # another thread took the last one
        return None


def _all_together(
    pool: ThreadPoolExecutor, blocks: _Blocks, machines: Machines, number: int
) -> None:
    buffers = [blocks.buffer() for _ in range(number)]
    shares = _shares(blocks.work.elements, number)
    for machine in machines:
        machine.prepare(len(shares))
    for numbers in _batches(range(len(blocks)), number):
        pairs = _all(pool, blocks.read, numbers, buffers[: len(numbers)])
        _eat(pool, machines, pairs, shares)


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


def _all(pool: ThreadPoolExecutor, job: Callable[..., Any], *arguments: Sequence[Any]) -> list[Any]:
    """Do all, and raise the first error."""
    if len(arguments[0]) == 1:
        return [job(*(argument[0] for argument in arguments))]
    return list(pool.map(job, *arguments))


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
    merged = deepcopy(ours)
    for mine, other in zip(merged, theirs, strict=True):
        mine.merge(other)
    return merged
