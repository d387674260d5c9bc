"""The conditions of a run, from what the detector's control devices said.

Devices and keys, and how a value follows from them, are those of EXtra's ``Conditions.from_data``
(2026.1), against which this is tested.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import MISSING, dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from beambook.calibration._constants.conditions import (
    AGIPDConditions,
    Conditions,
    DSSCConditions,
    JungfrauConditions,
    LPDConditions,
    conditions_class,
)
from beambook.data import Detector, Run
from beambook.data._source import Source
from beambook.errors import DataError, KeyNotFound, ParameterNotFound, SourceNotFound

__all__ = ["conditions_of"]

FPGA, FEM, CONTROL = "/MDL/FPGA_COMP", "/COMP/FEM_MDL_COMP", "/DET/CONTROL"
AGIPD_CELLS = (4, 32, 64, 76, 128, 176, 202, 250, 352)  # so many can be read out
MOST_BIAS = 1000.0  # V; the second generation's device reads larger values at random


@dataclass(frozen=True)
class _Seen:
    """A detector's sources in a run."""

    run: Run
    detector: str
    control: str

    def main(self, pattern: str, device: str) -> Source | None:
        """The device that has most conditions: the one that was said, or the usual one."""
        if not self.control:
            return self.only(pattern)
        name = self.control if "/" in self.control else f"{self.control}{device}"
        if name not in self.run.control_sources:
            raise SourceNotFound(name, self.run.control_sources, where=self.run.name)
        return self.run.source_data(name)

    def only(self, pattern: str) -> Source | None:
        """The only control device of this pattern, if there is one."""
        names = self._named(pattern)
        if len(names) > 1:
            raise DataError(
                f"{self.run.name} has {len(names)} devices for {self.detector}: {', '.join(names)}",
                hint="Say which one: control=…",
            )
        return self.run.source_data(names[0]) if names else None

    def _named(self, pattern: str) -> list[str]:
        matches = re.compile(pattern).fullmatch
        return sorted(filter(matches, self.run.control_sources))

    def modules(self) -> Iterator[Source]:
        """The modules that have data."""
        start = f"{self.detector}/DET/"
        for name in sorted(self.run.instrument_sources, key=_number):
            if name.startswith(start) and name.endswith(":xtdf"):
                yield self.run.source_data(name)


def _number(name: str) -> tuple[int, str]:
    found = re.search(r"/(\d+)CH", name)
    return (int(found[1]) if found else -1), name


def conditions_of(
    run: Run, detector: Detector | str, *, control: str = "", **known: Any
) -> Conditions:
    """The conditions under which a detector took a run's data.

    Parameters
    ----------
    run : Run
        With the control sources of the detector: not only a selection of its modules.
    detector : Detector or str
        Or its name: ``"SPB_DET_AGIPD1M-1"``.
    control : str
        The device that has most of them, or its domain, where it is not the usual one:
        ``"SPB_IRU_AGIPD1M1"`` stands for ``"SPB_IRU_AGIPD1M1/MDL/FPGA_COMP"`` (AGIPD);
        ``"…/COMP/FEM_MDL_COMP"`` (LPD), ``"…/DET/CONTROL"`` (JUNGFRAU).
    **known
        What you know better: ``gain_mode=0``. These are not looked for.

    Returns
    -------
    Conditions
        Of the detector's kind: `AGIPDConditions` …

    Raises
    ------
    DataError
        Some could not be found, or a value that should be constant is not.
    SourceNotFound
        There is no such control device.
    ParameterNotFound
        This kind of detector has no condition of a name that was given.

    Notes
    -----
    The bias voltage of LPD and DSSC, and the number of cells of LPD, are not in the data: they are
    250 V, 100 V and 512 unless you say otherwise, as in the facility's pipelines.

    Examples
    --------
    ::

        conditions_of(run, "SPB_DET_AGIPD1M-1")
        conditions_of(run, "FXE_DET_LPD1M-1", sensor_bias_voltage=200)
    """
    name = detector if isinstance(detector, str) else detector.name
    kind = conditions_class(name)
    for unknown in known.keys() - {f.name for f in fields(kind)}:
        raise ParameterNotFound(
            unknown, [f.name for f in fields(kind)], where=f"the conditions of {kind.kind}"
        )
    seen = _Seen(run, name, control)
    found = {n: v for n, v in _READERS[kind](seen, known).items() if v is not None}
    _check_complete(kind, {**found, **known}, seen)
    return kind(**{**found, **known})


