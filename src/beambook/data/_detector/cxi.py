"""CXI files (version 1.5) of virtual data sets: a detector's frames as one big array.

What CrystFEL, Cheetah and others read; see http://www.cxidb.org/cxi.html. Frames are along the
first axis, modules along the second. Data is not copied: HDF5 finds it in the run's files.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np
from numpy.typing import NDArray

from beambook.data._cached_property import cached_property
from beambook.data._detector.read import Reading
from beambook.data._detector.stack_ids import UNKNOWN, FrameIds, agreed
from beambook.data._reading.read import Plan
from beambook.data._write.run_file import new_file
from beambook.errors import DataError

if TYPE_CHECKING:
    from beambook.data._detector.channel import DetectorChannel
    from beambook.data._detector.detector import Detector

__all__ = ["write_cxi"]

VERSION = 150
FRAMES = "experiment_identifier"
MODULES = "module_identifier"
TEXT = h5py.string_dtype()


def write_cxi(detector: Detector, path: Path, fill: Mapping[str, float]) -> Path:
    """Write a virtual CXI file.

    Parameters
    ----------
    detector : Detector
    path : Path
        Replaced if it exists.
    fill : mapping of str to number
        For what is missing of ``data``, ``gain`` and ``mask`` (or the key's own name).

    Returns
    -------
    Path
        The file.

    Raises
    ------
    DataError
        Frames have no pulse id, or a fill value does not fit.
    """
    frames = _Frames(detector)
    layers = _layers(frames, fill)
    with new_file(detector.run, path, overwrite=True) as out:
        out["cxi_version"] = [VERSION]
        entry = out.create_group("entry_1")
        _write_frames(entry, frames)
        place = entry.create_group("instrument_1/detector_1")
        place.attrs["name"] = detector.name
        planes = _write_planes(out, place, frames)
        for layer in layers:
            layer.write(place, planes)
        place[FRAMES] = h5py.SoftLink(f"/entry_1/{FRAMES}")
        first = detector.kind.first_module
        place[MODULES] = np.arange(first, first + detector.n_modules)
        entry["data_1"] = h5py.SoftLink("/entry_1/instrument_1/detector_1")
    return path


@dataclass(frozen=True, eq=False)
class _Frames:
    """The axis of frames: entries of all trains, cell by cell."""

    detector: Detector

    @cached_property
    def group(self) -> str:
        return self.detector.kind.main_key.partition(".")[0]

    @property
    def id_name(self) -> str:
        return "pulseId" if self.detector.kind.by_pulse else "memoryCell"

    @property
    def cell_name(self) -> str:
        return "cellId" if self.detector.kind.by_pulse else "memoryCell"

    def channel(self, name: str) -> DetectorChannel:
        return self.detector[f"{self.group}.{name}"]

    def has(self, name: str) -> bool:
        return f"{self.group}.{name}" in self.detector

    @cached_property
    def cells(self) -> int:
        """Frames in a row."""
        return self.detector.cells_per_row

    @cached_property
    def train_ids(self) -> NDArray[np.uint64]:
        main = self.detector[self.detector.kind.main_key]
        return np.repeat(main.train_id_coordinates(), self.cells)

    @cached_property
    def ids(self) -> NDArray[np.uint64]:
        if self.detector.kind.by_pulse:
            return self.channel("data").pulse_id_coordinates()
        found = self._memory_cells()
        if not found.known:
            raise DataError(f"Some trains of {self.detector.name} have no memory cells")
        if len(found.module):
            raise DataError(f"The modules of {self.detector.name} disagree about memory cells")
        return found.ids

    def _memory_cells(self) -> FrameIds:
        cells = self.channel(self.id_name)
        stored = cells.ndarray()
        said = np.where(cells.data_availability()[..., None], stored.astype(np.uint64), UNKNOWN)
        return agreed(said.reshape(len(said), -1))


@dataclass(frozen=True, eq=False)
class _Layer:
    """One data set of frames by modules."""

    name: str
    channel: DetectorChannel
    fill: Any
    frames: _Frames

    def write(self, place: h5py.Group, axes: str) -> None:
        """Make the virtual data set."""
        made = place.create_virtual_dataset(self.name, self._layout(), fillvalue=self.fill)
        made.attrs["axes"] = axes

    def _layout(self) -> h5py.VirtualLayout:
        channel, frames, detector = self.channel, self.frames, self.frames.detector
        entry = self._entry()
        shape = (len(frames.train_ids), detector.n_modules, *entry)
        layout = h5py.VirtualLayout(shape, channel.dtype)
        reading = Reading(channel, ids="pulse" if detector.kind.by_pulse else "")
        cells = 1 if detector.kind.by_pulse else channel.stored_shape[0]
        for module, pieces in enumerate(reading.pieces):
            place = reading.place(module, module_gaps=True)
            for plan in channel.rows.plans(module, pieces):
                source = self._source(module, plan)
                for start, to, count in zip(plan.source, plan.target, plan.count, strict=True):
                    rows = slice(int(to * cells), int((to + count) * cells))
                    layout[rows, place] = source[int(start) : int(start + count)]
        return layout

    def _source(self, module: int, plan: Plan) -> h5py.VirtualSource:
        rows = self.channel.rows.length(module, plan.file)
        shape = (rows, *self.channel.stored_shape)
        name = str(plan.file.path.absolute())
        return h5py.VirtualSource(name, plan.dataset, shape, dtype=self.channel.dtype)

    def _entry(self) -> tuple[int, ...]:
        """Shape of a frame: without cells; an axis of one plane stays in raw pictures."""
        shape = self.channel.stored_shape
        if not self.frames.detector.kind.by_pulse or len(shape) == 1:
            return shape[1:]
        return shape


def _layers(frames: _Frames, fill: Mapping[str, float]) -> list[_Layer]:
    main = frames.detector.kind.main_key.partition(".")[2]
    names = {"data": main} | {n: n for n in ("gain", "mask") if frames.has(n)}
    return [
        _Layer(name, frames.channel(key), _fill(frames.channel(key), name, key, fill), frames)
        for name, key in names.items()
    ]


def _fill(channel: DetectorChannel, name: str, key: str, fill: Mapping[str, float]) -> Any:
    """NaN or 0; all bits of a mask."""
    wanted = fill.get(key, fill.get(name))
    if wanted is None and name == "mask" and channel.dtype.kind in "iu":
        wanted = np.iinfo(channel.dtype).max
    return Reading(channel, fill_value=wanted).fill


def _write_frames(entry: h5py.Group, frames: _Frames) -> None:
    """What each frame is."""
    names = [f"{train}:{one}" for train, one in zip(frames.train_ids, frames.ids, strict=True)]
    entry.create_dataset(FRAMES, (len(names),), TEXT)
    if names:
        entry[FRAMES][:] = names
    facts = frames.detector.run.run_metadata()
    if "proposalNumber" in facts and "runNumber" in facts:
        proposal, run = facts["proposalNumber"], facts["runNumber"]
        entry.attrs["name"] = f"EuXFEL proposal {proposal} run {run}"
        entry.attrs["euxfelProposalNumber"] = proposal
        entry.attrs["euxfelRunNumber"] = run
    entry[frames.id_name] = frames.ids
    entry["trainId"] = frames.train_ids
    if frames.has(frames.cell_name):
        cells = _Layer("cellId", frames.channel(frames.cell_name), 0, frames)
        cells.write(entry, f"{FRAMES}:{MODULES}")


def _write_planes(out: h5py.File, place: h5py.Group, frames: _Frames) -> str:
    """Names of all axes; of the planes of raw data, too."""
    axes: Sequence[str] = (FRAMES, MODULES, "y", "x")
    stored = frames.detector[frames.detector.kind.main_key].stored_shape
    if frames.detector.kind.by_pulse and len(stored) == 3:
        axes = (FRAMES, MODULES, "data_gain", "y", "x")
        planes = ["data", "gain"] if stored[0] == 2 else ["data"]
        out.create_dataset("entry_1/data_gain", (len(planes),), TEXT)[:] = planes
        place["data_gain"] = h5py.SoftLink("/entry_1/data_gain")
    return ":".join(axes)
