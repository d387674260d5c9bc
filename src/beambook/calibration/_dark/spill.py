"""Values outside the windows: kept one by one, then as numbers of each, so that nothing is lost."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

__all__ = ["Spill"]

Keys = NDArray[np.uint64]
Numbers = NDArray[np.int64]

MOST_LOOSE = 1 << 20  # entries before equal ones are put together


@dataclass(eq=False)
class Spill:
    """How often pixels of one cell had values outside their windows.

    An entry takes 16 bytes; there are no more than distinct values of all pixels, and 2²⁰.
    """

    _parts: list[tuple[Keys, Numbers]] = field(default_factory=list)
    _loose: int = 0

    def add(self, keys: Keys, numbers: Numbers) -> None:
        """Add entries ``pixel << 16 | value`` and how often each was seen; keeps the arrays."""
        if len(keys):
            self._parts.append((keys, numbers))
            self._loose += len(keys)
            if self._loose > MOST_LOOSE:
                self._parts = [self._together()]
                self._loose = 0

    def _together(self) -> tuple[Keys, Numbers]:
        keys = np.concatenate([np.zeros(0, np.uint64), *(part for part, _ in self._parts)])
        numbers = np.concatenate([np.zeros(0, np.int64), *(part for _, part in self._parts)])
        order = np.argsort(keys, kind="stable")
        keys, numbers = keys[order], numbers[order]
        first = np.flatnonzero(np.append(True, keys[1:] != keys[:-1])[: len(keys)])
        return keys[first], np.add.reduceat(numbers, first) if len(first) else numbers

    def entries(self) -> Iterator[tuple[Keys, Numbers]]:
        """Its parts, to be added to another."""
        yield from list(self._parts)

    def __len__(self) -> int:
        return sum(len(keys) for keys, _ in self._parts)

    def table(self, pixels: int) -> tuple[Numbers, Numbers, Numbers]:
        """Where each pixel begins (pixels + 1,), and values and numbers of all in order."""
        keys, numbers = self._together()
        begins = np.arange(pixels + 1, dtype=np.uint64) << np.uint64(16)
        first = np.searchsorted(keys, begins)
        return first.astype(np.int64), (keys & np.uint64(0xFFFF)).astype(np.int64), numbers
