"""Reading the pulse ids, or memory cells, of all modules of a detector."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from beambook.data._detector.split import train_blocks
from beambook.data._detector.stack import Slots, Stack
from beambook.data._detector.stack_ids import UNKNOWN, FrameIds, agreed, of_first_stage
from beambook.data._detector.stack_rows import StackRows
from beambook.data._reading.read import read_plans
from beambook.data._reading.roi import Roi

if TYPE_CHECKING:
    from beambook.data._detector.detector import Detector

__all__ = ["read_ids"]

BLOCK = 4 << 20  # ids of all modules at once


def read_ids(detector: Detector, key: str) -> FrameIds:
    """What the modules say each frame is.

    Parameters
    ----------
    detector : Detector
    key : str
        ``"image.pulseId"`` or ``"image.cellId"``.
    """
    stack = detector.stack
    found = [
        _read(detector.rows_of(key, stack.trains(slice(start, stop)), lenient=True))
        for start, stop in train_blocks(stack.rows, BLOCK // len(stack.part))
    ]
    said = [_of_stages(s, stack) if detector.parallel_gain else s for s, stack in found]
    every = [agreed(ids) for ids in said]
    before = np.cumsum([0, *(len(f.ids) for f in every)])
    none = np.zeros(0, np.intp)
    return FrameIds(
        np.concatenate([np.zeros(0, np.uint64), *(f.ids for f in every)]),
        np.concatenate([none, *(f.module for f in every)]),
        np.concatenate([none, *(f.frame + b for f, b in zip(every, before, strict=False))]),
    )


def _of_stages(said: NDArray[np.uint64], stack: Stack) -> NDArray[np.uint64]:
    return said[:, of_first_stage(stack.rows)]


def _read(rows: StackRows) -> tuple[NDArray[np.uint64], Stack]:
    slots = Slots(rows.stack.rows)
    said = np.full((len(rows.sources), len(slots)), UNKNOWN)
    signal = rows.signal
    if signal is None or signal.shape[1:] not in ((), (1,)) or signal.dtype.kind not in "iu":
        return said, rows.stack
    pieces = [rows.pieces(module, slots) for module in range(len(said))]
    plans = [
        plan
        for module, some in enumerate(pieces)
        for plan in rows.plans(module, some, shift=module * len(slots))
    ]
    stored = np.empty((said.size, *signal.shape[1:]), signal.dtype)
    read_plans(plans, stored, Roi.of((), signal.shape[1:]))
    there = np.stack([some.covers(len(slots)) for some in pieces])
    said[there] = stored.reshape(said.shape)[there].astype(np.uint64)
    return said, rows.stack
