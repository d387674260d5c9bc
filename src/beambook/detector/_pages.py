"""Room for large pictures, used again once nobody looks at the one that was there.

Fresh memory is handed out by the kernel page by page, each filled with zeros first; for a stack of
pictures that takes as long as filling them. Who goes through a run makes one stack after another,
so that the room of the last but one is kept for the next.
"""

from __future__ import annotations

import mmap
from collections import deque
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["empty"]

WORTH_KEEPING = 16 << 20  # bytes
LARGEST_KEPT = 2 << 30  # bytes

_left: deque[mmap.mmap] = deque(maxlen=1)


class _Room:
    """Pages behind an array; they are left to the next one when the last view of it is gone."""

    def __init__(self, pages: mmap.mmap, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
        self.pages = pages
        self.view = np.ndarray(shape, dtype, pages)
        self.__array_interface__ = self.view.__array_interface__

    def __del__(self) -> None:
        del self.view
        if len(self.pages) <= LARGEST_KEPT:
            if hasattr(mmap, "MADV_FREE"):
                self.pages.madvise(mmap.MADV_FREE)  # the kernel may have them if it needs any
            _left.append(self.pages)


def empty(shape: tuple[int, ...], dtype: np.dtype[Any]) -> NDArray[Any]:
    """As `numpy.empty`: whatever was there before is still there."""
    size = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
    if size < WORTH_KEEPING:
        return np.empty(shape, dtype)
    return np.asarray(_Room(_pages(size), shape, dtype))


def _pages(size: int) -> mmap.mmap:
    try:
        pages = _left.pop()
    except IndexError:
        pages = None
    if pages is not None and size <= len(pages) <= 2 * size:
        return pages
    pages = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    if hasattr(mmap, "MADV_HUGEPAGE"):
        pages.madvise(mmap.MADV_HUGEPAGE)
    return pages
