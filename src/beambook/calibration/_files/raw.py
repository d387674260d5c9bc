"""A raw file of one module: its frames, read in blocks of whole trains."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from beambook.calibration._files.choice import FrameChoice
from beambook.calibration._files.form import ModuleSource, module_source
from beambook.data import Channel, Run, open_file
from beambook.errors import DataError, ParameterError

__all__ = ["Block", "RawFile"]

Ints = NDArray[np.int64]
OLD_INDEX = ("first", "last", "status")  # of format 0.5
DOUBTFUL = "of trains with a doubtful or repeated id"


@dataclass(frozen=True)
class Block:
    """Raw frames of some whole trains.

    Attributes
    ----------
    raw : ndarray of uint16, (frames, ...)
        Pixel values as the detector sent them; in parallel gain (frames, 3, slow, fast).
    cells : ndarray of uint16, (frames,)
        Memory cell of each frame.
    gain : ndarray of uint8 or None, (frames, slow, fast)
        Gain stages, where they are stored beside the values (JUNGFRAU).
    first : int
        Position of its first frame among those that are corrected of the file.
    """

    raw: NDArray[np.uint16]
    cells: NDArray[np.uint16]
    gain: NDArray[np.uint8] | None
    first: int


@dataclass(frozen=True)
class RawFile:
    """Frames of a raw file that can be corrected, and how many cannot.

    Attributes
    ----------
    run : Run
        The file, with the trains that have frames to be corrected.
    module : ModuleSource
    rows : ndarray of int, (trains,)
        Stored rows of each train.
    taken : ndarray of bool, (frames,)
        Which stored frames of these trains are taken.
    cells : ndarray of uint16, (frames,)
        Memory cell of each stored frame of these trains.
    frames_in : int
        Frames that the file's index promises.
    left_out : mapping of str to int
        Why how many frames are left out.
    stages : int
        Rows that a frame has: 3 in parallel gain, where a train has all its frames in high, then
        all of them in medium, then in low gain.
    """

    run: Run
    module: ModuleSource
    rows: Ints
    taken: NDArray[np.bool_]
    cells: NDArray[np.uint16]
    frames_in: int
    left_out: Mapping[str, int]
    stages: int = 1

    @classmethod
    def open(
        cls,
        path: str | Path,
        choice: FrameChoice = FrameChoice(),  # noqa: B008 it is frozen
        *,
        parallel_gain: bool = False,
    ) -> RawFile:
        """Find out what a file has; reads no pixels.

        Raises
        ------
        DamagedFile
            It cannot be read at all.
        DataError
            It holds no detector module, or no memory cells.
        ParameterError
            Parallel gain of a detector that has none.
        """
        run = open_file(path)
        module = module_source(run)
        if parallel_gain and module.form.kind != "LPD":
            raise ParameterError(f"{module.detector} has no parallel gain; only LPD has it")
        stages = 3 if parallel_gain else 1
        found = _chosen(run, module, choice, Channels.of(run, module), stages)
        return found._with_doubtful(_indexed(Path(path), module) * found.per_row // stages)

    @property
    def per_row(self) -> int:
        """Frames in a stored row: 1, or the memory cells of a train (JUNGFRAU)."""
        rows = max(1, int(self.rows.sum()))
        return len(self.taken) * self.stages // rows if len(self.taken) else 1

    @property
    def held(self) -> Ints:
        """Stored frames of each train, (trains,)."""
        return self.rows * self.per_row // self.stages

    @property
    def frame_bytes(self) -> int:
        """Of a frame in memory, as `Form.frame_bytes`; those in parallel gain are put together."""
        form = self.module.form
        return form.frame_bytes + (2 * self.stages - 1) * form.raw_bytes * (self.stages > 1)

    @property
    def frames(self) -> int:
        """Frames to be corrected."""
        return int(np.count_nonzero(self.taken))

    @property
    def counts(self) -> Ints:
        """Frames to be corrected of each train, (trains,)."""
        edges = np.concatenate([[0], np.cumsum(self.held)])
        taken: Ints = np.concatenate([[0], np.cumsum(self.taken)])
        counts: Ints = np.diff(taken[edges])
        return counts

    def blocks(self, chunk_size: int) -> tuple[slice, ...]:
        """Whole trains, of about `chunk_size` stored frames together; at least one.

        Where they begin depends on nothing else: some corrections look at all frames of a block.
        """
        edges = np.concatenate([[0], np.cumsum(self.held)])
        number = max(1, round(int(edges[-1]) / chunk_size))
        wanted = np.arange(number + 1) * int(edges[-1]) // number
        cuts = np.unique(np.searchsorted(edges, wanted, side="left"))
        return tuple(slice(a, b) for a, b in pairwise(cuts.tolist()))

    def read(self, trains: slice, room: NDArray[Any] | None = None) -> Block:
        """Read the frames of some trains.

        Parameters
        ----------
        trains : slice
            Positions.
        room : ndarray, optional
            Of as many rows or more, to be used again: fresh memory costs as much as reading.

        Raises
        ------
        DamagedFile
            Rows cannot be read.
        """
        edges = np.concatenate([[0], np.cumsum(self.held)])
        here = slice(int(edges[trains.start]), int(edges[trains.stop]))
        taken = self.taken[here]
        form = self.module.form
        raw = self._frames(form.pixels, trains, taken, room)
        gain = self._frames("gain", trains, taken, None) if form.raw_gain else None
        first = int(np.count_nonzero(self.taken[: here.start]))
        return Block(raw, self.cells[here][taken], gain, first)

    def _frames(
        self, key: str, trains: slice, taken: NDArray[np.bool_], room: NDArray[Any] | None
    ) -> NDArray[Any]:
        channel = self.channel(key)[trains]
        values = channel.ndarray(out=None if room is None else room[: channel.shape[0]])
        if self.module.form.by_train:
            values = values.reshape(-1, *values.shape[2:])
        if self.stages > 1:
            rows = _rows_of_stages(self.rows[trains], self.stages)[taken]
            return values[rows].reshape(len(rows), self.stages, *values.shape[-2:])
        return values if taken.all() else values[taken]

    def of_frames(self, key: str) -> NDArray[Any]:
        """What a key has for each frame that is taken; of the first stage in parallel gain."""
        rows = _rows_of_stages(self.rows, self.stages)[self.taken, 0]
        found: NDArray[Any] = self.channel(key).ndarray()[rows]
        return found

    def room(self, blocks: Iterable[slice]) -> NDArray[Any]:
        """Memory for the raw pixels of any of these blocks."""
        channel = self.channel(self.module.form.pixels)
        rows = max((int(self.rows[block].sum()) for block in blocks), default=0)
        return np.empty((rows, *channel.entry_shape), channel.dtype)

    def channel(self, key: str) -> Channel:
        """A key of the group of frames."""
        found: Channel = self.run[self.module.name, f"{self.module.form.group}.{key}"]
        return found

    def _with_doubtful(self, frames: int) -> RawFile:
        """The same, told how many frames the whole index promises: some trains have no sound id."""
        number = frames - self.frames_in
        if number <= 0:
            return self
        return replace(self, frames_in=frames, left_out={**self.left_out, DOUBTFUL: number})

    def without(self, trains: NDArray[np.uint64], reason: str) -> RawFile:
        """The same without some trains, which are counted."""
        lost = np.isin(self.run.train_ids, trains)
        per_train = np.repeat(lost, self.held)
        number = int(np.count_nonzero(self.taken & per_train))
        left_out = dict(self.left_out) | {reason: self.left_out.get(reason, 0) + number}
        return replace(
            self,
            run=self.run.select_trains(np.flatnonzero(~lost)),
            rows=self.rows[~lost],
            taken=self.taken[~per_train],
            cells=self.cells[~per_train],
            left_out=left_out,
        )


@dataclass(frozen=True)
class Channels:
    """The keys that a frame must have, for all trains of a file.

    Attributes
    ----------
    pixels, cells : Channel
    others : tuple of Channel
        Pulse ids and what else has a row for each frame.
    """

    pixels: Channel
    cells: Channel
    others: tuple[Channel, ...]

    @classmethod
    def of(cls, run: Run, module: ModuleSource) -> Channels:
        """Of a module.

        Raises
        ------
        DataError
            There are no pixel values, or no memory cells.
        """
        form, keys = module.form, run[module.name].keys()
        names = {key.removeprefix(f"{form.group}.") for key in keys if key.startswith(form.group)}
        for needed in {form.pixels, form.cells} | ({"gain"} if form.raw_gain else set()):
            if needed not in names:
                raise DataError(f"{module.name} in {run.name} has no {form.group}.{needed}")
        others = sorted(names - {form.pixels, form.cells, "gain", "mask"})
        channel = {name: run[module.name, f"{form.group}.{name}"] for name in names}
        return cls(channel[form.pixels], channel[form.cells], tuple(channel[n] for n in others))

    @property
    def promised(self) -> Ints:
        """Rows of each train by the index of the file, (trains,)."""
        return self.pixels.table.at(self.pixels.train_ids).count.astype(np.int64)

    @property
    def whole(self) -> NDArray[np.bool_]:
        """Trains with as many rows as promised of every key, (trains,)."""
        found = np.ones(len(self.pixels.train_ids), bool)
        for each in (self.pixels, self.cells, *self.others):
            found &= each.data_counts(labelled=False) == self.promised
        return found


def _indexed(path: Path, module: ModuleSource) -> int:
    """Rows by the index of the file, of all its trains, whatever their ids; 0 if it is damaged."""
    try:
        with h5py.File(path) as file:
            index = file[f"INDEX/{module.name}/{module.form.group}"]
            if "count" in index:
                return int(index["count"][:].sum())
            first, last, status = (index[name][:].astype(int) for name in OLD_INDEX)
            return int(((last - first + 1) * (status > 0)).sum())
    except (OSError, KeyError, RuntimeError):
        return 0


def _rows_of_stages(rows: Ints, stages: int) -> Ints:
    """Where the values of each frame are among the stored rows, (frames, stages)."""
    frames = rows // stages
    first = np.repeat(np.cumsum(rows) - rows, frames)
    within = np.arange(len(first)) - np.repeat(np.cumsum(frames) - frames, frames)
    step = np.repeat(frames, frames)
    found: Ints = (first + within)[:, None] + step[:, None] * np.arange(stages)
    return found


def _chosen(
    run: Run, module: ModuleSource, choice: FrameChoice, channels: Channels, stages: int
) -> RawFile:
    promised, whole = channels.promised, channels.whole
    uneven = promised % stages > 0
    whole &= ~uneven
    per_row = channels.pixels.entry_shape[0] if module.form.by_train else 1
    asked = choice.of_trains(run.train_ids)
    if module.form.by_train and (choice.max_pulses or choice.cells is not None):
        raise ParameterError(
            f"{module.detector} stores the memory cells of a train together",
            hint="Choose trains; cells can be left out when the data is read.",
        )
    used = np.flatnonzero((promised > 0) & whole & asked)
    cells = channels.cells[used].ndarray().reshape(-1).astype(np.uint16)
    rows = promised[used]
    if stages > 1:
        cells = cells[_rows_of_stages(rows, stages)[:, 0]]
    taken = choice.frames(rows * per_row // stages, cells)
    # A train whose rows are no multiple of the stages counts with its last, incomplete frame.
    frames = -(-promised * per_row // stages)
    left_out = {
        "trains not chosen": int(frames[whole & ~asked].sum()),
        "incomplete in the raw file": int(frames[~whole & ~uneven].sum()),
        "of trains without three gains for each frame": int(frames[uneven].sum()),
        "frames not chosen": int(np.count_nonzero(~taken)),
    }
    left_out = {reason: number for reason, number in left_out.items() if number}
    found = RawFile(
        run.select_trains(used), module, rows, taken, cells, int(frames.sum()), left_out, stages
    )
    empty = found.counts == 0
    return found.without(found.run.train_ids[empty], "frames not chosen") if empty.any() else found
