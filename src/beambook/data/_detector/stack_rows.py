"""One key in a stack of modules: which of its rows are in the files, and how to read them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from beambook.data._cached_property import cached_property
from beambook.data._detector.stack import Pieces, Slots, Stack, module_pieces
from beambook.data._detector.stack_ids import FrameIds
from beambook.data._format import Signal
from beambook.data._hdf5 import StoredFile
from beambook.data._reading.read import Plan
from beambook.data._store import Store
from beambook.errors import DataError

__all__ = ["Signals", "StackRows"]

Signals = dict[tuple[int, str, str], Signal | None]


@dataclass(frozen=True, eq=False)
class StackRows:
    """Rows of one key, module by module.

    Attributes
    ----------
    store : Store
    sources : tuple of str
        The source of each module of the stack.
    key : str
    stack : Stack
    known : dict
        Signals found before, by part, source and key; more are put in.
    lenient : bool
        Whether files that lack the key, or have other entries, only lack rows.
    """

    store: Store
    sources: tuple[str, ...]
    key: str
    stack: Stack
    known: Signals
    lenient: bool = False

    def _signal_in(self, number: int, source: str) -> Signal | None:
        where = (number, source, self.key)
        if where not in self.known:
            self.known[where] = self.store.parts[number].signal(source, self.key)
        return self.known[where]

    @cached_property
    def _found(self) -> list[dict[int, Signal | None]]:
        """For each module, the key in each part that has rows."""
        return [
            {int(n): self._signal_in(int(n), source) for n in np.unique(part[valid])}
            for source, part, valid in zip(
                self.sources, self.stack.part, self.stack.valid, strict=True
            )
        ]

    @cached_property
    def signal(self) -> Signal | None:
        """The key in the first file that has it; others must agree."""
        used = (s for found in self._found for s in found.values())
        return next(filter(None, used), None) or next(filter(None, self._anywhere()), None)

    def _anywhere(self) -> Iterator[Signal | None]:
        for source in self.sources:
            for number in self.store.sources[source]:
                yield self._signal_in(number, source)

    @cached_property
    def usable(self) -> NDArray[np.bool_]:
        """Whether each module's rows of a train are all there, (modules, trains)."""
        stack = self.stack
        lengths = np.zeros((len(self.sources), len(self.store.parts)), np.int64)
        for module, found in enumerate(self._found):
            for number, signal in found.items():
                lengths[module, number] = self._length(signal, number)
        length = np.take_along_axis(lengths, stack.part, axis=1)
        return np.asarray(stack.valid & (stack.first >= 0) & (stack.first <= length - stack.count))

    def _length(self, signal: Signal | None, number: int) -> int:
        like = self.signal
        same = (
            signal is not None
            and like is not None
            and (signal.shape[1:], signal.dtype) == (like.shape[1:], like.dtype)
        )
        if same and signal is not None:
            return signal.shape[0]
        if self.lenient:
            return 0
        found = "nothing" if signal is None else f"{signal.dtype}{list(signal.shape[1:])}"
        stated = "nothing" if like is None else f"{like.dtype}{list(like.shape[1:])}"
        raise DataError(
            f"{self.key} is {stated} in one file and {found} in "
            f"{self.store.parts[number].file.path.name}",
            hint="Select modules or trains that agree.",
        )

    def length(self, module: int, file: StoredFile) -> int:
        """Rows of a module's data set in a file, used or not."""
        found = self._found[module].items()
        return next(s.shape[0] for n, s in found if s and self.store.parts[n].file == file)

    @cached_property
    def incomplete(self) -> int:
        """Number of trains and modules whose rows are not all in the files."""
        return int(np.count_nonzero(self.stack.valid & ~self.usable))

    def pieces(
        self,
        module: int,
        slots: Slots,
        *,
        target: NDArray[np.int64] | None = None,
        ids: FrameIds | None = None,
    ) -> Pieces:
        """What to read of a module, see `module_pieces`.

        Parameters
        ----------
        module : int
            Its position in the stack.
        slots : Slots
        target : ndarray of int64, (slots,), optional
        ids : FrameIds, optional
            Of all frames; those where the module disagrees are left out.
        """
        wrong = None if ids is None else ids.wrong(module)
        without = None if wrong is None else np.asarray(slots.of(wrong), bool)
        usable = self.usable[module]
        return module_pieces(self.stack, module, slots, usable, target=target, without=without)

    def plans(self, module: int, pieces: Pieces, *, shift: int = 0) -> Iterator[Plan]:
        """One plan for each file.

        Parameters
        ----------
        module : int
            Position in the stack.
        pieces : Pieces
        shift : int
            Added to all targets.
        """
        for number, some in by_part(pieces):
            signal = self._signal_in(number, self.sources[module])
            if signal is not None:  # else its rows would not have been usable
                file = self.store.parts[number].file
                yield Plan(file, signal.dataset, some.source, some.target + shift, some.count)


def by_part(pieces: Pieces) -> Iterator[tuple[int, Pieces]]:
    """The pieces of each part."""
    order = np.argsort(pieces.part, kind="stable")
    part = pieces.part[order]
    begins = np.flatnonzero(part[1:] != part[:-1]) + 1
    groups: Iterable[NDArray[Any]] = np.split(order, begins) if len(order) else ()
    for which in groups:
        some = replace(
            pieces,
            part=pieces.part[which],
            source=pieces.source[which],
            target=pieces.target[which],
            count=pieces.count[which],
        )
        yield int(some.part[0]), some
