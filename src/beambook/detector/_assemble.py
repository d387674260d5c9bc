"""Frames of modules put together into pictures."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from beambook.data._reading.threads import Job, share, thread_count
from beambook.detector._frames import Frames
from beambook.detector._pages import empty
from beambook.detector._place_kernel import fill, place
from beambook.detector._placement import Placement
from beambook.errors import DataError

if TYPE_CHECKING:
    from beambook.detector._geometry import Geometry

__all__ = ["assemble"]

WORDS = {1: np.uint8, 2: np.uint16, 4: np.uint32, 8: np.uint64}
AT_ONCE = 4  # frames of a piece of work
CACHE = 32 << 20  # bytes; about what processors have


def assemble(
    frames: Any,
    geometry: Geometry,
    *,
    modules: Collection[int] | None = None,
    out: NDArray[Any] | None = None,
    threads: int | None = None,
) -> Any:
    """Put the modules of one frame or of many at their places in a picture.

    Positions are rounded to whole pixels, as EXtra-geom's ``position_modules`` does; the
    result is the same, bit for bit. A stack goes frame by frame, each read once while it is in the
    processor's cache.

    Parameters
    ----------
    frames : ndarray or xarray.DataArray, (..., module, slow_scan, fast_scan)
        Of any type. With labels, the axis ``module`` may be any but the last two, and its
        coordinate says which modules there are.
    geometry : Geometry
    modules : collection of int, optional
        Which modules there are, if not all and the frames have no labels; JUNGFRAU counts from 1.
    out : ndarray, (..., y, x), optional
        Where to put the picture. As with EXtra-geom, the gaps in it are left as they are, so that
        it can be used again and again.
    threads : int, optional
        How many copy, if there is more than one frame.

    Returns
    -------
    ndarray or xarray.DataArray, (..., y, x)
        Gaps are NaN, for whole numbers 0. With labels, ``y`` and ``x`` are pixels from the beam,
        and x grows to the left, looking along the beam.

    Raises
    ------
    DataError
        Shape, module numbers, or `out` do not fit the detector.

    Examples
    --------
    >>> import numpy as np
    >>> from beambook.detector import Geometry
    >>> geometry = Geometry.nominal("AGIPD1M")
    >>> assemble(np.zeros((10, 16, 512, 128), "u2"), geometry).shape[:1]
    (10,)
    """
    given = Frames.of(frames, geometry.shape, modules=modules, first_module=geometry.first_module)
    placement = geometry.placement(given.modules)
    _check_out(out, given, placement)
    if given.values.dtype.itemsize not in WORDS or given.values.dtype.hasobject:
        picture = _by_extra_geom(given, geometry, out)
    else:
        picture = _placed(given, placement, out, threads)
    return picture if given.labels is None else _labelled(picture, given, geometry)


def _check_out(out: NDArray[Any] | None, given: Frames, placement: Placement) -> None:
    if out is None:
        return
    if out.shape != (*given.lead, *placement.shape):
        raise DataError(f"out is to have the shape {(*given.lead, *placement.shape)}, "
                        f"not {out.shape}")  # fmt: skip
    if not np.can_cast(given.values.dtype, out.dtype, casting="safe"):
        raise DataError(f"Not every {given.values.dtype} can be stored in out, {out.dtype}")
    if not out.flags.writeable:
        raise DataError("out cannot be written to")


def _by_extra_geom(given: Frames, geometry: Geometry, out: NDArray[Any] | None) -> NDArray[Any]:
    """Pixels of more bytes than a register's word are rare enough to be placed by numpy."""
    values: Any = given.values
    if given.modules is not None:
        numbers = np.array(given.modules) + geometry.first_module
        dims = (*given.lead_dims, "module", "slow_scan", "fast_scan")
        values = xr.DataArray(values, {"module": numbers}, dims)
    picture: NDArray[Any] = geometry.extra_geom.position_modules(values, out=out)[0]
    return picture


def _placed(
    given: Frames, placement: Placement, out: NDArray[Any] | None, threads: int | None
) -> NDArray[Any]:
    picture = empty((*given.lead, *placement.shape), given.values.dtype) if out is None else out
    gaps = placement.gaps if out is None else placement.gaps[:0]
    work = _Placing(given.values, picture, placement.tiles, gaps, _blank(picture))
    frames = list(np.ndindex(given.lead))
    size = int(np.prod(placement.shape)) * picture.dtype.itemsize
    jobs = [
        Job(partial(work, some), size * len(some))
        for some in (frames[n : n + AT_ONCE] for n in range(0, len(frames), AT_ONCE))
    ]
    share(jobs, thread_count(threads))
    return picture


def _blank(picture: NDArray[Any]) -> NDArray[Any]:
    blank = np.zeros(picture.shape[-1], picture.dtype)
    if picture.dtype.kind == "f":
        blank[:] = np.nan
    return blank


@dataclass(frozen=True)
class _Placing:
    """Frames, and pictures to put them into."""

    values: NDArray[Any]
    out: NDArray[Any]
    tiles: NDArray[np.int64]
    gaps: NDArray[np.int64]
    blank: NDArray[Any]  # a line of what is in gaps

    def __call__(self, frames: list[tuple[int, ...]]) -> None:
        """Place some of the frames."""
        room = np.empty(max(self.out.shape[-2:]), self.out.dtype)  # for a line of a tile
        for frame in frames:
            source = _contiguous(self.values[frame].astype(self.out.dtype, copy=False))
            self._place(source, self.out[frame], room)

    def _place(self, source: NDArray[Any], out: NDArray[Any], room: NDArray[Any]) -> None:
        size = out.dtype.itemsize
        picture = out if out.strides[-1] == size else out.copy()  # lines have to be contiguous
        pixel = WORDS[size](0)
        if len(self.gaps):
            lines = picture.ctypes.data, self.blank.ctypes.data
            fill(lines, picture.strides[0], self.gaps, size, self.past_cache)
        addresses = source.ctypes.data, picture.ctypes.data, room.ctypes.data
        steps = source.strides[0], picture.strides[0]
        place(addresses, steps, self.tiles, size, pixel, self.past_cache)
        if picture is not out:
            out[...] = picture

    @property
    def past_cache(self) -> bool:
        """Whether the pictures are too large to be still in the cache when they are looked at."""
        return self.out.nbytes > CACHE


def _contiguous(modules: NDArray[Any]) -> NDArray[Any]:
    """Modules whose pixels lie one after another; the modules may lie anywhere."""
    size, width = modules.dtype.itemsize, modules.shape[-1]
    if modules.strides[1:] == (size * width, size):
        return modules
    return np.ascontiguousarray(modules)


def _labelled(picture: NDArray[Any], given: Frames, geometry: Geometry) -> xr.DataArray:
    assert given.labels is not None  # noqa: S101 the caller has looked
    lengths = zip(picture.shape[-2:], geometry.centre, strict=True)
    y, x = (np.arange(length) + 0.5 - beam for length, beam in lengths)  # centres of pixels
    coords = {**given.lead_coords, "y": ("y", y, {"units": "px"}), "x": ("x", x, {"units": "px"})}
    attrs = {**given.labels.attrs, "geometry": geometry.title}
    return xr.DataArray(picture, coords, (*given.lead_dims, "y", "x"), given.labels.name, attrs)
