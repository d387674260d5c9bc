"""The mean of each ring, of one frame or of many."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from beambook.data._reading.threads import Job, share
from beambook.detector._frames import Frames
from beambook.detector._ring_kernel import add_good, add_squares, add_values
from beambook.detector._rings import Rings
from beambook.errors import DataError

__all__ = ["RingMeans"]

AT_ONCE = 8  # frames of a piece of work
NONE_BAD = np.zeros((0, 0, 0), np.bool_)


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
        chosen = slice(None) if given.modules is None else list(given.modules)
        sums = np.empty((*given.lead, 5, rings.bins))
        work = partial(
            _add_frames, given.values, bad, rings.ring[chosen], rings.weight[chosen],
            rings.sums(chosen), sums,
        )  # fmt: skip
        frames = list(np.ndindex(given.lead))
        size = given.values[0].nbytes if given.lead else given.values.nbytes
        some = [frames[n : n + AT_ONCE] for n in range(0, len(frames), AT_ONCE)]
        jobs = [
            Job(partial(work, part, squares=errors == "azimuthal"), size * len(part))
            for part in some
        ]
        share(jobs, threads)
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


def _add_frames(
    values: NDArray[Any],
    bad: NDArray[np.bool_] | None,
    ring: NDArray[np.int32],
    weight: NDArray[np.float32],
    whole: NDArray[np.float64],
    sums: NDArray[np.float64],
    frames: list[tuple[int, ...]],
    *,
    squares: bool,
) -> None:
    """Sums of some frames; only a frame with values that are none is looked at pixel by pixel."""
    bins = sums.shape[-1]
    total, square, every = np.empty(bins + 1), np.zeros(bins + 1), np.empty((5, bins + 1))
    for frame in frames:
        one = values[frame]
        if one.dtype.kind == "b" or not one.dtype.isnative or one.dtype == np.float16:
            one = one.astype(np.float32)
        if bad is None:
            if squares:
                add_squares(one, ring, weight, total, square)
            else:
                add_values(one, ring, total)
            found = sums[frame]
            found[0], found[1], found[2:] = total[:-1], square[:-1], whole
        if bad is not None or not np.isfinite(total).all():
            add_good(one, NONE_BAD if bad is None else bad[frame], ring, weight, every)
            sums[frame] = every[:, :-1]
