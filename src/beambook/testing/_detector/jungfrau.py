"""Raw data of a JUNGFRAU module: values and gain bits of all memory cells of a train."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from beambook.testing._detector.light import Light
from beambook.testing._detector.module import MadeModule
from beambook.testing._sources import Column, Instrument, Made

__all__ = ["START_CELL", "jungfrau_module"]

START_CELL = 15  # of a module that uses one memory cell only
GAIN_BITS = np.array([0, 1, 3], np.uint8)
PER_TRAIN = 0.1  # s


def jungfrau_module(module: MadeModule, light: Light) -> Instrument:
    """``SPB_IRDA_JF4M/DET/JNGFR{number}:daqOutput``: ``data.adc`` (train, cell, 512, 1024).

    ``data.gain`` has the gain bits: 0, 1, 3. A single cell tells number 15 in
    ``data.memoryCell``; 16 cells count from 0.
    """
    trains, cells = light.i0.shape
    stuck = module.pixels.is_bad("stuck_gain")

    def adc(train: int) -> NDArray[np.uint16]:
        return light.values(module, train)[0][None]

    def gain(train: int) -> NDArray[np.uint8]:
        stages = _stages(module, light, train)
        stages[:, stuck] = 0
        return GAIN_BITS[stages][None]

    shape = (cells, *module.kind.shape)
    numbers = light.cells if cells > 1 else np.array([START_CELL])
    per_train = (trains, cells)
    counted = np.arange(trains * cells, dtype=np.uint64).reshape(per_train)
    seconds = np.broadcast_to(PER_TRAIN * np.arange(trains)[:, None], per_train)
    columns: dict[str, Column] = {
        "adc": Made(adc, shape, "u2"),
        "gain": Made(gain, shape, "u1"),
        "memoryCell": np.broadcast_to(numbers.astype(np.uint8), per_train),
        "frameNumber": counted,
        "timestamp": seconds,
    }
    return Instrument(module.kind.source_of(module.number), {"data": columns}, trains)


def _stages(module: MadeModule, light: Light, train: int) -> NDArray[np.uint8]:
    if light.stage >= 0:
        return np.full((len(light.cells), *module.kind.shape), light.stage, np.uint8)
    return module.gain_stages(light.on(module, train), light.cells)
