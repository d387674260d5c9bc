"""Which frames of a raw file are corrected."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from beambook.errors import ParameterError

__all__ = ["FrameChoice"]


@dataclass(frozen=True)
class FrameChoice:
    """Which frames to correct; all by default.

    Attributes
    ----------
    max_pulses : tuple of int
        ``(stop,)``, ``(start, stop)`` or ``(start, stop, step)``: positions of frames in a train.
    cells : collection of int, optional
        Memory cells to take.
    trains : collection of int, optional
        Train ids to take.
    first_trains : int, optional
        Take no more trains than so many of the file.

    Examples
    --------
    >>> int(FrameChoice(max_pulses=(0, 8, 2)).frames(np.array([8, 3]), np.arange(11)).sum())
    6
    """

    max_pulses: tuple[int, ...] = ()
    cells: Collection[int] | None = None
    trains: Collection[int] | None = None
    first_trains: int | None = None

    def __post_init__(self) -> None:
        if len(self.max_pulses) > 3 or (len(self.max_pulses) == 3 and self.max_pulses[2] < 1):
            raise ParameterError(
                f"max_pulses is {list(self.max_pulses)}; it is [stop], [start, stop] or "
                "[start, stop, step]"
            )

    def of_trains(self, train_ids: NDArray[np.uint64]) -> NDArray[np.bool_]:
        """Which trains are taken, (trains,)."""
        chosen = np.ones(len(train_ids), bool)
        if self.trains is not None:
            chosen = np.isin(train_ids, np.fromiter(self.trains, np.uint64))
        if self.first_trains is not None:
            chosen &= np.cumsum(chosen) <= self.first_trains
        return chosen

    def frames(self, counts: NDArray[Any], cells: NDArray[Any]) -> NDArray[np.bool_]:
        """Which frames of these trains are taken.

        Parameters
        ----------
        counts : ndarray of int, (trains,)
            Frames of each train.
        cells : ndarray of int, (frames,)
            Memory cell of each frame.

        Returns
        -------
        ndarray of bool, (frames,)
        """
        first = np.cumsum(counts) - counts
        position = np.arange(len(cells)) - np.repeat(first, counts)
        chosen = np.ones(len(cells), bool)
        if self.max_pulses:
            window = slice(*self.max_pulses)
            start, step = window.start or 0, window.step or 1
            chosen &= (position >= start) & (position < window.stop)
            chosen &= (position - start) % step == 0
        if self.cells is not None:
            chosen &= np.isin(cells, np.fromiter(self.cells, np.int64))
        return chosen
