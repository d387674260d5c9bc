"""Rows read block by block: where they all are is found once, not for each block."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from beambook.data._reading.engine import Int, Origin, Pieces, ReadError, read_into
from beambook.data._reading.plain import merged
from beambook.data._reading.plan import origin_of, placed
from beambook.data._reading.read import Plan
from beambook.data._reading.roi import Roi

__all__ = ["Stream"]


@dataclass(frozen=True)
class _Reads:
    """Stretches of a file, in the order of the blocks that they belong to."""

    origin: Origin
    pieces: Pieces
    at: Int  # in the file
    to: Int  # in the rows, as bytes
    size: Int
    first: Int  # of each block; one more than there are blocks


@dataclass(frozen=True)
class Stream:
    """Whole rows in blocks of one size, each read straight into memory by whoever asks.

    Attributes
    ----------
    block : int
        Bytes of a block.
    """

    block: int
    _reads: tuple[_Reads, ...]

    @classmethod
    def of(
        cls, plans: Sequence[Plan], roi: Roi, dtype: np.dtype[Any], *, rows: int, total: int
    ) -> Stream | None:
        """None where rows are not in the file as they are in memory.

        Parameters
        ----------
        plans : sequence of Plan
            Together they bring all rows.
        roi : Roi
        dtype : numpy.dtype
            Of the rows in memory.
        rows : int
            In a block.
        total : int
            Rows of all plans.
        """
        whole = not roi.rest and roi.shape == roi.entry
        row = prod(roi.shape) * dtype.itemsize
        if not whole or not row or any(plan.file.live for plan in plans):
            return None
        found = []
        for plan in plans:
            reads = _straight(plan, roi, dtype, row, rows, -(-total // rows))
            if reads is None:
                return None
            found.append(reads)
        return cls(rows * row, tuple(found))

    def read(self, number: int, out: NDArray[Any]) -> None:
        """Read a block.

        Parameters
        ----------
        number : int
        out : ndarray
            C-contiguous, of as many bytes as the block has.

        Raises
        ------
        DamagedFile
            Rows cannot be read, or the file has changed.
        """
        memory = out.reshape(-1).view(np.uint8).data
        begin = number * self.block
        for reads in self._reads:
            mine = slice(int(reads.first[number]), int(reads.first[number + 1]))
            if mine.start == mine.stop:
                continue
            stretches = (reads.at[mine], reads.to[mine] - begin, reads.size[mine])
            try:
                with reads.origin.lend() as lent:
                    for at, to, size in zip(*(s.tolist() for s in stretches), strict=True):
                        read_into(lent.fd, memory[to : to + size], at)
            except ReadError as error:
                raise reads.origin.damaged(reads.pieces, error) from error


def _straight(
    plan: Plan, roi: Roi, dtype: np.dtype[Any], row: int, rows: int, blocks: int
) -> _Reads | None:
    taken = plan.count > 0
    pieces = Pieces(plan.source[taken], plan.target[taken], plan.count[taken])
    if not len(pieces):
        return None
    origin = origin_of(plan.file, plan.dataset, pieces)
    layout = origin.layout
    if layout.reason or layout.filters or layout.dtype != dtype:
        return None
    if layout.chunk[1:] != layout.shape[1:] or layout.shape[1:] != roi.entry:
        return None
    if int((pieces.source + pieces.count).max()) > layout.shape[0]:
        return None
    pieces, at, _ = placed(layout, pieces)
    if (at < 0).any():
        return None
    cut = Pieces(pieces.target * row, at, pieces.count * row).split(rows * row)
    order = np.argsort(cut.source, kind="stable")
    cut = cut[order]
    at, to, size = merged(cut.target, cut.source, cut.count, rows * row)
    first = np.searchsorted(to, np.arange(blocks + 1) * (rows * row))
    return _Reads(origin, pieces, at, to, size, first)
