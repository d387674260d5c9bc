"""Raw data of a DSSC module: one value per pixel."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from beambook.testing._detector.light import Light
from beambook.testing._detector.module import MadeModule
from beambook.testing._detector.xtdf import xtdf_module
from beambook.testing._sources import Instrument, Made

__all__ = ["dssc_module"]


def dssc_module(module: MadeModule, light: Light) -> Instrument:
    """``SCS_DET_DSSC1M-1/DET/{number}CH0:xtdf``: ``image.data`` (frame, 1, 128, 512)."""

    def make(train: int) -> NDArray[np.uint16]:
        return light.values(module, train)[0][:, None]

    data = Made(make, (1, *module.kind.shape), "u2")
    return xtdf_module(module, data, trains=light.trains, pulse_ids=light.pulse_ids)
