"""How a run shows itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from beambook.card import Card, Described, Table
from beambook.data._findings import findings_table, summary

if TYPE_CHECKING:
    from beambook.data._run import Run

__all__ = ["Info", "run_card"]


def run_card(run: Run) -> Card:
    """Facts of a run that need no reading of its index."""
    facts = {"trains": span(run)}
    control, fast = len(run.control_sources), len(run.instrument_sources)
    facts["sources"] = f"{len(run.all_sources)} ({control} control, {fast} instrument)"
    if run.detectors:
        modules = {name: len(sources) for name, sources in run.detectors.items()}
        facts["detectors"] = ", ".join(f"{name} ({n} modules)" for name, n in modules.items())
    facts |= {"time": time} if (time := _time(run)) else {}
    facts["files"] = f"{len(run.files)}, format {run.run_metadata().get('dataFormatVersion', '?')}"
    if run.aliases:
        facts["aliases"] = ", ".join(sorted(run.aliases))
    if run.problems:
        facts["problems"] = summary(run.problems)
    tables = [_sources_table(run)]
    tables += [findings_table(run.problems, title="problems")] if run.problems else []
    return Card("Run", run.name, facts, tuple(tables))


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
    """

    run: Run

    def card(self) -> Card:
        """Describe every source; reads the whole index."""
        rows = []
        for name in sorted(self.run.all_sources):
            source = self.run.source_data(name)
            counts = np.asarray(source.data_counts(labelled=False))
            have = int(np.count_nonzero(counts))
            keys = len(source.keys(inc_timestamps=False))
            missing = len(counts) - have
            rows.append((name, source.writer, keys, have, missing, int(counts.max(initial=0))))
        columns = ("source", "written by", "keys", "trains", "missing", "rows per train")
        facts = {"trains": span(self.run), "sources": str(len(rows))}
        return Card("Run", self.run.name, facts, (Table(columns, tuple(rows), "sources"),))
