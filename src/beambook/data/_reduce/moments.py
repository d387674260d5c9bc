"""Sums, means and variances, element by element."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from beambook.data._reduce.machine import Elements, Machine, Shape
from beambook.errors import DataError

__all__ = ["Moments"]

Floats = NDArray[np.float64]
LARGEST = 2**63 * (1 - 1e-9)  # less what the bound may be rounded by


class Moments(Machine):
    """Sum, mean and variance of each element.

    Whole numbers are summed exactly, and so are the squares of those of 16 bits or less.
    Everything else is summed in float64, the variance about the first finite value, so that a
    large offset does not matter. NaN is left out and counted.

    Parameters
    ----------
    form : Shape
    order : int
        0: for the sum; 1: also the mean; 2: also the variance.
    """

    def __init__(self, form: Shape, order: int = 1) -> None:
        self.order = order
        wide = form.dtype.itemsize * (1 + (order > 1)) > 4  # 8 bytes; 4 bytes and squares
        self.exact = not form.is_float and (order == 0 or not wide)
        self.shifted = not self.exact and (order > 1 or not form.is_float)
        super().__init__(form)

    def clear(self) -> None:
        """Forget everything."""
        super().clear()
        form, number = self.form, np.int64 if self.exact else np.float64
        self._total: NDArray[Any] = form.zeros(number)
        two = self.order > 1 or self.shifted
        self._squares: NDArray[Any] = form.zeros(number) if two else np.zeros((0, 0), number)
        self._pivot = np.full_like(self._total, np.nan) if self.shifted else np.zeros((0, 0))
        self._nan = form.nan()
        self._bound = 0.0

    def note(self, block: NDArray[Any], group: NDArray[np.int32]) -> None:
        """Count rows, and refuse those of which the sum may not fit."""
        super().note(block, group)
        if self.exact and self.form.dtype.itemsize == 8 and block.size:
            largest = np.maximum(np.abs(block.min(1).astype(float)), block.max(1).astype(float))
            self._bound += float(largest.sum())
            self._refuse_if_too_large()

    @property
    def ordered(self) -> bool:
        """See `Machine.ordered`."""
        return not self.exact

    def _refuse_if_too_large(self) -> None:
        if self._bound > LARGEST:
            raise DataError("The sum may not fit into 64 bits", hint="Take the mean.")

    def eat(
        self, block: NDArray[Any], group: NDArray[np.int32], elements: Elements, worker: int
    ) -> None:
        """See `Machine.eat`."""
        from beambook.data._reduce import kernels  # loads numba

        if self.exact and self.order > 1:
            kernels.add_squares(block, group, elements, self._total, self._squares)
        elif self.exact:
            narrow = np.int32 if self.form.is_narrow else np.int64
            scratch = np.empty(kernels.TILE, narrow)
            kernels.add(block, group, elements, self._total, scratch)
        elif self.shifted:
            state, scratch = (self._pivot, self._total, self._squares), np.empty(2 * kernels.TILE)
            kernels.add_shifted(block, group, elements, state, self._nan, scratch)
        else:
            scratch = np.empty(kernels.TILE)
            kernels.add_floats(block, group, elements, self._total, self._nan, scratch)

    def _join(self, other: Moments) -> None:
        self._nan += other._nan
        self._bound += other._bound
        self._refuse_if_too_large()
        if not self.shifted:
            self._total += other._total
            self._squares += other._squares
            return
        for line in range(self.form.groups):  # line by line, to need little memory
            self._join_shifted(other, line)

    def _join_shifted(self, other: Moments, line: int) -> None:
        mine, theirs = self._pivot[line], other._pivot[line]
        mine[:] = np.where(np.isnan(mine), theirs, mine)
        # Sums about the other pivot are sums about this one after a step; inf stays inf.
        step = np.where(np.isnan(theirs), 0.0, theirs - mine)
        number = other._number(line)
        with np.errstate(invalid="ignore", over="ignore"):
            self._squares[line] += other._squares[line] + step * (
                2 * other._total[line] + number * step
            )
            self._total[line] += other._total[line] + number * step

    def _number(self, line: int) -> Any:
        """Values used: one number, or one for each element."""
        return self.frames[line] - self._nan[line] if self.form.is_float else self.frames[line]

    @property
    def nan(self) -> NDArray[np.int64]:
        """See `Machine.nan`."""
        return self._nan

    @property
    def sums(self) -> bool:
        """Whether its sum is as exact as can be: whole numbers are not summed about a pivot."""
        return self.exact or self.form.is_float

    @property
    def sum(self) -> NDArray[Any]:
        """Sum: int64 (exact) or float64; 0 of nothing."""
        if not self.shifted:
            return self.shaped(self._total, self._total.dtype)
        pivot = np.nan_to_num(self._pivot)
        return self.shaped(
            pivot[n] * self._number(n) + self._total[n] for n in range(self.form.groups)
        )

    @property
    def mean(self) -> Floats:
        """Mean: float64; NaN of nothing."""
        return self.shaped(self._mean(n) for n in range(self.form.groups))

    def _mean(self, line: int) -> Floats:
        with np.errstate(invalid="ignore", divide="ignore"):
            mean = np.asarray(self._total[line] / self._number(line), np.float64)
        return mean + np.nan_to_num(self._pivot[line]) if self.shifted else mean

    def variance(self, *, ddof: int = 0) -> Floats:
        """Variance: float64; NaN of nothing.

        Parameters
        ----------
        ddof : int
            The sum of squares is divided by n − ddof.
        """
        return self.shaped(self._variance(n, ddof) for n in range(self.form.groups))

    def _variance(self, line: int, ddof: int) -> Floats:
        number = self._number(line)
        total, squares = self._total[line], self._squares[line]
        with np.errstate(invalid="ignore", divide="ignore"):
            if self.exact:
                left = _exact_squares(total, squares, int(number))
                return np.asarray(left / _positive(number - ddof))
            about = np.maximum(squares - total / number * total, 0.0)
            return np.asarray(about / _positive(number - ddof))


def _positive(number: Any) -> Any:
    """NaN where nothing is left to divide by."""
    return np.where(number > 0, number, np.nan)


def _exact_squares(total: NDArray[Any], squares: NDArray[Any], number: int) -> Floats:
    """Σ(x − mean)² without cancellation: about the whole number below the mean first."""
    if not number:
        return np.full(len(total), np.nan)
    whole, rest = np.divmod(total, number)
    about = squares - whole * (total + rest)
    return np.asarray(about - rest.astype(float) * rest / number)
