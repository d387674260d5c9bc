"""Putting runs together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from beambook.data._health import conflicts
from beambook.errors import DataError

if TYPE_CHECKING:
    from beambook.data._run import Run

__all__ = ["union"]


def union(one: Run, other: Run) -> Run:
    """Both runs' sources, trains and aliases.

    Raises
    ------
    DataError
        Different files have the same train of the same source, or aliases disagree.
    """
    if hasattr(other, "event_axis"):  # an Entry, which refuses others itself
        raise DataError(
            "A run and an entry cannot be put together: events of an entry are not trains",
            hint="Match what their xarray() gives by time.",
        )
    mine, theirs = one.store.only(one.selection), other.store.only(other.selection)
    if clash := conflicts(mine, theirs, one.all_sources & other.all_sources):
        raise DataError(
            f"{len(clash)} sources have the same trains in both runs: {', '.join(clash[:3])}",
            hint="Deselect them in one of the runs.",
        )
    selection = dict(one.selection)
    for source, keys in other.selection.items():
        known = selection.setdefault(source, keys)
        selection[source] = None if known is None or keys is None else known | keys
    names = dict.fromkeys((*one.name.split(" + "), *other.name.split(" + ")))
    return replace(
        one,
        store=mine.with_(theirs),
        name=" + ".join(names),
        train_ids=np.union1d(one.train_ids, other.train_ids),
        selection=selection,
        aliases=one.aliases.and_(other.aliases),
        reopen=_both(one, other),
    )


def _both(one: Run, other: Run) -> tuple[Callable[[], Run], ...]:
    """How to open both again; parts of the same run are opened once."""
    if not one.reopen or not other.reopen:
        return ()
    known = {repr(again) for again in one.reopen}
    return (*one.reopen, *(again for again in other.reopen if repr(again) not in known))
