"""Conditions of a JUNGFRAU: from its control device."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from beambook.calibration._constants.of_run.devices import Devices, text, value_at_start
from beambook.data._source import Source
from beambook.errors import DataError

__all__ = ["jungfrau"]

CONTROL = "/DET/CONTROL"

# Until 2022 the key `settings` told both the gain setting and the gain mode.
_OLD_SETTINGS = {
    "dynamicgain": ("gain0", "dynamic"),
    "dynamichg0": ("highgain0", "dynamic"),
    "fixgain1": ("gain0", "fixg1"),
    "fixgain2": ("gain0", "fixg2"),
    "forceswitchg1": ("gain0", "forceswitchg1"),
    "forceswitchg2": ("gain0", "forceswitchg2"),
}
_GAIN_MODES = {"dynamic": 0, "fixg0": 1, "fixg1": 2, "fixg2": 3}


def jungfrau(seen: Devices, known: Mapping[str, Any]) -> dict[str, Any]:
    """All from the values at the start of the run."""
    control = seen.main(re.escape(seen.detector + CONTROL), CONTROL)
    if control is None:
        return {}
    readers: dict[str, Callable[[Source], Any]] = {
        "sensor_bias_voltage": _bias,
        "memory_cells": lambda s: int(s.run_value("storageCells")) + 1,
        "integration_time": lambda s: 1e6 * float(s.run_value("exposureTime")),
        "exposure_timeout": lambda s: int(s.run_value("exposureTimeout")),
        "gain_setting": lambda s: int(_settings(s)[0] == "highgain0"),
        "gain_mode": _gain_mode,
    }
    return {name: read(control) for name, read in readers.items() if name not in known}


def _bias(control: Source) -> int:
    value = value_at_start(control, "highVoltage")
    if value is None:
        value = control.run_value("vHighVoltage")
    return int(np.ravel(value)[0])


def _settings(control: Source) -> tuple[str, str]:
    """Gain setting and gain mode."""
    setting, mode = text(control.run_value("settings")), value_at_start(control, "gainMode")
    if mode is not None:
        return setting, text(mode)
    if setting not in _OLD_SETTINGS:
        raise DataError(f"{control.source} has settings {setting!r}: no known gain mode")
    return _OLD_SETTINGS[setting]


def _gain_mode(control: Source) -> int:
    mode = _settings(control)[1]
    if mode not in _GAIN_MODES:
        raise DataError(
            f"{control.source} has the gain mode {mode!r}, in which only darks are taken",
            hint="Their constants hold for the dynamic mode: pass gain_mode=0.",
        )
    return _GAIN_MODES[mode]
