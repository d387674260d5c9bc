"""Compressed frames as HDF5's filters would make them, but by libdeflate and in threads."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from threading import local
from typing import Any

import numpy as np
from numpy.typing import NDArray

from beambook.calibration._files.kernels import shuffle

__all__ = ["LEVEL", "Packer"]

LEVEL = 1  # of gzip, as the facility says in its files
FASTEST = 2  # libdeflate's first level is slower on what changes little; nobody can tell after


def _best() -> Callable[[Any, int], Any]:
    try:
        from deflate import zlib_compress
    except ImportError:  # a platform without wheels
        return zlib.compress
    return zlib_compress


_deflate = _best()


class Packer:
    """Compresses the frames of one key; those of a memory cell are often equal.

    The mask of a frame hardly changes from train to train, because most of it is in the
    constants. The last frame of each cell is kept with its compressed bytes, and to compare two
    frames takes a small part of the time that it takes to compress one.

    Parameters
    ----------
    keep : bool
        Whether to keep frames.
    """

    def __init__(self, *, keep: bool = True) -> None:
        self._keep = keep
        self._last: dict[int, tuple[NDArray[np.uint64], bytes]] = {}
        self._room = local()
        self.compressed = self.repeated = 0

    def pack(self, frame: NDArray[Any], cell: int) -> bytes:
        """The bytes of a chunk: shuffled, then deflated.

        Parameters
        ----------
        frame : ndarray, (slow, fast)
            Contiguous; its bytes a multiple of 8, as those of all modules are.
        cell : int
            Memory cell.
        """
        words = frame.reshape(-1).view(np.uint64)
        last = self._last.get(cell)
        if last is not None and np.array_equal(last[0], words):
            self.repeated += 1
            return last[1]
        packed = bytes(_deflate(self._shuffled(frame), FASTEST))
        self.compressed += 1
        if self._keep:
            self._last[cell] = (words.copy(), packed)
        return packed

    def _shuffled(self, frame: NDArray[Any]) -> NDArray[np.uint8]:
        item, size = frame.dtype.itemsize, frame.size
        if item == 1:
            return frame.reshape(-1).view(np.uint8)
        if getattr(self._room, "planes", np.zeros(0)).shape != (item, size):
            self._room.planes = np.empty((item, size), np.uint8)
        planes: NDArray[np.uint8] = self._room.planes
        if item == 4:
            shuffle(frame.reshape(-1).view(np.uint32), planes)
        else:
            planes[:] = frame.reshape(-1).view(np.uint8).reshape(size, item).T
        return planes.reshape(-1)
