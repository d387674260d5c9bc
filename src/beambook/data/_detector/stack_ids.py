"""Which pulse, or memory cell, each frame of a stack of modules is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["UNKNOWN", "FrameIds", "agreed", "of_first_stage"]

UNKNOWN = np.uint64(2**64 - 1)


@dataclass(frozen=True, eq=False)
class FrameIds:
    """One id for each frame, and the modules that say otherwise.

    Attributes
    ----------
    ids : ndarray of uint64, (frames,)
        What most of the modules say; `UNKNOWN` where none says anything.
    module, frame : ndarray of intp, (conflicts,)
        Position of each module and frame where the module says something else.
    """

    ids: NDArray[np.uint64]
    module: NDArray[np.intp]
    frame: NDArray[np.intp]

    def wrong(self, module: int) -> NDArray[np.bool_] | None:
        """At which frames a module says otherwise; None for nowhere."""
        frames = self.frame[self.module == module]
        if not len(frames):
            return None
        wrong = np.zeros(len(self.ids), bool)
        wrong[frames] = True
        return wrong

    @property
    def known(self) -> bool:
        """Whether all are."""
        return not bool((self.ids == UNKNOWN).any())


def agreed(said: NDArray[np.uint64]) -> FrameIds:
    """Take what most modules say.

    Parameters
    ----------
    said : ndarray of uint64, (modules, frames)
        `UNKNOWN` where a module says nothing.
    """
    ids = said.min(axis=0, initial=UNKNOWN)  # UNKNOWN is the largest
    differ = np.flatnonzero(((said != ids) & (said != UNKNOWN)).any(axis=0))
    if not len(differ):
        none = np.zeros(0, np.intp)
        return FrameIds(ids, none, none)
    some = said[:, differ]
    votes = (some[:, None] == some[None]).sum(axis=1) * (some != UNKNOWN)
    ids[differ] = some[np.argmax(votes, axis=0), np.arange(len(differ))]
    module, frame = np.nonzero((some != ids[differ]) & (some != UNKNOWN))
    return FrameIds(ids, module, differ[frame])


def of_first_stage(sizes: NDArray[np.int64]) -> NDArray[np.intp]:
    """Which frame has the id of each frame, where trains hold three gain stages in a row.

    Only the ids of the first stage are right (LPD, parallel gain).

    Parameters
    ----------
    sizes : ndarray of int64, (trains,)
        Frames of each train.

    Examples
    --------
    >>> of_first_stage(np.array([6])).tolist()
    [0, 1, 0, 1, 0, 1]
    """
    first = np.repeat(np.cumsum(sizes) - sizes, sizes)
    position = np.arange(len(first)) - first
    return np.asarray(first + position % np.maximum(np.repeat(sizes // 3, sizes), 1), np.intp)
