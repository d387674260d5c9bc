"""Machine code that counts how often each pixel had each value. Importing it loads numba."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from beambook.machine_code import compiled

__all__ = ["absorb", "count_values", "place_windows", "summarise"]

_NEVER = np.int64(1) << np.int64(62)  # a rank that is not reached
TILE = 64  # pixels whose windows stay in the nearest cache while all frames pass


@compiled(boundscheck=False)
def place_windows(
    raw: NDArray[np.uint16],
    frames: NDArray[np.int64],
    pixels: tuple[int, int],
    bits: int,
    width: int,
    base: NDArray[np.uint16],
) -> None:
    """Centre each pixel's window on the median of three frames.

    Parameters
    ----------
    raw : ndarray (frame, pixel) uint16
    frames : ndarray (k,) int64
        Rows of `raw` of this cell; at least one.
    pixels : (int, int)
        From, to.
    bits : int
        The value is in as many low bits.
    width : int
        Of a window.
    base : ndarray (pixel,) uint16
        Result: the value that the first bin counts.
    """
    keep = (1 << bits) - 1
    most = 65536 - width
    first, middle, last = frames[0], frames[len(frames) // 2], frames[len(frames) - 1]
    for p in range(pixels[0], pixels[1]):
        a = np.int64(raw[first, p]) & keep
        b = np.int64(raw[middle, p]) & keep
        c = np.int64(raw[last, p]) & keep
        centre = max(min(a, b), min(max(a, b), c))
        base[p] = np.uint16(min(max(centre - np.int64(width // 2), np.int64(0)), np.int64(most)))


@compiled(boundscheck=False)
def count_values(
    raw: NDArray[np.uint16],
    frames: NDArray[np.int64],
    pixels: tuple[int, int],
    code: tuple[int, int],
    base: NDArray[np.uint16],
    counts: NDArray[Any],
    spill: NDArray[np.uint64],
) -> int:
    """Count values in windows; those outside go to a list.

    Parameters
    ----------
    raw, frames, pixels, base
        See `place_windows`.
    code : (int, int)
        How many low bits are the value, and what the higher ones must be for it to count.
    counts : ndarray (pixel, bin + 1) of unsigned integers
        Is added to. The last bin is for the kernel; it is 0 before and after.
    spill : ndarray (n,) uint64
        Result: ``pixel << 16 | value`` of what is in no window. As long as there are values.

    Returns
    -------
    int
        How many were put into `spill`.
    """
    window = counts.shape[1] - 1
    spilt = 0
    for a in range(pixels[0], pixels[1], TILE):
        b = min(a + TILE, pixels[1])
        if b - a < TILE:
            most = _count_few(raw, frames, (a, b), code, base, counts)
        elif code[0] == 16:
            most = _count_plain(raw, frames, a, base, counts)
        else:
            most = _count_packed(raw, frames, a, code, base, counts)
        if most < window:
            continue
        for p in range(a, b):
            if counts[p, window]:
                counts[p, window] = 0
                spilt = _spill(raw, frames, p, code, base[p], window, spill, spilt)
    return spilt


# The length of the inner loops has to be a constant, else they do not become vector code. They
# are two: the first is vector code, and the second has nothing to decide.


@compiled(boundscheck=False)
def _count_plain(raw: Any, frames: Any, a: int, base: Any, counts: Any) -> Any:
    length = counts.shape[1]
    last, most = np.uint16(length - 1), np.uint16(0)
    mine, low = counts[a : a + TILE].reshape(TILE * length), base[a : a + TILE]
    at, first = np.empty(TILE, np.uint32), np.arange(TILE).astype(np.uint32) * np.uint32(length)
    for i in range(len(frames)):
        row = raw[frames[i], a : a + TILE]
        for p in range(TILE):
            here = min(np.uint16(row[p] - low[p]), last)
            most = max(most, here)
            at[p] = first[p] + np.uint32(here)
        for p in range(TILE):
            mine[at[p]] += 1
    return np.int64(most)


@compiled(boundscheck=False)
def _count_packed(raw: Any, frames: Any, a: int, code: Any, base: Any, counts: Any) -> Any:
    length = counts.shape[1]
    last, most = np.uint16(length - 1), np.uint16(0)
    mine, low = counts[a : a + TILE].reshape(TILE * length), base[a : a + TILE]
    at, first = np.empty(TILE, np.uint32), np.arange(TILE).astype(np.uint32) * np.uint32(length)
    keep = np.uint16((1 << code[0]) - 1)
    stage = np.uint16(code[1] << code[0])
    for i in range(len(frames)):
        row = raw[frames[i], a : a + TILE]
        for p in range(TILE):
            word = np.uint16(row[p] ^ stage)  # its higher bits are 0 where they are as expected
            here = min(np.uint16(word - low[p]), last)
            here = last if word > keep else here
            most = max(most, here)
            at[p] = first[p] + np.uint32(here)
        for p in range(TILE):
            mine[at[p]] += 1
    return np.int64(most)


@compiled(boundscheck=False)
def _count_few(raw: Any, frames: Any, pixels: Any, code: Any, base: Any, counts: Any) -> Any:
    bits, stage = code
    window = counts.shape[1] - 1
    most = 0
    for p in range(pixels[0], pixels[1]):
        for f in frames:
            value = np.int64(raw[f, p]) - (stage << bits) - np.int64(base[p])
            here = min(np.int64(np.uint16(value)), window) if raw[f, p] >> bits == stage else window
            most = max(most, here)
            counts[p, here] += 1
    return most


@compiled(boundscheck=False)
def _spill(
    raw: Any, frames: Any, p: int, code: Any, low: int, window: int, spill: Any, spilt: int
) -> Any:
    """Go through the frames of one pixel again for what is outside its window."""
    bits, stage = code
    keep = (1 << bits) - 1
    for f in frames:
        value = np.int64(raw[f, p])
        at = np.uint64((value & keep) - np.int64(low))  # negative is very large
        if value >> bits == stage and at >= np.uint64(window):
            spill[spilt] = np.uint64(p) << np.uint64(16) | np.uint64(value & keep)
            spilt += 1
    return spilt


@compiled(boundscheck=False)
def absorb(
    base: NDArray[np.uint16],
    counts: NDArray[Any],
    other_base: NDArray[np.uint16],
    other: NDArray[Any],
    pixels: tuple[int, int],
    spill: tuple[NDArray[np.uint64], NDArray[np.int64]],
) -> int:
    """Add counts in other windows.

    Parameters
    ----------
    base, counts, pixels
        See `count_values`; is added to.
    other_base, other
        The same of what is added.
    spill : (keys (n,), numbers (n,))
        Result: ``pixel << 16 | value`` of what is in no window, and how often. As long as
        the pixels have bins.

    Returns
    -------
    int
        How many were put into `spill`.
    """
    window = np.uint64(counts.shape[1] - 1)
    keys, numbers = spill
    spilt = 0
    for p in range(pixels[0], pixels[1]):
        low = np.int64(other_base[p])
        shift = low - np.int64(base[p])
        for i in range(other.shape[1] - 1):
            if other[p, i]:
                at = np.uint64(i + shift)
                if at < window:
                    counts[p, at] += other[p, i]
                else:
                    keys[spilt] = np.uint64(p) << np.uint64(16) | np.uint64(low + i)
                    numbers[spilt] = other[p, i]
                    spilt += 1
    return spilt


@compiled(boundscheck=False, error_model="numpy")
def summarise(
    base: NDArray[np.uint16],
    counts: NDArray[Any],
    words: NDArray[np.uint64],
    spill: tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]],
    pixels: tuple[int, int],
    frames: int,
    out: tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]],
) -> None:
    """Median, standard deviation and number of values of each pixel, exact.

    Parameters
    ----------
    base, counts, pixels
        See `count_values`.
    words : ndarray (pixel, word) uint64
        The same memory as `counts`.
    spill : (first (pixel + 1,), value (n,), number (n,)) of int64
        What is in no window, ascending by pixel and value, and where each pixel begins.
    frames : int
        How many values each pixel has; negative where they have to be counted.
    out : (median (pixel,), deviation (pixel,), number (pixel,))
        Result; NaN where there are no values.
    """
    first, outside, often = spill
    median, deviation, number = out
    in_word = counts.shape[1] // words.shape[1]
    for p in range(pixels[0], pixels[1]):
        low, row = np.int64(base[p]), counts[p]
        start, stop = _occupied(words[p], in_word)
        below, spilt = np.int64(0), np.int64(0)
        for s in range(first[p], first[p + 1]):
            spilt += often[s]
            below += often[s] if outside[s] < low else 0
        inside = np.int64(frames) - spilt
        if frames < 0:
            inside = np.int64(0)
            for i in range(start, stop):
                inside += row[i]
        n = inside + spilt
        number[p] = n
        if n == 0:
            median[p] = deviation[p] = np.nan
            continue
        ranks = ((n - 1) // 2 - below, n // 2 - below)  # within the window, if they are there
        lower, upper, one, two = _scan(row, start, stop, ranks)
        lower, upper = low + lower, low + upper
        if n > inside:
            mine = slice(first[p], first[p + 1])
            for s in range(first[p], first[p + 1]):
                d = outside[s] - low
                one, two = one + often[s] * d, two + often[s] * d * d
            if ranks[0] < 0 or ranks[0] >= inside:
                lower = _at_rank(outside[mine], often[mine], ranks[0] + below, below, inside)
            if ranks[1] < 0 or ranks[1] >= inside:
                upper = _at_rank(outside[mine], often[mine], ranks[1] + below, below, inside)
        median[p] = 0.5 * (lower + upper)
        # Around an integer next to the mean, so that all but one small term stays an integer.
        share = 1.0 / n
        whole = np.int64(one * share)
        rest = one - whole * n
        squares = two - 2 * whole * one + whole * whole * n
        deviation[p] = np.sqrt(max(0.0, squares * share - (rest * share) ** 2))


@compiled(boundscheck=False)
def _scan(row: Any, start: Any, stop: Any, ranks: Any) -> Any:
    """Bins at two ranks, Σc·i and Σc·i² of one pixel.

    Sums of running sums need no products: with t = stop − i they add up to Σc·t and Σc·t(t+1)/2.
    """
    total, sums, sums_of_sums = np.int64(0), np.int64(0), np.int64(0)
    i, lower, upper = start, start, start
    for reached in range(3):  # the lower rank, the upper rank, the end
        rank = ranks[reached] if reached < 2 else _NEVER
        while i < stop and total <= rank:
            total += row[i]
            sums += total
            sums_of_sums += sums
            i += 1
        if reached == 0:
            lower = i - 1
        elif reached == 1:
            upper = i - 1
    squares = 2 * sums_of_sums - sums
    return lower, upper, stop * total - sums, stop * stop * total - 2 * stop * sums + squares


@compiled(boundscheck=False)
def _at_rank(values: Any, often: Any, rank: Any, below: Any, inside: Any) -> Any:
    """The value at a rank that is outside of the window."""
    rank -= inside if rank >= below else 0
    for s in range(len(values)):
        rank -= often[s]
        if rank < 0:
            return np.int64(values[s])
    return np.int64(-1)


@compiled(boundscheck=False)
def _occupied(words: Any, in_word: int) -> Any:
    """A range of bins outside of which all are empty."""
    start, stop = 0, len(words)
    while start < stop and words[start] == 0:
        start += 1
    while stop > start and words[stop - 1] == 0:
        stop -= 1
    return start * in_word, stop * in_word
