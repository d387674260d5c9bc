"""Raw data of an AGIPD module: an analog plane, and one of digital gain levels."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from beambook.testing._detector.module import MadeModule
from beambook.testing._detector.xtdf import xtdf_module
from beambook.testing._sources import Instrument, Made

__all__ = ["agipd_module"]


def agipd_module(
    module: MadeModule,
    *,
    run: int,
    i0: NDArray[np.float64],
    pulse_ids: NDArray[np.uint64],
    stage: int = -1,
) -> Instrument:
    """``MID_DET_AGIPD1M-1/DET/{number}CH0:xtdf``: ``image.data`` (frame, 2, 512, 128).

    Parameters
    ----------
    module : MadeModule
    run : int
    i0 : ndarray (train, frame)
        Pulse energies, µJ; 0 without light.
    pulse_ids : ndarray (frame,)
    stage : int
        Gain stage of all pixels; negative: as the signal wants.
    """
    shape = (2, *module.kind.shape)
    data = Made(_frames(module, run, i0, stage), shape, "u2")
    return xtdf_module(module, data, trains=len(i0), pulse_ids=pulse_ids)


def _frames(
    module: MadeModule, run: int, i0: NDArray[np.float64], stage: int
) -> Callable[[int], NDArray[np.uint16]]:
    cells = np.arange(i0.shape[1])

    def make(train: int) -> NDArray[np.uint16]:
        out = np.empty((len(cells), 2, *module.kind.shape), np.uint16)
        exposure = module.expose(run, train, i0[train])
        stages = module.read(exposure, run, train, cells, stage, out[:, 0])
        module.digital(stages, run, train, out[:, 1])
        return out

    return make
