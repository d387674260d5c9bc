"""A run again, with what has come since it was opened."""

from __future__ import annotations

from dataclasses import replace
from functools import reduce
from typing import TYPE_CHECKING

import numpy as np

from beambook.data._findings import warn
from beambook.data._union import union
from beambook.errors import DataError

if TYPE_CHECKING:
    from beambook.data._run import Run

__all__ = ["refreshed"]


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
    return replace(
        run,
        store=now.store,
        selection=selection,
        train_ids=np.union1d(kept, new).astype(np.uint64),
    )


def _still_there(run: Run, now: Run) -> dict[str, frozenset[str] | None]:
    gone = sorted(run.selection.keys() - now.selection.keys())
    if gone:
        warn(f"{len(gone)} sources of {run.name} are no longer in its files, e.g. {gone[0]}")
    return {s: keys for s, keys in run.selection.items() if s in now.selection}
