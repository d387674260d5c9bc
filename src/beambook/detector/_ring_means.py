"""The mean of each ring, of one frame or of many."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from beambook.data._reading.threads import Job, share
from beambook.detector._frames import Frames
from beambook.detector._lanes import LANES, TERMS
from beambook.detector._ring_sums import RingSums
from beambook.detector._rings import Rings
from beambook.errors import DataError

__all__ = ["RingMeans"]


@dataclass(frozen=True)
class RingMeans:
    """What an azimuthal integration finds.

    Attributes
    ----------
    intensity : ndarray (..., bin) float64
        NaN where there is no pixel.
    error : ndarray (..., bin) float64 or None
        Of the intensity.
    pixels : ndarray (bin,) or (..., bin) int64
        How many there are in each bin, if it differs in each frame.
    """

    intensity: NDArray[np.float64]
    error: NDArray[np.float64] | None
    pixels: NDArray[np.int64]

    @classmethod
    def of(
        cls,
        given: Frames,
        rings: Rings,
        bad: NDArray[np.bool_] | None,
        errors: str | None,
        threads: int,
    ) -> RingMeans:
        """Of all frames.

        Parameters
        ----------
        given : Frames
        rings : Rings
        bad : ndarray of bool, as the frames, optional
            Pixels that are left out of each frame.
        errors : str or None
            ``"azimuthal"``, ``"poisson"`` or None.
        threads : int

        Raises
        ------
        DataError
            Values cannot be added up as real numbers.
        """
        if given.values.dtype.kind not in "biuf":
            raise DataError(f"Values of type {given.values.dtype} cannot be integrated")
        sums = np.empty((*given.lead, TERMS, rings.bins))
        work = RingSums(given, rings, bad, sums, squares=errors == "azimuthal")
        frames = list(np.ndindex(given.lead))
        size = given.values[(0,) * len(given.lead)].nbytes if frames else 0
        some = [frames[n : n + LANES] for n in range(0, len(frames), LANES)]
        share([Job(partial(work, part), size * len(part)) for part in some], threads)
        return cls.from_sums(sums, errors)

    @classmethod
    def from_sums(cls, sums: NDArray[np.float64], errors: str | None) -> RingMeans:
        """From sums (..., 5, bin); see `add_good`."""
        value, square, weight, weight2, number = np.moveaxis(sums, -2, 0)
        with np.errstate(invalid="ignore", divide="ignore"):
            intensity = value / weight
            error = None
            if errors == "poisson":
                error = np.sqrt(value) / weight
            elif errors == "azimuthal":
                variance = np.maximum(square / weight - intensity**2, 0)
                error = np.sqrt(variance * weight2) / weight
        pixels = number.astype(np.int64)
        if pixels.ndim > 1 and (pixels == pixels[(0,) * (pixels.ndim - 1)]).all():
            pixels = pixels[(0,) * (pixels.ndim - 1)]
        return cls(intensity, error, pixels)
