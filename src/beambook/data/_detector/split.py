"""Cutting a detector in parts of whole trains."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from beambook.data._trains import split, train_blocks

if TYPE_CHECKING:
    from beambook.data._detector.detector import Detector

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
