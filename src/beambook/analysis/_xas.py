"""X-ray absorption spectra of single pulses, binned by photon energy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field
from typing import Any, Literal, Self, cast

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from beambook.analysis._bins import edges_of
from beambook.analysis._estimate import ErrorKind, Mode, estimate, sign_of
from beambook.analysis._moments import LEFT_OUT, Moments
from beambook.analysis._select import Pulses, Selected, select
from beambook.analysis._spectrum import Spectrum
from beambook.card import Card, Described
from beambook.errors import DataError, ParameterError

__all__ = ["XAS", "xas"]

Floats = NDArray[np.float64]
CHUNK_PULSES = 2_000_000  # read at once from lazy data


@dataclass(repr=False, eq=False)
class XAS(Described):
    """The Analysis that turns trains into an absorption spectrum.

    It eats trains by `push`, one or many at a time, has a `value` at any time,
    can be cleared, and merged with one that has seen other trains: the same code
    serves a stored run, a live stream and parallel work.

    Parameters
    ----------
    edges : array_like (bin + 1,)
        Edges of the bins, ascending, eV.
    energy, i0, i1 : str
        Names in what is pushed.
    mode : {"transmission", "fluorescence"}
    i0_offset, i1_offset : float
        Subtracted from I0 and I1 first.
    i0_threshold : float
        Pulses whose I0, less its offset, does not exceed it are left out, and counted.
    i1_sign : {"auto", 1, -1}
        Sign of the I1 signal; "auto": that of the sum of I1 over all bins.
    pulses : slice, sequence of int, `by_id` or `by_index`, optional
        Which pulses of each train to take, see `xas`.
    error : {"pooled", "train", "pulse"}
        How to estimate the standard error, see `xas`.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> machine = XAS(np.linspace(700, 710, 6))
    >>> for energy in np.linspace(700, 710, 50):
    ...     i0 = rng.gamma(4, 250, 100)
    ...     machine.push({"energy": energy, "i0": i0, "i1": i0 * np.exp(-0.5)})
    >>> machine.value.absorbance.round(6)
    array([0.5, 0.5, 0.5, 0.5, 0.5])
    """

    edges: ArrayLike
    _: KW_ONLY
    energy: str = "energy"
    i0: str = "i0"
    i1: str = "i1"
    mode: Mode = "transmission"
    i0_offset: float = 0.0
    i1_offset: float = 0.0
    i0_threshold: float = 0.0
    i1_sign: Literal["auto", 1, -1] = "auto"
    pulses: Pulses = None
    error: ErrorKind = "pooled"
    moments: Moments = field(init=False)
    units: dict[str, str] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self.moments = Moments(np.asarray(self.edges, dtype=np.float64))
        for name in ("i0_offset", "i1_offset", "i0_threshold"):
            if not np.isfinite(getattr(self, name)):
                raise ParameterError(f"{name} must be a finite number, not {getattr(self, name)}")
        self.value  # noqa: B018  a wrong mode, sign or error is said now, not after the run

    def push(self, data: Mapping[str, Any] | xr.Dataset) -> None:
        """Add trains.

        Parameters
        ----------
        data : Dataset or mapping
            With the energy (train,) or (train, pulse), I0 and I1 (train, pulse). Of a single
            train: a number, (pulse,) and (pulse,). Push whole trains: the error bars take
            the pulses of one train as belonging together.

        Raises
        ------
        NameNotFound
            A name that is not there.
        DataError
            Shapes that do not fit together.
        """
        for part in select(data, (self.energy, self.i0, self.i1), self.pulses, CHUNK_PULSES):
            self._push(part)

    def _push(self, part: Selected) -> None:
        self.units |= part.units
        self.moments.push(
            part.energy,
            part.i0,
            part.i1,
            i0_offset=self.i0_offset,
            i1_offset=self.i1_offset,
            i0_threshold=self.i0_threshold,
        )

    @property
    def value(self) -> Spectrum:
        """The spectrum of all trains so far."""
        moments = self.moments
        sign = sign_of(moments, self.i1_sign)
        columns = estimate(moments, mode=self.mode, sign=sign, error=self.error)
        counts = moments.pulses.n.astype(np.int64)
        excluded = dict(zip(LEFT_OUT, map(int, moments.left_out), strict=True))
        lost = (counts > 0) & ~np.isfinite(columns.absorbance)
        excluded["bins without a logarithm"] = int(lost.sum())
        return Spectrum(
            edges=moments.edges,
            energy=columns.energy,
            absorbance=columns.absorbance,
            error=columns.error,
            sigma=columns.sigma,
            counts=counts,
            trains=moments.trains.n.astype(np.int64),
            sum_i0=moments.sums[0],
            sum_i1=moments.sums[1],
            correlation=columns.correlation,
            spread=columns.spread,
            design_effect=columns.design_effect,
            binning=columns.binning,
            mode=self.mode,
            error_kind=self.error,
            excluded=excluded,
            i0_units=self.units.get("i0", ""),
            energy_units=self.units.get("energy", "eV"),
        )

    def clear(self) -> None:
        """Forget all trains."""
        self.moments.clear()

    def merge(self, other: XAS) -> Self:
        """Add what `other` has seen, and return this machine.

        Raises
        ------
        ParameterError
            If it looks for something else: other bins, offsets, threshold or pulses.
        """
        for name in ("i0_offset", "i1_offset", "i0_threshold", "pulses"):
            mine, others = getattr(self, name), getattr(other, name)
            if not np.array_equal(np.asarray(mine, object), np.asarray(others, object)):
                raise ParameterError(f"Machines with other {name} cannot be merged")
        self.moments.merge(other.moments)
        self.units = other.units | self.units
        return self

    def card(self) -> Card:
        """What it looks at, and what it has seen."""
        counts = self.moments.pulses.n
        return Card(
            "XAS",
            f"{self.i1}/{self.i0} over {self.energy}",
            {
                "bins": f"{len(counts)}, {self.moments.edges[0]:g} … {self.moments.edges[-1]:g} eV",
                "pulses": f"{int(counts.sum()):,}",
                "left out": f"{int(self.moments.left_out.sum()):,}",
                "mode": self.mode,
            },
        )


def xas(
    data: xr.Dataset | Mapping[str, Any],
    bins: int | float | ArrayLike,
    *,
    energy: str = "energy",
    i0: str = "i0",
    i1: str = "i1",
    mode: Mode = "transmission",
    i0_offset: float = 0.0,
    i1_offset: float = 0.0,
    i0_threshold: float = 0.0,
    i1_sign: Literal["auto", 1, -1] = "auto",
    pulses: slice | Sequence[int] | Any | None = None,
    error: ErrorKind = "pooled",
) -> Spectrum:
    r"""X-ray absorption spectrum: absorbance in bins of photon energy.

    .. math:: A = -\ln \frac{\sum |I_1|}{\sum I_0}

    per bin, the mean transmission weighted by I0 [1]_: weak pulses, of which the
    ratio I1/I0 is mostly noise, count little.

    Parameters
    ----------
    data : Dataset or mapping
        Photon energy (train,) or (train, pulse), I0 and I1 (train, pulse), e.g. from
        ``run.aligned("energy", i0="xgm", i1="mcp3")``. Lazy data are read in parts.
    bins : int, float or array_like
        Whole number: so many bins from the lowest to the highest energy. Other number: bins
        of this width in eV. Array: their edges. A bin includes its lower edge, the last also
        its upper one.
    energy, i0, i1 : str
        Names of the variables.
    mode : {"transmission", "fluorescence"}
        Fluorescence: :math:`\sum |I_1| / \sum I_0`.
    i0_offset, i1_offset : float
        Known offsets (the signal without light), subtracted first.
    i0_threshold : float
        Pulses whose I0, less its offset, does not exceed it are left out, and counted.
    i1_sign : {"auto", 1, -1}
        An MCP gives negative signals. "auto" takes the sign of the sum of all I1 less the
        offset, one sign for all bins: single pulses keep their noise on both sides of zero. A
        bin where the sum has the other sign has no logarithm; it is NaN, and counted.
    pulses : slice, sequence of int, `by_id` or `by_index`, optional
        Which pulses of each train to take. Slices and lists count positions from 0;
        ``by_id[...]`` selects by pulse id.
    error : {"pooled", "train", "pulse"}
        Standard error of A. "pulse": :math:`\sigma_A/\sqrt N`, for independent pulses of one
        energy, as the SCS toolbox has it. "train": from the scatter of whole trains, right
        also when the pulses of a train move together, but rough where a bin has few trains.
        "pooled" (default): from the scatter of pulses about the local slope of the spectrum,
        times the square root of the design effect (ratio of both variances, not below 1), both
        averaged over neighbouring bins where a bin has few pulses; added in quadrature is what
        the width of the bin does where the spectrum is curved (`Spectrum.binning`).

    Returns
    -------
    Spectrum
        ``spectrum.excluded`` says how many pulses were left out, and why.

    Raises
    ------
    NameNotFound
        A variable that is not in `data`.
    ParameterError
        An option out of range.
    DataError
        No pulse with an energy, I0 and I1; or shapes that do not fit.

    References
    ----------
    .. [1] L. Le Guyader et al., J. Synchrotron Rad. 30 (2023) 284; the formulas as in
       European-XFEL/dash-xas-tim.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> i0 = rng.gamma(4, 250, (100, 50))
    >>> data = {"energy": np.linspace(850, 860, 100), "i0": i0, "i1": -i0 * np.exp(-1.5)}
    >>> xas(data, 4).absorbance.round(6)
    array([1.5, 1.5, 1.5, 1.5])
    """
    machine = XAS(
        edges_of(bins, data, energy),
        energy=energy,
        i0=i0,
        i1=i1,
        mode=mode,
        i0_offset=i0_offset,
        i1_offset=i1_offset,
        i0_threshold=i0_threshold,
        i1_sign=i1_sign,
        pulses=cast("Pulses", pulses),
        error=error,
    )
    machine.push(data)
    require_pulses(machine)
    return machine.value


def require_pulses(machine: XAS) -> None:
    """Raise the DataError that says why no pulse is left."""
    if not machine.moments.pulses.n.any():
        why = ", ".join(
            f"{n:,} {reason}"
            for reason, n in zip(LEFT_OUT, machine.moments.left_out, strict=True)
            if n
        )
        hint = "Is I0 negative, or its offset wrong?" if "too small" in why else ""
        raise DataError(f"No pulse is left in any bin: {why or 'there were none'}", hint=hint)
