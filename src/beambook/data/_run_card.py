"""How a run shows itself."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

import numpy as np

from beambook.card import Card, Described, Table
from beambook.data._cached_property import cached_property
from beambook.data._findings import findings_table, summary
from beambook.errors import DamagedFile

if TYPE_CHECKING:
    from beambook.data._run import Run
    from beambook.data._source import Source

__all__ = ["Info", "run_card"]


def run_card(run: Run) -> Card:
    """Facts of a run that need no reading of its index."""
    facts = {"trains": span(run)}
    control, fast = len(run.control_sources), len(run.instrument_sources)
    facts["sources"] = f"{len(run.all_sources)} ({control} control, {fast} instrument)"
    if run.detectors:
        facts["detectors"] = ", ".join(f"{n} ({_modules(run, n)})" for n in run.detectors)
    facts |= {"time": time} if (time := _time(run)) else {}
    facts["files"] = f"{len(run.files)}, format {run.run_metadata().get('dataFormatVersion', '?')}"
    if run.aliases:
        facts["aliases"] = ", ".join(sorted(run.aliases))
    if run.problems:
        facts["problems"] = summary(run.problems)
    tables = [_sources_table(run)]
    tables += [findings_table(run.problems, title="problems")] if run.problems else []
    return Card("Run", run.name, facts, tuple(tables))


def _modules(run: Run, detector: str) -> str:
    """How many modules there are; one that is there raw and corrected is one."""
    sources = set(run.detectors[detector])
    numbers = {
        number
        for part in run.parts
        for source, (name, number) in part.modules.items()
        if name == detector and source in sources
    }
    return f"{len(numbers)} modules" if len(numbers) != 1 else "1 module"


def span(run: Run) -> str:
    """Number of trains, first and last."""
    ids = run.train_ids
    return f"{len(ids)} ({ids[0]} … {ids[-1]})" if len(ids) else "none"


def _time(run: Run) -> str:
    times = run.train_timestamps()
    times = times[~np.isnat(times)]
    if not len(times):
        return ""
    seconds = (times[-1] - times[0]) / np.timedelta64(1, "s")
    return f"{np.datetime_as_string(times[0], unit='s')} UTC, {seconds:.1f} s"


def _sources_table(run: Run) -> Table:
    short: dict[str, list[str]] = {}
    for alias in run.aliases.values():
        short.setdefault(alias.source, []).append(alias.name)
    rows = tuple(
        (source, "control" if source in run.control_sources else "instrument",
         ", ".join(short.get(source, ())))
        for source in sorted(run.all_sources)
    )  # fmt: skip
    return Table(("source", "kind", "aliases"), rows, "sources")


@dataclass(frozen=True, repr=False)
class Info(Described):
    """The sources of a run with what they have; made by ``run.info()``.

    Attributes
    ----------
    run : Run
    details : tuple of str
        Patterns of sources of which the keys are shown, too.
    with_auxiliary : bool
    """

    run: Run
    details: tuple[str, ...] = ()
    with_auxiliary: bool = False

    def card(self) -> Card:
        """Describe every source; reads the whole index."""
        tables = [_have_table(self.run, "sources")]
        tables += [_keys_table(self.run, name) for name in self._detailed]
        if self.with_auxiliary:
            tables.append(_have_table(self.run.auxiliary, "auxiliary sources"))
        facts = {"trains": span(self.run), "sources": str(len(self.run.all_sources))}
        return Card("Run", self.run.name, facts, tuple(tables))

    @property
    def _detailed(self) -> list[str]:
        names = sorted(self.run.all_sources)
        return [n for n in names if any(fnmatchcase(n, pattern) for pattern in self.details)]


@dataclass(frozen=True, repr=False)
class TrainInfo(Described):
    """The sources of one train; made by ``run.train_info()``.

    Attributes
    ----------
    run : Run
    train_id : int
    """

    run: Run
    train_id: int

    @cached_property
    def sources(self) -> tuple[str, ...]:
        """Sources that are in the files which have the train, with or without data."""
        there = {s for p in self.run.parts if self.train_id in p.event_ids for s in p.sources}
        return tuple(sorted(there & self.run.all_sources))

    def card(self) -> Card:
        """Describe the train; reads the index."""
        at = int(np.searchsorted(self.run.train_ids, self.train_id))
        one = self.run[[at]]
        found = [(name, one.source_data(name)) for name in self.sources]
        rows = tuple(
            (name, source.store.kind(name), int(source.data_counts(labelled=False).max(initial=0)))
            for name, source in found
        )
        facts = {"position": f"{at} of {len(self.run.train_ids)}"}
        when = str(np.datetime_as_string(one.train_timestamps(), unit="ms")[0])
        facts |= {"time": f"{when} UTC"} if when != "NaT" else {}
        facts["sources"] = f"{sum(n > 0 for *_, n in rows)} of {len(rows)} have data"
        return Card("Train", str(self.train_id), facts, (Table(("source", "kind", "rows"), rows),))


def _have_table(run: Run, title: str) -> Table:
    rows = [_have_row(run.source_data(name)) for name in sorted(run.all_sources)]
    columns = ("source", "written by", "keys", "trains", "missing", "rows per train")
    return Table(columns, tuple(rows), title)


def _have_row(source: Source) -> tuple[str | int, ...]:
    try:
        counts = np.asarray(source.data_counts(labelled=False))
        keys = len(source.keys(inc_timestamps=False))
    except DamagedFile:
        return (source.source, source.writer, "unreadable", "", "", "")
    have = int(np.count_nonzero(counts))
    most = int(counts.max(initial=0))
    return (source.source, source.writer, keys, have, len(counts) - have, most)


def _keys_table(run: Run, name: str) -> Table:
    source = run.source_data(name)
    channels = [source.channel(key) for key in sorted(source.keys(inc_timestamps=False))]
    rows = tuple(
        (c.key.removesuffix(".value"), str(c.dtype), str(list(c.entry_shape)), c.units)
        for c in channels
    )
    return Table(("key", "type", "entry", "units"), rows, name)
