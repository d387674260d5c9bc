"""Constants as arrays (gain, cell, pixel), checked once, whatever leading axes they came with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from beambook.errors import DataError

__all__ = ["by_cell", "by_gain", "combine_bad_pixels", "medians", "offsets"]


def offsets(
    given: Mapping[str, Any], name: str, gains: int, shape: tuple[int, int] | None
) -> NDArray[np.float32]:
    """The constant that must be there, (gain, cell, slow_scan, fast_scan) float32.

    Raises
    ------
    DataError
        It is missing, or of another shape.
    """
    if name not in given:
        raise DataError(
            f"The constants have no {name}",
            hint=f"There are {', '.join(sorted(given)) or 'none'}; without it nothing is done.",
        )
    array = np.asarray(given[name])
    fits = array.ndim == 4 and array.shape[0] == gains and array.shape[1] > 0
    if not fits or (shape is not None and array.shape[2:] != shape):
        pixels = "slow_scan, fast_scan" if shape is None else f"{shape[0]}, {shape[1]}"
        raise DataError(
            f"{name} has the shape {array.shape}", hint=f"It is ({gains}, cells, {pixels})."
        )
    return np.ascontiguousarray(array, np.float32)


def by_gain(
    given: Mapping[str, Any], name: str, like: NDArray[Any], *, gains: int | None = None
) -> NDArray[np.float32] | None:
    """An optional constant (gain, cell, slow_scan, fast_scan); one for all cells is allowed."""
    if name not in given:
        return None
    array = np.asarray(given[name])
    if array.ndim == 3:  # without cells: JUNGFRAU's and LPD's older ones
        array = array[:, np.newaxis]
    wanted = like.shape[0] if gains is None else gains
    fits = array.ndim == 4 and array.shape[0] == wanted and array.shape[2:] == like.shape[2:]
    if not fits or array.shape[1] not in (1, *_enough(array, like)):
        raise DataError(
            f"{name} has the shape {np.asarray(given[name]).shape}",
            hint=f"It is {(wanted, *like.shape[1:])}, as Offset is {like.shape}.",
        )
    cells = min(array.shape[1], like.shape[1])
    return np.ascontiguousarray(array[:, :cells], np.float32)


def by_cell(given: Mapping[str, Any], name: str, like: NDArray[Any]) -> NDArray[np.float32] | None:
    """An optional constant (cell, slow_scan, fast_scan); one for all cells is allowed.

    Of fits (parameter, cell, slow_scan, fast_scan) the first parameter, the slope, is taken.
    """
    if name not in given:
        return None
    array = np.asarray(given[name])
    if array.ndim == 4:
        array = array[0]
    if array.ndim == 2:
        array = array[np.newaxis]
    fits = array.ndim == 3 and array.shape[1:] == like.shape[2:]
    if not fits or array.shape[0] not in (1, *_enough(array[np.newaxis], like)):
        raise DataError(
            f"{name} has the shape {np.asarray(given[name]).shape}",
            hint=f"It is {like.shape[1:]}, or {like.shape[2:]} for all cells.",
        )
    return np.ascontiguousarray(array[: like.shape[1]], np.float32)


def _enough(array: NDArray[Any], like: NDArray[Any]) -> tuple[int, ...]:
    """Cells that serve: as many as the offset has, or more."""
    return (array.shape[1],) if array.shape[1] >= like.shape[1] else ()


def combine_bad_pixels(
    given: Mapping[str, Any], like: NDArray[Any]
) -> tuple[NDArray[np.uint32] | None, tuple[str, ...]]:
    """All constants named BadPixels…, by OR, as (gain, cell, slow_scan, fast_scan).

    Those without a gain axis are for all gain stages, those without a cell axis for all cells.
    """
    names = tuple(sorted(name for name in given if name.startswith("BadPixels")))
    if not names:
        return None, names
    parts = [_bad_pixels(name, np.asarray(given[name]), like) for name in names]
    cells = max(part.shape[1] for part in parts)
    total = np.zeros((like.shape[0], cells, *like.shape[2:]), np.uint32)
    for part in parts:
        total |= part
    return total, names


def _bad_pixels(name: str, array: NDArray[Any], like: NDArray[Any]) -> NDArray[np.uint32]:
    if array.dtype.kind not in "iub":
        raise DataError(f"{name} is {array.dtype}", hint="Bad pixels are whole numbers, of bits.")
    wide = array.reshape((1,) * (4 - array.ndim) + array.shape) if array.ndim < 4 else array
    cells = wide.shape[1] if wide.ndim == 4 else 0
    fits = wide.ndim == 4 and wide.shape[0] in (1, like.shape[0])
    fits = fits and wide.shape[2:] == like.shape[2:] and (cells == 1 or cells >= like.shape[1])
    if not fits:
        raise DataError(f"{name} has the shape {array.shape}", hint=f"It is {like.shape}.")
    return wide[:, : like.shape[1]].astype(np.uint32, copy=False)


def medians(array: NDArray[np.float32], usable: NDArray[np.bool_]) -> NDArray[np.float32]:
    """`array` (cell, slow_scan, fast_scan); what is not usable becomes the cell's median."""
    if usable.all():
        return array
    fixed = array.copy()
    for cell, good in enumerate(usable):
        level = np.median(array[cell][good]) if good.any() else np.float32(np.nan)
        fixed[cell][~good] = level
    return fixed
