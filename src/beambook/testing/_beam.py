"""The beam of a made run: photon energies, pulse energies, what the sample lets through."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from math import isfinite
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from beambook.errors import ParameterError

__all__ = ["Beam", "Physics", "energy_sweep", "make_beam", "pulse_energies", "random"]

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Physics:
    """The numbers behind a made run; all are known, none is realistic to four digits.

    Attributes
    ----------
    i0_mean : float
        Mean pulse energy, µJ.
    modes : float
        Modes per pulse, M: pulse energies follow a gamma law of shape M, so
        σ(I0)/⟨I0⟩ = 1/√M [1]_.
    drift : float
        Relative rms of the slow train-to-train drift of the mean.
    i0_noise : float
        Relative noise of the XGM, rms.
    i0_offset : float
        What the XGM adds to every pulse, µJ.
    i1_noise : float
        Relative noise of the MCP, rms; the noise of the digitizer comes on top.
    i1_offset : float
        What pick-up adds to every integrated peak, in the (negative) units of ``data.peaks``.
    mcp_gain : float
        Counts · samples in ``data.peaks`` per µJ behind the sample.
    adc_noise : float
        Noise of a raw sample, counts rms.
    baseline : float
        Mean baseline of the raw traces, counts; it drifts from train to train.
    baseline_drift : float
        Its rms, counts.
    readback_noise : float
        Noise of ``actualEnergy``, eV rms.
    suppression : float
        What a pulse that is kept from lasing still gives, as part of a lasing one.

    References
    ----------
    .. [1] E. L. Saldin, E. A. Schneidmiller, M. V. Yurkov, *The Physics of Free Electron
       Lasers*, Springer 2000, chapter 6: p(E) of SASE radiation is a gamma distribution.
    """

    i0_mean: float = 1000.0
    modes: float = 5.0
    drift: float = 0.05
    i0_noise: float = 0.01
    i0_offset: float = 12.0
    i1_noise: float = 0.02
    i1_offset: float = -8.0
    mcp_gain: float = 1.0
    adc_noise: float = 1.0
    baseline: float = 140.0
    baseline_drift: float = 15.0
    readback_noise: float = 0.01
    suppression: float = 0.02

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            free = name in {"i0_offset", "i1_offset", "baseline"}
            positive = name in {"i0_mean", "modes", "mcp_gain"}
            if not (isfinite(value) and (free or value > 0 or (value == 0 and not positive))):
                raise ParameterError(f"Physics.{name} cannot be {value}")


@dataclass(frozen=True)
class Beam:
    """What happened, before any detector saw it.

    Attributes
    ----------
    energy : ndarray (trains,)
        True photon energy, eV.
    polarisation : ndarray (trains,)
        +1 or −1: sign of the magnet current.
    i0, i1 : ndarray (trains, pulses)
        True pulse energies before and behind the sample, µJ.
    pulse_ids : ndarray (pulses,)
        Slots in the bunch pattern table (4.5 MHz).
    """

    energy: Floats
    polarisation: Floats
    i0: Floats
    i1: Floats
    pulse_ids: NDArray[np.intp]


def random(seed: int, run: int, what: str) -> np.random.Generator:
    """Numbers that depend on the seed, the run and their use, and on nothing else."""
    return np.random.default_rng([seed, run, crc32(what.encode())])


def energy_sweep(
    trains: int, low: float, high: float, *, sweep: str = "triangle", passes: int = 2
) -> tuple[Floats, NDArray[np.intp]]:
    """Photon energy of each train, and the pass it belongs to.

    Parameters
    ----------
    trains : int
    low, high : float
        Ends of the range, eV; the first pass goes up, the second down, and so on.
    sweep : {"triangle", "steps"}
        Continuous motion, or stops at 40 energies.
    passes : int

    Returns
    -------
    energy : ndarray (trains,), eV
    number : ndarray (trains,)
        0, 1, … `passes` − 1.
    """
    # A quarter of a step aside, so that the way down samples between the points of the way up.
    phase = (np.arange(trains) + 0.25) * passes / trains
    number = phase.astype(np.intp)
    part = phase - number
    part = np.where(number % 2 == 0, part, 1 - part)
    if sweep == "steps":
        part = np.round(part * 40) / 40
    return low + (high - low) * part, number


def make_beam(
    energy: Floats,
    polarisation: Floats,
    pulse_ids: NDArray[np.intp],
    absorbance: Callable[[Floats, Floats], Floats],
    physics: Physics,
    rng: np.random.Generator,
    *,
    suppressed: int = 0,
) -> Beam:
    """SASE pulses through a sample: I1 = I0 · exp(−absorbance(E, polarisation)).

    The last `suppressed` pulses of each train are kept from lasing.
    """
    i0 = _pulse_energies(len(energy), len(pulse_ids), physics, suppressed, rng)
    i1 = i0 * np.exp(-absorbance(energy, polarisation))[:, None]
    return Beam(energy, polarisation, i0, i1, pulse_ids)


def pulse_energies(
    seed: int, run: int, trains: int, pulses: int, physics: Physics, suppressed: int = 0
) -> Floats:
    """The pulse energies of a made run again: ndarray (train, pulse), µJ."""
    return _pulse_energies(trains, pulses, physics, suppressed, random(seed, run, "beam"))


def _pulse_energies(
    trains: int, pulses: int, physics: Physics, suppressed: int, rng: np.random.Generator
) -> Floats:
    mean = physics.i0_mean * (1 + physics.drift * _slow(trains, rng))
    i0 = mean[:, None] * rng.gamma(physics.modes, 1 / physics.modes, (trains, pulses))
    i0[:, pulses - suppressed :] *= physics.suppression
    return i0


def _slow(trains: int, rng: np.random.Generator) -> Floats:
    """Smooth drift of rms 1: three slow oscillations of random phase."""
    time = np.arange(trains)[:, None]
    periods = np.array([170.0, 410.0, 950.0])
    phases = rng.uniform(0, 2 * np.pi, 3)
    waves: Floats = np.sqrt(2 / 3) * np.sin(2 * np.pi * time / periods + phases).sum(axis=1)
    return waves
