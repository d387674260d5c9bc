"""What a source of the DAQ says in a run, before it becomes HDF5."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Column", "Control", "Instrument", "Made", "Source", "Unit"]

Array = NDArray[Any]


@dataclass(frozen=True)
class Unit:
    """A unit as Karabo writes it beside a value: ``Unit("J", "joule", "u", "micro")``."""

    symbol: str
    name: str
    prefix: str = ""
    prefix_name: str = ""


@dataclass(frozen=True)
class Made:
    """A column too large for memory: `make` gives the entries of one train.

    Attributes
    ----------
    make : callable
        ``make(train)`` → array (entries, *shape), `train` counted from 0 in the run.
    shape : tuple of int
        Shape of one entry.
    dtype : str
    """

    make: Callable[[int], Array]
    shape: tuple[int, ...]
    dtype: str


Column = Array | Made


@dataclass(frozen=True)
class Control:
    """A slow source: one entry per train, and its properties at the start of the run.

    Attributes
    ----------
    name : str
        ``"MID_OPT_MONO/MDL/PHOTON_ENERGY"``.
    class_id : str
        Karabo class, e.g. ``"DoocsXGM"``.
    values : mapping of str to ndarray (trains, ...)
        Keys with dots; strings as object arrays.
    units : mapping of str to Unit
    properties : mapping of str to scalar
        Values that only RUN has.
    counts : ndarray (trains,), optional
        1 where a train was recorded (the default), 0 where not.
    """

    name: str
    class_id: str
    values: Mapping[str, Array]
    units: Mapping[str, Unit] = field(default_factory=dict)
    properties: Mapping[str, Any] = field(default_factory=dict)
    counts: NDArray[np.uint64] | None = None

    def without(self, trains: Array) -> Control:
        """Lose what was recorded for these trains (counted from 0)."""
        return replace(
            self, counts=_lose(self.counts, len(next(iter(self.values.values()))), trains)
        )


@dataclass(frozen=True)
class Instrument:
    """A fast source: in each train as many entries as came.

    Attributes
    ----------
    name : str
        ``"SA2_XTD1_XGM/XGM/DOOCS:output"``.
    groups : mapping of str to mapping
        Group → key (dots allowed) → column. An array has the trains on axis 0;
        with ``entries[group]`` set, the entries of a train on axis 1.
    trains : int
        Number of trains in the run.
    units : mapping of str to Unit
        By ``"group.key"``.
    entries : mapping of str to int
        Entries per train of the groups that may have several.
    counts : ndarray (trains,), optional
        1 where a train was recorded (the default), 0 where not.
    """

    name: str
    groups: Mapping[str, Mapping[str, Column]]
    trains: int
    units: Mapping[str, Unit] = field(default_factory=dict)
    entries: Mapping[str, int] = field(default_factory=dict)
    counts: NDArray[np.uint64] | None = None

    def without(self, trains: Array) -> Instrument:
        """Lose what was recorded for these trains (counted from 0)."""
        return replace(self, counts=_lose(self.counts, self.trains, trains))

    @property
    def is_xtdf(self) -> bool:
        """Whether it is a detector module: its frames have an axis more."""
        return self.name.endswith(":xtdf")


Source = Control | Instrument


def _lose(counts: NDArray[np.uint64] | None, n: int, trains: Array) -> NDArray[np.uint64]:
    kept = np.ones(n, np.uint64) if counts is None else counts.copy()
    kept[trains] = 0
    return kept
