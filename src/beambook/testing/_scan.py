"""Measured absorption spectra: XDI files of the XAS Data Library, and numbers of one's own."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from beambook.card import Card, Described
from beambook.errors import DataError

__all__ = ["PRE_EDGE_LEVEL", "Scan", "find_edge", "level"]

PRE_EDGE_LEVEL = 0.2
Floats = NDArray[np.float64]


@dataclass(frozen=True, repr=False)
class Scan(Described):
    """The absorbance µ(E)d of a sample, ready to absorb the beam of a made run.

    Attributes
    ----------
    energy : ndarray (n,) float64
        Photon energy, eV, ascending, without duplicates.
    absorbance : ndarray (n,) float64
        µ(E)d; the mean before the edge is 0.2.
    element, edge : str
        ``"Ni"``, ``"K"``; empty if the file does not say.
    mode : str
        ``"transmission"`` or ``"fluorescence"`` (edge step scaled to 1), or ``"given"``.
    name : str
        File name, or what the caller calls it.
    header : dict
        Header fields, e.g. ``{"Sample.name": "Ni foil"}``.
    dropped : int
        Rows of the file that carry no number, or no light in a detector.
    """

    energy: Floats
    absorbance: Floats
    element: str = ""
    edge: str = ""
    mode: str = "given"
    name: str = ""
    header: dict[str, str] = field(default_factory=dict)
    dropped: int = 0

    @property
    def edge_energy(self) -> float:
        """Photon energy of the steepest rise at the largest step, eV.

        Raises
        ------
        DataError
            If the absorbance rises nowhere.
        """
        return find_edge(self.energy, self.absorbance)

    def at(self, energy: Floats) -> Floats:
        """Absorbance at these energies (eV): straight lines between the points."""
        return np.interp(energy, self.energy, self.absorbance)

    def card(self) -> Card:
        """Element, edge, range and number of points."""
        low, high = self.energy[0], self.energy[-1]
        facts = {
            "element": f"{self.element} {self.edge}".strip() or "not said",
            "energy": f"{low:.1f} … {high:.1f} eV",
            "points": str(len(self.energy)),
            "mode": self.mode,
        }
        if self.dropped:
            facts["dropped"] = f"{self.dropped} rows"
        return Card("Scan", self.name, facts)


def find_edge(energy: Floats, absorbance: Floats) -> float:
    """Energy of the steepest rise near the largest step.

    The step at each point is the median of the 45 eV above it less that of the
    45 eV below: one wild point does not make an edge. The steepest rise is then
    sought within 25 eV of the largest step.

    Parameters
    ----------
    energy, absorbance : ndarray (n,)
        Ascending energies, eV.

    Returns
    -------
    float
        eV.

    Raises
    ------
    DataError
        If the absorbance rises nowhere.
    """
    steps = np.array([_step(energy, absorbance, centre) for centre in energy])
    if not np.isfinite(steps).any() or np.nanmax(steps) <= 0:
        raise DataError(
            "The spectrum has no absorption edge",
            hint="Give energy_range=(low, high), or look whether I0 and I1 are exchanged",
        )
    centre = energy[np.nanargmax(steps)]
    near = np.abs(energy - centre) <= 25
    rise = np.where(near[1:] & near[:-1], np.diff(absorbance) / np.diff(energy), -np.inf)
    place = int(rise.argmax())
    return float(energy[place : place + 2].mean())


def _step(energy: Floats, absorbance: Floats, centre: float) -> float:
    above = absorbance[(energy > centre) & (energy <= centre + 45)]
    below = absorbance[(energy < centre) & (energy >= centre - 45)]
    if len(above) < 2 or len(below) < 2:
        return float("nan")
    return float(np.median(above) - np.median(below))


def level(energy: Floats, absorbance: Floats) -> Floats:
    """Move the absorbance so that its median 20 … 120 eV before the edge is `PRE_EDGE_LEVEL`.

    ln(I0/I1) of a scan contains the ratio of two amplifier gains, which means
    nothing; a real sample absorbs a little before its edge.
    """
    distance = find_edge(energy, absorbance) - energy
    before = (distance > 20) & (distance < 120)
    if before.sum() < 3:
        before = np.arange(len(energy)) < max(3, len(energy) // 20)
    return absorbance - np.median(absorbance[before]) + PRE_EDGE_LEVEL
