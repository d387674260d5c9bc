"""Sets of event ids, which mostly rise within a file and from file to file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["all_of", "how_many", "repeated", "rising"]


def rising(ids: NDArray[np.uint64]) -> bool:
    """Whether each id is larger than the one before."""
    return bool((ids[1:] > ids[:-1]).all())


def how_many(ids: NDArray[Any]) -> int:
    """How many different ids; numpy's own `unique` hashes, which takes seconds for millions."""
    ids = np.sort(ids)
    return int(np.count_nonzero(ids[1:] != ids[:-1])) + min(len(ids), 1)


def all_of(lists: Sequence[NDArray[np.uint64]]) -> NDArray[np.uint64]:
    """All ids, ascending, each once.

    Parameters
    ----------
    lists : sequence of ndarray of uint64
        The same array may be there many times.
    """
    together = _chained(list({id(ids): ids for ids in lists}.values()))
    if rising(together):
        return together
    together.sort(kind="stable")  # which is quick for lists that each rise
    new = np.append(True, together[1:] != together[:-1])[: len(together)]
    return np.asarray(together[new], np.uint64)


def repeated(lists: Sequence[NDArray[np.uint64]]) -> NDArray[np.uint64]:
    """Ids that are in more than one of the lists, ascending, each once.

    Parameters
    ----------
    lists : sequence of ndarray of uint64
    """
    if rising(_chained(lists)):
        return np.zeros(0, np.uint64)
    together = np.concatenate([np.zeros(0, np.uint64), *(all_of([ids]) for ids in lists)])
    together.sort(kind="stable")
    return all_of([together[1:][together[1:] == together[:-1]]])


def _chained(lists: Sequence[NDArray[np.uint64]]) -> NDArray[np.uint64]:
    """One after another, by the first id of each."""
    filled = sorted((ids for ids in lists if len(ids)), key=lambda ids: ids[0])
    return np.concatenate([np.zeros(0, np.uint64), *filled])
