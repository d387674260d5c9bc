"""Choosing trains: by position, by id, by a condition."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from beambook.data._findings import warn
from beambook.data._reading.roi import is_whole
from beambook.errors import DataError, TrainNotFound

__all__ = ["TrainIds", "by_id", "by_index", "choose_trains", "split", "train_blocks"]

TrainIds = NDArray[np.uint64]


class _Sliced(type):
    def __getitem__(cls, value: Any) -> Any:
        return cls(value)


class _Choice(metaclass=_Sliced):
    def __init__(self, value: Any) -> None:
        self.value = value

    def __repr__(self) -> str:
        return f"{type(self).__name__}[{_shown(self.value)}]"


class by_id(_Choice):  # noqa: N801 the name users know from EXtra-data
    """Choose trains by train id: ``run[by_id[1000:1100]]``, ``run[by_id[[1000, 1003]]]``.

    A slice takes its ends in ids (the stop is not included, neither end need exist) and its
    step in trains.
    """


class by_index(_Choice):  # noqa: N801 the name users know from EXtra-data
    """Choose trains by position: ``run[by_index[:10]]``, the same as ``run[:10]``."""


def choose_trains(train_ids: TrainIds, choice: Any) -> TrainIds:
    """Those of the trains that a choice means; always ascending.

    Parameters
    ----------
    train_ids : ndarray of uint64, (trains,)
        Ascending.
    choice : slice, int, list, ndarray, DataArray, Series, by_id or by_index
        Positions; a condition (as many booleans as trains, or a DataArray of booleans with
        a coordinate ``trainId`` or ``train``, or a Series of booleans over train ids); ids
        within `by_id` (EXtra-data's, too).

    Returns
    -------
    ndarray of uint64

    Raises
    ------
    TrainNotFound
        None of the ids, or the position, is there.
    DataError
        A condition of another length.
    TypeError
        Anything else.

    Examples
    --------
    >>> ids = np.array([100, 101, 103], np.uint64)
    >>> choose_trains(ids, by_id[101:]).tolist(), choose_trains(ids, slice(2)).tolist()
    ([101, 103], [100, 101])
    """
    choice = _ours(choice)
    if isinstance(choice, by_index):
        choice = choice.value
    if isinstance(choice, by_id):
        return _by_id(train_ids, choice.value)
    if isinstance(choice, xr.DataArray):
        return _by_condition(train_ids, choice)
    if isinstance(choice, pd.Series):
        return _by_series(train_ids, choice)
    if isinstance(choice, slice):
        return np.sort(train_ids[choice])
    if not isinstance(choice, list | tuple | np.ndarray) and not is_whole(choice):
        kind = type(choice).__name__
        raise TypeError(f"Trains are chosen by slice, list, condition or by_id, not by {kind}")
    return _by_position(train_ids, np.asarray(choice))


def split(
    train_ids: TrainIds, parts: int | None = None, trains_per_part: int | None = None
) -> Iterator[slice]:
    """Cut trains in parts of nearly the same size.

    Parameters
    ----------
    train_ids : ndarray of uint64, (trains,)
    parts : int, optional
        How many; fewer if there are not so many trains.
    trains_per_part : int, optional
        At most so many trains in each.

    Yields
    ------
    slice
        Positions of a part.

    Raises
    ------
    TypeError
        Neither is given.
    """
    if parts is None and trains_per_part is None:
        raise TypeError("Say how to split: parts or trains_per_part")
    number = len(train_ids)
    least = -(-number // trains_per_part) if trains_per_part else 0
    count = max(least, min(parts or 0, number))
    for part in range(count):
        yield slice(part * number // count, (part + 1) * number // count)


def train_blocks(
    sizes: NDArray[np.int64], most: float, most_trains: int | None = None
) -> Iterator[tuple[int, int]]:
    """Cut trains in blocks of at most so much, each of at least one train.

    Parameters
    ----------
    sizes : ndarray of int64, (trains,)
        Size of each, in bytes or frames.
    most : float
        Of a block, in the same.
    most_trains : int, optional
        In a block.

    Yields
    ------
    (int, int)
        First train of a block, and of the next one.
    """
    ends, start = np.cumsum(sizes), 0
    while start < len(sizes):
        before = ends[start - 1] if start else 0
        stop = max(start + 1, int(np.searchsorted(ends, before + most, side="right")))
        stop = min(stop, start + most_trains) if most_trains else stop
        yield start, stop
        start = stop


def _by_position(train_ids: TrainIds, positions: NDArray[Any]) -> TrainIds:
    if positions.dtype == bool:
        if positions.shape != train_ids.shape:
            shape = positions.shape
            raise DataError(f"A condition on {len(train_ids)} trains has the shape {shape}")
        return np.asarray(train_ids[positions])
    if not positions.size:
        return train_ids[:0]
    if positions.dtype.kind not in "iu":
        raise TypeError(f"Positions of trains are whole numbers, not {positions.dtype}")
    try:
        return np.unique(train_ids[positions])
    except IndexError:
        raise TrainNotFound(
            f"at position {positions.tolist()}", where=f"{len(train_ids)} trains"
        ) from None


def _by_condition(train_ids: TrainIds, condition: xr.DataArray) -> TrainIds:
    name = next((n for n in ("trainId", "train") if n in condition.coords), None)
    if condition.dtype != bool or name is None or condition.ndim != 1:
        raise DataError("A condition is a one-dimensional array of booleans labelled by train id")
    return np.intersect1d(train_ids, condition[name].values[condition.values]).astype(np.uint64)


def _by_series(train_ids: TrainIds, condition: pd.Series[Any]) -> TrainIds:
    if condition.dtype != bool or condition.index.dtype.kind not in "iu":
        raise DataError("A condition is a Series of booleans over train ids")
    if len(condition) and len(train_ids) and not np.isin(condition.index, train_ids).any():
        raise DataError(f"The condition is about none of the {_span(train_ids)}")
    return np.intersect1d(train_ids, condition.index[condition.to_numpy()]).astype(np.uint64)


def _ours(choice: Any) -> Any:
    """EXtra-data's `by_id` and `by_index` as ours, without importing it."""
    kind = type(choice)
    if kind.__module__.partition(".")[0] != "extra_data" or not hasattr(choice, "value"):
        return choice
    return {"by_id": by_id, "by_index": by_index}.get(kind.__name__, lambda _: choice)(choice.value)


def _by_id(train_ids: TrainIds, wanted: Any) -> TrainIds:
    if isinstance(wanted, slice):
        start, stop = (None if e is None else int(e) for e in (wanted.start, wanted.stop))
        inside = np.ones(len(train_ids), bool)
        if start is not None:
            inside &= train_ids >= max(start, 0)
        if stop is not None:
            inside &= train_ids < max(stop, 0)
        if len(train_ids) and not inside.any():
            warn(f"No train is within {by_id(wanted)}: {_span(train_ids)}")
        return np.sort(train_ids[inside][:: wanted.step])
    ids = np.atleast_1d(np.asarray(wanted))
    if ids.size and ids.dtype.kind not in "iu":
        raise TypeError(f"Train ids are whole numbers, not {wanted!r}")
    found = np.isin(train_ids, ids)
    missing = int(np.count_nonzero(~np.isin(ids, train_ids)))
    if ids.size and missing == ids.size:
        raise TrainNotFound(_shown(wanted), where=_span(train_ids))
    if missing:
        warn(f"{missing} of {ids.size} train ids are not among the {_span(train_ids)}")
    return train_ids[found]


def _span(train_ids: TrainIds) -> str:
    if not len(train_ids):
        return "0 trains"
    return f"{len(train_ids)} trains {train_ids[0]} … {train_ids[-1]}"


def _shown(value: Any) -> str:
    if isinstance(value, tuple):
        return ", ".join(map(_shown, value))
    if value is Ellipsis:
        return "..."
    if not isinstance(value, slice):
        return repr(value)
    ends = [("" if e is None else str(e)) for e in (value.start, value.stop, value.step)]
    return ":".join(ends if value.step is not None else ends[:2])
