"""Which ring around the beam each pixel belongs to, by pyFAI's geometry."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from beambook.detector._beam import Beam
from beambook.errors import DataError, MissingPackage, ParameterError

if TYPE_CHECKING:
    from beambook.detector._geometry import Geometry

__all__ = ["UNITS", "Binning", "Rings", "integrator_of"]

UNITS: Mapping[str, tuple[str, str]] = MappingProxyType({
    "q_A^-1": ("q", "1/Å"), "q_nm^-1": ("q", "1/nm"), "2th_deg": ("two_theta", "°"),
    "2th_rad": ("two_theta", "rad"), "r_mm": ("r", "mm"), "r_m": ("r", "m"),
})  # fmt: skip

Part = tuple[NDArray[np.int32], NDArray[np.float32], NDArray[np.float64]]

MOST_PARTS = 2  # sets of modules


@dataclass(frozen=True)
class Binning:
    """How an azimuthal integration is to be done; equal ones have the same bins.

    Attributes
    ----------
    beam : Beam
    rotation : tuple of float
        pyFAI's rot1, rot2 and rot3 in radian.
    bins : int
    unit : str
        One of `UNITS`.
    limits : tuple of float or None
        Of the first and of the last bin.
    solid_angle : bool
    polarisation : float or None
    """

    beam: Beam
    rotation: tuple[float, float, float] = (0.0, 0.0, 0.0)
    bins: int = 500
    unit: str = "q_A^-1"
    limits: tuple[float, float] | None = None
    solid_angle: bool = True
    polarisation: float | None = None

    def __post_init__(self) -> None:
        if self.bins < 1:
            raise ParameterError(f"bins is at least 1, not {self.bins}")
        if self.unit not in UNITS:
            raise ParameterError(f"unit is one of {', '.join(UNITS)}, not {self.unit!r}")
        if self.limits is not None and not self.limits[0] < self.limits[1]:
            raise ParameterError(f"limits ascend; these are {self.limits}")
        if self.polarisation is not None and abs(self.polarisation) > 1:
            raise ParameterError(f"polarisation is between -1 and 1, not {self.polarisation}")


@dataclass(frozen=True, eq=False)
class Rings:
    """The bins of an azimuthal integration.

    Attributes
    ----------
    ring : ndarray (module, slow_scan, fast_scan) int32
        The bin of each pixel; those that are masked or out of range have the number after the
        last.
    weight : ndarray (module, slow_scan, fast_scan) float32
        Solid angle and polarisation, relative to a pixel in the beam.
    middle : ndarray (bin,) float64
        Of the bins, in the unit.
    unit : str
        In pyFAI's words.
    """

    ring: NDArray[np.int32]
    weight: NDArray[np.float32]
    middle: NDArray[np.float64]
    unit: str
    _parts: dict[tuple[int, ...] | None, Part] = field(default_factory=dict)

    @classmethod
    def of(
        cls, geometry: Geometry, binning: Binning, mask: NDArray[np.bool_] | None = None
    ) -> Rings:
        """For the pixels of a detector that are not masked.

        Raises
        ------
        MissingPackage, ParameterError
            See `integrator_of`.
        DataError
            No pixel is left.
        """
        integrator = integrator_of(geometry, binning)
        flat = integrator.detector.shape
        values = integrator.center_array(flat, unit=binning.unit).reshape(geometry.shape)
        good = np.isfinite(values) if mask is None else np.isfinite(values) & ~mask
        if not good.any():
            raise DataError("No pixel is left to be integrated: all are masked")
        low, high = binning.limits or _extent(values[good])
        place = (values.astype(np.float64) - low) * (binning.bins / (high - low))
        inside = good & (values >= low) & (values < high)
        ring = np.where(inside, np.clip(place, 0, binning.bins - 1), binning.bins)
        weight = np.ones(geometry.shape, np.float32)
        if binning.solid_angle:
            weight *= integrator.solidAngleArray(flat).reshape(geometry.shape)
        if binning.polarisation is not None:
            factor = integrator.polarization(flat, binning.polarisation)
            weight *= factor.reshape(geometry.shape)
        edges = np.linspace(low, high, binning.bins + 1)
        return cls(ring.astype(np.int32), weight, (edges[1:] + edges[:-1]) / 2, binning.unit)

    @property
    def bins(self) -> int:
        """How many."""
        return len(self.middle)

    def part(self, modules: tuple[int, ...] | None) -> Part:
        """Rings and weights of some modules, and sums of their weights; worked out once.

        The sums (3, bin) are of the weights, of their squares, and of the number of pixels.
        """
        if modules not in self._parts:
            chosen: Any = slice(None) if modules is None else list(modules)
            ring = np.ascontiguousarray(self.ring[chosen])
            weight = np.ascontiguousarray(self.weight[chosen])
            exact = weight.ravel().astype(np.float64)
            counted = [np.bincount(ring.ravel(), w, self.bins + 1) for w in (exact, exact**2, None)]
            while len(self._parts) >= MOST_PARTS:
                self._parts.pop(next(iter(self._parts)), None)
            self._parts[modules] = ring, weight, np.array(counted, np.float64)[:, :-1]
        return self._parts[modules]


def _extent(values: NDArray[Any]) -> tuple[float, float]:
    """The smallest value, and as pyFAI has it a little more than the largest."""
    return float(values.min()), float(values.max()) * (1 + float(np.finfo(np.float32).eps))


def integrator_of(geometry: Geometry, binning: Binning) -> Any:
    """A pyFAI ``AzimuthalIntegrator``; poni1 is y, poni2 is x.

    Raises
    ------
    MissingPackage
        pyFAI is not installed.
    ParameterError
        EXtra-geom does not tell pyFAI about this kind of detector.
    """
    try:
        from pyFAI.integrator.azimuthal import AzimuthalIntegrator
    except ImportError as error:
        raise MissingPackage(
            "Azimuthal integration needs pyFAI", hint="pip install beambook[azimuthal]"
        ) from error
    try:
        detector = geometry.extra_geom.to_pyfai_detector()
    except NotImplementedError as error:
        raise ParameterError(f"EXtra-geom has no pyFAI detector for {geometry.kind}") from error
    if detector.shape is None:  # EXtra-geom leaves that of LPD Mini open
        modules, slow, fast = geometry.shape
        detector.shape = modules * slow, fast
    beam = binning.beam
    x, y = beam.centre
    return AzimuthalIntegrator(
        beam.distance, y, x, *binning.rotation, detector=detector, wavelength=beam.wavelength
    )
