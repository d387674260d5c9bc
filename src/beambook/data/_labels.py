"""Names and coordinates of the axes of entries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from beambook.data._reading.roi import Roi
from beambook.errors import DataError

__all__ = ["EntryAxes"]


@dataclass(frozen=True)
class EntryAxes:
    """The axes of an entry after a region of interest was cut out.

    Attributes
    ----------
    dims : tuple of str
        Names of the axes that are left.
    coords : mapping of str to (dims, values) or a number
        Where in the whole entry the region is; a number for an axis that is gone.
    """

    dims: tuple[str, ...]
    coords: Mapping[str, Any]

    @classmethod
    def of(
        cls,
        names: Sequence[str],
        shape: tuple[int, ...],
        roi: Any,
        *,
        extra_dims: Sequence[str] | None = None,
        extra_coords: Mapping[str, Any] | bool | None = None,
    ) -> EntryAxes:
        """Names by default, or those that the user wants.

        Parameters
        ----------
        names : sequence of str
            Of all axes of an entry.
        shape : tuple of int
            Of an entry.
        roi : numpy.s_ expression
        extra_dims : sequence of str, optional
            Other names: of all axes, or of those that the region leaves.
        extra_coords : mapping or bool, optional
            True for the positions within the whole entry, also the default with `extra_dims`;
            or a mapping of names to coordinates.

        Raises
        ------
        DataError
            There are not as many names as axes.
        """
        kept = Roi.of(roi, shape).kept
        every = _renamed(names, kept, extra_dims)
        dims = tuple(every[axis] for axis in kept)
        if isinstance(extra_coords, Mapping):
            return cls(dims, dict(extra_coords))
        wanted = extra_coords if extra_coords is not None else extra_dims is not None
        return cls(dims, _positions(every, shape, roi) if wanted else {})


def _renamed(
    names: Sequence[str], kept: tuple[int, ...], wanted: Sequence[str] | None
) -> tuple[str, ...]:
    if wanted is None or len(wanted) == len(names):
        return tuple(names if wanted is None else wanted)
    if len(wanted) != len(kept):
        raise DataError(f"An entry has {len(names)} axes {list(names)}, not {len(wanted)}")
    every = list(names)
    for axis, name in zip(kept, wanted, strict=True):
        every[axis] = name
    return tuple(every)


def _positions(names: tuple[str, ...], shape: tuple[int, ...], roi: Any) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, size, item in zip(names, shape, Roi.full(roi, len(shape)), strict=True):
        picked = np.arange(size)[item]
        found[name] = (name, picked) if picked.ndim else int(picked)
    return found
