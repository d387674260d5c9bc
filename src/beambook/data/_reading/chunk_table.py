"""The layout of a data set: where its pieces are in the file, and what was done to them."""

from __future__ import annotations

import zlib
from base64 import b64decode, b64encode
from dataclasses import dataclass, field
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from beambook.data._cached_property import cached_property
from beambook.data._reading.btree import Tree
from beambook.errors import DamagedFile

__all__ = [
    "DEFLATE",
    "FARTHEST",
    "FLETCHER32",
    "LARGEST_CHUNK",
    "SHUFFLE",
    "UNDERSTOOD",
    "Layout",
    "strange",
]

DEFLATE, SHUFFLE, FLETCHER32 = 1, 2, 3
UNDERSTOOD = {DEFLATE, SHUFFLE, FLETCHER32}
FARTHEST = 1 << 62  # byte of a file
LARGEST_CHUNK = (1 << 32) - 1  # bytes, by the format
MOST_PIECES = 1 << 32
UNFIT = (KeyError, ValueError, TypeError, AttributeError, OverflowError, zlib.error)


@dataclass(frozen=True, eq=False)
class Layout:
    """Where the pieces of a data set are, or why only HDF5 can read it.

    A data set is a grid of pieces of one shape, numbered in C order. What is stored in one
    stretch is a grid of one piece.

    Attributes
    ----------
    dtype : numpy.dtype
        As stored, byte order included.
    shape : tuple of int
        Of the data set, when this was read.
    chunk : tuple of int
        Of a piece.
    filters : tuple of int
        What was done to a piece before it was stored, in this order: `SHUFFLE`, `DEFLATE`,
        `FLETCHER32`.
    number : ndarray of int64, (pieces,)
        Which piece of the grid each stored one is, ascending.
    offset : ndarray of int64, (pieces,)
        Where it begins in the file; -1 where HDF5 must read this piece.
    size : ndarray of int64, (pieces,)
        Its bytes in the file.
    reason : str
        Why HDF5 must read the whole data set; empty if it need not.
    tree : Tree or None
        Where the file lists the pieces, if that has not been read (completely).
    """

    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    chunk: tuple[int, ...] = ()
    filters: tuple[int, ...] = ()
    number: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    offset: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    size: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    reason: str = ""
    tree: Tree | None = None

    @property
    def nbytes(self) -> int:
        """Memory that it takes."""
        return 512 + self.number.nbytes + self.offset.nbytes + self.size.nbytes

    @property
    def chunk_bytes(self) -> int:
        """Size of a piece when nothing is done to it."""
        return prod(self.chunk) * self.dtype.itemsize

    @property
    def grid(self) -> tuple[int, ...]:
        """Number of pieces along each axis."""
        return tuple(-(-n // max(1, c)) for n, c in zip(self.shape, self.chunk, strict=True))

    def find(self, number: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Offset and size of pieces of the grid; -1 where HDF5 must look.

        Parameters
        ----------
        number : ndarray of int64

        Returns
        -------
        offset, size : ndarray of int64
        """
        if not len(self.number):
            missing = np.full(len(number), -1, np.int64)
            return missing, missing
        if self.number[-1] == len(self.number) - 1:  # complete from the first one on
            near = np.minimum(number, len(self.number) - 1)
        else:
            near = np.searchsorted(self.number, number).clip(max=len(self.number) - 1)
        there = self.number[near] == number
        return np.where(there, self.offset[near], -1), self.size[near]

    @cached_property
    def stretches(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Rows that follow each other in the file too, where pieces are plain and hold whole rows.

        Returns
        -------
        row : ndarray of int64, (stretches,)
            The first of each; a stretch ends where the next begins.
        offset : ndarray of int64, (stretches,)
            Where it begins in the file; -1 where HDF5 must look.
        """
        stop = self.number + 1
        follows = (self.number[1:] == stop[:-1]) & (
            np.where(self.offset[:-1] < 0, -1, self.offset[:-1] + self.chunk_bytes)
            == self.offset[1:]
        )
        first = np.flatnonzero(np.append(True, ~follows)[: len(stop)])
        last = np.append(first[1:], len(stop))[: len(first)] - 1
        # Where one ends a stretch of -1 begins, empty unless the next begins later.
        row = np.append(0, np.array([self.number[first], stop[last]]).T.reshape(-1))
        offset = np.append(
            -1, np.array([self.offset[first], np.full(len(first), -1)]).T.reshape(-1)
        )
        used = np.append(row[1:] > row[:-1], True)
        return row[used] * self.chunk[0], offset[used]

    def to_json(self) -> dict[str, Any]:
        """As plain JSON; regular tables of pieces take a few numbers."""
        stored: dict[str, Any] = {"dtype": self.dtype.str, "shape": list(self.shape)}
        if self.reason:
            return {**stored, "dtype": "|V1", "reason": self.reason}
        stored |= {"chunk": list(self.chunk), "filters": list(self.filters)}
        end = np.append(0, (self.offset + self.size)[:-1])[: len(self.offset)]
        tables = {"number": self.number, "gap": self.offset - end, "size": self.size}
        return stored | {name: _runs(values) for name, values in tables.items()}

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> Layout:
        """From `to_json`.

        Raises
        ------
        DamagedFile
            It is not a layout.
        """
        try:
            dtype = np.dtype(str(stored["dtype"]))
            shape = tuple(map(int, stored["shape"]))
            if reason := str(stored.get("reason", "")):
                return cls(dtype, shape, reason=reason)
            number = _from_runs(stored["number"], MOST_PIECES)
            gap, size = (_from_runs(stored[name], len(number)) for name in ("gap", "size"))
            offset = np.cumsum(gap + np.append(0, size[:-1])[: len(size)])
            found = cls(
                dtype, shape, tuple(map(int, stored["chunk"])),
                tuple(map(int, stored["filters"])), number, offset, size,
            )  # fmt: skip
            _refuse_nonsense(found)
        except UNFIT as error:
            raise DamagedFile(f"This is not the layout of a data set ({error})") from error
        return found


def _refuse_nonsense(layout: Layout) -> None:
    if layout.dtype.kind not in "iuf" or not set(layout.filters) <= UNDERSTOOD:
        raise ValueError("an unknown type or filter")
    if len(layout.chunk) != len(layout.shape) or min((*layout.chunk, 1)) < 1:
        raise ValueError("pieces of another shape")
    if not len(layout.number) == len(layout.offset) == len(layout.size):
        raise ValueError("tables of different lengths")
    if np.any(np.diff(layout.number, prepend=-1) <= 0):
        raise ValueError("pieces not in order")
    if strange(layout, layout.offset, layout.size)[layout.offset != -1].any():
        raise ValueError("pieces of impossible place or size")


def strange(layout: Layout, offset: NDArray[np.int64], size: NDArray[np.int64]) -> Any:
    """Which pieces are not what the format says."""
    strange = (offset < 0) | (offset >= FARTHEST) | (size < 0)
    return strange | (size > LARGEST_CHUNK if layout.filters else size != layout.chunk_bytes)


def _runs(values: NDArray[np.int64]) -> list[int] | str:
    """Numbers as [first, step, count, ...], or their differences packed where not regular."""
    if not len(values):
        return []
    step = np.diff(values)
    breaks = np.flatnonzero(step[1:] != step[:-1]) + 1 if len(step) else np.zeros(0, np.intp)
    if 3 * len(breaks) > len(values):
        steps = np.diff(values, prepend=0).astype("<i8")
        return b64encode(zlib.compress(steps.tobytes(), 1)).decode()
    runs: list[int] = []
    at = 0
    while at < len(values):
        stop = len(values)
        if at < len(step):
            later = breaks[np.searchsorted(breaks, at + 1) :]
            stop = int(later[0]) + 1 if len(later) else len(values)
        runs += [int(values[at]), int(step[at]) if stop > at + 1 else 0, stop - at]
        at = stop
    return runs


def _from_runs(runs: list[int] | str, most: int) -> NDArray[np.int64]:
    """Numbers from `_runs`, which are not more than `most`."""
    if isinstance(runs, str):
        packed = b64decode(runs, validate=True)
        if len(packed) > 16 * most + 64:
            raise ValueError("too many numbers")
        steps = zlib.decompressobj().decompress(packed, 8 * min(most, 1032 * len(packed)) + 8)
        return np.cumsum(np.frombuffer(steps, "<i8"), dtype=np.int64)
    first, step, count = np.array(runs, np.int64).reshape(-1, 3).T
    if np.any(count < 1) or count.max(initial=0) > most or count.sum() > most:
        raise ValueError("runs of impossible length")
    within = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
    values: NDArray[np.int64] = np.repeat(first, count) + within * np.repeat(step, count)
    return values
