"""Choosing frames of each train: by position, by pulse id, by memory cell."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from beambook.data._trains import by_id, by_index
from beambook.errors import DataError

__all__ = ["Choice"]

Int = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Choice:
    """Frames that are wanted of each train.

    Attributes
    ----------
    by : str
        ``"position"``, ``"pulse"`` or ``"cell"``.
    value : slice or ndarray of int64
    """

    by: str
    value: slice | Int

    @classmethod
    def of(cls, value: Any, *, ids: str = "pulse") -> Choice | None:
        """From a slice, whole numbers, or `by_id` or `by_index` of them; None for everything.

        Parameters
        ----------
        value : slice, int, sequence, ndarray, by_id or by_index
            Positions by default.
        ids : str
            What `by_id` means.

        Raises
        ------
        DataError
            Not whole numbers, or a step backwards: frames stay in the order of the train.
        """
        by = ids if isinstance(value, by_id) else "position"
        if isinstance(value, by_id | by_index):
            value = value.value
        if isinstance(value, slice):
            return None if value == slice(None) else cls(by, _checked(value, by))
        wanted = np.atleast_1d(np.asarray(value))
        if wanted.size and wanted.dtype.kind not in "iu":
            raise TypeError(f"Frames are chosen by whole numbers, not {value!r}")
        if by != "position" and (wanted.astype(np.int64) < 0).any():
            raise DataError(f"A {by} id is not negative: {value!r}")
        return cls(by, wanted.astype(np.int64))

    def among_positions(self, position: Int, size: Int) -> NDArray[np.bool_]:
        """Which frames, by their position in trains of these sizes; -1 is the last."""
        if isinstance(self.value, slice):
            start, stop = (_end(end, size) for end in (self.value.start or 0, self.value.stop))
            step = self.value.step or 1
            inside = (position >= start) & (position < stop)
            return np.asarray(inside & ((position - start) % step == 0))
        found = np.isin(position, self.value[self.value >= 0])
        return np.asarray(found | np.isin(position - size, self.value[self.value < 0]))

    def among_ids(self, ids: NDArray[np.uint64]) -> NDArray[np.bool_]:
        """Which frames, by their ids."""
        if not isinstance(self.value, slice):
            return np.isin(ids, self.value.astype(np.uint64))
        start, stop = int(self.value.start or 0), self.value.stop
        inside = ids >= start
        if stop is not None:
            inside &= ids < max(int(stop), 0)
        return np.asarray(
            inside & ((ids - np.uint64(start)) % np.uint64(self.value.step or 1) == 0)
        )


def _checked(value: slice, by: str) -> slice:
    ends = [value.start, value.stop, value.step]
    if any(not isinstance(e, int | np.integer | None) for e in ends):
        raise TypeError(f"A slice of frames has whole numbers, not {value!r}")
    if value.step is not None and value.step < 1:
        raise DataError(f"The step of a slice of frames is at least 1, not {value.step}")
    if by != "position" and any(e is not None and e < 0 for e in ends):
        raise DataError(f"A {by} id is not negative: {value!r}")
    return value


def _end(end: int | None, size: Int) -> Int:
    if end is None:
        return size
    return np.maximum(size + end, 0) if end < 0 else np.full_like(size, end)
