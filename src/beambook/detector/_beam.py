"""The beam that a detector looks into: wavelength, scattering angle, momentum transfer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from beambook.errors import ParameterError

__all__ = ["Beam"]

HC = 12.398419843320026  # keV Å, exact since 2019
LONGEST = 1e-7  # m; anything longer is Å or nm taken for metres
ENERGIES = (0.05, 250.0)  # keV; outside it is eV taken for keV
FARTHEST = 100.0  # m; beyond, it is mm taken for metres


@dataclass(frozen=True)
class Beam:
    """Where the beam meets the detector, and of what wavelength it is.

    Attributes
    ----------
    distance : float
        From the sample to the plane z = 0 of the geometry, in metres.
    wavelength : float
        In metres.
    centre : tuple of float
        x and y of the beam in the geometry's coordinates, in metres. The origin of a geometry
        should be the beam: (0, 0).
    """

    distance: float
    wavelength: float
    centre: tuple[float, float] = (0.0, 0.0)

    @classmethod
    def of(
        cls,
        distance: float,
        wavelength: float | None = None,
        photon_energy: float | None = None,
        centre: tuple[float, float] = (0.0, 0.0),
    ) -> Beam:
        """From a wavelength or from a photon energy.

        Parameters
        ----------
        distance : float
            In metres.
        wavelength : float, optional
            In metres.
        photon_energy : float, optional
            In keV.
        centre : tuple of float
            x and y, in metres.

        Raises
        ------
        ParameterError
            Not exactly one of wavelength and photon energy, or a value that can only be of
            another unit.
        """
        if (wavelength is None) == (photon_energy is None):
            raise ParameterError("Give either wavelength (m) or photon_energy (keV)")
        if photon_energy is not None:
            if not ENERGIES[0] <= photon_energy <= ENERGIES[1]:
                raise ParameterError(f"photon_energy is in keV; {photon_energy:g} keV is no X-ray")
            wavelength = HC / photon_energy * 1e-10
        assert wavelength is not None  # noqa: S101 one of the two is there
        if not 0 < wavelength < LONGEST:
            raise ParameterError(f"wavelength is in metres; {wavelength:g} m is no X-ray")
        if not 0 < distance < FARTHEST:
            raise ParameterError(f"distance is in metres; {distance:g} m cannot be")
        return cls(float(distance), float(wavelength), (float(centre[0]), float(centre[1])))

    def two_theta(self, positions: NDArray[np.float64]) -> NDArray[np.float64]:
        """Scattering angle of positions (..., xyz) in metres, in radian."""
        across = np.hypot(positions[..., 0] - self.centre[0], positions[..., 1] - self.centre[1])
        return np.asarray(np.arctan2(across, self.distance + positions[..., 2]))

    def q(self, positions: NDArray[np.float64]) -> NDArray[np.float64]:
        """Momentum transfer q = 4π/λ · sin(2θ/2) of positions, in 1/Å."""
        angle = self.two_theta(positions)
        return np.asarray(4e-10 * np.pi / self.wavelength * np.sin(angle / 2))

    def radius(self, q: Any) -> NDArray[np.float64]:
        """Radius of the ring of q (1/Å) on a flat detector at `distance`, in metres.

        NaN where no photon is scattered so far: q > 4π/λ · sin 45° does not reach a plane in
        front of the sample.
        """
        sine = np.asarray(q, float) * 1e10 * self.wavelength / (4 * np.pi)
        angle = 2 * np.arcsin(np.where(np.abs(sine) < np.sqrt(0.5), sine, np.nan))
        return np.asarray(self.distance * np.tan(angle))

    def text(self) -> str:
        """For people."""
        energy = HC / (self.wavelength * 1e10)
        return f"{energy:.4g} keV, {self.distance:.4g} m"
