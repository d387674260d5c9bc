"""Azimuthal integration with pixels shared out among bins, as pyFAI does it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from beambook.detector._frames import Frames
from beambook.detector._ring_means import RingMeans
from beambook.detector._rings import Binning, integrator_of

if TYPE_CHECKING:
    from beambook.detector._geometry import Geometry

__all__ = ["split_means"]

CORNERS = 4  # of pixels that pyFAI can cut exactly; of hexagons it takes the range of the corners


def split_means(
    given: Frames,
    geometry: Geometry,
    binning: Binning,
    fixed: NDArray[np.bool_] | None,
    varying: NDArray[np.bool_] | None,
    errors: str | None,
) -> tuple[RingMeans, NDArray[np.float64]]:
    """Frame by frame; returns the means and the middles of the bins.

    Parameters
    ----------
    given : Frames
    geometry : Geometry
    binning : Binning
    fixed, varying : ndarray of bool, optional
        Pixels left out of all frames, or of each.
    errors : str or None
    """
    integrator = integrator_of(geometry, binning)
    mask = np.zeros(geometry.shape, np.bool_) if fixed is None else fixed.copy()
    chosen: Any = slice(None) if given.modules is None else list(given.modules)
    found = np.empty((3, *given.lead, binning.bins))
    middle = np.empty(0)
    for frame in np.ndindex(given.lead):
        whole = np.full(geometry.shape, np.nan, np.float32)
        whole[chosen] = given.values[frame]
        if varying is not None:
            whole[chosen][varying[frame]] = np.nan
        result = _integrate(integrator, whole, mask, binning, errors)
        middle = result.radial
        empty = result.sum_normalization == 0
        found[(0, *frame)] = np.where(empty, np.nan, result.intensity)
        found[(1, *frame)] = np.where(empty, np.nan, 0 if errors is None else result.sigma)
        found[(2, *frame)] = np.round(result.count)
    error = None if errors is None else found[1]
    return RingMeans(found[0], error, found[2].astype(np.int64)), middle


def _integrate(
    integrator: Any,
    frame: NDArray[np.float32],
    mask: NDArray[np.bool_],
    binning: Binning,
    errors: str | None,
) -> Any:
    flat = integrator.detector.shape
    how = "full" if integrator.detector.CORNERS == CORNERS else "bbox"
    return integrator.integrate1d_ng(
        frame.reshape(flat), binning.bins, mask=mask.reshape(flat), method=(how, "csr", "cython"),
        unit=binning.unit, radial_range=binning.limits, correctSolidAngle=binning.solid_angle,
        polarization_factor=binning.polarisation, error_model=errors,
    )  # fmt: skip
