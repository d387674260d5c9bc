"""Corrections of each kind of detector, in the form that a file is corrected with.

Each knows the unit of its values, which the corrected file then says.

Each works with one thread, because others have blocks of their own.
"""

from __future__ import annotations

from dataclasses import dataclass

from beambook.calibration._agipd import correct_agipd
from beambook.calibration._agipd_constants import AGIPDConstants
from beambook.calibration._agipd_options import AGIPDOptions
from beambook.calibration._corrected import Corrected
from beambook.calibration._dssc import DSSCConstants, DSSCOptions, correct_dssc
from beambook.calibration._files.correct import Correct
from beambook.calibration._files.raw import Block
from beambook.calibration._jungfrau import JungfrauConstants, JungfrauOptions, correct_jungfrau
from beambook.calibration._lpd import LPDConstants, LPDOptions, correct_lpd
from beambook.errors import DataError

__all__ = ["agipd_correction", "dssc_correction", "jungfrau_correction", "lpd_correction"]


@dataclass(frozen=True)
class Adapted:
    """A correction of blocks, and the unit of its values; empty if that is not known."""

    work: Correct
    unit: str

    def __call__(self, block: Block, out: Corrected) -> Corrected:
        """Correct a block."""
        return self.work(block, out)


def agipd_correction(constants: AGIPDConstants, options: AGIPDOptions | None = None) -> Correct:
    """The correction of an AGIPD module, for `correct_file`; see `correct_agipd`."""
    steps = options or AGIPDOptions()

    def correct(block: Block, out: Corrected) -> Corrected:
        return correct_agipd(block.raw, block.cells, constants, options=steps, out=out, threads=1)

    return Adapted(correct, steps.unit)


def lpd_correction(constants: LPDConstants, options: LPDOptions | None = None) -> Correct:
    """The correction of an LPD module, for `correct_file`; see `correct_lpd`."""
    steps = options or LPDOptions()

    def correct(block: Block, out: Corrected) -> Corrected:
        return correct_lpd(block.raw, block.cells, constants, options=steps, out=out, threads=1)

    return Adapted(correct, steps.unit)


def jungfrau_correction(
    constants: JungfrauConstants, options: JungfrauOptions | None = None
) -> Correct:
    """The correction of a JUNGFRAU module, for `correct_file`; see `correct_jungfrau`."""
    steps = options or JungfrauOptions()

    def correct(block: Block, out: Corrected) -> Corrected:
        if block.gain is None:
            raise DataError("These frames have no gain bits: they are of another detector")
        pair = (block.raw, block.gain)
        return correct_jungfrau(pair, block.cells, constants, options=steps, out=out, threads=1)

    return Adapted(correct, steps.unit)


def dssc_correction(constants: DSSCConstants, options: DSSCOptions | None = None) -> Correct:
    """The correction of a DSSC module, for `correct_file`; see `correct_dssc`."""
    steps = options or DSSCOptions()

    def correct(block: Block, out: Corrected) -> Corrected:
        return correct_dssc(block.raw, block.cells, constants, options=steps, out=out, threads=1)

    return Adapted(correct, "ADU")
