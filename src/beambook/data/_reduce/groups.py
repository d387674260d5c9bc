"""Which line of a result each row belongs to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from beambook.data._reduce.labels import Labels
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
    units : str
        Of the labels.
    """

    name: str
    labels: NDArray[Any]
    group: NDArray[np.int32] | None
    units: str = ""

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
        by : None, str, Channel, DataArray, Series or array-like
            See `Reducible.statistics`.
        trains : ndarray of uint64, (rows,)
            Train id of each row.
        named : callable
            Gives a number for each row by its name, None where there is none.

        Raises
        ------
        DataError
            There are no such labels, or they do not fit the rows.
        """
        if by is None:
            return cls("", np.zeros(1, np.int64), None)
        if isinstance(by, str):
            labels = Labels(_named(by, trains, named), by)
        else:
            labels = Labels.of(by, trains)
        values, known = labels.for_rows(trains, named)
        found, where = np.unique(values[known], return_inverse=True)
        group = np.full(len(trains), -1, np.int32)
        group[known] = where
        return cls(labels.name, found, group, labels.units)

    def rows(self, which: NDArray[np.intp]) -> NDArray[np.int32] | None:
        """Groups of some of the rows."""
        return None if self.group is None else self.group[which]


def _named(
    by: str, trains: NDArray[Any], named: Callable[[str], NDArray[Any] | None]
) -> NDArray[Any]:
    values = trains if by == "train" else named(by)
    if values is not None and values.shape == trains.shape:
        return values
    others = [name for name in ("pulse", "cell") if _has(named, name)]
    names = ", ".join(f'"{name}"' for name in ["train", *others])
    raise DataError(
        f"There is no {by!r} for each row",
        hint=f"Group by {names}, or by one label for each train: a channel (by=run[...]), a "
        "DataArray or a Series over train ids.",
    )


def _has(named: Callable[[str], NDArray[Any] | None], name: str) -> bool:
    try:
        return named(name) is not None
    except DataError:
        return False
