"""A run again, with what has come since it was opened."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import reduce
from typing import TYPE_CHECKING

import numpy as np

from beambook.data._findings import Finding, warn
from beambook.data._union import union
from beambook.errors import DataError

if TYPE_CHECKING:
    from beambook.data._run import Run

__all__ = ["refreshed"]

GONE = "file removed"


def refreshed(run: Run) -> Run:
    """The run as its files are now, with the same selection and all new trains.

    Raises
    ------
    DataError
        Nobody knows how it was opened.
    """
    if not run.reopen:
        raise DataError(f"Nobody knows how {run.name} was opened", hint="Open it with open_run.")
    now = reduce(union, (again() for again in run.reopen))
    everything = run.selection == dict.fromkeys(run.store.sources)
    selection = now.selection if everything else _still_there(run, now)
    new = np.setdiff1d(now.store.event_ids, run.store.event_ids)
    kept = np.intersect1d(run.train_ids, now.store.event_ids)
    if gone := len(run.train_ids) - len(kept):
        warn(f"{gone} trains of {run.name} are no longer in its files")
    found = (*now.store.findings, *_gone(run, now))
    return replace(
        run,
        store=replace(now.store, findings=tuple(dict.fromkeys(found))),
        selection=selection,
        train_ids=np.union1d(kept, new).astype(np.uint64),
    )


def _gone(run: Run, now: Run) -> Iterator[Finding]:
    """Files that were there; what is on record stays so until they are there again."""
    there = {str(part.file.path) for part in now.store.parts}
    yield from (f for f in run.problems if f.what == GONE and f.where not in there)
    for part in run.store.parts:
        path = part.file.path
        if str(path) not in there and not path.exists():
            number = len(part.event_ids)
            yield Finding(GONE, str(path), 1, f"{number} trains, {len(part.sources)} sources")


def _still_there(run: Run, now: Run) -> dict[str, frozenset[str] | None]:
    gone = sorted(run.selection.keys() - now.selection.keys())
    if gone:
        warn(f"{len(gone)} sources of {run.name} are no longer in its files, e.g. {gone[0]}")
    return {s: keys for s, keys in run.selection.items() if s in now.selection}
