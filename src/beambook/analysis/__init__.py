"""Small machines that eat trains: peaks of digitizer traces, X-ray absorption spectra."""

from beambook.analysis._analysis import Analysis
from beambook.analysis._check_window import check_window
from beambook.analysis._correlation import Correlation
from beambook.analysis._edge import edge_of
from beambook.analysis._histogram import Histogram
from beambook.analysis._mean import Mean, Variance
from beambook.analysis._peaks import PeakWindow, integrate_peaks
from beambook.analysis._spectrum import Spectrum
from beambook.analysis._trend import Trend
from beambook.analysis._xas import XAS, xas
from beambook.analysis._xmcd import xmcd

__all__ = [
    "XAS",
    "Analysis",
    "Correlation",
    "Histogram",
    "Mean",
    "PeakWindow",
    "Spectrum",
    "Trend",
    "Variance",
    "check_window",
    "edge_of",
    "integrate_peaks",
    "xas",
    "xmcd",
]
