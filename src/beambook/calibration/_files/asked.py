"""What a correction was asked for, looked at before any part of it is executed."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from beambook.calibration._agipd_options import AGIPDOptions
from beambook.calibration._files.choice import FrameChoice
from beambook.calibration._files.output import value_type
from beambook.calibration._jungfrau import JungfrauOptions
from beambook.calibration._lpd import LPDOptions
from beambook.errors import ParameterError

__all__ = ["check_options", "check_writable"]

OPTIONS = {"AGIPD": AGIPDOptions, "LPD": LPDOptions, "JUNGFRAU": JungfrauOptions}


def check_options(kind: str, asked: Mapping[str, Any]) -> None:
    """Refuse options with which no part of a correction could work.

    Parameters
    ----------
    kind : str
        Of the detector: ``"AGIPD"``, ``"LPD"``, ``"JUNGFRAU"``.
    asked : mapping of str to value
        Parameters of the correction that were given; None and what is no option is passed over.

    Raises
    ------
    ParameterError
        A value is out of range, or needs another.

    Examples
    --------
    >>> check_options("AGIPD", {"round_photons": True})
    Traceback (most recent call last):
    beambook.errors.ParameterError: photon_energy=-1.0. It is above 0 to count photons.
    """
    made = OPTIONS.get(kind)
    if made is not None:
        names = {field.name for field in fields(made)}
        given = {n: value for n, value in asked.items() if n in names and value is not None}
        if given.get("gain_mode") == -1:  # as the run says
            del given["gain_mode"]
        made(**given)
    FrameChoice(max_pulses=tuple(asked.get("max_pulses") or ()))
    value_type(asked.get("recast_image_data") or "")


def check_writable(folder: Path, name: str) -> None:
    """See that files can be written into a folder that there may not be: now, not after the work.

    Parameters
    ----------
    folder : Path
    name : str
        Of the parameter that says where it is.

    Raises
    ------
    ParameterError
        Nothing can be written there.
    """
    try:
        place = next(each for each in (folder, *folder.parents) if each.exists())
        tempfile.TemporaryFile(dir=place).close()
    except OSError as error:
        raise ParameterError(
            f"Nothing can be written into {folder} ({error.strerror})",
            hint=f"Give another {name}.",
        ) from None
