"""Modules of an AGIPD1M: analog and digital gain planes of dark frames with a few photons."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from beambook.testing._beam import Beam, random
from beambook.testing._sources import Column, Instrument, Made

__all__ = ["agipd_module"]

SHAPE = (512, 128)
OFFSETS = 5400.0, 6200.0  # ADU of the analog plane in high and medium gain
LEVELS = 6000.0, 8200.0  # ADU of the digital gain plane in high and medium gain
PHOTON = 45.0  # ADU per photon in high gain; a thirtieth of it in medium gain
SWITCH = 120.0  # photons at which a pixel changes to medium gain
NOISE = 9.0


def agipd_module(
    number: int,
    beam: Beam,
    *,
    seed: int,
    run: int,
    frames: int,
) -> Instrument:
    """``MID_DET_AGIPD1M-1/DET/{number}CH0:xtdf`` as raw data.

    Parameters
    ----------
    number : int
        0 … 15.
    beam : Beam
        Its first pulses are seen; frames beyond them, or without beam, are dark.
    seed, run, frames : int
    """
    trains = len(beam.energy)
    i0 = np.zeros((trains, frames))
    lit = min(frames, len(beam.pulse_ids))
    i0[:, :lit] = beam.i0[:, :lit]
    pulse_ids = 4 * np.arange(frames, dtype=np.uint64)
    pulse_ids[:lit] = beam.pulse_ids[:lit]
    per_frame = (trains, frames, 1)
    image: dict[str, Column] = {
        "data": Made(_frames(number, i0, seed, run), (2, *SHAPE), "u2"),
        "pulseId": np.broadcast_to(pulse_ids[:, None], per_frame),
        "cellId": np.broadcast_to(np.arange(frames, dtype=np.uint16)[:, None], per_frame),
        "length": np.full(per_frame, 2 * SHAPE[0] * SHAPE[1] * 2, np.uint32),
        "status": np.zeros(per_frame, np.uint16),
    }
    return Instrument(
        f"MID_DET_AGIPD1M-1/DET/{number}CH0:xtdf",
        {"image": image, **_frame_of_trains(trains, frames)},
        trains,
        entries={"image": frames},
    )


def _frame_of_trains(trains: int, frames: int) -> dict[str, dict[str, Column]]:
    """Groups detector, header and trailer: one entry per train."""
    return {
        "detector": {"data": np.zeros((trains, 5408), np.uint8)},
        "header": {
            "dataId": np.zeros(trains, np.uint64),
            "linkId": np.zeros(trains, np.uint64),
            "majorTrainFormatVersion": np.full(trains, 2, np.uint32),
            "minorTrainFormatVersion": np.zeros(trains, np.uint32),
            "pulseCount": np.full(trains, frames, np.uint64),
        },
        "trailer": {
            "checksum": np.zeros((trains, 16), np.int8),
            "status": np.zeros(trains, np.uint64),
        },
    }


def _frames(
    number: int, i0: NDArray[np.float64], seed: int, run: int
) -> Callable[[int], NDArray[np.uint16]]:
    fixed = random(seed, 0, f"AGIPD{number} pixels")  # the pixels are the same in every run
    pattern = 120 * fixed.standard_normal(SHAPE, np.float32)
    scatter = _scatter(number)

    def make(train: int) -> NDArray[np.uint16]:
        rng = random(seed, run, f"AGIPD{number} {train}")
        frames = i0.shape[1]
        cells = 25 * np.sin(np.arange(frames, dtype=np.float32))[:, None, None]
        photons = rng.poisson(scatter * i0[train][:, None, None] / 1000).astype(np.float32)
        switched = photons > SWITCH
        signal = np.where(switched, photons * (PHOTON / 30), photons * PHOTON)
        analog = np.where(switched, OFFSETS[1], OFFSETS[0]) + pattern + cells + signal
        analog += NOISE * rng.standard_normal(analog.shape, np.float32)
        digital = np.where(switched, LEVELS[1], LEVELS[0]) + pattern / 4
        digital = digital + 3 * NOISE * rng.standard_normal(analog.shape, np.float32)
        planes = np.stack([analog, digital], axis=1)
        counts: NDArray[np.uint16] = np.clip(np.rint(planes), 0, 16383).astype(np.uint16)
        return counts

    return make


def _scatter(number: int) -> NDArray[np.floating]:
    """Mean photons per pixel and mJ: falls off with the distance from the beam."""
    slow, fast = np.indices(SHAPE, dtype=np.float32)
    radius = np.hypot(slow - 512 * (number % 2), fast + 40 + 130 * (number % 4))
    return 1500 * np.exp(-radius / 25) + 0.3 * np.exp(-radius / 200)
