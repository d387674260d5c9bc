"""What all reductions have in common: small machines that eat blocks of rows."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import prod
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from beambook.errors import DataError

__all__ = ["Machine", "Shape"]

Elements = tuple[int, int]


@dataclass(frozen=True)
class Shape:
    """What a machine is made for: it can only be merged with one of the same.

    Attributes
    ----------
    shape : tuple of int
        Of a row.
    dtype : numpy.dtype
        Of the rows.
    groups : int
        Lines of the result.
    """

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    groups: int = 1

    @property
    def elements(self) -> int:
        """Numbers in a row."""
        return prod(self.shape)

    @property
    def is_float(self) -> bool:
        """Whether there may be NaN."""
        return self.dtype.kind == "f"

    @property
    def is_narrow(self) -> bool:
        """Whether they are whole numbers of 16 bits or less, with exact sums of squares."""
        return not self.is_float and self.dtype.itemsize <= 2

    def zeros(self, dtype: Any) -> NDArray[Any]:
        """A result: ndarray (group, element)."""
        return np.zeros((self.groups, self.elements), dtype)

    def nan(self) -> NDArray[np.int64]:
        """Counts of NaN, which whole numbers do not need."""
        return np.zeros((self.groups, self.elements if self.is_float else 0), np.int64)


class Machine:
    """Eats blocks of rows, has a value, can be cleared and merged.

    Parameters
    ----------
    form : Shape

    Attributes
    ----------
    form : Shape
    frames : ndarray of int64, (groups,)
        Rows eaten, by group.
    """

    def __init__(self, form: Shape) -> None:
        if form.dtype.kind not in "iuf" or form.dtype.itemsize > 8:
            raise DataError(
                f"Values of type {form.dtype} cannot be added up", hint="Read them with ndarray()."
            )
        self.form = form
        self.clear()

    def clear(self) -> None:
        """Forget everything."""
        self.frames = np.zeros(self.form.groups, np.int64)

    def push(self, block: NDArray[Any], group: NDArray[np.int32] | None = None) -> None:
        """Add rows.

        Parameters
        ----------
        block : ndarray (row, …)
        group : ndarray (row,) of int32, optional
            Line of the result for each row, negative for none; by default the first.
        """
        groups = np.zeros(len(block), np.int32) if group is None else group.astype(np.int32)
        values = np.ascontiguousarray(block, self.form.dtype).reshape(len(block), -1)
        if values.shape[1] != self.form.elements or groups.shape != (len(values),):
            raise DataError(
                f"Rows of shape {block.shape[1:]} do not fit {self.form.shape}, "
                f"or groups {groups.shape}"
            )
        self.prepare(1)
        self.note(values, groups)
        self.eat(values, groups, (0, self.form.elements), 0)

    def merge(self, other: Self) -> None:
        """Add what another machine of the same form has eaten, after what this one has."""
        if type(self) is not type(other) or self.form != other.form:
            raise DataError("Only machines that were made for the same data can be merged")
        self._join(other)
        self.frames += other.frames

    # --- for those who share the work -------------------------------------

    @property
    def ordered(self) -> bool:
        """Whether the last digit depends on the order in which rows are eaten."""
        return False

    def prepare(self, workers: int) -> None:
        """So many threads will eat at once, each its own range of elements."""

    def note(self, block: NDArray[Any], group: NDArray[np.int32]) -> None:
        """Count rows; before they are eaten, in one thread."""
        self.frames += np.bincount(group[group >= 0], minlength=self.form.groups)

    def eat(
        self, block: NDArray[Any], group: NDArray[np.int32], elements: Elements, worker: int
    ) -> None:
        """Add a range of elements of rows; several threads may, each with its own range."""
        raise NotImplementedError

    def _join(self, other: Self) -> None:
        raise NotImplementedError

    @property
    def nan(self) -> NDArray[np.int64]:
        """How many NaN were left out: ndarray (group, element), or (group, 0) if there are none."""
        raise NotImplementedError

    def shaped(self, lines: Iterable[NDArray[Any]], dtype: Any = np.float64) -> NDArray[Any]:
        """Lines of a result as a new array (group, *shape)."""
        out = np.empty((self.form.groups, self.form.elements), dtype)
        for number, line in enumerate(lines):
            out[number] = line
        return out.reshape(self.form.groups, *self.form.shape)

    @property
    def count(self) -> NDArray[np.int64]:
        """Numbers that were used: (group,), or (group, *shape) where there may be NaN."""
        if not self.form.is_float:
            return self.frames
        return self.shaped(self.frames[:, None] - self.nan, np.int64)
