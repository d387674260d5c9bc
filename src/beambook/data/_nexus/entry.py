"""An entry of a NeXus file: a `Run` whose events are points, times or pulses."""

from __future__ import annotations

import weakref
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from beambook.card import Card
from beambook.data._aliases import Aliases
from beambook.data._channel import Channel
from beambook.data._findings import Finding, warn
from beambook.data._hdf5 import StoredFile, pool
from beambook.data._inputs import note
from beambook.data._nexus.array import field_array, plot_array
from beambook.data._nexus.card import entry_card
from beambook.data._nexus.events import POINT, TIME
from beambook.data._nexus.format import Contents, read_contents
from beambook.data._nexus.says import Says
from beambook.data._nexus.source import EntryChannel, EntrySource
from beambook.data._nexus.tree import Field, Group
from beambook.data._run import Run
from beambook.data._source import Source
from beambook.data._store import Store
from beambook.errors import AlignmentError, DamagedFile, DataError, KeyNotFound, SourceNotFound
from beambook.events import Reporter

__all__ = ["Entry", "open_entry"]

MAGIC = {b"\x0e\x03\x13\x01": "HDF4", b"<?xml": "XML"}


@dataclass(frozen=True, eq=False, repr=False)
class Entry(Says, Run):
    """An entry of a NeXus file, along one of its event axes.

    Get it from `open_file`. It is a `Run`: groups are sources, fields keys, and events (points
    of a scan, times of logs, pulses) take the place of trains; ``train_ids`` are numbers of
    points, or times in ns. Fields without rows for events are values of the run. A group that
    lies along other events is found by name, too, but never matched with these.

    Attributes
    ----------
    contents : Contents
        What was found in the file.

    Examples
    --------
    ::

        entry = bb.open_file("scan101.nxs")
        entry                                   # title, instrument, sample, what it shows
        entry.plottable()                       # xarray.DataArray with axes and units
        entry["instrument/detector", "data"][:10].xarray()
        entry.along("time").aligned(t=("sample/temperature_log", "value"))
    """

    contents: Contents = field(kw_only=True)

    def plottable(self, *, roi: Any = ()) -> xr.DataArray:
        """What the entry shows, with its axes, units and errors.

        Parameters
        ----------
        roi : numpy.s_ expression
            Part of the signal, on all of its axes.

        Returns
        -------
        xarray.DataArray
            For the selected points. Edges of bins become their middles, with the edges in a
            coordinates ``NAME_left`` and
            ``NAME_right``; errors are the coordinate ``errors``. Values in files
            that are not there are NaN. More than 256 MiB are not read but a dask array.

        Warns
        -----
        DataWarning
            Files that hold values are not there, or an axis cannot be read.

        Raises
        ------
        DataError
            The entry has nothing to show.
        DamagedFile
            The signal cannot be read.
        """
        if self.default is None:
            reasons = [f.detail for f in self.contents.findings if f.what == "default plot"]
            hint = "; ".join(reasons) or f"Sources: {', '.join(sorted(self.contents.names)[:6])}."
            raise DataError(f"{self.name} has nothing to show", hint=hint)
        array = plot_array(self.contents.file, self.default, roi)
        array.attrs |= {"run": self.contents.parts[self.event_axis][0].label}
        return self._selected(array, roi)

    def _selected(self, array: xr.DataArray, roi: Any) -> xr.DataArray:
        """Points that are selected; all, if the plot is not along the points of this axis."""
        part = self.contents.parts[self.event_axis][0]
        if self.event_axis != POINT or len(self.train_ids) == len(part.event_ids):
            return array
        if roi != ():
            raise DataError("Select points, or give a roi; not both")
        return array.isel({array.dims[0]: self.train_ids.astype(np.int64)})

    # --- events ---------------------------------------------------------

    @property
    def event_axis(self) -> str:
        """Along what its events are: a name in `event_axes`."""
        axis = getattr(self.store.parts[0], "axis", POINT)
        return str(axis)

    @property
    def event(self) -> str:
        """What one of its events is: ``"point"``, ``"time"`` or ``"record"``."""
        return self.contents.parts[self.event_axis][0].event

    @property
    def event_axes(self) -> Mapping[str, int]:
        """All event axes of the entry, and how many events each has."""
        return self.contents.events

    def along(self, axis: str) -> Entry:
        """The same entry along another event axis.

        Parameters
        ----------
        axis : str
            ``"point"``, ``"time"``, or a source that has events of its own.

        Raises
        ------
        KeyNotFound
        """
        if axis not in self.contents.parts:
            raise KeyNotFound(axis, list(self.contents.parts), where=f"event axes of {self.name}")
        return _along(self.contents, axis, self.aliases)

    # --- one thing of it ------------------------------------------------

    def __getitem__(self, item: Any) -> Any:
        """A source, a channel, or the entry for some of the events; see `Run`.

        A path is understood, too: ``entry["instrument/detector/data"]``.
        """
        if isinstance(item, str) and not self._is_source(self._short(item)):
            group, _, name = self._short(item).rpartition("/")
            if self._is_source(group or ".") and item not in self.aliases:
                return self._channel(group or ".", name, item)
        if isinstance(item, tuple) and len(item) == 2 and all(isinstance(i, str) for i in item):
            group = self._short(item[0])
            if self._is_source(group):
                return self._channel(group, item[1], item[1])
        return super().__getitem__(self._short(item) if isinstance(item, str) else item)

    def _short(self, path: str) -> str:
        """A path below the entry: ``/entry/data`` is ``data``."""
        top = self.contents.tree.top.path
        return path.removeprefix(top).strip("/") or "." if path.startswith("/") else path

    def _is_source(self, name: str) -> bool:
        return name in self.contents.names

    def _channel(self, source: str, key: str, asked: str) -> Channel:
        homes = [self, *(self.along(axis) for axis in self._elsewhere(source, key))]
        home = next((h for h in homes if source in h.selection and key in
                     h.source_data(source)), self)  # fmt: skip
        if source not in home.selection:
            raise SourceNotFound(asked, self.contents.names, where=self.name)
        return home.source_data(source).channel(key)

    def _elsewhere(self, source: str, key: str | None = None) -> list[str]:
        """Other event axes along which a source has fields."""
        return [
            axis
            for axis, parts in self.contents.parts.items()
            if axis != self.event_axis
            and any(key in part.keys[source] if key else True
                    for part in parts if source in part.keys)
        ]  # fmt: skip

    def _named(self, name: str) -> Source | Channel:
        return self._source_called(name) if self._is_source(name) else super()._named(name)

    def _source_called(self, name: str) -> Source:
        here = name in self.selection and self.store.names(name)
        if not here and (others := self._elsewhere(name)):
            return self.along(others[0]).source_data(name)
        if name not in self.selection and name in self.contents.names:
            return self.along(next(iter(self.contents.parts))).source_data(name)
        return super()._source_called(name)

    def source_data(self, name: str) -> EntrySource:
        """A source that has fields along this event axis.

        Raises
        ------
        SourceNotFound
        """
        found = super().source_data(name)
        return EntrySource(found.store, found.source, found.train_ids, found.selected)

    def channel(self, item: Any) -> Channel:
        """A channel by alias, path or (source, key), for the events of this axis.

        Raises
        ------
        AlignmentError
            It lies along other events.
        """
        found = item if isinstance(item, Channel) else super().channel(item)
        if found.store is not self.store and found.store.parts != self.store.parts:
            axis = getattr(found.store.parts[0], "axis", "another file")
            raise AlignmentError(
                f"{found.source} {found.key} lies along the events of {axis!r}, not of "
                f"{self.event_axis!r}",
                hint=f"entry.along({axis!r}) has all that lies along them.",
            )
        return replace(found, train_ids=self.train_ids)

    def find(self, path: str) -> Field | Group:
        """The group or field at a path below the entry, as found when it was opened.

        Raises
        ------
        KeyNotFound
        """
        found = self.contents.tree.top.find(self._short(path))
        if found is None:
            raise KeyNotFound(path, self._paths(), where=self.name)
        return found

    def field(self, path: str, *, roi: Any = ()) -> xr.DataArray:
        """Any field, whole or a region of it, whether or not it has rows for events.

        Parameters
        ----------
        path : str
            Below the entry: ``"instrument/detector/distance"``.
        roi : numpy.s_ expression

        Raises
        ------
        KeyNotFound
            There is no such field.
        DamagedFile
            It cannot be read.
        """
        found = self.find(path)
        if isinstance(found, Group):
            raise KeyNotFound(path, self._paths(), where=self.name, hint="It is a group.")
        return field_array(self.contents.file, found, roi)

    def _paths(self) -> list[str]:
        top = self.contents.tree.top
        paths = (self._short(each.path) for g in top.walk() for each in g.fields.values())
        return list(dict.fromkeys(paths))

    # --- together -------------------------------------------------------

    def aligned(self, *names: Any, **named: Any) -> xr.Dataset:
        """Several channels side by side, matched by event; see `Run.aligned`.

        Raises
        ------
        AlignmentError
            They do not lie along the same events.
        """
        wanted = {**{str(n): n for n in names}, **named}
        plain = {name: _plain(self.channel(item)) for name, item in wanted.items()}
        found = super().aligned(**plain)
        found = found.drop_vars("trainId", errors="ignore")
        if "train" not in found.dims:
            return found
        ids = np.asarray(found["train"].values, np.uint64)
        found = found.rename({"train": self.event})
        return found.assign_coords({self.event: (self.event, self._labels(ids))})

    def _labels(self, ids: NDArray[np.uint64]) -> NDArray[Any]:
        """What these events are called: numbers of points, dates, or seconds since the start."""
        parts = self.contents.parts[self.event_axis]
        if self.event != TIME:
            return ids
        dated = [part for part in parts if part.dated]
        if not dated:
            return parts[0].times_at(ids)
        known = np.concatenate([part.event_ids for part in dated])
        times = np.concatenate([part.times for part in dated])[np.argsort(known, kind="stable")]
        known = np.sort(known)
        near = np.minimum(np.searchsorted(known, ids), len(known) - 1)
        return np.where(known[near] == ids, times[near], np.datetime64("NaT", "ns"))

    def train_timestamps(self, *, labelled: bool = False, **options: Any) -> Any:
        """When each event was; NaT where nobody knows; see `Run.train_timestamps`."""
        found = super().train_timestamps(labelled=labelled, **options)
        if not labelled:
            return found
        return found.set_axis(pd.Index(self._labels(self.train_ids), name=self.event))

    def get_dataframe(self, fields: Any = None, *, timestamps: bool = False) -> pd.DataFrame:
        """Read channels of single values side by side, a line per event; see `Run`."""
        found = super().get_dataframe(fields, timestamps=timestamps)
        return found.rename_axis(index=self.event)

    def union(self, *others: Run) -> Run:
        """Not for entries: events of different files or entries are not the same events.

        Raises
        ------
        DataError
        """
        if not others:
            return self
        raise DataError(
            "Entries cannot be put together: their events are not the same",
            hint="Concatenate what plottable() gives.",
        )

    def __or__(self, other: Run) -> Run:
        return self.union(other)

    def write(
        self, path: str | Path, *, overwrite: bool = False, reporter: Reporter | None = None
    ) -> Path:
        """Not for entries: the format that runs are written in has no place for their axes.

        Raises
        ------
        DataError
        """
        raise DataError(
            f"{self.name} is no run of the European XFEL, and cannot be written as one",
            hint="Write labelled values: entry.plottable(), or a channel's .xarray(), "
            ".to_netcdf(...).",
        )

    def as_extra_data(self) -> Any:
        """Not for NeXus.

        Raises
        ------
        DataError
        """
        raise DataError(f"{self.name} is NeXus, which EXtra-data does not read")

    @property
    def problems(self) -> tuple[Finding, ...]:
        """What the file says wrongly or not at all."""
        return self.store.findings

    def card(self) -> Card:
        """Describe the entry; reads nothing."""
        return entry_card(self)


