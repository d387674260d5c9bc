"""Going through a detector train by train, reading ahead."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from beambook.data._detector.split import train_blocks

if TYPE_CHECKING:
    from beambook.data._detector.channel import DetectorChannel
    from beambook.data._detector.detector import Detector

__all__ = ["read_detector_trains"]

AHEAD = 64 << 20  # bytes of one key read at once


def read_detector_trains(
    detector: Detector, pulses: Any, *, require_all: bool, keys: Collection[str] | None
) -> Iterator[tuple[int, dict[str, xr.DataArray]]]:
    """See `Detector.trains`."""
    names = sorted(detector.keys() if keys is None else keys)
    if require_all:
        detector = detector.select_trains(complete_trains(detector))
    streams = {}
    for name in names:
        channel = detector[name]
        if detector.has_frames(name):
            channel = channel.select_pulses(pulses)
        streams[name] = _one_key(channel)
    for train_id in detector.train_ids:
        found = {name: next(stream) for name, stream in streams.items()}
        yield int(train_id), {name: array for name, array in found.items() if array is not None}


def complete_trains(detector: Detector) -> NDArray[np.bool_]:
    """In which trains all modules have rows in all their groups."""
    complete = np.ones(len(detector.train_ids), bool)
    for group in {key.partition(".")[0] for key in detector.keys()}:
        complete &= (detector.stack_of(f"{group}.").count > 0).all(axis=0)
    return complete


def _one_key(channel: DetectorChannel) -> Iterator[xr.DataArray | None]:
    """The key's array of each train; None where no module has it."""
    entry = int(np.prod(channel.entry_shape, dtype=np.int64)) * channel.dtype.itemsize
    sizes = channel.slots.counts * len(channel.modules) * max(1, entry)
    for start, stop in train_blocks(sizes, AHEAD):
        yield from _Trains.of(channel[start:stop]).arrays()


@dataclass(frozen=True, eq=False)
class _Trains:
    channel: DetectorChannel
    values: NDArray[Any]
    there: NDArray[np.bool_]
    labels: NDArray[np.uint64] | None

    @classmethod
    def of(cls, channel: DetectorChannel) -> _Trains:
        labels = None if channel.by_train else channel.pulse_id_coordinates()
        return cls(channel, channel.ndarray(), channel.rows.usable, labels)

    def arrays(self) -> Iterator[xr.DataArray | None]:
        stops = np.cumsum(self.channel.slots.counts)
        for position, stop in enumerate(stops):
            there = np.flatnonzero(self.there[:, position])
            if not len(there):
                yield None
                continue
            start = int(stops[position - 1]) if position else 0
            values = self.values[:, start:stop]
            if len(there) < len(values):
                values = values[there]
            yield self._labelled(values, there, position, slice(start, int(stop)))

    def _labelled(
        self, values: NDArray[Any], there: NDArray[np.intp], position: int, frames: slice
    ) -> xr.DataArray:
        channel = self.channel
        coords: dict[str, Any] = {"module": np.array(channel.modules)[there]}
        entry = channel.dims[2:]
        attrs = {"units": channel.units} if channel.units else {}
        if self.labels is None:
            return xr.DataArray(values[:, 0], coords, ("module", *entry), channel.key, attrs)
        labels = self.labels[frames]
        shape: tuple[int, ...] = (1, values.shape[1])
        dims: tuple[str, ...] = ("train", "pulse")
        if channel.detector.parallel_gain:
            shape, dims = (1, 3, values.shape[1] // 3), ("train", "gain", "pulse")
            labels = labels[: shape[-1]]
            coords["gain"] = np.arange(3, dtype=np.uint8)
        coords |= {"train": channel.train_ids[position : position + 1], "pulse": labels}
        values = values.reshape(len(values), *shape, *values.shape[2:])
        return xr.DataArray(values, coords, ("module", *dims, *entry), channel.key, attrs)
