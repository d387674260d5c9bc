"""Data of many sources, under EXtra-data's names; a `beambook.Run` does the work."""

# ruff: noqa: FBT001, FBT002  EXtra-data's parameters are positional
from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property, reduce
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import h5py
import numpy as np
import pandas as pd
import xarray as xr

from beambook.data import Run
from beambook.data._aliases import Aliases
from beambook.data._open import open_files
from beambook.data._store import Store
from beambook.data._trains import TrainIds, by_index
from beambook.data._write import virtual_dataset
from beambook.errors import DataError, KeyNotFound, SourceNotFound
from beambook.extra_data._files import conflicts_within, files_of_all
from beambook.extra_data._sources import SourcesData
from beambook.extra_data._train_iterator import TrainIterator
from beambook.extra_data.aliases import AliasIndexer, Literal, plain
from beambook.extra_data.auxiliary import AuxiliaryIndexer
from beambook.extra_data.display import InfoPrinter
from beambook.extra_data.exceptions import (
    MultiRunError,
    SourceNameError,
    TrainIDError,
    translated,
)
from beambook.extra_data.file_access import FileAccess
from beambook.extra_data.keydata import KeyData
from beambook.extra_data.read_machinery import (
    DETECTOR_SOURCE_RE,
    choose,
    same_run,
    split_trains,
)
from beambook.extra_data.sourcedata import SourceData

if TYPE_CHECKING:
    import dask.array as da
    from matplotlib.axes import Axes

__all__ = ["DataCollection"]


