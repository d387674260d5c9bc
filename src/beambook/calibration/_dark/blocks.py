"""Frames of one module, read in blocks of bounded size, one ahead of who uses them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from beambook.calibration._dark.level_kernel import pack_gain
from beambook.data import Detector, DetectorChannel
from beambook.errors import DataError

__all__ = ["Block", "cells_of", "frame_blocks", "packed_blocks"]

Buffer = NDArray[np.uint8]
Read = Callable[[Buffer], "Block"]


@dataclass(frozen=True, eq=False)
class Block:
    """Some frames.

    Attributes
    ----------
    values : ndarray of uint16, (frames, ...)
        In memory that is used again for the block after the next.
    cells : ndarray of int, (frames,)
    missing : int
        Frames that should be there and are not.
    """

    values: NDArray[np.uint16]
    cells: NDArray[np.int64]
    missing: int = 0


def cells_of(detector: Detector) -> NDArray[np.int64]:
    """Numbers of the memory cells that a module uses, ascending."""
    if detector.kind.by_pulse:
        return np.unique(detector.memory_cells.ids.astype(np.int64))
    return np.unique(detector.cell_ids().astype(np.int64))


def frame_blocks(
    detector: Detector, cells: Sequence[int], nbytes: int, *, only: int | None = None
) -> Iterator[Block]:
    """Frames of some memory cells of AGIPD, LPD or DSSC.

    Parameters
    ----------
    detector : Detector
        Of one module.
    cells : sequence of int
    nbytes : int
        Of a block, about; two are held.
    only : int, optional
        Only frames of this gain stage, without what is above their 12 bits (LPD in parallel gain,
        where the place in the train tells the stage).
    """
    channel = detector[detector.kind.main_key].select_cells(list(cells))
    frame = int(np.prod(channel.entry_shape)) * channel.dtype.itemsize
    most = max(len(cells), nbytes // frame)

    def reading(part: DetectorChannel) -> Read:
        return lambda buffer: _read_frames(part, buffer, only)

    parts = (reading(part) for part in _in_parts(channel, most))
    yield from _ahead(parts, (most + len(cells)) * frame)


def _in_parts(channel: DetectorChannel, frames: int) -> Iterator[DetectorChannel]:
    counts = channel.slots.counts
    start, held = 0, 0
    for train, count in enumerate(counts):
        if held and held + count > frames:
            yield channel[start:train]
            start, held = train, 0
        held += int(count)
    if held:
        yield channel[start:]


def _read_frames(part: DetectorChannel, buffer: Buffer, only: int | None) -> Block:
    values = part.ndarray(out=_as(buffer, part.shape, part.dtype), threads=1)[0]
    there = part.data_availability()[0]
    cells = part.cell_id_coordinates().astype(np.int64)
    if only is not None:
        mine = part.gain_stage_coordinates() == only
        missing = int(np.count_nonzero(mine & ~there))
        return Block(values[mine & there] & np.uint16(0x0FFF), cells[mine & there], missing)
    if there.all():
        return Block(values, cells)
    return Block(values[there], cells[there], int(np.count_nonzero(~there)))


def packed_blocks(
    detector: Detector, cells: Sequence[int], nbytes: int, *, bits: int
) -> Iterator[Block]:
    """Frames of some memory cells of a JUNGFRAU, the gain bits above those of the value.

    Parameters
    ----------
    detector : Detector
        Of one module.
    cells : sequence of int
    nbytes : int
        Of a block, about; two are held, and half as much for gain bits.
    bits : int
        Of the value.
    """
    numbers = detector.cell_ids().astype(np.int64)
    places = np.flatnonzero(np.isin(numbers, np.asarray(cells)))
    roi = np.s_[int(places[0]) : int(places[-1]) + 1]
    numbers = numbers[roi]
    values = detector["data.adc"]
    shape = (len(numbers), *values.entry_shape[1:])
    train = int(np.prod(shape)) * 2
    trains = max(1, nbytes // train)
    gain = np.empty((1, trains, *shape), np.uint8)

    def reading(start: int) -> Read:
        def read(buffer: Buffer) -> Block:
            part = detector.select_trains(slice(start, start + trains))
            n = len(part.train_ids)
            words = _as(buffer, (1, n, *shape), np.dtype(np.uint16))
            adc, bits_of = part["data.adc"], part["data.gain"]
            adc.ndarray(out=words, roi=roi, threads=1)
            bits_of.ndarray(out=gain[:, :n], roi=roi, threads=1)
            flat = words.reshape(-1)
            used = pack_gain(flat, gain[:, :n].reshape(-1), bits, flat)
            if used >> bits:
                raise DataError(f"{detector.name} has values of more than {bits} bits")
            there = adc.data_availability()[0] & bits_of.data_availability()[0]
            _same_cells(part, numbers, roi)
            frames = (
                words[0][there].reshape(-1, *shape[1:])
                if not there.all()
                else (words[0].reshape(-1, *shape[1:]))
            )
            missing = int(np.count_nonzero(~there)) * len(numbers)
            return Block(frames, np.tile(numbers, int(there.sum())), missing)

        return read

    parts = (reading(start) for start in range(0, len(detector.train_ids), trains))
    for block in _ahead(parts, trains * train):
        keep = np.isin(block.cells, np.asarray(cells))
        yield block if keep.all() else Block(block.values[keep], block.cells[keep], block.missing)


def _same_cells(part: Detector, numbers: NDArray[np.int64], roi: slice) -> None:
    channel = part["data.memoryCell"]
    found = channel.ndarray(roi=roi)[0][channel.data_availability()[0]]
    if (found != numbers).any():
        raise DataError(f"Memory cells of {part.name} are not the same in all trains")


def _as(buffer: Buffer, shape: tuple[int, ...], dtype: np.dtype[Any]) -> NDArray[Any]:
    size = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
    return buffer[:size].view(dtype).reshape(shape)


def _ahead(reads: Iterator[Read], nbytes: int) -> Iterator[Block]:
    """Read the next block, in a thread, while one is used."""
    buffers = [np.empty(nbytes, np.uint8) for _ in range(2)]
    with ThreadPoolExecutor(1, "beambook-dark") as pool:
        coming = None
        for number, read in enumerate(reads):
            following = pool.submit(read, buffers[number % 2])
            if coming is not None:
                yield coming.result()
            coming = following
        if coming is not None:
            yield coming.result()
