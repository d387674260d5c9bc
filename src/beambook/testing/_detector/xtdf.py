"""A module that sends trains of frames (AGIPD, LPD, DSSC), as the DAQ stores it."""

from __future__ import annotations

from math import prod

import numpy as np
from numpy.typing import NDArray

from beambook.testing._detector.module import MadeModule
from beambook.testing._sources import Column, Instrument, Made

__all__ = ["xtdf_module"]


def xtdf_module(
    module: MadeModule, data: Made, *, trains: int, pulse_ids: NDArray[np.uint64]
) -> Instrument:
    """A module's source: groups image, detector, header and trailer.

    Parameters
    ----------
    module : MadeModule
    data : Made
        ``image.data``.
    trains : int
    pulse_ids : ndarray (frame,)
        As many as frames in a train.
    """
    frames = len(pulse_ids)
    per_frame = (trains, frames, 1)
    cells = np.arange(frames, dtype=np.uint16)
    size = prod(data.shape) * np.dtype(data.dtype).itemsize
    image: dict[str, Column] = {
        "data": data,
        "pulseId": np.broadcast_to(pulse_ids[:, None], per_frame),
        "cellId": np.broadcast_to(cells[:, None], per_frame),
        "length": np.full(per_frame, size, np.uint32),
        "status": np.zeros(per_frame, np.uint16),
    }
    return Instrument(
        module.kind.source_of(module.number),
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
