"""Measured absorption spectra: XDI files of the XAS Data Library, and numbers of one's own."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from beambook.card import Card, Described
from beambook.errors import DataError

__all__ = ["PRE_EDGE_LEVEL", "Scan", "find_edge", "level", "pre_edge"]

PRE_EDGE_LEVEL = 0.2
STEP_WIDTH = 45.0  # eV
STEEPEST_WITHIN = 25.0  # eV
FALL_MOST = 1.5  # a fall larger than so many rises means I0 and I1 exchanged
SLOPE_WIDTH = 0.4  # eV
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

    The step at each point is the median of the 45 eV above it (at least three
    points) less that of the 45 eV below: one wild point does not make an edge.
    The steepest rise, over at least 0.4 eV, is then sought within 25 eV of the
    largest step.

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
        If the absorbance rises nowhere by more than five times its noise, or falls by more
        than it rises.
    """
    steps = np.array([_step(energy, absorbance, place) for place in range(len(energy))])
    noise = 1.48 * np.median(np.abs(np.diff(absorbance, 2))) / np.sqrt(6)
    largest = np.nanmax(steps, initial=0.0)
    if largest <= 5 * noise or np.nanmin(steps, initial=0.0) < -FALL_MOST * largest:
        raise DataError(
            "The spectrum has no absorption edge",
            hint="Give energy_range=(low, high), or look whether I0 and I1 are exchanged",
        )
    centre = energy[np.nanargmax(steps)]
    return _steepest(energy, absorbance, np.abs(energy - centre) <= STEEPEST_WITHIN)


def _step(energy: Floats, absorbance: Floats, place: int) -> float:
    low, high = np.searchsorted(energy, energy[place] + np.array([-STEP_WIDTH, STEP_WIDTH]))
    below = absorbance[max(0, min(low, place - 3)) : place]
    above = absorbance[place + 1 : max(high, place + 4)]
    if len(above) < 3 or len(below) < 3:
        return float("nan")
    return float(np.median(above) - np.median(below))


def _steepest(energy: Floats, absorbance: Floats, near: NDArray[np.bool_]) -> float:
    begin = np.flatnonzero(near)
    end = np.searchsorted(energy, energy[begin] + SLOPE_WIDTH)
    begin, end = begin[end < len(energy)], end[end < len(energy)]
    if not len(begin):
        return float(energy[near].mean())
    slopes = (absorbance[end] - absorbance[begin]) / (energy[end] - energy[begin])
    best = int(slopes.argmax())
    return float((energy[begin[best]] + energy[end[best]]) / 2)


def level(energy: Floats, absorbance: Floats) -> Floats:
    """Move the absorbance so that its median shortly before the edge is `PRE_EDGE_LEVEL`.

    ln(I0/I1) of a scan contains the ratio of two amplifier gains, which means
    nothing; a real sample absorbs a little before its edge.
    """
    before = pre_edge(energy, find_edge(energy, absorbance))
    return absorbance - np.median(absorbance[before]) + PRE_EDGE_LEVEL


def pre_edge(energy: Floats, edge: float) -> NDArray[np.bool_]:
    """Points 20 (if there are too few: 10, 5, 0) to 120 eV below the edge."""
    for nearest in (20, 10, 5, 0):
        before = (edge - energy > nearest) & (edge - energy < 120)
        if before.sum() >= 3:
            return before
    return np.arange(len(energy)) < 3
