"""Which rows of a data set that is being written are surely in the file.

A data set may have grown before its rows are written, and a writer keeps pieces of it in memory
which it writes in any order and more than once. What has not been written reads as the fill
value. So rows are taken as written only if that can be seen, given that a writer fills each
data set from the first row on:

- a chunk that the file has a place for, if it holds one row;
- a chunk before the last one that the file has a place for;
- rows of the last chunk up to the last one that is not the fill value. If chunks are compressed,
  none of it: it will be stored anew, somewhere else;
- rows of a data set without chunks, or with chunks reserved in advance, up to the last one that
  is not the fill value.
"""

from __future__ import annotations

from math import prod
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

__all__ = ["sure_rows"]

BLOCK = 8 << 20  # bytes read at a time
ELSEWHERE = (h5py.h5d.VIRTUAL,)


def sure_rows(dataset: h5py.h5d.DatasetID, wanted: int) -> int:
    """How many rows from the first on are surely written.

    Parameters
    ----------
    dataset : h5py.h5d.DatasetID
    wanted : int
        As many as this matter; the answer may be larger.
    """
    rows = min(int(dataset.shape[0]), wanted)
    plan = dataset.get_create_plist()
    layout = plan.get_layout()
    if layout in ELSEWHERE or not rows:
        return rows
    if layout != h5py.h5d.CHUNKED or plan.get_alloc_time() == h5py.h5d.ALLOC_TIME_EARLY:
        return _last_written(dataset, plan, 0, rows)
    size = int(plan.get_chunk()[0])
    placed = _placed_chunks(dataset, plan.get_chunk())
    if size == 1 or placed * size <= 0:
        return placed * size
    closed = (placed - 1) * size
    if closed >= rows or plan.get_nfilters():
        return closed
    return _last_written(dataset, plan, closed, min(placed * size, rows))


def _placed_chunks(dataset: h5py.h5d.DatasetID, chunk: tuple[int, ...]) -> int:
    """Number of chunks along the rows, from the first one on, that are whole in the file."""
    found: list[int] = []
    dataset.chunk_iter(lambda info: found.append(info.chunk_offset[0]))
    if not found:
        return 0
    entry = zip(dataset.shape[1:], chunk[1:], strict=True)
    across: int = prod(-(-int(length) // int(size)) for length, size in entry)
    there = np.bincount(np.asarray(found) // chunk[0]) >= across
    missing = np.flatnonzero(~there)
    return int(missing[0]) if len(missing) else len(there)


def _last_written(
    dataset: h5py.h5d.DatasetID, plan: h5py.h5p.PropDCID, first: int, stop: int
) -> int:
    """The end of the rows between `first` and `stop` that are not all fill value."""
    stored = h5py.Dataset(dataset)
    row = max(1, prod(stored.shape[1:]) * stored.dtype.itemsize)
    step: int = max(1, BLOCK // row)
    fill = stored.fillvalue
    while stop > first:
        start = max(first, stop - step)
        written = np.flatnonzero(_differs(stored[start:stop], fill))
        if len(written):
            return start + int(written[-1]) + 1
        stop = start
    return first


def _differs(rows: NDArray[Any], fill: Any) -> NDArray[np.bool_]:
    """Rows that are not all fill value."""
    flat = rows.reshape(len(rows), -1)
    if rows.dtype.kind == "O":  # strings: nothing, or not yet
        return np.array([any(bool(len(item)) for item in row) for row in flat], bool)
    same: NDArray[np.bool_] = np.asarray(flat == np.asarray(fill, rows.dtype), bool)
    if rows.dtype.kind in "fc":
        same |= np.isnan(flat) & np.isnan(np.asarray(fill, rows.dtype))
    return np.asarray(~same.all(axis=1)) if flat.shape[1] else np.ones(len(rows), bool)
