"""The kinds of detectors, and what EXtra-geom calls them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from extra_geom import base, detectors

from beambook.errors import ParameterError, close_names

__all__ = ["KINDS", "GeometryKind", "kind_named", "kind_of"]


@dataclass(frozen=True)
class GeometryKind:
    """A kind of detector.

    Attributes
    ----------
    name : str
        As `Detector.kind`: ``"AGIPD1M"``.
    geometry : type
        EXtra-geom's class.
    first_module : int
        The number of the first module in a run.
    """

    name: str
    geometry: Any
    first_module: int = 0

    @property
    def tile_shape(self) -> tuple[int, int]:
        """Pixels of a tile: slow scan, fast scan."""
        return self.geometry.frag_ss_pixels, self.geometry.frag_fs_pixels


KINDS = (
    GeometryKind("AGIPD1M", detectors.AGIPD_1MGeometry),
    GeometryKind("AGIPD500K", detectors.AGIPD_500K2GGeometry),
    GeometryKind("DSSC1M", detectors.DSSC_1MGeometry),
    GeometryKind("JUNGFRAU", detectors.JUNGFRAUGeometry, first_module=1),
    GeometryKind("LPD1M", detectors.LPD_1MGeometry),
    GeometryKind("LPDMini", detectors.LPD_MiniGeometry),
)


def kind_named(name: str) -> GeometryKind:
    """A kind by its name.

    Raises
    ------
    ParameterError
        There is none of this name.
    """
    names = {kind.name: kind for kind in KINDS}
    if name not in names:
        close = close_names(name, names) or sorted(names)
        raise ParameterError(f"No geometry for detectors of kind {name!r}; "
                             f"there is {', '.join(close)}")  # fmt: skip
    return names[name]


def kind_of(geometry: base.DetectorGeometryBase) -> GeometryKind:
    """The kind of an object of EXtra-geom; one we have no name for keeps EXtra-geom's."""
    for kind in KINDS:
        if isinstance(geometry, kind.geometry):
            return kind
    return GeometryKind(geometry.detector_type_name or type(geometry).__name__, type(geometry))
