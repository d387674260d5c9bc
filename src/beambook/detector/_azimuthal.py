"""Intensity by distance from the beam: the mean of each ring."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from beambook.data._reading.threads import thread_count
from beambook.detector._beam import Beam
from beambook.detector._frames import Frames
from beambook.detector._ring_means import RingMeans
from beambook.detector._rings import UNITS, Binning
from beambook.detector._split import split_means
from beambook.errors import DataError, ParameterError

if TYPE_CHECKING:
    from beambook.detector._geometry import Geometry

__all__ = ["azimuthal"]

ERRORS = ("azimuthal", "poisson", None)
METHODS = ("nosplit", "split")


def azimuthal(
    frames: Any,
    geometry: Geometry,
    *,
    distance: float,
    wavelength: float | None = None,
    photon_energy: float | None = None,
    centre: tuple[float, float] = (0.0, 0.0),
    rotation: tuple[float, float, float] = (0.0, 0.0, 0.0),
    bins: int = 500,
    unit: str = "q_A^-1",
    limits: tuple[float, float] | None = None,
    mask: Any = None,
    method: str = "nosplit",
    solid_angle: bool = True,
    polarisation: float | None = None,
    errors: str | None = "azimuthal",
    modules: Collection[int] | None = None,
    threads: int | None = None,
) -> xr.Dataset:
    """Intensity as a function of q, of one frame or of many.

    In each bin I = Σ I_i / Σ n_i, where n_i is the solid angle of pixel i times its polarisation
    factor, both relative to a pixel in the beam. Which bin a pixel belongs to is worked out once,
    by pyFAI's geometry, and kept.

    Parameters
    ----------
    frames : ndarray or xarray.DataArray, (..., module, slow_scan, fast_scan)
        See `assemble`. NaN and infinite values are left out.
    geometry : Geometry
    distance : float
        From the sample to the plane z = 0 of the geometry, in metres.
    wavelength : float, optional
        In metres.
    photon_energy : float, optional
        In keV, instead of the wavelength.
    centre : tuple of float
        x and y of the point of normal incidence (without rotation: of the beam), in metres; pyFAI
        calls them poni2 and poni1. x grows to the left, looking along the beam.
    rotation : tuple of float
        pyFAI's rot1, rot2 and rot3 in radian.
    bins : int
    unit : str
        ``"q_A^-1"``, ``"q_nm^-1"``, ``"2th_deg"``, ``"2th_rad"``, ``"r_mm"`` or ``"r_m"``.
    limits : pair of float, optional
        Of the first and of the last bin; by default all pixels are within.
    mask : array of bool, (module, slow_scan, fast_scan) or as `frames`
        True where a pixel is left out, of all frames or of each.
    method : str
        ``"nosplit"``: each pixel goes to the bin of its centre, fast. ``"split"``: pixels are
        shared out among bins by pyFAI, image by image, smoother where bins are narrow.
    solid_angle : bool
        Whether pixels seen at an angle are corrected.
    polarisation : float, optional
        From −1 (vertical) to 1 (horizontal, as at the European XFEL); None for no correction.
    errors : str or None
        ``"azimuthal"``: standard error of the mean from the scatter within the bin,
        σ² = (Σ I_i²/n_i / Σ n_i − I²) Σ n_i² / (Σ n_i)²; ``"poisson"``: √ΣI_i / Σn_i, for values
        that are numbers of photons; None for none.
    modules : collection of int, optional
        See `assemble`.
    threads : int, optional
        How many work on a stack.

    Returns
    -------
    xarray.Dataset
        ``intensity`` and ``error`` (..., q), ``pixels`` (q, or (..., q) where it differs between
        frames) how many were in the bin. NaN in bins without any.

    Raises
    ------
    MissingPackage
        pyFAI is not installed.
    DataError, ParameterError

    References
    ----------
    J. Kieffer et al., J. Appl. Cryst. 58, 138 (2025) (pyFAI).
    """
    if method not in METHODS:
        raise ParameterError(f"method is 'nosplit' or 'split', not {method!r}")
    if errors not in ERRORS:
        raise ParameterError(f"errors is 'azimuthal', 'poisson' or None, not {errors!r}")
    beam = Beam.of(distance, wavelength, photon_energy, centre)
    binning = Binning(beam, rotation, bins, unit, limits, solid_angle, polarisation)
    given = Frames.of(frames, geometry.shape, modules=modules, first_module=geometry.first_module)
    fixed, varying = _masks(mask, given, geometry)
    if method == "split":
        means, middle = split_means(given, geometry, binning, fixed, varying, errors)
    else:
        rings = geometry.rings(binning, fixed)
        middle = rings.middle
        means = RingMeans.of(given, rings, varying, errors, thread_count(threads))
    return _labelled(means, middle, given, binning, geometry)


def _masks(
    mask: Any, given: Frames, geometry: Geometry
) -> tuple[NDArray[np.bool_] | None, NDArray[np.bool_] | None]:
    """A mask of pixels, the same for all frames, and one of each frame."""
    if mask is None:
        return None, None
    shape = geometry.shape
    if isinstance(mask, xr.DataArray):
        laid_out = Frames.of(mask, shape, first_module=geometry.first_module)
        numbers, values = laid_out.modules, laid_out.values.astype(bool)
        same = numbers == given.modules
    else:
        values, numbers = np.asarray(mask, dtype=bool), None
        same = values.shape[-3:] == given.values.shape[-3:]
    if values.ndim > 3:
        if values.shape != given.values.shape or not same:
            raise DataError(f"A mask of each frame has the shape of the frames, "
                            f"{given.values.shape}, not {values.shape}")  # fmt: skip
        return None, values
    if numbers is None and values.shape != shape:
        if not same:
            raise DataError(f"A mask has the shape {shape}, not {values.shape}")
        numbers = given.modules
    whole = np.zeros(shape, np.bool_)
    whole[slice(None) if numbers is None else list(numbers)] = values
    return whole, None


def _labelled(
    means: RingMeans, middle: NDArray[np.float64], given: Frames, binning: Binning,
    geometry: Geometry,
) -> xr.Dataset:  # fmt: skip
    name, units = UNITS[binning.unit]
    dims = (*given.lead_dims, name)
    of_data = {} if given.labels is None else given.labels.attrs
    value = {"units": of_data["units"]} if "units" in of_data else {}
    same = means.pixels.ndim == 1
    variables = {
        "intensity": (dims, means.intensity, value),
        "pixels": ((name,) if same else dims, means.pixels),
    }
    if means.error is not None:
        variables["error"] = (dims, means.error, value)
    coords = {**given.lead_coords, name: (name, middle, {"units": units})}
    attrs = {k: v for k, v in of_data.items() if k != "units"}
    attrs |= {"geometry": geometry.title, "beam": binning.beam.text()}
    return xr.Dataset(variables, coords, attrs)
