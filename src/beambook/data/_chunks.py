"""Where the rows of a data set are in its file: all that is needed to read it without HDF5."""

from __future__ import annotations

import os
import threading
from base64 import b64decode, b64encode
from collections import OrderedDict
from dataclasses import dataclass, field
from math import prod
from typing import Any, Protocol

import h5py
import numpy as np
from numpy.typing import NDArray

from beambook.data._descriptors import Lent, descriptors
from beambook.data._hdf5 import StoredFile, pool
from beambook.errors import DamagedFile

__all__ = [
    "DEFLATE",
    "FLETCHER32",
    "SHUFFLE",
    "Layout",
    "known",
    "layout_in",
    "layout_of",
    "remember",
]

DEFLATE, SHUFFLE, FLETCHER32 = 1, 2, 3
UNDERSTOOD = {DEFLATE, SHUFFLE, FLETCHER32}
MOST_REMEMBERED = 256 << 20  # bytes of all layouts
UNREADABLE = (OSError, LookupError, RuntimeError, ValueError, TypeError, ArithmeticError)
FARTHEST = 1 << 62  # byte of a file
LARGEST_CHUNK = (1 << 32) - 1  # bytes, by the format


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
    """

    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    chunk: tuple[int, ...] = ()
    filters: tuple[int, ...] = ()
    number: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    offset: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    size: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    reason: str = ""

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

    def to_json(self) -> dict[str, Any]:
        """As plain JSON; regular tables of pieces take a few numbers."""
        stored: dict[str, Any] = {"dtype": self.dtype.str, "shape": list(self.shape)}
        if self.reason:
            return {**stored, "dtype": "|V1", "reason": self.reason}
        stored |= {"chunk": list(self.chunk), "filters": list(self.filters)}
        for name in ("number", "offset", "size"):
            stored[name] = _runs(getattr(self, name))
        return stored

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
            number, offset, size = (_from_runs(stored[n]) for n in ("number", "offset", "size"))
            found = cls(
                dtype, shape, tuple(map(int, stored["chunk"])),
                tuple(map(int, stored["filters"])), number, offset, size,
            )  # fmt: skip
            _refuse_nonsense(found)
        except (KeyError, ValueError, TypeError, AttributeError, OverflowError) as error:
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
    if _strange(layout, layout.offset, layout.size)[layout.offset != -1].any():
        raise ValueError("pieces of impossible place or size")


def _strange(layout: Layout, offset: NDArray[np.int64], size: NDArray[np.int64]) -> Any:
    """Which pieces are not what the format says."""
    strange = (offset < 0) | (offset >= FARTHEST) | (size < 0)
    return strange | (size > LARGEST_CHUNK if layout.filters else size != layout.chunk_bytes)


# --- arithmetic runs ----------------------------------------------------------


def _runs(values: NDArray[np.int64]) -> list[int] | str:
    """Numbers as [first, step, count, ...], or as base64 where they are not regular."""
    if not len(values):
        return []
    step = np.diff(values)
    breaks = np.flatnonzero(step[1:] != step[:-1]) + 1 if len(step) else np.zeros(0, np.intp)
    if 3 * len(breaks) > len(values):
        return b64encode(values.astype("<i8").tobytes()).decode()
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


def _from_runs(runs: list[int] | str) -> NDArray[np.int64]:
    if isinstance(runs, str):
        return np.frombuffer(b64decode(runs, validate=True), "<i8").astype(np.int64)
    table = np.array(runs, np.int64).reshape(-1, 3)
    first, step, count = table.T
    if np.any(count < 1) or count.sum() > 1 << 32:
        raise ValueError("runs of impossible length")
    within = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
    values: NDArray[np.int64] = np.repeat(first, count) + within * np.repeat(step, count)
    return values


# --- what is remembered -------------------------------------------------------


class _Memory:
    """Layouts of data sets in files as they are now; those not used for longest are forgotten."""

    def __init__(self, most: int) -> None:
        self.most = most
        self._lock = threading.Lock()
        self._layouts: OrderedDict[tuple[Any, Any, str], Layout] = OrderedDict()
        self._bytes = 0

    def get(self, key: tuple[Any, Any, str]) -> Layout | None:
        with self._lock:
            if (found := self._layouts.get(key)) is not None:
                self._layouts.move_to_end(key)
            return found

    def put(self, key: tuple[Any, Any, str], layout: Layout) -> None:
        with self._lock:
            if (old := self._layouts.pop(key, None)) is not None:
                self._bytes -= old.nbytes
            self._layouts[key] = layout
            self._bytes += layout.nbytes
            while self._bytes > self.most and len(self._layouts) > 1:
                self._bytes -= self._layouts.popitem(last=False)[1].nbytes

    def of(self, path: Any, stamp: Any) -> dict[str, Layout]:
        with self._lock:
            return {k[2]: v for k, v in self._layouts.items() if k[:2] == (path, stamp)}

    def forget(self) -> None:
        """Start anew in a forked child, whose parent may have held the lock."""
        self._lock = threading.Lock()


_memory = _Memory(MOST_REMEMBERED)
os.register_at_fork(after_in_child=_memory.forget)


class Shelf(Protocol):
    """Keeps layouts from one process to the next."""

    def find(self, file: StoredFile, dataset: str) -> Layout | None:
        """The layout in a file that is as `file` says, if it is kept."""

    def keep(self, file: StoredFile, dataset: str, layout: Layout) -> None:
        """Keep it, if there is a place."""


shelves: list[Shelf] = []


def remember(file: StoredFile, dataset: str, layout: Layout) -> None:
    """Keep a layout that is known from elsewhere; used while the file is as `file` says."""
    _memory.put((file.path, file.stamp, dataset), layout)


def known(file: StoredFile) -> dict[str, Layout]:
    """Layouts that are known of a file as `file` says it is."""
    return _memory.of(file.path, file.stamp)


def layout_of(file: StoredFile, dataset: str) -> Layout:
    """Where the rows of a data set are; read from the file unless it is remembered.

    Parameters
    ----------
    file : StoredFile
    dataset : str
        Path within the file.

    Raises
    ------
    DamagedFile
        The file was replaced, or has no such data set.

    Examples
    --------
    ::

        layout = layout_of(part.file, signal.dataset)
        layout.chunk, layout.reason     # (1, 2, 512, 128), ""
    """
    with descriptors.lend(file) as lent:
        return layout_in(lent, file, dataset)


def layout_in(lent: Lent, file: StoredFile, dataset: str) -> Layout:
    """The same for a file that is open already."""
    key = (file.path, lent.stamp, dataset)
    if (found := _memory.get(key)) is None:
        kept = shelves if lent.stamp == file.stamp else ()  # they know files as `file` says
        found = next(filter(None, (shelf.find(file, dataset) for shelf in kept)), None)
        if found is None:
            found = _read_layout(file, dataset, lent.stamp[1])
            for shelf in kept:
                shelf.keep(file, dataset, found)
        _memory.put(key, found)
    return found


def _read_layout(file: StoredFile, name: str, length: int) -> Layout:
    with pool.open(file) as opened:
        try:
            stored = h5py.h5o.open(opened.id, name.encode(errors="surrogateescape"))
            if not isinstance(stored, h5py.h5d.DatasetID):
                raise KeyError(f"{name} is no data set")
            reason = _unusual(opened, stored)
            if reason:
                return Layout(_dtype(stored), _shape(stored), reason=reason)
            return _pieces(stored, length)
        except (
            OSError,
            LookupError,
            RuntimeError,
            ValueError,
            TypeError,
            ArithmeticError,
        ) as error:
            raise DamagedFile(f"{name} in {file.path.name} cannot be read ({error})") from error


def _shape(stored: h5py.h5d.DatasetID) -> tuple[int, ...]:
    return tuple(stored.shape or ())


def _dtype(stored: h5py.h5d.DatasetID) -> np.dtype[Any]:
    try:
        found: np.dtype[Any] = stored.dtype
    except TypeError:  # numpy has no such type
        return np.dtype("V1")
    return found


def _unusual(opened: h5py.File, stored: h5py.h5d.DatasetID) -> str:
    """Why HDF5 must read it; empty if it need not."""
    plan = stored.get_create_plist()
    how = plan.get_layout()
    if stored.get_space().get_simple_extent_type() != h5py.h5s.SIMPLE or not stored.rank:
        return "it is no array"
    if how not in (h5py.h5d.CHUNKED, h5py.h5d.CONTIGUOUS):
        return "it is stored in its header, or made of other data sets"
    if opened.userblock_size or opened.driver != "sec2":
        return "the file has a user block or an unusual driver"
    if plan.get_external_count() or h5py.h5f.get_name(stored) != opened.id.name:
        return "it is in another file"
    if not _is_plain(stored):
        return "its type is not a plain number"
    filters = [plan.get_filter(i)[0] for i in range(plan.get_nfilters())]
    if not set(filters) <= UNDERSTOOD or len(set(filters)) < len(filters):
        return f"filters {filters}"
    if SHUFFLE in filters and filters[0] != SHUFFLE:
        return "shuffled after other filters"
    return ""


def _is_plain(stored: h5py.h5d.DatasetID) -> bool:
    """Whether the bytes in the file are a numpy array's."""
    kind = stored.get_type()
    if not isinstance(kind, h5py.h5t.TypeIntegerID | h5py.h5t.TypeFloatID):
        return False
    return kind.dtype.kind in "iuf" and bool(kind.equal(h5py.h5t.py_create(kind.dtype)))


