"""What a detector can be drawn with: a geometry, from whoever provides one."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from functools import cache
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any, Protocol, Self

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from beambook.data._detector.channel import DetectorChannel
from beambook.data._findings import warn
from beambook.errors import DataError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from beambook.data._detector.kind import Kind

__all__ = ["DetectorGeometry", "Pictured"]

PROVIDERS = "beambook.geometry"


class DetectorGeometry(Protocol):
    """Where the pixels of a detector are, as far as a detector has to know.

    Attributes
    ----------
    title : str
        For people: a file's name, or "nominal geometry".
    approximate : bool
        Whether nobody has measured the positions.
    """

    @property
    def title(self) -> str: ...

    @property
    def approximate(self) -> bool: ...

    def assemble(
        self, frames: Any, *, modules: Collection[int] | None, out: Any, threads: int | None
    ) -> Any:
        """Put modules at their places in a picture."""

    def azimuthal(self, frames: Any, *, distance: float, **options: Any) -> xr.Dataset:
        """Intensity by momentum transfer."""

    def plot(self, frame: Any, *, ax: Axes | None, **options: Any) -> Axes:
        """Draw one frame."""


@cache
def provided(kind: str, n_modules: int) -> DetectorGeometry:
    """The nominal geometry of a kind of detector, from whoever registered one.

    Raises
    ------
    DataError
        Nobody did.
    """
    found = entry_points(group=PROVIDERS, name=kind)
    if not found:
        raise DataError(
            f"No geometry is known for detectors of kind {kind}",
            hint="Give one: detector.with_geometry(Geometry.read(PATH)).",
        )
    made: DetectorGeometry = next(iter(found)).load()(kind, n_modules)
    return made


class Pictured:
    """Methods of a detector that need a geometry.

    Without one, a nominal geometry of its kind is taken, from whoever registered one under the
    entry-point group ``beambook.geometry``: a name like ``AGIPD1M``, a callable that takes the
    kind and the number of modules.
    """

    kind: Kind
    name: str
    n_modules: int
    geometry: DetectorGeometry | None
    modules: Any

    def with_geometry(self, geometry: DetectorGeometry) -> Self:
        """The same detector with a geometry: a `beambook.detector.Geometry`."""
        made: Self = replace(self, geometry=geometry)  # type: ignore[type-var]
        return made

    def geometry_or_nominal(self) -> DetectorGeometry:
        """The geometry that it was given, or else a nominal one.

        Raises
        ------
        DataError
            Nobody knows one of this kind.
        """
        if self.geometry is not None:
            return self.geometry
        return provided(self.kind.name, self.n_modules)

    def assemble(
        self, frames: Any, *, out: NDArray[Any] | None = None, threads: int | None = None
    ) -> Any:
        """Put modules at their places in a picture.

        Parameters
        ----------
        frames : DetectorChannel, xarray.DataArray or ndarray
            A channel is read. An array without labels is ``(..., module, slow_scan, fast_scan)``,
            of all modules or of those that this detector has.
        out, threads
            See `beambook.detector.assemble`.

        Returns
        -------
        xarray.DataArray or ndarray, (..., y, x)
            Gaps are NaN, for whole numbers 0.
        """
        given, modules = self._given(frames)
        geometry = self.geometry_or_nominal()
        return geometry.assemble(given, modules=modules, out=out, threads=threads)

    def plot(self, frame: Any, *, ax: Axes | None = None, **options: Any) -> Axes:
        """Draw one frame; see `beambook.detector.plot`.

        Parameters
        ----------
        frame : DetectorChannel, xarray.DataArray or ndarray
            As of `assemble`, of one frame.
        ax : matplotlib.axes.Axes, optional
            A new figure by default.
        **options
            ``log``, ``limits``, ``rings``, ``label_modules`` …

        Returns
        -------
        matplotlib.axes.Axes
        """
        given, modules = self._given(frame)
        return self.geometry_or_nominal().plot(given, ax=ax, modules=modules, **options)

    def show(self, frame: Any, **options: Any) -> Axes:
        """Draw one frame in a figure of its own, with the numbers of the modules.

        See `plot`.
        """
        return self.plot(frame, **{"label_modules": True, **options})

    def azimuthal(self, frames: Any, *, distance: float, **options: Any) -> xr.Dataset:
        """Intensity by momentum transfer; see `beambook.detector.azimuthal`.

        Parameters
        ----------
        frames : DetectorChannel, xarray.DataArray or ndarray
            As of `assemble`.
        distance : float
            From the sample to the detector, in metres.
        **options
            ``wavelength`` (m) or ``photon_energy`` (keV), ``centre``, ``bins``, ``mask`` …
        """
        given, modules = self._given(frames)
        geometry = self.geometry_or_nominal()
        if geometry.approximate:
            warn(
                f"{self.name} has a nominal geometry: modules are some pixels away from where q is "
                "worked out; give a measured one: detector.with_geometry(Geometry.read(PATH))"
            )
        return geometry.azimuthal(given, distance=distance, modules=modules, **options)

    def _given(self, frames: Any) -> tuple[Any, Collection[int] | None]:
        if isinstance(frames, DetectorChannel):
            frames = frames.xarray()
        if isinstance(frames, xr.DataArray):
            return frames, None
        frames = np.asarray(frames)
        ours = frames.ndim > 2 and frames.shape[-3] == len(self.modules)
        return frames, self.modules if ours else None
