"""Cutting a detector in parts of whole trains."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from beambook.data._trains import split

if TYPE_CHECKING:
    from beambook.data._detector import Detector

__all__ = ["split_detector", "train_blocks"]


def split_detector(
    detector: Detector,
    parts: int | None,
    trains_per_part: int | None,
    frames_per_part: int | None,
) -> Iterator[Detector]:
    """See `Detector.split_trains`."""
    if frames_per_part is not None:
        counts = detector.stack.rows * detector.cells_per_row
        regular = len(counts) and (counts == counts[0]).all() and counts[0]
        if not regular:
            most = min(filter(None, (trains_per_part, _most(len(counts), parts))), default=None)
            for start, stop in train_blocks(counts, frames_per_part, most):
                yield detector.select_trains(slice(start, stop))
            return
        most = max(1, int(frames_per_part // counts[0]))
        trains_per_part = min(most, trains_per_part or most)
    for part in split(detector.train_ids, parts, trains_per_part):
        yield detector.select_trains(part)


def _most(trains: int, parts: int | None) -> int | None:
    return max(1, trains // parts) if parts else None


def train_blocks(
    sizes: NDArray[np.int64], most: float, most_trains: int | None = None
) -> Iterator[tuple[int, int]]:
    """Cut trains in blocks of at most so much, each of at least one train.

    Parameters
    ----------
    sizes : ndarray of int64, (trains,)
        Size of each, in bytes or frames.
    most : float
        Of a block, in the same.
    most_trains : int, optional
        In a block.

    Yields
    ------
    (int, int)
        First train of a block, and of the next one.
    """
    ends, start = np.cumsum(sizes), 0
    while start < len(sizes):
        before = ends[start - 1] if start else 0
        stop = max(start + 1, int(np.searchsorted(ends, before + most, side="right")))
        stop = min(stop, start + most_trains) if most_trains else stop
        yield start, stop
        start = stop
