"""A spectrum: absorbance over photon energy, with its errors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from beambook.analysis._edge import Edge, locate_edge
from beambook.analysis._estimate import Mode
from beambook.card import Card, Described

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Spectrum"]

Floats = NDArray[np.float64]


@dataclass(frozen=True, repr=False, eq=False)
class Spectrum(Described):
    r"""Absorbance in bins of photon energy.

    Attributes
    ----------
    edges : ndarray (bin + 1,)
        Edges of the bins, in `energy_units`.
    energy : ndarray (bin,)
        Mean photon energy of the pulses in each bin, weighted by I0; the middle of an
        empty bin.
    absorbance : ndarray (bin,)
        −ln(Σ I1 / Σ I0), or Σ I1 / Σ I0 in fluorescence mode. NaN in empty bins, and where
        the logarithm does not exist.
    error : ndarray (bin,)
        Standard error of `absorbance` at `energy`; NaN where it cannot be known.
    sigma : ndarray (bin,)
        Scatter of a single pulse,
        :math:`\sqrt{(\sigma_0/\mu_0)^2 + (\sigma_1/\mu_1)^2 - 2\rho\sigma_0\sigma_1/(\mu_0\mu_1)}`
        (times the ratio itself in fluorescence mode).
    counts : ndarray (bin,) int64
        Pulses in each bin.
    trains : ndarray (bin,) int64
        Trains in each bin.
    sum_i0, sum_i1 : ndarray (bin,)
        Σ I0 and Σ I1 less their offsets; `sum_i1` has the sign of the detector.
    correlation : ndarray (bin,)
        ρ of I0 and I1.
    spread : ndarray (bin,)
        rms spread of the photon energies within each bin, in `energy_units`.
    design_effect : ndarray (bin,)
        Variance with the correlation of pulses in one train over that without it.
    binning : ndarray (bin,)
        Size of what the mean over a bin differs from the value at its mean energy, because
        the spectrum is curved; part of `error` if that is "pooled".
    mode : {"transmission", "fluorescence"}
    error_kind : {"pooled", "train", "pulse"}
        How `error` was estimated, see `xas`.
    excluded : mapping of str to int
        Pulses that were left out, and bins without a value, by reason.
    i0_units, energy_units : str
    """

    edges: Floats
    energy: Floats
    absorbance: Floats
    error: Floats
    sigma: Floats
    counts: NDArray[np.int64]
    trains: NDArray[np.int64]
    sum_i0: Floats
    sum_i1: Floats
    correlation: Floats
    spread: Floats
    design_effect: Floats
    binning: Floats
    mode: Mode = "transmission"
    error_kind: str = "pooled"
    excluded: Mapping[str, int] = field(default_factory=dict)
    i0_units: str = ""
    energy_units: str = "eV"

    @property
    def quantity(self) -> str:
        """What is on the vertical axis."""
        return (
            "Absorbance −ln(I₁/I₀)" if self.mode == "transmission" else "Fluorescence yield I₁/I₀"
        )

    @property
    def filled(self) -> NDArray[np.bool_]:
        """Bins that have a value: ndarray (bin,)."""
        return np.isfinite(self.absorbance)

    @property
    def statistical(self) -> Floats:
        """Standard error without `binning`: ndarray (bin,)."""
        if self.error_kind != "pooled":
            return self.error
        return np.sqrt(np.maximum(self.error**2 - self.binning**2, 0.0))

    def card(self) -> Card:
        """Range, bins, pulses, errors and what was left out."""
        low, high = self.edges[0], self.edges[-1]
        error = self.error[np.isfinite(self.error)]
        facts = {
            "energy": f"{low:.6g} … {high:.6g} {self.energy_units}",
            "bins": f"{self.filled.sum()} of {len(self.counts)} filled",
            "pulses": f"{self.counts.sum():,} of {self.trains.sum():,} trains",
            "mode": self.mode,
        }
        if len(error):
            facts["error"] = f"median {np.median(error):.2g} ({self.error_kind})"
        left_out = [f"{n:,} ({why})" for why, n in self.excluded.items() if n]
        facts["left out"] = ", ".join(left_out) or "nothing"
        return Card("Spectrum", "", facts)

    def frame(self) -> pd.DataFrame:
        """All columns as a table, one row per bin."""
        columns = {
            "energy": self.energy,
            "absorbance": self.absorbance,
            "error": self.error,
            "sigma": self.sigma,
            "binning": self.binning,
            "counts": self.counts,
            "trains": self.trains,
            "sum_i0": self.sum_i0,
            "sum_i1": self.sum_i1,
            "correlation": self.correlation,
            "bin_low": self.edges[:-1],
            "bin_high": self.edges[1:],
        }
        return pd.DataFrame(columns)

    def edge(self, confidence: float = 0.95, *, seed: int = 0) -> Edge:
        """Photon energy of the steepest rise, with an interval.

        Parameters
        ----------
        confidence : float
            Probability that the interval covers the edge, 0 … 1.
        seed : int
            Of the random draws; the same seed gives the same interval.

        Returns
        -------
        Edge

        Raises
        ------
        DataError
            Too few bins, or no error bars.
        ParameterError
            A confidence that is not between 0 and 1.

        See Also
        --------
        beambook.analysis.edge_of : the same of a curve without noise.

        Notes
        -----
        The method and its observed coverage: ``docs/explanation/xas.md``.
        """
        return locate_edge(
            self.energy,
            self.absorbance,
            self.statistical,
            spread=self.spread,
            logarithmic=self.mode == "transmission",
            confidence=confidence,
            seed=seed,
            units=self.energy_units,
        )

    def plot(
        self,
        ax: Axes | None = None,
        *,
        errors: Literal["band", "bars", "none"] = "band",
        counts: bool = False,
        edge: Edge | None = None,
        label: str | None = None,
        **style: Any,
    ) -> Axes:
        """Plot the absorbance with ±1 standard error.

        Parameters
        ----------
        ax : Axes, optional
        errors : {"band", "bars", "none"}
        counts : bool
            Show the number of pulses in each bin behind it.
        edge : Edge, optional
            Mark it with its interval.
        label : str, optional
            For the legend.
        **style
            For the line, as in ``ax.plot``.

        Returns
        -------
        Axes
        """
        from beambook.analysis._plot import draw_counts, draw_curve, draw_edge, new_axes

        ax = ax or new_axes()
        if counts:
            draw_counts(ax, self.edges, self.counts)
        draw_curve(
            ax, self.energy, self.absorbance, self.error, errors=errors, label=label, **style
        )
        if edge is not None:
            draw_edge(ax, edge)
        ax.set_xlabel(f"Photon energy ({self.energy_units})")
        ax.set_ylabel(self.quantity)
        return ax
