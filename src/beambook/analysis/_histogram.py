"""Histograms over trains."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from beambook.analysis._reduction import Machines, Reduction
from beambook.data._reduce.histogram import Histogram as Bins
from beambook.data._reduce.machine import Shape
from beambook.errors import ParameterError

__all__ = ["Histogram"]


def _bins(shape: Shape, edges: NDArray[np.float64], used: NDArray[np.bool_] | None) -> Machines:
    return (Bins(shape, edges, used),)


class Histogram(Reduction):
    """How often values of all elements are in bins.

    Parameters
    ----------
    of : Channel or DetectorChannel
        What to look at; its trains do not matter.
    bins : int or array-like
        How many of one width, or their edges. The last bin includes its upper edge, as numpy's.
    range : (float, float), optional
        Lower and upper edge of all; needed with a number of bins: what is to come is not known.
    roi : numpy.s_ expression
        Part of each entry.
    where : array-like of bool, optional
        Which elements to count, of the shape of an entry (after `roi`).

    Raises
    ------
    ParameterError
        There are no such bins, or `where` has another shape.
    """

    def __init__(
        self,
        of: Any,
        bins: int | ArrayLike,
        range: tuple[float, float] | None = None,
        *,
        roi: Any = (),
        where: ArrayLike | None = None,
    ) -> None:
        self.edges = _edges(bins, range)
        self._used = None if where is None else np.asarray(where)
        super().__init__(of, roi=roi)
        shape = self.watched.cut.shape
        if self._used is not None and (self._used.dtype != bool or self._used.shape != shape):
            raise ParameterError(f"where has to be bool{list(shape)}, as an entry")
        _bins(Shape(shape, np.dtype(float)), self.edges, self._used)  # wrong edges are said now

    @property
    def asked(self) -> tuple[Any, ...]:
        """See `Reduction.asked`."""
        used = None if self._used is None else self._used.tobytes()
        return (*super().asked, self.edges.tobytes(), used)

    def maker(self) -> Callable[[Shape], Machines]:
        """See `Reduction.maker`."""
        return partial(_bins, edges=self.edges, used=self._used)

    @property
    def value(self) -> xr.DataArray:
        """Counts: int64 ([module,] bin), with coordinates ``bin`` (centres), ``left``, ``right``.

        ``attrs``: ``below``, ``above`` and ``nan`` count what is in no bin, of all modules.
        """
        machines = {part: self._machine(part) for part in self.watched.parts}
        coords, _ = self._notes()
        edges, units = self.edges, self.watched.channel.units
        axes = {"bin": (edges[1:] + edges[:-1]) / 2, "left": edges[:-1], "right": edges[1:]}
        coords |= {n: ("bin", v, {"units": units} if units else {}) for n, v in axes.items()}
        left = [machine.left_out for machine in machines.values()]
        frames = {} if len(coords) > len(axes) else {"frames": self.frames[None]}
        return self.watched.labelled(
            {part: machine.counts[0].copy() for part, machine in machines.items()},
            ("bin",),
            name="counts",
            coords=coords,
            attrs=frames | {why: sum(each[why] for each in left) for why in left[0]},
        )

    def _machine(self, part: int | None) -> Bins:
        (machine,) = self._line(part)
        assert isinstance(machine, Bins)  # noqa: S101 for the type checker
        return machine


def _edges(bins: int | ArrayLike, span: tuple[float, float] | None) -> NDArray[np.float64]:
    if np.ndim(bins):
        return np.asarray(bins, np.float64)
    number = int(np.asarray(bins))
    if number < 1 or span is None or not span[0] < span[1]:
        raise ParameterError(
            f"{number} bins from {span} are no bins", hint="Give range=(low, high), or edges."
        )
    return np.linspace(*span, number + 1)
