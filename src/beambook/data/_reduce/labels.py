"""Labels to group rows by, with the train and the pulse that each is for."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from beambook.data._interop.native import native
from beambook.errors import DataError

if TYPE_CHECKING:
    from beambook.data._channel import Channel

__all__ = ["Labels"]

TRAIN = ("trainId", "train", "point", "record")  # the last two are NeXus
PULSE = ("pulseId", "pulse")
HINT = "Give a label for each row, or a channel, DataArray or Series over train ids."
Named = Callable[[str], NDArray[Any] | None]


@dataclass(frozen=True, eq=False)
class Labels:
    """One-dimensional labels.

    Attributes
    ----------
    values : ndarray, (labels,)
    name, units : str
    trains : ndarray, (labels,) or None
        Train id of each; None where they are in the order of the rows.
    pulses : ndarray, (labels,) or None
        Pulse id of each, where known.
    """

    values: NDArray[Any]
    name: str = "group"
    units: str = ""
    trains: NDArray[Any] | None = None
    pulses: NDArray[Any] | None = None

    @classmethod
    def of(cls, by: Any, trains: NDArray[Any]) -> Labels:
        """From what a user groups by.

        Parameters
        ----------
        by : Channel, DataArray, Series, DataFrame of one column, or array-like
        trains : ndarray of uint64, (rows,)
            Train id of each row.

        Raises
        ------
        DataError
            It does not say which trains it is for.
        """
        from beambook.data._channel import Channel  # which imports this file

        by = native(by)
        if isinstance(by, xr.DataArray):
            return cls._of_array(by)
        if isinstance(by, pd.DataFrame):
            by = _one_column(by)
        if isinstance(by, pd.Series):
            return cls._of_series(by, trains)
        if isinstance(by, Channel):
            return cls._of_channel(by)
        if np.ndim(by) != 1:
            raise DataError(f"There are no labels in {type(by).__name__}", hint=HINT)
        return cls(np.asarray(by))

    @classmethod
    def _of_array(cls, by: xr.DataArray) -> Labels:
        beside = {str(n): c.values for n, c in by.coords.items() if c.dims == by.dims}
        ids = _first(beside, TRAIN)
        if by.ndim != 1 or ids is None:
            raise DataError("Labels in a DataArray have one axis, with a coordinate of train ids")
        units = str(by.attrs.get("units", ""))
        return cls(by.values, str(by.name or "group"), units, ids, _first(beside, PULSE))

    @classmethod
    def _of_series(cls, by: pd.Series[Any], trains: NDArray[Any]) -> Labels:
        index, found = by.index, cls(by.to_numpy(), _text(by.name))
        levels = {name: index.get_level_values(n).to_numpy() for n, name in enumerate(index.names)}
        ids = _first(levels, TRAIN)
        if ids is not None:
            return replace(found, trains=ids, pulses=_first(levels, PULSE))
        plain = isinstance(index, pd.RangeIndex) and index.start == 0
        if plain and index.equals(pd.RangeIndex(len(trains))):
            return found
        if not plain and index.dtype.kind in "iu" and np.isin(index, trains).any():
            return replace(found, trains=index.to_numpy())
        raise DataError(
            f"The index of {found.name!r} says neither trains nor rows ({len(index)} labels, "
            f"{len(trains)} rows)",
            hint='Give it train ids: series.set_axis(pd.Index(train_ids, name="train")).',
        )

    @classmethod
    def _of_channel(cls, by: Channel) -> Labels:
        name, shape = by._name, by.shape
        if any(size != 1 for size in shape[1:]):
            raise DataError(
                f"{name} has entries of shape {list(shape[1:])}: no label for each train",
                hint="Make one number of each: .xarray().mean(...), and group by these.",
            )
        found = cls(by.ndarray().reshape(-1), name, by.units, by.train_id_coordinates())
        pulses = by.pulse_ids
        if pulses is None or pulses.shape[0] != shape[0]:
            return found
        return replace(found, pulses=pulses.ndarray().reshape(-1))

    def for_rows(self, trains: NDArray[Any], named: Named) -> tuple[Any, NDArray[np.bool_]]:
        """A label for each row, and which rows have one.

        Parameters
        ----------
        trains : ndarray of uint64, (rows,)
            Train id of each row.
        named : callable
            Gives the pulse ids of the rows, or None.

        Raises
        ------
        DataError
            There are not as many labels as rows; several for a train, which are not those of its
            rows; or none for any.
        """
        if self.trains is None:
            if self.values.shape != trains.shape:
                shape = self.values.shape
                raise DataError(
                    f"There are {len(trains)} rows to group, and labels of shape {shape}", hint=HINT
                )
            return self.values, _there(self.values)
        if np.array_equal(self.trains, trains):
            self._refuse_other_pulses(named)
            return self.values, _there(self.values)
        return self._by_train(self.trains, trains)

    def _refuse_other_pulses(self, named: Named) -> None:
        if self.pulses is None or (ours := named("pulse")) is None:
            return
        if not np.array_equal(ours, self.pulses):
            raise DataError(f"{self.name} is for other pulses than the rows to group")

    def _by_train(self, ids: NDArray[Any], trains: NDArray[Any]) -> tuple[Any, NDArray[np.bool_]]:
        order = np.argsort(ids, kind="stable")
        ascending = ids[order]
        if (ascending[1:] == ascending[:-1]).any():
            raise DataError(
                f"{self.name} has several labels for a train, and not one for each row",
                hint="Give one for each train, or labels with the trains of the rows.",
            )
        if not len(ids):
            return np.zeros(len(trains)), np.zeros(len(trains), bool)
        near = np.minimum(np.searchsorted(ascending, trains), len(ids) - 1)
        there = ascending[near] == trains
        if len(trains) and not there.any():
            raise DataError(
                f"{self.name} has labels for trains {ascending[0]} to {ascending[-1]}, and the "
                f"rows are of trains {trains.min()} to {trains.max()}"
            )
        labels = self.values[order[near]]
        return labels, there & _there(labels)


def _there(values: NDArray[Any]) -> NDArray[np.bool_]:
    return np.asarray(~pd.isna(values))


def _first(found: Mapping[Any, NDArray[Any]], names: tuple[str, ...]) -> NDArray[Any] | None:
    return next((found[name] for name in names if name in found), None)


def _one_column(by: pd.DataFrame) -> pd.Series[Any]:
    if by.shape[1] != 1:
        raise DataError(f"A table of {by.shape[1]} columns is not one label for each row",
                        hint="Give one of the columns.")  # fmt: skip
    return by.iloc[:, 0]


def _text(name: Hashable) -> str:
    return "group" if name is None else str(name)
