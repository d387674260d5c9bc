"""A group of a NeXus entry as a source, a field of it as a channel."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from beambook.card import Card
from beambook.data._aliases import Alias
from beambook.data._channel import Channel
from beambook.data._hdf5 import pool
from beambook.data._nexus.array import axis_coordinates
from beambook.data._nexus.events import TIME
from beambook.data._nexus.format import NexusPart
from beambook.data._nexus.read import read_field
from beambook.data._nexus.tree import Field
from beambook.data._reading.roi import Roi
from beambook.data._reduce.rows import Rows
from beambook.data._source import Source
from beambook.errors import DamagedFile, KeyNotFound

if TYPE_CHECKING:
    from beambook.data._labels import EntryAxes

__all__ = ["EntryChannel", "EntrySource"]


@dataclass(frozen=True, eq=False, repr=False)
class EntryChannel(Channel):
    """One field of one group, for the selected events of its axis.

    It is a `Channel` whose events are points of a scan, times of a log or pulses of a source;
    ``train_ids`` are their numbers (points) or times in ns.
    """

    @property
    def _part(self) -> NexusPart:
        part = self.store.parts[self.store.sources[self.source][0]]
        assert isinstance(part, NexusPart)  # noqa: S101 for the type checker
        return part

    @property
    def dims(self) -> tuple[str, ...]:
        """``point``, ``time`` or ``record`` (``frame`` where an event has several rows)."""
        first, *rest = super().dims
        return (self._part.event if first == "train" else first, *rest)

    def _labelled(
        self, values: Any, axes: EntryAxes, name: str | None
    ) -> xr.DataArray | xr.Dataset:
        found = super()._labelled(values, axes, name).drop_vars(["train", "trainId"])
        part, first = self._part, self.dims[0]
        ids = self.train_id_coordinates()
        coords: dict[str, Any] = {} if part.event == TIME else {part.event: (first, ids)}
        if part.event == TIME or not np.isnat(part.times).all():
            since = {"units": "s", "long_name": "since the start"}
            coords["time"] = (first, part.times_at(ids), {} if part.dated else since)
        keyed = part.keys[self.source][self.key]
        for label, coordinate in axis_coordinates(part.file, keyed, self._positions(), found):
            coords.setdefault(label, coordinate)
        return found.assign_coords(coords)

    def data_counts(self, *, labelled: bool = True) -> pd.Series[int] | NDArray[np.int64]:
        """Rows of each selected event; a Series over points or times if `labelled`."""
        counts = np.asarray(super().data_counts(labelled=False))
        return pd.Series(counts, self._part.index_of(self.train_ids)) if labelled else counts

    def train_index_bounds(
        self, *, labelled: bool = False
    ) -> pd.DataFrame | tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Where the rows of each selected event are in ``ndarray()``; see `Channel`."""
        found = super().train_index_bounds(labelled=labelled)
        if isinstance(found, pd.DataFrame):
            return found.set_axis(self._part.index_of(self.train_ids))
        return found

    def _numbers_beside(self, name: str) -> NDArray[Any] | None:
        if name != self._part.event:
            return super()._numbers_beside(name)
        return self._part.index_of(self.train_id_coordinates()).to_numpy()

    def series(self) -> pd.Series[Any]:
        """Read the values as a pandas Series over points or times; see `Channel.series`."""
        found = super().series()
        return found.set_axis(self._part.index_of(self.train_id_coordinates()))

    def reduced_rows(self, by: Any, roi: Any) -> Rows:
        """See `Reducible`; with the axes of what the field is shown with.

        Groups of trains are those of events, and called so.
        """
        of_events = isinstance(by, str) and by == "train"
        rows = super().reduced_rows(self._part.event if of_events else by, roi)
        if Roi.of(roi, self.entry_shape).rest:  # perhaps in another order
            return rows
        positions, dims = self._positions(), (self.dims[0], *rows.dims)
        values = np.broadcast_to(np.False_, (len(positions), *rows.entry))
        shown = xr.DataArray(values, dims=dims)
        keyed = self._part.keys[self.source][self.key]
        coords = dict(axis_coordinates(self._part.file, keyed, positions, shown))
        return replace(rows, coords=coords)

    def card(self) -> Card:
        """Describe the field; reads nothing."""
        shape = (len(self._positions()), *self.entry_shape)
        axes = ", ".join(f"{d} {n}" for d, n in zip(self.dims, shape, strict=True))
        facts = {"axes": axes, "type": str(self.dtype)}
        facts |= {"units": self.units} if self.units else {}
        empty = int(np.count_nonzero(self._rows.count == 0))
        facts |= {"without data": f"{empty} of {len(self.train_ids)} events"} if empty else {}
        return Card("Channel", f"{self.source} {self.key}", facts)

    def _positions(self) -> Any:
        """Row of the field that each row of ``ndarray()`` was."""
        rows = self._rows
        counts = rows.count
        starts = np.repeat(rows.first - np.cumsum(counts) + counts, counts)
        return starts + np.arange(int(counts.sum()))


