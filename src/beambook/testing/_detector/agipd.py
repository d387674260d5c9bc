"""Raw data of an AGIPD module: an analog plane, and one of digital gain levels."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from beambook.testing._detector.light import Light
from beambook.testing._detector.module import MadeModule
from beambook.testing._detector.xtdf import xtdf_module
from beambook.testing._sources import Instrument, Made

__all__ = ["agipd_module"]


def agipd_module(module: MadeModule, light: Light) -> Instrument:
    """``MID_DET_AGIPD1M-1/DET/{number}CH0:xtdf``: ``image.data`` (frame, 2, 512, 128)."""

    def make(train: int) -> NDArray[np.uint16]:
        out = np.empty((len(light.cells), 2, *module.kind.shape), np.uint16)
        _, stages = light.values(module, train, out=out[:, 0])
        module.digital(stages, light.run, train, out[:, 1])
        return out

    data = Made(make, (2, *module.kind.shape), "u2")
    return xtdf_module(module, data, trains=light.trains, pulse_ids=light.pulse_ids)
