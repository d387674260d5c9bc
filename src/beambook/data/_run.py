"""A run: a stored sequence of trains with the data of many sources."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import reduce
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from beambook.card import Card, Described
from beambook.data._aliases import Alias, Aliases, Names
from beambook.data._align import align
from beambook.data._auxiliary import auxiliary_store
from beambook.data._cached_property import cached_property
from beambook.data._channel import Channel
from beambook.data._detector.detector import Detector
from beambook.data._detector.types import find_detector
from beambook.data._familiar import Familiar
from beambook.data._findings import Finding
from beambook.data._format import Part
from beambook.data._hdf5 import pool
from beambook.data._interop.as_extra_data import collection
from beambook.data._interop.native import native
from beambook.data._live.refresh import refreshed
from beambook.data._missing import plot_missing_data
from beambook.data._references import ZarrReferences, references
from beambook.data._run_card import Info, TrainInfo, run_card
from beambook.data._same_run import metadata_of, one_run
from beambook.data._selection import aliased, expand, trains_with_data, without
from beambook.data._source import Source
from beambook.data._store import Store
from beambook.data._times import labelled_times, python_times, times_of
from beambook.data._train import read_trains
from beambook.data._trains import TrainIds, choose_trains, split
from beambook.data._union import union
from beambook.data._write.run_file import virtual_dataset, write_run, write_virtual
from beambook.errors import DataError, SourceNotFound, TrainNotFound
from beambook.events import Reporter

if TYPE_CHECKING:
    import h5py
    from matplotlib.axes import Axes

__all__ = ["Run"]


@dataclass(frozen=True, eq=False, repr=False)
class Run(Familiar, Described):
    """A stored sequence of trains with the data of many sources.

    Get it from `open_run` or `open_file`. Slicing and selecting give a `Run` again, at once and
    without reading; data is read by `Channel`.

    Attributes
    ----------
    name : str
        For people: ``p900074 r0487``.
    train_ids : ndarray of uint64, (trains,)
        Ascending, each once.
    selection : mapping of str to frozenset of str or None
        The selected sources and their selected keys; None for all.
    aliases : Aliases
        Short names.

    Examples
    --------
    ::

        run = bb.open_run(900074, 487)
        run["SA2_XTD1_XGM/XGM/DOOCS:output", "data.intensityTD"].xarray()
        run["xgm"][:100].ndarray()            # by alias, the first 100 trains
        run.select("*/DET/*", "image.data")[bb.by_id[1000:1100]]
        data = run.aligned("energy", i0="xgm", i1="mcp3")
    """

    store: Store
    name: str
    train_ids: TrainIds
    selection: Mapping[str, frozenset[str] | None]
    aliases: Aliases = field(default_factory=Aliases)
    reopen: tuple[Callable[[], Run], ...] = field(default=(), repr=False)

    @classmethod
    def of(cls, store: Store, name: str, aliases: Aliases | None = None) -> Run:
        """Everything in a store."""
        everything = dict.fromkeys(store.sources)
        return cls(store, name, store.event_ids, everything, aliases or Aliases())

    # --- what is in it ----------------------------------------------------

    @cached_property
    def all_sources(self) -> frozenset[str]:
        """Names of the selected sources."""
        return frozenset(self.selection)

    @property
    def sources(self) -> frozenset[str]:
        """The same as `all_sources`."""
        return self.all_sources

    @cached_property
    def control_sources(self) -> frozenset[str]:
        """Sources of slow values, one entry per train."""
        return frozenset(s for s in self.selection if self.store.kind(s) == "control")

    @cached_property
    def instrument_sources(self) -> frozenset[str]:
        """Sources of fast data."""
        return frozenset(s for s in self.selection if self.store.kind(s) == "instrument")

    @property
    def detector_sources(self) -> frozenset[str]:
        """Sources that are modules of area detectors."""
        return frozenset(s for modules in self.detectors.values() for s in modules)

    @cached_property
    def auxiliary(self) -> Run:
        """The sources beside the data, which say how it was reduced and what was wrong with it.

        They are a run of their own: ``run.auxiliary[source, key]``. They are not among
        `sources`. The files are looked at when they are asked for.
        """
        store = auxiliary_store(self.parts, suspect=self.store.suspect)
        everything = dict.fromkeys(store.sources)
        return Run(store, f"{self.name} (auxiliary)", self.train_ids, everything)

    @property
    def reduction_sources(self) -> frozenset[str]:
        """Of ``run.auxiliary``: sources that say how data was reduced."""
        return frozenset(s for s in self.selection if self.store.kind(s) == "reduction")

    @property
    def errata_sources(self) -> frozenset[str]:
        """Of ``run.auxiliary``: sources that say what was wrong with data."""
        return frozenset(s for s in self.selection if self.store.kind(s) == "errata")

    @property
    def legacy_sources(self) -> dict[str, str]:
        """Old names of sources, and the names they have now."""
        return {s: new for s, new in self.store.legacy.items() if s in self.selection}

    @property
    def parts(self) -> tuple[Part, ...]:
        """Indexes of the files with selected sources."""
        used = sorted({n for s in self.selection for n in self.store.sources[s]})
        return tuple(self.store.parts[n] for n in used)

    @cached_property
    def detectors(self) -> Mapping[str, tuple[str, ...]]:
        """Area detectors and the sources that are their modules."""
        found: dict[str, dict[str, None]] = {}
        for part in self.parts:
            for source, (detector, _) in part.modules.items():
                if source in self.selection:
                    found.setdefault(detector, {})[source] = None
        return {name: tuple(sorted(sources)) for name, sources in sorted(found.items())}

    def detector(self, name: str | None = None, **options: Any) -> Detector:
        """An area detector: its modules side by side.

        Parameters
        ----------
        name : str, optional
            Its name, or its kind (``"AGIPD1M"``); may be left out if there is one.
        **options
            ``modules``, ``min_modules``, ``raw``, ``parallel_gain`` …; see `find_detector`.

        Raises
        ------
        SourceNotFound, DataError
        """
        return find_detector(self, name, **options)

    @cached_property
    def files(self) -> tuple[Path, ...]:
        """Files with selected sources and trains."""
        return tuple(p.file.path for p in self.parts if np.isin(p.event_ids, self.train_ids).any())

    @property
    def problems(self) -> tuple[Finding, ...]:
        """What was wrong when the run was opened; `check` looks deeper."""
        return self.store.findings

    @property
    def alias(self) -> Run:
        """The run itself, because ``run[...]`` understands aliases (for EXtra-data's users)."""
        return self

    @property
    def inc_suspect_trains(self) -> bool:
        """Whether trains are taken whose id the file itself doubts."""
        return self.store.suspect

    @property
    def is_single_run(self) -> bool:
        """Whether all files are of one run, as raw and corrected data of it are."""
        return one_run(self.parts)

    def run_metadata(self) -> dict[str, str | int]:
        """What the files say about the run: proposal, run, dates, versions.

        Of the first file; if runs were put together, what all of them agree on.
        """
        return metadata_of(self.parts or self.store.parts[:1])

    def train_timestamps(
        self, *, labelled: bool = False, pydatetime: bool = False, euxfel_local_time: bool = False
    ) -> Any:
        """When each train was, in UTC; NaT where the files do not say (format 0.5).

        Parameters
        ----------
        labelled : bool
            Give a Series over train ids, with the time zone.
        pydatetime : bool
            Give a list of `datetime.datetime` (in µs, rounded down); None where not known.
        euxfel_local_time : bool
            In the facility's time zone, Europe/Berlin; with one of the others.

        Returns
        -------
        ndarray of datetime64[ns], (trains,), or Series or list

        Raises
        ------
        DataError
            Times of an array have no time zone, so it cannot be a local one.
        """
        times = times_of(self.parts, self.train_ids, suspect=self.store.suspect)
        zone = "Europe/Berlin" if euxfel_local_time else "UTC"
        if labelled:
            return labelled_times(times, self.train_ids, zone)
        if pydatetime:
            return python_times(times, zone)
        if euxfel_local_time:
            raise DataError(
                "An array of times is in UTC", hint="Add labelled=True or pydatetime=True."
            )
        return times

    # --- one thing of it --------------------------------------------------

    def __getitem__(self, item: Any) -> Any:
        """A `Source`, a `Channel`, or a `Run` of chosen trains.

        ``run[source]``, ``run[alias]``, ``run[source, key]``, ``run[alias, key]``; ``run[:10]``,
        ``run[by_id[a:b]]``, ``run[[0, 5]]``, ``run[condition]``.

        Raises
        ------
        SourceNotFound, KeyNotFound, TrainNotFound
            With the closest names.
        """
        if isinstance(item, str):
            return self._named(item)
        if isinstance(item, tuple) and len(item) == 2 and all(isinstance(i, str) for i in item):
            source, key = item
            return self._source_called(source).warn_if_legacy().channel(key)
        return self.select_trains(item)

    __iter__ = None

    def __contains__(self, item: object) -> bool:
        try:
            return isinstance(item, str | tuple) and self[item] is not None
        except KeyError:
            return False

    def _ipython_key_completions_(self) -> list[str]:
        return sorted((*self.aliases, *self.all_sources))

    def _named(self, name: str) -> Source | Channel:
        if name in self.selection or name not in self.aliases:
            return self.source_data(name).warn_if_legacy()
        alias = self.aliases[name]
        source = self._of_alias(alias)
        return source if alias.key is None else source.channel(alias.key, alias)

    def _source_called(self, name: str) -> Source:
        if name in self.selection or name not in self.aliases:
            return self.source_data(name)
        return self._of_alias(self.aliases[name])

    def _of_alias(self, alias: Alias) -> Source:
        if alias.source in self.selection:
            return self.source_data(alias.source)
        raise SourceNotFound(
            alias.source, self.all_sources, where=self.name, hint=f"(The alias {alias.name!r}.)"
        )

    def source_data(self, name: str) -> Source:
        """A source by its full name.

        Raises
        ------
        SourceNotFound
        """
        if name not in self.selection:
            known = Names(self.all_sources, self.aliases, name)
            raise SourceNotFound(name, known, where=self.name or "the run")
        return Source(self.store, name, self.train_ids, self.selection[name])

    def channel(self, item: Any) -> Channel:
        """A channel by alias, or (source, key), or as it is.

        Raises
        ------
        KeyNotFound
            The name means a whole source.
        """
        if isinstance(item := native(item), Channel):
            return replace(item, train_ids=self.train_ids)
        if isinstance(item, Alias):
            return self._of_alias(item).channel(item.key or "", item)
        found = self[tuple(item) if isinstance(item, list) else item]
        if isinstance(found, Channel):
            return found
        raise DataError(f"{item!r} is not one channel", hint="Write (source, key).")

    def everywhere(self) -> Run:
        """All sources of the opened run again, for the same trains."""
        return replace(self, selection=dict.fromkeys(self.store.sources))

    # --- selecting --------------------------------------------------------

    def select_trains(self, trains: Any) -> Run:
        """The same sources for some of the trains; also as ``run[:10]``.

        Parameters
        ----------
        trains : slice, int, list, ndarray, DataArray, by_id or by_index
            See ``run[...]``.
        """
        return replace(self, train_ids=choose_trains(self.train_ids, trains))

    def split_trains(
        self, parts: int | None = None, trains_per_part: int | None = None
    ) -> Iterator[Run]:
        """Cut the run in parts of nearly as many trains, for parallel work.

        Parameters
        ----------
        parts : int, optional
            How many; fewer if there are not so many trains.
        trains_per_part : int, optional
            At most so many trains in each.
        """
        return (self[part] for part in split(self.train_ids, parts, trains_per_part))

    def select(
        self,
        sources: Any,
        key: str = "*",
        *,
        require_all: bool = False,
        require_any: bool = False,
        warn_drop_trains_frac: float = 1.0,
    ) -> Run:
        """Some of the sources and keys.

        Parameters
        ----------
        sources : str, iterable, mapping, Run, Source or Channel
            ``"*/DET/*"``; ``["*XGM*", ("*/DET/*", "image.*")]``; ``{source: {key, …}}`` with
            full names, an empty set for all keys; or something selected before.
        key : str
            Pattern of keys, if `sources` is a pattern. Case matters in both.
        require_all, require_any : bool
            Only the trains in which all (or any) of what is selected has data.
        warn_drop_trains_frac : float
            With `require_all`: warn, naming the source, if one source loses this part of the
            trains that were left, or more. By default, if it loses all.

        Raises
        ------
        SourceNotFound, KeyNotFound
            Nothing matches.
        """
        chosen = replace(self, selection=expand(self, sources, key))
        if require_all or require_any:
            keep = trains_with_data(chosen, every=require_all, warn_from=warn_drop_trains_frac)
            return replace(chosen, train_ids=self.train_ids[keep])
        return chosen

    def deselect(self, sources: Any, key: str = "*") -> Run:
        """Everything but some of the sources and keys; takes what `select` takes."""
        return replace(self, selection=without(self, expand(self, sources, key)))

    def union(self, *others: Run) -> Run:
        """Put runs together: more sources, or more trains of the same sources.

        Raises
        ------
        DataError
            Different files have the same train of the same source, or aliases disagree.
        """
        return reduce(union, map(native, others), self)

    def __or__(self, other: Run) -> Run:
        return union(self, native(other))

    def with_aliases(self, *definitions: Mapping[str, Any] | str | Path) -> Run:
        """The same run with more short names.

        Parameters
        ----------
        *definitions : mapping, str or Path
            ``{"xgm": (source, key)}`` or a file; see `Aliases.of` for the forms.
        """
        aliases = self.aliases
        for definition in definitions:
            aliases = aliases.and_(Aliases.of(definition))
        return replace(self, aliases=aliases)

    def only_aliases(
        self,
        *definitions: Mapping[str, Any] | str | Path,
        strict: bool = False,
        require_all: bool = False,
    ) -> Run:
        """Only what has a short name.

        Parameters
        ----------
        *definitions : mapping, str or Path
            More short names; see `with_aliases`.
        strict : bool
            Whether a short name of something that the run does not have is an error.
        require_all : bool
            Only the trains in which all of it has data.

        Raises
        ------
        SourceNotFound, KeyNotFound
            With `strict`, or if nothing is left.
        """
        named = self.with_aliases(*definitions)
        return named.select(aliased(named, strict=strict), require_all=require_all)

    def drop_aliases(self) -> Run:
        """The same run without short names."""
        return replace(self, aliases=Aliases())

    # --- reading ----------------------------------------------------------

    def trains(
        self,
        devices: Any = None,
        train_range: Any = None,
        *,
        require_all: bool = False,
        flat_keys: bool = False,
        keep_dims: bool = False,
    ) -> Iterator[tuple[int, Any]]:
        """Go through the trains.

        Parameters
        ----------
        devices, train_range : optional
            Choose first, as `select` and `select_trains` do.
        require_all : bool
            Skip trains in which something selected has no data.
        flat_keys : bool
            Give ``{(source, key): value}`` instead of a `Train`.
        keep_dims : bool
            Keep the first axis where a train has one row.

        Yields
        ------
        (int, Train)
            Train id and its data; a source without data in the train has only ``"metadata"``.
        """
        run = self if devices is None else self.select(devices)
        run = run if train_range is None else run.select_trains(train_range)
        run = run.select(run, require_all=True) if require_all else run
        for train in read_trains(run, keep_dims=keep_dims):
            yield train.id, train.flat() if flat_keys else train

    def train_from_id(
        self,
        train_id: int,
        devices: Any = None,
        *,
        flat_keys: bool = False,
        keep_dims: bool = False,
    ) -> tuple[int, Any]:
        """One train by its id.

        Parameters
        ----------
        train_id : int
        devices, flat_keys, keep_dims
            See `trains`.

        Raises
        ------
        TrainNotFound
        """
        if train_id not in self.train_ids:
            raise TrainNotFound(train_id, map(str, self.train_ids), where=self.name)
        one = replace(self, train_ids=np.array([train_id], np.uint64))
        found = one.trains(devices, flat_keys=flat_keys, keep_dims=keep_dims)
        return train_id, next(found)[1]

    def train_from_index(
        self,
        position: int,
        devices: Any = None,
        *,
        flat_keys: bool = False,
        keep_dims: bool = False,
    ) -> tuple[int, Any]:
        """One train by its position."""
        train_id = int(self[position].train_ids[0])
        return self.train_from_id(train_id, devices, flat_keys=flat_keys, keep_dims=keep_dims)

    def references(self, *channels: Any, **named: Any) -> ZarrReferences:
        """Where the values of channels are stored, for Zarr and Kerchunk; reads no values.

        Parameters
        ----------
        *channels : str, (source, key), Channel or Alias
            By default all that are selected. The array is called as the alias is, or
            ``SOURCE.key`` with ``_`` for slashes.
        **named : str, (source, key), Channel or Alias
            Arrays with a name of their own.

        Returns
        -------
        ZarrReferences
            With what is left out, and why: values that are no numbers, virtual data sets …

        Raises
        ------
        DataError
            None of the channels can be referenced.
        """
        return references(self, *channels, **named)

    def aligned(self, *names: Any, **named: Any) -> xr.Dataset:
        """Several channels side by side, matched by train id and by pulse id.

        Trains and pulse ids are those that all channels have. A pulse that a channel lacks in
        single trains, and a fill value, is NaN there. What did not match is counted, channel by
        channel, in ``attrs["alignment"]``: JSON text, so that the table can be saved
        (``to_netcdf``); ``json.loads`` makes a dictionary of it.

        Which pulse an entry belongs to is said by the alias file (``pulses:``), or by a pulse id
        stored beside the data; it is never guessed. What is named by source and key is treated
        as its alias says, unless several aliases of it say different things.

        Parameters
        ----------
        *names : str
            Aliases; the variable has the same name.
        **named : str, (source, key), Channel or Alias
            Variables with a name of their own.

        Returns
        -------
        xarray.Dataset
            Variables over ``(train, pulse)``, or ``train`` only for one value per train (further
            axes stay); coordinates ``train`` (also as ``trainId``) and ``pulse``;
            ``attrs["units"]`` on each variable. Values by pulse are floats.

        Raises
        ------
        AlignmentError
            Nothing in common, or the pulse ids of a channel are not known; says what to write.
        """
        return align(self, {**{str(n): n for n in names}, **named})

    def as_extra_data(self) -> Any:
        """The run as an ``extra_data.DataCollection``, with the same trains, keys and aliases.

        Raises
        ------
        MissingPackage
            EXtra-data is not installed.
        DataError
            It does not take trains that are in several files of a source.
        """
        return collection(self.store, self.train_ids, self.selection, self.aliases)

    # --- writing ----------------------------------------------------------

    def write(
        self, path: str | Path, *, overwrite: bool = False, reporter: Reporter | None = None
    ) -> Path:
        """Write what is selected to one file of the same format; see `write_run`."""
        return write_run(self, path, overwrite=overwrite, reporter=reporter)

    def write_virtual(
        self, path: str | Path, *, overwrite: bool = False, reporter: Reporter | None = None
    ) -> Path:
        """Write a file that stands for what is selected, without data; see `write_virtual`."""
        return write_virtual(self, path, overwrite=overwrite, reporter=reporter)

    def get_virtual_dataset(
        self, source: str, key: str, filename: str | Path | None = None, *, overwrite: bool = False
    ) -> h5py.Dataset:
        """A channel as an HDF5 data set, open for reading; see `virtual_dataset`.

        Parameters
        ----------
        source, key : str
        filename : str or Path, optional
            The file that holds it; a temporary one by default.
        overwrite : bool
            Whether a file of this name may be replaced.
        """
        return virtual_dataset(self, source, key, filename, overwrite=overwrite)

    # --- while it is being written ---------------------------------------

    def refresh(self) -> Run:
        """Look at the files again: the run with the trains and sources that have come since.

        Trains that were selected stay selected, and those are added that were not in the files
        before. Files that have not changed are not read again. See ``open_run(..., live=True)``.

        Returns
        -------
        Run
            A new one; what was made of the old one goes on as it was.

        Raises
        ------
        DataError
            The run was not opened by beambook from files.

        Examples
        --------
        ::

            run = bb.open_run(900074, 488, live=True)
            while True:
                new = run.refresh()
                for train_id, train in new[bb.by_id[int(run.train_ids[-1]) + 1 :]].trains():
                    ...
                run = new
        """
        return refreshed(self)

    # --- closing ----------------------------------------------------------

    def close(self) -> None:
        """Close the files; they are opened again when something is read.

        Files also close when the run is forgotten, or when many others are read.
        """
        for part in self.store.parts:
            pool.release(part.file.path)

    def __enter__(self) -> Run:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # --- showing ----------------------------------------------------------

    def card(self) -> Card:
        """Describe the run; reads nothing but small metadata."""
        return run_card(self)

    def info(
        self, details_for_sources: str | Iterable[str] = (), *, with_auxiliary: bool = False
    ) -> Info:
        """Sources with their keys and how many trains have data; reads the whole index.

        Parameters
        ----------
        details_for_sources : str or iterable of str
            Patterns of sources of which the keys are shown, too.
        with_auxiliary : bool
            Also the sources of `auxiliary`.
        """
        patterns = (details_for_sources,) if isinstance(details_for_sources, str) else ()
        return Info(self, patterns or tuple(details_for_sources), with_auxiliary)

    def train_info(self, train_id: int) -> TrainInfo:
        """Which sources are in the files that have a train, and which of them have data of it.

        Raises
        ------
        TrainNotFound
        """
        if train_id not in self.train_ids:
            raise TrainNotFound(train_id, map(str, self.train_ids), where=self.name)
        return TrainInfo(self, train_id)

    def plot_missing_data(
        self,
        min_saved_pct: float = 95,
        *,
        expand_instrument: bool = False,
        ax: Axes | None = None,
    ) -> Axes:
        """Draw which trains are missing from the sources that have few of them.

        Parameters
        ----------
        min_saved_pct : float
            Sources with a larger part of the trains, in percent, are left out.
        expand_instrument : bool
            Each group of an instrument source by itself.
        ax : Axes, optional
        """
        return plot_missing_data(self, min_saved_pct, by_group=expand_instrument, ax=ax)
