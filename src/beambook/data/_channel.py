"""A channel: one key of one source over the trains of a run, read when asked for."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from beambook.card import Card, Described
from beambook.data._aliases import Alias
from beambook.data._attributes import attributes_of, text, virtual_sources
from beambook.data._cached_property import cached_property
from beambook.data._findings import warn
from beambook.data._format import Signal
from beambook.data._interop.as_extra_data import source_data
from beambook.data._labels import EntryAxes
from beambook.data._origin import Origin
from beambook.data._reading.read import Plan, read_plans
from beambook.data._reading.roi import Roi
from beambook.data._reduce.groups import Groups
from beambook.data._reduce.reducible import Reducible
from beambook.data._reduce.rows import Rows
from beambook.data._reduce.work import Work
from beambook.data._run_value import run_value
from beambook.data._single_value import Reduction, single_value
from beambook.data._store import Store, Table
from beambook.data._trains import TrainIds, choose_trains, split, train_blocks
from beambook.errors import DataError, TrainNotFound

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import dask.array as da

__all__ = ["Channel"]

MOST_ROWS = 2**62
DASK_BLOCK = 64 << 20  # bytes


@dataclass(frozen=True, eq=False, repr=False)
class Channel(Described, Reducible):
    """One key of one source, for the selected trains. Lazy: nothing is read before asked for.

    Get it from ``run[source, key]`` or ``run[alias]``.

    Attributes
    ----------
    source, key : str
        Keys of control sources end in ``.value`` or ``.timestamp``.
    train_ids : ndarray of uint64, (trains,)
        All selected trains, also those without data in this channel.
    alias : Alias or None
        What an alias file says about the channel: pulses, fill value, units.

    Examples
    --------
    ::

        xgm = run["SA2_XTD1_XGM/XGM/DOOCS:output", "data.intensityTD"]
        xgm.dims, xgm.shape, xgm.units        # ("train", "pulse"), (500, 1000), "µJ"
        xgm[:10].xarray()                     # the first ten trains, labelled
    """

    store: Store
    source: str
    key: str
    train_ids: TrainIds
    alias: Alias | None = None

    # --- what it is -------------------------------------------------------

    @cached_property
    def _signals(self) -> tuple[Signal | None, ...]:
        found = self.store.signals(self.source, self.key)
        if not any(found):
            raise DataError(
                f"{self.source} {self.key} has no rows: it is stored as one value, or as none"
            )
        return found

    @cached_property
    def _signal(self) -> Signal:
        """The first file's; others must agree before anything is read."""
        used = set(self._rows.part[self._rows.count > 0])
        found = [s for n, s in enumerate(self._signals) if s is not None and n in used]
        return (found or [s for s in self._signals if s is not None])[0]

    @cached_property
    def table(self) -> Table:
        """Rows of all trains of the run, selected or not."""
        signal = next(s for s in self._signals if s is not None)
        return self.store.table(self.source, signal.group)

    @cached_property
    def _rows(self) -> Table:
        return self._whole_rows[0]

    @cached_property
    def _whole_rows(self) -> tuple[Table, int]:
        """Rows of the selected trains, and how many trains are incomplete in the files."""
        rows = self.table.at(self.train_ids)
        lengths = np.array([s.shape[0] if s else 0 for s in self._signals], np.int64)
        length = lengths[rows.part]
        fits = (rows.first >= 0) & (rows.count >= 0) & (rows.count <= length)
        fits &= rows.first <= length - rows.count
        if float(np.sum(rows.count, where=fits, dtype=float)) > MOST_ROWS:
            raise DataError(f"The index of {self.source} claims more rows than there can be")
        broken = (rows.count != 0) & ~fits
        if number := int(np.count_nonzero(broken)):
            warn(
                f"{self.source} {self.key}: the rows of {number} trains are not all in the files; "
                "these trains count as missing"
            )
        return replace(rows, count=np.where(broken, 0, rows.count)), number

    @property
    def incomplete(self) -> int:
        """Number of trains whose rows are not all in the files; they count as missing."""
        return self._whole_rows[1]

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the values; ``object`` for strings."""
        return self._signal.dtype

    @property
    def entry_shape(self) -> tuple[int, ...]:
        """Shape of one row."""
        return self._signal.shape[1:]

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of ``ndarray()``: rows, then the shape of an entry."""
        return (int(self._rows.count.sum()), *self.entry_shape)

    @property
    def ndim(self) -> int:
        """Number of axes of ``ndarray()``."""
        return len(self.shape)

    @property
    def nbytes(self) -> int:
        """Size of ``ndarray()`` in bytes."""
        return int(np.prod(self.shape, dtype=np.int64)) * self.dtype.itemsize

    @property
    def size_mb(self) -> float:
        """Size of ``ndarray()`` in megabytes (10⁶ bytes)."""
        return self.nbytes / 1e6

    @property
    def size_gb(self) -> float:
        """Size of ``ndarray()`` in gigabytes (10⁹ bytes)."""
        return self.nbytes / 1e9

    @property
    def dims(self) -> tuple[str, ...]:
        """Names of the axes: ``train``, or ``frame`` where trains have several rows."""
        frames = bool(self._signal.pulse_key) or self.table.count.max(initial=0) > 1
        entry = self._signal.dims
        if self.alias is not None and self.alias.dim and entry:
            entry = (self.alias.dim, *entry[1:])
        return ("frame" if frames else "train", *entry)

    @property
    def units(self) -> str:
        """Units, from the alias file or else from the data file; empty if neither says."""
        return (self.alias.units if self.alias else "") or self._signal.units

    @cached_property
    def _used(self) -> tuple[int, ...]:
        """Parts that have rows of the selected trains; the source's first if none has."""
        used = np.flatnonzero(np.bincount(self._rows.part[self._rows.count > 0]))
        return tuple(int(n) for n in used) or self.store.sources[self.source][:1]

    @property
    def files(self) -> tuple[str, ...]:
        """Paths of the files that the selected trains are in."""
        have = bool(self._rows.count.any())
        return tuple(str(self.store.parts[n].file.path) for n in self._used) if have else ()

    @cached_property
    def source_file_paths(self) -> tuple[Path, ...]:
        """The same files, or those that a virtual file stands for."""
        paths: dict[Path, None] = {}
        for number in self._used:
            file, signal = self.store.parts[number].file, self._signals[number]
            here = self._rows.part == number
            rows = self._rows.first[here], self._rows.count[here]
            found = virtual_sources(file, signal.dataset, rows) if signal else ()
            paths |= dict.fromkeys(found or (file.path,))
        return tuple(paths)

    @cached_property
    def origin(self) -> Origin:
        """Which run it is from, and where that is."""
        return Origin.of_parts(self.store.parts[n] for n in self._used)

    @property
    def section(self) -> str:
        """``"CONTROL"`` or ``"INSTRUMENT"``, as the data acquisition calls them."""
        return self.store.kind(self.source).upper()

    @property
    def is_control(self) -> bool:
        """Whether it is a slow value, one per train."""
        return self.section == "CONTROL"

    @property
    def is_instrument(self) -> bool:
        """Whether it is fast data."""
        return self.section == "INSTRUMENT"

    @property
    def hdf5_data_path(self) -> str:
        """Path of the data set in each file."""
        return f"/{self._signal.dataset.lstrip('/')}"

    @property
    def index_group(self) -> str:
        """Which index of the source says what train a row belongs to; empty if it has one."""
        return self._signal.group

    def attributes(self) -> dict[str, Any]:
        """What the first file says about the data set, as stored; see also `units`."""
        number = next((n for n in self._used if self._signals[n]), None)
        if number is None:
            number = next(n for n, signal in enumerate(self._signals) if signal)
        return attributes_of(self.store.parts[number].file, self._signal.dataset)

    @property
    def units_name(self) -> str:
        """Units in full (``microjoule``) from the data file; empty if it does not say."""
        stored = self.attributes()
        unit = text(stored.get("unitName", ""))
        return text(stored.get("metricPrefixName", "")) + unit if unit else ""

    def run_value(self) -> Any:
        """The value of the same name that was stored once, at the start of the run.

        Raises
        ------
        KeyNotFound
            There is none, as for all fast data.
        DataError
            The source comes from several runs, which disagree.
        """
        return run_value(self.store, self.source, self.key)

    @property
    def pulse_ids(self) -> Channel | None:
        """The channel beside this one with one pulse id for each row, if there is one."""
        if not (key := self._signal.pulse_key):
            return None
        found = replace(self, key=key, alias=None)
        one = found.dtype.kind in "iuf" and all(size == 1 for size in found.entry_shape)
        return found if one else None

    def beside(self, key: str) -> Channel | None:
        """The channel of a key of the same group (``"cellId"`` beside ``image.data``), if any."""
        group = self.index_group
        name = f"{group}.{key}" if group and not key.startswith(f"{group}.") else key
        if not self.store.has(self.source, name):
            return None
        return replace(self, key=name, alias=None)

    def data_counts(self, *, labelled: bool = True) -> pd.Series[int] | NDArray[np.int64]:
        """Rows in each selected train.

        Parameters
        ----------
        labelled : bool
            Give a Series over train ids, else an array to match ``train_ids``.
        """
        counts = self._rows.count
        return pd.Series(counts, pd.Index(self.train_ids, name="train")) if labelled else counts

    def train_id_coordinates(self) -> TrainIds:
        """Train id of each row of ``ndarray()``."""
        return np.repeat(self.train_ids, self._rows.count)

    def train_index_bounds(
        self, *, labelled: bool = False
    ) -> pd.DataFrame | tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Where the rows of each selected train are in ``ndarray()``.

        Parameters
        ----------
        labelled : bool
            Give a table with columns ``start`` and ``stop`` over train ids, else two arrays.
        """
        stop = np.cumsum(self._rows.count)
        start = stop - self._rows.count
        if not labelled:
            return start, stop
        return pd.DataFrame(
            {"start": start, "stop": stop}, index=pd.Index(self.train_ids, name="train")
        )

    def card(self) -> Card:
        """Describe the channel; reads the index, no data."""
        have = int(np.count_nonzero(self._rows.count))
        axes = ", ".join(f"{d} {n}" for d, n in zip(self.dims, self.shape, strict=True))
        facts = {"axes": axes, "type": str(self.dtype)}
        facts |= {"units": self.units} if self.units else {}
        facts["trains"] = f"{have} of {len(self.train_ids)} have data"
        facts |= {"incomplete": f"{self.incomplete} trains"} if self.incomplete else {}
        facts["run"] = self.origin.run
        return Card("Channel", f"{self.source} {self.key}", facts)

    # --- choosing trains --------------------------------------------------

    def select_trains(self, trains: Any) -> Channel:
        """The same channel for some of the trains; also as ``channel[:10]``."""
        return replace(self, train_ids=choose_trains(self.train_ids, trains))

    __getitem__ = select_trains
    __iter__ = None

    def split_trains(
        self, parts: int | None = None, trains_per_part: int | None = None
    ) -> Iterator[Channel]:
        """Cut the channel in parts of nearly as many trains; see `Run.split_trains`."""
        return (self[part] for part in split(self.train_ids, parts, trains_per_part))

    def drop_empty_trains(self) -> Channel:
        """The same channel without the trains that have no data."""
        return replace(self, train_ids=self.train_ids[self._rows.count > 0])

    # --- reading ----------------------------------------------------------

    def ndarray(self, roi: Any = (), out: NDArray[Any] | None = None) -> NDArray[Any]:
        """Read the values.

        Parameters
        ----------
        roi : numpy.s_ expression
            Part of each entry: ``np.s_[:100]``, ``np.s_[0, 100:200]``.
        out : ndarray, optional
            Where to put them.

        Returns
        -------
        ndarray, (rows, ...)
            In the order of the trains; strings as `str`.

        Raises
        ------
        DamagedFile
            Rows that should be there cannot be read.
        DataError
            The files disagree about shape or type, or `out` has another shape.
        """
        cut = Roi.of(roi, self.entry_shape)
        shape = (self.shape[0], *cut.shape)
        if out is None:
            out = self._room(shape)
        elif out.shape != shape:
            raise DataError(f"The array for the result has shape {out.shape}, not {shape}")
        return read_plans(self._plans(), out, cut)

    def _room(self, shape: tuple[int, ...]) -> NDArray[Any]:
        try:
            return np.empty(shape, self.dtype)
        except (MemoryError, ValueError) as error:
            size = np.prod(shape, dtype=float) * self.dtype.itemsize
            raise DataError(
                f"{self._name} does not fit into memory: {size / 2**30:.3g} GiB, shape {shape}",
                hint="Select trains, give a roi, or take dask_array().",
            ) from error

    def _plans(self) -> list[Plan]:
        """Rows of the selected trains and their place in the result, neighbours put together."""
        have = np.flatnonzero(self._rows.count > 0)
        rows = self._rows
        part, source, count = rows.part[have], rows.first[have], rows.count[have]
        target, stop = np.cumsum(count) - count, source + count
        breaks = (part[1:] != part[:-1]) | (source[1:] != stop[:-1])
        first = np.flatnonzero(np.append(True, breaks)[: len(have)])
        count = np.diff(np.append(target[first], target[-1:] + count[-1:]))
        part, source, target = part[first], source[first], target[first]
        plans = []
        for number in np.flatnonzero(np.bincount(part)).tolist():
            of = part == number
            file, dataset = self.store.parts[number].file, self._checked(number).dataset
            plans.append(Plan(file, dataset, source[of], target[of], count[of]))
        return plans

    def _checked(self, number: int) -> Signal:
        signal, first = self._signals[number], self._signal
        if signal is None or signal.shape[1:] != first.shape[1:] or signal.dtype != first.dtype:
            other = "nothing" if signal is None else f"{signal.dtype}{list(signal.shape[1:])}"
            raise DataError(
                f"{self.source} {self.key} is {first.dtype}{list(first.shape[1:])} in one file and "
                f"{other} in {self.store.parts[number].file.path.name}",
                hint="Select trains that agree, or one of the runs.",
            )
        return signal

    def xarray(
        self,
        *,
        roi: Any = (),
        name: str | None = None,
        extra_dims: Sequence[str] | None = None,
        extra_coords: Mapping[str, Any] | bool | None = None,
    ) -> xr.DataArray | xr.Dataset:
        """Read the values with their labels.

        Parameters
        ----------
        roi : numpy.s_ expression
            See `ndarray`.
        name : str, optional
            Of the array; source and key by default.
        extra_dims : sequence of str, optional
            Other names for the axes of an entry.
        extra_coords : mapping or bool, optional
            True: coordinates that say where in the whole entry the region is (also the default
            with `extra_dims`); or a mapping of names to coordinates.

        Returns
        -------
        xarray.DataArray or xarray.Dataset
            ``train`` (also as ``trainId``) holds train ids; arrays with several rows in a train
            have the axis ``frame`` with coordinates ``train`` and, where stored, ``pulse``.
            ``attrs``: units if known, run, source and key, and how many trains have no data
            or are incomplete, if any. A data set with a variable for each field where entries
            have fields.
        """
        axes = EntryAxes.of(
            self.dims[1:], self.entry_shape, roi, extra_dims=extra_dims, extra_coords=extra_coords
        )
        return self._labelled(self.ndarray(roi), axes, name)

    def _labelled(
        self, values: Any, axes: EntryAxes, name: str | None
    ) -> xr.DataArray | xr.Dataset:
        first = self.dims[0]
        ids, dims = self.train_id_coordinates(), (first, *axes.dims)
        coords: dict[str, Any] = {"train": (first, ids), "trainId": (first, ids), **axes.coords}
        if (pulses := self.pulse_ids) is not None and pulses.shape[0] == len(ids):
            coords["pulse"] = (first, pulses.ndarray().reshape(-1))
        if (fields := self.dtype.names) is not None:
            named = {field: (dims, values[field]) for field in fields}
            return xr.Dataset(named, coords, self._attrs)
        return xr.DataArray(values, coords, dims, name or self._name, self._attrs)

    @property
    def _attrs(self) -> dict[str, Any]:
        """No paths: results are compared, also with those of other computers."""
        attrs: dict[str, Any] = {"units": self.units} if self.units else {}
        attrs |= {"run": self.origin.run, "source": self.source, "key": self.key}
        empty = int(np.count_nonzero(self._rows.count == 0))
        attrs |= {"trains_without_data": empty} if empty else {}
        return attrs | ({"incomplete_trains": self.incomplete} if self.incomplete else {})

    def as_single_value(
        self, *, rtol: float = 1e-5, atol: float = 0.0, reduce_by: Reduction = None
    ) -> Any:
        """The value that all trains have, within tolerances.

        Parameters
        ----------
        rtol, atol : float
            How far any value may be from the result, as in `numpy.allclose`.
        reduce_by : str or callable, optional
            How the result is made: a name of numpy's (``"median"``, the default), ``"first"``,
            or a function of all values. Text has to be the same everywhere.

        Raises
        ------
        DataError
            There is no value, or values differ by more.
        """
        return single_value(self.ndarray(), self._name, rtol=rtol, atol=atol, reduce_by=reduce_by)

    @property
    def _name(self) -> str:
        return f"{self.source} {self.key.removesuffix('.value')}"

    def series(self) -> pd.Series[Any]:
        """Read the values as a pandas Series over train ids; only if an entry is one value."""
        if self.entry_shape:
            raise TypeError(f"{self._name} has entries of shape {self.entry_shape}; use .xarray()")
        index = pd.Index(self.train_id_coordinates(), name="train")
        return pd.Series(self.ndarray(), index, name=self._name)

    def dask_array(self, *, labelled: bool = False) -> da.Array | xr.DataArray | xr.Dataset:
        """Values as a dask array, in blocks of whole trains of about 64 MiB.

        Parameters
        ----------
        labelled : bool
            Wrap it as ``xarray()`` does.
        """
        import dask.array as da  # half a second, which most users of a channel need not spend
        from dask.base import tokenize

        blocks = [b for b in self._blocks(DASK_BLOCK) if b.shape[0]]
        if not blocks:
            values = da.zeros(self.shape, dtype=self.dtype, chunks=self.shape)
        else:
            name = f"channel-{tokenize(self.source, self.key, [b._plans() for b in blocks])}"
            origin = (0,) * (self.ndim - 1)
            graph = {
                (name, number, *origin): (_read_block, b._plans(), b.shape, self.dtype)
                for number, b in enumerate(blocks)
            }
            rows = tuple(b.shape[0] for b in blocks)
            chunks = (rows, *((size,) for size in self.entry_shape))
            values = da.Array(graph, name, chunks, self.dtype)  # type: ignore[no-untyped-call]
        axes = EntryAxes(self.dims[1:], {})
        return self._labelled(values, axes, None) if labelled else values

    def _blocks(self, most_bytes: int) -> Iterator[Channel]:
        """The channel cut in runs of trains of at most so many bytes, at least one train each."""
        entry = max(1, int(np.prod(self.entry_shape, dtype=np.int64)) * self.dtype.itemsize)
        for start, stop in train_blocks(self._rows.count * entry, most_bytes):
            yield self[start:stop]

    def reduced_rows(self, by: Any, roi: Any) -> Rows:
        """See `Reducible`."""
        cut = Roi.of(roi, self.entry_shape)
        groups = Groups.of(by, self.train_id_coordinates(), self._numbers_beside)
        work = Work.of_plans(self._plans(), cut, self.dtype).grouped(groups.group)
        dims = tuple(self.dims[1:][axis] for axis in cut.kept)
        attrs = {name: value for name, value in self._attrs.items() if name != "units"}
        return Rows(work, groups, cut.shape, dims, self.units, attrs)

    def _numbers_beside(self, name: str) -> NDArray[Any] | None:
        beside = self.pulse_ids if name == "pulse" else self.beside(name)
        if beside is None and name == "cell":
            beside = self.beside("cellId")
        rows = self.shape[:1]
        if beside is None or beside.shape[:1] != rows or any(n != 1 for n in beside.entry_shape):
            return None
        return beside.ndarray().reshape(rows)

    def as_extra_data(self) -> Any:
        """The channel as an ``extra_data.KeyData``; see `Run.as_extra_data`."""
        numbers = [n for n, signal in enumerate(self._signals) if signal is not None]
        source = source_data(self.store, self.source, self.train_ids, parts=numbers)
        return source[self.key]

    def train_from_id(self, train_id: int, *, keep_dims: bool = False) -> tuple[int, NDArray[Any]]:
        """Read one train.

        Parameters
        ----------
        train_id : int
        keep_dims : bool
            Keep the first axis where the train has one row.

        Returns
        -------
        (int, ndarray)
            Train id and its rows; none where the train has no data.

        Raises
        ------
        TrainNotFound
        """
        if train_id not in self.train_ids:
            raise TrainNotFound(train_id, map(str, self.train_ids), where=self._name)
        values = replace(self, train_ids=np.array([train_id], np.uint64)).ndarray()
        return int(train_id), values[0] if len(values) == 1 and not keep_dims else values

    def train_from_index(
        self, position: int, *, keep_dims: bool = False
    ) -> tuple[int, NDArray[Any]]:
        """Read one train by its position among the selected ones."""
        return self.train_from_id(int(self[position].train_ids[0]), keep_dims=keep_dims)

    def trains(
        self, *, keep_dims: bool = False, include_empty: bool = False
    ) -> Iterator[tuple[int, Any]]:
        """Go through the trains that have data.

        Parameters
        ----------
        keep_dims : bool
            Keep the first axis where a train has one row.
        include_empty : bool
            Go through all selected trains: None, or no rows with `keep_dims`, where a train has
            no data.

        Yields
        ------
        (int, ndarray)
            Train id and its rows.
        """
        return self.read_ahead(DASK_BLOCK, keep_dims=keep_dims, include_empty=include_empty)

    def read_ahead(
        self, most_bytes: int, *, keep_dims: bool = False, include_empty: bool = False
    ) -> Iterator[tuple[int, Any]]:
        """The same as `trains`, reading at most so many bytes ahead, or one train."""
        empty = np.empty((0, *self.entry_shape), self.dtype) if keep_dims else None
        for block in self._blocks(most_bytes):
            values, counts = block.ndarray(), block._rows.count
            stops = np.cumsum(counts)
            for train_id, count, stop in zip(block.train_ids, counts, stops, strict=True):
                if count:
                    rows = values[stop - count : stop]
                    yield int(train_id), rows[0] if count == 1 and not keep_dims else rows
                elif include_empty:
                    yield int(train_id), empty


def _read_block(plans: list[Plan], shape: tuple[int, ...], dtype: np.dtype[Any]) -> NDArray[Any]:
    # One thread: dask has its own.
    return read_plans(plans, np.empty(shape, dtype), Roi.of((), shape[1:]), threads=1)
