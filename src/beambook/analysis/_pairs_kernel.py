"""Machine code of the moments of pairs. Importing this file loads numba."""

from __future__ import annotations

from typing import Any

import numpy as np

from beambook.machine_code import compiled

__all__ = ["add_pairs"]

TILE = 512  # elements whose moments stay in the nearest cache


@compiled(boundscheck=False, error_model="numpy")
def _add_up(x: Any, y: Any, n: Any, mean_x: Any, mean_y: Any) -> None:
    for i in range(len(y)):
        value = np.float64(y[i])
        good = value == value
        n[i] += 1.0 if good else 0.0
        mean_x[i] += x if good else 0.0
        mean_y[i] += value if good else 0.0


@compiled(boundscheck=False, error_model="numpy")
def _add_products(x: Any, y: Any, means: Any, xx: Any, yy: Any, xy: Any) -> None:
    mean_x, mean_y = means
    for i in range(len(y)):
        value = np.float64(y[i])
        good = value == value
        dx, dy = x - mean_x[i], value - mean_y[i]
        xx[i] += dx * dx if good else 0.0
        yy[i] += dy * dy if good else 0.0
        xy[i] += dx * dy if good else 0.0


@compiled(boundscheck=False, error_model="numpy")
def add_pairs(x: Any, y: Any, moments: Any) -> None:
    """Moments of one x a row with each element of y, added up row after row.

    Parameters
    ----------
    x : ndarray (row,) of float64
    y : ndarray (row, element)
    moments : ndarray (6, element) of float64
        Zeros; n, both means, Σ(x − x̄)², Σ(y − ȳ)², Σ(x − x̄)(y − ȳ) are written to it.
    """
    for a in range(0, y.shape[1], TILE):
        b = min(a + TILE, y.shape[1])
        n, mean_x, mean_y = moments[0, a:b], moments[1, a:b], moments[2, a:b]
        xx, yy, xy = moments[3, a:b], moments[4, a:b], moments[5, a:b]
        for row in range(len(x)):
            if x[row] == x[row]:
                _add_up(x[row], y[row, a:b], n, mean_x, mean_y)
        for i in range(b - a):
            mean_x[i] /= max(n[i], 1.0)
            mean_y[i] /= max(n[i], 1.0)
        for row in range(len(x)):
            if x[row] == x[row]:
                _add_products(x[row], y[row, a:b], (mean_x, mean_y), xx, yy, xy)
