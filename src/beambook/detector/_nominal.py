"""Geometries as drawn, before anybody has looked where the modules really are.

They show the right picture, a few pixels wrong. A beam time refines its own.
"""

from __future__ import annotations

from typing import Any

from extra_geom import detectors

from beambook.detector._kinds import GeometryKind
from beambook.errors import ParameterError

__all__ = ["nominal_geometry"]

JUNGFRAU_GAP = 33  # px between the modules of a 4M detector
JUNGFRAU_HOLE = 101  # px from the beam to the inner edge of either half


def nominal_geometry(kind: GeometryKind, n_modules: int | None = None) -> Any:
    """EXtra-geom's object.

    Parameters
    ----------
    kind : GeometryKind
    n_modules : int, optional
        Of a kind that comes in several sizes; 1 by default.

    Raises
    ------
    ParameterError
        The kind has another number of modules.
    """
    if kind.name == "JUNGFRAU":
        return _jungfrau(n_modules or 1)
    if kind.name == "LPDMini":
        return kind.geometry.example(n_modules or 1)
    if n_modules not in (None, kind.geometry.n_modules):
        raise ParameterError(f"{kind.name} has {kind.geometry.n_modules} modules, not {n_modules}")
    if kind.name == "AGIPD500K":
        return _agipd_500k()
    return kind.geometry.example()


def _agipd_500k() -> Any:
    """Two columns of four modules, the beam in the middle."""
    width, height = 2 * (8 * 64 + 7 * 2) + 16, 4 * 128 + 3 * 30
    return detectors.AGIPD_500K2GGeometry.from_origin((width / 2, height / 2))


def _jungfrau(n_modules: int) -> Any:
    """Up to two modules around the beam, more in two columns with the beam between them.

    As the 4M detectors: the first half to the left, upside down, from the top to the bottom; the
    second to the right, from the bottom to the top.
    """
    width, height = 4 * 256 + 3 * 2, 2 * 256 + 2
    pitch = height + JUNGFRAU_GAP
    if n_modules <= 2:
        top = (n_modules * pitch - JUNGFRAU_GAP) / 2
        corners = [(-width / 2, top - height - n * pitch) for n in range(n_modules)]
        return detectors.JUNGFRAUGeometry.from_module_positions(corners)
    left = (n_modules + 1) // 2
    right = n_modules - left
    top = (left * pitch - JUNGFRAU_GAP) / 2
    bottom = -(right * pitch - JUNGFRAU_GAP) / 2
    corners = [(JUNGFRAU_HOLE, top - height - n * pitch) for n in range(left)]
    corners += [(-JUNGFRAU_HOLE - width, bottom + n * pitch) for n in range(right)]
    turned = [(-1, -1)] * left + [(1, 1)] * right
    return detectors.JUNGFRAUGeometry.from_module_positions(corners, turned)
