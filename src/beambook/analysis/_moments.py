"""Mergeable moments of I0 and I1 in bins of photon energy."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from beambook.errors import ParameterError

__all__ = ["LEFT_OUT", "Level", "Moments"]

Floats = NDArray[np.float64]
Arrays = tuple[Floats, NDArray[Any], NDArray[Any]]
LEFT_OUT = ("energy is NaN", "outside the bins", "I0 or I1 is NaN", "I0 too small")
# Pulses for one thread. The blocks do not depend on the machine, so neither do the last digits.
BLOCK = 200_000
PULSE, TRAIN, SYE, SXEE, COLUMNS = 0, 10, 20, 21, 22  # as the kernel has them; a test compares


@dataclass(frozen=True)
class Level:
    """Central moments of v = (I0, I1, I0·e) per bin, over pulses or over sums of trains.

    Attributes
    ----------
    n : ndarray (bin,)
        Number of vectors.
    mean : ndarray (bin, 3)
    square : ndarray (bin, 3, 3)
        Σ (v − mean)(v − mean)ᵀ.
    """

    n: Floats
    mean: Floats
    square: Floats


@dataclass
class Moments:
    """What has to be known of the pulses in each bin, however many there were.

    Moments of parts (other trains, other processes, what came later) are merged
    by `merge`, in any order and grouping, and give the moments of the whole.

    Parameters
    ----------
    edges : ndarray (bin + 1,)
        Edges of the bins, ascending, eV.

    Attributes
    ----------
    state : ndarray (bin, 22)
        Private to the kernel; read it through `pulses`, `trains` and the sums.
    left_out : ndarray (4,) int64
        Pulses that are in no bin, in the order of `LEFT_OUT`.
    """

    edges: Floats
    state: Floats = field(init=False, repr=False)
    left_out: NDArray[np.int64] = field(init=False)

    def __post_init__(self) -> None:
        edges = np.array(self.edges, dtype=np.float64)
        if edges.ndim != 1 or len(edges) < 2 or not (np.diff(edges) > 0).all():
            raise ParameterError("Edges of bins must be two or more ascending numbers")
        if not np.isfinite(edges).all():
            raise ParameterError("Edges of bins must be finite")
        self.edges = edges
        self.clear()

    def clear(self) -> None:
        """Forget all pulses."""
        self.state = np.zeros((len(self.edges) - 1, COLUMNS))
        self.left_out = np.zeros(len(LEFT_OUT), dtype=np.int64)

    def push(
        self,
        energy: Floats,
        i0: NDArray[np.floating],
        i1: NDArray[np.floating],
        *,
        i0_offset: float = 0.0,
        i1_offset: float = 0.0,
        i0_threshold: float = 0.0,
    ) -> None:
        """Add pulses.

        Parameters
        ----------
        energy : ndarray (train,) or (train, pulse)
            Photon energy, eV.
        i0, i1 : ndarray (train, pulse)
            Whole trains: one that comes in two parts counts as two.
        i0_offset, i1_offset : float
            Subtracted first.
        i0_threshold : float
            Pulses whose I0, less its offset, does not exceed it are left out.
        """
        dtype = np.float32 if i0.dtype == i1.dtype == np.dtype("f4") else np.float64
        arrays: Arrays = (
            np.ascontiguousarray(energy, dtype=np.float64).reshape(len(i0), -1),
            np.ascontiguousarray(i0, dtype=dtype),
            np.ascontiguousarray(i1, dtype=dtype),
        )
        offsets = (float(i0_offset), float(i1_offset), float(i0_threshold))
        trains = max(1, BLOCK // max(1, i0.shape[1]))
        if len(i0) <= trains:
            self._accumulate(arrays, offsets)
            return

        def of_block(first: int) -> Moments:
            part = Moments(self.edges)
            block = slice(first, first + trains)
            part._accumulate((arrays[0][block], arrays[1][block], arrays[2][block]), offsets)
            return part

        with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
            for part in pool.map(of_block, range(0, len(i0), trains)):
                self.merge(part)

    def _accumulate(self, arrays: Arrays, offsets: tuple[float, float, float]) -> None:
        from beambook.analysis import _bin_kernel as kernel

        kernel.accumulate(self.state, self.left_out, self.edges, self._scale(), *arrays, offsets)

    def merge(self, other: Moments) -> None:
        """Add the pulses that `other` has seen.

        Raises
        ------
        ParameterError
            If its bins are others.
        """
        if not np.array_equal(self.edges, other.edges):
            raise ParameterError("Only moments of the same bins can be merged")
        from beambook.analysis import _bin_kernel as kernel

        kernel.merge(self.state, other.state.copy())
        self.left_out += other.left_out

    def _scale(self) -> float:
        """1 / width of bins of one width; 0 if they differ."""
        width = np.diff(self.edges)
        return float(1 / width.mean()) if np.ptp(width) < 1e-6 * width.mean() else 0.0

    @property
    def centre(self) -> Floats:
        """Middle of each bin, eV: ndarray (bin,)."""
        return 0.5 * (self.edges[:-1] + self.edges[1:])

    @property
    def pulses(self) -> Level:
        """Moments over pulses."""
        return self._level(PULSE)

    @property
    def trains(self) -> Level:
        """Moments over the sums of each train."""
        return self._level(TRAIN)

    @property
    def sums(self) -> tuple[Floats, Floats, Floats]:
        """Σ I0, Σ I1 and Σ I0·e of each bin, e being the energy less the bin's centre."""
        total = self.state[:, PULSE, None] * self.state[:, PULSE + 1 : PULSE + 4]
        return total[:, 0], total[:, 1], total[:, 2]

    @property
    def energy_sums(self) -> tuple[Floats, Floats]:
        """Σ I1·e and Σ I0·e² of each bin."""
        return self.state[:, SYE], self.state[:, SXEE]

    def _level(self, at: int) -> Level:
        square = self.state[:, at + 4 : at + 10]
        order = [[0, 1, 3], [1, 2, 4], [3, 4, 5]]
        return Level(self.state[:, at], self.state[:, at + 1 : at + 4], square[:, order])