def _plain(channel: Channel) -> Channel:
    """The channel as others know it: its events are called trains."""
    if not isinstance(channel, EntryChannel):
        return channel
    return Channel(channel.store, channel.source, channel.key, channel.train_ids, channel.alias)


def open_entry(path: Path, entry: str | None = None, *, aliases: Aliases | None = None) -> Entry:
    """Open an entry of a NeXus file, or of any HDF5 file.

    Parameters
    ----------
    path : Path
    entry : str, optional
        Name of the entry; the default one else.
    aliases : Aliases, optional

    Warns
    -----
    DataWarning
        Files that hold values are not there.

    Raises
    ------
    DamagedFile
        It is not HDF5, or its beginning is damaged.
    SourceNotFound
        The file has no such entry.
    """
    _refuse_other_formats(path)
    contents = read_contents(path, entry)
    lost = [f for f in contents.findings if f.what == "missing file"]
    if lost:
        warn(f"{path.name}: values of {len(lost)} fields are in files that are not there "
             f"({lost[0].detail}); see entry.problems")  # fmt: skip
    opened = _along(contents, next(iter(contents.parts)), aliases or Aliases())
    note(path, opened.store.parts[:1])
    return replace(opened, reopen=(partial(open_entry, path, entry, aliases=aliases),))


def _along(contents: Contents, axis: str, aliases: Aliases) -> Entry:
    parts = contents.parts[axis]
    weakref.finalize(parts[0], pool.release, parts[0].file.path).atexit = False
    findings = (*contents.findings, *(f for part in parts for f in part.findings))
    store = Store.of(parts, findings=findings)
    name = contents.file.path.name
    if len(contents.chosen.entries) > 1:
        name += f":{contents.chosen.path.strip('/')}"
    everything = dict.fromkeys(store.sources)
    return Entry(store, name, store.event_ids, everything, aliases, contents=contents)


def _refuse_other_formats(path: Path) -> None:
    StoredFile.of(path)  # refuses a pipe, which would wait for ever
    try:
        with path.open("rb") as file:
            head = file.read(64).lstrip()
    except OSError:
        return
    for magic, name in MAGIC.items():
        if head.startswith(magic):
            raise DamagedFile(
                f"{path.name} is {name}, not HDF5", hint="NeXus tools convert it: nxconvert -h5."
            )
