"""In which gain stage a run was taken, as the control device of the detector tells."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np

from beambook.data import Run
from beambook.errors import DataError

__all__ = ["PARALLEL", "Mode", "expected", "mode_of"]

# Control device and key; what values of it are called.
TOLD = {
    "AGIPD": (r"{instrument}_[^/]*AGIPD[^/]*/MDL/FPGA_COMP", "patternTypeIndex", {
        1: "high gain", 2: "medium gain", 3: "low gain", 4: "adaptive gain",
    }),
    "LPD": (r"{detector}/COMP/FEM_MDL_COMP", "femAsicGain", {
        0: "high gain", 1: "medium gain", 2: "low gain",
    }),
    "JUNGFRAU": (r"{detector}/DET/CONTROL", "gainMode", {}),
}  # fmt: skip
GAIN_MODE = "gainModeIndex"
ALL_STAGES, PARALLEL = "femAsicGainOverride", "parallel gain"
FIXED = {1: "fixed high gain", 2: "fixed medium gain", 3: "fixed low gain"}

EXPECTED = {
    ("JUNGFRAU", "high"): ("dynamic", "fixg0"),
    ("JUNGFRAU", "med"): ("forceswitchg1", "fixg1"),
    ("JUNGFRAU", "low"): ("forceswitchg2", "fixg2"),
}
NAMES = {"high": "high gain", "med": "medium gain", "low": "low gain"}


@dataclass(frozen=True)
class Mode:
    """What a control device tells.

    Attributes
    ----------
    told : str
        ``"high gain"``, ``"forceswitchg1"``, ``"parallel gain"``; empty if it tells nothing.
    fixed : bool
        Whether the gain was fixed, rather than forced by a pattern.
    device : str
        Its name; empty if there is none.
    """

    told: str = ""
    fixed: bool = False
    device: str = ""


def expected(kind: str, stage: str) -> tuple[str, ...]:
    """What a run of a stage may be called."""
    parallel = (PARALLEL,) if kind == "LPD" else ()
    return EXPECTED.get((kind, stage), (NAMES[stage], f"fixed {NAMES[stage]}", *parallel))


def mode_of(run: Run, kind: str, detector: str, control: str = "") -> Mode:
    """The gain stage of a run.

    Parameters
    ----------
    run : Run
    kind, detector : str
        ``"AGIPD"``, ``"SPB_DET_AGIPD1M-1"``.
    control : str
        The device, or its domain, if it is not the usual one.

    Raises
    ------
    DataError
        It changes during the run.
    """
    if kind not in TOLD:
        return Mode()
    pattern, key, names = TOLD[kind]
    pattern = pattern.format(
        detector=re.escape(detector), instrument=re.escape(detector.partition("_")[0])
    )
    if control:
        pattern = rf"{re.escape(control)}(/.*)?"
    devices = [d for d in run.control_sources if re.fullmatch(pattern, d) and _has(run, d, key)]
    if not devices:
        return Mode()
    device = min(devices)
    if kind == "AGIPD" and _has(run, device, GAIN_MODE):
        fixed = FIXED.get(_only(run, device, GAIN_MODE), "")
        if fixed:
            return Mode(fixed, fixed=True, device=device)
    if kind == "LPD" and _has(run, device, ALL_STAGES) and _only(run, device, ALL_STAGES):
        return Mode(PARALLEL, device=device)
    value = _only(run, device, key)
    told = str(names.get(value, f"{key} {value}") if names else value)
    return Mode(told, told.startswith("fixg"), device)


def _has(run: Run, device: str, key: str) -> bool:
    return key in run.source_data(device)


def _only(run: Run, device: str, key: str) -> Any:
    """The one value that a key has."""
    values = np.unique(run[device, key].ndarray())
    if len(values) > 1:
        raise DataError(f"{device} {key} changes during {run.name}: {values.tolist()}")
    if not len(values):
        return None
    value = values[0]
    return value.decode() if isinstance(value, bytes) else getattr(value, "item", lambda: value)()
