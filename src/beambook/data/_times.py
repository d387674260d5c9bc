"""When trains were."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from beambook.data._format import Part

__all__ = ["labelled_times", "python_times", "times_of"]


def times_of(
    parts: Iterable[Part], event_ids: NDArray[np.uint64], *, suspect: bool = True
) -> NDArray[np.datetime64]:
    """When each event was, by the first part that knows; NaT where none does.

    Parameters
    ----------
    parts : iterable of Part
    event_ids : ndarray of uint64, (events,)
        Each once.
    suspect : bool
        Whether the time of an entry counts whose id is doubtful; those that are not go first.
    """
    times = np.full(len(event_ids), np.datetime64("NaT"), "M8[ns]")
    for part in parts:
        if not np.isnat(times).any():
            break
        order = np.argsort(part.suspect, kind="stable")
        order = order if suspect else order[~part.suspect[order]]
        _, to, of = np.intersect1d(event_ids, part.event_ids[order], return_indices=True)
        times[to] = np.where(np.isnat(times[to]), part.times[order][of], times[to])
    return times


def labelled_times(
    times: NDArray[np.datetime64], train_ids: NDArray[np.uint64], zone: str
) -> pd.Series[pd.Timestamp]:
    """Times as a Series over train ids, in a time zone."""
    series = pd.Series(times, pd.Index(train_ids, name="train")).dt.tz_localize(UTC)
    local: pd.Series[pd.Timestamp] = series.dt.tz_convert(_zone(zone))
    return local


def python_times(times: NDArray[np.datetime64], zone: str) -> list[datetime | None]:
    """Times as Python has them, in µs; None for NaT."""
    utc = (each.item() for each in times.astype("M8[us]"))
    return [
        None if each is None else each.replace(tzinfo=UTC).astimezone(_zone(zone)) for each in utc
    ]


def _zone(name: str) -> tzinfo:
    return UTC if name == "UTC" else ZoneInfo(name)
