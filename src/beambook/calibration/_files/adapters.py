"""Corrections of each kind of detector, in the form that a file is corrected with."""

from __future__ import annotations

from beambook.calibration._agipd import correct_agipd
from beambook.calibration._agipd_constants import AGIPDConstants
from beambook.calibration._agipd_options import AGIPDOptions
from beambook.calibration._corrected import Corrected
from beambook.calibration._files.correct import Correct
from beambook.calibration._files.raw import Block

__all__ = ["agipd_correction"]


def agipd_correction(constants: AGIPDConstants, options: AGIPDOptions | None = None) -> Correct:
    """The correction of an AGIPD module, for `correct_file`; see `correct_agipd`."""
    steps = options or AGIPDOptions()

    def correct(block: Block, out: Corrected) -> Corrected:
        # One thread: others have blocks of their own.
        return correct_agipd(block.raw, block.cells, constants, options=steps, out=out, threads=1)

    return correct
