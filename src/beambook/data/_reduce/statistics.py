"""Statistics by name, and the machines that they come from."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from beambook.data._reduce.extremes import Extremes
from beambook.data._reduce.machine import Machine, Shape
from beambook.data._reduce.moments import Moments

__all__ = ["NAMES", "machines_for", "value_of"]

NAMES = ("mean", "var", "std", "min", "max", "sum", "count")


def machines_for(shape: Shape, names: tuple[str, ...]) -> tuple[Machine, ...]:
    """As few machines as give all these statistics."""
    wanted = set(names)
    machines: list[Machine] = []
    order = 2 if wanted & {"var", "std"} else 1 if "mean" in wanted else 0
    if order or not wanted & {"min", "max"}:
        machines.append(Moments(shape, order))
    if "sum" in wanted and not any(isinstance(m, Moments) and m.sums for m in machines):
        machines.append(Moments(shape, 0))
    if wanted & {"min", "max"}:
        machines.append(Extremes(shape))
    return tuple(machines)


def value_of(name: str, machines: tuple[Machine, ...], *, ddof: int = 0) -> NDArray[Any]:
    """One statistic: ndarray (group, *shape), or (group,) for a count that is the same for all."""
    moments = [m for m in machines if isinstance(m, Moments)]
    if name in ("min", "max"):
        extremes = next(m for m in machines if isinstance(m, Extremes))
        return extremes.low if name == "min" else extremes.high
    if name == "count":
        return machines[0].count
    if name == "sum":
        return next(m for m in moments if m.sums).sum
    if name == "mean":
        return moments[0].mean
    variance = moments[0].variance(ddof=ddof)
    return variance if name == "var" else np.sqrt(variance, out=variance)
