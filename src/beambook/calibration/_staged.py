"""The work that LPD, JUNGFRAU and DSSC corrections share."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from beambook.calibration import _stage_kernel as kernel
from beambook.calibration._bad_pixels import BadPixels
from beambook.calibration._corrected import Corrected, Frames
from beambook.calibration._parts import Part, parts_of, share_parts

__all__ = ["Reading", "StagedPack", "correct_staged", "staged_pack"]

STRIP = 8192
ROW = 32
NO_STAGES = np.zeros((1, 1), np.uint8)


@dataclass(frozen=True)
class StagedPack:
    """What the kernel reads: (stage, cell, pixel); a cell axis of length 1 serves all cells."""

    offset: NDArray[np.float32]
    bad: NDArray[np.int32]
    scale: NDArray[np.float32]
    has_scale: bool


def staged_pack(
    offset: NDArray[np.float32],
    bad: NDArray[np.uint32] | None,
    scale: NDArray[np.float32] | None,
) -> StagedPack:
    """Flat views where that is possible; (stage, cell, slow_scan, fast_scan) come in."""
    stages, _, slow, fast = offset.shape
    pixels = slow * fast
    flags = np.zeros((stages, 1, pixels), np.uint32) if bad is None else bad
    factors = np.ones((stages, 1, pixels), np.float32) if scale is None else scale
    return StagedPack(
        offset.reshape(stages, -1, pixels),
        np.ascontiguousarray(flags).view(np.int32).reshape(stages, -1, pixels),
        np.ascontiguousarray(factors, np.float32).reshape(stages, -1, pixels),
        scale is not None,
    )


@dataclass(frozen=True)
class Reading:
    """How values and stages are stored."""

    kind: int
    limit: int = 0
    instead: int = 0
    zeroed: int = 0


def correct_staged(
    raw: NDArray[np.uint16],
    cells: NDArray[np.integer],
    pack: StagedPack,
    reading: Reading,
    *,
    shape: tuple[int, int],
    beside: NDArray[np.uint8] = NO_STAGES,
    out: Corrected | None = None,
    threads: int | None = None,
) -> Corrected:
    """Correct frames (frame, value, pixel) of which the gain stage is known or is chosen."""
    frames = Frames.of(cells, len(raw), pack.offset.shape[1])
    result = Corrected.empty(len(raw), shape, out)
    data, gain, mask = result.flat()
    into = data, gain, mask.view(np.int32)
    sorted_frames = frames.order, frames.starts
    constants = pack.offset, pack.bad, pack.scale
    numbers = (reading.kind, reading.limit, reading.instead, pack.has_scale, reading.zeroed)

    def correct(part: Part) -> int:
        found: Any = kernel.correct_frames(
            raw, beside, into, sorted_frames, part, constants, numbers
        )
        return int(found)

    parts = parts_of(frames, data.shape[1], row=ROW, strip=STRIP)
    wrong = sum(share_parts(correct, parts, frames, threads=threads))
    zero = bool(reading.zeroed & BadPixels.VALUE_IS_NAN)
    frames.mark_strangers(result, zero=zero)
    counts = {**frames.counts(), "wrong_gain": wrong}
    return Corrected(result.data, result.gain, result.mask, MappingProxyType(counts))