class DataCollection:
    """Data of many sources. Get it from `open_run`, `RunDirectory` or `H5File`.

    Parameters
    ----------
    files : iterable of FileAccess
    ctx_closes : bool
        Whether ``with`` may be used, which closes the files.
    inc_suspect_trains : bool
        Whether trains with a doubtful id are taken.
    is_single_run : bool
        Whether all files are of one run.

    Raises
    ------
    ValueError
        A source has the same train twice.

    Examples
    --------
    ::

        run = open_run(900074, 487)
        run["SA2_XTD1_XGM/XGM/DOOCS:output", "data.intensityTD"].xarray()
        run.select("*/DET/*", "image.data").select_trains(by_id[1000:1100])
        run.__beambook__().aligned("energy", i0="xgm")     # what beambook adds
    """

    def __init__(
        self,
        files: Iterable[FileAccess],
        *,
        ctx_closes: bool = False,
        inc_suspect_trains: bool = True,
        is_single_run: bool = False,
    ) -> None:
        parts = [file.__beambook__() for file in files]
        store = Store.of(parts, suspect=inc_suspect_trains)
        _refuse_conflicts(store)
        self._run = Run.of(store, parts[0].file.path.parent.name if parts else "")
        self.ctx_closes = ctx_closes
        self.is_single_run = is_single_run

    @classmethod
    def of_run(cls, run: Run, *, ctx_closes: bool = False, is_single_run: bool = True) -> Self:
        """A run of beambook's under EXtra-data's names.

        Raises
        ------
        ValueError
            A source has the same train twice, of which EXtra-data opens no run.
        """
        _refuse_conflicts(run.store)
        return cls._new(run, ctx_closes=ctx_closes, is_single_run=is_single_run)

    @classmethod
    def _new(cls, run: Run, *, ctx_closes: bool = False, is_single_run: bool = True) -> Self:
        self = cls.__new__(cls)
        self._run, self.ctx_closes, self.is_single_run = run, ctx_closes, is_single_run
        return self

    def _with(self, run: Run) -> Self:
        return self._new(run, is_single_run=self.is_single_run)

    @classmethod
    def from_paths(
        cls,
        paths: Iterable[str | os.PathLike[str]],
        _files_map: object = None,
        *,
        inc_suspect_trains: bool = True,
        is_single_run: bool = False,
        parallelize: bool = True,
    ) -> Self:
        """Open files; those that cannot be read are skipped, and named on stderr.

        Parameters
        ----------
        paths : iterable of paths
        inc_suspect_trains, is_single_run : bool
            See the class.
        parallelize : bool
            Has no effect: opening takes no helpers.

        Raises
        ------
        DamagedFile
            No file can be read.
        """
        run = open_files([Path(p) for p in paths], suspect=inc_suspect_trains)
        return cls.opened(run, is_single_run=is_single_run)

    @classmethod
    def from_path(cls, path: str | os.PathLike[str], *, inc_suspect_trains: bool = True) -> Self:
        """Open one file."""
        return cls(
            [FileAccess(path)],
            ctx_closes=True,
            inc_suspect_trains=inc_suspect_trains,
            is_single_run=True,
        )

    @classmethod
    def opened(cls, run: Run, *, is_single_run: bool = True) -> Self:
        """The same as `of_run`; files that could not be read are named on stderr."""
        for finding in run.problems:
            if finding.what == "unreadable file":
                text = f"Skipping file {finding.where}\n  (error was: {finding.detail})\n"
                sys.stderr.write(text)
        return cls.of_run(run, ctx_closes=True, is_single_run=is_single_run)

    def __beambook__(self) -> Run:
        """The same as beambook's own object."""
        return self._run

    def __repr__(self) -> str:
        return (
            f"<extra_data.DataCollection for {len(self.all_sources)} sources "
            f"and {len(self._run.train_ids)} trains>"
        )

    def __enter__(self) -> Self:
        if not self.ctx_closes:
            raise DataError(
                "Only data that was opened can close its files, not what was selected from it",
                hint="Write with around open_run, RunDirectory or H5File.",
            )
        return self

    def __exit__(self, *_: object) -> None:
        for file in self.files:
            file.close()
        self._run.close()

    # --- what is in it ----------------------------------------------------

    @cached_property
    def train_ids(self) -> list[np.uint64]:
        """All selected trains."""
        return list(self._run.train_ids)

    @cached_property
    def files(self) -> list[FileAccess]:
        """Files with selected sources and trains."""
        return files_of_all(self._run.store, self._run.selection, self._run.train_ids)

    @property
    def inc_suspect_trains(self) -> bool:
        """Whether trains with a doubtful id are taken."""
        return self._run.store.suspect

    @cached_property
    def _sources_data(self) -> Mapping[str, SourceData]:
        return SourcesData(self._run, is_single_run=self.is_single_run)

    @property
    def selection(self) -> dict[str, set[str] | None]:
        """Selected sources and keys; None for all keys."""
        chosen = self._run.selection.items()
        return {source: None if keys is None else set(keys) for source, keys in chosen}

    @property
    def all_sources(self) -> frozenset[str]:
        """Names of the selected sources."""
        return self._run.all_sources

    @property
    def control_sources(self) -> frozenset[str]:
        """Sources of slow values."""
        return self._run.control_sources

    @property
    def instrument_sources(self) -> frozenset[str]:
        """Sources of fast data."""
        return self._run.instrument_sources

    @cached_property
    def legacy_sources(self) -> dict[str, str]:
        """Old names of sources, and the names they have now."""
        return dict(self._run.legacy_sources)

    @property
    def detector_sources(self) -> set[str]:
        """Modules of AGIPD, DSSC and LPD detectors."""
        found = set(filter(DETECTOR_SOURCE_RE.match, self.instrument_sources))
        return found - self.legacy_sources.keys()

    @cached_property
    def auxiliary(self) -> AuxiliaryIndexer:
        """Sources beside the data: what was left out of it, and what went wrong."""
        return AuxiliaryIndexer(self._run.auxiliary, is_single_run=self.is_single_run)

    def keys_for_source(self, source: str) -> set[str]:
        """Selected keys of a source."""
        return self._get_source_data(source).keys()

    _keys_for_source = keys_for_source

    def _get_source_data(self, source: str) -> SourceData:
        if source not in self._run.selection:
            raise SourceNameError(source, existing=self.all_sources)
        self._run.source_data(source).warn_if_legacy()
        return self._sources_data[source]

    def _get_key_data(self, source: str, key: str) -> KeyData:
        found: KeyData = self._get_source_data(source)[key]
        return found

    def __getitem__(self, item: Any) -> Any:
        """A `SourceData`, a `KeyData` by ``[source, key]``, or a choice of trains.

        Raises
        ------
        SourceNameError, PropertyNameError
        IndexError
            No such position.
        """
        if isinstance(item, str):
            return self._get_source_data(item)
        if isinstance(item, tuple):
            if len(item) == 2 and all(isinstance(each, str) for each in item):
                return self._get_key_data(*item)
            raise TypeError(f"A source, a source and a key, or trains; not {item!r}")
        return self.select_trains(item)

    def __contains__(self, item: object) -> bool:
        if isinstance(item, tuple) and len(item) == 2 and item[0] in self._run.selection:
            return item[1] in self._sources_data[item[0]]
        return isinstance(item, str) and item in self._run.selection

    __iter__ = None

    def _ipython_key_completions_(self) -> list[str]:
        return sorted(self.all_sources)

    # --- selecting --------------------------------------------------------

    def select(
        self,
        seln_or_source_glob: Any,
        key_glob: str = "*",
        require_all: bool = False,
        require_any: bool = False,
        *,
        warn_drop_trains_frac: float = 1.0,
    ) -> Self:
        """Some of the sources and keys.

        Parameters
        ----------
        seln_or_source_glob : str, iterable, dict, DataCollection, SourceData or KeyData
            ``"*/DET/*"``; ``["*XGM*", ("*/DET/*", "image.*")]``; ``{source: {key, …}}`` with full
            names, an empty set for all keys; or something selected before.
        key_glob : str
            Pattern of keys, if sources are chosen by one pattern.
        require_all, require_any : bool
            Only the trains in which all (or any) of what is selected has data.
        warn_drop_trains_frac : float
            Warn if one source has no data in this part of the trains, or more.

        Raises
        ------
        ValueError
            A pattern matches nothing.
        SourceNameError, PropertyNameError
            A name is not there.
        """
        with _found(seln_or_source_glob):
            run = self._run.select(
                seln_or_source_glob,
                key_glob,
                require_all=require_all,
                require_any=require_any,
                warn_drop_trains_frac=warn_drop_trains_frac,
            )
        return self._with(run)

    def deselect(self, seln_or_source_glob: Any, key_glob: str = "*") -> Self:
        """Everything but some of the sources and keys; takes what `select` takes."""
        with _found(seln_or_source_glob):
            return self._with(self._run.deselect(seln_or_source_glob, key_glob))

    def select_trains(self, train_range: Any) -> Self:
        """The same sources for some of the trains; also as ``run[:10]``.

        Parameters
        ----------
        train_range : slice, int, list, ndarray, DataArray, by_id or by_index
        """
        return self._only(choose(self._run.train_ids, train_range))

    def _only(self, train_ids: TrainIds) -> Self:
        return self._with(replace(self._run, train_ids=train_ids))

    def split_trains(
        self, parts: int | None = None, trains_per_part: int | None = None
    ) -> Iterator[Self]:
        """Cut the data in parts of nearly as many trains."""
        ids = self._run.train_ids
        return (self._only(ids[p]) for p in split_trains(len(ids), parts, trains_per_part))

    def union(self, *others: DataCollection) -> Self:
        """Put data together: more sources, or more trains of the same sources.

        Raises
        ------
        ValueError
            Different files have the same train of the same source, or aliases disagree.
        """
        run = reduce(Run.union, (other.__beambook__() for other in others), self._run)
        return self._new(run, is_single_run=same_run(self, *others))

    def __or__(self, other: DataCollection) -> Self:
        return self.union(other)

    # --- short names ------------------------------------------------------

    @cached_property
    def _aliases(self) -> dict[str, Literal]:
        return {
            plain(a.name): a.source if a.key is None else (a.source, a.key)
            for a in self._run.aliases.values()
        }

    @cached_property
    def _alias_files(self) -> list[Path]:
        return list(self._run.aliases.files)

    @property
    def alias(self) -> AliasIndexer:
        """Sources and keys by their short names."""
        return AliasIndexer(self)

    def with_aliases(self, *alias_defs: Mapping[str, Any] | str | os.PathLike[str]) -> Self:
        """The same with more short names.

        Parameters
        ----------
        *alias_defs : dict or path
            ``{"xgm": source, "i0": (source, key)}``, or a YAML, JSON or TOML file.

        Raises
        ------
        ValueError
            A short name has two meanings.
        """
        return self._with(self._run.with_aliases(*map(_definition, alias_defs)))

    def only_aliases(
        self,
        *alias_defs: Mapping[str, Any] | str | os.PathLike[str],
        strict: bool = False,
        require_all: bool = False,
    ) -> Self:
        """Only what has a short name.

        Parameters
        ----------
        *alias_defs : dict or path
            More short names.
        strict : bool
            Whether a short name of something that is not there is an error.
        require_all : bool
            Only the trains in which all of it has data.

        Raises
        ------
        ValueError
            With `strict`, or if nothing is left.
        """
        definitions = map(_definition, alias_defs)
        with _found(()):
            run = self._run.only_aliases(*definitions, strict=strict, require_all=require_all)
        return self._with(run)

    def drop_aliases(self) -> Self:
        """The same without short names."""
        return self._with(self._run.drop_aliases())

    # --- one key ----------------------------------------------------------

    def get_entry_shape(self, source: str, key: str) -> tuple[int, ...]:
        """Shape of one entry."""
        return self._get_key_data(source, key).entry_shape

    def get_dtype(self, source: str, key: str) -> np.dtype[Any]:
        """Type of the values."""
        return self._get_key_data(source, key).dtype

    def get_data_counts(self, source: str, key: str) -> Any:
        """Rows in each train; see `KeyData.data_counts`."""
        return self._get_key_data(source, key).data_counts()

    def get_series(self, source: str, key: str) -> pd.Series[Any]:
        """Read as a pandas Series; see `KeyData.series`."""
        return self._get_key_data(source, key).series()

    def get_array(
        self,
        source: str,
        key: str,
        extra_dims: list[str] | None = None,
        roi: Any = (),
        name: str | None = None,
    ) -> xr.DataArray | xr.Dataset:
        """Read with labels; see `KeyData.xarray`."""
        roi = roi.value if isinstance(roi, by_index) else roi
        return self._get_key_data(source, key).xarray(extra_dims, roi, name)

    def get_dask_array(
        self, source: str, key: str, labelled: bool = False
    ) -> da.Array | xr.DataArray:
        """As a dask array; see `KeyData.dask_array`."""
        return self._get_key_data(source, key).dask_array(labelled)

    def get_dataframe(self, fields: Any = None, *, timestamps: bool = False) -> pd.DataFrame:
        """Read keys with one value per train, side by side; see `beambook.Run.get_dataframe`."""
        chosen = self if fields is None else self.select(fields)
        return chosen._run.get_dataframe(timestamps=timestamps)

    # --- the run ----------------------------------------------------------

    def get_run_value(self, source: str, key: str) -> Any:
        """One value at the start of the run; see `SourceData.run_value`."""
        return self._get_source_data(source).run_value(key)

    def get_run_values(self, source: str) -> dict[str, Any]:
        """All values at the start of the run; see `SourceData.run_values`."""
        return self._get_source_data(source).run_values()

    def run_metadata(self) -> dict[str, Any]:
        """What the files say about the run: proposal, run, dates, versions.

        Raises
        ------
        MultiRunError
        """
        if not self.is_single_run:
            raise MultiRunError
        return self.files[0].metadata()

    def train_timestamps(
        self, labelled: bool = False, *, pydatetime: bool = False, euxfel_local_time: bool = False
    ) -> Any:
        """When each train was; see `beambook.Run.train_timestamps`."""
        return self._run.train_timestamps(
            labelled=labelled, pydatetime=pydatetime, euxfel_local_time=euxfel_local_time
        )

    def detector_info(self, source: str) -> dict[str, Any]:
        """Frames and pixels of a detector's module; see `beambook.Run.detector_info`."""
        with translated():
            return dict(self._run.detector_info(source))

    # --- train by train ---------------------------------------------------

    def trains(
        self,
        devices: Any = None,
        train_range: Any = None,
        *,
        require_all: bool = False,
        flat_keys: bool = False,
        keep_dims: bool = False,
    ) -> Iterator[tuple[int, dict[Any, Any]]]:
        """Go through the trains.

        Parameters
        ----------
        devices, train_range : optional
            Choose first, as `select` and `select_trains` do.
        require_all : bool
            Skip trains in which something selected has no data.
        flat_keys : bool
            Give ``{(source, key): value}`` instead of ``{source: {key: value}}``.
        keep_dims : bool
            Keep the first axis of fast data where a train has one entry.

        Yields
        ------
        (int, dict)
            Train id and its data; text as bytes.
        """
        data = self if devices is None else self.select(devices)
        data = data if train_range is None else data.select_trains(train_range)
        return iter(TrainIterator(data, require_all, flat_keys, keep_dims))

    def train_from_id(
        self,
        train_id: int,
        devices: Any = None,
        *,
        flat_keys: bool = False,
        keep_dims: bool = False,
    ) -> tuple[int, dict[Any, Any]]:
        """One train by its id; see `trains`.

        Raises
        ------
        TrainIDError
        """
        found = np.isin(self._run.train_ids, train_id)
        if not found.any():
            raise TrainIDError(train_id, existing=map(str, self._run.train_ids))
        one = self._only(self._run.train_ids[found])
        return train_id, next(one.trains(devices, flat_keys=flat_keys, keep_dims=keep_dims))[1]

    def train_from_index(
        self,
        train_index: int,
        devices: Any = None,
        *,
        flat_keys: bool = False,
        keep_dims: bool = False,
    ) -> tuple[int, dict[Any, Any]]:
        """One train by its position; see `trains`."""
        train_id = int(self._run.train_ids[train_index])
        return self.train_from_id(train_id, devices, flat_keys=flat_keys, keep_dims=keep_dims)

    # --- showing ----------------------------------------------------------

    def info(
        self,
        details_for_sources: Iterable[str] = (),
        *,
        counts: bool = False,
        group_sources: bool = True,
        with_aggregators: bool = False,
        with_auxiliary: bool = False,
    ) -> None:
        """Show trains, sources and keys.

        Parameters
        ----------
        details_for_sources : iterable of str
            Patterns of sources to say more about.
        counts, with_aggregators, with_auxiliary : bool
            Show how much data there is, who wrote it, and sources beside the data.
        group_sources : bool
            Show similar names in one line.
        """
        InfoPrinter(self, details_for_sources, with_aggregators, counts, group_sources).show(
            with_auxiliary
        )

    def train_info(self, train_id: int) -> None:
        """Show which sources are in the files of a train.

        Raises
        ------
        ValueError
        """
        if train_id not in self._run.train_ids:
            raise ValueError(f"train {train_id} not found in run")
        files = [f for f in self.files if f.has_train_ids([train_id], self.inc_suspect_trains)]
        lines = [f"Train [{train_id}] information", "Devices"]
        for what in ("instrument", "control"):
            names = {source for file in files for source in getattr(file, f"{what}_sources")}
            lines += [f"\t{what.capitalize()}s", *(f"\t- {name}" for name in sorted(names) or [""])]
        sys.stdout.write("\n".join(lines) + "\n")

    def plot_missing_data(self, min_saved_pct: float = 95, expand_instrument: bool = False) -> Axes:
        """Draw the trains of sources that lack some; see `beambook.Run.plot_missing_data`."""
        return self._run.plot_missing_data(min_saved_pct, expand_instrument=expand_instrument)

    # --- writing ----------------------------------------------------------

    def write(self, filename: str | os.PathLike[str]) -> None:
        """Copy the selected data to a file; one of the same name is replaced."""
        self._run.write(Path(filename), overwrite=True)

    def write_virtual(self, filename: str | os.PathLike[str]) -> None:
        """Write a file with virtual data sets that stand for the selected data."""
        self._run.write_virtual(Path(filename), overwrite=True)

    def get_virtual_dataset(
        self, source: str, key: str, filename: str | os.PathLike[str] | None = None
    ) -> h5py.Dataset:
        """Write a file with a virtual data set of one key, and open it.

        Parameters
        ----------
        source, key : str
        filename : path, optional
            A temporary file by default.
        """
        full = self._get_key_data(source, key).key
        path = None if filename is None else Path(filename)
        return virtual_dataset(self._run, source, full, path, overwrite=True)


def _definition(definition: Any) -> Mapping[str, Any] | Path:
    return definition if isinstance(definition, Mapping | Aliases) else Path(definition)


def _refuse_conflicts(store: Store) -> None:
    if clash := conflicts_within(store):
        raise DataError(
            f"{len(clash)} sources have conflicting data (the same train twice): "
            f"{', '.join(clash[:3])}",
            hint="Try inc_suspect_trains=False, or beambook.open_run.",
        )


@contextmanager
def _found(chosen: Any) -> Iterator[None]:
    """Names that are not there are KeyErrors, patterns that match nothing are ValueErrors."""
    if isinstance(chosen, Mapping) or hasattr(chosen, "__beambook__"):
        with translated():
            yield
        return
    try:
        yield
    except (SourceNotFound, KeyNotFound) as error:
        raise ValueError(f"No matches for pattern {chosen!r}: {error}") from error
