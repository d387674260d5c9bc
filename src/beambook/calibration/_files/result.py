"""What came of a raw file: the corrected one, and what is known of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from beambook.card import Card, Described

__all__ = ["CorrectedFile", "FrameStatistics"]


@dataclass(frozen=True)
class FrameStatistics:
    """A few numbers of each corrected frame.

    Attributes
    ----------
    train, pulse, cell : ndarray, (frames,)
        Whose frame it is.
    stages : ndarray of float64, (frames, 3)
        Good pixels in high, medium and low gain.
    bad : ndarray of float64, (frames,)
        Masked pixels.
    mean : ndarray of float64, (frames,)
        Of the good pixels; NaN where there are none.
    """

    train: NDArray[np.uint64]
    pulse: NDArray[np.uint64]
    cell: NDArray[np.uint16]
    stages: NDArray[np.float64]
    bad: NDArray[np.float64]
    mean: NDArray[np.float64]

    @classmethod
    def of(
        cls,
        train: NDArray[np.uint64],
        pulse: NDArray[np.uint64],
        cell: NDArray[np.uint16],
        sums: NDArray[np.float64],
    ) -> FrameStatistics:
        """From what `kernels.statistics` gives, (frames, 5)."""
        good = sums[:, :3].sum(axis=1)
        with np.errstate(invalid="ignore", divide="ignore"):
            mean = sums[:, 4] / good
        return cls(train, pulse, cell, sums[:, :3], sums[:, 3], mean)

    @property
    def gain_fractions(self) -> tuple[float, float, float]:
        """Shares of the good pixels in high, medium and low gain; NaN where there are none."""
        number = self.stages.sum(axis=0)
        total = number.sum()
        high, medium, low = number / total if total else np.full(3, np.nan)
        return float(high), float(medium), float(low)

    @property
    def masked(self) -> float:
        """Share of the pixels that are masked; NaN without frames."""
        total = self.stages.sum() + self.bad.sum()
        return float(self.bad.sum() / total) if total else float("nan")


@dataclass(frozen=True, repr=False)
class CorrectedFile(Described):
    """What came of a raw file.

    Attributes
    ----------
    raw : Path
    path : Path or None
        The corrected file; None where no frame could be corrected.
    module : int
        Its number.
    aggregator : str
        ``"AGIPD00"``.
    sequence : int
    source : str
        What the corrected data is called in the file.
    trains, frames : int
        In the corrected file.
    frames_in : int
        That the index of the raw file promises.
    left_out : mapping of str to int
        Why how many of them are not in the corrected file.
    counts : mapping of str to int
        What the correction met.
    statistics : FrameStatistics
    bytes_in, bytes_out : int
        Read of pixels; size of the new file.
    seconds : float
    """

    raw: Path
    path: Path | None
    module: int
    aggregator: str
    sequence: int
    source: str
    trains: int
    frames: int
    frames_in: int
    left_out: Mapping[str, int]
    counts: Mapping[str, int]
    statistics: FrameStatistics
    bytes_in: int
    bytes_out: int
    seconds: float
    notes: tuple[str, ...] = field(default=())

    @property
    def complete(self) -> bool:
        """Whether all frames that were asked for are there."""
        asked = self.frames_in - sum(
            number for reason, number in self.left_out.items() if reason.endswith("not chosen")
        )
        return self.frames == asked

    columns: ClassVar[tuple[str, ...]] = (
        "aggregator", "sequence", "trains", "frames in", "frames", "left out", "masked",
        "high gain", "medium gain", "low gain", "GB in", "GB out", "seconds", "notes",
    )  # fmt: skip

    def row(self) -> list[Any]:
        """Texts and numbers, under `columns`: what a notebook puts on record."""
        left = ", ".join(f"{number:,} {reason}" for reason, number in self.left_out.items())
        return [
            self.aggregator, self.sequence, self.trains, self.frames_in, self.frames, left,
            self.statistics.masked, *self.statistics.gain_fractions, self.bytes_in / 1e9,
            self.bytes_out / 1e9, self.seconds, "; ".join(self.notes),
        ]  # fmt: skip

    def card(self) -> Card:
        """Describe what was done."""
        facts = {
            "frames": f"{self.frames:,} of {self.frames_in:,}",
            "trains": f"{self.trains:,}",
            "source": self.source,
            "masked": f"{self.statistics.masked:.2%}",
            "speed": f"{self.bytes_in / 1e9 / max(self.seconds, 1e-9):.2f} GB/s of raw data",
        }
        if self.left_out:
            left = (f"{number:,} {reason}" for reason, number in self.left_out.items())
            facts["left out"] = ", ".join(left)
        if self.notes:
            facts["notes"] = "; ".join(self.notes)
        return Card("Corrected file", self.path.name if self.path else "none", facts)
