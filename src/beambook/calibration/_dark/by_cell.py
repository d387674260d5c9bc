"""Machines that eat frames, each of a memory cell."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from beambook.data._reading.threads import Job, share, thread_count
from beambook.errors import DataError

__all__ = ["ByCell", "Groups"]

AT_ONCE = 4096  # pixels of one piece of work

Groups = list[tuple[int, NDArray[np.int64]]]  # a place in the result, and rows that belong there


class ByCell(ABC):
    """What machines have in common that keep something for each pixel of each memory cell.

    Parameters
    ----------
    cells : int or sequence of int
        Numbers of the memory cells, ``range(cells)`` for a number.
    shape : (int, int)
        Pixels of a frame: slow scan, fast scan.
    threads : int, optional
        By default ``BEAMBOOK_THREADS``, or as many as there are cores, up to 8.
    """

    def __init__(
        self, cells: int | Sequence[int], shape: tuple[int, int], *, threads: int | None = None
    ) -> None:
        self.cells = np.arange(cells) if isinstance(cells, int) else np.array(cells, np.int64)
        self.shape = tuple(shape)
        self._threads = threads
        self._pixels = shape[0] * shape[1]
        self._pushed = np.zeros(len(self.cells), np.int64)
        self._allocate(len(self.cells), self._pixels)

    @abstractmethod
    def _allocate(self, cells: int, pixels: int) -> None: ...

    @abstractmethod
    def _push(self, rows: NDArray[np.uint16], groups: Groups) -> None: ...

    @abstractmethod
    def _merge(self, other: Any) -> None: ...

    @abstractmethod
    def _clear(self) -> None: ...

    def push(self, raw: NDArray[np.uint16], cells: ArrayLike | None = None) -> None:
        """Take frames in.

        Parameters
        ----------
        raw : ndarray of uint16, (frames, slow, fast)
            May be a view, as ``image[:, 0]``.
        cells : array-like of int, (frames,), optional
            Memory cell of each; may be left out if there is one.

        Raises
        ------
        DataError
            Another type or shape, or a memory cell that there is not.
        """
        if raw.dtype != np.uint16 or raw.shape[1:] != self.shape:
            raise DataError(
                f"{type(self).__name__} is of uint16{list(self.shape)} frames, "
                f"not {raw.dtype}{list(raw.shape[1:])}"
            )
        which = self._places(cells, len(raw))
        every = np.bincount(which, minlength=len(self.cells))
        order = np.argsort(which, kind="stable")
        starts = np.searchsorted(which[order], np.arange(len(self.cells) + 1))
        groups = [
            (int(cell), order[starts[cell] : starts[cell + 1]]) for cell in np.flatnonzero(every)
        ]
        self._push(raw.reshape(len(raw), self._pixels), groups)
        self._pushed += every

    def merge(self, other: Any) -> None:
        """Add what another has taken in, which stays as it is.

        Raises
        ------
        DataError
            It is for other cells, another shape, or other gain bits.
        """
        if self._like() != other._like():
            raise DataError(
                f"{type(self).__name__} of {other._like()} cannot be added to that of "
                f"{self._like()}"
            )
        self._merge(other)
        self._pushed += other._pushed

    def clear(self) -> None:
        """Forget everything; the memory is kept for what comes."""
        self._clear()
        self._pushed[:] = 0

    def _like(self) -> tuple[Any, ...]:
        return type(self).__name__, self.cells.tolist(), self.shape

    def _places(self, cells: ArrayLike | None, frames: int) -> NDArray[np.int64]:
        if cells is None:
            if len(self.cells) != 1:
                raise DataError(f"There are {len(self.cells)} memory cells: say which")
            return np.zeros(frames, np.int64)
        numbers = np.asarray(cells).astype(np.int64)
        if numbers.shape != (frames,):
            raise DataError(f"{frames} frames, but memory cells for {list(numbers.shape)}")
        order = np.argsort(self.cells)
        at = np.searchsorted(self.cells, numbers, sorter=order)
        places = order[np.minimum(at, len(order) - 1)]
        unknown = self.cells[places] != numbers
        if unknown.any():
            raise DataError(f"Memory cell {numbers[unknown][0]} is not among those asked for")
        return np.asarray(places, np.int64)

    def _pieces(self) -> Iterator[tuple[int, int]]:
        for start in range(0, self._pixels, AT_ONCE):
            yield start, min(start + AT_ONCE, self._pixels)

    def _share(self, work: Iterable[tuple[Callable[[], None], int]]) -> None:
        """Share work among threads; with each goes how many values a pixel has there."""
        jobs = [Job(run, 8 * values * AT_ONCE) for run, values in work]
        share(jobs, thread_count(self._threads))
