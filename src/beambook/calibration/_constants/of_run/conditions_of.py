"""The conditions of a run, from what the detector's control devices said.

Devices and keys, and how a value follows from them, are those of EXtra's ``Conditions.from_data``
(2026.1), against which this is tested.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields
from typing import Any

from beambook.calibration._constants.conditions import (
    AGIPDConditions,
    Conditions,
    DSSCConditions,
    JungfrauConditions,
    LPDConditions,
    conditions_class,
)
from beambook.calibration._constants.of_run.agipd import agipd
from beambook.calibration._constants.of_run.devices import Devices
from beambook.calibration._constants.of_run.dssc import dssc
from beambook.calibration._constants.of_run.jungfrau import jungfrau
from beambook.calibration._constants.of_run.lpd import lpd
from beambook.data import Detector, Run
from beambook.errors import DataError, ParameterNotFound

__all__ = ["conditions_of"]

_READERS: dict[type[Conditions], Callable[[Devices, Mapping[str, Any]], dict[str, Any]]] = {
    AGIPDConditions: agipd,
    LPDConditions: lpd,
    JungfrauConditions: jungfrau,
    DSSCConditions: dssc,
}


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
    seen = Devices(run, name, control)
    found = {n: v for n, v in _READERS[kind](seen, known).items() if v is not None}
    _check_complete(kind, {**found, **known}, seen)
    return kind(**{**found, **known})


def _check_complete(kind: type[Conditions], found: Mapping[str, Any], seen: Devices) -> None:
    needed = {f.name for f in fields(kind) if f.default is MISSING}
    if kind is AGIPDConditions:  # their absence has a meaning in the data base
        needed |= {"gain_setting", "gain_mode"}
    if missing := sorted(needed - found.keys()):
        raise DataError(
            f"The conditions of {seen.detector} are not all in {seen.run.name}: "
            f"{', '.join(missing)} not found",
            hint=f"Say them: conditions_of(run, {seen.detector!r}, {missing[0]}=…).",
        )