def _pieces(stored: h5py.h5d.DatasetID, length: int) -> Layout:
    plan = stored.get_create_plist()
    dtype, shape = stored.dtype, stored.shape
    if plan.get_layout() == h5py.h5d.CONTIGUOUS:
        return _in_one(dtype, shape, stored.get_offset())
    chunk = plan.get_chunk()
    filters = tuple(plan.get_filter(i)[0] for i in range(plan.get_nfilters()))
    empty = Layout(dtype, shape, chunk, filters)
    if empty.chunk_bytes > LARGEST_CHUNK or not all(shape):
        return Layout(dtype, shape, reason="it is empty, or its chunks are too large")
    if prod(empty.grid) >= FARTHEST:
        return Layout(dtype, shape, reason="its shape is absurd")
    return _table(stored, empty, length)


def _in_one(dtype: np.dtype[Any], shape: tuple[int, ...], offset: int | None) -> Layout:
    if offset is None or not all(shape):
        return Layout(dtype, shape, reason="nothing was written")
    size = prod(shape) * dtype.itemsize
    if size >= FARTHEST:
        return Layout(dtype, shape, reason="its shape is absurd")
    number, start, length = np.array([[0], [offset], [size]], np.int64)
    return Layout(dtype, shape, shape, (), number, start, length)


def _table(stored: h5py.h5d.DatasetID, empty: Layout, length: int) -> Layout:
    """The table of pieces, in the order of the grid."""
    at: list[tuple[int, ...]] = []
    rest: list[tuple[int, int, int]] = []

    def found(info: Any) -> None:
        at.append(info.chunk_offset)
        rest.append((info.byte_offset, info.size, info.filter_mask))

    stored.chunk_iter(found)
    if not at:
        return Layout(empty.dtype, empty.shape, reason="nothing was written")
    place = np.array(at, np.int64) // np.array(empty.chunk)
    offset, size, mask = np.array(rest, np.int64).T
    grid = empty.grid
    inside = np.all(place < np.array(grid), axis=1)
    number = np.ravel_multi_index(tuple(place[inside].T), grid).astype(np.int64)
    order = np.argsort(number, kind="stable")
    offset, size, mask = (values[inside][order] for values in (offset, size, mask))
    strange = (mask != 0) | _strange(empty, offset, size)
    return Layout(
        empty.dtype, empty.shape, empty.chunk, empty.filters,
        number[order], np.where(strange, -1, offset), size,
    )  # fmt: skip
