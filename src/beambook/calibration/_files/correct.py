"""Read, correct, write: a raw file of a module becomes a corrected one, in bounded memory."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock, local
from typing import Protocol

import h5py
import numpy as np
from numpy.typing import NDArray

from beambook.calibration._corrected import Corrected
from beambook.calibration._files.choice import FrameChoice
from beambook.calibration._files.kernels import STATISTICS, statistics
from beambook.calibration._files.output import FIELDS, Output
from beambook.calibration._files.raw import Block, RawFile
from beambook.calibration._files.result import CorrectedFile, FrameStatistics
from beambook.calibration._files.structure import corrected_name, write_structure
from beambook.data._reading.threads import thread_count
from beambook.data._write.run_file import new_file
from beambook.errors import DamagedFile, DataError, ParameterError
from beambook.events import Progress, Reporter, Silent

__all__ = ["MEMORY", "Correct", "correct_file"]

MEMORY = 2 << 30  # bytes for the blocks of all threads
CHUNK = 512 << 20  # bytes of a block: raw and corrected frames


class Correct(Protocol):
    """What corrects the frames of a block; see `agipd_correction` and the others."""

    def __call__(self, block: Block, out: Corrected) -> Corrected:
        """Correct a block, in the first frames of the arrays of `out`."""
        ...  # pragma: no cover


def correct_file(
    raw: str | Path,
    out_folder: str | Path,
    correct: Correct,
    *,
    choice: FrameChoice = FrameChoice(),  # noqa: B008 it is frozen
    parallel_gain: bool = False,
    compress_fields: Collection[str] = ("gain", "mask"),
    recast_image_data: str = "",
    corr_source_template: str = "",
    chunk_size: int | None = None,
    memory: int = MEMORY,
    threads: int | None = None,
    overwrite: bool = False,
    reporter: Reporter | None = None,
) -> CorrectedFile:
    """Correct the frames of a raw file of one module, and write them as ``CORR-R…-S….h5``.

    Each thread reads some whole trains, corrects them and writes them, while the others do the
    same with theirs. The file appears under its name when it is complete. What the data sets
    hold does not depend on the number of threads.

    Memory is bounded by `memory` (or one block, if that is more), the constants, and the last
    frame of each memory cell and compressed field; not by the length of the run.

    Parameters
    ----------
    raw : str or Path
        ``RAW-R0009-AGIPD00-S00000.h5``.
    out_folder : str or Path
        Where the corrected file goes; made if it is not there.
    correct : Correct
        If it has a ``unit``, the corrected file says so.
    choice : FrameChoice
        Which frames; all by default.
    parallel_gain : bool
        Whether each train has all its frames in high, then in medium, then in low gain (LPD). A
        frame and its memory cell and pulse id are then those of the first third.
    compress_fields : collection of str
        Which of ``data``, ``gain``, ``mask`` are compressed, as by gzip at level 1 with shuffling.
    recast_image_data : str
        Type of the corrected values, where not float32. Whole numbers are rounded, and limited to
        what the type holds; how often is said in the notes of the result.
    corr_source_template : str
        Name of the source of corrected data, by default ``{}/CORR/{}:output`` as the facility has
        it since 2026, with a link under the name of the raw source. ``{}/DET/{}:xtdf`` gives
        corrected data the name that raw data has, as it was before.
    chunk_size : int, optional
        About so many frames are corrected together, in whole trains; by default what 512 MiB
        hold. Some corrections find in them what they need (common mode, pixels that never
        change), so that results depend on it, slightly.
    memory : int
        Bytes for blocks: where it is less than all threads need, fewer of them work.
    threads : int, optional
        By default ``BEAMBOOK_THREADS``, or as many as there are cores, up to 8.
    overwrite : bool
        Whether a corrected file of this name may be replaced.
    reporter : Reporter, optional
        Is told the trains that are done.

    Returns
    -------
    CorrectedFile
        With what was left out, and why.

    Raises
    ------
    DamagedFile
        The raw file cannot be read at all.
    DataError
        It holds no module of a detector; the corrected file exists.
    ParameterError
        A field or a type that is not there.

    Examples
    --------
    ::

        constants = AGIPDConstants.from_mapping({"Offset": offset, "ThresholdsDark": thresholds})
        done = correct_file(
            "raw/r0009/RAW-R0009-AGIPD00-S00000.h5", "proc/r0009", agipd_correction(constants)
        )
        done.frames, done.left_out
    """
    began = time.monotonic()
    if unknown := set(compress_fields) - set(FIELDS):
        raise ParameterError(f"compress_fields: {sorted(unknown)} is none of {', '.join(FIELDS)}")
    how = _How(
        correct,
        tuple(f for f in FIELDS if f in compress_fields),
        recast_image_data,
        corr_source_template,
        chunk_size,
        memory,
        thread_count(threads),
        reporter or Silent(),
    )
    found = RawFile.open(raw, choice, parallel_gain=parallel_gain)
    Path(out_folder).mkdir(parents=True, exist_ok=True)
    target = Path(out_folder) / corrected_name(Path(raw))
    while True:
        try:
            return _correct(found, Path(raw), target, how, began, overwrite=overwrite)
        except _Lost as lost:  # rare: the file is made anew without these trains
            found = found.without(lost.trains, "unreadable in the raw file")


@dataclass(frozen=True)
class _How:
    """How a file is corrected; see `correct_file`."""

    correct: Correct
    compress: tuple[str, ...]
    recast: str
    template: str
    chunk_size: int | None
    memory: int
    threads: int
    reporter: Reporter

    def blocks(self, raw: RawFile) -> tuple[slice, ...]:
        return raw.blocks(self.chunk_size or max(1, CHUNK // raw.frame_bytes))

    def threads_for(self, raw: RawFile, blocks: Sequence[slice]) -> int:
        """As many as have room for a block each."""
        most = max(int(raw.held[block].sum()) for block in blocks)
        room = self.memory // (most * raw.frame_bytes)
        return max(1, min(self.threads, len(blocks), room))


class _Lost(Exception):
    """Trains that turned out not to be readable."""

    def __init__(self, trains: NDArray[np.uint64]) -> None:
        super().__init__(f"{len(trains)} trains")
        self.trains = trains


def _correct(
    raw: RawFile, path: Path, target: Path, how: _How, began: float, *, overwrite: bool
) -> CorrectedFile:
    if not raw.frames:
        nothing = np.zeros((0, STATISTICS))
        return _result(raw, path, None, how, nothing, {}, began, ())
    with new_file(raw.run, target, overwrite=overwrite) as out:
        write_structure(out, raw, path, how.template)
        work = _write(out, raw, how)
    notes = _notes(work, how)
    return _result(raw, path, target, how, work.sums, work.counts, began, notes)


def _write(out: h5py.File, raw: RawFile, how: _How) -> _Work:
    form = raw.module.form
    group = out[f"INSTRUMENT/{raw.module.corrected(how.template)}/{form.group}"]
    rows = (len(raw.rows), raw.per_row) if form.by_train else (raw.frames,)
    names = {"data": form.pixels, "gain": "gain", "mask": "mask"}
    shape = (*rows, *form.module_shape)
    output = Output(group, names, shape, compress=how.compress, recast=how.recast)
    if unit := getattr(how.correct, "unit", ""):
        group[form.pixels].attrs["unitSymbol"] = unit  # as the facility's control data has it
    with output:
        work = _Work(raw, how, output, how.blocks(raw))
        work.perform()
    return work


@dataclass
class _Work:
    """The blocks of a file, done by some threads.

    Attributes
    ----------
    sums : ndarray of float64, (frames, 5)
        See `kernels.statistics`.
    counts : Counter
        What the correction met.
    """

    raw: RawFile
    how: _How
    output: Output
    blocks: Sequence[slice]
    sums: NDArray[np.float64] = field(init=False)
    counts: Counter[str] = field(default_factory=Counter)
    done: int = 0

    def __post_init__(self) -> None:
        self.sums = np.empty((self.raw.frames, STATISTICS))
        self._rooms, self._lock = local(), Lock()
        self._began = time.monotonic()

    def perform(self) -> None:
        """Do all blocks; the first error ends it."""
        with ThreadPoolExecutor(self.how.threads_for(self.raw, self.blocks)) as pool:
            running = [pool.submit(self._block, block) for block in self.blocks]
            try:
                for each in running:
                    each.result()
            except BaseException:
                pool.shutdown(wait=True, cancel_futures=True)
                raise

    def _block(self, trains: slice) -> None:
        if not hasattr(self._rooms, "raw"):
            self._rooms.raw = self.raw.room(self.blocks)
            most = max(int(self.raw.counts[block].sum()) for block in self.blocks)
            self._rooms.corrected = Corrected.empty(most, self.raw.module.form.module_shape)
        block = self._read(trains)
        corrected = self.how.correct(block, self._rooms.corrected)
        self.output.write(block.first, corrected, block.cells)
        here = slice(block.first, block.first + len(block.cells))
        statistics(*corrected.flat(), self.sums[here])
        self._count(corrected, trains)

    def _read(self, trains: slice) -> Block:
        try:
            return self.raw.read(trains, self._rooms.raw)
        except DamagedFile as error:
            raise _Lost(self._unreadable(trains)) from error

    def _unreadable(self, trains: slice) -> NDArray[np.uint64]:
        lost = []
        for train in range(trains.start, trains.stop):
            try:
                self.raw.read(slice(train, train + 1))
            except DamagedFile:
                lost.append(self.raw.run.train_ids[train])
        if not lost:
            raise DataError(f"Trains of {self.raw.run.name} cannot be read together")
        return np.array(lost, np.uint64)

    def _count(self, corrected: Corrected, trains: slice) -> None:
        with self._lock:
            self.counts.update(corrected.counts)
            self.done += trains.stop - trains.start
            seconds = time.monotonic() - self._began
            task = f"correct {self.raw.run.name}"
            self.how.reporter(Progress(task, self.done, len(self.raw.rows), "", seconds))


def _notes(work: _Work, how: _How) -> tuple[str, ...]:
    notes = []
    if work.output.clipped:
        notes.append(f"{work.output.clipped:,} values limited to what {how.recast} holds")
    if strangers := work.counts.get("frames_without_constants", 0):
        notes.append(f"{strangers:,} frames are of memory cells without constants")
    return tuple(notes)


def _result(
    raw: RawFile,
    path: Path,
    target: Path | None,
    how: _How,
    sums: NDArray[np.float64],
    counts: dict[str, int],
    began: float,
    notes: tuple[str, ...],
) -> CorrectedFile:
    part = raw.run.parts[0]
    return CorrectedFile(
        raw=path,
        path=target,
        module=raw.module.number,
        aggregator=part.writer,
        sequence=part.sequence or 0,
        source=raw.module.corrected(how.template),
        trains=len(raw.rows),
        frames=raw.frames,
        frames_in=raw.frames_in,
        left_out={reason: number for reason, number in raw.left_out.items() if number},
        counts=dict(counts),
        statistics=_statistics(raw, sums),
        bytes_in=raw.frames * raw.stages * raw.module.form.raw_bytes,
        bytes_out=target.stat().st_size if target else 0,
        seconds=time.monotonic() - began,
        notes=notes,
    )


def _statistics(raw: RawFile, sums: NDArray[np.float64]) -> FrameStatistics:
    cells = raw.cells[raw.taken]
    trains = np.repeat(raw.run.train_ids, raw.counts)
    pulses = cells.astype(np.uint64)
    if not raw.module.form.by_train and raw.frames:
        pulses = raw.of_frames("pulseId").reshape(-1).astype(np.uint64)
    return FrameStatistics.of(trains, pulses, cells, sums)
