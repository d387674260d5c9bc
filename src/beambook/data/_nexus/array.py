"""What an entry shows, as a labelled array: read when small, lazy when not."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import h5py
import numpy as np
import xarray as xr
from numpy.typing import NDArray

from beambook.data._findings import warn
from beambook.data._hdf5 import StoredFile, pool
from beambook.data._nexus.events import Keyed
from beambook.data._nexus.links import rows_there
from beambook.data._nexus.read import read_field, region
from beambook.data._nexus.show import Axis, Coordinate, Plot
from beambook.data._nexus.text import text_of
from beambook.data._nexus.tree import Field, name_of
from beambook.data._reading.roi import Roi
from beambook.errors import DataError

__all__ = ["axis_coordinates", "field_array", "plot_array"]

READ_AT_ONCE = 256 << 20  # bytes; more is left to dask
BLOCK = 64 << 20  # bytes
MOST_BLOCKS = 4096


def plot_array(stored: StoredFile, plot: Plot, roi: Any = ()) -> xr.DataArray:
    """The signal with its axes.

    Parameters
    ----------
    stored : StoredFile
    plot : Plot
    roi : numpy.s_ expression
        Part of the signal, on all of its axes.

    Warns
    -----
    DataWarning
        Files that hold values are not there, or an axis cannot be read.
    """
    items = Roi.full(roi if isinstance(roi, tuple) else (roi,), len(plot.signal.shape))
    cut = region(items, plot.signal.shape)
    values = _values(stored, plot.signal, items, cut)
    dims = tuple(plot.dims[axis] for axis in cut.kept)
    array = xr.DataArray(
        values, dims=dims, name=plot.group.name_for(plot.signal), attrs=_attrs(plot)
    )
    for label, coordinate in _coordinates(stored, plot, items):
        if set(coordinate.dims) <= set(dims):
            array = array.assign_coords({label: coordinate})
    return array


def field_array(stored: StoredFile, field: Field, roi: Any = ()) -> xr.DataArray:
    """Any field as an array with its unit; axes without names."""
    cut = region(roi, field.shape)
    name = name_of(field.path)
    dims = tuple(f"{name}_{axis}" for axis in cut.kept)
    if field.lost and field.shape:
        items = Roi.full(roi if isinstance(roi, tuple) else (roi,), len(field.shape))
        values = _values(stored, field, items, cut)
    else:
        with pool.open(stored) as file:
            values = read_field(file, field, roi)
    return xr.DataArray(values, dims=dims, name=name, attrs=_field_attrs(field))


# --- values ---------------------------------------------------------------


def _values(stored: StoredFile, field: Field, items: tuple[Any, ...], cut: Roi) -> Any:
    """An array, or a dask array where it would be large; NaN for rows whose file is not there."""
    there = _there(stored, field)
    if there is not None and not there.any():
        return _nothing(cut.shape)
    if np.prod(cut.shape, dtype=float) * field.dtype.itemsize > READ_AT_ONCE and field.shape[0] > 1:
        return _lazy(stored, field, there)[items]
    with pool.open(stored) as file:
        if there is None:
            return read_field(file, field, items)
        rows = np.arange(len(there))[items[0]]
        return _read_there(file, field, rows, there, items[1:]).reshape(cut.shape)


def _read_there(
    file: h5py.File,
    field: Field,
    rows: NDArray[np.int64],
    there: NDArray[np.bool_],
    rest: tuple[Any, ...],
) -> NDArray[Any]:
    """Rows that are there, NaN for others: HDF5 may read past the end of what is too short."""
    rows = np.atleast_1d(rows)
    at = np.flatnonzero(there[rows])
    dtype = {"i": "f8", "u": "f8", "b": "f8", "S": "O", "V": "O"}.get(field.dtype.kind, field.dtype)
    shape = region((slice(0, len(rows)), *rest), (len(rows), *field.shape[1:])).shape
    values = np.full(shape, np.nan, dtype)
    for part in np.split(at, np.flatnonzero(np.diff(rows[at]) != 1) + 1):
        if len(part):
            first, last = int(rows[part[0]]), int(rows[part[-1]])
            values[part] = read_field(file, field, (slice(first, last + 1), *rest))
    return values


def _there(stored: StoredFile, field: Field) -> NDArray[np.bool_] | None:
    if not field.lost or not field.shape:
        return None
    warn(f"{field.path}: values are in files that are not there: {', '.join(field.lost[:3])}")
    with pool.open(stored) as file:
        return rows_there(file, field.path, field.shape[0]) > 0


def _nothing(shape: tuple[int, ...]) -> Any:
    if np.prod(shape, dtype=float) * 8 <= READ_AT_ONCE:
        return np.full(shape, np.nan)
    import dask.array as da

    chunks = tuple(-(-length // MOST_BLOCKS) if i == 0 else -1 for i, length in enumerate(shape))
    return da.full(shape, np.nan, chunks=chunks)  # type: ignore[no-untyped-call]


def _lazy(stored: StoredFile, field: Field, there: NDArray[np.bool_] | None) -> Any:
    import dask.array as da  # half a second, which most users need not spend
    from dask.base import tokenize

    row = max(1, field.size // field.shape[0] * field.dtype.itemsize)
    rows = max(1, BLOCK // row, -(-field.shape[0] // MOST_BLOCKS))
    starts = range(0, field.shape[0], rows)
    name = f"field-{tokenize(str(stored.path), stored.stamp, field.path)}"
    rest = (0,) * (len(field.shape) - 1)
    dtype = field.dtype if there is None else np.dtype("f8")
    graph = {
        (name, number, *rest): (
            _rows,
            stored,
            field,
            slice(start, start + rows),
            there,
        )
        for number, start in enumerate(starts)
    }
    sizes = tuple(min(rows, field.shape[0] - start) for start in starts)
    chunks = (sizes, *((length,) for length in field.shape[1:]))
    return da.Array(graph, name, chunks, dtype)  # type: ignore[no-untyped-call]


def _rows(
    stored: StoredFile, field: Field, part: slice, there: NDArray[np.bool_] | None
) -> NDArray[Any]:
    with pool.open(stored) as file:
        if there is None:
            return read_field(file, field, part)
        rest = (slice(None),) * (len(field.shape) - 1)
        return _read_there(file, field, np.arange(len(there))[part], there, rest).astype("f8")


# --- labels ---------------------------------------------------------------


def _coordinates(
    stored: StoredFile, plot: Plot, items: tuple[Any, ...]
) -> Iterator[tuple[str, xr.DataArray]]:
    with pool.open(stored) as file:
        for place, axis in enumerate(plot.axes):
            yield from _axis(file, axis, plot.signal.shape[place], items[place])
        others = [*plot.others]
        if plot.errors is not None:
            every = tuple(range(len(plot.signal.shape)))
            others.append(Coordinate("errors", plot.errors, every))
        for other in others:
            yield from _other(file, plot, other, items)


def _axis(
    file: h5py.File, axis: Axis, length: int, item: Any
) -> Iterator[tuple[str, xr.DataArray]]:
    if axis.field is None or (values := _read(file, axis.field)) is None:
        return
    values, attrs = np.ravel(values), _field_attrs(axis.field)
    if not axis.edges:
        yield axis.name, _taken(values, axis.name, item, attrs)
    elif len(values) == length + 1 and values.dtype.kind in "iuf":
        edges = values.astype("f8")
        yield axis.name, _taken((edges[:-1] + edges[1:]) / 2, axis.name, item, attrs)
        yield f"{axis.name}_left", _taken(edges[:-1], axis.name, item, attrs)
        yield f"{axis.name}_right", _taken(edges[1:], axis.name, item, attrs)


def _taken(values: NDArray[Any], name: str, item: Any, attrs: dict[str, Any]) -> xr.DataArray:
    part = np.asarray(values[item])
    return xr.DataArray(part, dims=(name,) if part.ndim else (), attrs=attrs)


def _other(
    file: h5py.File, plot: Plot, other: Coordinate, items: tuple[Any, ...]
) -> Iterator[tuple[str, xr.DataArray]]:
    if (values := _read(file, other.field)) is None or other.name in plot.dims:
        return
    if not other.axes:
        yield other.name, xr.DataArray(values.reshape(-1)[0], attrs=_field_attrs(other.field))
        return
    taken = np.asarray(values[tuple(items[place] for place in other.axes)])
    dims = tuple(
        plot.dims[place] for place in other.axes if not isinstance(items[place], int | np.integer)
    )
    if len(dims) == taken.ndim:
        yield other.name, xr.DataArray(taken, dims=dims, attrs=_field_attrs(other.field))


def _read(file: h5py.File, field: Field) -> NDArray[Any] | None:
    try:
        if field.nbytes > READ_AT_ONCE:
            raise DataError(f"it is too large to be read beside the data ({field.nbytes} bytes)")
        if field.lost:
            raise DataError(f"it is in {field.lost[0]}, which is not there")
        return read_field(file, field)
    except DataError as error:
        warn(f"{field.path} was left out: {error}")
        return None


def _field_attrs(field: Field) -> dict[str, Any]:
    found = {"units": field.units, "long_name": text_of(field.attrs.get("long_name"))}
    return {name: value for name, value in found.items() if value}


def _attrs(plot: Plot) -> dict[str, Any]:
    attrs = _field_attrs(plot.signal) | {"path": plot.signal.path}
    for name in ("scaling_factor", "offset"):  # stated, not applied: its meaning has changed
        if name in plot.signal.attrs:
            attrs[name] = plot.signal.attrs[name]
    if plot.signal.lost:
        attrs["missing_files"] = list(plot.signal.lost)
    return attrs | ({"problems": list(plot.problems)} if plot.problems else {})


def axis_coordinates(
    stored: StoredFile, keyed: Keyed, rows: NDArray[np.int64], array: xr.DataArray | xr.Dataset
) -> Iterator[tuple[str, xr.DataArray]]:
    """The axes of what a field is shown with, for an array of some of its rows.

    Parameters
    ----------
    stored : StoredFile
    keyed : Keyed
    rows : ndarray of int64
        Rows of the field that are in the array.
    array : xarray.DataArray or Dataset
        Gets the coordinates; its first axis is that of the rows.
    """
    plot = keyed.plot
    if plot is None or not plot.axes:
        return
    first = next(iter(array.dims))
    with pool.open(stored) as file:
        for name, coordinate in _axis(file, plot.axes[0], plot.signal.shape[0], slice(None)):
            shown = keyed.field is plot.axes[0].field
            if not shown and coordinate.dims == (plot.axes[0].name,):
                values = coordinate.values[rows]
                yield name, xr.DataArray(values, dims=(first,), attrs=coordinate.attrs)
        if keyed.field.shape != plot.signal.shape:
            return
        for place, axis in enumerate(plot.axes[1:], 1):
            length = plot.signal.shape[place]
            if array.sizes.get(axis.name) == length:
                yield from _axis(file, axis, length, slice(None))
