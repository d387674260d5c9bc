"""A source: one device or one of its outputs, with its keys."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from fnmatch import translate
from functools import reduce
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from beambook.card import Card, Described
from beambook.data._aliases import Alias
from beambook.data._channel import Channel
from beambook.data._euxfel.names import FileName, storage_class
from beambook.data._event_ids import all_of
from beambook.data._findings import warn
from beambook.data._health import conflicts
from beambook.data._interop.as_extra_data import source_data
from beambook.data._origin import Origin
from beambook.data._run_value import run_constants, run_value
from beambook.data._store import Store
from beambook.data._trains import TrainIds, choose_trains, split
from beambook.errors import DataError, KeyNotFound

__all__ = ["Source"]


@dataclass(frozen=True, eq=False, repr=False)
class Source(Described):
    """One source for the selected trains. Get it from ``run[source]``.

    Attributes
    ----------
    source : str
        Its name.
    train_ids : ndarray of uint64, (trains,)
    selected : frozenset of str or None
        The selected keys; None for all.
    """

    store: Store
    source: str
    train_ids: TrainIds
    selected: frozenset[str] | None = None

    @property
    def is_control(self) -> bool:
        """Whether it has one entry per train of slow values (a device's properties)."""
        return self.store.kind(self.source) == "control"

    @property
    def is_instrument(self) -> bool:
        """Whether it is fast data (an output of a device)."""
        return self.store.kind(self.source) == "instrument"

    @property
    def is_reduction(self) -> bool:
        """Whether it says how data was reduced; see `Run.auxiliary`."""
        return self.store.kind(self.source) == "reduction"

    @property
    def is_errata(self) -> bool:
        """Whether it says what was wrong with data; see `Run.auxiliary`."""
        return self.store.kind(self.source) == "errata"

    @property
    def is_auxiliary(self) -> bool:
        """Whether it is beside the data: `is_reduction` or `is_errata`."""
        return self.is_reduction or self.is_errata

    @property
    def is_run_only(self) -> bool:
        """Whether it has values of the run only, none by train."""
        return self.is_control and self.one_key() is None

    @property
    def is_legacy(self) -> bool:
        """Whether this is an old name for another source."""
        return self.source in self.store.legacy

    @property
    def canonical_name(self) -> str:
        """The name it has now."""
        return self.store.legacy.get(self.source, self.source)

    @property
    def files(self) -> tuple[str, ...]:
        """Paths of the files it is in."""
        return tuple(str(self.store.parts[n].file.path) for n in self._parts)

    @property
    def writer(self) -> str:
        """Who wrote it, with the kind of data where not raw: ``CORR AGIPD07``."""
        return self.store.parts[self._parts[0]].writer

    @property
    def aggregator(self) -> str:
        """The process that wrote it: ``DA01``, ``AGIPD07``; of the first file."""
        return self._file_name.aggregator if self._file_name else self.writer

    @property
    def data_category(self) -> str | None:
        """Kind of data, by the name of the first file: ``RAW``, ``CORR``; None elsewhere."""
        return self._file_name.category if self._file_name else None

    @property
    def storage_class(self) -> str | None:
        """Where the facility keeps the first file: ``raw``, ``proc`` …; None elsewhere."""
        return storage_class(self.store.parts[self._parts[0]].file.path)

    @property
    def _file_name(self) -> FileName | None:
        return FileName.of(self.store.parts[self._parts[0]].file.path)

    @property
    def written_train_ids(self) -> TrainIds:
        """All trains in its files, selected or not, with or without data."""
        ids = [self.store.ids_of(self.store.parts[n]) for n in self._parts]
        return all_of(ids)

    @property
    def _parts(self) -> tuple[int, ...]:
        return self.store.sources[self.source]

    def keys(self, *, inc_timestamps: bool = True) -> frozenset[str]:
        """Names of the selected keys.

        Parameters
        ----------
        inc_timestamps : bool
            Control sources store each property as ``name.value`` and ``name.timestamp``; without
            timestamps the properties are given, as ``name``.
        """
        keys = self.store.names(self.source) if self.selected is None else self.selected
        if inc_timestamps or not self.is_control:
            return keys
        return frozenset(k.removesuffix(".value") for k in keys if k.endswith(".value"))

    def full_key(self, key: str) -> str | None:
        """The key as stored (``.value`` may be left out), or None if it is not there."""
        for name in (key, f"{key}.value") if self.is_control else (key,):
            chosen = self.selected is None or name in self.selected
            if chosen and self.store.has(self.source, name):
                return name
        return None

    def __contains__(self, key: object) -> bool:
        return isinstance(key, str) and self.full_key(key) is not None

    def __getitem__(self, item: Any) -> Any:
        """A `Channel` for a key, else a choice of trains."""
        return self.channel(item) if isinstance(item, str) else self.select_trains(item)

    __iter__ = None

    def _ipython_key_completions_(self) -> list[str]:
        return sorted(self.keys(inc_timestamps=False))

    def channel(self, key: str, alias: Alias | None = None) -> Channel:
        """The channel of a key.

        Raises
        ------
        KeyNotFound
            The source has no such key, or it is not selected.
        """
        name = self.full_key(key)
        if name is None:
            raise KeyNotFound(key, self.keys(inc_timestamps=False), where=self.source)
        return Channel(self.store, self.source, name, self.train_ids, alias)

    def select_trains(self, trains: Any) -> Source:
        """The same source for some of the trains; also as ``source[:10]``."""
        return replace(self, train_ids=choose_trains(self.train_ids, trains))

    def select_keys(self, keys: str | Iterable[str] | None) -> Source:
        """The same source with some of the keys.

        Parameters
        ----------
        keys : str, iterable of str or None
            A name or a pattern (``"image.*"``), or several names; None or empty for all.

        Raises
        ------
        KeyNotFound
        """
        if not keys:
            return self
        return replace(self, selected=self._matching({keys} if isinstance(keys, str) else keys))

    def _matching(self, patterns: Iterable[str]) -> frozenset[str]:
        found: set[str] = set()
        for pattern in patterns:
            names = self.match_keys(pattern)
            if not names:
                raise KeyNotFound(pattern, self.keys(inc_timestamps=False), where=self.source)
            found |= names
        return frozenset(found)

    def match_keys(self, pattern: str) -> frozenset[str]:
        """Selected keys that a pattern means; for control sources ``.value`` is understood."""
        if not re.search(r"[*?[]", pattern):
            name = self.full_key(pattern)
            return frozenset() if name is None else frozenset((name,))
        if self.is_control and not pattern.endswith((".value", "*")):
            pattern += ".value"
        return frozenset(filter(re.compile(translate(pattern)).match, self.keys()))

    @property
    def index_groups(self) -> frozenset[str]:
        """The parts of the source that have rows of their own; ``{""}`` for control sources."""
        if self.is_control:
            return frozenset(("",))
        return frozenset(key.partition(".")[0] for key in self.keys())

    def one_key(self, group: str | None = None) -> str | None:
        """Some key, of one index group or of any; None if there is none."""
        if self.is_control or group is None:
            names = sorted(self.keys())
        else:
            names = sorted(k for k in self.keys() if k.partition(".")[0] == group)
        return names[0] if names else None

    def data_counts(
        self, *, labelled: bool = True, index_group: str | None = None
    ) -> pd.Series[int] | NDArray[np.int64]:
        """Rows in each train: of one index group, or the largest of all groups.

        Parameters
        ----------
        labelled : bool
            Give a Series over train ids, else an array to match ``train_ids``.
        index_group : str, optional
        """
        groups = self.index_groups if index_group is None else {index_group}
        counts = np.zeros(len(self.train_ids), np.int64)
        for key in filter(None, map(self.one_key, sorted(groups))):
            counts = np.maximum(counts, np.asarray(self.channel(key).data_counts(labelled=False)))
        return pd.Series(counts, pd.Index(self.train_ids, name="train")) if labelled else counts

    def channels(self) -> list[Channel]:
        """All selected keys as channels, by name; less those that have no rows, with a warning."""
        keys = sorted(self.keys())
        stored = [key for key in keys if any(self.store.signals(self.source, key))]
        if rowless := sorted(set(keys).difference(stored)):
            warn(f"{self.source}: {len(rowless)} keys have no rows, e.g. {rowless[0]}; left out")
        return [Channel(self.store, self.source, key, self.train_ids) for key in stored]

    def trains_with_data(self, *, whole: bool) -> NDArray[np.bool_] | None:
        """Which trains have data in all (or, if not `whole`, any) parts of the selection.

        Returns
        -------
        ndarray of bool, (trains,) or None
            None for a source without keys, which only has values of the run.
        """
        groups = map(self.one_key, sorted(self.index_groups))
        keys = sorted(filter(None, groups) if self.selected is None else self.selected)
        if not keys:
            return None
        have = [np.asarray(self.channel(k).data_counts(labelled=False)) > 0 for k in keys]
        return np.asarray(np.all(have, axis=0) if whole else np.any(have, axis=0))

    def train_id_coordinates(self, index_group: str | None = None) -> TrainIds:
        """Train id of each row.

        Parameters
        ----------
        index_group : str, optional
            Needed if groups have different rows.

        Raises
        ------
        DataError
            The groups differ, and none is given.
        """
        groups = sorted(self.index_groups) if index_group is None else [index_group]
        counts = [self.data_counts(labelled=False, index_group=g) for g in groups] or [
            np.zeros(len(self.train_ids), np.int64)
        ]
        if any(not np.array_equal(each, counts[0]) for each in counts[1:]):
            raise DataError(
                f"The groups {', '.join(groups)} of {self.source} have different rows",
                hint=f"Give one of them, e.g. index_group={groups[0]!r}.",
            )
        return np.repeat(self.train_ids, np.asarray(counts[0]))

    def drop_empty_trains(self, index_group: str | None = None) -> Source:
        """The same source without the trains that have no data in a group (or in any)."""
        counts = self.data_counts(labelled=False, index_group=index_group)
        return replace(self, train_ids=self.train_ids[np.asarray(counts) > 0])

    def split_trains(
        self, parts: int | None = None, trains_per_part: int | None = None
    ) -> Iterator[Source]:
        """Cut the source in parts of nearly as many trains; see `Run.split_trains`."""
        return (self[part] for part in split(self.train_ids, parts, trains_per_part))

    def union(self, *others: Source) -> Source:
        """The same source of several runs or selections, put together.

        Raises
        ------
        DataError
            Another source, or different files have the same train.
        """
        return reduce(_together, others, self)

    def __or__(self, other: Source) -> Source:
        return self.union(other)

    # --- values of the run ------------------------------------------------

    def run_keys(self, *, inc_timestamps: bool = True) -> frozenset[str]:
        """Names of the values stored once for the run; not affected by selecting keys."""
        names = self.store.names(self.source, constant=True)
        if inc_timestamps:
            return names
        return frozenset(n.removesuffix(".value") for n in names if n.endswith(".value"))

    def run_value(self, key: str) -> Any:
        """One value as it was at the start of the run.

        Parameters
        ----------
        key : str
            ``.value`` may be left out.

        Raises
        ------
        KeyNotFound
            There is no such value.
        DataError
            The source comes from several runs, which disagree.
        """
        return run_value(self.store, self.source, key)

    def run_values(self, *, inc_timestamps: bool = True) -> dict[str, Any]:
        """All values as they were at the start of the run, by name.

        Parameters
        ----------
        inc_timestamps : bool
            As in `keys`.
        """
        suffix = "" if inc_timestamps else ".value"
        names = self.run_keys(inc_timestamps=inc_timestamps)
        return {
            name: run_constants(self.store, self.source, name + suffix)[0] for name in sorted(names)
        }

    def run_metadata(self) -> dict[str, str | int]:
        """What the first file of the source says about the run: proposal, run, dates, versions."""
        return dict(self.store.parts[self._parts[0]].facts)

    @property
    def device_class(self) -> str | None:
        """Class of the device that a control source is; None where the files do not say."""
        return str(self.run_value("classId")) if "classId.value" in self.run_keys() else None

    @property
    def origin(self) -> Origin:
        """Which run it is from, and where that is."""
        return Origin.of_parts(self.store.parts[n] for n in self._parts)

    def as_extra_data(self) -> Any:
        """The source as an ``extra_data.SourceData``; see `Run.as_extra_data`."""
        return source_data(self.store, self.source, self.train_ids, self.selected)

    def warn_if_legacy(self) -> Source:
        """Warn when the name is an old one, and give the source."""
        if self.is_legacy:
            text = f"{self.source} is an old name of {self.canonical_name}; it will go"
            warn(text, DeprecationWarning)
        return self

    def card(self) -> Card:
        """Describe the source."""
        keys = sorted(self.keys(inc_timestamps=False))
        counts = np.asarray(self.data_counts(labelled=False))
        facts = {
            "kind": self.store.kind(self.source),
            "written by": self.writer,
            "trains": f"{np.count_nonzero(counts)} of {len(counts)} have data",
            "keys": ", ".join(keys[:4]) + (f" … {len(keys)} in all" if len(keys) > 4 else ""),
        }
        if counts.max(initial=0) > 1:
            facts["rows"] = f"up to {counts.max()} in a train"
        facts["run"] = self.origin.run
        return Card("Source", self.source, facts)


def _together(one: Source, other: Source) -> Source:
    if one.source != other.source:
        raise DataError(f"{one.source} and {other.source} are two sources", hint="Join the runs.")
    mine, theirs = one.store.only((one.source,)), other.store.only((one.source,))
    if conflicts(mine, theirs, (one.source,)):
        raise DataError(f"Different files have the same trains of {one.source}")
    both = None not in (one.selected, other.selected)
    return replace(
        one,
        store=mine.with_(theirs),
        train_ids=np.union1d(one.train_ids, other.train_ids),
        selected=(one.selected or frozenset()) | (other.selected or frozenset()) if both else None,
    )
