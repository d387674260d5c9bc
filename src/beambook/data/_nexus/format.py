"""NeXus files: entries with event axes, sources that are groups, keys that are fields.

One part is one event axis of one entry. See ``docs/explanation/nexus.md``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from beambook.data._cached_property import cached_property
from beambook.data._euxfel.names import is_text
from beambook.data._event_ids import how_many
from beambook.data._findings import Finding
from beambook.data._format import Rows, Signal
from beambook.data._hdf5 import StoredFile, digest, pool
from beambook.data._nexus.entries import Chosen, choose_entry
from beambook.data._nexus.events import SINCE_START, TIME, EventAxis, Keyed, event_axes, source_name
from beambook.data._nexus.facts import Facts, facts_of
from beambook.data._nexus.links import FAULTS
from beambook.data._nexus.plot import default_plot
from beambook.data._nexus.read import find_filters, read_vector
from beambook.data._nexus.show import Plot
from beambook.data._nexus.tree import Field, Tree, read_tree
from beambook.errors import DamagedFile

__all__ = ["Contents", "Nexus", "NexusPart", "read_contents"]

MOST_GUARDED = 1_000_000  # points
SHOWN = 5


@dataclass(frozen=True)
class Nexus:
    """The format that many facilities share."""

    name: str = "nexus"

    def read_part(self, path: Path) -> NexusPart:
        """Read the events of what the default entry shows.

        Raises
        ------
        DamagedFile
            The file cannot be read, or nothing in it says that it is NeXus.
        """
        contents = read_contents(path)
        if not contents.chosen.stated:
            raise DamagedFile(f"{path.name} does not say that it is NeXus")
        return next(iter(contents.parts.values()))[0]


@dataclass(frozen=True, eq=False)
class NexusPart:
    """One event axis of an entry. See `beambook.data._format.Part` for the attributes.

    Attributes
    ----------
    axis : str
        Name of the event axis.
    event : str
        What one event is: ``"point"``, ``"time"`` or ``"record"``.
    keys : mapping of str to mapping of str to Keyed
        Fields with rows for the events, by source and name.
    constants : mapping of str to mapping of str to Field
        All other fields.
    index : mapping of str to Rows
    classes : mapping of str to str
        NeXus class of each source; empty where the file does not say.
    entry : str
        Name of the entry; empty where the file has none.
    """

    file: StoredFile
    axis: str
    event: str
    event_ids: NDArray[np.uint64]
    times: NDArray[np.datetime64]
    keys: Mapping[str, Mapping[str, Keyed]]
    constants: Mapping[str, Mapping[str, Field]]
    index: Mapping[str, Rows]
    classes: Mapping[str, str]
    facts: Mapping[str, str | int]
    findings: tuple[Finding, ...]
    entry: str = ""

    @property
    def label(self) -> str:
        """The file and the entry: ``scan101.nxs:entry``."""
        name = self.file.path.name
        return f"{name}:{self.entry}" if self.entry else name

    @cached_property
    def dated(self) -> bool:
        """Whether times are dates; else they are since a start that nobody knows."""
        return not bool(np.isnat(self.times).all())

    def times_at(self, ids: NDArray[np.uint64]) -> NDArray[Any]:
        """When these events were: datetime64[ns], or seconds since the start."""
        if self.dated:
            return self.times[np.searchsorted(self.event_ids, ids)]
        return np.asarray((ids - np.uint64(SINCE_START)).view(np.int64) / 1e9)

    def index_of(self, ids: NDArray[np.uint64]) -> pd.Index[Any]:
        """What events are called in tables: number of the point, or time."""
        return pd.Index(self.times_at(ids) if self.event == TIME else ids, name=self.event)

    @cached_property
    def suspect(self) -> NDArray[np.bool_]:
        """None is doubted."""
        return np.zeros(len(self.event_ids), bool)

    @property
    def sources(self) -> Mapping[str, str]:
        """Groups."""
        return dict.fromkeys((*self.keys, *self.constants), "instrument")

    @property
    def legacy(self) -> Mapping[str, str]:
        """None: a group with two names is listed under the first."""
        return {}

    @property
    def modules(self) -> Mapping[str, tuple[str, str]]:
        """None are known."""
        return {}

    @property
    def writer(self) -> str:
        """The file."""
        return self.file.path.stem

    @property
    def sequence(self) -> int | None:
        """Not numbered."""
        return None

    def names(self, source: str, *, constant: bool = False) -> frozenset[str]:
        """Names of the fields of a group."""
        return frozenset((self.constants if constant else self.keys).get(source, ()))

    def signal(self, source: str, name: str, *, constant: bool = False) -> Signal | None:
        """One field."""
        if constant:
            field = self.constants.get(source, {}).get(name)
            return None if field is None else _signal(field, "", (1, *field.shape), ())
        keyed = self.keys.get(source, {}).get(name)
        if keyed is None:
            return None
        return _signal(keyed.field, keyed.rows, keyed.field.shape, _entry_dims(keyed, name))

    def rows(self, source: str, group: str) -> Rows | None:
        """Which rows belong to each event."""
        return self.index.get(group) if source in self.keys else None


def _signal(field: Field, group: str, shape: tuple[int, ...], dims: tuple[str, ...]) -> Signal:
    text = is_text(field.dtype)
    dims = dims or tuple(f"axis_{axis}" for axis in range(1, len(shape)))
    dtype = np.dtype(object) if text else field.dtype
    return Signal(field.path, group, dtype, shape, dims, field.units)


def _entry_dims(keyed: Keyed, name: str) -> tuple[str, ...]:
    shape = keyed.field.shape
    if keyed.plot is not None and keyed.plot.signal.shape == shape:
        return keyed.plot.dims[1:]
    return tuple(f"{name}_{axis}" for axis in range(1, len(shape)))


@dataclass(frozen=True, eq=False)
class Contents:
    """Everything that was found out about an entry when it was opened; no data.

    Attributes
    ----------
    file : StoredFile
    chosen : Chosen
        Which entry of the file it is, and which others there are.
    tree : Tree
    facts : Facts
    plot : Plot or None
    parts : mapping of str to tuple of NexusPart
        By event axis, the default one first.
    findings : tuple of Finding
    """

    file: StoredFile
    chosen: Chosen
    tree: Tree
    facts: Facts
    plot: Plot | None
    parts: Mapping[str, tuple[NexusPart, ...]]
    findings: tuple[Finding, ...]

    @cached_property
    def names(self) -> frozenset[str]:
        """Sources along all event axes."""
        return frozenset(s for parts in self.parts.values() for p in parts for s in p.sources)

    @cached_property
    def events(self) -> Mapping[str, int]:
        """How many events each event axis has."""
        return {
            name: how_many(np.concatenate([part.event_ids for part in parts]))
            for name, parts in self.parts.items()
        }


def read_contents(path: Path, entry: str | None = None) -> Contents:
    """Read an entry's groups, fields and events.

    Parameters
    ----------
    path : Path
    entry : str, optional
        Its name; the default one of the file else.

    Raises
    ------
    DamagedFile
        The file is not HDF5.
    SourceNotFound
        It has no such entry.
    """
    stored = StoredFile.of(path)
    with pool.open(stored) as file:
        try:
            chosen = choose_entry(file, entry)
            tree = read_tree(file, chosen.path)
            facts = facts_of(file, tree)
            plot, problems = default_plot(tree.top, chosen.beyond)
            filters = find_filters(file, plot.signal) if plot is not None else ()
            axes, found = event_axes(file, tree, plot, facts.start_time)
            guarded = replace(stored, guard=_guard(file, axes))
        except FAULTS as error:
            if isinstance(error, DamagedFile | KeyError) and not isinstance(error, OSError):
                raise
            raise DamagedFile(f"{path.name} cannot be read: {error}") from error
    findings = (*chosen.findings, *_findings(tree, facts, plot, problems, filters), *found)
    parts = _parts(guarded, tree, facts, axes)
    return Contents(guarded, chosen, tree, facts, plot, parts, findings)


def _guard(file: h5py.File, axes: list[EventAxis]) -> tuple[str, int, bytes]:
    """A column of numbers by which another scan under the same file name is known."""
    for axis in axes[:1]:
        for keys in axis.keys.values():
            for keyed in keys.values():
                field = keyed.field
                plain = len(field.shape) == 1 and field.dtype.kind in "iuf" and not field.lost
                if plain and field.size <= MOST_GUARDED:
                    values = read_vector(file, field)
                    return ("", 0, b"") if values is None else (
                        field.path, len(values), digest(values)
                    )  # fmt: skip
    return "", 0, b""


def _parts(
    stored: StoredFile, tree: Tree, facts: Facts, axes: list[EventAxis]
) -> dict[str, tuple[NexusPart, ...]]:
    taken = {
        k.field.identity for axis in axes for keys in axis.keys.values() for k in keys.values()
    }
    constants = {
        source_name(tree.top, group): {
            name: field for name, field in group.fields.items() if field.identity not in taken
        }
        for group in tree.top.walk()
        if group.fields
    }
    classes = {source_name(tree.top, group): group.nx_class for group in tree.top.walk()}
    said = {name: value for name, value in vars(facts).items() if value}
    found: dict[str, tuple[NexusPart, ...]] = {}
    for axis in axes or [_no_events()]:
        own = constants if not found else {
            source: constants[source] for source in axis.keys if source in constants
        }  # fmt: skip
        index = {name: Rows(axis.first[name], axis.count[name]) for name in axis.first}
        part = NexusPart(
            stored, axis.name, axis.event, axis.ids, axis.times, axis.keys, own, index,
            classes, {"dataFormatVersion": "NeXus", **said}, axis.findings,
            tree.top.path.strip("/"),
        )  # fmt: skip
        found[axis.name] = (*found.get(axis.name, ()), part)
    return found


def _no_events() -> EventAxis:
    return EventAxis("point", "point", np.zeros(0, np.uint64), np.zeros(0, "M8[ns]"), {})


def _findings(
    tree: Tree,
    facts: Facts,
    plot: Plot | None,
    problems: tuple[str, ...],
    filters: tuple[str, ...],
) -> list[Finding]:
    where = tree.top.path
    found = [Finding(f"no {name.replace('_', ' ')}", where, 1) for name in facts.missing]
    if plot is None:
        found.append(Finding("nothing to show", where, 1, "no field that could be a signal"))
    wrong = plot.problems if plot is not None else problems
    found += [Finding("default plot", where, 1, problem) for problem in wrong]
    for path, names in tree.lost.items():
        found.append(Finding("missing file", path, len(names), ", ".join(names[:SHOWN])))
    broken = tree.broken
    for path, target in list(broken.items())[:SHOWN]:
        found.append(Finding("broken link", path, 1, f"leads to {target}" if target else ""))
    if len(broken) > SHOWN:
        found.append(Finding("broken link", where, len(broken) - SHOWN, "others"))
    for name in filters:
        detail = f"{name}; the package hdf5plugin has many"
        found.append(Finding("missing filter", plot.name if plot else where, 1, detail))
    if tree.circles:
        found.append(Finding("link not followed", tree.circles[0], len(tree.circles),
                             "leads to a group it is in, or to another entry"))  # fmt: skip
    if tree.cut:
        found.append(Finding("too many groups and fields", where, tree.cut, "not looked at"))
    return found
