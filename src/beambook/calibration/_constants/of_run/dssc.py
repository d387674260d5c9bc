"""Conditions of a DSSC: what its data tells."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from beambook.calibration._constants.of_run.devices import Devices, filled, first_told
from beambook.data._source import Source

__all__ = ["dssc"]


def dssc(seen: Devices, known: Mapping[str, Any]) -> dict[str, Any]:
    """No control device tells the bias: the facility's pipeline takes 100 V."""
    found: dict[str, Any] = {"sensor_bias_voltage": 100.0}
    if "memory_cells" not in known:
        found["memory_cells"] = first_told(seen, _cells)
    return found


def _cells(module: Source) -> int | None:
    cells = filled(module, "image.cellId")
    return int(cells.max()) + 1 if len(cells) else None
