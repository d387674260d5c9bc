"""Area detectors as pictures: geometry, assembly, azimuthal integration, plots.

Names are imported when they are first used: EXtra-geom, numba and pyFAI take their time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from beambook.first_use import at_first_use

if TYPE_CHECKING:
    from beambook.detector._assemble import assemble as assemble
    from beambook.detector._azimuthal import azimuthal as azimuthal
    from beambook.detector._geometry import Geometry as Geometry
    from beambook.detector._geometry import nominal as nominal
    from beambook.detector._plot import plot as plot

_HOME = {
    "Geometry": "_geometry",
    "assemble": "_assemble",
    "azimuthal": "_azimuthal",
    "nominal": "_geometry",
    "plot": "_plot",
}

__all__ = sorted(_HOME)
__getattr__, __dir__ = at_first_use(__name__, _HOME)
