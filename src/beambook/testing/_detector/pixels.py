"""The pixels of one module: what they are depends on the seed and the module alone."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from beambook.testing._beam import random
from beambook.testing._detector.kind import MadeKind
from beambook.testing._detector.physics import BAD_KINDS, DetectorPhysics

__all__ = ["Peaks", "Pixels", "make_peaks", "make_pixels"]

Maps = NDArray[np.float32]
MOST = 2.5  # patterns end there, in rms: what lies farther out was planted


@dataclass(frozen=True, eq=False)
class Pixels:
    """Maps of a module; stages are high, medium, low.

    Attributes
    ----------
    offset, noise, gain : ndarray (stage, slow, fast)
        ADU, ADU, ADU per photon; less what depends on the cell.
    cell_offset : ndarray (stage, cell)
        To be added to the offset, ADU.
    cell_gain : ndarray (cell,)
        Factor on the gain.
    spread : float32
        Rms of what is added to the offset for each pixel and cell, ADU.
    xray : ndarray (slow, fast)
        X-ray gain: the part of `gain` that stages have in common.
    level : ndarray (stage, slow, fast)
        Digital gain levels, ADU; no stages where there are none.
    level_noise : ndarray (slow, fast)
    bad : ndarray (slow, fast) of uint8
        0, or 1 + the place in `BAD_KINDS`.
    key : uint64
    """

    offset: Maps
    noise: Maps
    gain: Maps
    cell_offset: Maps
    cell_gain: Maps
    spread: np.float32
    xray: Maps
    level: Maps
    level_noise: Maps
    bad: NDArray[np.uint8]
    key: np.uint64

    @property
    def packed(self) -> tuple[Any, ...]:
        """As the kernels take them."""
        return (
            self.offset, self.cell_offset, self.spread, self.noise, self.gain, self.cell_gain,
        )  # fmt: skip

    def is_bad(self, kind: str) -> NDArray[np.bool_]:
        """Where a kind of bad pixel was planted."""
        return np.asarray(self.bad == 1 + BAD_KINDS.index(kind))


@dataclass(frozen=True, eq=False)
class Peaks:
    """Bragg peaks on a module.

    Attributes
    ----------
    slow, fast : ndarray (peak,)
        Their middles, pixels (not whole numbers).
    photons : ndarray (peak,)
        Mean photons per mJ there.
    """

    slow: NDArray[np.float64]
    fast: NDArray[np.float64]
    photons: NDArray[np.float64]


def make_peaks(kind: MadeKind, physics: DetectorPhysics, seed: int, module: int) -> Peaks:
    """The Bragg peaks of a module, brightest first."""
    rng = random(seed, 0, f"{kind.name} {module} peaks")
    slow, fast = (rng.uniform(0, side, physics.peaks) for side in kind.shape)
    return Peaks(slow, fast, physics.peak_photons * np.logspace(0, -2, physics.peaks))


@lru_cache(32)
def make_pixels(kind: MadeKind, physics: DetectorPhysics, seed: int, module: int) -> Pixels:
    """The pixels of a module, for as many cells as the kind has."""
    rng = random(seed, 0, f"{kind.name} {module} pixels")
    stages, shape = len(physics.offset), kind.shape
    bad = _plant(physics, shape, random(seed, 0, f"{kind.name} {module} bad"))
    common = _pattern(rng, 1, shape)
    offset = _column(physics.offset) + physics.offset_pattern * (
        common + 0.1 * _pattern(rng, stages, shape)
    )
    noise = _column(physics.noise) * (1 + physics.noise_spread * _pattern(rng, stages, shape))
    xray = 1 + physics.xray_spread * _pattern(rng, 1, shape)[0]
    relative = 1 + physics.gain_spread * _pattern(rng, stages, shape)
    relative[0] = 1
    cell_offset = physics.offset_cells * rng.standard_normal((stages, kind.cells))
    cell_gain = 1 + physics.gain_cells * _pattern(rng, kind.cells, ())
    level = _column(physics.level) + physics.level_pattern * _pattern(rng, 1, shape)
    level_noise = np.full(shape, physics.level_noise)
    gain = _column(physics.photon) * xray * relative
    for place, what in enumerate(BAD_KINDS, 1):
        _spoil(what, bad == place, physics, offset, noise, gain, level, level_noise)
    return Pixels(
        offset.astype(np.float32),
        noise.astype(np.float32),
        gain.astype(np.float32),
        cell_offset.astype(np.float32),
        cell_gain.astype(np.float32),
        np.float32(physics.offset_spread),
        xray.astype(np.float32),
        level.astype(np.float32),
        level_noise.astype(np.float32),
        bad,
        rng.integers(2**64, dtype=np.uint64),
    )


def _column(values: tuple[float, ...]) -> NDArray[np.float64]:
    return np.array(values).reshape(-1, 1, 1)


def _pattern(rng: np.random.Generator, n: int, shape: tuple[int, ...]) -> Maps:
    return np.clip(rng.standard_normal((n, *shape), np.float32), -MOST, MOST)


def _plant(
    physics: DetectorPhysics, shape: tuple[int, int], rng: np.random.Generator
) -> NDArray[np.uint8]:
    bad = np.zeros(shape[0] * shape[1], np.uint8)
    places, begin = rng.permutation(bad.size), 0
    for number, part in enumerate(physics.bad_parts.values(), 1):
        end = begin + round(part * bad.size)
        bad[places[begin:end]] = number
        begin = end
    return bad.reshape(shape)


def _spoil(
    what: str,
    where: NDArray[np.bool_],
    physics: DetectorPhysics,
    offset: NDArray[Any],
    noise: NDArray[Any],
    gain: NDArray[Any],
    level: NDArray[Any],
    level_noise: NDArray[Any],
) -> None:
    if what in ("hot", "wrong_offset"):  # where a signal lowers the value, so does this
        shift = physics.hot_offset if what == "hot" else -physics.hot_offset / 2
        offset[:, where] += shift * np.sign(physics.photon)[:, None]
    elif what == "noisy":
        noise[:, where] *= physics.noisy_factor
    elif what == "dead":
        noise[:, where] = gain[:, where] = level_noise[where] = 0
    elif len(level):
        level[:, where] = level[:1, where]
