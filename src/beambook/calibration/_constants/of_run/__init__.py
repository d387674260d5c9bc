"""The conditions of a run, by kind of detector."""

from beambook.calibration._constants.of_run.conditions_of import conditions_of

__all__ = ["conditions_of"]
