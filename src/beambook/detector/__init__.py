"""Area detectors as pictures: geometry, assembly, azimuthal integration, plots.

Names are imported when they are first used: EXtra-geom, numba and pyFAI take their time.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

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


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'beambook.detector' has no attribute {name!r}")
    return getattr(import_module(f"beambook.detector.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return list(__all__)
