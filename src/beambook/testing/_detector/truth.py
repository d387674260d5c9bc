"""What is in the pixels of made runs, computed again from the seed: nothing is stored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from beambook.testing._beam import Physics, pulse_energies
from beambook.testing._checks import within
from beambook.testing._detector import kernels
from beambook.testing._detector.kind import kind_of
from beambook.testing._detector.module import Exposure, MadeModule
from beambook.testing._detector.physics import DetectorPhysics
from beambook.testing._detector.pixels import Peaks, Pixels

__all__ = ["DetectorTruth", "photons", "truth_of"]

Constants = NDArray[np.float32]
# Bits of the facility's BadPixels that the kinds of planted bad pixels deserve.
OFFSET, NOISE, GAIN_THRESHOLD, WRONG_GAIN = 1 << 0, 1 << 1, 1 << 13, 1 << 21


@dataclass(frozen=True, eq=False)
class DetectorTruth:
    """What is true of a module's pixels: arrays in the order (gain, cell, slow, fast).

    All are computed when asked for; gain stages are 0 high, 1 medium, 2 low.

    Attributes
    ----------
    module : MadeModule
    cells : ndarray (cell,)
        Memory cells.
    """

    module: MadeModule
    cells: NDArray[np.intp]

    @property
    def _pixels(self) -> Pixels:
        return self.module.pixels

    def _by_cell(self, maps: Constants) -> Constants:
        """The same for all cells: a view (gain, cell, slow, fast)."""
        shape = (len(maps), len(self.cells), *maps.shape[-2:])
        return np.broadcast_to(maps[:, None], shape)

    @cached_property
    def offset(self) -> Constants:
        """Offset, ADU: float32 (gain, cell, slow, fast)."""
        pixels = self._pixels
        every = np.empty(
            (len(pixels.offset), self.cells.max() + 1, *self.module.kind.shape), np.float32
        )
        kernels.offsets(pixels.packed, pixels.key, kernels.normal_pool(), every)
        return every[:, self.cells]

    @property
    def noise(self) -> Constants:
        """Rms noise as a dark run has it, ADU: of the pixel, common mode and rounding together."""
        own = self._pixels.noise
        more = self.module.physics.common_mode**2 + 1 / 12
        total = np.where(own > 0, np.sqrt(own**2 + np.float32(more)), 0)
        return self._by_cell(total.astype(np.float32))

    @property
    def pixel_noise(self) -> Constants:
        """Rms noise of the pixel alone, ADU: float32 (gain, cell, slow, fast)."""
        return self._by_cell(self._pixels.noise)

    @property
    def thresholds(self) -> Constants:
        """Half way between digital gain levels, ADU (AGIPD): float32 (2, cell, slow, fast)."""
        level = self._pixels.level
        return self._by_cell((level[1:] + level[:-1]) / np.float32(2))

    @property
    def levels(self) -> Constants:
        """Digital gain levels, ADU (AGIPD): float32 (gain, cell, slow, fast)."""
        return self._by_cell(self._pixels.level)

    @property
    def gain(self) -> Constants:
        """ADU per photon: float32 (gain, cell, slow, fast); 0 for dead pixels."""
        return self._by_cell(self._pixels.gain) * self._cell_gain

    @property
    def _cell_gain(self) -> Constants:
        return self._pixels.cell_gain[self.cells][None, :, None, None]

    @property
    def relative_gain(self) -> Constants:
        """Factor that makes ADU in each stage ADU of the first: float32 (gain, cell, slow, fast).

        NaN for dead pixels.
        """
        gain = self._pixels.gain
        with np.errstate(invalid="ignore"):
            return self._by_cell(gain[:1] / gain)

    @property
    def xray_gain(self) -> Constants:
        """Gain of the first stage over its mean `photon`: float32 (1, cell, slow, fast)."""
        return self._by_cell(self._pixels.xray[None]) * self._cell_gain

    @property
    def bad_pixels(self) -> NDArray[np.uint32]:
        """The facility's bits for what was planted: uint32 (gain, cell, slow, fast).

        Offset out of threshold: hot pixels and wrong offsets; noise out of threshold: dead and
        noisy pixels; gain thresholding error (AGIPD) or wrong gain value: stuck gain.
        """
        stuck = GAIN_THRESHOLD if len(self._pixels.level) else WRONG_GAIN
        bits = np.array([0, OFFSET, NOISE, NOISE, OFFSET, stuck], np.uint32)
        once = bits[self._pixels.bad]
        shape = (len(self._pixels.offset), len(self.cells), *once.shape)
        return np.broadcast_to(once, shape)

    @property
    def peaks(self) -> Peaks:
        """Bragg peaks: `slow`, `fast` (pixels) and mean `photons` per mJ, brightest first."""
        return self.module.peaks

    @property
    def mean_photons(self) -> Constants:
        """Mean photons per pixel and mJ of pulse energy: float32 (slow, fast)."""
        return self.module.mean_photons

    def planted(self, kind: str) -> NDArray[np.bool_]:
        """Where a kind of bad pixel was planted: ndarray of bool (slow, fast).

        Parameters
        ----------
        kind : {"hot", "dead", "noisy", "wrong_offset", "stuck_gain"}
        """
        return self._pixels.is_bad(kind)

    @property
    def good(self) -> NDArray[np.bool_]:
        """Where nothing was planted: ndarray of bool (slow, fast)."""
        return np.asarray(self._pixels.bad == 0)


def truth_of(
    kind: str,
    module: int,
    *,
    seed: int = 0,
    cells: int | Sequence[int] = 8,
    detector: DetectorPhysics | None = None,
) -> DetectorTruth:
    """What is true of the pixels of a module in all runs made with this seed.

    Parameters
    ----------
    kind : {"AGIPD1M", "LPD1M", "JUNGFRAU", "DSSC1M"}
    module : int
        As in the name of its source: 0 … 15; from 1 on for JUNGFRAU.
    seed : int
    cells : int or sequence of int
        How many memory cells, or which.
    detector : DetectorPhysics, optional
        As `make_run` got it.

    Raises
    ------
    NameNotFound, ParameterError
        There is no such detector or module.

    Examples
    --------
    >>> truth = truth_of("AGIPD1M", 3, seed=1, cells=2)
    >>> truth.offset.shape, truth.thresholds.shape
    ((3, 2, 512, 128), (2, 2, 512, 128))
    >>> int(truth.planted("hot").sum())
    13
    """
    made = _module(kind, module, seed, detector)
    which = np.arange(cells) if isinstance(cells, int) else np.asarray(cells, np.intp)
    return DetectorTruth(made, which)


@dataclass(frozen=True, eq=False)
class Seen(Exposure):
    """What truly happened to a module in a train, with the gain stages that follow.

    Attributes
    ----------
    gain : ndarray (frame, slow, fast) of uint8
        0 high, 1 medium, 2 low.
    """

    gain: NDArray[np.uint8]


def photons(
    kind: str,
    module: int,
    *,
    run: int,
    train: int,
    trains: int,
    pulses: int,
    frames: int,
    suppressed: int = 0,
    seed: int = 0,
    physics: Physics | None = None,
    detector: DetectorPhysics | None = None,
) -> Seen:
    """What a module saw in a train: the photons of each pixel, and what hid them.

    The options are those that `make_run` got; dark runs saw nothing.

    Parameters
    ----------
    kind : {"AGIPD1M", "LPD1M", "JUNGFRAU", "DSSC1M"}
    module : int
    run : int
    train : int
        Counted from 0 in the run.
    trains, pulses, frames, suppressed, seed, physics, detector
        As `make_run` got them.

    Returns
    -------
    Seen
        Arrays over the frames of the train.

    Examples
    --------
    >>> seen = photons("AGIPD1M", 0, run=1, train=2, trains=5, pulses=3, frames=4)
    >>> seen.photons.shape, int(seen.photons[3].max())  # three pulses: the last frame is dark
    ((4, 512, 128), 0)
    """
    made = _module(kind, module, seed, detector)
    within("train", train, 0, trains - 1)
    energies = pulse_energies(seed, run, trains, pulses, physics or Physics(), suppressed)
    exposure = made.expose(run, train, frame_energies(energies, frames)[train])
    gain = made.gain_stages(exposure, np.arange(frames))
    return Seen(exposure.photons, exposure.common_mode, exposure.baseline, gain)


def frame_energies(i0: NDArray[np.float64], frames: int) -> NDArray[np.float64]:
    """Pulse energies that frames see: the first pulses; frames beyond them are dark."""
    seen = np.zeros((len(i0), frames))
    lit = min(frames, i0.shape[1])
    seen[:, :lit] = i0[:, :lit]
    return seen


def _module(kind: str, number: int, seed: int, detector: DetectorPhysics | None) -> MadeModule:
    made = kind_of(kind)
    within("module", number, made.first, made.first + made.modules - 1)
    return MadeModule(made, detector or made.physics, number, seed)
