"""X-ray magnetic circular dichroism: the difference of two polarisations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from beambook.analysis._bins import edges_of
from beambook.analysis._select import variable
from beambook.analysis._spectrum import Spectrum
from beambook.analysis._xas import xas
from beambook.card import Card, Described
from beambook.errors import DataError, ParameterError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Dichroism", "xmcd"]

Floats = NDArray[np.float64]


@dataclass(frozen=True, repr=False, eq=False)
class Dichroism(Described):
    r"""Mean and difference of the spectra of two polarisations.

    Attributes
    ----------
    positive, negative : Spectrum
        A⁺ and A⁻, of the same bins.
    energy : ndarray (bin,)
        Mean of the energies of both.
    xas, xas_error : ndarray (bin,)
        (A⁺ + A⁻)/2 and its standard error.
    xmcd, xmcd_error : ndarray (bin,)
        A⁺ − A⁻ and its standard error: :math:`\sqrt{\sigma_+^2 + \sigma_-^2}`, and in
        quadrature what is unsure because both do not have the same energies in a bin.
    excluded : mapping of str to int
        Trains that belong to neither, by reason; pulses are counted in the two spectra.

    Notes
    -----
    The pulses of both spectra do not have exactly the same mean energy in a bin. On
    a steep edge this alone would make a difference; both are moved to `energy` along
    the slope of their mean. How unsure this slope is, times the distance, is part of the
    errors; so is the difference of what the width of the bins does to both. What it does
    to both alike is not.
    """

    positive: Spectrum
    negative: Spectrum
    energy: Floats
    xas: Floats
    xas_error: Floats
    xmcd: Floats
    xmcd_error: Floats
    excluded: Mapping[str, int] = field(default_factory=dict)

    def card(self) -> Card:
        """Range, pulses and size of the difference."""
        good = np.isfinite(self.xmcd)
        spectrum = self.positive
        low, high = spectrum.edges[0], spectrum.edges[-1]
        facts = {
            "energy": f"{low:.6g} … {high:.6g} {spectrum.energy_units}",
            "bins": f"{good.sum()} of {len(good)} in both",
            "pulses": f"{self.positive.counts.sum():,} + and {self.negative.counts.sum():,} −",
        }
        if good.any():
            top = int(np.nanargmax(np.abs(np.where(good, self.xmcd, 0.0))))
            facts["largest"] = (
                f"{self.xmcd[top]:.3g} ± {self.xmcd_error[top]:.1g} at {self.energy[top]:.1f} "
                f"{spectrum.energy_units}"
            )
        left_out = [f"{n:,} ({why})" for why, n in self.excluded.items() if n]
        facts["left out"] = ", ".join(left_out) or "nothing"
        return Card("Dichroism", "", facts)

    def frame(self) -> pd.DataFrame:
        """All columns as a table, one row per bin."""
        return pd.DataFrame(
            {
                "energy": self.energy,
                "xas": self.xas,
                "xas_error": self.xas_error,
                "xmcd": self.xmcd,
                "xmcd_error": self.xmcd_error,
                "counts_positive": self.positive.counts,
                "counts_negative": self.negative.counts,
            }
        )

    def plot(self, ax: Axes | None = None) -> Axes:
        """Plot A⁺, A⁻ and, on an axis to the right, their difference with ±1 standard error.

        Parameters
        ----------
        ax : Axes, optional

        Returns
        -------
        Axes
            That of the two spectra.
        """
        from beambook.analysis._plot import draw_curve, new_axes

        ax = ax or new_axes()
        self.positive.plot(ax, label="A⁺", color="tab:red")
        self.negative.plot(ax, label="A⁻", color="tab:blue")
        right = ax.twinx()
        draw_curve(
            right, self.energy, self.xmcd, self.xmcd_error, label="A⁺ − A⁻", color="black", lw=1.0
        )
        right.axhline(0.0, color="0.7", lw=0.6)
        right.set_ylabel("XMCD A⁺ − A⁻")
        lines = [*ax.lines, right.lines[0]]
        ax.legend(lines, [str(line.get_label()) for line in lines], fontsize="small")
        return ax


def xmcd(
    data: xr.Dataset | Mapping[str, Any] | tuple[Any, Any],
    bins: int | float | ArrayLike | None = None,
    *,
    magnet: str = "magnet",
    threshold: float = 0.0,
    energy: str = "energy",
    **options: Any,
) -> Dichroism:
    """X-ray magnetic circular dichroism from trains of two magnet directions.

    Parameters
    ----------
    data : Dataset, mapping, or pair
        One run with the magnet current (train,), split by its sign; or a pair (positive,
        negative) of two runs, or of two spectra with the same bins.
    bins : int, float or array_like
        See `xas`; not for a pair of spectra.
    magnet : str
        Name of the magnet current, or of whatever has a sign for each train.
    threshold : float
        Trains whose current is not beyond it on either side (while the magnet is reversed)
        are left out, and counted.
    energy : str
        Name of the photon energy.
    **options
        Of `xas`.

    Returns
    -------
    Dichroism

    Raises
    ------
    ParameterError
        No bins, a negative threshold, spectra of different bins.
    DataError
        A polarisation without trains.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> i0, sign = rng.gamma(4, 250, (200, 20)), np.where(np.arange(200) % 2, 1.0, -1.0)
    >>> run = {"energy": np.linspace(700, 710, 200), "i0": i0, "magnet": 3 * sign,
    ...        "i1": i0 * np.exp(-0.5 - 0.05 * sign)[:, None]}
    >>> xmcd(run, 2, threshold=1).xmcd.round(6)
    array([0.1, 0.1])
    """
    if isinstance(data, tuple | list):
        return _of_pair(data, bins, energy, options)
    if bins is None:
        raise ParameterError("xmcd needs bins", hint="For example bins=0.5")
    current = variable(data, magnet)
    positive, negative, excluded = _split(np.asarray(current, dtype=np.float64), threshold, magnet)
    edges = edges_of(bins, data, energy)
    dim = current.dims[0] if isinstance(current, xr.DataArray) else "train"
    spectra = [
        xas(_some(data, dim, trains), edges, energy=energy, **options)
        for trains in (positive, negative)
    ]
    return _combine(spectra[0], spectra[1], excluded)


def _of_pair(data: Any, bins: Any, energy: str, options: dict[str, Any]) -> Dichroism:
    if len(data) != 2:
        raise ParameterError(f"A pair (positive, negative) is needed, not {len(data)}")
    positive, negative = data
    if isinstance(positive, Spectrum) and isinstance(negative, Spectrum):
        return _combine(positive, negative, {})
    if bins is None:
        raise ParameterError("xmcd needs bins", hint="For example bins=0.5")
    both = [np.ravel(np.asarray(variable(each, energy))) for each in data]
    edges = edges_of(bins, {energy: np.concatenate(both)}, energy)
    spectra = [xas(each, edges, energy=energy, **options) for each in data]
    return _combine(spectra[0], spectra[1], {})


def _split(
    current: Floats, threshold: float, name: str
) -> tuple[NDArray[np.intp], NDArray[np.intp], dict[str, int]]:
    """Positions of the trains of either sign, and how many are of neither."""
    if not threshold >= 0:
        raise ParameterError(f"threshold must be 0 or more, not {threshold}")
    if current.ndim != 1:
        raise DataError(f"{name!r} must have one value a train, not shape {current.shape}")
    positive, negative = np.flatnonzero(current > threshold), np.flatnonzero(current < -threshold)
    for sign, trains in (("positive", positive), ("negative", negative)):
        if not len(trains):
            raise DataError(
                f"No train has a {sign} {name!r} beyond {threshold:g}",
                hint="For two runs of one direction each: xmcd((positive, negative), bins)",
            )
    unknown = int(np.isnan(current).sum())
    small = len(current) - len(positive) - len(negative) - unknown
    return (
        positive,
        negative,
        {f"trains with {name} NaN": unknown, f"trains with small {name}": small},
    )


def _some(data: Any, dim: Any, trains: NDArray[np.intp]) -> Any:
    if isinstance(data, xr.Dataset):
        return data.isel({dim: trains})
    return {
        name: value.isel({dim: trains})
        if isinstance(value, xr.DataArray)
        else np.asarray(value)[trains]
        for name, value in data.items()
    }


def _combine(positive: Spectrum, negative: Spectrum, excluded: Mapping[str, int]) -> Dichroism:
    if not np.array_equal(positive.edges, negative.edges):
        raise ParameterError("Both spectra need the same bins", hint="Give the edges of the bins")
    if positive.mode != negative.mode:
        raise ParameterError(f"A spectrum in {positive.mode} and one in {negative.mode} mode")
    energy = 0.5 * (positive.energy + negative.energy)
    slope, unsure = _slope(energy, 0.5 * (positive.absorbance + negative.absorbance))
    plus = positive.absorbance + slope * (energy - positive.energy)
    minus = negative.absorbance + slope * (energy - negative.energy)
    apart = np.abs(positive.energy - negative.energy)
    width = np.abs(positive.binning - negative.binning)
    statistical = np.hypot(positive.statistical, negative.statistical)
    error = np.hypot(statistical, np.hypot(unsure * apart, width))
    return Dichroism(
        positive,
        negative,
        energy,
        xas=0.5 * (plus + minus),
        xas_error=0.5 * error,
        xmcd=plus - minus,
        xmcd_error=error,
        excluded=dict(excluded),
    )


def _slope(energy: Floats, value: Floats) -> tuple[Floats, Floats]:
    """Slope at each bin that has a value, from its neighbours that have one; else 0.

    And how unsure it is: half of what it differs from the mean of its neighbours' slopes.
    """
    slope, unsure = np.zeros((2, len(value)))
    good = np.flatnonzero(np.isfinite(value))
    if len(good) > 1:
        slope[good] = np.gradient(value[good], energy[good])
        near = np.pad(slope[good], 1, mode="edge")
        unsure[good] = 0.5 * np.abs(slope[good] - 0.5 * (near[:-2] + near[2:]))
    return slope, unsure
