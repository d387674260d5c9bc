"""Rows of data sets read past HDF5: plans cut into reads of the file that threads share.

HDF5 reads piece by piece, copies each through its cache, and lets one thread at a time do so.
Here neighbours are read in one call, where possible to where they belong; see
`beambook.data._reading.chunks` for how their place in the file is known.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from itertools import pairwise
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from beambook.data._hdf5 import Stamp, StoredFile
from beambook.data._reading.chunks import Layout
from beambook.data._reading.descriptors import Lent, descriptors
from beambook.data._reading.roi import Roi
from beambook.errors import DamagedFile

__all__ = ["Box", "Origin", "Output", "Pieces", "ReadError", "apart", "borrowed", "read_into"]

Int = NDArray[np.int64]

MOST_KEPT = 32 << 20  # bytes of a buffer that is kept for the next reading
_buffers: deque[NDArray[np.uint8]] = deque(maxlen=8)


class ReadError(Exception):
    """A read of the file that did not give all bytes."""


@dataclass(frozen=True)
class Origin:
    """A data set of a file, and where its rows are in it."""

    file: StoredFile
    dataset: str
    layout: Layout
    stamp: Stamp

    def lend(self) -> AbstractContextManager[Lent]:
        """The descriptor of the file as it was when the layout was found."""
        return descriptors.lend(self.file, self.stamp)

    def damaged(self, pieces: Pieces, reason: object) -> DamagedFile:
        """The error to raise when these rows cannot be read."""
        first, stop = int(pieces.source.min()), int((pieces.source + pieces.count).max())
        return DamagedFile(
            f"Rows {first}:{stop} of {self.dataset} in {self.file.path.name} cannot be read "
            f"({reason})"
        )


@dataclass(frozen=True)
class Pieces:
    """Consecutive rows of a data set and where they go; see `Plan`."""

    source: Int
    target: Int
    count: Int

    def __len__(self) -> int:
        return len(self.source)

    def __getitem__(self, which: Any) -> Pieces:
        return Pieces(self.source[which], self.target[which], self.count[which])

    def split(self, rows: int) -> Pieces:
        """Cut where a multiple of `rows` is passed."""
        first = self.source // rows
        parts = (self.source + self.count - 1) // rows - first + 1
        if int(parts.max(initial=0)) <= 1:
            return self
        of, within = _each(parts)
        begin = (first[of] + within) * rows
        return self._parts(of, begin, begin + rows)

    def split_at(self, rows: Int) -> tuple[Pieces, Int]:
        """Cut where these rows begin, the first of which is 0; and between which each piece is."""
        first = rows.searchsorted(self.source, "right") - 1
        parts = rows.searchsorted(self.source + self.count, "left") - first
        if int(parts.max(initial=0)) <= 1:
            return self, first
        of, within = _each(parts)
        which = first[of] + within
        end = np.append(rows[1:], np.iinfo(np.int64).max)
        return self._parts(of, rows[which], end[which]), which

    def _parts(self, of: Int, begin: Int, end: Int) -> Pieces:
        start = np.maximum(self.source[of], begin)
        stop = np.minimum((self.source + self.count)[of], end)
        return Pieces(start, self.target[of] + start - self.source[of], stop - start)

    def rows(self) -> tuple[Int, Int]:
        """Source and target of each row."""
        within = np.arange(int(self.count.sum())) - np.repeat(
            np.cumsum(self.count) - self.count, self.count
        )
        source = np.repeat(self.source, self.count) + within
        return source, np.repeat(self.target, self.count) + within


def _each(parts: Int) -> tuple[Int, Int]:
    """For so many parts of each: of which one it is a part, and its number there."""
    of = np.repeat(np.arange(len(parts)), parts)
    return of, np.arange(len(of)) - np.repeat(np.cumsum(parts) - parts, parts)


@dataclass(frozen=True)
class Box:
    """The smallest stretch of an entry that holds its region of interest.

    Attributes
    ----------
    start, size : int
        In bytes.
    shape : tuple of int
        Of the elements in it.
    within : tuple of slice
        The region of interest in them.
    whole : bool
        Whether the region of interest is all of them.
    """

    start: int
    size: int
    shape: tuple[int, ...]
    within: tuple[slice, ...]
    whole: bool

    @classmethod
    def of(cls, roi: Roi, itemsize: int) -> Box:
        """Of each entry of numbers of so many bytes."""
        entry = roi.entry
        axis = next((i for i, (s, n) in enumerate(zip(roi.stored, entry, strict=True))
                     if n > 1 and _length(s, n) != 1), len(entry))  # fmt: skip
        inner = prod(entry[axis + 1 :]) * itemsize
        start, shape, within = 0, [], []
        for i, (part, n) in enumerate(zip(roi.stored, entry, strict=True)):
            if i > axis:
                shape.append(n)
                within.append(part)
                continue
            stride = prod(entry[i + 1 :]) * itemsize
            first, length = part.start, _length(part, n)
            last = first + (length - 1) * part.step + 1 if length else first
            start += first * stride
            shape.append(last - first)
            within.append(slice(0, last - first, part.step))
        size = shape[axis] * inner if axis < len(entry) else itemsize
        whole = all(w.step == 1 and _length(w, n) == n for w, n in zip(within, shape, strict=True))
        return cls(start, size, tuple(shape), tuple(within), whole)


def _length(part: slice, size: int) -> int:
    return len(range(*part.indices(size)))


def apart(roi: Roi, itemsize: int, *, gap: int) -> tuple[Int, Roi]:
    """Where parts of an entry begin that are read one by one, for what is between them is large.

    Parameters
    ----------
    roi : Roi
        Without a last step in numpy.
    itemsize : int
    gap : int
        More bytes than this are left out.

    Returns
    -------
    offset : ndarray of int64, (parts,)
        In bytes from the beginning of the entry.
    roi : Roi
        Of each part; it has fewer axes.

    Examples
    --------
    Lines 100 to 199 of both planes of 512 × 128 numbers:

    >>> offset, roi = apart(Roi.of(np.s_[:, 100:200], (2, 512, 128)), 2, gap=4096)
    >>> offset.tolist(), roi.entry, roi.shape
    ([0, 131072], (512, 128), (100, 128))
    """
    offset, axes = np.zeros(1, np.int64), 0
    for axis, (part, n) in enumerate(zip(roi.stored, roi.entry, strict=True)):
        stride = prod(roi.entry[axis + 1 :]) * itemsize
        length = _length(part, n)
        if length > 1 and part.step * stride - _extent(roi, axis + 1, itemsize) <= gap:
            break
        steps = (part.start + np.arange(length, dtype=np.int64) * part.step) * stride
        offset, axes = (offset[:, None] + steps).reshape(-1), axis + 1
    stored, entry = roi.stored[axes:], roi.entry[axes:]
    shape = tuple(_length(part, n) for part, n in zip(stored, entry, strict=True))
    return offset, Roi(stored, (), shape, tuple(range(len(entry))), entry)


def _extent(roi: Roi, first: int, itemsize: int) -> int:
    """Bytes from the first to the last element of the region along the axes from `first` on."""
    size = itemsize
    for axis in range(first, len(roi.entry)):
        steps = _length(roi.stored[axis], roi.entry[axis]) - 1
        size += steps * roi.stored[axis].step * prod(roi.entry[axis + 1 :]) * itemsize
    return size


class Output:
    """Where rows go, and what of them."""

    def __init__(self, out: NDArray[Any], roi: Roi) -> None:
        self.array = out
        self.roi = roi
        self.drops_only = all(
            item == slice(None) if isinstance(item, slice) else type(item) is int and item == 0
            for item in roi.rest
        )

    def takes(self, dtype: np.dtype[Any]) -> bool:
        """Whether bytes of this type can be read to where they belong."""
        return bool(self.array.flags.c_contiguous and self.array.dtype == dtype)

    def bytes(self) -> NDArray[np.uint8]:
        """All of it, as bytes."""
        return self.array.reshape(-1).view(np.uint8)

    def put(self, rows: NDArray[Any], target: Int) -> None:
        """Put rows, cut by all but the last step of the region of interest, at `target`."""
        if self.roi.rest:
            rows = rows[self.roi.rest]
        first, number = int(target[0]), len(target)
        if int(target[-1]) - first == number - 1 and _rising(target):
            self.array[first : first + number] = rows
        else:
            self.array[target] = rows


def _rising(target: Int) -> bool:
    return bool(len(target) < 3 or np.all(target[1:] - target[:-1] == 1))


@contextmanager
def borrowed(size: int) -> Iterator[NDArray[np.uint8]]:
    """Lend a buffer of at least so many bytes, used before if possible: new ones cost page faults.

    Its contents are whatever they are.
    """
    try:
        buffer = _buffers.pop()
    except IndexError:
        buffer = np.empty(0, np.uint8)
    if len(buffer) < size:
        buffer = np.empty(1 << max(16, (size - 1).bit_length()), np.uint8)
    try:
        yield buffer[:size]
    finally:
        if len(buffer) <= MOST_KEPT:
            _buffers.append(buffer)


def read_into(fd: int, view: memoryview, offset: int) -> None:
    """Fill `view` with the bytes of the file from `offset` on.

    Raises
    ------
    ReadError
        The file ends before, or the system cannot read it.
    """
    try:
        got = os.preadv(fd, [view], offset)
        while got < len(view):
            more = os.preadv(fd, [view[got:]], offset + got)
            if not more:
                end = os.fstat(fd).st_size
                raise ReadError(f"the file ends at {end}, before byte {offset + len(view)}")
            got += more
    except (OSError, OverflowError) as error:
        raise ReadError(str(error)) from error


def windows(at: Int, size: Int | int, *, gap: int, most: int) -> list[tuple[int, int]]:
    """Cut reads of ``size`` bytes at rising offsets into groups that are read in one go.

    Parameters
    ----------
    at : ndarray of int64
    size : int or ndarray of int64
    gap : int
        As many bytes that nobody wants may be read with the others.
    most : int
        So many bytes from the first offset of a group to its last one.

    Returns
    -------
    list of (int, int)
        First and last but one of each group.
    """
    if not len(at):
        return []
    step = np.diff(at)
    apart = step > (size if isinstance(size, int) else size[:-1]) + gap
    begin = np.maximum.accumulate(np.where(np.append(True, apart), at, at[0]))
    turn = (at - begin) // most
    breaks = np.flatnonzero(apart | (turn[1:] != turn[:-1])) + 1
    edges = [0, *breaks.tolist(), len(at)]
    return list(pairwise(edges))
