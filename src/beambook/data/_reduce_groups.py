"""Which line of a result each row belongs to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from beambook.errors import DataError

if TYPE_CHECKING:
    from beambook.data._channel import Channel

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
    def of(cls, channel: Channel, by: Any) -> Groups:
        """Group the rows of a channel.

        Parameters
        ----------
        channel : Channel
        by : None, str, DataArray or array-like
            See `Reducible.statistics`.

        Raises
        ------
        DataError
            There are no such labels, or not as many as rows.
        """
        if by is None:
            return cls("", np.zeros(1, np.int64), None)
        if isinstance(by, str):
            return cls._of_values(by, _named(channel, by))
        if isinstance(by, xr.DataArray):
            return cls._of_values(str(by.name or "group"), _by_train(channel, by))
        return cls._of_values("group", np.asarray(by), channel.shape[0])

    @classmethod
    def _of_values(cls, name: str, values: NDArray[Any], rows: int | None = None) -> Groups:
        if values.ndim != 1 or len(values) != (len(values) if rows is None else rows):
            raise DataError(f"There are {rows} rows to group, and labels of shape {values.shape}")
        known = ~np.isnan(values) if values.dtype.kind == "f" else np.ones(len(values), bool)
        labels, where = np.unique(values[known], return_inverse=True)
        group = np.full(len(values), -1, np.int32)
        group[known] = where
        return cls(name, labels, group)


def _named(channel: Channel, by: str) -> NDArray[Any]:
    if by == "train":
        return channel.train_id_coordinates()
    beside = channel.pulse_ids if by == "pulse" else channel.beside(by)
    if beside is None or beside.shape[0] != channel.shape[0]:
        raise DataError(
            f"{channel.source} {channel.key} has no {by!r} for each row",
            hint='Group by "train", by a key beside it ("cellId"), or by an array of labels.',
        )
    return beside.ndarray().reshape(-1)


def _by_train(channel: Channel, by: xr.DataArray) -> NDArray[Any]:
    """A label for each row from one for each train; NaN where the train has none."""
    name = next((n for n in ("trainId", "train") if n in by.coords), None)
    if by.ndim != 1 or name is None:
        raise DataError("Labels in a DataArray have one axis, with a coordinate of train ids")
    trains = channel.train_id_coordinates()
    ids, first = np.unique(by[name].values, return_index=True)
    if len(ids) != by.size:
        raise DataError(f"{by.name or 'The labels'} has several labels for a train")
    if not len(ids):
        return np.full(len(trains), np.nan)
    near = np.minimum(np.searchsorted(ids, trains), len(ids) - 1)
    labels = by.values[first][near]
    there = ids[near] == trains
    return labels if there.all() else np.where(there, labels.astype(float), np.nan)
