"""Reading one key of all modules: where each row goes, what is filled, in which blocks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from beambook.data._cached_property import cached_property
from beambook.data._detector.block import Block, read_block
from beambook.data._detector.split import train_blocks
from beambook.data._detector.stack import Pieces
from beambook.data._detector.stack_axes import Axes
from beambook.data._detector.stack_ids import FrameIds
from beambook.data._reading.roi import Roi
from beambook.errors import DataError

if TYPE_CHECKING:
    import dask.array as da

    from beambook.data._detector.channel import DetectorChannel

__all__ = ["Reading"]


@dataclass(frozen=True, eq=False)
class Reading:
    """What is to be read of a channel, and how it is laid out.

    Attributes
    ----------
    channel : DetectorChannel
    roi : numpy.s_ expression
        Of each frame.
    fill_value, astype
        None for the usual ones.
    axes : Axes or None
        Between the axis of modules and those of a frame; one axis of slots by default.
    ids : str
        ``"pulse"`` or ``"cell"``: frames of modules that disagree about it are left out;
        empty for what the detector says.
    threads : int or None
    """

    channel: DetectorChannel
    roi: Any = ()
    fill_value: Any = None
    astype: Any = None
    axes: Axes | None = None
    ids: str = ""
    threads: int | None = None

    @cached_property
    def cut(self) -> Roi:
        """The region of interest of a frame."""
        return Roi.of(self.roi, self.channel.entry_shape)

    @cached_property
    def _stored_cut(self) -> Roi:
        """The same of a row as it is stored."""
        if not self.channel.squeezed:
            return self.cut
        roi = self.roi if isinstance(self.roi, tuple) else (self.roi,)
        return Roi.of((slice(None), *roi), self.channel.stored_shape)

    @cached_property
    def dtype(self) -> np.dtype[Any]:
        """Of the result."""
        return np.dtype(self.channel.dtype if self.astype is None else self.astype)

    @cached_property
    def fill(self) -> Any:
        """For what is missing."""
        value = self.fill_value
        if value is None:
            value = np.nan if self.dtype.kind == "f" else 0
        try:
            return self.dtype.type(value)
        except (ValueError, TypeError, OverflowError) as error:
            raise DataError(
                f"Missing {self.dtype} values cannot be filled with {value}", hint="Give astype=."
            ) from error

    @cached_property
    def laid_out(self) -> Axes:
        """The axes between that of modules and those of a frame."""
        length = len(self.channel.slots)
        return self.axes if self.axes is not None else Axes(("frame",), (length,), {})

    @cached_property
    def _frame_ids(self) -> FrameIds | None:
        detector = self.channel.detector
        if self.channel.by_train:
            return None
        if self.ids == "cell":
            return detector.memory_cells
        return detector.pulse_ids if self.ids or detector.match_pulses else None

    @cached_property
    def pieces(self) -> list[Pieces]:
        """What to read of each module, by target."""
        slots, target = self.channel.slots, self.laid_out.target
        return [
            self.channel.rows.pieces(module, slots, target=target, ids=self._frame_ids).sorted()
            for module in range(len(self.channel.modules))
        ]

    @cached_property
    def _covered(self) -> NDArray[np.bool_]:
        size = self.laid_out.size
        return np.stack([pieces.covers(size) for pieces in self.pieces])

    def filled(self) -> NDArray[np.int64]:
        """How many places of each module have no data."""
        return np.asarray(np.count_nonzero(~self._covered, axis=1), np.int64)

    def place(self, module: int, *, module_gaps: bool) -> int:
        """Position in the result of a module, by its position in the stack."""
        if not module_gaps:
            return module
        detector = self.channel.detector
        number = self.channel.modules[module]
        place = number - detector.kind.first_module
        if not 0 <= place < detector.n_modules:
            raise DataError(
                f"Module {number} of {detector.name} is not one of {detector.n_modules}"
            )
        return place

    def available(self, *, module_gaps: bool) -> NDArray[np.bool_]:
        """Which places have data, (modules, places)."""
        if not module_gaps:
            return self._covered
        found = np.zeros((self.channel.detector.n_modules, self.laid_out.size), bool)
        for module, covered in enumerate(self._covered):
            found[self.place(module, module_gaps=True)] = covered
        return found

    # --- to an array ------------------------------------------------------

    def array(self, out: NDArray[Any] | None = None, *, module_gaps: bool = False) -> NDArray[Any]:
        """Read everything; see `DetectorChannel.ndarray`."""
        number = self.channel.detector.n_modules if module_gaps else len(self.channel.modules)
        shape = (number, *self.laid_out.shape, *self.cut.shape)
        fill = self.fill
        if out is None:
            out = self._room(shape)
        elif out.shape != shape:
            raise DataError(f"The array for the result has shape {out.shape}, not {shape}")
        if out.dtype != self.dtype:
            return replace(self, astype=out.dtype).array(out, module_gaps=module_gaps)
        if not out.flags.c_contiguous:
            out[...] = self.array(module_gaps=module_gaps)
            return out
        rows = out.reshape(number, self.laid_out.size, *self._stored_cut.shape)
        places = [self.place(m, module_gaps=module_gaps) for m in range(len(self.pieces))]
        for empty in set(range(number)).difference(places):
            rows[empty] = fill
        self._read(rows, places)
        return out

    def _read(self, rows: NDArray[Any], places: Sequence[int]) -> None:
        """All modules at once, or one by one where a mask of each is needed, too."""
        together = self.channel.mask is None and places == list(range(places[0], places[-1] + 1))
        groups = [range(len(places))] if together else [range(m, m + 1) for m in range(len(places))]
        for modules in groups:
            first = places[modules.start]
            some = rows[first : first + len(modules)]
            block = self.block(modules, 0, self.laid_out.size)
            block.read(some.reshape(-1, *some.shape[2:]), threads=self.threads)

    def _room(self, shape: tuple[int, ...]) -> NDArray[Any]:
        try:
            return np.empty(shape, self.dtype)
        except (MemoryError, ValueError) as error:
            size = np.prod(shape, dtype=float) * self.dtype.itemsize
            raise DataError(
                f"{self.channel.detector.name} {self.channel.key} does not fit into memory: "
                f"{size / 2**30:.3g} GiB, shape {shape}",
                hint="Select trains, pulses or a roi, or take dask_array().",
            ) from error

    # --- in blocks --------------------------------------------------------

    def block(self, modules: range, start: int, stop: int) -> Block:
        """Some neighbouring modules at some neighbouring places, which can be read anywhere.

        Parameters
        ----------
        modules : range
            Positions of the modules.
        start, stop : int
            Places.
        """
        size = stop - start
        plans = tuple(
            plan
            for number, module in enumerate(modules)
            for plan in self.channel.rows.plans(
                module, self.pieces[module].between(start, stop), shift=number * size - start
            )
        )
        gaps = ~self._covered[modules.start : modules.stop, start:stop].reshape(-1)
        mask = self.channel.mask
        return Block(
            plans,
            self._stored_cut,
            self.channel.dtype,
            self.dtype,
            self.fill,
            gaps if gaps.any() else None,
            None if mask is None else (self._of_mask.block(modules, start, stop), mask),
        )

    @cached_property
    def _of_mask(self) -> Reading:
        """Of what says which pixels are bad, for the same places."""
        key = self.channel.mask.key if self.channel.mask else ""
        channel = replace(self.channel, key=key, mask=None)
        if channel.entry_shape != self.channel.entry_shape:
            raise DataError(
                f"The mask has entries of shape {channel.entry_shape}, "
                f"{self.channel.key} of {self.channel.entry_shape}"
            )
        return replace(self, channel=channel, astype=None, fill_value=0)

    def dask(self, block_bytes: int) -> da.Array:
        """A dask array, one task for each block of whole trains."""
        import dask.array as da  # half a second, which most users need not spend
        from dask.base import tokenize

        chunks, blocks = self._dask_blocks(block_bytes)
        shape = (len(self.pieces), *self.laid_out.shape, *self.cut.shape)
        if not blocks:
            return da.from_array(np.full(shape, self.fill, self.dtype))  # type: ignore[no-untyped-call, no-any-return]
        inner = ((size,) for size in shape[2:])
        name = f"detector-{tokenize(*self._identity(), chunks)}"
        origin = (0,) * (len(shape) - 2)
        graph = {
            (name, m, t, *origin): (read_block, b, self._dask_shape(chunks, m, t), b.roi.shape)
            for (m, t), b in blocks.items()
        }
        return da.Array(graph, name, (*chunks, *inner), self.dtype)  # type: ignore[no-untyped-call]

    def _identity(self) -> tuple[Any, ...]:
        """What the result depends on."""
        channel = self.channel
        detector, rows, target = channel.detector, channel.rows, self.laid_out.target
        files = [rows.store.parts[n].file for n in np.unique(rows.stack.part)]
        return (
            [(str(file.path), file.stamp) for file in files],
            (channel.key, *detector.sources.items()),
            (detector.train_ids, channel.slots.chosen, target, self._covered),
            (repr(self.roi), str(self.dtype), repr(self.fill), repr(channel.mask)),
            self.laid_out.shape,
        )

    def _dask_shape(self, chunks: Any, module: int, train: int) -> tuple[int, ...]:
        return (chunks[0][module], chunks[1][train], *self.laid_out.shape[1:], *self.cut.shape)

    def _dask_blocks(self, most: int) -> tuple[Any, dict[tuple[int, int], Block]]:
        places = self._places_of_trains()
        entry = max(1, int(np.prod(self.cut.shape, dtype=np.int64)) * self.dtype.itemsize)
        modules = len(self.pieces)
        largest = int(places.max(initial=1)) * entry
        group = max(1, min(modules, most // max(1, largest)))
        groups = [range(m, min(m + group, modules)) for m in range(0, modules, group)]
        edges = np.append(0, np.cumsum(places))
        trains = [
            (int(edges[a]), int(edges[b]))
            for a, b in train_blocks(places * entry * group, most)
            if edges[b] > edges[a]
        ]
        step = int(np.prod(self.laid_out.shape[1:], dtype=np.int64))
        chunks = (tuple(map(len, groups)), tuple((b - a) // step for a, b in trains))
        blocks = {
            (m, t): self.block(some, *trains[t])
            for m, some in enumerate(groups)
            for t in range(len(trains))
        }
        return chunks, blocks

    def _places_of_trains(self) -> NDArray[np.int64]:
        if len(self.laid_out.shape) == 1:
            return self.channel.slots.counts
        step = int(np.prod(self.laid_out.shape[1:], dtype=np.int64))
        return np.full(self.laid_out.shape[0], step)