def _check_complete(kind: type[Conditions], found: Mapping[str, Any], seen: _Seen) -> None:
    needed = {f.name for f in fields(kind) if f.default is MISSING}
    if kind is AGIPDConditions:  # their absence has a meaning in the data base
        needed |= {"gain_setting", "gain_mode"}
    if missing := sorted(needed - found.keys()):
        raise DataError(
            f"The conditions of {seen.detector} are not all in {seen.run.name}: "
            f"{', '.join(missing)} not found",
            hint=f"Say them: conditions_of(run, {seen.detector!r}, {missing[0]}=…).",
        )


# --- AGIPD ---------------------------------------------------------------


def _agipd(seen: _Seen, known: Mapping[str, Any]) -> dict[str, Any]:
    comp = seen.main(_beside(seen.detector, FPGA), FPGA)
    found: dict[str, Any] = {} if comp is None else _agipd_comp(comp)
    for name, read in (("memory_cells", _agipd_cells), ("acquisition_rate", _agipd_rate)):
        if not found.get(name) and name not in known:
            found[name] = _first(seen, read)
    if "sensor_bias_voltage" not in known:
        found["sensor_bias_voltage"] = _agipd_bias(seen, comp)
    return found


def _beside(detector: str, device: str) -> str:
    """Pattern of a device of the same instrument whose domain names the same detector.

    The control devices of SPB_DET_AGIPD1M-1 are in the domain SPB_IRU_AGIPD1M1, those of
    HED_DET_AGIPD500K2G in HED_EXP_AGIPD500K2G.
    """
    instrument, _, rest = detector.partition("_")
    kind = re.search(r"(AGIPD|LPD|DSSC)\w*", rest)
    return rf"{re.escape(instrument)}_[^/]*{kind[0] if kind else ''}[^/]*{re.escape(device)}"


def _agipd_comp(comp: Source) -> dict[str, Any]:
    cells = _value(comp, "bunchStructure.nPulses", reduce_by="max")
    rate = _value(comp, "bunchStructure.repetitionRate")
    time = _value(comp, "integrationTime")
    return {
        "memory_cells": None if cells is None else int(cells),
        "acquisition_rate": None if rate is None else round(float(rate), 1),
        "gain_setting": _agipd_gain_setting(comp),
        "gain_mode": int(_single(comp, "gainModeIndex", atol=0)),
        "integration_time": 12 if time is None else int(time),  # the device had no such key once
    }


def _agipd_gain_setting(comp: Source) -> int:
    if "gain" in comp:
        return int(_single(comp, "gain", atol=0))
    setup = int(_single(comp, "setupr"))  # before 2021: from how the chips were set up
    pattern = int(_single(comp, "patternTypeIndex"))
    settings = {0: 0, 8: 1} if pattern < 4 else {32: 0, 40: 1}
    if setup not in settings or pattern > 4:
        raise DataError(
            f"{comp.source} has setupr {setup} with patternTypeIndex {pattern}: the gain setting "
            "does not follow",
            hint="Say it: gain_setting=0 or 1.",
        )
    return settings[setup]


def _agipd_cells(module: Source) -> int | None:
    cells = _filled(module, "image.cellId")
    return next((n for n in AGIPD_CELLS if n > cells.max()), None) if len(cells) else None


def _agipd_rate(module: Source) -> float | None:
    pulses = _filled(module, "image.pulseId").astype(np.int64)
    steps = np.diff(pulses)
    steps = steps[steps > 0]
    return round(float(np.floor(45 / steps.min()) / 10), 1) if len(steps) else None


def _agipd_bias(seen: _Seen, comp: Source | None) -> int | None:
    domain = comp.source.partition("/")[0] if comp is not None else ""
    same = rf"{re.escape(domain[:-1])}/PSC/HV" if domain else _beside(seen.detector, "/PSC/HV")
    supply = seen.only(same)
    if supply is not None:
        keys = [k.removesuffix(".value") for k in supply.match_keys("channels.U*.voltage.value")]
        voltages = (_single(supply, k, atol=1, rtol=1) for k in sorted(keys, key=_natural))
        return next((int(v) for v in voltages if v >= 1), None)  # of a module that is on
    return _agipd_bias_2nd_generation(seen, domain)


def _agipd_bias_2nd_generation(seen: _Seen, domain: str) -> int | None:
    pattern = rf"{re.escape(domain)}/FPGA/M_\d+" if domain else _beside(seen.detector, r"/FPGA/M_0")
    for name in sorted(filter(re.compile(pattern).fullmatch, seen.run.control_sources)):
        values = seen.run[name, "highVoltage.target"].ndarray()
        usual = values[values < MOST_BIAS]
        if len(usual) and (bias := int(np.median(usual))) > 0:
            return bias
    return None


