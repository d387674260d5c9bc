"""A region of interest of each entry."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Roi", "is_whole"]


@dataclass(frozen=True)
class Roi:
    """A region of interest, split in what HDF5 does well and what numpy does after it.

    Whole numbers become slices of length one: with them HDF5 would copy
    element by element (80 times slower on an AGIPD frame).

    Attributes
    ----------
    stored : tuple of slice
        Selection within the data set.
    rest : tuple
        Selection in the rows read, with a leading ``:``; empty for none.
    shape : tuple of int
        Shape of an entry after both.
    kept : tuple of int
        The axes of the entry that are still there.
    entry : tuple of int
        Shape of an entry before both.
    """

    stored: tuple[slice, ...]
    rest: tuple[Any, ...]
    shape: tuple[int, ...]
    kept: tuple[int, ...]
    entry: tuple[int, ...] = ()

    @classmethod
    def of(cls, roi: Any, entry_shape: tuple[int, ...]) -> Roi:
        """From a `numpy.s_` expression on the axes of an entry.

        Raises
        ------
        IndexError
            It does not fit `entry_shape`.
        """
        full = _full(roi if isinstance(roi, tuple) else (roi,), len(entry_shape))
        shape = _none_of(entry_shape)[(slice(None), *full)].shape[1:]
        pairs = [_split(item, size) for item, size in zip(full, entry_shape, strict=True)]
        plain = all(rest == slice(None) for _, rest in pairs if isinstance(rest, slice)) and all(
            isinstance(rest, slice) for _, rest in pairs
        )
        kept = tuple(i for i, item in enumerate(full) if not is_whole(item))
        return cls(
            tuple(stored for stored, _ in pairs),
            () if plain else (slice(None), *(rest for _, rest in pairs)),
            shape,
            kept,
            tuple(entry_shape),
        )

    @staticmethod
    def full(roi: Any, ndim: int) -> tuple[Any, ...]:
        """One item for each axis of an entry."""
        return _full(roi if isinstance(roi, tuple) else (roi,), ndim)


def _none_of(entry_shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """An array without rows, to see what numpy makes of the shape of an entry."""
    try:
        return np.broadcast_to(np.False_, (0, *entry_shape))
    except ValueError as error:
        raise IndexError(f"Entries of shape {entry_shape} cannot be") from error


def is_whole(item: Any) -> bool:
    """Whether it is a whole number, and no boolean."""
    return isinstance(item, int | np.integer) and not isinstance(item, bool)


def _full(roi: tuple[Any, ...], ndim: int) -> tuple[Any, ...]:
    if any(item is None for item in roi):
        raise IndexError("A region of interest selects; it cannot add an axis with None")
    dots = [i for i, item in enumerate(roi) if item is Ellipsis]
    if len(dots) > 1:
        raise IndexError("A region of interest may have one '...' only")
    if dots:
        middle = (slice(None),) * (ndim - len(roi) + 1)
        roi = roi[: dots[0]] + middle + roi[dots[0] + 1 :]
    if len(roi) > ndim:
        raise IndexError(f"The region of interest has {len(roi)} axes, an entry has {ndim}")
    return roi + (slice(None),) * (ndim - len(roi))


def _split(item: Any, size: int) -> tuple[slice, Any]:
    if is_whole(item):
        at = int(item) + size if item < 0 else int(item)
        return slice(at, at + 1, 1), 0
    if isinstance(item, slice) and (item.step is None or item.step > 0):
        return slice(*item.indices(size)), slice(None)
    return slice(0, size, 1), item
