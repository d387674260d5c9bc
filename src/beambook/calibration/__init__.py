"""Numbers of correction: dark characterisation, corrections, constants and their versions.

Names are imported when they are first used: ``import beambook.calibration`` loads neither
numba nor h5py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from beambook.first_use import at_first_use

if TYPE_CHECKING:
    from beambook.calibration._agipd import correct_agipd as correct_agipd
    from beambook.calibration._agipd_constants import AGIPDConstants as AGIPDConstants
    from beambook.calibration._agipd_options import AGIPDOptions as AGIPDOptions
    from beambook.calibration._bad_pixels import BadPixels as BadPixels
    from beambook.calibration._constants import AGIPDConditions as AGIPDConditions
    from beambook.calibration._constants import CalCat as CalCat
    from beambook.calibration._constants import Conditions as Conditions
    from beambook.calibration._constants import Constant as Constant
    from beambook.calibration._constants import Constants as Constants
    from beambook.calibration._constants import ConstantSource as ConstantSource
    from beambook.calibration._constants import DSSCConditions as DSSCConditions
    from beambook.calibration._constants import JungfrauConditions as JungfrauConditions
    from beambook.calibration._constants import LPDConditions as LPDConditions
    from beambook.calibration._constants import Metadata as Metadata
    from beambook.calibration._constants import RetrievedConstants as RetrievedConstants
    from beambook.calibration._constants import conditions_of as conditions_of
    from beambook.calibration._constants import read_metadata as read_metadata
    from beambook.calibration._constants import retrieve as retrieve
    from beambook.calibration._constants import write_metadata as write_metadata
    from beambook.calibration._corrected import Corrected as Corrected
    from beambook.calibration._dark.dark import Dark as Dark
    from beambook.calibration._dark.detectors import AGIPD_DARK as AGIPD_DARK
    from beambook.calibration._dark.detectors import DSSC_DARK as DSSC_DARK
    from beambook.calibration._dark.detectors import JUNGFRAU_DARK as JUNGFRAU_DARK
    from beambook.calibration._dark.detectors import LPD_DARK as LPD_DARK
    from beambook.calibration._dark.detectors import characterise_agipd as characterise_agipd
    from beambook.calibration._dark.detectors import characterise_dssc as characterise_dssc
    from beambook.calibration._dark.detectors import characterise_jungfrau as characterise_jungfrau
    from beambook.calibration._dark.detectors import characterise_lpd as characterise_lpd
    from beambook.calibration._dark.levels import LevelStatistics as LevelStatistics
    from beambook.calibration._dark.options import DarkOptions as DarkOptions
    from beambook.calibration._dark.runs import DarkRuns as DarkRuns
    from beambook.calibration._dark.runs import dark_runs as dark_runs
    from beambook.calibration._dark.statistics import DarkStatistics as DarkStatistics
    from beambook.calibration._dssc import DSSCConstants as DSSCConstants
    from beambook.calibration._dssc import DSSCOptions as DSSCOptions
    from beambook.calibration._dssc import correct_dssc as correct_dssc
    from beambook.calibration._files.adapters import agipd_correction as agipd_correction
    from beambook.calibration._files.adapters import dssc_correction as dssc_correction
    from beambook.calibration._files.adapters import jungfrau_correction as jungfrau_correction
    from beambook.calibration._files.adapters import lpd_correction as lpd_correction
    from beambook.calibration._files.asked import check_options as check_options
    from beambook.calibration._files.asked import check_writable as check_writable
    from beambook.calibration._files.choice import FrameChoice as FrameChoice
    from beambook.calibration._files.control import put_control as put_control
    from beambook.calibration._files.correct import correct_file as correct_file
    from beambook.calibration._files.needs import Needs as Needs
    from beambook.calibration._files.needs import needed_constants as needed_constants
    from beambook.calibration._files.parts import raw_files as raw_files
    from beambook.calibration._files.places import run_places as run_places
    from beambook.calibration._files.result import CorrectedFile as CorrectedFile
    from beambook.calibration._files.sample import Sample as Sample
    from beambook.calibration._files.sample import mean_frame as mean_frame
    from beambook.calibration._files.sample import sample as sample
    from beambook.calibration._jungfrau import JungfrauConstants as JungfrauConstants
    from beambook.calibration._jungfrau import JungfrauOptions as JungfrauOptions
    from beambook.calibration._jungfrau import correct_jungfrau as correct_jungfrau
    from beambook.calibration._lpd import LPDConstants as LPDConstants
    from beambook.calibration._lpd import LPDOptions as LPDOptions
    from beambook.calibration._lpd import correct_lpd as correct_lpd

_HOME = {
    "AGIPD_DARK": "_dark.detectors",
    "DSSC_DARK": "_dark.detectors",
    "Dark": "_dark.dark",
    "DarkOptions": "_dark.options",
    "DarkRuns": "_dark.runs",
    "DarkStatistics": "_dark.statistics",
    "JUNGFRAU_DARK": "_dark.detectors",
    "LPD_DARK": "_dark.detectors",
    "LevelStatistics": "_dark.levels",
    "characterise_agipd": "_dark.detectors",
    "characterise_dssc": "_dark.detectors",
    "characterise_jungfrau": "_dark.detectors",
    "characterise_lpd": "_dark.detectors",
    "dark_runs": "_dark.runs",
    "AGIPDConditions": "_constants",
    "AGIPDConstants": "_agipd_constants",
    "AGIPDOptions": "_agipd_options",
    "BadPixels": "_bad_pixels",
    "CalCat": "_constants",
    "Conditions": "_constants",
    "Constant": "_constants",
    "ConstantSource": "_constants",
    "Constants": "_constants",
    "Corrected": "_corrected",
    "CorrectedFile": "_files.result",
    "DSSCConditions": "_constants",
    "DSSCConstants": "_dssc",
    "DSSCOptions": "_dssc",
    "FrameChoice": "_files.choice",
    "JungfrauConditions": "_constants",
    "JungfrauConstants": "_jungfrau",
    "JungfrauOptions": "_jungfrau",
    "LPDConditions": "_constants",
    "LPDConstants": "_lpd",
    "LPDOptions": "_lpd",
    "Metadata": "_constants",
    "Needs": "_files.needs",
    "RetrievedConstants": "_constants",
    "Sample": "_files.sample",
    "agipd_correction": "_files.adapters",
    "check_options": "_files.asked",
    "check_writable": "_files.asked",
    "conditions_of": "_constants",
    "correct_agipd": "_agipd",
    "correct_dssc": "_dssc",
    "correct_file": "_files.correct",
    "correct_jungfrau": "_jungfrau",
    "correct_lpd": "_lpd",
    "dssc_correction": "_files.adapters",
    "jungfrau_correction": "_files.adapters",
    "lpd_correction": "_files.adapters",
    "mean_frame": "_files.sample",
    "needed_constants": "_files.needs",
    "put_control": "_files.control",
    "raw_files": "_files.parts",
    "read_metadata": "_constants",
    "retrieve": "_constants",
    "run_places": "_files.places",
    "sample": "_files.sample",
    "write_metadata": "_constants",
}

__all__ = sorted(_HOME)
__getattr__, __dir__ = at_first_use(__name__, _HOME)
