"""Which files a selection of trains is in."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from beambook.data._store import Store
from beambook.data._trains import TrainIds
from beambook.extra_data.file_access import FileAccess

__all__ = ["conflicts_within", "files_of", "files_of_all", "parts_of"]


def parts_of(store: Store, numbers: tuple[int, ...], train_ids: TrainIds) -> tuple[int, ...]:
    """Those parts of a source that have any of the trains, or else its first."""
    used = tuple(n for n in numbers if np.isin(store.ids_of(store.parts[n]), train_ids).any())
    return used or numbers[:1]


def files_of(store: Store, source: str, train_ids: TrainIds) -> list[FileAccess]:
    """Files of one source."""
    numbers = parts_of(store, tuple(store.sources[source]), train_ids)
    return [FileAccess.of_part(store.parts[n]) for n in numbers]


def files_of_all(store: Store, sources: Iterable[str], train_ids: TrainIds) -> list[FileAccess]:
    """Files of several sources, each once."""
    used: set[int] = set()
    for numbers in {tuple(store.sources[source]) for source in sources}:
        used.update(parts_of(store, numbers, train_ids))
    return [FileAccess.of_part(store.parts[n]) for n in sorted(used)]


def conflicts_within(store: Store) -> list[str]:
    """Sources that have the same train twice."""
    clash = {
        numbers
        for numbers in set(store.sources.values())
        if _repeats([store.ids_of(store.parts[n]) for n in numbers])
    }
    return sorted(source for source, numbers in store.sources.items() if numbers in clash)


def _repeats(ids: list[TrainIds]) -> bool:
    joined = np.concatenate(ids)
    return len(np.unique(joined)) < len(joined)
