"""A piece of reading that knows all it needs: done here, in a thread, or on another machine."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from beambook.data._detector.mask import Mask
from beambook.data._reading.read import Plan, read_plans
from beambook.data._reading.roi import Roi

__all__ = ["Block", "read_block"]

AT_ONCE = 64 << 20  # bytes of values that are converted in one go


@dataclass(frozen=True, eq=False)
class Block:
    """Rows of several modules, one after another.

    Attributes
    ----------
    plans : tuple of Plan
    roi : Roi
        Of a row as it is stored.
    stored, dtype : numpy.dtype
        Type of the values in the files, and in the result.
    fill : number
        For rows that are in no plan.
    gaps : ndarray of bool, (rows,) or None
        Which rows these are; None for none.
    mask : (Block, Mask) or None
        What says which pixels are bad, and what they become.
    """

    plans: tuple[Plan, ...]
    roi: Roi
    stored: np.dtype[Any]
    dtype: np.dtype[Any]
    fill: Any
    gaps: NDArray[np.bool_] | None = None
    mask: tuple[Block, Mask] | None = None

    def read(self, rows: NDArray[Any], *, threads: int | None = None) -> NDArray[Any]:
        """Fill an array of all rows.

        Parameters
        ----------
        rows : ndarray, (rows, ...)
            Contiguous.
        threads : int, optional
        """
        if _keeps_values(self.stored, self.dtype):
            read_plans(self.plans, rows, self.roi, threads=threads)
        else:
            self._read_converted(rows, threads)
        if self.gaps is not None:
            rows[self.gaps] = self.fill
        if self.mask is not None:
            other, mask = self.mask
            reasons = np.empty((len(rows), *other.roi.shape), other.dtype)
            mask.apply(rows, other.read(reasons, threads=threads).reshape(rows.shape))
        return rows

    def _read_converted(self, rows: NDArray[Any], threads: int | None) -> None:
        size = max(1, int(np.prod(rows.shape[1:], dtype=np.int64)) * self.stored.itemsize)
        for plan in self.plans:
            for some in _in_parts(plan, max(1, AT_ONCE // size)):
                number = int(some.count.sum())
                values = np.empty((number, *rows.shape[1:]), self.stored)
                compact = replace(some, target=np.cumsum(some.count) - some.count)
                read_plans((compact,), values, self.roi, threads=threads)
                within = np.arange(number) - np.repeat(compact.target, some.count)
                rows[np.repeat(some.target, some.count) + within] = _converted(values, self.dtype)


def read_block(block: Block, shape: tuple[int, ...], row: tuple[int, ...]) -> NDArray[Any]:
    """Read a block to an array of its own; a task of a Dask graph.

    Parameters
    ----------
    block : Block
    shape : tuple of int
        Of the result.
    row : tuple of int
        Of a row as it is read.
    """
    out = np.empty(shape, block.dtype)
    number = out.size // max(1, int(np.prod(row, dtype=np.int64)))
    block.read(out.reshape(number, *row), threads=1)  # Dask has threads of its own
    return out


def _keeps_values(stored: np.dtype[Any], dtype: np.dtype[Any]) -> bool:
    return np.can_cast(stored, dtype) or dtype.kind == "f"


def _converted(values: NDArray[Any], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Numbers that do not fit become the closest that do (as HDF5 has it), NaN becomes 0."""
    if dtype.kind not in "iu":
        return values.astype(dtype)
    limits = np.iinfo(dtype)
    if values.dtype.kind == "f":
        values = np.where(np.isnan(values), 0, values)
    too_small, too_large = values <= limits.min, values >= limits.max
    with np.errstate(invalid="ignore"):
        out = values.astype(dtype)
    out[too_small], out[too_large] = limits.min, limits.max
    return np.asarray(out)


def _in_parts(plan: Plan, most: int) -> Iterator[Plan]:
    """The plan in parts of at most so many rows."""
    for source, target, count in zip(plan.source, plan.target, plan.count, strict=True):
        for start in range(0, int(count), most):
            stop = min(int(count), start + most)
            yield replace(
                plan,
                source=np.array([source + start]),
                target=np.array([target + start]),
                count=np.array([stop - start]),
            )
