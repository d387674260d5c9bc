"""One key of one source, under EXtra-data's names; a `beambook.Channel` does the work."""

# ruff: noqa: FBT001, FBT002  EXtra-data's parameters are positional
from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from beambook.data import Channel
from beambook.data._cached_property import cached_property
from beambook.data._reading.roi import Roi
from beambook.data._single_value import single_value
from beambook.data._trains import TrainIds
from beambook.extra_data._files import files_of
from beambook.extra_data.exceptions import MultiRunError, NoDataError, TrainIDError, translated
from beambook.extra_data.file_access import FileAccess
from beambook.extra_data.read_machinery import choose, split_trains

if TYPE_CHECKING:
    import dask.array as da

__all__ = ["KeyData", "expand_indexing"]


class KeyData:
    """Data of one key of one source. Get it from ``run[source, key]``.

    Parameters
    ----------
    channel : beambook.Channel
    is_single_run : bool
        Whether all its files are of one run.

    Examples
    --------
    ::

        xgm = run["SA2_XTD1_XGM/XGM/DOOCS:output", "data.intensityTD"]
        xgm[:10].xarray()
        xgm.__beambook__().xarray()      # the same with named axes
    """

    def __init__(self, channel: Channel, *, is_single_run: bool = True) -> None:
        self._channel = channel
        self.is_single_run = is_single_run

    def __beambook__(self) -> Channel:
        """The same as beambook's own object."""
        return self._channel

    def _with(self, train_ids: TrainIds) -> KeyData:
        channel = replace(self._channel, train_ids=train_ids)
        return KeyData(channel, is_single_run=self.is_single_run)

    def __repr__(self) -> str:
        section = f" section={self.section}" if self.is_auxiliary else ""
        return (
            f"<extra_data.KeyData{section} source={self.source!r} key={self.key!r} "
            f"for {len(self._channel.train_ids)} trains>"
        )

    # --- what it is -------------------------------------------------------

    @property
    def source(self) -> str:
        """Name of the source."""
        return self._channel.source.rpartition("@")[2] if self.is_auxiliary else self._name

    @property
    def _name(self) -> str:
        return self._channel.source

    @property
    def key(self) -> str:
        """Name of the key, with ``.value`` for control sources."""
        return self._channel.key

    @cached_property
    def train_ids(self) -> list[np.uint64]:
        """All selected trains, with or without data."""
        return list(self._channel.train_ids)

    @cached_property
    def files(self) -> list[FileAccess]:
        """Files with any of the selected trains, or else one of the source's."""
        channel = self._channel
        return files_of(channel.store, channel.source, channel.train_ids)

    @property
    def section(self) -> str:
        """``"CONTROL"``, ``"INSTRUMENT"``, ``"REDUCTION"`` or ``"ERRATA"``."""
        return self._channel.section

    @property
    def inc_suspect_trains(self) -> bool:
        """Whether trains with a doubtful id are taken."""
        return self._channel.store.suspect

    @property
    def is_control(self) -> bool:
        """Whether the source is one of slow values."""
        return self.section == "CONTROL"

    @property
    def is_instrument(self) -> bool:
        """Whether the source is one of fast data."""
        return self.section == "INSTRUMENT"

    @property
    def is_reduction(self) -> bool:
        """Whether the source says what was left out of the data."""
        return self.section == "REDUCTION"

    @property
    def is_errata(self) -> bool:
        """Whether the source says what went wrong."""
        return self.section == "ERRATA"

    @property
    def is_auxiliary(self) -> bool:
        """Whether the source is beside the data."""
        return self.section in ("REDUCTION", "ERRATA")

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the values."""
        return self._channel.dtype

    @property
    def entry_shape(self) -> tuple[int, ...]:
        """Shape of one entry."""
        return self._channel.entry_shape

    @property
    def ndim(self) -> int:
        """Number of axes of ``ndarray()``."""
        return self._channel.ndim

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of ``ndarray()``."""
        return self._channel.shape

    @property
    def nbytes(self) -> int:
        """Size in bytes."""
        return self._channel.nbytes

    @property
    def size_mb(self) -> float:
        """Size in 10⁶ bytes."""
        return self.nbytes / 1e6

    @property
    def size_gb(self) -> float:
        """Size in 10⁹ bytes."""
        return self.nbytes / 1e9

    @property
    def index_group(self) -> str:
        """The part of the key that has rows of its own."""
        return "" if self.is_control else self.key.partition(".")[0]

    @property
    def hdf5_data_path(self) -> str:
        """Where the data is in each file."""
        return f"/{self.section}/{self.source}/{self.key.replace('.', '/')}"

    @property
    def units(self) -> str | None:
        """Units, e.g. ``'μJ'``; None where the file does not say."""
        # The micro sign of beambook and the Greek letter of EXtra-data look the same.
        return self._channel.units.replace("\N{MICRO SIGN}", "\N{GREEK SMALL LETTER MU}") or None

    @property
    def units_name(self) -> str | None:
        """Units, e.g. ``'microjoule'``; None where the file does not say."""
        return self._channel.units_name or None

    def attributes(self) -> dict[str, Any]:
        """Everything that is stored beside the data."""
        return self._channel.attributes()

    @property
    def source_file_paths(self) -> list[Path]:
        """Files that the data is in, also where it was opened by a virtual overview."""
        return list(self._channel.source_file_paths)

    def run_value(self, allow_multi_run: bool = False) -> Any:
        """The value at the start of the run.

        Raises
        ------
        MultiRunError
            The data may be from several runs.
        PropertyNameError, ValueError
            There is none.
        """
        if not (self.is_single_run or allow_multi_run):
            raise MultiRunError
        if not self.is_control:
            raise ValueError(f"{self.source} has no RUN values")
        with translated():
            return self._channel.run_value()

    # --- choosing trains --------------------------------------------------

    def select_trains(self, trains: Any) -> KeyData:
        """The same for some of the trains; also as ``kd[:10]``."""
        return self._with(choose(self._channel.train_ids, trains))

    __getitem__ = select_trains
    __iter__ = None

    def drop_empty_trains(self) -> KeyData:
        """The same without trains that have no data."""
        return KeyData(self._channel.drop_empty_trains(), is_single_run=self.is_single_run)

    def split_trains(
        self, parts: int | None = None, trains_per_part: int | None = None
    ) -> Iterator[KeyData]:
        """Cut it in parts of nearly as many trains."""
        ids = self._channel.train_ids
        return (self._with(ids[p]) for p in split_trains(len(ids), parts, trains_per_part))

    # --- where rows belong ------------------------------------------------

    def data_counts(self, labelled: bool = True) -> pd.Series[int] | NDArray[np.uint64]:
        """Rows in each selected train, as a Series over train ids or as an array."""
        counts = np.asarray(self._channel.data_counts(labelled=False))
        if labelled:
            return pd.Series(counts, self._channel.train_ids)
        return counts.astype(np.uint64)

    def train_id_coordinates(self) -> TrainIds:
        """Train id of each row of ``ndarray()``."""
        return self._channel.train_id_coordinates()

    def train_index_bounds(
        self, labelled: bool = False
    ) -> pd.DataFrame | tuple[NDArray[np.uint64], NDArray[np.uint64]]:
        """First row of each train in ``ndarray()``, and the row after its last."""
        stop = np.cumsum(np.asarray(self.data_counts(labelled=False)), dtype=np.uint64)
        start = np.concatenate([np.zeros(1, np.uint64), stop])[: len(stop)]
        if labelled:
            return pd.DataFrame({"start": start, "stop": stop}, self._channel.train_ids)
        return start, stop

    # --- reading ----------------------------------------------------------

    def ndarray(self, roi: Any = (), out: NDArray[Any] | None = None) -> NDArray[Any]:
        """Read the values; see `beambook.Channel.ndarray`."""
        return self._channel.ndarray(roi, out)

    def xarray(
        self,
        extra_dims: Sequence[str] | None = None,
        roi: Any = (),
        name: str | None = None,
        extra_coords: Mapping[str, Any] | bool | None = None,
    ) -> xr.DataArray | xr.Dataset:
        """Read the values with their train ids.

        Parameters
        ----------
        extra_dims : sequence of str, optional
            Names of the axes of an entry, ``dim_0``, ``dim_1`` … by default.
        roi : numpy.s_ expression
            Part of each entry.
        name : str, optional
            ``source.key`` by default.
        extra_coords : mapping or bool, optional
            Coordinates of the axes; True for positions within the whole entry, which is also
            the default with `extra_dims`.

        Returns
        -------
        xarray.DataArray or xarray.Dataset
            The first axis is ``trainId``; a Dataset where entries have fields.

        Raises
        ------
        ValueError
            Coordinates do not fit.
        """
        roi = roi if isinstance(roi, tuple) else (roi,)
        values = self.ndarray(roi=roi)
        dims, coords = self._axes(values.ndim - 1, roi, extra_dims, extra_coords)
        attrs = {"units": units} if (units := self.units) else {}
        if (fields := self.dtype.names) is not None:
            named = {field: (dims, values[field]) for field in fields}
            return xr.Dataset(named, coords, attrs)
        return xr.DataArray(values, coords, dims, name or self._label("."), attrs)

    def _axes(
        self,
        axes: int,
        roi: tuple[Any, ...],
        extra_dims: Sequence[str] | None,
        extra_coords: Mapping[str, Any] | bool | None,
    ) -> tuple[list[str], dict[str, Any]]:
        coords: dict[str, Any] = {"trainId": self.train_id_coordinates()}
        given = isinstance(extra_coords, Mapping)
        if given:
            coords |= dict(extra_coords)  # type: ignore[arg-type]
        if given or not (extra_coords or extra_dims is not None):
            names = list(extra_dims or (f"dim_{axis}" for axis in range(axes)))
            return ["trainId", *names], coords
        whole = range(len(self.entry_shape))
        names = list(extra_dims or (f"dim_{axis}" for axis in whole))
        positions = dict(zip(names, expand_indexing(self.entry_shape, roi), strict=True))
        kept = [n for n, at in positions.items() if not isinstance(at, int)]
        return ["trainId", *kept], coords | positions

    def _label(self, between: str) -> str:
        key = self.key.removesuffix(".value") if self.is_control else self.key
        return f"{self.source}{between}{key}"

    def series(self) -> pd.Series[Any]:
        """Read the values as a pandas Series over train ids; only if an entry is one value."""
        if self.ndim > 1:
            raise TypeError(f"{self._label(' ')} has entries of shape {self.entry_shape}")
        index = pd.Index(self.train_id_coordinates(), name="trainId")
        return pd.Series(self.ndarray(), index, name=self._label("/"))

    def dask_array(self, labelled: bool = False) -> da.Array | xr.DataArray:
        """Values as a dask array; labelled as by ``xarray()``."""
        values: Any = self._channel.dask_array()
        if not labelled:
            return cast("da.Array", values)
        dims = ["trainId", *(f"dim_{axis}" for axis in range(values.ndim - 1))]
        return xr.DataArray(values, {"trainId": self.train_id_coordinates()}, dims)

    def as_single_value(self, rtol: float = 1e-5, atol: float = 0.0, reduce_by: Any = None) -> Any:
        """The value that all trains have, within tolerances.

        Parameters
        ----------
        rtol, atol : float
            As of `numpy.allclose`.
        reduce_by : str or callable, optional
            ``"median"`` by default, any function of numpy by name, ``"first"``, or a function.

        Raises
        ------
        NoDataError
            There is no value.
        ValueError
            Values differ by more.
        """
        values = self.ndarray()
        if not len(values):
            raise NoDataError(self.source, self.key)
        return single_value(values, self._label(" "), rtol=rtol, atol=atol, reduce_by=reduce_by)

    # --- one train after another ------------------------------------------

    def train_from_id(self, tid: int, keep_dims: bool = False) -> tuple[int, Any]:
        """Train id and its data, without the first axis if there is one row.

        Raises
        ------
        TrainIDError
        """
        if not np.isin(tid, self._channel.train_ids):
            raise TrainIDError(tid, existing=map(str, self._channel.train_ids))
        found = self._channel.train_from_id(int(tid), keep_dims=keep_dims)
        return tid, as_stored(found[1])

    def train_from_index(self, i: int, keep_dims: bool = False) -> tuple[int, Any]:
        """The same by position.

        Raises
        ------
        IndexError
        """
        return self.train_from_id(self._channel.train_ids[i], keep_dims=keep_dims)

    def trains(
        self, keep_dims: bool = False, include_empty: bool = False
    ) -> Iterator[tuple[int, Any]]:
        """Go through the trains that have data; see `beambook.Channel.trains`."""
        found = self._channel.trains(keep_dims=keep_dims, include_empty=include_empty)
        if self.dtype.hasobject:
            return ((train_id, as_stored(values)) for train_id, values in found)
        return found


def as_stored(value: Any) -> Any:
    """Text as bytes, as EXtra-data gives it train by train."""
    if isinstance(value, str):
        return value.encode("utf-8", "surrogateescape")
    if isinstance(value, np.ndarray) and value.dtype.hasobject:
        stored = np.empty(value.size, object)
        stored[:] = [as_stored(each) for each in value.flat]
        return stored.reshape(value.shape)
    return value


def expand_indexing(shape: tuple[int, ...], indexing: Any) -> list[Any]:
    """Positions along each axis that an index takes.

    Parameters
    ----------
    shape : tuple of int
    indexing : numpy.s_ expression

    Returns
    -------
    list of (ndarray or int)
        One for each axis; a number where the axis is gone.

    Examples
    --------
    >>> expand_indexing((4, 8), np.s_[..., -2:])
    [array([0, 1, 2, 3]), array([6, 7])]
    """
    full = Roi.full(indexing, len(shape))
    found = [np.arange(size)[item] for size, item in zip(shape, full, strict=True)]
    return [positions if positions.ndim else int(positions) for positions in found]
