"""The edge: the photon energy of the steepest rise, with an honest interval."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from beambook.card import Card, Described
from beambook.errors import DataError, ParameterError

if TYPE_CHECKING:
    from beambook.analysis._smooth import Smoother

__all__ = ["Edge", "edge_of", "locate_edge"]

Floats = NDArray[np.float64]
IN_EV = {"eV": 1.0, "keV": 1e3, "MeV": 1e6}
FEWEST_BINS = 8
WINDOW = 30.0  # eV on either side that are looked at closely
WINDOW_BINS = 20  # and at least so many bins
DRAWS, FEW_DRAWS = 2000, 400
GRID = 1500
# How much rougher than the data say the curve may be: for the best value, for the interval.
LOOSER_BEST, LOOSER_INTERVAL = 4.0, 10.0
# Roughness of edges as they are known: variance of the third derivative per squared edge step,
# eV⁻⁵, within NEAR_EDGE (eV rms) of the edge. Six measured K edges have 3e-4 … 5e-3.
EDGE_ROUGHNESS, NEAR_EDGE = 3e-4, 10.0
# Where the slope is within 4 % of the largest, definitions of "steepest" differ: finite
# differences, filters and splines put the edge anywhere in this range.
AS_STEEP = 0.96
METHOD = (
    "largest derivative of an adaptive smoothing spline; interval from its posterior, "
    "widened by the spacing of the bins and the breadth of the maximum"
)


@dataclass(frozen=True, repr=False)
class Edge(Described):
    """Photon energy of the steepest rise.

    Attributes
    ----------
    energy : float
        Best value.
    low, high : float
        Interval that covers the edge with the stated confidence.
    confidence : float
        0 … 1.
    units : str
        Of the three energies.
    candidates : tuple of (float, float)
        Inflection points that cannot be told from the steepest, with the share of
        probability of each, the likeliest first. More than one: the interval spans them.
    method : str
    """

    energy: float
    low: float
    high: float
    confidence: float
    units: str = "eV"
    candidates: tuple[tuple[float, float], ...] = ()
    method: str = METHOD

    @property
    def uncertainty(self) -> float:
        """Half the width of the interval, in `units`."""
        return 0.5 * (self.high - self.low)

    def card(self) -> Card:
        """Value, interval and what else it could be."""
        facts = {
            f"{self.confidence:.0%} interval": f"{self.low:.2f} … {self.high:.2f} {self.units}",
            "method": self.method,
        }
        if len(self.candidates) > 1:
            facts["could be"] = ", ".join(f"{e:.1f} ({p:.0%})" for e, p in self.candidates)
        return Card("Edge", f"{self.energy:.2f} {self.units}", facts)


def edge_of(energy: ArrayLike, absorbance: ArrayLike) -> float:
    """Photon energy of the steepest rise of a curve without noise.

    The largest central difference quotient (second order, `numpy.gradient`), refined by the
    parabola through it and its two neighbours: the definition that `Spectrum.edge`
    estimates from data with noise, so that a known spectrum can be compared with a measured.

    Parameters
    ----------
    energy, absorbance : array_like (n,)
        In any order; energies may not occur twice. Points that are not finite are left out.

    Returns
    -------
    float
        In the unit of `energy`.

    Raises
    ------
    DataError
        Fewer than three points, shapes that differ, or an energy that occurs twice.

    Examples
    --------
    >>> energy = np.linspace(8300, 8360, 121)
    >>> round(edge_of(energy, np.arctan((energy - 8331.2) / 2)), 2)
    8331.2
    """
    x, y = np.asarray(energy, dtype=np.float64), np.asarray(absorbance, dtype=np.float64)
    if x.ndim != 1 or x.shape != y.shape:
        raise DataError(f"A curve needs energies and values of one length: {x.shape}, {y.shape}")
    good = np.isfinite(x) & np.isfinite(y)
    order = np.argsort(x[good])
    x, y = x[good][order], y[good][order]
    if len(x) < 3 or (np.diff(x) == 0).any():
        raise DataError("A curve needs three points or more, each energy once")
    return _steepest(x, np.gradient(y, x))


def _steepest(energy: Floats, slope: Floats) -> float:
    """Place of the largest slope, between the points; the middle of a plateau."""
    top = int(np.argmax(slope))
    lower = np.flatnonzero(slope < slope[top] - 1e-9 * abs(slope[top]))
    first = int(lower[lower < top].max(initial=-1)) + 1
    last = int(lower[lower > top].min(initial=len(slope))) - 1
    if last > first or top in (0, len(slope) - 1):
        return float(0.5 * (energy[first] + energy[last]))
    x = energy[top - 1 : top + 2] - energy[top]
    second, first, _ = np.polyfit(x, slope[top - 1 : top + 2], 2)
    shift = -first / (2 * second) if second < 0 else 0.0
    return float(energy[top] + np.clip(shift, x[0], x[2]))


def _breadth(energy: Floats, slope: Floats) -> float:
    """Half the range around the largest slope where it is `AS_STEEP`, as an rms."""
    top = int(np.argmax(slope))
    less = np.flatnonzero(slope < AS_STEEP * slope[top])
    low = less[less < top].max(initial=0)
    high = less[less > top].min(initial=len(slope) - 1)
    return float((energy[high] - energy[low]) / np.sqrt(12))


def locate_edge(
    energy: Floats,
    value: Floats,
    error: Floats,
    *,
    spread: Floats,
    logarithmic: bool,
    confidence: float,
    seed: int,
    units: str = "eV",
) -> Edge:
    """Edge of a measured spectrum; see `Spectrum.edge`.

    Parameters
    ----------
    energy, value, error, spread : ndarray (bin,)
        Mean photon energy, absorbance, standard error, rms of the energies in the bin.
    logarithmic : bool
        `value` is −ln of a mean.
    confidence : float
    seed : int
    units : str
        Of `energy` and `spread`.
    """
    if not 0 < confidence < 1:
        raise ParameterError(f"confidence must be between 0 and 1, not {confidence}")
    scale = IN_EV.get(units, 1.0)
    good = np.isfinite(value) & np.isfinite(energy)
    if good.sum() < FEWEST_BINS:
        raise DataError(
            f"{good.sum()} bins have a value; an edge needs {FEWEST_BINS}",
            hint="Use more bins, or a run with more trains",
        )
    columns = energy[good] * scale, _zero_if_unknown(spread[good]) * scale, value[good]
    search = _Search(*columns, _known(error[good], value[good]), logarithmic, seed)
    best, draws = search.run()
    low, high = np.quantile(draws, [0.5 - confidence / 2, 0.5 + confidence / 2])
    return Edge(
        best / scale,
        min(float(low), best) / scale,
        max(float(high), best) / scale,
        confidence,
        units,
        tuple(
            (place / scale, share)
            for place, share in search.candidates(draws, least=0.5 - confidence / 2)
        ),
    )


def _zero_if_unknown(spread: Floats) -> Floats:
    return np.where(np.isfinite(spread), spread, 0.0)


def _known(error: Floats, value: Floats) -> Floats:
    """Errors above zero: unknown ones are taken as twice the largest, none as exact."""
    known = np.isfinite(error)
    if not known.any():
        raise DataError("No bin has an error bar", hint="Each bin needs two pulses or more")
    filled = np.where(known, error, 2 * error[known].max())
    return np.maximum(filled, 1e-5 * max(float(np.ptp(value)), 1e-12))


class _Search:
    """First the whole spectrum, then what lies around the edge, closely."""

    def __init__(
        self,
        energy: Floats,
        spread: Floats,
        value: Floats,
        error: Floats,
        logarithmic: bool,  # noqa: FBT001 private
        seed: int,
    ) -> None:
        self.columns = energy, spread, value, error
        self.logarithmic = logarithmic
        self.rng = np.random.default_rng(seed)

    def run(self) -> tuple[float, Floats]:
        """Best value and draws from its distribution, eV."""
        energy = self.columns[0]
        best, breadth, draws = self._look(slice(None), most=400, draws=FEW_DRAWS)
        low, high = np.quantile(draws, [0.01, 0.99])
        first = min(
            np.searchsorted(energy, low - WINDOW), np.searchsorted(energy, low) - WINDOW_BINS
        )
        last = max(
            np.searchsorted(energy, high + WINDOW), np.searchsorted(energy, high) + WINDOW_BINS
        )
        window = slice(max(0, int(first)), int(last))
        best, breadth, draws = self._look(window, most=600, draws=DRAWS)
        extra = np.hypot(self._resolution(best), breadth)
        return best, draws + self.rng.normal(0.0, extra, len(draws))

    def _look(self, window: slice, *, most: int, draws: int) -> tuple[float, float, Floats]:
        """Best value, rms breadth of the maximum, draws."""
        from beambook.analysis._smooth import Smoother

        energy, spread, value, error = (column[window] for column in self.columns)
        smoother = Smoother(energy, spread, value, error, logarithmic=self.logarithmic, most=most)
        step = max(smoother.pitch / 10, float(np.ptp(energy)) / GRID)
        grid = np.arange(energy[1], energy[-2] + step / 2, step)
        slope = smoother.slope(grid)
        plain = smoother.solve(smoother.variance).mean
        edge_like = self._edge_like(smoother, plain, grid[int(np.argmax(slope @ plain))])
        best = smoother.solve(np.maximum(LOOSER_BEST * smoother.variance, edge_like)).mean
        loose = smoother.solve(np.maximum(LOOSER_INTERVAL * smoother.variance, edge_like))
        # Smoothing lowers narrow maxima of the slope more than broad ones; by how much it has
        # done so already is how much it may still be off, in this direction.
        unsure = np.abs(self.rng.normal(size=draws)) * (loose.mean - plain)[:, None]
        curves = slope @ (loose.draw(draws, self.rng) + unsure)
        top = slope @ best
        return _steepest(grid, top), _breadth(grid, top), grid[np.argmax(curves, axis=0)]

    @staticmethod
    def _edge_like(smoother: Smoother, mean: Floats, centre: float) -> Floats:
        height = float(np.ptp(smoother.design @ mean))
        near: Floats = ((smoother.place - centre) / NEAR_EDGE) ** 2
        rough: Floats = EDGE_ROUGHNESS * height**2 * np.exp(-0.5 * near)
        return rough

    def _resolution(self, best: float) -> float:
        """Between two bins nobody has looked: rms of a uniform distribution over their gap."""
        energy = self.columns[0]
        place = int(np.clip(np.searchsorted(energy, best), 1, len(energy) - 1))
        return float((energy[place] - energy[place - 1]) / np.sqrt(12))

    def candidates(self, draws: Floats, *, least: float) -> list[tuple[float, float]]:
        """Groups of draws with a gap between them: median and share, the largest first."""
        ordered = np.sort(draws)
        gap = 2 * float(np.median(np.diff(self.columns[0])))
        groups = np.split(ordered, np.flatnonzero(np.diff(ordered) > gap) + 1)
        shares = [(float(np.median(g)), len(g) / len(draws)) for g in groups]
        return sorted((s for s in shares if s[1] >= least), key=lambda s: -s[1])
