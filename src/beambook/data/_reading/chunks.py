"""Where the rows of a data set are in its file: all that is needed to read it without HDF5."""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from dataclasses import replace
from math import prod
from typing import Any, Protocol

import h5py
import numpy as np

from beambook.data._hdf5 import StoredFile, pool
from beambook.data._reading.btree import tree_of
from beambook.data._reading.chunk_table import (
    DEFLATE,
    FARTHEST,
    FLETCHER32,
    LARGEST_CHUNK,
    SHUFFLE,
    UNDERSTOOD,
    Layout,
    strange,
)
from beambook.data._reading.descriptors import Lent, descriptors
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

MOST_REMEMBERED = 256 << 20  # bytes of all layouts
FEW = 8  # of so many rows one is looked up before all are
MOST_COUNTED = 10_000  # data sets
UNREADABLE = (OSError, LookupError, RuntimeError, ValueError, TypeError, ArithmeticError)


class _Memory:
    """Layouts of data sets in files as they are now; those not used for longest are forgotten."""

    def __init__(self, most: int) -> None:
        self.most = most
        self._lock = threading.Lock()
        self._layouts: OrderedDict[tuple[Any, Any, str], Layout] = OrderedDict()
        self._bytes = 0
        self._looked_up: dict[tuple[Any, Any, str], int] = {}

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
            found = {k[2]: v for k, v in self._layouts.items() if k[:2] == (path, stamp)}
        return {name: layout for name, layout in found.items() if layout.tree is None}

    def worth_all(self, key: tuple[Any, Any, str], layout: Layout, rows: int) -> bool:
        """Whether so many rows were looked up that it pays to read the whole table."""
        with self._lock:
            self._looked_up[key] = self._looked_up.get(key, 0) + rows
            if worth := self._looked_up[key] * FEW >= layout.shape[0]:
                del self._looked_up[key]
            while len(self._looked_up) > MOST_COUNTED:
                del self._looked_up[next(iter(self._looked_up))]
        return worth

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


def layout_in(
    lent: Lent, file: StoredFile, dataset: str, rows: tuple[int, int] | None = None
) -> Layout:
    """The same for a file that is open already.

    With `rows`, first and last but one, the table may be that of the chunks of these rows only.
    """
    key = (file.path, lent.stamp, dataset)
    found = _memory.get(key)
    if found is None:
        found = _found_or_read(lent, file, dataset)
        _memory.put(key, found)
    if found.tree is None:
        return found
    if rows is not None and not _memory.worth_all(key, found, rows[1] - rows[0]):
        few = _with_table(found, lent, rows)
        if few is not None:
            return few
    whole = _with_table(found, lent, (0, found.shape[0]))
    if whole is None:  # not as specified
        whole = _read_layout(lent, file, dataset, trees=False)
    for shelf in shelves if lent.stamp == file.stamp else ():
        shelf.keep(file, dataset, whole)
    _memory.put(key, whole)
    return whole


def _found_or_read(lent: Lent, file: StoredFile, dataset: str) -> Layout:
    kept = shelves if lent.stamp == file.stamp else ()  # they know files as `file` says
    found = next(filter(None, (shelf.find(file, dataset) for shelf in kept)), None)
    if found is None:
        found = _read_layout(lent, file, dataset)
        for shelf in kept if found.tree is None else ():
            shelf.keep(file, dataset, found)
    return found


def _with_table(layout: Layout, lent: Lent, rows: tuple[int, int]) -> Layout | None:
    """With the table of the chunks of these rows, from the tree; None if that is unreadable."""
    across, length = prod(layout.grid[1:]), layout.chunk[0]
    first, stop = rows[0] // length * across, -(-rows[1] // length) * across
    listed = layout.tree and layout.tree.entries(lent.fd, first, stop)
    if not listed:
        return None
    number, entries = listed
    offset = np.minimum(entries["child"], FARTHEST).astype(np.int64)
    size = entries["size"].astype(np.int64)
    offset[(entries["mask"] != 0) | strange(layout, offset, size)] = -1
    return replace(layout, number=number, offset=offset, size=size, tree=None)


def _read_layout(lent: Lent, file: StoredFile, name: str, *, trees: bool = True) -> Layout:
    with pool.open(file) as opened:
        try:
            stored = h5py.h5o.open(opened.id, name.encode(errors="surrogateescape"))
            if not isinstance(stored, h5py.h5d.DatasetID):
                raise KeyError(f"{name} is no data set")
            reason = _unusual(opened, stored)
            if reason:
                return Layout(_dtype(stored), _shape(stored), reason=reason)
            return _pieces(lent, stored, trees=trees)
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


def _pieces(lent: Lent, stored: h5py.h5d.DatasetID, *, trees: bool) -> Layout:
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
    tree = tree_of(lent.fd, stored, chunk, empty.grid) if trees else None
    return replace(empty, tree=tree) if tree else _table(stored, empty)


def _in_one(dtype: np.dtype[Any], shape: tuple[int, ...], offset: int | None) -> Layout:
    if offset is None or not all(shape):
        return Layout(dtype, shape, reason="nothing was written")
    size = prod(shape) * dtype.itemsize
    if size >= FARTHEST:
        return Layout(dtype, shape, reason="its shape is absurd")
    number, start, length = np.array([[0], [offset], [size]], np.int64)
    return Layout(dtype, shape, shape, (), number, start, length)


def _table(stored: h5py.h5d.DatasetID, empty: Layout) -> Layout:
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
    unusual = (mask != 0) | strange(empty, offset, size)
    return Layout(
        empty.dtype, empty.shape, empty.chunk, empty.filters,
        number[order], np.where(unusual, -1, offset), size,
    )  # fmt: skip
