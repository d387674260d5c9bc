"""Where the pixels of a detector are."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from beambook.card import Card, Described, Table
from beambook.data._cached_property import cached_property
from beambook.detector._assemble import assemble
from beambook.detector._azimuthal import azimuthal
from beambook.detector._beam import Beam
from beambook.detector._files import read_geometry, write_geometry
from beambook.detector._kinds import kind_named, kind_of
from beambook.detector._nominal import nominal_geometry
from beambook.detector._placement import Placement
from beambook.detector._plot import plot
from beambook.detector._rings import Binning, Rings
from beambook.errors import DataError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Geometry", "nominal"]

MOST_RINGS = 4  # sets of bins of azimuthal integrations that are kept, 8 MB each
PIXEL_DIMS = ("module", "slow_scan", "fast_scan")


@dataclass(frozen=True, eq=False, repr=False)
class Geometry(Described):
    """Where the pixels of a detector are: EXtra-geom's object, with a name and a memory.

    Coordinates are metres: x to the left, looking along the beam, y up, z along the beam. Their
    origin should be where the beam meets the detector.

    Attributes
    ----------
    extra_geom : extra_geom.base.DetectorGeometryBase
        Has many more methods. Do not change it in place.
    kind : str
        ``"AGIPD1M"``.
    origin : str
        Where the positions are from: a file's name, ``"nominal"`` …
    approximate : bool
        Whether nobody has measured them.

    Examples
    --------
    >>> geometry = Geometry.nominal("AGIPD1M")
    >>> geometry.shape, geometry.picture_shape
    ((16, 512, 128), (1256, 1092))
    """

    extra_geom: Any
    kind: str
    origin: str
    approximate: bool = False
    first_module: int = 0
    _placements: dict[tuple[int, ...] | None, Placement] = field(default_factory=dict)
    _rings: dict[tuple[Binning, bytes], Rings] = field(default_factory=dict)

    # --- from what --------------------------------------------------------

    @classmethod
    def of(
        cls, extra_geom: Any, *, origin: str | None = None, approximate: bool = False
    ) -> Geometry:
        """From any geometry object of EXtra-geom; a Geometry is given back.

        Parameters
        ----------
        extra_geom : extra_geom.base.DetectorGeometryBase
        origin : str, optional
            Where it is from; by default what it says itself.
        approximate : bool
            Whether nobody has measured it.
        """
        if isinstance(extra_geom, Geometry):
            return extra_geom
        kind = kind_of(extra_geom)
        known = str(extra_geom.filename)
        said = origin or (Path(known).name if known != "No file" else "made in Python")
        return cls(extra_geom, kind.name, said, approximate, kind.first_module)

    @classmethod
    def nominal(cls, kind: str, n_modules: int | None = None) -> Geometry:
        """As drawn, some pixels wrong: for a first look, not for a measurement.

        Parameters
        ----------
        kind : str
            ``"AGIPD1M"``, ``"AGIPD500K"``, ``"LPD1M"``, ``"DSSC1M"`` or ``"JUNGFRAU"``.
        n_modules : int, optional
            Of a JUNGFRAU.

        Raises
        ------
        ParameterError
            There is no such kind, or it has another number of modules.
        """
        made = nominal_geometry(kind_named(kind), n_modules)
        return cls.of(made, origin="nominal", approximate=True)

    @classmethod
    def read(
        cls,
        path: str | Path,
        *,
        kind: str | None = None,
        quad_positions: Sequence[tuple[float, float]] | None = None,
    ) -> Geometry:
        """From a file.

        Parameters
        ----------
        path : path
            CrystFEL's ``.geom``, or for LPD1M and DSSC1M the European XFEL's HDF5.
        kind : str, optional
            Of which detector; by default what number and size of the panels say.
        quad_positions : sequence of four pairs of float, optional
            x and y of the quadrants in millimetres, where an HDF5 file lacks them, or instead of
            those it has.

        Raises
        ------
        RunNotFound, DamagedFile, DataError, ParameterError
        """
        return cls.of(read_geometry(Path(path), kind, quad_positions), origin=Path(path).name)

    def write(self, path: str | Path, *, overwrite: bool = False, **fields: Any) -> Path:
        """Write it to a file.

        Parameters
        ----------
        path : path
            ``.geom``, or ``.h5`` for LPD1M and DSSC1M (positions without rotations).
        overwrite : bool
            Whether a file that exists is replaced.
        **fields
            For CrystFEL: ``data_path``, ``mask_path``, ``dims``, ``adu_per_ev``, ``clen`` (m),
            ``photon_energy`` (eV).

        Returns
        -------
        Path

        Raises
        ------
        DataError
            The file exists.
        ParameterError
            This detector, or a field, cannot be written to such a file.
        """
        write_geometry(self.extra_geom, Path(path), overwrite=overwrite, **fields)
        return Path(path)

    # --- what it is -------------------------------------------------------

    @property
    def shape(self) -> tuple[int, int, int]:
        """Of a frame: modules, slow scan, fast scan."""
        modules, slow, fast = self.extra_geom.expected_data_shape
        return int(modules), int(slow), int(fast)

    @property
    def modules(self) -> tuple[int, ...]:
        """Numbers of the modules."""
        return tuple(range(self.first_module, self.first_module + self.shape[0]))

    @property
    def picture_shape(self) -> tuple[int, int]:
        """Of an assembled frame: y, x."""
        return self.placement().shape

    @cached_property
    def centre(self) -> tuple[float, float]:
        """Pixel (y, x) of an assembled frame at which the coordinates have their origin."""
        nothing = np.zeros(self.shape, np.uint8)
        y, x = self.extra_geom.position_modules(nothing)[1]
        return float(y), float(x)

    @property
    def pixel_size(self) -> tuple[float, float]:
        """Of a pixel of the picture, in metres: y, x."""
        x, y = self.extra_geom._pixel_shape  # there is no public way to DSSC's two
        return float(y), float(x)

    @property
    def title(self) -> str:
        """For the head of a picture: says if the geometry is only nominal."""
        return "nominal geometry" if self.approximate else self.origin

    def placement(self, modules: tuple[int, ...] | None = None) -> Placement:
        """Where the tiles of some modules (counted from 0) go in the picture; worked out once."""
        if modules not in self._placements:
            made = Placement.of(self.extra_geom, modules, self.first_module)
            self._placements[modules] = made
        return self._placements[modules]

    def rings(self, binning: Binning, mask: NDArray[np.bool_] | None = None) -> Rings:
        """Which ring around the beam each pixel belongs to; the last few are kept."""
        digest = b"" if mask is None else hashlib.sha256(np.packbits(mask).tobytes()).digest()
        known = self._rings.get((binning, digest))
        if known is None:
            known = Rings.of(self, binning, mask)
            while len(self._rings) >= MOST_RINGS:
                self._rings.pop(next(iter(self._rings)), None)
            self._rings[binning, digest] = known
        return known

    @cached_property
    def positions(self) -> NDArray[np.float64]:
        """Centres of the pixels, (module, slow_scan, fast_scan, xyz), in metres."""
        return np.asarray(self.extra_geom.get_pixel_positions())

    def q(
        self,
        *,
        distance: float,
        wavelength: float | None = None,
        photon_energy: float | None = None,
        centre: tuple[float, float] = (0.0, 0.0),
    ) -> xr.DataArray:
        """Momentum transfer q = 4π/λ · sin(2θ/2) at the centre of each pixel.

        Parameters
        ----------
        distance : float
            From the sample to the plane z = 0, in metres.
        wavelength : float, optional
            In metres.
        photon_energy : float, optional
            In keV, instead of the wavelength.
        centre : tuple of float
            x and y of the beam, in metres.

        Returns
        -------
        xarray.DataArray, (module, slow_scan, fast_scan)
            In 1/Å.

        Raises
        ------
        ParameterError
        """
        beam = Beam.of(distance, wavelength, photon_energy, centre)
        return xr.DataArray(
            beam.q(self.positions), {"module": np.array(self.modules)}, PIXEL_DIMS, "q",
            {"units": "1/Å", "geometry": self.title},
        )  # fmt: skip

    def card(self) -> Card:
        """Describe it."""
        modules, slow, fast = self.shape
        y, x = self.pixel_size
        size = f"{x * 1e6:.4g}" + (f" × {y * 1e6:.4g}" if abs(x - y) > 1e-9 else "")
        facts = {
            "positions": f"{self.origin}, approximate" if self.approximate else self.origin,
            "modules": f"{modules} of {slow} × {fast} pixels",
            "pixels": f"{size} µm",
            **self._picture(),
        }
        return Card("Geometry", self.kind, facts, (self._corners(),))

    def _picture(self) -> dict[str, str]:
        try:
            shape, beam = self.picture_shape, self.centre
        except DataError as error:
            return {"picture": error.message}
        return {
            "picture": "{} × {} pixels".format(*shape),
            "beam": "y {:.5g}, x {:.5g}".format(*beam),
        }

    def _corners(self) -> Table:
        rows = tuple(
            (number, *(f"{1e3 * float(value):.3f}" for value in tiles[0].corner_pos))
            for number, tiles in zip(self.modules, self.extra_geom.modules, strict=True)
        )
        return Table(("module", "x / mm", "y / mm", "z / mm"), rows, "first corners of modules")

    # --- what one does with it --------------------------------------------

    def assemble(
        self,
        frames: Any,
        *,
        modules: Collection[int] | None = None,
        out: NDArray[Any] | None = None,
        threads: int | None = None,
    ) -> Any:
        """Put modules at their places in a picture; see `assemble`."""
        return assemble(frames, self, modules=modules, out=out, threads=threads)

    def azimuthal(self, frames: Any, *, distance: float, **options: Any) -> xr.Dataset:
        """Intensity as a function of q; see `azimuthal`."""
        return azimuthal(frames, self, distance=distance, **options)

    def plot(self, frame: Any, *, ax: Axes | None = None, **options: Any) -> Axes:
        """Draw one frame; see `plot`."""
        return plot(frame, self, ax=ax, **options)


def nominal(kind: str, n_modules: int | None = None) -> Geometry:
    """What a detector takes that was given no geometry; see `Geometry.nominal`."""
    return Geometry.nominal(kind, n_modules)
