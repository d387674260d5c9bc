"""The complete trains of one file that is being written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from beambook.data._euxfel.format import EuxfelPart
from beambook.data._format import Rows, Signal
from beambook.data._hdf5 import digest
from beambook.data._live.rows import sure_rows
from beambook.data._reading.read import open_dataset

__all__ = ["live_part"]

Flags = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class LivePart(EuxfelPart):
    """A file as it was in one look: what was learned then is not asked for again.

    A moment later the file may be half rewritten, and an index not be there.
    """

    known: Mapping[tuple[str, str, str], Any] = field(default_factory=dict)

    def names(self, source: str, *, constant: bool = False) -> frozenset[str]:
        """Keys below the source's group."""
        source = self.legacy.get(source, source)
        if constant or (found := self.known.get(("names", source, ""))) is None:
            return super().names(source, constant=constant)
        names: frozenset[str] = found
        return names

    def signal(self, source: str, name: str, *, constant: bool = False) -> Signal | None:
        """One key, under exactly this name."""
        source = self.legacy.get(source, source)
        if constant or ("signal", source, name) not in self.known:
            return super().signal(source, name, constant=constant)
        signal: Signal | None = self.known["signal", source, name]
        return signal

    def rows(self, source: str, group: str) -> Rows | None:
        """Rows of the complete trains."""
        source = self.legacy.get(source, source)
        if ("rows", source, group) not in self.known:
            return super().rows(source, group)
        rows: Rows | None = self.known["rows", source, group]
        return rows


def live_part(whole: EuxfelPart, file: h5py.File) -> tuple[LivePart, str]:
    """The complete trains of a file, and what the first of the others lacks.

    Parameters
    ----------
    whole : EuxfelPart
        All trains that the file lists.
    file : h5py.File
        The file, open all the time.
    """
    known: dict[tuple[str, str, str], Any] = {}
    keep, why = np.ones(len(whole.event_ids), bool), ""
    for what, sure in _sure(whole, file, known):
        if not why and not sure.all():
            why = f"{whole.event_ids[~sure][0]} lacks {what}"
        keep &= sure
    for question, rows in known.items():
        if isinstance(rows, Rows):
            known[question] = Rows(rows.first[keep], rows.count[keep])
    part = _only(whole, keep, known)
    _ = part.times, part.facts  # learned as well
    return part, why


def _only(part: EuxfelPart, keep: Flags, known: Mapping[tuple[str, str, str], Any]) -> LivePart:
    """The part with some of its trains; the guard is on those up to the last one kept."""
    slots = part.slots[keep]
    used = int(slots[-1]) + 1 if len(slots) else 0
    ids = np.zeros(used, np.uint64)
    before = part.slots < used
    ids[part.slots[before]] = part.event_ids[before]
    content = {each.name: getattr(part, each.name) for each in fields(part)}
    content["file"] = replace(part.file, guard=("INDEX/trainId", used, digest(ids)))
    chosen = {name: content[name][keep] for name in ("event_ids", "slots", "suspect")}
    return LivePart(**content | chosen, known=known)


def _sure(
    part: EuxfelPart, file: h5py.File, known: dict[tuple[str, str, str], Any]
) -> Iterator[tuple[str, Flags]]:
    """Per train: whether each thing that belongs to it is in the file."""
    used = int(part.slots.max(initial=-1)) + 1
    if part.version != "0.5":
        for name in ("INDEX/flag", "INDEX/timestamp"):
            yield name, part.slots < _sure_of(file, name, used)
    for source in sorted(part.sources.keys() - part.legacy.keys()):
        names = known["names", source, ""] = part.names(source)
        groups: dict[str, list[str]] = {}
        for key in sorted(names):
            group = "" if part.sources[source] == "control" else key.partition(".")[0]
            groups.setdefault(group, []).append(key)
        for group, keys in groups.items():
            yield from _sure_of_group(part, file, known, source, group, keys)


def _sure_of_group(
    part: EuxfelPart,
    file: h5py.File,
    known: dict[tuple[str, str, str], Any],
    source: str,
    group: str,
    keys: Sequence[str],
) -> Iterator[tuple[str, Flags]]:
    where = f"INDEX/{source}/{group}".rstrip("/")
    rows = known["rows", source, group] = part.rows(source, group)
    if rows is None:
        yield where, np.zeros(len(part.slots), bool)
        return
    used = int(part.slots.max(initial=-1)) + 1
    for name in ("first", "count") if f"{where}/count" in file else ("first", "last", "status"):
        sure = part.slots < _sure_of(file, f"{where}/{name}", used)
        # Where there are no rows, the first one means nothing.
        yield f"{where}/{name}", sure | (rows.count == 0) if name == "first" else sure
    stop = np.where(rows.count > 0, rows.first + rows.count, 0)
    most = int(stop.max(initial=0))
    for key in keys:
        signal = known["signal", source, key] = part.signal(source, key)
        sure_stop = 0 if signal is None else _sure_of(file, signal.dataset, most)
        yield f"{source} {key}", stop <= sure_stop


def _sure_of(file: h5py.File, path: str, wanted: int) -> int:
    dataset = open_dataset(file, path)
    return 0 if dataset is None or not dataset.rank else sure_rows(dataset, wanted)
