"""A detector's frame as a picture."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from beambook.detector._beam import Beam
from beambook.detector._frames import Frames
from beambook.errors import DataError, ParameterError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Normalize

    from beambook.detector._geometry import Geometry

__all__ = ["plot"]

GREY = "0.82"  # where no pixel is: neither end of any colour scale
QUANTILES = (0.01, 0.99)
UNITS = {"px": "pixels", "mm": "mm"}


def plot(
    frame: Any,
    geometry: Geometry,
    *,
    ax: Axes | None = None,
    modules: Collection[int] | None = None,
    log: bool = False,
    limits: tuple[float | None, float | None] = (None, None),
    axis_units: str = "px",
    rings: Sequence[float] = (),
    distance: float | None = None,
    wavelength: float | None = None,
    photon_energy: float | None = None,
    centre: tuple[float, float] = (0.0, 0.0),
    label_modules: bool = False,
    colorbar: bool = True,
    crop: bool = False,
    **style: Any,
) -> Axes:
    """Draw one frame as it is seen from the sample: x grows to the left.

    Parameters
    ----------
    frame : ndarray or xarray.DataArray, (module, slow_scan, fast_scan)
        Name and units on the colour bar are those of the data. Of raw AGIPD data, which has an
        axis ``data_gain``, the analogue plane is drawn.
    geometry : Geometry
    ax : matplotlib.axes.Axes, optional
        A new figure by default.
    modules : collection of int, optional
        Which modules the frame has; see `assemble`.
    log : bool
        Logarithmic colours; what is not positive gets the colour of the lower limit.
    limits : pair of float or None
        Of the colours; by default the quantiles 1 % and 99 % of the pixels.
    axis_units : str
        ``"px"`` or ``"mm"``, from the beam.
    rings : sequence of float
        Values of q in 1/Å, at which circles are drawn; they need `distance` and `wavelength` or
        `photon_energy`.
    distance, wavelength : float, optional
        In metres.
    photon_energy : float, optional
        In keV.
    centre : tuple of float
        x and y of the beam in metres.
    label_modules : bool
        Write the module's number on each.
    colorbar : bool
    crop : bool
        Show no more than where modules with data are.
    **style
        Of matplotlib's ``imshow``.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    DataError
        It is not one frame of this detector.
    ParameterError
    """
    if axis_units not in UNITS:
        raise ParameterError(f"axis_units is 'px' or 'mm', not {axis_units!r}")
    frame = _analogue(frame)
    given = Frames.of(frame, geometry.shape, modules=modules, first_module=geometry.first_module)
    picture = _picture(given, geometry)
    rows, columns = _bounds(picture, crop=crop)
    ax = _new_axes((rows[1] - rows[0], columns[1] - columns[0])) if ax is None else ax
    scale = _scale(geometry, axis_units)
    norm = style.pop("norm", None) or _norm(picture, limits, log=log)
    image = ax.imshow(picture, **_style(picture, geometry, scale, norm, style))
    if crop:
        y, x = geometry.centre
        ax.set_xlim((columns[0] - x) * scale[1], (columns[1] - x) * scale[1])
        ax.set_ylim((rows[0] - y) * scale[0], (rows[1] - y) * scale[0])
    ax.invert_xaxis()
    ax.set_facecolor(GREY)
    ax.set_xlabel(f"x / {UNITS[axis_units]}")
    ax.set_ylabel(f"y / {UNITS[axis_units]}")
    ax.set_title(_title(frame, geometry), fontsize="medium")
    if colorbar:
        ax.figure.colorbar(image, ax=ax, shrink=0.8, label=_label(frame), extend="both")
    if len(rings):
        _draw_rings(ax, rings, _beam(distance, wavelength, photon_energy, centre), geometry, scale)
    if label_modules:
        _draw_labels(ax, geometry, given.modules, scale)
    return ax


def _analogue(frame: Any) -> Any:
    """Raw AGIPD frames have a plane of values and one of gain; of labelled ones we know which."""
    if isinstance(frame, xr.DataArray) and "data_gain" in frame.dims:
        return frame.isel(data_gain=0).assign_coords(data_gain="analogue")
    return frame


def _picture(given: Frames, geometry: Geometry) -> NDArray[np.floating[Any]]:
    """Assembled as floats, with NaN in the gaps of whatever type."""
    if given.lead:
        raise DataError(
            f"One frame is drawn; these have the axes {', '.join(given.lead_dims)} of lengths "
            f"{', '.join(map(str, given.lead))}",
            hint="Choose one, or take their mean.",
        )
    if given.values.dtype.kind not in "biuf":
        raise DataError(f"Values of type {given.values.dtype} have no colour")
    values = given.values if given.values.dtype.kind == "f" else given.values.astype(np.float64)
    numbers = None if given.modules is None else [m + geometry.first_module for m in given.modules]
    picture: NDArray[np.floating[Any]] = geometry.assemble(values, modules=numbers)
    return picture


def _beam(
    distance: float | None,
    wavelength: float | None,
    photon_energy: float | None,
    centre: tuple[float, float],
) -> Beam:
    if distance is None:
        raise ParameterError("Rings of q need distance and wavelength or photon_energy")
    return Beam.of(distance, wavelength, photon_energy, centre)


def _bounds(
    picture: NDArray[np.floating[Any]], *, crop: bool
) -> tuple[tuple[int, int], tuple[int, int]]:
    """First row and end, first column and end, of what is shown."""
    found = []
    for axis in (0, 1):
        there = np.flatnonzero(np.isfinite(picture).any(axis=1 - axis))
        whole = not crop or not there.size
        found.append((0, picture.shape[axis]) if whole else (int(there[0]), int(there[-1]) + 1))
    return found[0], found[1]


def _new_axes(shape: tuple[int, ...]) -> Axes:
    from matplotlib import pyplot as plt

    height = min(7.0, max(3.0, 6.0 * shape[0] / shape[1]))
    axes: Axes = plt.subplots(figsize=(7.0, height), layout="constrained")[1]
    return axes


def _scale(geometry: Geometry, axis_units: str) -> tuple[float, float]:
    """How much of the axis units a pixel is: y, x."""
    y, x = geometry.pixel_size
    return (1.0, 1.0) if axis_units == "px" else (1e3 * y, 1e3 * x)


def _style(
    picture: NDArray[np.floating[Any]],
    geometry: Geometry,
    scale: tuple[float, float],
    norm: Normalize,
    style: dict[str, Any],
) -> dict[str, Any]:
    """For ``imshow``; what the caller says wins."""
    from matplotlib import colormaps

    cmap = style.pop("cmap", "viridis")
    cmap = (colormaps[cmap] if isinstance(cmap, str) else cmap).with_extremes(bad=GREY)
    height, width = picture.shape
    y, x = geometry.centre
    extent = (-x * scale[1], (width - x) * scale[1], -y * scale[0], (height - y) * scale[0])
    pixel = geometry.pixel_size
    aspect = pixel[0] / pixel[1] / (scale[0] / scale[1])
    return {
        "origin": "lower", "extent": extent, "aspect": aspect, "interpolation": "nearest",
        "cmap": cmap, "norm": norm, **style,
    }  # fmt: skip


def _norm(
    picture: NDArray[np.floating[Any]], limits: tuple[float | None, float | None], *, log: bool
) -> Normalize:
    """Colours from quantiles of the pixels; of positive ones for a logarithmic scale."""
    from matplotlib.colors import LogNorm, Normalize

    counted = picture[np.isfinite(picture) & ((picture > 0) | (not log))]
    if counted.size:
        found = [float(v) for v in np.quantile(counted, QUANTILES)]
    else:
        found = [0.1, 1.0] if log else [0.0, 1.0]
    low, high = (f if given is None else given for f, given in zip(found, limits, strict=True))
    if low >= high:
        high = low * 1.1 if log else low + max(abs(low) * 0.1, 1e-12)
    return (LogNorm if log else Normalize)(low, high, clip=log)


def _draw_rings(
    ax: Axes, rings: Sequence[float], beam: Beam, geometry: Geometry, scale: tuple[float, float]
) -> None:
    """Circles of equal q on a flat detector, each with its value on it."""
    from matplotlib.patches import Ellipse

    pixel = geometry.pixel_size
    per_metre = scale[0] / pixel[0], scale[1] / pixel[1]
    y, x = beam.centre[1] * per_metre[0], beam.centre[0] * per_metre[1]
    left, right = sorted(ax.get_xlim())
    bottom, top = sorted(ax.get_ylim())
    for q, radius in zip(rings, beam.radius(rings), strict=True):
        size = 2 * radius * per_metre[1], 2 * radius * per_metre[0]
        ax.add_patch(Ellipse((x, y), *size, fill=False, color="white", lw=1.6, alpha=0.6))
        ax.add_patch(Ellipse((x, y), *size, fill=False, color="black", lw=0.8, ls="--"))
        for angle in np.radians([90, 45, 135, 270, 0, 180]):
            at = x + np.cos(angle) * size[0] / 2, y + np.sin(angle) * size[1] / 2
            if left < at[0] < right and bottom < at[1] < top:
                _draw_text(ax, at, f"{q:.4g} Å⁻¹")
                break


def _draw_labels(
    ax: Axes, geometry: Geometry, modules: tuple[int, ...] | None, scale: tuple[float, float]
) -> None:
    """The number of each module, in its middle."""
    pixel = geometry.pixel_size
    for module in range(geometry.shape[0]) if modules is None else modules:
        x, y, _ = geometry.positions[module].reshape(-1, 3).mean(axis=0)
        at = x / pixel[1] * scale[1], y / pixel[0] * scale[0]
        _draw_text(ax, at, str(module + geometry.first_module))


def _draw_text(ax: Axes, at: tuple[float, float], text: str) -> None:
    box = {"boxstyle": "round,pad=0.15", "fc": "white", "ec": "none", "alpha": 0.75}
    ax.text(*at, text, ha="center", va="center", fontsize="x-small", bbox=box, clip_on=True)


def _title(frame: Any, geometry: Geometry) -> str:
    labels = frame.attrs if isinstance(frame, xr.DataArray) else {}
    what = " ".join(str(labels[name]) for name in ("run", "detector") if name in labels)
    plane = ", analogue" if isinstance(frame, xr.DataArray) and "data_gain" in frame.coords else ""
    return f"{what or geometry.kind}{plane} ({geometry.title})"


def _label(frame: Any) -> str:
    """Name and unit, as the data says."""
    if not isinstance(frame, xr.DataArray):
        return ""
    name = str(frame.attrs.get("key") or frame.name or "")
    units = frame.attrs.get("units", "")
    return f"{name} / {units}" if units else name
