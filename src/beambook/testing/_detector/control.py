"""Control devices of the detectors: the operating conditions, as the facility stores them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from beambook.testing._detector.kind import MadeKind
from beambook.testing._sources import Control, Source, Unit

__all__ = ["MODES", "control_sources"]

VOLT = Unit("V", "volt")
MEGAHERTZ = Unit("Hz", "hertz", "M", "mega")
SECOND = Unit("s", "second")
MODES = {"high": 0, "med": 1, "low": 2}


def control_sources(
    kind: MadeKind, *, trains: int, cells: int, rate: float, dark: str | None, parallel: bool
) -> list[Source]:
    """Devices that say how a detector was operated.

    Parameters
    ----------
    kind : MadeKind
    trains : int
    cells : int
        Memory cells.
    rate : float
        Of the frames in a train, MHz.
    dark : str, optional
        The gain stage of a dark run.
    parallel : bool
        Whether each train has the frames in all stages (LPD).
    """
    stage = None if dark is None else MODES[dark]
    if kind.name == "AGIPD1M":
        return _agipd(kind, trains, cells, rate, stage)
    if kind.name == "LPD1M":
        told = {"femAsicGainOverride": int(parallel), "femAsicGain": 0 if stage is None else stage}
        return [_device(f"{kind.control}/COMP/FEM_MDL_COMP", "LpdFemComposite", trains, told)]
    if kind.name == "JUNGFRAU":
        return [_jungfrau(kind, trains, cells, stage)]
    return []  # nothing is read from those of a DSSC


def _agipd(kind: MadeKind, trains: int, cells: int, rate: float, stage: int | None) -> list[Source]:
    told = {
        "bunchStructure.nPulses": cells,
        "bunchStructure.repetitionRate": rate,
        "gain": 0,
        "gainModeIndex": 0,  # adaptive in dark runs as well: the pattern forces the stage
        "patternTypeIndex": 4 if stage is None else stage + 1,
        "setupr": 0,
        "integrationTime": 12,
    }
    voltages = {f"channels.U{n}.voltage": 300.0 for n in range(kind.modules)}
    return [
        _device(
            f"{kind.control}/MDL/FPGA_COMP", "AgipdComposite", trains, told,
            {"bunchStructure.repetitionRate": MEGAHERTZ},
        ),
        _device(
            f"{kind.control[:-1]}/PSC/HV", "MpodPowerSupply", trains, voltages,
            dict.fromkeys(voltages, VOLT),
        ),
    ]  # fmt: skip


def _jungfrau(kind: MadeKind, trains: int, cells: int, stage: int | None) -> Source:
    told = {
        "storageCells": cells - 1,
        "storageCellStart": 15,
        "exposureTime": 10e-6,
        "exposureTimeout": 25,
        "settings": "gain0",
        "gainMode": ("dynamic", "forceswitchg1", "forceswitchg2")[stage or 0],
        "highVoltage": np.array([90], np.int32),
    }
    units = {"exposureTime": SECOND, "highVoltage": VOLT}
    return _device(f"{kind.control}/DET/CONTROL", "JungfrauDetector", trains, told, units)


def _device(
    name: str,
    class_id: str,
    trains: int,
    told: Mapping[str, Any],
    units: Mapping[str, Unit] | None = None,
) -> Control:
    values = {key: _constant(trains, value) for key, value in {"state": "ON", **told}.items()}
    return Control(name, class_id, values, units or {})


def _constant(trains: int, value: Any) -> Any:
    """The same value in every train."""
    if isinstance(value, str):
        return np.full(trains, value, dtype=object)
    one = np.asarray(value)
    dtype = np.int32 if one.dtype.kind == "i" else one.dtype
    return np.broadcast_to(one.astype(dtype), (trains, *one.shape))
