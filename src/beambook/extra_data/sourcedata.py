"""One source, under EXtra-data's names; a `beambook.Source` does the work."""

# ruff: noqa: FBT001, FBT002  EXtra-data's parameters are positional
from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import reduce
from typing import Any

import h5py
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from beambook.data import Source
from beambook.data._cached_property import cached_property
from beambook.data._trains import TrainIds
from beambook.errors import DataError
from beambook.extra_data._files import files_of
from beambook.extra_data.exceptions import MultiRunError, translated
from beambook.extra_data.file_access import FileAccess
from beambook.extra_data.keydata import KeyData
from beambook.extra_data.read_machinery import choose, same_run, split_trains

__all__ = ["SourceData"]


class SourceData:
    """Data of one source. Get it from ``run[source]``.

    Parameters
    ----------
    native : beambook.Source
    is_single_run : bool
        Whether all its files are of one run.
    """

    def __init__(self, native: Source, *, is_single_run: bool = True) -> None:
        self._source = native
        self.is_single_run = is_single_run

    def __beambook__(self) -> Source:
        """The same as beambook's own object."""
        return self._source

    def _with(self, native: Source) -> SourceData:
        return SourceData(native, is_single_run=self.is_single_run)

    def _only(self, train_ids: TrainIds) -> SourceData:
        return self._with(replace(self._source, train_ids=train_ids))

    def __repr__(self) -> str:
        section = f" section={self.section}" if self.is_auxiliary else ""
        return (
            f"<extra_data.SourceData{section} source={self.source!r} "
            f"for {len(self._source.train_ids)} trains>"
        )

    # --- what it is -------------------------------------------------------

    @property
    def source(self) -> str:
        """Its name."""
        name = self._source.source
        return name.rpartition("@")[2] if self.is_auxiliary else name

    @property
    def canonical_name(self) -> str:
        """The name it has now."""
        return self._source.canonical_name if self.is_legacy else self.source

    @cached_property
    def train_ids(self) -> list[np.uint64]:
        """All selected trains, with or without data."""
        return list(self._source.train_ids)

    @cached_property
    def files(self) -> list[FileAccess]:
        """Files with any of the selected trains, or else one of the source's."""
        native = self._source
        return files_of(native.store, native.source, native.train_ids)

    @property
    def sel_keys(self) -> frozenset[str] | None:
        """The selected keys; None for all."""
        return self._source.selected

    @property
    def section(self) -> str:
        """``"CONTROL"``, ``"INSTRUMENT"``, ``"REDUCTION"`` or ``"ERRATA"``."""
        return self._source.store.kind(self._source.source).upper()

    @property
    def inc_suspect_trains(self) -> bool:
        """Whether trains with a doubtful id are taken."""
        return self._source.store.suspect

    @property
    def is_control(self) -> bool:
        """Whether it is a source of slow values."""
        return self._source.is_control

    @property
    def is_instrument(self) -> bool:
        """Whether it is a source of fast data."""
        return self._source.is_instrument

    @property
    def is_reduction(self) -> bool:
        """Whether it says what was left out of the data."""
        return self._source.is_reduction

    @property
    def is_errata(self) -> bool:
        """Whether it says what went wrong."""
        return self._source.is_errata

    @property
    def is_auxiliary(self) -> bool:
        """Whether it is beside the data."""
        return self._source.is_auxiliary

    @property
    def is_legacy(self) -> bool:
        """Whether this is an old name for another source."""
        return self._source.is_legacy

    @property
    def is_run_only(self) -> bool:
        """Whether it only has values of the run."""
        return self._source.is_run_only

    @property
    def storage_class(self) -> str | None:
        """``"raw"``, ``"proc"`` … at the facility."""
        return self._first_file.storage_class

    @property
    def data_category(self) -> str | None:
        """Kind of data, by the name of the file: ``"RAW"``, ``"CORR"``."""
        return self._first_file.data_category

    @property
    def aggregator(self) -> str | None:
        """Who wrote it, e.g. ``"DA01"``."""
        return self._first_file.aggregator

    @cached_property
    def _first_file(self) -> FileAccess:
        """The first file with data, also where it was opened by a virtual overview."""
        file = self.files[0]
        if not file.is_voview:
            return file
        if (key := self._source.one_key()) is not None:
            return FileAccess(self._source.channel(key).source_file_paths[0])
        link = file.file.get(f"RUN/{self.source}", getlink=True)
        return FileAccess(link.filename) if isinstance(link, h5py.ExternalLink) else file

    @property
    def device_class(self) -> str | None:
        """Class of the device, for control sources."""
        return self._source.device_class if self.is_control else None

    # --- keys -------------------------------------------------------------

    def keys(self, inc_timestamps: bool = True) -> set[str]:
        """Names of the selected keys; without ``.value`` and timestamps if they are not wanted."""
        return set(self._source.keys(inc_timestamps=inc_timestamps))

    def one_key(self, index_group: str | None = None) -> str | None:
        """Some key, of any index group or of one.

        Raises
        ------
        ValueError
            There is no such group, or none of its keys is selected.
        """
        self._checked(index_group)
        return self._source.one_key(index_group)

    @property
    def index_groups(self) -> set[str]:
        """The parts of the source that have rows of their own; ``{""}`` for control sources."""
        return set(self._source.index_groups)

    def _checked(self, group: str | None) -> str | None:
        if group is not None and group not in self._source.index_groups:
            known = ", ".join(sorted(self._source.index_groups))
            raise DataError(f"{group!r} is no index group of {self.source}: {known}")
        return group

    def __contains__(self, key: object) -> bool:
        return key in self._source

    __iter__ = None

    def __getitem__(self, key: Any) -> Any:
        """A `KeyData` for a key, else a choice of trains.

        Raises
        ------
        PropertyNameError
        """
        if not isinstance(key, str):
            return self.select_trains(key)
        with translated():
            return KeyData(self._source.channel(key), is_single_run=self.is_single_run)

    def _ipython_key_completions_(self) -> list[str]:
        return sorted(self.keys(inc_timestamps=False))

    def select_keys(self, keys: str | Iterable[str] | None) -> SourceData:
        """The same with some of the keys: a name, a pattern, a set of names; none for all.

        Raises
        ------
        PropertyNameError
        """
        with translated():
            return self._with(self._source.select_keys(keys))

    # --- trains -----------------------------------------------------------

    def select_trains(self, trains: Any) -> SourceData:
        """The same for some of the trains; also as ``sd[:10]``."""
        return self._only(choose(self._source.train_ids, trains))

    def split_trains(
        self, parts: int | None = None, trains_per_part: int | None = None
    ) -> Iterator[SourceData]:
        """Cut it in parts of nearly as many trains."""
        ids = self._source.train_ids
        return (self._only(ids[p]) for p in split_trains(len(ids), parts, trains_per_part))

    def drop_empty_trains(self, index_group: str | None = None) -> SourceData:
        """The same without trains that have no data in any group, or in one."""
        return self._with(self._source.drop_empty_trains(self._checked(index_group)))

    def data_counts(
        self, labelled: bool = True, index_group: str | None = None
    ) -> pd.Series[int] | NDArray[np.uint64]:
        """Rows in each train: of one index group, or the largest of all groups.

        Raises
        ------
        ValueError
            There is no such group.
        """
        group = self._checked(index_group)
        counts = np.asarray(self._source.data_counts(labelled=False, index_group=group))
        if labelled:
            return pd.Series(counts, self._source.train_ids)
        return counts.astype(np.uint64)

    def train_id_coordinates(self, index_group: str | None = None) -> TrainIds:
        """Train id of each row.

        Raises
        ------
        ValueError
            There is no such group, or groups differ and none is given.
        """
        return self._source.train_id_coordinates(self._checked(index_group))

    def union(self, *others: SourceData) -> SourceData:
        """Put data of the same source together.

        Raises
        ------
        ValueError
            The sources are not the same.
        """
        native = reduce(Source.union, (o.__beambook__() for o in others), self._source)
        return SourceData(native, is_single_run=same_run(self, *others))

    def __or__(self, other: SourceData) -> SourceData:
        return self.union(other)

    # --- values of the run ------------------------------------------------

    def run_metadata(self) -> dict[str, Any]:
        """What the files say about the run.

        Raises
        ------
        MultiRunError
        """
        self._one_run()
        return self.files[0].metadata()

    def run_keys(self, inc_timestamps: bool = True) -> set[str]:
        """Names of the values stored once for the run.

        Raises
        ------
        MultiRunError
        ValueError
            There are none, as for all fast data.
        """
        self._one_run()
        return set(self._with_run_values().run_keys(inc_timestamps=inc_timestamps))

    def run_value(self, key: str, *, allow_multi_run: bool = False) -> Any:
        """One value at the start of the run.

        Raises
        ------
        MultiRunError
        PropertyNameError
        ValueError
            There are none, as for all fast data.
        """
        if not allow_multi_run:
            self._one_run()
        with translated():
            return self._with_run_values().run_value(key)

    def run_values(self, inc_timestamps: bool = True) -> dict[str, Any]:
        """All values at the start of the run.

        Raises
        ------
        MultiRunError
        ValueError
            There are none, as for all fast data.
        """
        self._one_run()
        return self._with_run_values().run_values(inc_timestamps=inc_timestamps)

    def _one_run(self) -> None:
        if not self.is_single_run:
            raise MultiRunError

    def _with_run_values(self) -> Source:
        if not self._source.run_keys():
            raise DataError(f"{self.source} has no RUN values")
        return self._source
