"""Data of many sources, under EXtra-data's names; a `beambook.Run` does the work."""

# ruff: noqa: FBT001, FBT002  EXtra-data's parameters are positional
from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import reduce
from pathlib import Path
from typing import Any, Self

import numpy as np

from beambook.data import Run
from beambook.data._cached_property import cached_property
from beambook.data._open import open_files
from beambook.data._store import Store
from beambook.data._trains import TrainIds
from beambook.errors import DataError
from beambook.extra_data._files import conflicts_within, files_of_all
from beambook.extra_data._getters import Getters
from beambook.extra_data._outputs import Outputs
from beambook.extra_data._short_names import ShortNames
from beambook.extra_data._sources import SourcesData
from beambook.extra_data._train_iterator import TrainIterator
from beambook.extra_data.auxiliary import AuxiliaryIndexer
from beambook.extra_data.exceptions import (
    MultiRunError,
    SourceNameError,
    TrainIDError,
    matched,
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

__all__ = ["DataCollection"]


class DataCollection(Getters, ShortNames, Outputs):
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

    def run_metadata(self) -> dict[str, Any]:
        """What the files say about the run: proposal, run, dates, versions.

        Raises
        ------
        MultiRunError
        """
        if not self.is_single_run:
            raise MultiRunError
        return self.files[0].metadata()

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
        with matched(seln_or_source_glob):
            run = self._run.drop_aliases().select(  # short names are for `alias.select`
                seln_or_source_glob,
                key_glob,
                require_all=require_all,
                require_any=require_any,
                warn_drop_trains_frac=warn_drop_trains_frac,
            )
        return self._with(replace(run, aliases=self._run.aliases))

    def deselect(self, seln_or_source_glob: Any, key_glob: str = "*") -> Self:
        """Everything but some of the sources and keys; takes what `select` takes."""
        with matched(seln_or_source_glob):
            run = self._run.drop_aliases().deselect(seln_or_source_glob, key_glob)
        return self._with(replace(run, aliases=self._run.aliases))

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


def _refuse_conflicts(store: Store) -> None:
    if clash := conflicts_within(store):
        raise DataError(
            f"{len(clash)} sources have conflicting data (the same train twice): "
            f"{', '.join(clash[:3])}",
            hint="Try inc_suspect_trains=False, or beambook.open_run.",
        )
