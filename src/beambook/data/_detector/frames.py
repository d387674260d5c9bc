"""Writing chosen frames of a detector to a new file of the European XFEL's format."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from beambook.data._detector.stack import Pieces, Slots
from beambook.data._findings import warn
from beambook.data._source import Source
from beambook.data._write.rows import GroupRows, Piece, group_rows, put_copy
from beambook.data._write.run_file import write_rows
from beambook.errors import DataError

if TYPE_CHECKING:
    from beambook.data._detector.detector import Detector

__all__ = ["write_frames"]


def write_frames(
    detector: Detector, path: Path, trains: NDArray[Any], pulses: NDArray[Any]
) -> Path:
    """Write some frames of all modules, and all that is stored once for each train.

    Parameters
    ----------
    detector : Detector
    path : Path
        Replaced if it exists.
    trains, pulses : ndarray, (frames,)
        Train id and pulse id of each frame.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    DataError
        `trains` and `pulses` are not two lists of the same length, or the frames of the
        detector have no pulse ids.
    """
    if trains.ndim != 1 or trains.shape != pulses.shape:
        raise DataError(
            f"Frames are two lists of the same length, not {trains.shape} and {pulses.shape}"
        )
    if not detector.kind.by_pulse:
        raise DataError(f"{detector.name} has no pulse ids to choose frames by")
    wanted = _Wanted(detector, trains.astype(np.uint64), pulses.astype(np.uint64))
    wanted.say_what_is_missing()
    return write_rows(detector.run, path, put_copy, wanted.rows_of, overwrite=True)


@dataclass(frozen=True, eq=False)
class _Wanted:
    detector: Detector
    trains: NDArray[np.uint64]
    pulses: NDArray[np.uint64]

    def rows_of(self, source: Source, group: str) -> GroupRows:
        """Rows of a group of a module."""
        rows = group_rows(source, group)
        modules = {s: m for m, s in self.detector.sources.items()}
        if group != "image" or source.source not in modules:
            return rows
        module = modules[source.source]
        one = self.detector.for_modules((module,))
        complete = rows.count == one.stack.rows  # else its keys lack rows
        wanted = self._among(one) & complete[one.slots.train]
        slots = Slots(one.stack.rows, np.flatnonzero(wanted))
        pieces = one.rows_of(self.detector.kind.main_key).pieces(0, slots)
        return _FrameRows(rows.rows, rows.channels, pieces, slots.counts)

    def _among(self, one: Detector) -> NDArray[np.bool_]:
        """Which frames of a module are wanted, by its own ids."""
        return np.isin(self._pairs(one), _pair(self.trains, self.pulses))

    def _pairs(self, detector: Detector) -> NDArray[Any]:
        return _pair(detector.train_ids[detector.slots.train], detector.pulse_ids.ids)

    def say_what_is_missing(self) -> None:
        """Warn of frames that no module has."""
        pairs = _pair(self.trains, self.pulses)
        there = np.zeros(len(pairs), bool)
        for module in self.detector.modules:
            there |= np.isin(pairs, self._pairs(self.detector.for_modules((module,))))
        if missing := int(np.count_nonzero(~there)):
            warn(f"{missing} of {len(pairs)} frames are not in {self.detector.name}")


def _pair(trains: NDArray[np.uint64], pulses: NDArray[np.uint64]) -> NDArray[Any]:
    pairs = np.empty(len(trains), [("train", np.uint64), ("pulse", np.uint64)])
    pairs["train"], pairs["pulse"] = trains, pulses
    return pairs


@dataclass(frozen=True, eq=False)
class _FrameRows(GroupRows):
    """Rows of chosen frames."""

    chosen: Pieces
    sizes: NDArray[np.int64]

    @property
    def count(self) -> NDArray[np.int64]:
        """Frames of each train."""
        return self.sizes

    def pieces(self) -> Iterator[Piece]:
        """Frames that are neighbours before and after."""
        found = self.chosen
        for piece in zip(found.part, found.source, found.count, found.target, strict=True):
            yield Piece(*map(int, piece))
