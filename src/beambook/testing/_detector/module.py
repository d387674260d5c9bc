"""One module of a made detector: what its pixels see in a train, and what they say."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from beambook.testing._beam import random
from beambook.testing._detector import kernels
from beambook.testing._detector.kind import MadeKind
from beambook.testing._detector.physics import DetectorPhysics
from beambook.testing._detector.pixels import Peaks, Pixels, make_peaks, make_pixels

__all__ = ["Exposure", "MadeModule"]


@dataclass(frozen=True, eq=False)
class Exposure:
    """What truly happened to a module in a train.

    Attributes
    ----------
    photons : ndarray (frame, slow, fast) of int32
    common_mode : ndarray (frame, ASIC along slow, ASIC along fast) of float32
        ADU.
    baseline : ndarray (frame,) of float32
        What all pixels have lost, ADU (negative).
    """

    photons: NDArray[np.int32]
    common_mode: NDArray[np.float32]
    baseline: NDArray[np.float32]


@dataclass(frozen=True)
class MadeModule:
    """A module of a made detector.

    Attributes
    ----------
    kind : MadeKind
    physics : DetectorPhysics
    number : int
    seed : int
    """

    kind: MadeKind
    physics: DetectorPhysics
    number: int
    seed: int

    @property
    def pixels(self) -> Pixels:
        """What does not change from run to run."""
        return make_pixels(self.kind, self.physics, self.seed, self.number)

    @property
    def mean_photons(self) -> NDArray[np.float32]:
        """Photons per pixel and mJ: Bragg peaks on light that falls off around the beam."""
        return _light(self)

    @property
    def peaks(self) -> Peaks:
        """Where Bragg peaks are."""
        return make_peaks(self.kind, self.physics, self.seed, self.number)

    def expose(self, run: int, train: int, i0: NDArray[np.float64]) -> Exposure:
        """What happens in a train.

        Parameters
        ----------
        run, train : int
            The train counted from 0 in the run.
        i0 : ndarray (frame,)
            Pulse energies, µJ.
        """
        rng = random(self.seed, run, f"{self.kind.name} {self.number} {train} light")
        counts = np.empty((len(i0), *self.kind.shape), np.int32)
        key = rng.integers(2**64, dtype=np.uint64)
        kernels.photons(self.mean_photons, i0 / 1000, key, kernels.normal_pool(), counts)
        slow, fast = (n // a for n, a in zip(self.kind.shape, self.kind.asic, strict=True))
        common = rng.standard_normal((len(i0), slow, fast), np.float32)
        shift = 0 * i0 if not self.physics.baseline_shift else counts.mean(axis=(1, 2))
        return Exposure(
            counts,
            np.float32(self.physics.common_mode) * common,
            (-self.physics.baseline_shift * shift).astype(np.float32),
        )

    def read(
        self,
        exposure: Exposure,
        run: int,
        train: int,
        cells: NDArray[np.intp],
        stage: int,
        out: NDArray[np.uint16],
    ) -> NDArray[np.uint8]:
        """Write values of pixels into `out`; gives their gain stages.

        Parameters
        ----------
        exposure : Exposure
        run, train : int
        cells : ndarray (frame,)
            Memory cells.
        stage : int
            Gain stage of all pixels; negative: as the signal wants.
        out : ndarray (frame, slow, fast) of uint16
        """
        pixels = self.pixels
        key = self.key(run, train, f"noise {stage}")
        stages = np.empty(exposure.photons.shape, np.uint8)
        kernels.expose(
            exposure.photons,
            cells,
            stage,
            pixels.packed,
            np.array(self.physics.switch, np.float32),
            np.float32(self.physics.saturation),
            exposure.common_mode + exposure.baseline[:, None, None],
            self.kind.asic,
            (pixels.key, key),
            kernels.normal_pool(),
            stages,
            out,
        )
        return stages

    def gain_stages(self, exposure: Exposure, cells: NDArray[np.intp]) -> NDArray[np.uint8]:
        """Gain stage of each pixel where the signal chooses it: ndarray (frame, slow, fast)."""
        out = np.empty(exposure.photons.shape, np.uint8)
        switch = np.array(self.physics.switch, np.float32)
        pixels = self.pixels
        kernels.gain_stages(exposure.photons, cells, pixels.gain, pixels.cell_gain, switch, out)
        return out

    def digital(
        self, stages: NDArray[np.uint8], run: int, train: int, out: NDArray[np.uint16]
    ) -> None:
        """Write digital gain levels (AGIPD) into `out`: ndarray (frame, slow, fast)."""
        pixels = self.pixels
        key = self.key(run, train, "level")
        kernels.levels(stages, pixels.level, pixels.level_noise, key, kernels.normal_pool(), out)

    def key(self, run: int, train: int, what: str) -> Any:
        """Random numbers of a train begin here."""
        rng = random(self.seed, run, f"{self.kind.name} {self.number} {train} {what}")
        return rng.integers(2**64, dtype=np.uint64)


@lru_cache(32)
def _light(made: MadeModule) -> NDArray[np.float32]:
    kind, physics, number = made.kind, made.physics, made.number
    slow, fast = np.indices(kind.shape, dtype=np.float32)
    radius = np.hypot(slow - kind.shape[0] * (number % 2), fast + 40 + 130 * (number % 4))
    mean = physics.beam_photons * np.exp(-radius / 25)
    mean += physics.halo_photons * np.exp(-radius / 200)
    peaks, rows, columns = made.peaks, slow[:, 0], fast[0]
    for row, column, height in zip(peaks.slow, peaks.fast, peaks.photons, strict=True):
        along, across = (
            np.exp(-0.5 * ((where - middle) / physics.peak_width) ** 2)
            for where, middle in ((rows, row), (columns, column))
        )
        mean += height * np.outer(along, across)
    return np.asarray(mean, np.float32)
