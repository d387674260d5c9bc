"""Conditions of an AGIPD: from its FPGAs' composite device and its high-voltage supply."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from beambook.calibration._constants.of_run.devices import (
    Devices,
    device_pattern,
    filled,
    first_told,
    single,
    value_of,
)
from beambook.data._source import Source
from beambook.errors import DataError

__all__ = ["agipd"]

FPGA = "/MDL/FPGA_COMP"
AGIPD_CELLS = (4, 32, 64, 76, 128, 176, 202, 250, 352)  # so many can be read out
MOST_BIAS = 1000.0  # V; the second generation's device reads larger values at random


def agipd(seen: Devices, known: Mapping[str, Any]) -> dict[str, Any]:
    """From the control devices; cells and rate else from the data."""
    comp = seen.main(device_pattern(seen.detector, FPGA), FPGA)
    found: dict[str, Any] = {}
    if comp is not None:
        found = {name: read(comp) for name, read in _COMP.items() if name not in known}
    for name, read in (("memory_cells", _cells), ("acquisition_rate", _rate)):
        if not found.get(name) and name not in known:
            found[name] = first_told(seen, read)
    if "sensor_bias_voltage" not in known:
        found["sensor_bias_voltage"] = _bias(seen, comp)
    return found


def _cells_said(comp: Source) -> int:
    return int(value_of(comp, "bunchStructure.nPulses", reduce_by="max") or 0)


def _rate_said(comp: Source) -> float:
    return round(float(value_of(comp, "bunchStructure.repetitionRate") or 0), 1)


def _gain_mode(comp: Source) -> int:
    return int(single(comp, "gainModeIndex", atol=0))


def _integration_time(comp: Source) -> int:
    time = value_of(comp, "integrationTime")
    return 12 if time is None else int(time)  # the device had no such key once


def _gain_setting(comp: Source) -> int:
    if "gain" in comp:
        return int(single(comp, "gain", atol=0))
    setup = int(single(comp, "setupr"))  # before 2021: from how the chips were set up
    pattern = int(single(comp, "patternTypeIndex"))
    settings = {0: 0, 8: 1} if pattern < 4 else {32: 0, 40: 1}
    if setup not in settings or pattern > 4:
        raise DataError(
            f"{comp.source} has setupr {setup} with patternTypeIndex {pattern}: the gain setting "
            "does not follow",
            hint="Say it: gain_setting=0 or 1.",
        )
    return settings[setup]


def _cells(module: Source) -> int | None:
    cells = filled(module, "image.cellId")
    return next((n for n in AGIPD_CELLS if n > cells.max()), None) if len(cells) else None


def _rate(module: Source) -> float | None:
    pulses = filled(module, "image.pulseId").astype(np.int64)
    steps = np.diff(pulses)
    steps = steps[steps > 0]
    return round(float(np.floor(45 / steps.min()) / 10), 1) if len(steps) else None


def _bias(seen: Devices, comp: Source | None) -> int | None:
    domain = comp.source.partition("/")[0] if comp is not None else ""
    usual = device_pattern(seen.detector, "/PSC/HV")
    supply = seen.only(rf"{re.escape(domain[:-1])}/PSC/HV" if domain else usual)
    if supply is not None:
        keys = [k.removesuffix(".value") for k in supply.match_keys("channels.U*.voltage.value")]
        voltages = (single(supply, k, atol=1, rtol=1) for k in sorted(keys, key=_natural))
        return next((int(v) for v in voltages if v >= 1), None)  # of a module that is on
    return _bias_2nd_generation(seen, domain)


def _bias_2nd_generation(seen: Devices, domain: str) -> int | None:
    usual = device_pattern(seen.detector, "/FPGA/M_0")
    pattern = rf"{re.escape(domain)}/FPGA/M_\d+" if domain else usual
    for name in sorted(filter(re.compile(pattern).fullmatch, seen.run.control_sources)):
        values = seen.run[name, "highVoltage.target"].ndarray()
        possible = values[values < MOST_BIAS]
        if len(possible) and (bias := int(np.median(possible))) > 0:
            return bias
    return None


def _natural(key: str) -> tuple[int, str]:
    found = re.search(r"\d+", key)
    return (int(found[0]) if found else -1), key


_COMP: Mapping[str, Callable[[Source], Any]] = {
    "memory_cells": _cells_said,
    "acquisition_rate": _rate_said,
    "gain_setting": _gain_setting,
    "gain_mode": _gain_mode,
    "integration_time": _integration_time,
}
