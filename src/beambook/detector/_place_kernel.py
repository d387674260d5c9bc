"""Machine code that copies the tiles of one frame to their places. Importing it loads numba."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from beambook.detector._vector import (
    copy_line,
    fetch,
    move,
    reverse8,
    settle,
    stream64,
    transpose8,
)
from beambook.machine_code import compiled

__all__ = ["fill", "place", "rectangles"]

LINE = 64  # bytes of a line of the processor's cache
AHEAD = 2  # lines of a module


@compiled(boundscheck=False)
def place(
    addresses: tuple[int, int, int],
    steps: tuple[int, int],
    tiles: NDArray[np.int64],
    size: int,
    pixel: Any,
    past_cache: bool,  # noqa: FBT001 numba has no keyword-only arguments
) -> None:
    """Copy the tiles of a frame, the later over the earlier.

    Parameters
    ----------
    addresses : tuple of int
        Of the first pixel of the first module, of the picture's first pixel, and of room for a
        line of a tile. Each module's pixels are contiguous, and so is each line of the picture.
    steps : tuple of int
        Bytes from module to module, and from line to line of the picture.
    tiles : ndarray (tile, 8) int64
        See `rectangles`.
    size : int
        Bytes of a pixel.
    pixel : unsigned integer scalar
        Of this size.
    past_cache : bool
        Whether the picture goes to memory at once, as the cache is too small for it anyway.
    """
    source, out, room = addresses
    module_step, line_step = steps
    last = tiles.shape[0] - 1
    for number in range(last + 1):
        module, first, y, x = tiles[number, 0], tiles[number, 1], tiles[number, 2], tiles[number, 3]
        right = tiles[number, 7]
        read = source + module * module_step + first * size
        write = out + y * line_step + x * size
        if right == 1 or right == -1:
            _copy(read, write, line_step, tiles[number], room, size, pixel, past_cache)
        else:
            following = tiles[min(number + 1, last)]
            ahead = source + following[0] * module_step + following[1] * size
            _turn(read, write, line_step, tiles[number], ahead, size, pixel)
    if past_cache:
        settle()


@compiled(boundscheck=False)
def _copy(
    read: int, write: int, line_step: int, tile: Any, room: int, size: int, pixel: Any,
    past_cache: bool,  # noqa: FBT001
) -> None:  # fmt: skip
    """Lines of the module stay lines, maybe from right to left."""
    height, width, down, right = tile[4], tile[5], tile[6] * size, tile[7]
    length = width * size
    for _ in range(height):
        for k in range(0, length, LINE):
            fetch(read + AHEAD * down + k * right)
        line = read
        if right == -1:
            line = room if past_cache else write
            _reverse(read, line, width, size, pixel)
        if past_cache:
            _stream(line, write, length)
        elif right == 1:
            copy_line(line, write, length)
        read += down
        write += line_step


@compiled(boundscheck=False)
def _stream(read: int, write: int, length: int) -> None:
    """Copy bytes; whole lines of the cache go past it."""
    start = -write % LINE
    if length < 2 * LINE:
        start = length
    copy_line(read, write, start)
    while start + LINE <= length:
        stream64(read + start, write + start)
        start += LINE
    copy_line(read + start, write + start, length - start)


@compiled(boundscheck=False)
def _reverse(read: int, write: int, width: int, size: int, pixel: Any) -> None:
    """Copy a line from its right end to its left; `read` is where the right end is."""
    whole = width // 8 * 8
    for i in range(0, whole, 8):
        reverse8(read - (i + 7) * size, write + i * size, pixel)
    for i in range(whole, width):
        move(read - i * size, write + i * size, pixel)


@compiled(boundscheck=False)
def _turn(
    read: int, write: int, line_step: int, tile: Any, ahead: int, size: int, pixel: Any
) -> None:
    """Lines of the module become columns of the picture.

    The processor does not guess that the next tile, at `ahead`, is read after this one.
    """
    height, width, down, right = tile[4], tile[5], tile[6], tile[7]
    if down == -1:  # from the bottom up it is +1
        read -= (height - 1) * size
        ahead -= (height - 1) * size
        write += (height - 1) * line_step
        line_step = -line_step
        down = 1
    tall = height // 8 * 8 if down == 1 else 0
    wide = width // 8 * 8
    step = right * size
    for j in range(0, tall, 8):
        for i in range(0, wide, 8):
            if j * size % LINE == 0:
                for k in range(i, i + 8):
                    fetch(ahead + j * size + k * step)
            transpose8(
                read + j * size + i * step, step, write + j * line_step + i * size, line_step, pixel
            )
    for j in range(height):
        for i in range(0 if j >= tall else wide, width):
            move(read + j * down * size + i * step, write + j * line_step + i * size, pixel)


@compiled(boundscheck=False)
def fill(
    addresses: tuple[int, int],
    line_step: int,
    gaps: NDArray[np.int64],
    size: int,
    past_cache: bool,  # noqa: FBT001
) -> None:
    """Fill rectangles where no tile is.

    Parameters
    ----------
    addresses : tuple of int
        Of the picture's first pixel, and of a line of what is to be in gaps.
    line_step, gaps, size, past_cache
        See `place`.
    """
    out, blank = addresses
    for number in range(gaps.shape[0]):
        write = out + gaps[number, 2] * line_step + gaps[number, 3] * size
        length = gaps[number, 5] * size
        for line in range(gaps[number, 4]):
            if past_cache:
                _stream(blank, write + line * line_step, length)
            else:
                copy_line(blank, write + line * line_step, length)


@compiled(boundscheck=False)
def rectangles(origin: NDArray[np.int64], per_module: int) -> NDArray[np.int64]:
    """Cut a map of where each pixel comes from into rectangles with even steps.

    Parameters
    ----------
    origin : ndarray (y, x) int64
        Number of the pixel, all modules one after another, that each pixel of the picture shows;
        negative where it is to be left alone.
    per_module : int
        Pixels of a module.

    Returns
    -------
    ndarray (rectangle, 8) int64
        Module, first pixel within it, y, x, height, width, and how far the origin goes with a
        step down and a step to the right.
    """
    height, width = origin.shape
    left = origin >= 0
    found = []
    for y in range(height):
        for x in range(width):
            if left[y, x]:
                first = origin[y, x]
                wide, right = _even(origin[y, x:], left[y, x:], per_module)
                tall, down = _even(origin[y:, x], left[y:, x], per_module)
                tall = _alike(origin[y : y + tall, x : x + wide], left[y:, x:], down)
                left[y : y + tall, x : x + wide] = False
                found.append((first // per_module, first % per_module, y, x, tall, wide,
                              down, right))  # fmt: skip
    rows = np.empty((len(found), 8), np.int64)
    for number in range(len(found)):
        for column, value in enumerate(found[number]):
            rows[number, column] = value
    return rows


@compiled(boundscheck=False)
def _even(line: Any, left: Any, per_module: int) -> tuple[int, int]:
    """How many pixels of a line follow each other with an even step, and the step."""
    first = line[0]
    number, step = 1, 0
    if len(line) > 1 and left[1] and line[1] // per_module == first // per_module:
        step = line[1] - first
        while (
            number < len(line)
            and left[number]
            and line[number] == first + number * step
            and line[number] // per_module == first // per_module
        ):
            number += 1
    return number, step


@compiled(boundscheck=False)
def _alike(block: Any, left: Any, down: int) -> int:
    """How many lines of a block are the first one, moved on by `down` for each."""
    for j in range(1, block.shape[0]):
        for i in range(block.shape[1]):
            if not left[j, i] or block[j, i] != block[0, i] + j * down:
                return j
    return int(block.shape[0])
