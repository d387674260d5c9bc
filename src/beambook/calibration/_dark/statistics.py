"""Median and standard deviation of each pixel and memory cell, exact and in bounded memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from beambook.calibration._dark import count_kernel as kernel
from beambook.calibration._dark.by_cell import ByCell, Groups
from beambook.calibration._dark.spill import Spill
from beambook.errors import DataError, ParameterError

__all__ = ["DarkStatistics", "DarkValue"]

COUNTERS = (np.uint8, np.uint16, np.uint32)

Outside = list[tuple[int, NDArray[np.uint64], NDArray[np.int64]]]  # cell, keys, numbers


@dataclass(frozen=True, eq=False)
class DarkValue:
    """What `DarkStatistics` found.

    Attributes
    ----------
    offset : ndarray of float64, (cells, slow, fast)
        Median; NaN where there are no values.
    noise : ndarray of float64, (cells, slow, fast)
        Standard deviation, divided by the number of values as `numpy.std` does.
    count : ndarray of int64, (cells, slow, fast)
        How many values there were.
    pushed : ndarray of int64, (cells,)
        How many frames there were; `count` is smaller where gain bits were not as expected.
    """

    offset: NDArray[np.float64]
    noise: NDArray[np.float64]
    count: NDArray[np.int64]
    pushed: NDArray[np.int64]


class DarkStatistics(ByCell):
    """Counts how often each pixel of each memory cell had each value.

    The median of n values is the mean of the ones at ranks ⌊(n−1)/2⌋ and ⌊n/2⌋, the variance
    Σ(v−v̄)²/n; both follow from the counts without rounding of sums, and are those of
    `numpy.median` and `numpy.std`. Each pixel counts in a window of values around the median of
    the first frames; what is outside of it is kept in a list, so that any value is allowed.

    Memory: for each pixel and cell `window` + 1 bytes (twice as many from 256 frames on, four
    times from 65 536), and 2; 16 bytes for each value outside the windows. A cell of an AGIPD
    module (65 536 pixels) takes 13 or 25 MB.

    Parameters
    ----------
    cells : int or sequence of int
        Numbers of the memory cells, ``range(cells)`` for a number.
    shape : (int, int)
        Pixels of a frame: slow scan, fast scan.
    bits : int
        How many low bits of a word are the value, 16 or less.
    stage : int
        What the higher bits must be; other values are left out. Their number is ``pushed``
        less ``count``.
    window : int
        Values that a pixel counts: a multiple of 8, less 1.
    frames : int
        How many frames of each cell are expected; more are allowed.
    threads : int, optional
        By default ``BEAMBOOK_THREADS``, or as many as there are cores, up to 8.

    Examples
    --------
    >>> import numpy as np
    >>> dark = DarkStatistics(1, (2, 2))
    >>> frames = np.array([[[10, 20], [30, 7]], [[14, 20], [31, 9]]], np.uint16)
    >>> dark.push(frames)
    >>> dark.value.offset[0]
    array([[12. , 20. ],
           [30.5,  8. ]])
    """

    def __init__(
        self,
        cells: int | Sequence[int],
        shape: tuple[int, int],
        *,
        bits: int = 16,
        stage: int = 0,
        window: int = 191,
        frames: int = 0,
        threads: int | None = None,
    ) -> None:
        if not 1 <= bits <= 16 or not 0 <= stage < 1 << (16 - bits):
            raise ParameterError(f"{bits} bits of value and gain stage {stage} are not in 16 bits")
        if not 7 <= window <= 65535 or (window + 1) % 8:
            raise ParameterError(f"A window has 7, 15, 23 … 65535 values, not {window}")
        self._code = (bits, stage)
        self._window = window
        self._counter = _counter(frames, np.uint8)
        super().__init__(cells, shape, threads=threads)

    def _allocate(self, cells: int, pixels: int) -> None:
        self._base = np.zeros((cells, pixels), np.uint16)
        self._counts: NDArray[Any] = np.zeros((cells, pixels, self._window + 1), self._counter)
        self._spills = [Spill() for _ in range(cells)]

    def _like(self) -> tuple[Any, ...]:
        return (*super()._like(), self._code)

    def _push(self, rows: NDArray[np.uint16], groups: Groups) -> None:
        most = max((self._pushed[cell] + len(frames) for cell, frames in groups), default=0)
        self._widen(int(most))
        outside: Outside = []
        self._share(
            (partial(self._count, rows, frames, cell, pixels, outside), len(frames))
            for cell, frames in groups
            for pixels in self._pieces()
        )
        for cell, keys, numbers in outside:
            self._spills[cell].add(keys, numbers)

    def _merge(self, other: DarkStatistics) -> None:
        self._widen(int((self._pushed + other._pushed).max(initial=0)))
        for cell in np.flatnonzero(other._pushed):
            if not self._pushed[cell]:
                self._base[cell] = other._base[cell]
        outside: Outside = []
        self._share(
            (partial(self._absorb, other, int(cell), pixels, outside), self._window)
            for cell in np.flatnonzero(other._pushed)
            for pixels in self._pieces()
        )
        for place, spill in enumerate(other._spills):
            outside.extend((place, *entries) for entries in spill.entries())
        for place, keys, numbers in outside:
            self._add_entries(place, keys, numbers)

    def _clear(self) -> None:
        self._counts[self._pushed > 0] = 0
        self._spills = [Spill() for _ in self.cells]

    @property
    def value(self) -> DarkValue:
        """Median, standard deviation and number of values as of now."""
        shape = (len(self.cells), self._pixels)
        median, deviation = np.full(shape, np.nan), np.full(shape, np.nan)
        number = np.zeros(shape, np.int64)
        self._share(
            (
                partial(
                    kernel.summarise, self._base[cell], self._counts[cell],
                    self._counts[cell].view(np.uint64), table, pixels,
                    int(self._pushed[cell]) if self._code[0] == 16 else -1,
                    (median[cell], deviation[cell], number[cell]),
                ),
                self._window,
            )
            for cell in np.flatnonzero(self._pushed)
            for table in [self._spills[cell].table(shape[1])]
            for pixels in self._pieces()
        )  # fmt: skip
        full = (len(self.cells), *self.shape)
        return DarkValue(
            median.reshape(full), deviation.reshape(full), number.reshape(full),
            self._pushed.copy(),
        )  # fmt: skip

    @property
    def outside(self) -> int:
        """How many entries are kept because they were in no window."""
        return sum(map(len, self._spills))

    @property
    def nbytes(self) -> int:
        """Memory held, in bytes."""
        return self._base.nbytes + self._counts.nbytes + 16 * self.outside

    # --- pieces of work ---------------------------------------------------

    def _widen(self, most: int) -> None:
        """Make the counters large enough for as many frames."""
        wanted = _counter(most, self._counts.dtype.type)
        if wanted != self._counts.dtype:
            self._counts = self._counts.astype(wanted)

    def _count(
        self,
        rows: NDArray[np.uint16],
        frames: NDArray[np.int64],
        cell: int,
        pixels: tuple[int, int],
        outside: Outside,
    ) -> None:
        base, counts = self._base[cell], self._counts[cell]
        if not self._pushed[cell]:
            kernel.place_windows(rows, frames, pixels, self._code[0], self._window, base)
        spill = np.empty(len(frames) * (pixels[1] - pixels[0]), np.uint64)
        number = kernel.count_values(rows, frames, pixels, self._code, base, counts, spill)
        if number:
            outside.append((cell, spill[:number].copy(), np.ones(number, np.int64)))

    def _absorb(
        self, other: DarkStatistics, cell: int, pixels: tuple[int, int], outside: Outside
    ) -> None:
        most = (pixels[1] - pixels[0]) * other._window
        keys, numbers = np.empty(most, np.uint64), np.empty(most, np.int64)
        found = kernel.absorb(
            self._base[cell], self._counts[cell], other._base[cell], other._counts[cell],
            pixels, (keys, numbers),
        )  # fmt: skip
        if found:
            outside.append((cell, keys[:found].copy(), numbers[:found].copy()))

    def _add_entries(self, cell: int, keys: NDArray[np.uint64], numbers: NDArray[np.int64]) -> None:
        """Entries of another: outside of its windows, but perhaps within ours."""
        pixel = (keys >> np.uint64(16)).astype(np.int64)
        at = (keys & np.uint64(0xFFFF)).astype(np.int64) - self._base[cell][pixel]
        here = (at >= 0) & (at < self._window)
        counts = self._counts[cell]
        np.add.at(counts, (pixel[here], at[here]), numbers[here].astype(counts.dtype))
        self._spills[cell].add(keys[~here], numbers[~here])


def _counter(frames: int, least: type[np.unsignedinteger[Any]]) -> type[np.unsignedinteger[Any]]:
    """The smallest counter that holds so many, and is not smaller than it was."""
    for kind in COUNTERS:
        if np.dtype(kind).itemsize >= np.dtype(least).itemsize and frames <= np.iinfo(kind).max:
            return kind
    raise DataError(f"{frames} frames of one memory cell are more than can be counted")
