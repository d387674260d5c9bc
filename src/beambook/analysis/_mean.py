"""Means and variances over trains, element by element."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from beambook.analysis._reduction import Machines, Reduction
from beambook.data._reduce.machine import Shape
from beambook.data._reduce.moments import Moments

__all__ = ["Mean", "Variance"]


def _moments(shape: Shape, order: int) -> Machines:
    return (Moments(shape, order),)


class Mean(Reduction):
    """Mean of each element over all rows: x̄ = Σx / n.

    Whole numbers are summed exactly, so that the order of trains, threads, processes and merged
    machines does not show. NaN is left out and counted.

    Parameters
    ----------
    of : Channel or DetectorChannel
        What to look at; its trains do not matter.
    roi : numpy.s_ expression
        Part of each entry.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from beambook.data import open_run
    >>> from beambook.testing import make_run
    >>> with TemporaryDirectory() as folder:
    ...     run = open_run(make_run(f"{folder}/r0001", trains=6, pulses=3, camera=(4, 5)))
    ...     pixels = run["MID_XTD6_IMGFEL/CAM/BEAMVIEW:daqOutput", "data.image.pixels"]
    ...     offline = Mean(pixels).over(run)
    ...     live = Mean(pixels)
    ...     for train in run.trains():
    ...         live.push(train)
    >>> bool((offline.value == live.value).all()), offline.value.attrs["frames"]
    (True, 3)
    """

    order = 1

    def maker(self) -> Callable[[Shape], Machines]:
        """See `Reduction.maker`."""
        return partial(_moments, order=self.order)

    def _of(self, part: int | None) -> Moments:
        (machine,) = self._line(part)
        assert isinstance(machine, Moments)  # noqa: S101 for the type checker
        return machine

    def _label(
        self, name: str, values: Callable[[Moments], NDArray[Any]], units: str
    ) -> xr.DataArray:
        watched = self.watched
        coords, attrs = self._notes()
        lines = {part: values(self._of(part))[0] for part in watched.parts}
        return watched.labelled(
            lines, watched.dims, name=name, coords=coords, units=units, attrs=attrs
        )

    @property
    def mean(self) -> xr.DataArray:
        """Mean: float64 ([module,] *entry); NaN of nothing."""
        return self._label("mean", lambda machine: machine.mean, self.watched.channel.units)

    @property
    def value(self) -> xr.DataArray:
        """Mean: float64 ([module,] *entry); NaN of nothing.

        ``attrs["frames"]`` (with modules: a coordinate) tells how many rows are in it.
        """
        return self.mean


class Variance(Mean):
    """Variance of each element over all rows: s² = Σ(x − x̄)² / (n − ddof).

    The squares of whole numbers of 16 bits or less are summed exactly; others in float64, about
    the first finite value. Parts are merged by shifting to a common pivot [1]_.

    Parameters
    ----------
    of : Channel or DetectorChannel
        What to look at; its trains do not matter.
    roi : numpy.s_ expression
        Part of each entry.
    ddof : int
        The sum of squares is divided by n − ddof.

    References
    ----------
    .. [1] T. F. Chan, G. H. Golub, R. J. LeVeque, *Algorithms for computing the sample variance*,
       The American Statistician 37 (1983) 242.
    """

    order = 2

    def __init__(self, of: Any, *, roi: Any = (), ddof: int = 0) -> None:
        self.ddof = ddof
        super().__init__(of, roi=roi)

    @property
    def asked(self) -> tuple[Any, ...]:
        """See `Reduction.asked`."""
        return (*super().asked, self.ddof)

    @property
    def value(self) -> xr.DataArray:
        """Variance: float64 ([module,] *entry); NaN of nothing."""
        units = self.watched.channel.units
        return self._label(
            "variance", lambda m: m.variance(ddof=self.ddof), f"({units})²" if units else ""
        )

    @property
    def std(self) -> xr.DataArray:
        """Its root, in the units of the data."""
        return self._label(
            "std", lambda m: np.sqrt(m.variance(ddof=self.ddof)), self.watched.channel.units
        )
