"""Which line of a result each row belongs to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from beambook.errors import DataError

__all__ = ["Groups"]


@dataclass(frozen=True, eq=False)
class Groups:
    """Rows put in groups.

    Attributes
    ----------
    name : str
        Of the axis of groups; empty for one group of all.
    labels : ndarray, (groups,)
    group : ndarray of int32, (rows,) or None
        Position of each row's label, -1 for none; None for one group of all.
    """

    name: str
    labels: NDArray[Any]
    group: NDArray[np.int32] | None

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def left_out(self) -> int:
        """Rows in no group."""
        return 0 if self.group is None else int(np.count_nonzero(self.group < 0))

    @classmethod
    def of(
        cls, by: Any, trains: NDArray[Any], named: Callable[[str], NDArray[Any] | None]
    ) -> Groups:
        """Group rows.

        Parameters
        ----------
        by : None, str, DataArray or array-like
            See `Reducible.statistics`.
        trains : ndarray of uint64, (rows,)
            Train id of each row.
        named : callable
            Gives a number for each row by its name, None where there is none.

        Raises
        ------
        DataError
            There are no such labels, or not as many as rows.
        """
        if by is None:
            return cls("", np.zeros(1, np.int64), None)
        if isinstance(by, str):
            return cls._of_values(by, _named(by, trains, named), len(trains))
        if isinstance(by, xr.DataArray):
            return cls._of_values(str(by.name or "group"), _by_train(by, trains), len(trains))
        return cls._of_values("group", np.asarray(by), len(trains))

    def rows(self, which: NDArray[np.intp]) -> NDArray[np.int32] | None:
        """Groups of some of the rows."""
        return None if self.group is None else self.group[which]

    @classmethod
    def _of_values(cls, name: str, values: NDArray[Any], rows: int) -> Groups:
        if values.shape != (rows,):
            raise DataError(f"There are {rows} rows to group, and labels of shape {values.shape}")
        known = ~np.isnan(values) if values.dtype.kind == "f" else np.ones(len(values), bool)
        labels, where = np.unique(values[known], return_inverse=True)
        group = np.full(len(values), -1, np.int32)
        group[known] = where
        return cls(name, labels, group)


def _named(
    by: str, trains: NDArray[Any], named: Callable[[str], NDArray[Any] | None]
) -> NDArray[Any]:
    values = trains if by == "train" else named(by)
    if values is None or values.shape != trains.shape:
        raise DataError(
            f"There is no {by!r} for each row",
            hint='Group by "train", by a key beside it ("cellId"), or by an array of labels.',
        )
    return values


def _by_train(by: xr.DataArray, trains: NDArray[Any]) -> NDArray[Any]:
    """A label for each row from one for each train; NaN where the train has none."""
    name = next((n for n in ("trainId", "train") if n in by.coords), None)
    if by.ndim != 1 or name is None:
        raise DataError("Labels in a DataArray have one axis, with a coordinate of train ids")
    ids, first = np.unique(by[name].values, return_index=True)
    if len(ids) != by.size:
        raise DataError(f"{by.name or 'The labels'} has several labels for a train")
    if not len(ids):
        return np.full(len(trains), np.nan)
    near = np.minimum(np.searchsorted(ids, trains), len(ids) - 1)
    labels = by.values[first][near]
    there = ids[near] == trains
    return np.asarray(labels if there.all() else np.where(there, labels.astype(float), np.nan))
