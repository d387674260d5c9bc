"""Energy, I0 and I1 out of what people have: a Dataset, a dict of arrays, a single train."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from beambook.data import by_id, by_index
from beambook.errors import DataError, NameNotFound, ParameterError

__all__ = ["Pulses", "Selected", "select", "variable"]

Floats = NDArray[np.float64]
Pulses = slice | Sequence[int] | NDArray[Any] | by_id | by_index | None


@dataclass(frozen=True)
class Selected:
    """Some trains, ready for the kernel.

    Attributes
    ----------
    energy : ndarray (train, 1) or (train, pulse)
    i0, i1 : ndarray (train, pulse)
    units : dict of str to str
        Of "energy", "i0" and "i1", as far as they are known.
    """

    energy: Floats
    i0: NDArray[Any]
    i1: NDArray[Any]
    units: dict[str, str]


def variable(data: Mapping[str, Any] | xr.Dataset, name: str) -> Any:
    """``data[name]``, or the error that offers the closest names."""
    names = list(data.variables) if isinstance(data, xr.Dataset) else list(data)
    if name not in names:
        raise NameNotFound(name, map(str, names), where="the data")
    return data[name]


def select(
    data: Mapping[str, Any] | xr.Dataset,
    names: tuple[str, str, str],
    pulses: Pulses,
    chunk: int,
) -> Iterator[Selected]:
    """Yield the trains of `data` in parts of about `chunk` pulses.

    Parameters
    ----------
    data : Dataset or mapping
    names : tuple of str
        Of energy, I0 and I1.
    pulses : slice, sequence of int, `by_id`, `by_index` or None
    chunk : int
        Pulses at once; limits the memory that lazy data take.
    """
    arrays = _labelled([variable(data, name) for name in names], names)
    units = {
        key: str(array.attrs["units"])
        for key, array in zip(("energy", "i0", "i1"), arrays, strict=True)
        if array.attrs.get("units")
    }
    energy, i0, i1 = _oriented(arrays, names)
    if pulses is not None:
        places = _positions(i0, pulses)
        i0, i1 = i0[:, places], i1[:, places]
        energy = energy[:, places] if energy.shape[1] > 1 else energy
    step = max(1, chunk // max(1, i0.shape[1]))
    for first in range(0, i0.shape[0], step):
        part = slice(first, first + step)
        yield Selected(
            _numbers(energy[part], names[0]).astype(np.float64),
            _numbers(i0[part], names[1]),
            _numbers(i1[part], names[2]),
            units,
        )


def _numbers(array: xr.DataArray, name: str) -> NDArray[Any]:
    values = np.asarray(array.data)  # a lazy array is read here
    if values.dtype.kind not in "iufb":
        raise DataError(f"{name!r} must be real numbers, not {values.dtype}")
    return values


def _labelled(values: list[Any], names: tuple[str, str, str]) -> list[xr.DataArray]:
    """DataArrays of the same trains and pulses; bare arrays are (train, pulse)."""
    single = np.ndim(values[0]) == 0  # one energy: one train, and a list is its pulses
    labelled = [
        _named(value, name, single=single) for value, name in zip(values, names, strict=True)
    ]
    try:
        return list(xr.align(*labelled, join="exact", copy=False))
    except ValueError as error:
        raise DataError(
            f"{', '.join(map(repr, names))} are not of the same trains and pulses: "
            f"shapes {', '.join(str(each.shape) for each in labelled)}",
            hint="run.aligned(…) matches them by train id and pulse id",
        ) from error


def _named(value: ArrayLike | xr.DataArray, name: str, *, single: bool) -> xr.DataArray:
    if isinstance(value, xr.DataArray):
        return value
    array = np.asarray(value)
    if array.ndim > 2:
        raise DataError(f"{name!r} has {array.ndim} dimensions; (train, pulse) is expected")
    dims = ("pulse",) if single and array.ndim == 1 else ("train", "pulse")[: array.ndim]
    return xr.DataArray(array, dims=dims)


def _oriented(arrays: list[xr.DataArray], names: tuple[str, str, str]) -> list[xr.DataArray]:
    """Energy as (train, 1) or (train, pulse), the intensities as (train, pulse)."""
    energy, i0, i1 = arrays
    if set(i0.dims) != set(i1.dims):
        raise DataError(f"{names[1]!r} has {i0.dims}, but {names[2]!r} has {i1.dims}")
    if not set(energy.dims) <= set(i0.dims) or not 1 <= i0.ndim <= 2:
        raise DataError(
            f"{names[0]!r} with {energy.dims} and {names[1]!r} with {i0.dims} do not fit",
            hint="Expected are (train,) and (train, pulse)",
        )
    first = _train_dim(energy, i0)
    rest = [dim for dim in i0.dims if dim != first] or ["_pulse"]
    if first not in energy.dims:
        energy = energy.expand_dims({first: i0.sizes.get(first, 1)})
    return [_spread(array, first, rest[0]) for array in (energy, i0, i1)]


def _spread(array: xr.DataArray, *dims: Any) -> xr.DataArray:
    return array.expand_dims([dim for dim in dims if dim not in array.dims]).transpose(*dims)


def _train_dim(energy: xr.DataArray, i0: xr.DataArray) -> Any:
    if energy.ndim == 1:
        return energy.dims[0]
    if energy.ndim == 0 and i0.ndim == 1:
        return "_train"
    return "train" if "train" in i0.dims else i0.dims[0]


def _positions(i0: xr.DataArray, pulses: Any) -> NDArray[np.intp]:
    """Positions along the pulses that a selection means."""
    places = np.arange(i0.shape[1])
    if isinstance(pulses, by_id):
        return _by_id(i0, pulses.value)
    wanted = pulses.value if isinstance(pulses, by_index) else pulses
    try:
        chosen = places[wanted if isinstance(wanted, slice) else np.atleast_1d(wanted)]
    except IndexError as error:
        raise ParameterError(
            f"pulses={pulses!r} does not fit {len(places)} pulses a train",
            hint="Positions count from 0; by_id[…] selects by pulse id",
        ) from error
    if not len(chosen):
        raise ParameterError(f"pulses={pulses!r} selects none of {len(places)} pulses")
    return chosen


def _by_id(i0: xr.DataArray, wanted: Any) -> NDArray[np.intp]:
    if i0.dims[1] not in i0.coords:
        raise ParameterError("The data have no pulse ids", hint="Select by position instead")
    ids = np.asarray(i0.coords[i0.dims[1]])
    if isinstance(wanted, slice):
        low = ids.min(initial=0) if wanted.start is None else wanted.start
        high = np.inf if wanted.stop is None else wanted.stop
        chosen = np.flatnonzero((ids >= low) & (ids < high))[:: wanted.step]
    else:
        asked = np.atleast_1d(wanted)
        if len(missing := np.setdiff1d(asked, ids)):
            raise ParameterError(f"No pulses with id {', '.join(map(str, missing[:5]))}")
        chosen = np.flatnonzero(np.isin(ids, asked))
    if not len(chosen):
        raise ParameterError(f"No pulse has an id in {wanted}: they are {ids.min()} … {ids.max()}")
    return chosen
