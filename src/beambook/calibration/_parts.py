"""A block in parts that do not depend on each other, done by a few threads."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from beambook.calibration._corrected import Frames
from beambook.data._reading.threads import Job, share, thread_count

__all__ = ["Part", "parts_of", "share_parts"]

Part = tuple[int, int, int, int]  # first and last cell, first and last pixel
Found = TypeVar("Found")
_BYTES = 13  # of input and output for each pixel of AGIPD


def parts_of(frames: Frames, pixels: int, *, row: int, strip: int) -> list[Part]:
    """Each row of cells in the block, in each strip of pixels."""
    cells = len(frames.starts) - 1
    rows = [(first, min(first + row, cells)) for first in range(0, cells, row)]
    there = [(a, b) for a, b in rows if frames.starts[b] > frames.starts[a]]
    strips = [(a, min(a + strip, pixels)) for a in range(0, pixels, strip)]
    return [(*cell, *pixel) for cell in there for pixel in strips]


def share_parts(
    work: Callable[[Part], Found], parts: Sequence[Part], frames: Frames, *, threads: int | None
) -> list[Found]:
    """Do all parts, in this thread and others; results in the order of the parts."""
    results: dict[int, Found] = {}

    def job(number: int, part: Part) -> Job:
        def run() -> None:
            results[number] = work(part)

        images = int(frames.starts[part[1]] - frames.starts[part[0]])
        return Job(run, _BYTES * images * (part[3] - part[2]))

    share([job(number, part) for number, part in enumerate(parts)], thread_count(threads))
    return [results[number] for number in range(len(parts))]
