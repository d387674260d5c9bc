"""Frames of modules put together into pictures."""

from __future__ import annotations

from collections.abc import Collection
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from beambook.data._reading.threads import Job, share, thread_count
from beambook.detector._frames import Frames
from beambook.detector._place_kernel import fill, place
from beambook.detector._placement import Placement
from beambook.errors import DataError

if TYPE_CHECKING:
    from beambook.detector._geometry import Geometry

__all__ = ["assemble"]

WORDS = {1: np.uint8, 2: np.uint16, 4: np.uint32, 8: np.uint64}
AT_ONCE = 4  # frames of a piece of work


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
    picture = np.empty((*given.lead, *placement.shape), given.values.dtype) if out is None else out
    gaps = placement.gaps if out is None else placement.gaps[:0]
    work = partial(_place_frames, given.values, picture, placement.tiles, gaps)
    frames = list(np.ndindex(given.lead))
    size = int(np.prod(placement.shape)) * picture.dtype.itemsize
    jobs = [
        Job(partial(work, some), size * len(some))
        for some in (frames[n : n + AT_ONCE] for n in range(0, len(frames), AT_ONCE))
    ]
    share(jobs, thread_count(threads))
    return picture


def _place_frames(
    values: NDArray[Any],
    out: NDArray[Any],
    tiles: NDArray[np.int64],
    gaps: NDArray[np.int64],
    frames: list[tuple[int, ...]],
) -> None:
    """Place some frames; each is turned into what `place` takes, which as a rule it is."""
    word = WORDS[out.dtype.itemsize]
    nothing = np.zeros(1, out.dtype)
    if out.dtype.kind == "f":
        nothing[:] = np.nan
    empty = nothing.view(word)[0]
    size = out.dtype.itemsize
    in_lines = out.strides[-1] == size
    for frame in frames:
        source = _contiguous(values[frame].astype(out.dtype, copy=False))
        picture = out[frame] if in_lines else out[frame].copy()
        address = picture.ctypes.data
        if len(gaps):
            fill(address, picture.strides[0], gaps, size, empty)
        place(
            source.ctypes.data, source.strides[0], address, picture.strides[0], tiles, size, empty
        )
        if not in_lines:
            out[frame] = picture


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