def _natural(key: str) -> tuple[int, str]:
    found = re.search(r"\d+", key)
    return (int(found[0]) if found else -1), key


# --- LPD -----------------------------------------------------------------


def _lpd(seen: _Seen, known: Mapping[str, Any]) -> dict[str, Any]:
    comp = seen.main(re.escape(seen.detector + FEM), FEM)
    found: dict[str, Any] = {}
    if comp is not None and "parallel_gain" not in known:
        override = _run_value(comp, "femAsicGainOverride")  # not there before parallel gain was
        found["parallel_gain"] = bool(override)
    if "memory_cell_order" not in known:
        found["memory_cell_order"] = _first(seen, _lpd_order) or None
    return found


def _lpd_order(module: Source) -> str | None:
    """The order of the cells; empty if it is ascending, None if there is no data."""
    channel = module["image.cellId"].drop_empty_trains()
    if not len(channel.train_ids):
        return None
    cells = channel[0].ndarray().ravel().astype(np.int64)
    if len(cells) > 2 and (np.diff(cells) < 0).any():
        return ",".join(map(str, cells.tolist())) + ","
    return ""


# --- JUNGFRAU ------------------------------------------------------------

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


def _jungfrau(seen: _Seen, known: Mapping[str, Any]) -> dict[str, Any]:
    control = seen.main(re.escape(seen.detector + CONTROL), CONTROL)
    if control is None:
        return {}
    readers: dict[str, Callable[[Source], Any]] = {
        "sensor_bias_voltage": _jungfrau_bias,
        "memory_cells": lambda s: int(s.run_value("storageCells")) + 1,
        "integration_time": lambda s: 1e6 * float(s.run_value("exposureTime")),
        "exposure_timeout": lambda s: int(s.run_value("exposureTimeout")),
        "gain_setting": lambda s: int(_jungfrau_settings(s)[0] == "highgain0"),
        "gain_mode": _jungfrau_gain_mode,
    }
    return {name: read(control) for name, read in readers.items() if name not in known}


def _jungfrau_bias(control: Source) -> int:
    value = _run_value(control, "highVoltage")
    if value is None:
        value = control.run_value("vHighVoltage")
    return int(np.ravel(value)[0])


def _jungfrau_settings(control: Source) -> tuple[str, str]:
    """Gain setting and gain mode."""
    setting, mode = _text(control.run_value("settings")), _run_value(control, "gainMode")
    if mode is not None:
        return setting, _text(mode)
    if setting not in _OLD_SETTINGS:
        raise DataError(f"{control.source} has settings {setting!r}: no known gain mode")
    return _OLD_SETTINGS[setting]


def _jungfrau_gain_mode(control: Source) -> int:
    mode = _jungfrau_settings(control)[1]
    if mode not in _GAIN_MODES:
        raise DataError(
            f"{control.source} has the gain mode {mode!r}, in which only darks are taken",
            hint="Their constants hold for the dynamic mode: pass gain_mode=0.",
        )
    return _GAIN_MODES[mode]


# --- DSSC ----------------------------------------------------------------


def _dssc(seen: _Seen, known: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {"sensor_bias_voltage": 100.0}
    if "memory_cells" not in known:
        found["memory_cells"] = _first(seen, _dssc_cells)
    return found


def _dssc_cells(module: Source) -> int | None:
    cells = _filled(module, "image.cellId")
    return int(cells.max()) + 1 if len(cells) else None


# --- reading -------------------------------------------------------------


def _first(seen: _Seen, read: Callable[[Source], Any]) -> Any:
    """What the first module that tells it says."""
    return next((v for module in seen.modules() if (v := read(module)) is not None), None)


def _filled(module: Source, key: str) -> NDArray[Any]:
    values: NDArray[Any] = module[key].drop_empty_trains().ndarray().ravel()
    return values


def _single(source: Source, key: str, **options: Any) -> Any:
    return source[key].as_single_value(**options)


def _value(source: Source, key: str, **options: Any) -> Any:
    return _single(source, key, **options) if key in source else None


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def _run_value(source: Source, key: str) -> Any:
    try:
        return source.run_value(key)
    except KeyNotFound:
        return None


_READERS: dict[type[Conditions], Callable[[_Seen, Mapping[str, Any]], dict[str, Any]]] = {
    AGIPDConditions: _agipd,
    LPDConditions: _lpd,
    JungfrauConditions: _jungfrau,
    DSSCConditions: _dssc,
}
