"""Machine code of the reductions. Importing this file loads numba.

All kernels take a block of rows with their groups and a range of elements, so that threads can
share a result without touching each other's part of it. Elements go through in tiles that stay
in the first cache, and each is added up in the order of the rows, whoever does it: the last
digit does not depend on the number of threads.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from beambook.machine_code import compiled

__all__ = ["LONGEST", "TILE", "add", "add_floats", "add_shifted", "add_squares", "bin_narrow",
           "bin_wide", "extremes"]  # fmt: skip

TILE = 1024  # elements
LONGEST = 32767  # rows of 16 bits whose sum 32 bits hold for certain


@compiled(boundscheck=False)
def _run(group: Any, row: int, rows: int) -> int:
    """Where the rows of one group, from `row` on, end."""
    stop = row + 1
    most = min(rows, row + LONGEST)
    while stop < most and group[stop] == group[row]:
        stop += 1
    return stop


@compiled(boundscheck=False)
def add(
    block: NDArray[Any],
    group: NDArray[np.int32],
    elements: tuple[int, int],
    total: NDArray[np.int64],
    scratch: NDArray[Any],
) -> None:
    """Sum of whole numbers.

    Parameters
    ----------
    block : ndarray (row, element)
    group : ndarray (row,) int32
        Which line of the result a row belongs to; negative for none.
    elements : tuple of int
        First and last (not included) to do.
    total : ndarray (group, element) int64
        Is added to.
    scratch : ndarray (TILE,)
        int32 for elements of 16 bits or less, else int64.
    """
    rows = block.shape[0]
    for a in range(elements[0], elements[1], TILE):
        b = min(a + TILE, elements[1])
        row = 0
        while row < rows:
            stop = _run(group, row, rows)
            if group[row] >= 0:
                out = total[group[row], a:b]
                part = scratch[: b - a]
                part[:] = 0
                for each in range(row, stop):
                    values = block[each, a:b]
                    for i in range(b - a):
                        part[i] += values[i]
                for i in range(b - a):
                    out[i] += part[i]
            row = stop


@compiled(boundscheck=False)
def add_squares(
    block: NDArray[Any],
    group: NDArray[np.int32],
    elements: tuple[int, int],
    total: NDArray[np.int64],
    squares: NDArray[np.int64],
) -> None:
    """Sums of whole numbers of 16 bits or less and of their squares, exact; see `add`."""
    rows = block.shape[0]
    for a in range(elements[0], elements[1], TILE):
        b = min(a + TILE, elements[1])
        for row in range(rows):
            if group[row] >= 0:
                values = block[row, a:b]
                one = total[group[row], a:b]
                two = squares[group[row], a:b]
                for i in range(b - a):
                    value = np.int64(values[i])
                    one[i] += value
                    two[i] += value * value


@compiled(boundscheck=False)
def _count_nan(values: Any, nan: Any) -> None:
    """Count NaN by element; as a rule there is none, which is found out fast."""
    found = 0
    for i in range(len(values)):
        found += values[i] != values[i]
    if found:
        for i in range(len(values)):
            nan[i] += values[i] != values[i]


@compiled(boundscheck=False)
def add_floats(
    block: NDArray[Any],
    group: NDArray[np.int32],
    elements: tuple[int, int],
    total: NDArray[np.float64],
    nan: NDArray[np.int64],
    scratch: NDArray[np.float64],
) -> None:
    """Sum of all that is not NaN, and how many are; see `add`."""
    rows = block.shape[0]
    for a in range(elements[0], elements[1], TILE):
        b = min(a + TILE, elements[1])
        row = 0
        while row < rows:
            stop = _run(group, row, rows)
            if group[row] >= 0:
                part = scratch[: b - a]
                part[:] = 0.0
                for each in range(row, stop):
                    values = block[each, a:b]
                    _count_nan(values, nan[group[row], a:b])
                    for i in range(b - a):
                        value = np.float64(values[i])
                        part[i] += value if value == value else 0.0
                out = total[group[row], a:b]
                for i in range(b - a):
                    out[i] += part[i]
            row = stop


@compiled(boundscheck=False)
def add_shifted(
    block: NDArray[Any],
    group: NDArray[np.int32],
    elements: tuple[int, int],
    state: tuple[Any, Any, Any],
    nan: NDArray[np.int64],
    scratch: NDArray[np.float64],
) -> None:
    """Sums of x − pivot and (x − pivot)², where the pivot is the first finite x; see `add`.

    Large offsets cancel before anything is rounded: a pivot that is one of n values is at most
    √n standard deviations away from their mean.

    Parameters
    ----------
    block, group, elements, nan
        See `add_floats`.
    state : tuple of ndarray (group, element) float64
        Pivot (NaN before there is one), sum, sum of squares.
    scratch : ndarray (2 · TILE,)
    """
    rows = block.shape[0]
    for a in range(elements[0], elements[1], TILE):
        b = min(a + TILE, elements[1])
        row = 0
        while row < rows:
            stop = _run(group, row, rows)
            if group[row] >= 0:
                pivot = state[0][group[row], a:b]
                ones, twos = scratch[: b - a], scratch[TILE : TILE + b - a]
                ones[:] = 0.0
                twos[:] = 0.0
                for each in range(row, stop):
                    values = block[each, a:b]
                    _count_nan(values, nan[group[row], a:b])
                    _set_pivots(values, pivot)
                    for i in range(b - a):
                        away = np.float64(values[i]) - (pivot[i] if pivot[i] == pivot[i] else 0.0)
                        away = away if away == away else 0.0
                        ones[i] += away
                        twos[i] += away * away
                one, two = state[1][group[row], a:b], state[2][group[row], a:b]
                for i in range(b - a):
                    one[i] += ones[i]
                    two[i] += twos[i]
            row = stop


@compiled(boundscheck=False)
def _set_pivots(values: Any, pivot: Any) -> None:
    without = 0
    for i in range(len(values)):
        without += pivot[i] != pivot[i]
    if without:
        for i in range(len(values)):
            if pivot[i] != pivot[i] and np.isfinite(values[i]):
                pivot[i] = values[i]


@compiled(boundscheck=False)
def extremes(
    block: NDArray[Any],
    group: NDArray[np.int32],
    elements: tuple[int, int],
    low: NDArray[Any],
    high: NDArray[Any],
    nan: NDArray[np.int64],
) -> None:
    """Smallest and largest that is not NaN, and how many are; see `add`."""
    for a in range(elements[0], elements[1], TILE):
        b = min(a + TILE, elements[1])
        for row in range(block.shape[0]):
            if group[row] >= 0:
                values = block[row, a:b]
                _count_nan(values, nan[group[row], a:b])
                least, most = low[group[row], a:b], high[group[row], a:b]
                for i in range(b - a):
                    value = values[i]
                    least[i] = value if value < least[i] else least[i]
                    most[i] = value if value > most[i] else most[i]


@compiled(boundscheck=False)
def bin_narrow(
    block: NDArray[Any],
    group: NDArray[np.int32],
    elements: tuple[int, int],
    used: NDArray[np.uint8],
    table: tuple[NDArray[np.int32], int],
    counts: NDArray[np.int64],
) -> None:
    """Count whole numbers of 16 bits or less in bins.

    Parameters
    ----------
    block, group, elements
        See `add`.
    used : ndarray (element,) uint8
        0 where an element is left out.
    table : ndarray (65536,) int32 and int
        Bin of each number, and the smallest number.
    counts : ndarray (lane, group, bin)
        Is added to; lanes (a power of two) keep neighbours of one value from waiting for each
        other.
    """
    bins, least = table
    lanes = counts.shape[0] - 1
    for row in range(block.shape[0]):
        if group[row] >= 0:
            into = counts[:, group[row]]
            for i in range(elements[0], elements[1]):
                if used[i]:
                    into[i & lanes, bins[np.int64(block[row, i]) - least]] += 1


@compiled(boundscheck=False)
def bin_wide(
    block: NDArray[Any],
    group: NDArray[np.int32],
    elements: tuple[int, int],
    used: NDArray[np.uint8],
    edges: tuple[NDArray[np.float64], float],
    counts: NDArray[np.int64],
) -> None:
    """Count numbers in bins; the last three are for those below, above and NaN.

    Parameters
    ----------
    block, group, elements, used, counts
        See `bin_narrow`.
    edges : ndarray (bin + 1,) float64 and float
        Ascending; and 1 / width if bins are of one width, else 0.
    """
    bounds, scale = edges
    last = len(bounds) - 2
    lanes = counts.shape[0] - 1
    for row in range(block.shape[0]):
        if group[row] >= 0:
            into = counts[:, group[row]]
            for i in range(elements[0], elements[1]):
                if used[i]:
                    value = np.float64(block[row, i])
                    into[i & lanes, _bin(value, bounds, scale, last)] += 1


@compiled(boundscheck=False)
def _bin(value: float, bounds: Any, scale: float, last: int) -> int:
    if value != value:
        return last + 3
    if value < bounds[0]:
        return last + 1
    if value > bounds[last + 1]:
        return last + 2
    if scale > 0.0:
        at = min(last, int((value - bounds[0]) * scale))
        while at > 0 and value < bounds[at]:
            at -= 1
        while at < last and value >= bounds[at + 1]:
            at += 1
        return at
    return min(last, int(np.searchsorted(bounds, value, side="right")) - 1)
