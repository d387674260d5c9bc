"""A source: one device or one of its outputs, with its keys."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from fnmatch import translate
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from beambook.card import Card, Described
from beambook.data._aliases import Alias
from beambook.data._channel import Channel
from beambook.data._findings import warn
from beambook.data._run_value import run_constants, run_value
from beambook.data._store import Store
from beambook.data._trains import TrainIds, choose_trains
from beambook.errors import KeyNotFound

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
        return not self.is_control

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
    def aggregator(self) -> str:
        """Who wrote it: ``DA01``, ``AGIPD07``; of the first file."""
        return self.store.parts[self._parts[0]].writer

    @property
    def written_train_ids(self) -> TrainIds:
        """All trains in its files, selected or not, with or without data."""
        ids = [self.store.ids_of(self.store.parts[n]) for n in self._parts]
        return np.unique(np.concatenate(ids))

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
        """All selected keys as channels, by name."""
        return [
            Channel(self.store, self.source, key, self.train_ids) for key in sorted(self.keys())
        ]

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

    def drop_empty_trains(self) -> Source:
        """The same source without the trains that have no data in any group."""
        return replace(self, train_ids=self.train_ids[self.data_counts(labelled=False) > 0])

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

    @property
    def device_class(self) -> str | None:
        """Class of the device that a control source is; None where the files do not say."""
        return str(self.run_value("classId")) if "classId.value" in self.run_keys() else None

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
            "written by": self.aggregator,
            "trains": f"{np.count_nonzero(counts)} of {len(counts)} have data",
            "keys": ", ".join(keys[:4]) + (f" … {len(keys)} in all" if len(keys) > 4 else ""),
        }
        if counts.max(initial=0) > 1:
            facts["rows"] = f"up to {counts.max()} in a train"
        return Card("Source", self.source, facts)
