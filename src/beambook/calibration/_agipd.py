"""Correct AGIPD frames: gain stage, offset, baseline, common mode, gain, mask."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from beambook.calibration import _agipd_kernel as kernel
from beambook.calibration._agipd_constants import SHAPE, AGIPDConstants, Pack
from beambook.calibration._agipd_options import AGIPDOptions
from beambook.calibration._bad_pixels import BadPixels
from beambook.calibration._baseline import Baseline
from beambook.calibration._corrected import Corrected, Frames
from beambook.calibration._parts import parts_of, share_parts
from beambook.errors import DataError

__all__ = ["correct_agipd"]

STRIP = 64 * 128  # pixels: two ASICs
ROW = 32  # memory cells that are written one after another in the chip
FEWEST_OF_ROW = 256  # the mean of so many frames is known to σ/16
FEWEST_OF_CELL = 16  # so many equal values are no chance at a noise of half an ADU or more
DEFAULTS = AGIPDOptions()


def correct_agipd(
    raw: NDArray[np.uint16],
    cells: NDArray[np.integer],
    constants: AGIPDConstants,
    *,
    options: AGIPDOptions = DEFAULTS,
    out: Corrected | None = None,
    threads: int | None = None,
) -> Corrected:
    """Correct frames of one AGIPD module.

    For pixel p in memory cell c with analogue value a and digital gain g::

        stage s = 0, 1 if g > T₀, 2 if g > T₁;  taken back where a is too near to an offset
        d = a − Offset[s, c, p]
        d = d − baseline shift of the frame − common mode of the ASIC
        d = d · RelativeGain[s, c, p] (+ shift, in medium gain) · ff_gain / SlopesFF[c, p]
        mask = BadPixels[s, c, p] | what is wrong with the value

    The common mode is, as at the facility, the mean of the dark pixels (high gain, no bad bit,
    within `cm_dark_range`) of a 64 × 64 ASIC, subtracted from all its pixels and found again
    `cm_n_itr` times. Before each round the same is done pixel by pixel over all frames of a row
    of 32 memory cells, if the block holds 256 or more frames of that row: a mean of fewer would
    take away the signal itself. So the result depends (by fractions of the noise) on which frames
    come together in a block.

    Parameters
    ----------
    raw : ndarray (frame, 2, 512, 128) of uint16
        Analogue value and digital gain.
    cells : ndarray (frame,) of int
        Memory cell of each frame, in any order.
    constants : AGIPDConstants
    options : AGIPDOptions, optional
    out : Corrected, optional
        Its arrays are used again, if they are as long or longer.
    threads : int, optional
        Otherwise ``BEAMBOOK_THREADS``, or the cores there are.

    Returns
    -------
    Corrected
        ``counts`` also has, of the common mode, ``asics_shifted``, ``pixels_shifted_by_row`` and
        ``rows_too_short``; of `mask_zero_std` ``constant_pixels`` and ``cells_too_short``; of
        the baseline ``frames_shifted``.

    Raises
    ------
    DataError
        Shapes or types do not fit, or a constant is missing that the options need.

    References
    ----------
    A. Allahgholi et al., "The Adaptive Gain Integrating Pixel Detector at the European XFEL",
    J. Synchrotron Rad. 26, 74 (2019), doi:10.1107/S1600577518016077.

    Examples
    --------
    >>> import numpy as np
    >>> offset = np.full((3, 2, 512, 128), 5000, "f4")
    >>> thresholds = np.stack([np.full((2, 512, 128), 6000), np.full((2, 512, 128), 8000)])
    >>> constants = AGIPDConstants.from_mapping({"Offset": offset, "ThresholdsDark": thresholds})
    >>> raw = np.full((3, 2, 512, 128), 5100, "u2")
    >>> plain = AGIPDOptions(only_offset=True)
    >>> corrected = correct_agipd(raw, np.array([0, 1, 0]), constants, options=plain)
    >>> corrected.data[0, 0, 0], int(corrected.gain.max())
    (np.float32(100.0), 0)
    """
    block = _checked(raw)
    frames = Frames.of(cells, len(block), constants.cells)
    pack, baseline = constants.packed(options), Baseline.of(constants, options)
    result = Corrected.empty(len(block), SHAPE, out)
    job = _Job(
        block.reshape(len(block), 2, SHAPE[0] * SHAPE[1]), frames, pack, options, result, threads
    )
    counts = {**frames.counts(), **job.run(baseline, np.asarray(cells))}
    frames.mark_strangers(result, zero=options.zero_nans)
    return Corrected(result.data, result.gain, result.mask, MappingProxyType(counts))


def _checked(raw: NDArray[Any]) -> NDArray[np.uint16]:
    array = np.asarray(raw)
    if array.ndim != 4 or array.shape[1:] != (2, *SHAPE) or array.dtype != np.uint16:
        raise DataError(
            f"AGIPD frames are uint16 (frames, 2, 512, 128), these {array.dtype} {array.shape}"
        )
    return np.ascontiguousarray(array)


class _Job:
    """One block and all that its steps need."""

    def __init__(
        self,
        raw: NDArray[np.uint16],
        frames: Frames,
        pack: Pack,
        options: AGIPDOptions,
        result: Corrected,
        threads: int | None,
    ) -> None:
        self.raw, self.frames, self.pack, self.options = raw, frames, pack, options
        self.data, self.gain, mask = result.flat()
        self.mask = mask.view(np.int32)
        self.threads = threads

    def run(self, baseline: Baseline | None, cells: NDArray[np.integer]) -> Mapping[str, int]:
        options = self.options
        if baseline is None:
            counts = self._pass(kernel.START | kernel.FINISH)
        else:
            self._pass(kernel.START)
            known = np.zeros(len(cells), np.bool_)
            known[self.frames.order] = True
            out = self.data, self.gain, self.mask
            shifted = baseline.subtract(out, cells, known, threads=self.threads)
            counts = {"frames_shifted": shifted, **self._pass(kernel.FINISH)}
        if options.mask_zero_std and not options.only_offset:
            counts |= self._mask_constant()
        return counts

    def _pass(self, what: int) -> dict[str, int]:
        common = self._common_mode()
        arguments = (
            what | self._steps(),
            self.raw,
            (self.data, self.gain, self.mask),
            (self.frames.order, self.frames.starts),
        )
        numbers = (self._limits(), self._photons(), common)

        def correct(part: tuple[int, int, int, int]) -> tuple[int, ...]:
            found: tuple[int, ...] = kernel.correct_cells(
                *arguments, part, self.pack.arrays, numbers
            )
            return found

        parts = parts_of(self.frames, self.data.shape[1], row=ROW, strip=STRIP)
        found = share_parts(correct, parts, self.frames, threads=self.threads)
        counts = dict(zip(COUNTED, map(sum, zip(*found, strict=True)), strict=False))
        if not common[0] or not what & kernel.FINISH:
            return {}
        short = {part[:2] for part in parts if self._frames_of(part) < FEWEST_OF_ROW}
        return {**dict.fromkeys(COUNTED, 0), **counts, "rows_too_short": len(short)}

    def _mask_constant(self) -> dict[str, int]:
        frames = self.frames.order, self.frames.starts

        def mark(part: tuple[int, int, int, int]) -> int:
            return int(
                kernel.mask_constant_pixels(self.raw, self.mask, frames, part, FEWEST_OF_CELL)
            )

        parts = parts_of(self.frames, self.data.shape[1], row=ROW, strip=STRIP)
        marked = sum(share_parts(mark, parts, self.frames, threads=self.threads))
        numbers = np.diff(self.frames.starts)
        short = np.count_nonzero((numbers > 0) & (numbers < FEWEST_OF_CELL))
        return {"constant_pixels": marked, "cells_too_short": int(short)}

    def _frames_of(self, part: tuple[int, int, int, int]) -> int:
        starts = self.frames.starts
        return int(starts[part[1]] - starts[part[0]])

    def _steps(self) -> int:
        options, steps = self.options, 0
        whole = not options.only_offset
        steps |= kernel.FIXED * (options.gain_mode > 0)
        forced = whole and (options.force_hg_if_below or options.force_mg_if_below)
        steps |= kernel.FORCE * forced
        steps |= kernel.SCALE * self.pack.has_scale
        steps |= kernel.SHIFT * self.pack.has_shift
        steps |= kernel.SET_MINIMUM * (whole and options.blc_set_min)
        steps |= kernel.PHOTONS * (whole and options.round_photons)
        steps |= kernel.ZERO * (self._zeroed() != 0)
        return int(steps)

    def _limits(self) -> tuple[np.float32, np.float32, int]:
        options = self.options
        high = options.hg_hard_threshold if options.force_hg_if_below else -np.inf
        medium = options.mg_hard_threshold if options.force_mg_if_below else -np.inf
        return np.float32(high), np.float32(medium), options.gain_mode - 1

    def _zeroed(self) -> int:
        nan = BadPixels.VALUE_IS_NAN * self.options.zero_nans
        return int(nan | BadPixels.VALUE_OUT_OF_RANGE * self.options.zero_orange)

    def _photons(self) -> tuple[np.float32, np.float32, np.int32]:
        options = self.options
        energy, part = np.float32(options.photon_energy), np.float32(options.rounding_threshold)
        return energy, part, np.int32(self._zeroed())

    def _common_mode(self) -> tuple[int, np.float32, np.float32, np.float32, int]:
        options = self.options
        rounds = options.cm_n_itr if options.common_mode and not options.only_offset else 0
        low, high = map(np.float32, options.cm_dark_range)
        return rounds, low, high, np.float32(options.cm_dark_fraction), FEWEST_OF_ROW


COUNTED = ("asics_shifted", "pixels_shifted_by_row")
