"""Calibration constants: versions by module, conditions and time; where they come from."""

from beambook.calibration._constants.calcat import CalCat
from beambook.calibration._constants.conditions import (
    AGIPDConditions,
    Conditions,
    DSSCConditions,
    JungfrauConditions,
    LPDConditions,
)
from beambook.calibration._constants.constant import Constant
from beambook.calibration._constants.metadata import Metadata, read_metadata, write_metadata
from beambook.calibration._constants.of_run import conditions_of
from beambook.calibration._constants.source import (
    ConstantSource,
    MissingConstant,
    RetrievedConstants,
    retrieve,
)
from beambook.calibration._constants.store import Constants

__all__ = [
    "AGIPDConditions",
    "CalCat",
    "Conditions",
    "Constant",
    "ConstantSource",
    "Constants",
    "DSSCConditions",
    "JungfrauConditions",
    "LPDConditions",
    "Metadata",
    "MissingConstant",
    "RetrievedConstants",
    "conditions_of",
    "read_metadata",
    "retrieve",
    "write_metadata",
]