@dataclass(frozen=True, eq=False, repr=False)
class EntrySource(Source):
    """One group for the selected events. Get it from ``entry[group]``.

    Fields with a row for each event are keys; all others are values of the run:
    ``run_value("distance")``.
    """

    @property
    def nx_class(self) -> str:
        """The NeXus class of the group; empty where the file does not say."""
        return self._part.classes.get(self.source, "")

    @property
    def _part(self) -> NexusPart:
        part = self.store.parts[self._parts[0]]
        assert isinstance(part, NexusPart)  # noqa: S101 for the type checker
        return part

    @property
    def index_groups(self) -> frozenset[str]:
        """Names of the indexes of the group's fields."""
        return frozenset(keyed.rows for keyed in self._part.keys.get(self.source, {}).values())

    def one_key(self, group: str | None = None) -> str | None:
        """Some key, of one index or of any; None if there is none."""
        keys = self._part.keys.get(self.source, {})
        names = sorted(k for k in self.keys() if group is None or keys[k].rows == group)
        return names[0] if names else None

    def channel(self, key: str, alias: Alias | None = None) -> EntryChannel:
        """The channel of a field.

        Raises
        ------
        KeyNotFound
            There is no such field, or it has no rows for the events.
        """
        if self.full_key(key) is not None:
            return EntryChannel(self.store, self.source, key, self.train_ids, alias)
        hint = ""
        if key in self.run_keys():
            hint = f"It is one value: entry[{self.source!r}].run_value({key!r})."
        raise KeyNotFound(key, self.keys(), where=self.source, hint=hint)

    def data_counts(
        self, *, labelled: bool = True, index_group: str | None = None
    ) -> pd.Series[int] | NDArray[np.int64]:
        """Rows of each event; a Series over points or times if `labelled`; see `Source`."""
        counts = np.asarray(super().data_counts(labelled=False, index_group=index_group))
        return pd.Series(counts, self._part.index_of(self.train_ids)) if labelled else counts

    def channels(self) -> list[Channel]:
        """All selected fields with rows for the events, by name."""
        return [self.channel(key) for key in sorted(self.keys())]

    def run_keys(self, *, inc_timestamps: bool = True) -> frozenset[str]:
        """Names of the fields that have no rows for events."""
        del inc_timestamps  # NeXus has none beside the values
        return self.store.names(self.source, constant=True)

    def run_value(self, key: str) -> Any:
        """A field that has no rows for events, whole.

        Parameters
        ----------
        key : str

        Returns
        -------
        str, number or ndarray

        Raises
        ------
        KeyNotFound
            There is no such field.
        DamagedFile
            It cannot be read.
        """
        if key not in self.run_keys():
            raise KeyNotFound(key, self.run_keys(), where=self.source)
        return self._value(self._part.constants[self.source][key])

    def run_values(self, *, inc_timestamps: bool = True) -> dict[str, Any]:
        """All fields that have no rows for events and are small (1000 elements, 64 KiB)."""
        del inc_timestamps
        fields = self._part.constants.get(self.source, {})
        return {name: self._value(field) for name, field in sorted(fields.items())
                if field.size <= 1000 and field.nbytes <= 1 << 16 and not field.lost}  # fmt: skip

    def _value(self, field: Field) -> Any:
        if field.lost:  # HDF5 would give fill values
            raise DamagedFile(f"{field.path}: values are in {field.lost[0]}, which is not there")
        with pool.open(self._part.file) as file:
            values = read_field(file, field)
        return values.reshape(-1)[0] if values.size == 1 else values

    def card(self) -> Card:
        """Describe the group."""
        keys, values = sorted(self.keys()), sorted(self.run_keys())
        facts = {"class": self.nx_class or "not stated"}
        if keys:
            facts["events"] = f"{len(self._part.event_ids)} × {self._part.event}"
            facts["keys"] = _some(keys)
        facts |= {"values": _some(values)} if values else {}
        return Card("Source", self.source, facts)


def _some(names: list[str]) -> str:
    return ", ".join(names[:6]) + (f" … {len(names)} in all" if len(names) > 6 else "")
