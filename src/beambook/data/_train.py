"""One train, and going through many."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from beambook.card import Card, Described, Table
from beambook.data._aliases import Aliases, Names
from beambook.errors import KeyNotFound, SourceNotFound

if TYPE_CHECKING:
    from beambook.data._run import Run

__all__ = ["Train", "read_trains"]

BLOCK = 64 << 20  # bytes read ahead


@dataclass(frozen=True, eq=False, repr=False)
class Train(Described, Mapping[str, dict[str, Any]]):
    """One train id with the data of all its sources.

    A mapping of sources to mappings of keys, as EXtra-data's: ``train[source][key]``. Also
    ``train[source, key]``, where ``.value`` may be left out, and ``train[alias]``: the value of
    a channel, or the mapping of a source.

    Attributes
    ----------
    id : int
        Train id.
    run : str
        Name of the run it is from.
    aliases : Aliases
        Short names.
    """

    id: int
    _data: dict[str, dict[str, Any]]
    run: str = ""
    aliases: Aliases = field(default_factory=Aliases)

    def __getitem__(self, item: str | tuple[str, str]) -> Any:
        source, key = item if isinstance(item, tuple) else (item, None)
        if source not in self._data and source in self.aliases:
            alias = self.aliases[source]
            source, key = alias.source, alias.key if key is None else key
        if source not in self._data:
            names = Names(self._data, self.aliases, source)
            raise SourceNotFound(source, names, where=f"train {self.id}")
        found = self._data[source]
        if key is None:
            return found
        for name in (key, f"{key}.value"):
            if name in found:
                return found[name]
        raise KeyNotFound(key, list(found), where=f"{source} in train {self.id}")

    def __iter__(self) -> Iterator[str]:
        return iter(self._data)

    def __len__(self) -> int:
        return len(self._data)

    def flat(self) -> dict[tuple[str, str], Any]:
        """The same values under (source, key)."""
        return {(s, k): v for s, found in self._data.items() for k, v in found.items()}

    def card(self) -> Card:
        """Describe the train."""
        rows = tuple(
            (source, key, str(np.shape(value)))
            for (source, key), value in sorted(self.flat().items())
            if key != "metadata"
        )
        table = Table(("source", "key", "shape"), rows, "data")
        return Card("Train", str(self.id), {"run": self.run, "sources": str(len(self))}, (table,))


def read_trains(run: Run, *, keep_dims: bool = False, old_names: bool = False) -> Iterator[Train]:
    """Go through the trains of a run, reading ahead at most 64 MiB (or one train).

    Parameters
    ----------
    run : Run
    keep_dims : bool
        Keep the first axis where a train has one row.
    old_names : bool
        Give the data of sources under their old names, too.
    """
    old = run.legacy_sources
    twins = {n: new for n, new in old.items() if old_names and _same_keys(run, n, new)}
    channels = [
        channel
        for source in sorted(run.all_sources - (twins if old_names else old).keys())
        for channel in run.source_data(source).channels()
    ]
    sources = sorted(run.all_sources)
    share = BLOCK // max(1, len(channels))
    have = [np.asarray(channel.data_counts(labelled=False)) > 0 for channel in channels]
    ahead = [channel.read_ahead(share, keep_dims=keep_dims) for channel in channels]
    for position, train_id in enumerate(map(int, run.train_ids)):
        data: dict[str, dict[str, Any]] = {
            s: {"metadata": {"source": s, "timestamp.tid": train_id}} for s in sources
        }
        for channel, there, trains in zip(channels, have, ahead, strict=True):
            if there[position]:
                data[channel.source][channel.key] = next(trains)[1]
        for name, new in twins.items():
            data[name] = data[new] | data[name]
        yield Train(train_id, data, run.name, run.aliases)


def _same_keys(run: Run, one: str, other: str) -> bool:
    return other in run.selection and run.selection[one] == run.selection[other]
