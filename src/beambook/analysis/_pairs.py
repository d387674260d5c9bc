"""Mergeable moments of pairs of values."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Pairs"]

Floats = NDArray[np.float64]
COMPILED = ("u1", "u2", "u4", "i1", "i2", "i4", "f4", "f8")


@dataclass(frozen=True)
class Pairs:
    """Number, means and central second moments of pairs (x, y), element by element.

    Attributes
    ----------
    n : ndarray (*shape)
        Pairs of which neither is NaN.
    x, y : ndarray (*shape)
        Means.
    xx, yy, xy : ndarray (*shape)
        Σ(x − x̄)², Σ(y − ȳ)², Σ(x − x̄)(y − ȳ).
    """

    n: Floats
    x: Floats
    y: Floats
    xx: Floats
    yy: Floats
    xy: Floats

    @classmethod
    def nothing(cls, shape: tuple[int, ...]) -> Pairs:
        """No pairs."""
        return cls(*(np.zeros(shape) for _ in range(6)))

    @classmethod
    def of(cls, x: NDArray[Any], y: NDArray[Any]) -> Pairs:
        """Of some rows, in two passes: x (row, …) that fits to y (row, *shape)."""
        if x.size == len(x) == len(y) and y.dtype.str[1:] in COMPILED and y.dtype.isnative:
            return cls._of_one_a_row(x, y)
        return cls._of_any(x, y)

    @classmethod
    def _of_one_a_row(cls, x: NDArray[Any], y: NDArray[Any]) -> Pairs:
        from beambook.analysis._pairs_kernel import add_pairs  # loads numba

        moments = np.zeros((6, prod(y.shape[1:])))
        rows = np.ascontiguousarray(y).reshape(len(y), moments.shape[1])
        add_pairs(x.reshape(-1).astype(np.float64), rows, moments)
        return cls(*moments.reshape(6, *y.shape[1:]))

    @classmethod
    def _of_any(cls, x: NDArray[Any], y: NDArray[Any]) -> Pairs:
        x, y = np.broadcast_arrays(x.astype(np.float64), y.astype(np.float64))
        bad = np.isnan(x) | np.isnan(y)
        n = np.asarray(len(y) - bad.sum(axis=0), np.float64)
        some = np.maximum(n, 1)
        if bad.any():
            x, y = np.where(bad, 0, x), np.where(bad, 0, y)
        mean_x, mean_y = x.sum(axis=0) / some, y.sum(axis=0) / some
        dx, dy = x - mean_x, y - mean_y
        if bad.any():
            dx, dy = np.where(bad, 0, dx), np.where(bad, 0, dy)
        return cls(
            n, mean_x, mean_y, (dx * dx).sum(axis=0), (dy * dy).sum(axis=0), (dx * dy).sum(axis=0)
        )

    def __add__(self, other: Pairs) -> Pairs:
        """Moments of both together (Chan, Golub, LeVeque 1983)."""
        n = self.n + other.n
        part = np.divide(other.n, n, out=np.zeros_like(n), where=n > 0)
        dx, dy = other.x - self.x, other.y - self.y
        weight = self.n * part
        return Pairs(
            n,
            self.x + part * dx,
            self.y + part * dy,
            self.xx + other.xx + weight * dx * dx,
            self.yy + other.yy + weight * dy * dy,
            self.xy + other.xy + weight * dx * dy,
        )

    @property
    def correlation(self) -> Floats:
        """Pearson's r; NaN where one of both does not vary."""
        spread = np.sqrt(self.xx * self.yy)
        nan = np.full_like(spread, np.nan)
        return np.asarray(np.divide(self.xy, spread, out=nan, where=spread > 0))

    @property
    def slope(self) -> Floats:
        """Of the straight line y = a + b x of least squares, b; NaN where x does not vary."""
        nan = np.full_like(self.xx, np.nan)
        return np.asarray(np.divide(self.xy, self.xx, out=nan, where=self.xx > 0))
