"""Raw data of an LPD module: 12 bits of value and 2 of gain in a word."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from beambook.testing._detector.light import Light
from beambook.testing._detector.module import MadeModule
from beambook.testing._detector.xtdf import xtdf_module
from beambook.testing._sources import Instrument, Made

__all__ = ["lpd_module"]

VALUE_BITS = 12


def lpd_module(module: MadeModule, light: Light, *, parallel: bool = False) -> Instrument:
    """``FXE_DET_LPD1M-1/DET/{number}CH0:xtdf``: ``image.data`` (frame, 1, 256, 256).

    Parameters
    ----------
    module : MadeModule
    light : Light
    parallel : bool
        Whether each train has all frames in high, then in medium, then in low gain.
    """
    stages = (0, 1, 2) if parallel else (light.stage,)

    def make(train: int) -> NDArray[np.uint16]:
        return np.concatenate([_packed(module, light, train, stage) for stage in stages])

    data = Made(make, (1, *module.kind.shape), "u2")
    # The facility counts on; only the first third of the ids means anything.
    ids = np.concatenate(
        [light.pulse_ids + n * (light.pulse_ids.max() + 1) for n in range(len(stages))]
    ).astype(np.uint64)
    return xtdf_module(module, data, trains=light.trains, pulse_ids=ids)


def _packed(module: MadeModule, light: Light, train: int, stage: int) -> NDArray[np.uint16]:
    words, stages = light.values(module, train, stage=stage)
    stages[:, module.pixels.is_bad("stuck_gain")] = 0
    words |= stages.astype(np.uint16) << VALUE_BITS
    return words[:, None]
