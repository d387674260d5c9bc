"""Conditions of an LPD: from the composite device of its front-end modules."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from beambook.calibration._constants.of_run.devices import Devices, first_told, value_at_start
from beambook.data._source import Source

__all__ = ["lpd"]

FEM = "/COMP/FEM_MDL_COMP"


def lpd(seen: Devices, known: Mapping[str, Any]) -> dict[str, Any]:
    """What is not in the data is left to the defaults."""
    comp = seen.main(re.escape(seen.detector + FEM), FEM)
    found: dict[str, Any] = {}
    if comp is not None and "parallel_gain" not in known:
        override = value_at_start(comp, "femAsicGainOverride")  # not there before parallel gain was
        found["parallel_gain"] = bool(override)
    if "memory_cell_order" not in known:
        found["memory_cell_order"] = first_told(seen, _order) or None
    return found


def _order(module: Source) -> str | None:
    """The order of the cells; empty if it is ascending, None if there is no data."""
    channel = module["image.cellId"].drop_empty_trains()
    if not len(channel.train_ids):
        return None
    cells = channel[0].ndarray().ravel().astype(np.int64)
    if len(cells) > 2 and (np.diff(cells) < 0).any():
        return ",".join(map(str, cells.tolist())) + ","
    return ""
