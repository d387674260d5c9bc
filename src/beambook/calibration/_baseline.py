"""Baseline of AGIPD frames: after a bright pulse all pixels of a module read too little."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from beambook.calibration import _baseline_kernel as kernel
from beambook.calibration._agipd_constants import SHAPE, AGIPDConstants
from beambook.calibration._agipd_options import AGIPDOptions
from beambook.calibration._bad_pixels import BadPixels
from beambook.data._reading.threads import Job, share, thread_count
from beambook.errors import DataError

__all__ = ["Baseline"]

TOGETHER = 16  # frames
TYPICAL_NOISE = 8.0  # ADU, of an AGIPD in high gain
NO_PIXELS = np.empty(0, np.int64)


@dataclass(frozen=True)
class Baseline:
    """How the shift of a frame is found; only good pixels in high gain take part.

    The level of a frame is where its pixels without a photon are: in each ASIC the lowest peak
    of the histogram that has 2 % of the pixels, refined to the mean within ±2σ of the noise; of
    the ASICs the median. What lies more than 10 ADU above the offset is light, never a level.

    By noise: the level. By stripes: the median of the pixels that no light reaches. By
    histogram: the level relative to that of the train's first frame (a train ends in the block
    where the cell is not higher than the one before). The shift is subtracted, like the common
    mode, from all pixels in ADU: it is the voltage that moves which all stages are read against.

    Attributes
    ----------
    steps : tuple of bool
        By noise, by stripes, by histogram; in this order, one after another.
    sigma : float
        Median noise in high gain, ADU; `TYPICAL_NOISE` where the constants do not have it and
        only histograms are matched.
    stripes : ndarray of int64
        Numbers of the pixels under the stripes.
    brightest : float
        Mean signal up to which the noise peak is looked for, ADU.
    """

    steps: tuple[bool, bool, bool]
    sigma: float
    stripes: NDArray[np.int64]
    brightest: float

    @classmethod
    def of(cls, constants: AGIPDConstants, options: AGIPDOptions) -> Baseline | None:
        """What the options ask for; None if nothing.

        Raises
        ------
        DataError
            No Noise, or no pixels under stripes, where they are needed.
        """
        steps = (options.blc_noise, options.blc_stripes, options.blc_hmatch)
        if options.only_offset or not any(steps):
            return None
        sigma = _noise(constants)
        if options.blc_noise and not sigma > 0:
            raise DataError(
                "The baseline by noise needs Noise, which the constants do not have",
                hint="Give it, or blc_noise=False.",
            )
        stripes = _stripes(constants) if options.blc_stripes else NO_PIXELS
        return cls(
            steps, sigma if sigma > 0 else TYPICAL_NOISE, stripes, options.blc_noise_threshold
        )

    def subtract(
        self,
        out: tuple[NDArray[Any], ...],
        cells: NDArray[np.integer],
        known: NDArray[np.bool_],
        *,
        threads: int | None,
    ) -> int:
        """Correct data above offset, (frame, pixel); how many frames were shifted."""
        found: list[int] = []
        numbers = (self.sigma, self.brightest, int(BadPixels.NON_SENSITIVE))

        def job(first: int, last: int) -> Job:
            def run() -> None:
                found.append(
                    kernel.shift_frames(
                        out, (first, last), known, self.steps, self.stripes, numbers
                    )
                )

            return Job(run, 4 * out[0][first:last].size)

        share([job(*part) for part in self._parts(cells)], thread_count(threads))
        return sum(found)

    def _parts(self, cells: NDArray[np.integer]) -> list[tuple[int, int]]:
        """Whole trains if a frame depends on the first, else a few frames."""
        cuts = np.arange(TOGETHER, len(cells), TOGETHER)
        if self.steps[2]:
            cuts = np.flatnonzero(cells[1:] <= cells[:-1]) + 1
        edges = [0, *map(int, cuts), len(cells)]
        return list(itertools.pairwise(edges))


def _noise(constants: AGIPDConstants) -> float:
    noise = constants.others.get("Noise")
    return float(np.nanmedian(np.asarray(noise)[0])) if noise is not None else np.nan


def _stripes(constants: AGIPDConstants) -> NDArray[np.int64]:
    given = constants.others.get("Stripes")
    if given is not None:
        under = np.asarray(given, bool)
    elif constants.bad is not None:
        under = (constants.bad[0, 0] & np.uint32(BadPixels.NON_SENSITIVE)) != 0
    else:
        under = np.zeros(SHAPE, bool)
    if under.shape != SHAPE or not under.any():
        raise DataError(
            "The baseline by stripes needs to know which pixels are under them",
            hint="Give Stripes (512, 128) of bool, or NON_SENSITIVE in bad pixels of high gain.",
        )
    return np.flatnonzero(under)
