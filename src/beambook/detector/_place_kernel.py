"""Machine code that copies the tiles of one frame to their places. Importing it loads numba."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from beambook.detector._vector import copy_line, move, put, reverse8, transpose8
from beambook.machine_code import compiled

__all__ = ["fill", "place", "rectangles"]


@compiled(boundscheck=False)
def place(
    source: int,
    module_step: int,
    out: int,
    line_step: int,
    tiles: NDArray[np.int64],
    size: int,
    pixel: Any,
) -> None:
    """Copy the tiles of a frame, the later over the earlier.

    Parameters
    ----------
    source : int
        Address of the first pixel of the first module; each module's pixels are contiguous.
    module_step : int
        Bytes from module to module.
    out : int
        Address of the picture's first pixel.
    line_step : int
        Bytes from line to line of the picture.
    tiles : ndarray (tile, 8) int64
        See `rectangles`.
    size : int
        Bytes of a pixel.
    pixel : unsigned integer scalar
        Of this size.
    """
    for number in range(tiles.shape[0]):
        module, first, y, x, height, width, down, right = tiles[number]
        read = source + module * module_step + first * size
        write = out + y * line_step + x * size
        if right == 1:
            for line in range(height):
                copy_line(read + line * down * size, write + line * line_step, width * size)
        elif right == -1:
            for line in range(height):
                _reversed(read + line * down * size, write + line * line_step, width, size, pixel)
        else:
            _turned(read, write, line_step, height, width, down, right, size, pixel)


@compiled(boundscheck=False)
def _reversed(read: int, write: int, width: int, size: int, pixel: Any) -> None:
    whole = width // 8 * 8
    for i in range(0, whole, 8):
        reverse8(read - (i + 7) * size, write + i * size, pixel)
    for i in range(whole, width):
        move(read - i * size, write + i * size, pixel)


@compiled(boundscheck=False)
def _turned(
    read: int, write: int, line_step: int,
    height: int, width: int, down: int, right: int, size: int, pixel: Any,
) -> None:  # fmt: skip
    """Lines of the module become columns of the picture."""
    if down == -1:  # from the bottom up it is +1
        read -= (height - 1) * size
        write += (height - 1) * line_step
        line_step = -line_step
        down = 1
    tall = height // 8 * 8 if down == 1 else 0
    wide = width // 8 * 8
    step = right * size
    for j in range(0, tall, 8):
        for i in range(0, wide, 8):
            transpose8(
                read + j * size + i * step, step, write + j * line_step + i * size, line_step, pixel
            )
    for j in range(height):
        for i in range(0 if j >= tall else wide, width):
            move(read + j * down * size + i * step, write + j * line_step + i * size, pixel)


@compiled(boundscheck=False)
def fill(out: int, line_step: int, gaps: NDArray[np.int64], size: int, pixel: Any) -> None:
    """Write `pixel` where no tile is; `gaps` are rectangles as of `place`."""
    for number in range(gaps.shape[0]):
        write = out + gaps[number, 2] * line_step + gaps[number, 3] * size
        for line in range(gaps[number, 4]):
            for i in range(gaps[number, 5]):
                put(write + line * line_step + i * size, pixel)


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
