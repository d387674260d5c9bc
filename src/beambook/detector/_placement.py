"""Where each pixel goes in the picture, found out by asking EXtra-geom once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from beambook.detector._place_kernel import rectangles
from beambook.errors import DataError

__all__ = ["Placement"]

GAP = -1


@dataclass(frozen=True)
class Placement:
    """The tiles of some modules in the picture.

    A frame of pixel numbers goes through EXtra-geom's ``position_modules``; the picture says
    where each pixel comes from, whatever the kind of detector, the order of its tiles, and which
    of them lies over another. It is cut into rectangles that can be copied with even steps.

    Attributes
    ----------
    shape : tuple of int
        Of the picture: y, x.
    tiles, gaps : ndarray (rectangle, 8) int64
        See `rectangles`. Gaps are the rest of the picture.
    """

    shape: tuple[int, int]
    tiles: NDArray[np.int64]
    gaps: NDArray[np.int64]

    @classmethod
    def of(cls, extra_geom: Any, modules: tuple[int, ...] | None, first_module: int) -> Placement:
        """Of some modules, in the order in which they are placed.

        Parameters
        ----------
        extra_geom : extra_geom.base.DetectorGeometryBase
        modules : tuple of int, optional
            Their numbers; all by default.
        first_module : int
            The number that EXtra-geom gives to the first one.

        Raises
        ------
        DataError
            A tile is turned by about 45°: EXtra-geom puts it nowhere.
        """
        total, *pixels = extra_geom.expected_data_shape
        shape = (total if modules is None else len(modules), *pixels)
        numbers: Any = np.arange(1, np.prod(shape) + 1, dtype=np.int32).reshape(shape)
        if modules is not None:
            labels = {"module": np.array(modules) + first_module}
            numbers = xr.DataArray(numbers, labels, ("module", "slow_scan", "fast_scan"))
        try:
            picture = extra_geom.position_modules(numbers)[0]
        except (
            AssertionError
        ) as error:  # EXtra-geom cannot say which line of pixels a tile is along
            raise DataError(
                "A tile is turned too far from the lines of pixels to be put into a picture",
                hint="Use geometry.extra_geom.position_modules_interpolate(…).",
            ) from error
        origin = picture.astype(np.int64) + GAP
        gaps = np.where(origin == GAP, 0, GAP)
        per_module = int(np.prod(pixels))
        return cls(
            (int(origin.shape[0]), int(origin.shape[1])),
            rectangles(origin, per_module),
            rectangles(gaps, per_module),
        )
