"""The event axes of a NeXus entry: points of a scan, records of a log, pulses of a source.

Arrays that do not lie along the same events must never be matched row by row. Hence each event
axis has its own parts: the points of what the entry shows; all that has absolute times, by
time; and, one by one, groups with rows of another number.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import h5py
import numpy as np
from numpy.typing import NDArray

from beambook.data._findings import Finding
from beambook.data._hdf5 import digest
from beambook.data._nexus.links import rows_there
from beambook.data._nexus.read import MOST_SMALL, read_vector
from beambook.data._nexus.show import Plot, plot_of
from beambook.data._nexus.signal import signal_of_group
from beambook.data._nexus.text import text_of
from beambook.data._nexus.times import Times, times_of_field
from beambook.data._nexus.tree import Field, Group, Identity, Tree

__all__ = ["POINT", "SINCE_START", "TIME", "EventAxis", "Keyed", "event_axes", "source_name"]

POINT, TIME, RECORD = "point", "time", "record"
SINCE_START = 3 << 61  # ids of times since an unknown start are above those of any date

FIXED = re.compile(
    r"(\w*pixel_(offset|size|mask|number|id)\w*|[xyz]_(offset|size|indices|edges)|\w*_mask|mask"
    r"|distance|polar_angle|azimuthal_angle|solid_angle|\w*time_of_flight|time_bins|flatfield\w*"
    r"|efficiency|gain_setting|detector_(number|id)|spectrum_(index|number)|vertices|faces"
    r"|winding_order|energy_(bins|edges)|\w*_edges|depends_on|dead_time|crate|slot|input|cylinders"
    r"|Q|q|wavelength|d_spacing|transformation_matrix|orientation_matrix|unit_cell|direction|channel|mca_channels)$"
)
EVENT_FIELDS = {"event_id", "event_time_offset", "event_pixel_id", "event_time_of_flight"}
PULSE_FIELDS = {"event_index", "event_time_zero", "pulse_time", "pulse_height"}


@dataclass(frozen=True, eq=False)
class Keyed:
    """A field under the name that it has as a key.

    Attributes
    ----------
    field : Field
    rows : str
        Which rows it has: the name of an index of its axis.
    plot : Plot or None
        What it is shown with.
    """

    field: Field
    rows: str
    plot: Plot | None = None


@dataclass(frozen=True, eq=False)
class EventAxis:
    """Events in stored order, and the fields that have rows for them.

    Attributes
    ----------
    name : str
        ``"point"``, ``"time"``, or the source that alone has these events.
    event : str
        What one event is: ``"point"``, ``"time"`` or ``"record"``.
    ids : ndarray of uint64, (events,)
        Position of a point; time in ns.
    times : ndarray of datetime64[ns], (events,)
    keys : mapping of str to mapping of str to Keyed
        By source and name.
    first, count : mapping of str to ndarray of int64, (events,)
        Rows of each event, by the name of an index.
    findings : tuple of Finding
    """

    name: str
    event: str
    ids: NDArray[np.uint64]
    times: NDArray[np.datetime64]
    keys: dict[str, dict[str, Keyed]]
    first: dict[str, NDArray[np.int64]] = dataclasses.field(default_factory=dict)
    count: dict[str, NDArray[np.int64]] = dataclasses.field(default_factory=dict)
    findings: tuple[Finding, ...] = ()


def source_name(top: Group, group: Group) -> str:
    """Path below the entry; ``"."`` for the entry itself."""
    return group.path.removeprefix(top.path.rstrip("/")).strip("/") or "."


def event_axes(
    file: h5py.File, tree: Tree, plot: Plot | None, start: str
) -> tuple[list[EventAxis], list[Finding]]:
    """All event axes of an entry; the first is that of what it shows.

    Parameters
    ----------
    file : h5py.File
    tree : Tree
    plot : Plot or None
    start : str
        When the entry began, as it says.
    """
    return _Axes(file, tree, plot, start).found()


class _Axes:
    def __init__(self, file: h5py.File, tree: Tree, plot: Plot | None, start: str) -> None:
        self.file, self.tree, self.plot, self.start = file, tree, plot, start
        self.taken: set[Identity] = set()
        self.called: dict[Identity, list[tuple[str, str]]] = {}  # all names of each field
        for group in tree.top.walk():
            for key, field in group.fields.items():
                name = source_name(tree.top, group), key
                self.called.setdefault(field.identity, []).append(name)
        self.findings: list[Finding] = []

    def found(self) -> tuple[list[EventAxis], list[Finding]]:
        timed = list(self._timed())
        points = self._points() if self._shows_points() else []
        others = list(self._others(1 if points or timed else 0))
        return [*points, *_merged(timed), *others], list(dict.fromkeys(self.findings))

    def _shows_points(self) -> bool:
        plot = self.plot
        return plot is not None and bool(plot.signal.shape) and not self._is_taken(plot.signal)

    def _is_taken(self, field: Field) -> bool:
        return field.identity in self.taken

    # --- points ---------------------------------------------------------

    def _points(self) -> list[EventAxis]:
        plot = self.plot
        assert plot is not None  # noqa: S101 for the type checker
        axis = self._axis_of(plot, POINT)
        if axis is None:
            return []
        if FIXED.match(plot.axes[0].name) is None:  # else its rows are pixels or channels
            for group in self.tree.top.walk():
                if group is not plot.group:
                    self._add_rows_elsewhere(axis, group, plot)
        return [axis]

    def _axis_of(self, plot: Plot, name: str) -> EventAxis | None:
        """The first axis of a plot with all fields of its group that lie along it."""
        length = plot.signal.shape[0]
        source = source_name(self.tree.top, plot.group)
        if length > MOST_SMALL:
            self.findings.append(Finding("too many points", plot.name, length, "not indexed"))
            return None
        axis = EventAxis(
            name, POINT, np.arange(length, dtype=np.uint64), np.full(length, "NaT", "M8[ns]"), {}
        )
        along = _fields_along(plot)
        for key, field in plot.group.fields.items():
            if id(field) in along:
                self._add(axis, source, key, field, plot)
        if not self._is_taken(plot.signal):  # its group only links to it by a path
            self._add(axis, source, plot.signal.path.rpartition("/")[2], plot.signal, plot)
        return axis

    def _add(self, axis: EventAxis, source: str, key: str, field: Field, plot: Plot | None) -> None:
        rows = "" if not field.lost else field.path
        if rows not in axis.first:
            number = len(axis.ids)
            here = (
                np.ones(number, np.int64) if not rows else rows_there(self.file, field.path, number)
            )
            axis.first[rows], axis.count[rows] = np.arange(number, dtype=np.int64), here
        self._put(axis, source, key, Keyed(field, rows, plot))

    def _put(self, axis: EventAxis, source: str, key: str, keyed: Keyed) -> None:
        """Under all names that links give the field."""
        for name, each in {(source, key): None, **dict.fromkeys(self._names(keyed.field))}:
            axis.keys.setdefault(name, {})[each] = keyed
        self.taken.add(keyed.field.identity)

    def _names(self, field: Field) -> list[tuple[str, str]]:
        return self.called.get(field.identity, [])

    def _add_rows_elsewhere(self, axis: EventAxis, group: Group, plot: Plot) -> None:
        """Fields of other groups with a row for each point, unless they mean something else."""
        linked = {f.identity for f in plot.group.fields.values()}
        for key, field in group.fields.items():
            free = field.identity not in linked and not self._is_taken(field)
            along = field.shape[:1] == (len(axis.ids),) and _is_data(field)
            if free and along and _per_point(group, key, field):
                self._add(axis, source_name(self.tree.top, group), key, field, None)

    def _others(self, number: int) -> Iterator[EventAxis]:
        """Groups that show something else, with points of their own."""
        for group in self.tree.top.walk():
            signal = signal_of_group(group)
            if signal is None or self._is_taken(signal) or signal.size < 2 or not signal.shape:
                continue
            name = POINT if not number else source_name(self.tree.top, group)
            if (axis := self._axis_of(plot_of(group, signal), name)) is not None:
                number += 1
                yield axis

    # --- times ----------------------------------------------------------

    def _timed(self) -> Iterator[EventAxis]:
        for group in self.tree.top.walk():
            names = set(group.fields)
            if group.nx_class == "NXevent_data" or (EVENT_FIELDS & names and PULSE_FIELDS & names):
                found = self._pulses(group)
            elif self._is_log(group):
                found = self._records(group)
            else:
                continue
            if found is not None:
                yield found

    def _is_log(self, group: Group) -> bool:
        values = {"value", "raw_value", "values"} & set(group.fields)
        time = group.fields.get("time")
        if time is None or len(time.shape) != 1 or not time.size:
            return False
        return group.nx_class == "NXlog" or (not group.nx_class and bool(values))

    def _records(self, group: Group) -> EventAxis | None:
        time = group.fields["time"]
        same = {
            key: field
            for key, field in group.fields.items()
            if field.shape[:1] == time.shape and _is_data(field)
        }
        return self._by_time(group, time, same)

    def _pulses(self, group: Group) -> EventAxis | None:
        names = ("event_time_zero", "pulse_time")
        zero = next((group.fields[n] for n in names if n in group.fields), None)
        index = group.fields.get("event_index")
        if zero is None or index is None or zero.shape != index.shape or len(index.shape) != 1:
            self.findings.append(
                Finding("events without pulses", group.path, 1, "no event_index or event_time_zero")
            )
            return None
        starts = read_vector(self.file, index)
        events = {k: f for k, f in group.fields.items() if k in EVENT_FIELDS and len(f.shape) == 1}
        if starts is None or starts.dtype.kind not in "iu":
            self.findings.append(Finding("unreadable index of events", index.path, 1))
            return None
        axis = self._by_time(group, zero, {
            key: field for key, field in group.fields.items()
            if field.shape[:1] == zero.shape and _is_data(field) and key not in EVENT_FIELDS
        })  # fmt: skip
        if axis is not None and events:
            self._add_events(axis, group, starts.astype(np.int64), events)
        return axis

    def _add_events(
        self, axis: EventAxis, group: Group, starts: NDArray[np.int64], events: dict[str, Field]
    ) -> None:
        total = min(field.size for field in events.values())
        stops = np.append(starts[1:], total)
        order, begin = axis.first[""], axis.count[""]
        axis.first["events"] = starts[order] if len(starts) else starts
        last = np.where(begin > 0, order + begin - 1, order)
        axis.count["events"] = stops[last] - axis.first["events"] if len(starts) else starts
        source = source_name(self.tree.top, group)
        for key, field in events.items():
            self._put(axis, source, key, Keyed(field, "events"))

    def _by_time(self, group: Group, time: Field, fields: Mapping[str, Field]) -> EventAxis | None:
        values = read_vector(self.file, time)
        if values is None:
            self.findings.append(Finding("unreadable times", time.path, 1))
            return None
        start = text_of(time.attrs.get("start")) or text_of(time.attrs.get("offset"))
        times = times_of_field(values, time.units, start, self.start)
        source = source_name(self.tree.top, group)
        axis = _time_axis(source, times, len(values))
        if times is None or axis.event == RECORD:
            why = "not understood" if times is None else "go back"
            self.findings.append(Finding("times of a log", time.path, 1, why))
        for key, field in fields.items():
            self._put(axis, source, key, Keyed(field, ""))
        return axis


def _merged(axes: list[EventAxis]) -> list[EventAxis]:
    """The same, with sources of exactly the same times on one axis."""
    found: dict[tuple[str, bytes], EventAxis] = {}
    for axis in axes:
        key = axis.name, digest(axis.ids)
        if key in found:
            _add_to(found[key], axis)
        else:
            found[key] = axis
    return list(found.values())


def _add_to(known: EventAxis, axis: EventAxis) -> None:
    names = {}
    for name, first in axis.first.items():
        new, count = name, axis.count[name]
        while new in known.first and not (
            np.array_equal(known.first[new], first) and np.array_equal(known.count[new], count)
        ):
            new = f"{new}'"
        known.first[new], known.count[new], names[name] = first, count, new
    for source, keys in axis.keys.items():
        for key, keyed in keys.items():
            moved = dataclasses.replace(keyed, rows=names[keyed.rows])
            known.keys.setdefault(source, {})[key] = moved


def _time_axis(source: str, times: Times | None, number: int) -> EventAxis:
    """Records of one time are one event; where times go back, records are numbered."""
    if times is None or (times.ns[1:] < times.ns[:-1]).any():
        where = np.full(number, "NaT", "M8[ns]")
        if times is not None and times.absolute:
            where = times.ns.view("M8[ns]")
        ids, first = np.arange(number, dtype=np.uint64), np.arange(number, dtype=np.int64)
        one = np.ones(number, np.int64)
        return EventAxis(source, RECORD, ids, where, {}, {"": first}, {"": one})
    unique, first, count = np.unique(times.ns, return_index=True, return_counts=True)
    absolute = times.absolute and (not len(unique) or unique[0] >= 0)
    ids = unique.view(np.uint64) + np.uint64(0 if absolute else SINCE_START)
    where = unique.view("M8[ns]") if times.absolute else np.full(len(unique), "NaT", "M8[ns]")
    return EventAxis(
        TIME, TIME, ids, where, {},
        {"": first.astype(np.int64)}, {"": count.astype(np.int64)},
    )  # fmt: skip


def _fields_along(plot: Plot) -> set[int]:
    """Fields of the plot's group that have a row for each point of its first axis."""
    length = plot.signal.shape[0]
    elsewhere = {id(axis.field) for axis in plot.axes[1:]} | {
        id(other.field) for other in plot.others if not other.axes or other.axes[0] != 0
    }
    return {id(plot.signal)} | {
        id(field)
        for field in plot.group.fields.values()
        if field.shape[:1] == (length,) and id(field) not in elsewhere and _is_data(field)
    }


def _per_point(group: Group, key: str, field: Field) -> bool:
    """Whether a field of another group, with as many rows as there are points, is per point."""
    if FIXED.match(key) or group.nx_class in ("NXdata", "NXlog", "NXevent_data"):
        return False
    return field.shape[0] > 1 or (group.nx_class == "NXdetector" and len(field.shape) > 2)


def _is_data(field: Field) -> bool:
    return field.dtype.kind in "iufcbSOU" or field.dtype.names is not None
