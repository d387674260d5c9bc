"""One key of all modules of an area detector, read when asked for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from beambook.card import Card, Described
from beambook.data._cached_property import cached_property
from beambook.data._detector.mask import Mask
from beambook.data._detector.read import Reading
from beambook.data._detector.reduce import ReducibleStack
from beambook.data._detector.stack import Slots
from beambook.data._detector.stack_axes import Axes
from beambook.data._detector.stack_choice import Choice
from beambook.data._detector.stack_ids import FrameIds
from beambook.data._detector.stack_rows import StackRows
from beambook.data._findings import warn
from beambook.data._format import Signal
from beambook.data._origin import Origin
from beambook.data._reading.roi import Roi
from beambook.data._trains import TrainIds, by_id
from beambook.errors import DataError

if TYPE_CHECKING:
    import dask.array as da

    from beambook.data._detector.detector import Detector

__all__ = ["DetectorChannel"]

INNER = {"pulseId": "pulse", "cellId": "cell"}


@dataclass(frozen=True, eq=False, repr=False)
class DetectorChannel(Described, ReducibleStack):
    """One key of all modules, for the selected trains and frames. Get it from ``detector[key]``.

    Attributes
    ----------
    detector : Detector
    key : str
        ``"image.data"``.
    frames : Choice or None
        The frames of each train that are wanted; None for all.
    mask : Mask or None
        Which pixels are left out as bad.

    Examples
    --------
    ::

        adc = run.detector("JUNGFRAU")["data.adc"]
        adc.dims, adc.shape            # ("module", "train", "cell", …), (8, 100, 16, 512, 1024)
        adc[:10].xarray(roi=np.s_[0])  # the first memory cell of ten trains
    """

    detector: Detector
    key: str
    frames: Choice | None = None
    mask: Mask | None = None

    # --- what it is -------------------------------------------------------

    @cached_property
    def rows(self) -> StackRows:
        """Where its rows are."""
        rows = self.detector.rows_of(self.key)
        if self.by_train and rows.stack.rows.max(initial=0) > 1:
            number = int(np.count_nonzero(rows.stack.rows > 1))
            raise DataError(
                f"{self.detector.name} {self.key} has several rows in {number} trains",
                hint="Read the modules one by one: run[source, key].",
            )
        if rows.incomplete:
            warn(
                f"{self.detector.name} {self.key}: {rows.incomplete} trains of modules are not "
                "all in the files; they count as missing"
            )
        return rows

    @cached_property
    def _signal(self) -> Signal:
        if (signal := self.rows.signal) is None:
            raise DataError(f"{self.detector.name} has no {self.key}")
        return signal

    @property
    def by_train(self) -> bool:
        """Whether there is one row for each train, rather than one for each frame."""
        return not self.detector.has_frames(self.key)

    @property
    def stored_shape(self) -> tuple[int, ...]:
        """Shape of a row in the files."""
        return self._signal.shape[1:]

    @property
    def squeezed(self) -> bool:
        """Whether frames are stored with an axis of length 1 that says nothing."""
        return not self.by_train and self.stored_shape[:1] == (1,)

    @property
    def entry_shape(self) -> tuple[int, ...]:
        """Shape of a frame (or of a train's entry) of one module."""
        return self.stored_shape[1:] if self.squeezed else self.stored_shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the values."""
        return self._signal.dtype

    @property
    def units(self) -> str:
        """As the file says; empty when it says nothing."""
        return self._signal.units

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of ``ndarray()``: modules, frames (or trains), then of an entry."""
        return self.buffer_shape()

    @property
    def ndim(self) -> int:
        """Number of axes of ``ndarray()``."""
        return 2 + len(self.entry_shape)

    @property
    def nbytes(self) -> int:
        """Size of ``ndarray()`` in bytes."""
        return int(np.prod(self.shape, dtype=np.int64)) * self.dtype.itemsize

    @property
    def dims(self) -> tuple[str, ...]:
        """Names of the axes of ``ndarray()``."""
        return ("module", "train" if self.by_train else "frame", *self.entry_dims)

    @property
    def entry_dims(self) -> tuple[str, ...]:
        """Names of the axes of a frame (or of a train's entry)."""
        return self._signal.dims[1:] if self.squeezed else self._signal.dims

    @property
    def modules(self) -> tuple[int, ...]:
        """Numbers of the modules, ascending."""
        return self.detector.modules

    @property
    def train_ids(self) -> TrainIds:
        """All selected trains."""
        return self.detector.train_ids

    def buffer_shape(self, *, module_gaps: bool = False, roi: Any = ()) -> tuple[int, ...]:
        """Shape of ``ndarray()`` with these options, for the array that is its `out`."""
        modules = self.detector.n_modules if module_gaps else len(self.modules)
        return (modules, len(self.slots), *Roi.of(roi, self.entry_shape).shape)

    @property
    def labels(self) -> dict[str, str]:
        """Where it is from: the run, the detector and the key."""
        origin = Origin.of_parts(self.detector.run.parts)
        return {"run": origin.run, "detector": self.detector.name, "key": self.key}

    def card(self) -> Card:
        """Describe the channel; reads the index, no data."""
        axes = ", ".join(f"{d} {n}" for d, n in zip(self.dims, self.shape, strict=True))
        facts = {"axes": axes, "type": str(self.dtype)}
        facts |= {"units": self.units} if self.units else {}
        missing = int(np.count_nonzero(~self.rows.usable))
        facts |= {"missing": f"{missing} trains of modules are filled"} if missing else {}
        facts |= {"mask": self.mask.key} if self.mask else {}
        facts["run"] = self.labels["run"]
        return Card("DetectorChannel", f"{self.detector.name} {self.key}", facts)

    # --- frames and their labels ------------------------------------------

    @cached_property
    def slots(self) -> Slots:
        """The axis of frames (or trains)."""
        if self.by_train:
            return Slots(np.ones(len(self.train_ids), np.int64))
        every = self.detector.slots
        if self.frames is None:
            return every
        return Slots(every.sizes, np.flatnonzero(self._wanted(self.frames, every)))

    def _wanted(self, frames: Choice, every: Slots) -> NDArray[np.bool_]:
        if frames.by != "position":
            ids = self.detector.pulse_ids if frames.by == "pulse" else self.detector.memory_cells
            return frames.among_ids(ids.ids)
        size, position = every.sizes[every.train], every.position
        if self.detector.parallel_gain:
            size = size // 3
            position = position % np.maximum(size, 1)
        return frames.among_positions(position, size)

    def train_id_coordinates(self) -> TrainIds:
        """Train id of each frame (or entry) of ``ndarray()``."""
        return self.train_ids[self.slots.train]

    def pulse_id_coordinates(self) -> NDArray[np.uint64]:
        """Pulse id of each frame.

        Raises
        ------
        DataError
            The frames have none.
        """
        return self._ids("pulse")

    def cell_id_coordinates(self) -> NDArray[np.uint64]:
        """Memory cell of each frame.

        Raises
        ------
        DataError
            The frames have none.
        """
        return self._ids("cell")

    def gain_stage_coordinates(self) -> NDArray[np.int64]:
        """Gain stage of each frame, with parallel gain.

        Raises
        ------
        DataError
            Trains do not hold several gain stages.
        """
        if not self.detector.parallel_gain:
            raise DataError(f"{self.detector.name} was not opened with parallel_gain")
        return self._stage()

    def _ids(self, inner: str) -> NDArray[np.uint64]:
        if self.by_train:
            raise DataError(f"{self.key} has one entry for each train, not for each {inner}")
        found = self.detector.pulse_ids if inner == "pulse" else self.detector.memory_cells
        ids = np.asarray(self.slots.of(found.ids))
        if len(ids) and not FrameIds(ids, found.module, found.frame).known:
            raise DataError(f"Some frames of {self.detector.name} have no {inner} id in the files")
        return ids

    def present_frames(self, subtrain_index: str = "pulseId") -> xr.DataArray | None:
        """Which places of ``xarray()`` are frames that were stored at all, in any module.

        Returns
        -------
        xarray.DataArray of bool or None
            ``("train", "pulse")``, with parallel gain ``("train", "gain", "pulse")``; None if
            all trains have the same pulses (or cells), so that all are.
        """
        if self.by_train:
            return None
        axes = self._axes(self._inner(subtrain_index), unstack=True)
        if axes.target is None or axes.size == len(self.slots):
            return None
        present = np.zeros(axes.size, bool)
        present[axes.target] = True
        return xr.DataArray(present.reshape(axes.shape), axes.coords, axes.dims)

    def data_availability(self, *, module_gaps: bool = False) -> NDArray[np.bool_]:
        """Which frames (or trains) each module has.

        Parameters
        ----------
        module_gaps : bool
            Give a row for every module of the detector, not only for those that are selected.

        Returns
        -------
        ndarray of bool, (modules, frames)
        """
        return Reading(replace(self, mask=None)).available(module_gaps=module_gaps)

    # --- choosing ---------------------------------------------------------

    def select_trains(self, trains: Any) -> DetectorChannel:
        """The same key for some of the trains; also as ``channel[:10]``."""
        return replace(self, detector=self.detector.select_trains(trains))

    __getitem__ = select_trains
    __iter__ = None

    def split_trains(
        self,
        parts: int | None = None,
        trains_per_part: int | None = None,
        frames_per_part: int | None = None,
    ) -> Iterator[DetectorChannel]:
        """Cut it in parts of whole trains; see `Detector.split_trains`."""
        for part in self.detector.split_trains(parts, trains_per_part, frames_per_part):
            yield replace(self, detector=part)

    def select_pulses(self, pulses: Any) -> DetectorChannel:
        """Some frames of each train, instead of those chosen before.

        Parameters
        ----------
        pulses : slice, int, sequence, by_index or by_id
            By position in the train (``np.s_[:10]``), or ``by_id`` of pulse ids.
        """
        return self._choosing(pulses, "pulse")

    def select_cells(self, cells: Any) -> DetectorChannel:
        """Frames of some memory cells, instead of those chosen before.

        Parameters
        ----------
        cells : slice, int, sequence, by_index or by_id
            Numbers of memory cells, or ``by_index`` of positions in the train.
        """
        from_ids = not hasattr(cells, "value")
        return self._choosing(by_id(cells) if from_ids else cells, "cell")

    def _choosing(self, value: Any, ids: str) -> DetectorChannel:
        choice = Choice.of(value, ids=ids)
        if self.by_train and choice is not None:
            raise DataError(
                f"{self.key} has one entry for each train; frames cannot be chosen",
                hint="Memory cells are its first axis: give a roi." if self.entry_shape else "",
            )
        return replace(self, frames=choice)

    # --- reading ----------------------------------------------------------

    def ndarray(
        self,
        *,
        fill_value: Any = None,
        out: NDArray[Any] | None = None,
        roi: Any = (),
        astype: Any = None,
        module_gaps: bool = False,
        threads: int | None = None,
    ) -> NDArray[Any]:
        """Read the values.

        Parameters
        ----------
        fill_value : number, optional
            For what is missing; 0 for whole numbers and NaN for floats by default.
        out : ndarray, optional
            Where to put them; all of it is overwritten.
        roi : numpy.s_ expression
            Part of each frame: ``np.s_[0]``, ``np.s_[100:200, 50:100]``.
        astype : dtype, optional
            Another type than the stored one.
        module_gaps : bool
            Leave room for modules of the detector that are not selected or not there.
        threads : int, optional
            How many read.

        Returns
        -------
        ndarray, (modules, frames or trains, ...)

        Raises
        ------
        DamagedFile
            Rows that should be there cannot be read.
        DataError
            The files disagree about shape or type, `out` has another shape, or the fill value
            cannot be stored.
        """
        reading = Reading(self, roi, fill_value, astype, threads=threads)
        return reading.array(out, module_gaps=module_gaps)

    def xarray(
        self,
        *,
        fill_value: Any = None,
        roi: Any = (),
        astype: Any = None,
        subtrain_index: str = "pulseId",
        unstack_pulses: bool = True,
        name: str | None = None,
        threads: int | None = None,
    ) -> xr.DataArray:
        """Read the values with their labels.

        Parameters
        ----------
        fill_value, roi, astype, threads
            See `ndarray`.
        subtrain_index : str
            ``"pulseId"`` or ``"cellId"``: what frames of a train are told apart by.
        unstack_pulses : bool
            Give axes of trains and pulses, else one axis of frames.
        name : str, optional
            Of the array; detector and key by default.

        Returns
        -------
        xarray.DataArray
            ``("module", "train", "pulse", …)``, with parallel gain
            ``("module", "train", "gain", "pulse", …)``; ``("module", "frame", …)`` with
            coordinates ``train``, ``pulse`` and ``cell``; or ``("module", "train", …)`` for what
            there is one of in each train. ``attrs``: units if known, run, detector and key. If
            any were filled, the coordinate ``filled`` (``module``) says how many frames (or
            trains) of each module; `data_availability` says which. With whole numbers a mean
            counts what was filled as 0; ``channel.mean`` leaves it out.

        Raises
        ------
        DataError
            See `ndarray`; or a train has the same id twice.
        """
        inner = self._inner(subtrain_index)
        axes = self._axes(inner, unstack=unstack_pulses)
        reading = Reading(self, roi, fill_value, astype, axes=axes, ids=inner, threads=threads)
        return self._labelled(reading.array(), reading, name)

    def _inner(self, subtrain_index: str) -> str:
        if subtrain_index not in INNER:
            raise DataError(f"subtrain_index is 'pulseId' or 'cellId', not {subtrain_index!r}")
        return INNER[subtrain_index]

    def _axes(self, inner: str, *, unstack: bool) -> Axes:
        if self.by_train:
            return Axes.of_trains(self.train_ids)
        if not unstack:
            return Axes.of_frames(self.train_id_coordinates(), self._frame_labels(inner))
        counts = self.slots.counts
        have = np.flatnonzero(counts)
        stage = self._stage() if self.detector.parallel_gain else None
        return Axes.of_trains_and(
            inner, self.train_ids[have], counts[have], self._ids(inner), stage
        )

    def _frame_labels(self, inner: str) -> dict[str, NDArray[Any]]:
        labels: dict[str, NDArray[Any]] = {inner: self._ids(inner)}
        return labels | ({"gain": self._stage()} if self.detector.parallel_gain else {})

    def _stage(self) -> NDArray[np.int64]:
        """Gain stage of each frame."""
        third = np.maximum(self.slots.sizes // 3, 1)[self.slots.train]
        return np.asarray(self.slots.position // third)

    def _labelled(self, values: Any, reading: Reading, name: str | None) -> xr.DataArray:
        axes = reading.laid_out
        dims = ("module", *axes.dims, *(self.entry_dims[axis] for axis in reading.cut.kept))
        coords = {"module": ("module", np.array(self.modules)), **axes.coords}
        attrs: dict[str, Any] = {"units": self.units} if self.units else {}
        attrs |= self.labels
        if (filled := reading.filled()).any():
            what = "trains" if self.by_train else "frames"
            coords["filled"] = ("module", filled, {"long_name": f"{what} without data"})
        return xr.DataArray(values, coords, dims, name or self._name, attrs)

    @property
    def _name(self) -> str:
        return f"{self.detector.name} {self.key}"

    def dask_array(
        self,
        *,
        labelled: bool = False,
        subtrain_index: str = "pulseId",
        unstack_pulses: bool = False,
        fill_value: Any = None,
        astype: Any = None,
        roi: Any = (),
        block_bytes: int = 256 << 20,
    ) -> da.Array | xr.DataArray:
        """Values as a dask array, in blocks of whole trains.

        Parameters
        ----------
        labelled : bool
            Wrap it as `xarray` does.
        subtrain_index, unstack_pulses, fill_value, astype, roi
            See `xarray`.
        block_bytes : int
            At most so many in a block; a train that has more is cut in groups of modules.
        """
        inner = self._inner(subtrain_index)
        wanted = inner if labelled else ""
        axes = self._axes(inner, unstack=unstack_pulses) if labelled else None
        reading = Reading(self, roi, fill_value, astype, axes=axes, ids=wanted)
        values = reading.dask(block_bytes)
        return self._labelled(values, reading, None) if labelled else values
