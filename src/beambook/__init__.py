"""beambook: open a run, execute a recipe on it, read its report.

The front door is lazy: a name is imported when it is first used, so that
``import beambook`` and ``beambook --help`` cost nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from beambook.first_use import at_first_use

if TYPE_CHECKING:  # what the lazy door leads to, for type checkers and editors
    from beambook.analysis import XAS as XAS
    from beambook.analysis import Analysis as Analysis
    from beambook.analysis import Correlation as Correlation
    from beambook.analysis import Histogram as Histogram
    from beambook.analysis import Mean as Mean
    from beambook.analysis import PeakWindow as PeakWindow
    from beambook.analysis import Spectrum as Spectrum
    from beambook.analysis import Trend as Trend
    from beambook.analysis import Variance as Variance
    from beambook.analysis import check_window as check_window
    from beambook.analysis import edge_of as edge_of
    from beambook.analysis import integrate_peaks as integrate_peaks
    from beambook.analysis import xas as xas
    from beambook.analysis import xmcd as xmcd
    from beambook.calibration import BadPixels as BadPixels
    from beambook.calibration import CalCat as CalCat
    from beambook.calibration import Constants as Constants
    from beambook.card import Card as Card
    from beambook.data import AGIPD1M as AGIPD1M
    from beambook.data import AGIPD500K as AGIPD500K
    from beambook.data import DSSC1M as DSSC1M
    from beambook.data import JUNGFRAU as JUNGFRAU
    from beambook.data import LPD1M as LPD1M
    from beambook.data import Channel as Channel
    from beambook.data import DataWarning as DataWarning
    from beambook.data import Detector as Detector
    from beambook.data import Entry as Entry
    from beambook.data import Run as Run
    from beambook.data import Source as Source
    from beambook.data import Train as Train
    from beambook.data import by_id as by_id
    from beambook.data import by_index as by_index
    from beambook.data import check as check
    from beambook.data import open_file as open_file
    from beambook.data import open_run as open_run
    from beambook.data import write_run as write_run
    from beambook.detector import Geometry as Geometry
    from beambook.detector import assemble as assemble
    from beambook.detector import azimuthal as azimuthal
    from beambook.environment import Environment as Environment
    from beambook.environment import capture as capture
    from beambook.environment import recreate as recreate
    from beambook.jobs import cluster as cluster
    from beambook.parameters import Parameters as Parameters
    from beambook.publication import Publication as Publication
    from beambook.publication import Verification as Verification
    from beambook.publication import rerun as rerun
    from beambook.publication import seal as seal
    from beambook.publication import verify as verify
    from beambook.recipe import Execution as Execution
    from beambook.recipe import Recipe as Recipe
    from beambook.recipe import Report as Report
    from beambook.recipe import Verdict as Verdict
    from beambook.recipe import compare as compare
    from beambook.recipe import execute as execute
    from beambook.recipe import perform as perform
    from beambook.recipe import record as record

__version__ = "0.1.0"

_HOME = {
    "AGIPD1M": "data",
    "AGIPD500K": "data",
    "Analysis": "analysis",
    "BadPixels": "calibration",
    "CalCat": "calibration",
    "Card": "card",
    "Channel": "data",
    "Constants": "calibration",
    "Correlation": "analysis",
    "DSSC1M": "data",
    "DataWarning": "data",
    "Detector": "data",
    "Entry": "data",
    "Environment": "environment",
    "Execution": "recipe",
    "Geometry": "detector",
    "Histogram": "analysis",
    "JUNGFRAU": "data",
    "LPD1M": "data",
    "Mean": "analysis",
    "Parameters": "parameters",
    "PeakWindow": "analysis",
    "Publication": "publication",
    "Recipe": "recipe",
    "Report": "recipe",
    "Run": "data",
    "Source": "data",
    "Spectrum": "analysis",
    "Train": "data",
    "Trend": "analysis",
    "Variance": "analysis",
    "Verdict": "recipe",
    "Verification": "publication",
    "XAS": "analysis",
    "assemble": "detector",
    "azimuthal": "detector",
    "by_id": "data",
    "by_index": "data",
    "capture": "environment",
    "check": "data",
    "check_window": "analysis",
    "cluster": "jobs",
    "compare": "recipe",
    "edge_of": "analysis",
    "execute": "recipe",
    "integrate_peaks": "analysis",
    "open_file": "data",
    "open_run": "data",
    "perform": "recipe",
    "record": "recipe",
    "recreate": "environment",
    "rerun": "publication",
    "seal": "publication",
    "verify": "publication",
    "write_run": "data",
    "xas": "analysis",
    "xmcd": "analysis",
}

__all__ = sorted(_HOME)
__getattr__, _ = at_first_use(__name__, _HOME)


def load_ipython_extension(shell: Any) -> None:
    """``%load_ext beambook``: gives a notebook ``%slurm`` and ``%%execute``."""
    import_module("beambook.recipe._magics").load_ipython_extension(shell)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
