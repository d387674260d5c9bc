"""What an analysis looks at: one key of a source, or of all modules of a detector."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from beambook.analysis._train import data_of
from beambook.card import Card
from beambook.data import Channel, DetectorChannel, Run
from beambook.data._interop.native import native
from beambook.data._reading.roi import Roi
from beambook.errors import DataError, ParameterError

if TYPE_CHECKING:
    from beambook.data._reduce.reducible import Reducible

__all__ = ["Part", "Target", "Watched"]

Target = Channel | DetectorChannel
Part = int | None  # number of a module; None: the only part
Lines = Mapping[Part, NDArray[Any]]


@dataclass(frozen=True, eq=False)
class Watched:
    """One key, over the trains of a run or of a stream.

    Attributes
    ----------
    channel : Channel or DetectorChannel
        Tells names, shape and units; its trains do not matter.
    roi : numpy.s_ expression
        Part of each entry.
    """

    channel: Target
    roi: Any = ()

    @classmethod
    def of(cls, channel: Any, roi: Any = ()) -> Watched:
        """From what a user gave.

        Raises
        ------
        ParameterError
            It is no channel.
        """
        found = native(channel)
        if not isinstance(found, Channel | DetectorChannel):
            raise ParameterError(
                f"An analysis looks at a channel, not at {type(channel).__name__}",
                hint="Give run[source, key], run[alias] or run.detector()[key].",
            )
        return cls(found, roi)

    @property
    def name(self) -> str:
        """Of the data: ``"SA2_XTD1_XGM/XGM/DOOCS:output data.intensityTD"``."""
        channel = self.channel
        of = channel.source if isinstance(channel, Channel) else channel.detector.name
        return f"{of} {channel.key}"

    @property
    def cut(self) -> Roi:
        """The part of each entry."""
        return Roi.of(self.roi, self.channel.entry_shape)

    @property
    def dims(self) -> tuple[str, ...]:
        """Names of the axes of that part."""
        channel = self.channel
        every = channel.dims[1:] if isinstance(channel, Channel) else channel.entry_dims
        return tuple(every[axis] for axis in self.cut.kept)

    def described(self, kind: str, eaten: str) -> Card:
        """What an analysis of this kind looks at, and how much of it there was; loads nothing."""
        axes = zip(self.dims, self.cut.shape, strict=True)
        entry = ", ".join(f"{name} {size}" for name, size in axes) or "a number"
        facts = {"eaten": eaten, "each": entry}
        if None not in self.parts:
            facts["modules"] = str(len(self.parts))
        if self.channel.units:
            facts["units"] = self.channel.units
        return Card(kind, f"of {self.name}", facts)

    @property
    def parts(self) -> tuple[Part, ...]:
        """Modules, or None for the only part."""
        return (None,) if isinstance(self.channel, Channel) else self.channel.modules

    @property
    def asked(self) -> tuple[Any, ...]:
        """What machines that are merged must agree on."""
        return self.name, self.dims, self.cut.shape, str(self.roi)

    def in_run(self, target: Any) -> Watched:
        """The same in another run, or in other trains.

        Parameters
        ----------
        target : Run, Channel or DetectorChannel

        Raises
        ------
        SourceNotFound, KeyNotFound
            The run has no such source, detector or key.
        DataError
            The channel is of something else.
        """
        found = native(target)
        if isinstance(found, Run):
            found = self._of(found)
        there = Watched.of(found, self.roi)
        if there.channel.key != self.channel.key or there.cut.shape != self.cut.shape:
            raise DataError(
                f"{there.name} {list(there.cut.shape)} is not what is looked at: "
                f"{self.name} {list(self.cut.shape)}"
            )
        return there

    def _of(self, run: Run) -> Target:
        channel = self.channel
        if isinstance(channel, Channel):
            there: Channel = run[channel.source, channel.key]
            return there
        of = channel.detector
        modules = run.detector(
            of.name,
            modules=of.modules,
            raw=of.is_raw,
            parallel_gain=of.parallel_gain,
            match_pulses=of.match_pulses,
        )
        return replace(modules[channel.key], frames=channel.frames, mask=channel.mask)

    def reducibles(self) -> Iterator[tuple[Part, Reducible]]:
        """Each part, with its rows to reduce."""
        if isinstance(self.channel, Channel):
            yield None, self.channel
        else:
            yield from self.channel.each_module()

    def sources(self) -> Iterator[tuple[Part, str]]:
        """Each part, and the source that it comes from."""
        if isinstance(self.channel, Channel):
            yield None, self.channel.source
        else:
            yield from self.channel.detector.sources.items()

    def rows_of(self, train: Any) -> Iterator[tuple[Part, NDArray[Any]]]:
        """Rows of one train, as far as it has them.

        Parameters
        ----------
        train : Train, mapping, or (int, mapping)

        Yields
        ------
        (Part, ndarray (row, *shape))

        Raises
        ------
        DataError
            Values have another shape than those of the channel; or the channel is of chosen
            frames or has a mask, which one train alone does not tell.
        """
        channel = self.channel
        if isinstance(channel, DetectorChannel) and (channel.frames or channel.mask):
            raise DataError(
                f"Frames of {self.name} were chosen, or pixels masked: that needs a run",
                hint="Look at detector[key], and choose by roi.",
            )
        data = data_of(train)
        for part, source in self.sources():
            if source in data and channel.key in data[source]:
                yield part, self._cut(data[source][channel.key])

    def _cut(self, values: Any) -> NDArray[Any]:
        """Rows less what is not wanted; a single row may come without its axis."""
        array, shape = np.asarray(values), self.channel.entry_shape
        size = int(np.prod(shape, dtype=np.int64))
        fits = array.shape[array.ndim - len(shape) :] == shape and array.ndim >= len(shape)
        if not fits or (size and array.size % size):
            raise DataError(f"{self.name} is {list(shape)}; there came {list(array.shape)}")
        rows = array.reshape(-1, *shape)
        roi = self.roi if isinstance(self.roi, tuple) else (self.roi,)
        return rows[(slice(None), *roi)] if roi else rows

    def labelled(
        self,
        lines: Lines,
        dims: tuple[str, ...],
        *,
        name: str,
        coords: Mapping[str, Any] | None = None,
        units: str = "",
        attrs: Mapping[str, Any] | None = None,
    ) -> xr.DataArray:
        """Results of all parts along an axis ``module``, or that of the only part.

        Parameters
        ----------
        lines : mapping of Part to ndarray
        dims : tuple of str
            Of one of them.
        name : str
        coords, attrs : mapping, optional
        units : str
        """
        known: dict[str, Any] = dict(coords or {})
        notes = {**self.channel_labels, **({"units": units} if units else {}), **(attrs or {})}
        if None in lines:
            return xr.DataArray(lines[None], known, dims, name, notes)
        known["module"] = np.array(list(lines), np.int64)
        values = np.stack([lines[part] for part in lines])
        return xr.DataArray(values, known, ("module", *dims), name, notes)

    @property
    def channel_labels(self) -> dict[str, str]:
        """Names for results."""
        channel = self.channel
        if isinstance(channel, Channel):
            return {"source": channel.source, "key": channel.key}
        return {"detector": channel.detector.name, "key": channel.key}
