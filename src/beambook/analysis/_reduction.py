"""Analyses that reduce all rows of a channel to one line: what they have in common."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Self

import numpy as np

from beambook.analysis._watched import Part, Watched
from beambook.card import Card, Described
from beambook.data._reduce.machine import Machine, Shape
from beambook.data._reduce.work import in_memory
from beambook.errors import DataError

__all__ = ["Reduction"]

Machines = tuple[Machine, ...]


class Reduction(Described):
    """Eats the rows of a channel, each module of a detector by itself.

    Parameters
    ----------
    of : Channel or DetectorChannel
        What to look at; its trains do not matter.
    roi : numpy.s_ expression
        Part of each entry.
    """

    def __init__(self, of: Any, *, roi: Any = ()) -> None:
        self.watched = Watched.of(of, roi)
        self.clear()

    def maker(self) -> Callable[[Shape], Machines]:
        """What makes machines for rows of this shape; is sent to workers."""
        raise NotImplementedError

    @property
    def asked(self) -> tuple[Any, ...]:
        """What machines that are merged must agree on."""
        return self.watched.asked

    def clear(self) -> None:
        """Forget everything."""
        self._lines: dict[Part, Machines] = {}

    def push(self, train: Any) -> None:
        """Eat one train: each row of it that there is.

        Parameters
        ----------
        train : Train, mapping, or (int, mapping)
            As ``run.trains()`` gives them. One without the source or the key changes nothing.

        Raises
        ------
        DataError
            It is no train; or values have another shape than those of the channel.
        """
        for part, rows in self.watched.rows_of(train):
            for machine in self._line(part):
                machine.push(rows)

    def _line(self, part: Part) -> Machines:
        if part not in self._lines:
            watched = self.watched
            shape = Shape(watched.cut.shape, in_memory(watched.channel.dtype))
            self._lines[part] = self.maker()(shape)
        return self._lines[part]

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
        Analysis
            Itself, so that one may write ``Mean(channel).over(run).value``.

        Raises
        ------
        DamagedFile
            Rows that should be there cannot be read.
        SourceNotFound, KeyNotFound, DataError
            The run does not have what is looked at.
        """
        there = self.watched if target is None else self.watched.in_run(target)
        for part, reducible in there.reducibles():
            rows = reducible.reduced_rows(None, there.roi)
            found = rows.run(partial(self.maker(), rows.shape), client, threads)
            self._add(part, found)
        return self

    def _add(self, part: Part, found: Machines) -> None:
        for mine, other in zip(self._line(part), found, strict=True):
            mine.merge(other)

    def merge(self, other: Self) -> None:
        """Eat what another machine has eaten.

        Raises
        ------
        DataError
            It looks at other data, or was asked for something else.
        """
        if type(self) is not type(other) or self.asked != other.asked:
            raise DataError("Only analyses of the same data, asked for the same, can be merged")
        for part, machines in other._lines.items():
            self._add(part, machines)

    @property
    def frames(self) -> dict[Part, int]:
        """Rows eaten, by module."""
        return {part: int(self._line(part)[0].frames[0]) for part in self.watched.parts}

    def card(self) -> Card:
        """What it looks at, and how many rows it has eaten."""
        rows = sum(int(machines[0].frames[0]) for machines in self._lines.values())
        return self.watched.described(type(self).__name__, f"{rows:,} rows" if rows else "nothing")

    def _notes(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """Coordinates and attributes: how many rows there are in the result."""
        frames = self.frames
        nan = sum(int(self._line(part)[0].nan.sum()) for part in frames)
        attrs: dict[str, Any] = {"nan": nan} if nan else {}
        if None in frames:
            return {}, {"frames": frames[None], **attrs}
        return {"frames": ("module", np.array(list(frames.values()), np.int64))}, attrs
