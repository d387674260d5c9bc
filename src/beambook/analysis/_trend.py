"""One number of each train, over time."""

from __future__ import annotations

from functools import partial
from typing import Any, Self

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from beambook.analysis._tile_sums import TileSums
from beambook.analysis._train import data_of, id_of
from beambook.analysis._watched import Part, Watched
from beambook.card import Card, Described
from beambook.data._reduce.machine import Shape
from beambook.data._reduce.work import in_memory
from beambook.errors import DataError

__all__ = ["Trend"]

Sums = dict[int, tuple[Any, int]]  # by train id: sum and number of the values


class Trend(Described):
    """Mean over all elements and rows of each train: how something changes with time.

    NaN is left out.

    Parameters
    ----------
    of : Channel or DetectorChannel
        What to look at; its trains do not matter. Of a detector each module has its own.
    roi : numpy.s_ expression
        Part of each entry.

    Examples
    --------
    ::

        intensity = Trend(agipd["image.data"], roi=np.s_[0]).over(run)
        intensity.value.plot.line(x="train")        # (module, train)
    """

    def __init__(self, of: Any, *, roi: Any = ()) -> None:
        self.watched = Watched.of(of, roi)
        self.clear()

    def clear(self) -> None:
        """Forget everything."""
        self._sums: dict[Part, Sums] = {part: {} for part in self.watched.parts}

    def push(self, train: Any) -> None:
        """Eat one train; a train may come in several pieces.

        Parameters
        ----------
        train : Train, mapping, or (int, mapping)
            Its id is that of the `Train`, the number of the pair, or ``timestamp.tid`` in the
            metadata of the source.

        Raises
        ------
        DataError
            It is no train, or has no id; or values have another shape than those of the channel.
        """
        sources = dict(self.watched.sources())
        data = data_of(train)
        for part, rows in self.watched.rows_of(data):
            if len(rows):
                machine = TileSums(Shape(rows.shape[1:], in_memory(self.watched.channel.dtype)))
                machine.push(rows)
                self._add(part, np.array([id_of(train, sources[part])]), machine)

    def over(self, target: Any = None, *, client: Any = None, threads: int | None = None) -> Self:
        """Eat all trains of a run: read in blocks, in bounded memory.

        Parameters
        ----------
        target : Run, Channel or DetectorChannel, optional
            By default the channel itself.
        client : distributed.Client, optional
            Let a Dask cluster do it, in parts that are merged there.
        threads : int, optional
            By default ``BEAMBOOK_THREADS``, or as many as there are cores, up to 8.

        Returns
        -------
        Trend
            Itself.

        Raises
        ------
        DamagedFile
            Rows that should be there cannot be read.
        SourceNotFound, KeyNotFound, DataError
            The run does not have what is looked at.
        """
        there = self.watched if target is None else self.watched.in_run(target)
        for part, reducible in there.reducibles():
            rows = reducible.reduced_rows("train", there.roi)
            (machine,) = rows.run(partial(_tile_sums, rows.shape), client, threads)
            assert isinstance(machine, TileSums)  # noqa: S101 for the type checker
            self._add(part, rows.groups.labels, machine)
        return self

    def card(self) -> Card:
        """What it looks at, and how many trains it has eaten."""
        trains = len(set().union(*self._sums.values()))
        return self.watched.described("Trend", f"{trains:,} trains" if trains else "nothing")

    def _add(self, part: Part, trains: NDArray[Any], machine: TileSums) -> None:
        numbers = machine.numbers.tolist()
        self._join(part, dict(zip(trains.tolist(), zip(machine.sums.tolist(), numbers, strict=True),
                                  strict=True)))  # fmt: skip

    def _join(self, part: Part, found: Sums) -> None:
        sums = self._sums.setdefault(part, {})
        for train, (total, number) in found.items():
            before = sums.get(train, (0, 0))
            sums[train] = before[0] + total, before[1] + number

    def merge(self, other: Trend) -> None:
        """Eat what another machine has eaten.

        Raises
        ------
        DataError
            It looks at other data.
        """
        if type(self) is not type(other) or self.watched.asked != other.watched.asked:
            raise DataError("Only trends of the same data can be merged")
        for part, found in other._sums.items():
            self._join(part, found)

    @property
    def value(self) -> xr.DataArray:
        """Means: float64 ([module,] train), trains ascending; NaN where there is nothing.

        The coordinate ``number`` tells how many values are in each.
        """
        trains = np.array(sorted(set().union(*self._sums.values())), np.uint64)
        dims = ("train",)
        lines, numbers = {}, []
        for part, sums in self._sums.items():
            pairs = [sums.get(train, (0, 0)) for train in trains.tolist()]
            numbers.append([number for _, number in pairs])
            lines[part] = np.array([total / n if n else np.nan for total, n in pairs], np.float64)
        shape = (len(trains),) if None in self._sums else (len(lines), len(trains))
        counted = np.array(numbers, np.int64).reshape(shape)
        coords = {"train": trains, "number": (("module", *dims)[-len(shape) :], counted)}
        units = self.watched.channel.units
        return self.watched.labelled(lines, dims, name="trend", coords=coords, units=units)


def _tile_sums(shape: Shape) -> tuple[TileSums, ...]:
    return (TileSums(shape),)
