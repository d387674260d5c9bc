"""An area detector of a run: modules side by side, matched by train and by pulse."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from beambook.card import Card, Described
from beambook.data._cached_property import cached_property
from beambook.data._detector.card import detector_card
from beambook.data._detector.channel import DetectorChannel
from beambook.data._detector.cxi import write_cxi
from beambook.data._detector.frames import write_frames
from beambook.data._detector.kind import Kind
from beambook.data._detector.mask import Mask
from beambook.data._detector.picture import DetectorGeometry, Pictured
from beambook.data._detector.split import split_detector
from beambook.data._detector.stack import Slots, Stack
from beambook.data._detector.stack_ids import FrameIds
from beambook.data._detector.stack_read_ids import read_ids
from beambook.data._detector.stack_rows import Signals, StackRows
from beambook.data._detector.trains import read_detector_trains
from beambook.data._findings import Finding, warn
from beambook.data._trains import TrainIds
from beambook.errors import DataError, KeyNotFound

if TYPE_CHECKING:
    import dask.array as da

    from beambook.data._run import Run

__all__ = ["Detector"]

MOST_IDS = 8  # selections of trains, made from one detector, of which ids are kept


@dataclass(frozen=True, eq=False, repr=False)
class Detector(Pictured, Described):
    """An area detector made of modules. Get it from ``run.detector()``.

    Slicing and selecting give a `Detector` again, without reading; ``detector[key]`` is a
    `DetectorChannel`, which reads.

    Modules belong together by train id, and frames within a train by pulse id. What a module
    lacks is filled (0 for whole numbers, NaN for floats) and counted.

    Attributes
    ----------
    run : Run
        The sources of the modules, and the trains with data of enough modules.
    kind : Kind
        AGIPD1M, LPD1M …
    name : str
        ``"SPB_DET_AGIPD1M-1"``.
    sources : mapping of int to str
        The source of each module by its number, ascending.
    n_modules : int
        Of the whole detector.
    parallel_gain : bool
        Whether trains hold three gain stages one after another (LPD).
    match_pulses : bool
        Whether frames of modules that disagree about the pulse id are left out. Else they are
        stacked by position, as EXtra-data does, unless they are to be labelled.
    geometry : DetectorGeometry or None
        Where its pixels are; None for a nominal one. See `with_geometry`.

    Examples
    --------
    ::

        agipd = run.detector("AGIPD1M", modules=range(8))
        agipd["image.data"].shape                   # (8, 64000, 2, 512, 128)
        agipd["image.data"][:10].xarray(roi=np.s_[0])   # (module, train, pulse, slow, fast)
        agipd["image.data"].select_pulses(bb.by_id[::4]).ndarray()
        for train_id, data in agipd.trains():
            data["image.data"]
        agipd.with_geometry(Geometry.read("refined.geom")).show(agipd["image.data"].mean())
    """

    run: Run
    kind: Kind
    name: str
    sources: Mapping[int, str]
    n_modules: int
    parallel_gain: bool = False
    match_pulses: bool = True
    findings: tuple[Finding, ...] = ()
    geometry: DetectorGeometry | None = None
    _signals: Signals = field(default_factory=dict)
    _ids: dict[tuple[str, tuple[int, ...], bytes], FrameIds] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        run: Run,
        kind: Kind,
        name: str,
        sources: Mapping[int, str],
        *,
        n_modules: int,
        min_modules: int = 1,
        parallel_gain: bool = False,
        match_pulses: bool = True,
    ) -> Detector:
        """From the sources of its modules.

        Parameters
        ----------
        run : Run
        kind : Kind
        name : str
        sources : mapping of int to str
            Module numbers and sources.
        n_modules : int
            Of the whole detector.
        min_modules : int
            Leave out trains with data of fewer modules.
        parallel_gain, match_pulses : bool
            See the attributes.

        Raises
        ------
        DataError
            No train has data of enough modules; with `parallel_gain`, a train has a number of
            frames that is not three times something.
        """
        if min_modules < 1:
            raise DataError(f"min_modules is at least 1, not {min_modules}")
        sources = dict(sorted(sources.items()))
        run = replace(run, selection={s: run.selection[s] for s in sources.values()})
        made = cls(run, kind, name, sources, n_modules, parallel_gain, match_pulses)
        keep = np.count_nonzero(made.stack.valid, axis=0) >= min_modules
        if not keep.any():
            raise DataError(f"No train has data of at least {min_modules} modules of {name}")
        made = made._counted(keep)
        return made._in_three_stages() if parallel_gain else made

    def _counted(self, keep: NDArray[np.bool_]) -> Detector:
        odd = self.stack.odd
        findings = [
            Finding("another number of frames than the other modules", source, int(number))
            for source, number in zip(self.sources.values(), odd.sum(axis=1), strict=True)
            if number
        ]
        if findings:
            trains = int(odd.any(axis=0).sum())
            warn(
                f"{self.name}: in {trains} trains some modules have another number of frames than "
                "most; these modules count as missing there"
            )
        if left_out := int(np.count_nonzero(~keep)):
            findings.append(Finding("trains without enough modules", self.name, left_out))
        run = replace(self.run, train_ids=self.run.train_ids[keep])
        return replace(self, run=run, findings=tuple(findings))

    def _in_three_stages(self) -> Detector:
        uneven = np.flatnonzero(self.stack.rows % 3)
        if len(uneven):
            raise DataError(
                f"With parallel_gain each train has three frames for each pulse; {len(uneven)} "
                f"trains have not, e.g. {self.train_ids[uneven[0]]} with "
                f"{self.stack.rows[uneven[0]]} frames"
            )
        return self

    # --- what it is -------------------------------------------------------

    @property
    def train_ids(self) -> TrainIds:
        """Ids of its trains, ascending."""
        return self.run.train_ids

    @property
    def modules(self) -> tuple[int, ...]:
        """Numbers of the modules, ascending."""
        return tuple(self.sources)

    @cached_property
    def is_raw(self) -> bool:
        """Whether the data is as the detector sent it, not corrected."""
        return all(self.kind.is_raw(self.run, source) for source in self.sources.values())

    def keys(self) -> frozenset[str]:
        """Keys that all modules have."""
        every = [self.run.source_data(source).keys() for source in self.sources.values()]
        return frozenset.intersection(*every)

    def __contains__(self, key: object) -> bool:
        return isinstance(key, str) and all(
            key in self.run.source_data(source) for source in self.sources.values()
        )

    def __getitem__(self, key: str) -> DetectorChannel:
        """A key of all modules.

        Raises
        ------
        KeyNotFound
        """
        source = self.run.source_data(next(iter(self.sources.values())))
        if key not in source:
            raise KeyNotFound(key, source.keys(), where=self.name)
        return DetectorChannel(self, key)

    __iter__ = None

    def _ipython_key_completions_(self) -> list[str]:
        return sorted(self.keys())

    def card(self) -> Card:
        """Describe the detector; reads the index, no data."""
        return detector_card(self)

    # --- rows and frames --------------------------------------------------

    @cached_property
    def stack(self) -> Stack:
        """Rows of the pixel values."""
        return self.stack_of(self.kind.main_key)

    def stack_of(self, key: str) -> Stack:
        """Rows of a key's group."""
        group = key.partition(".")[0]
        if group == self.kind.main_key.partition(".")[0] and "stack" in self.__dict__:
            return self.stack
        return Stack.of(self.run.store, tuple(self.sources.values()), group, self.train_ids)

    def rows_of(self, key: str, stack: Stack | None = None, *, lenient: bool = False) -> StackRows:
        """Rows of a key in the files; see `StackRows`."""
        stack = self.stack_of(key) if stack is None else stack
        store, sources = self.run.store, tuple(self.sources.values())
        return StackRows(store, sources, key, stack, self._signals, lenient)

    def has_frames(self, key: str) -> bool:
        """Whether the rows of a key are frames, of which a train has many."""
        return self.kind.by_pulse and key.startswith("image.")

    @cached_property
    def slots(self) -> Slots:
        """Places of all frames."""
        return Slots(self.stack.rows)

    @property
    def frame_counts(self) -> pd.Series[int]:
        """Frames of each train (JUNGFRAU: entries, with all memory cells in one)."""
        return pd.Series(self.stack.rows, pd.Index(self.train_ids, name="train"), name="frames")

    @property
    def cells_per_row(self) -> int:
        """Frames in one row: more than one for JUNGFRAU in burst mode."""
        return 1 if self.kind.by_pulse else self[self.kind.main_key].entry_shape[0]

    @property
    def frames_per_train(self) -> int:
        """Frames in every train that has any.

        Raises
        ------
        DataError
            It is not the same in all.
        """
        counts = np.unique(self.stack.rows[self.stack.rows > 0])
        if len(counts) > 1:
            raise DataError(f"Trains have between {counts[0]} and {counts[-1]} frames")
        return int(counts.sum()) * self.cells_per_row

    @cached_property
    def pulse_ids(self) -> FrameIds:
        """Pulse id of each frame, and which modules disagree; reads them."""
        return self._agreeing("image.pulseId", "pulse id")

    @cached_property
    def memory_cells(self) -> FrameIds:
        """Memory cell of each frame, and which modules disagree; reads them."""
        return self._agreeing("image.cellId", "memory cell")

    def _agreeing(self, key: str, what: str) -> FrameIds:
        where = key, self.modules, self.train_ids.tobytes()
        if where in self._ids:
            return self._ids[where]
        found = read_ids(self, key)
        if number := len(found.module):
            trains = len(np.unique(self.slots.train[found.frame]))
            warn(
                f"{self.name}: modules disagree about the {what} in {trains} trains; "
                f"{number} frames of modules that say something else than most are left out "
                "where frames are matched by it"
            )
        while len(self._ids) >= MOST_IDS:
            self._ids.pop(next(iter(self._ids)), None)
        self._ids[where] = found
        return found

    def cell_ids(self) -> NDArray[Any]:
        """Memory cells of a JUNGFRAU, from its first train.

        Returns
        -------
        ndarray, (cells,)

        Raises
        ------
        DataError
            Modules disagree.
        """
        cells = self[f"{self.kind.main_key.partition('.')[0]}.memoryCell"][:1]
        there = cells.data_availability()[:, 0]
        values = cells.ndarray()[there, 0]
        if not len(values) or (values != values[0]).any():
            raise DataError(f"The modules of {self.name} disagree about memory cells")
        return np.asarray(values[0])

    def data_availability(self, *, module_gaps: bool = False) -> NDArray[np.bool_]:
        """Which modules have data; see `DetectorChannel.data_availability`."""
        return self[self.kind.main_key].data_availability(module_gaps=module_gaps)

    # --- choosing ---------------------------------------------------------

    def select_trains(self, trains: Any) -> Detector:
        """The same detector for some of the trains.

        Parameters
        ----------
        trains : slice, int, list, ndarray, DataArray, by_id or by_index
            See `Run.select_trains`.
        """
        return replace(self, run=self.run.select_trains(trains))

    def select_modules(self, modules: Collection[int]) -> Detector:
        """The same detector with some of the modules, for the trains that any of them has.

        As ``run.detector(modules=modules)``, which asks for `min_modules` of them.

        Raises
        ------
        DataError
            There are no such modules, or no train has data of them.
        """
        fewer = self.for_modules(modules)
        there = fewer.stack.valid.any(axis=0)
        if not there.any():
            raise DataError(f"No train has data of modules {list(fewer.modules)} of {self.name}")
        return replace(fewer, run=replace(self.run, train_ids=self.train_ids[there]))

    def for_modules(self, modules: Collection[int]) -> Detector:
        """The same trains with some of the modules, also those in which none has data.

        Raises
        ------
        DataError
            There are no such modules.
        """
        kept = {m: s for m, s in self.sources.items() if m in set(modules)}
        if not kept:
            raise DataError(f"{self.name} has modules {list(self.modules)}, not {modules}")
        return replace(self, sources=kept)

    def split_trains(
        self,
        parts: int | None = None,
        trains_per_part: int | None = None,
        frames_per_part: int | None = None,
    ) -> Iterator[Detector]:
        """Cut the detector in parts of whole trains.

        Parameters
        ----------
        parts : int, optional
            How many, of nearly as many trains; at least so many with `trains_per_part`.
        trains_per_part : int, optional
            At most so many trains in each.
        frames_per_part : int, optional
            At most so many frames in each, but at least one train.
        """
        return split_detector(self, parts, trains_per_part, frames_per_part)

    # --- reading ----------------------------------------------------------

    def masked_data(
        self,
        key: str | None = None,
        *,
        mask_bits: int | Collection[int] | None = None,
        masked_value: float = np.nan,
    ) -> DetectorChannel:
        """Values without those that the correction marked as bad.

        Parameters
        ----------
        key : str, optional
            The pixel values by default.
        mask_bits : int or collection of int, optional
            Reasons that count; any by default.
        masked_value : float
            What bad pixels become.

        Raises
        ------
        KeyNotFound
            There is no mask; raw data has none.
        """
        if self.kind.mask_key not in self:
            raise KeyNotFound(
                self.kind.mask_key, self.keys(), where=self.name,
                hint="Raw data has no mask; open the corrected run." if self.is_raw else "",
            )  # fmt: skip
        mask = Mask.of(self.kind.mask_key, mask_bits, masked_value)
        return replace(self[key or self.kind.main_key], mask=mask)

    def get_array(
        self,
        key: str,
        pulses: Any = slice(None),
        unstack_pulses: bool = True,  # noqa: FBT001, FBT002 as EXtra-data has it
        *,
        fill_value: Any = None,
        subtrain_index: str = "pulseId",
        roi: Any = (),
        astype: Any = None,
    ) -> xr.DataArray:
        """Read a key with labels: ``detector[key].select_pulses(…).xarray(…)`` in one call."""
        channel = self[key]
        if self.has_frames(key):
            channel = channel.select_pulses(pulses)
        return channel.xarray(
            fill_value=fill_value, roi=roi, astype=astype, subtrain_index=subtrain_index,
            unstack_pulses=unstack_pulses,
        )  # fmt: skip

    def get_dask_array(
        self,
        key: str,
        subtrain_index: str = "pulseId",
        fill_value: Any = None,
        astype: Any = None,
    ) -> xr.DataArray | da.Array:
        """A key as a labelled dask array: ``detector[key].dask_array(labelled=True)``."""
        return self[key].dask_array(
            labelled=True, subtrain_index=subtrain_index, fill_value=fill_value, astype=astype
        )

    def trains(
        self,
        pulses: Any = slice(None),
        *,
        require_all: bool = True,
        keys: Collection[str] | None = None,
    ) -> Iterator[tuple[int, dict[str, xr.DataArray]]]:
        """Go through the trains.

        Parameters
        ----------
        pulses : slice, sequence, by_id or by_index
            Which frames of each train.
        require_all : bool
            Skip trains in which a module lacks anything.
        keys : collection of str, optional
            Read only these.

        Yields
        ------
        (int, dict of str to xarray.DataArray)
            Train id, and for each key the modules that have it:
            ``("module", "train", "pulse", …)`` for frames, else ``("module", …)``.
        """
        return read_detector_trains(self, pulses, require_all=require_all, keys=keys)

    # --- writing ----------------------------------------------------------

    def write_virtual_cxi(
        self, filename: str | Path, fillvalues: Mapping[str, float] | None = None
    ) -> None:
        """Write a CXI file that refers to the data, as CrystFEL and Cheetah read it.

        Parameters
        ----------
        filename : path
            Replaced if it exists.
        fillvalues : mapping of str to number, optional
            For what is missing of ``data``, ``gain`` and ``mask``; by default NaN or 0, 0, and
            all bits.
        """
        write_cxi(self, Path(filename), fillvalues or {})

    def write_frames(
        self, filename: str | Path, trains: NDArray[Any], pulses: NDArray[Any]
    ) -> None:
        """Write some frames to a new file of the European XFEL's format.

        Parameters
        ----------
        filename : path
            Replaced if it exists.
        trains, pulses : ndarray, (frames,)
            Train id and pulse id of each frame.
        """
        write_frames(self, Path(filename), np.asarray(trains), np.asarray(pulses))
