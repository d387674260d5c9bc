"""The tree in which HDF5 lists the chunks of a data set, read as it is in the file.

Asking HDF5 for every chunk takes 10 µs each, which for a million is longer than to read the data.
Files that are written for old versions of HDF5, as facilities do, list them in a tree of nodes
of up to 64 chunks ("version 1 B-trees" in the specification of the format). What is found here
that is not exactly as specified is left to HDF5.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

__all__ = ["Tree", "tree_of"]

UNDEFINED = 0xFFFFFFFFFFFFFFFF
CONTINUATION, LAYOUT = 0x10, 0x08
MOST_BLOCKS = 64  # of an object's header
MOST_LEVELS = 16
HEAD = struct.Struct("<4sBBHQQ")  # of a node: signature, type, level, entries, neighbours
USUAL_ENTRIES = 64


class Unreadable(Exception):
    """Not as specified, or too new."""


@dataclass(frozen=True)
class Tree:
    """Where the tree of a data set begins.

    Attributes
    ----------
    address : int
    chunk : tuple of int
    grid : tuple of int
        Number of chunks along each axis.
    """

    address: int
    chunk: tuple[int, ...]
    grid: tuple[int, ...]

    def entries(
        self, fd: int, first: int, stop: int
    ) -> tuple[NDArray[np.int64], NDArray[Any]] | None:
        """Chunks from number `first` up to but not including `stop`, in the order of the grid.

        Returns
        -------
        number : ndarray of int64, (chunks,)
        entries : ndarray with fields size, mask and child, (chunks,)
            ``child`` is the place in the file.
        None
            The tree is not as specified.
        """
        try:
            raw = b"".join(self._leaves(fd, first, stop))
        except (Unreadable, OSError, OverflowError):
            return None
        found = np.frombuffer(raw, self._record)
        number = self._numbers(found)
        if np.any(number[1:] <= number[:-1]):
            return None
        wanted = slice(*np.searchsorted(number, [first, stop]).tolist())
        return number[wanted], found[wanted]

    @property
    def _record(self) -> np.dtype[Any]:
        at = ("at", "<u8", (len(self.chunk) + 1,))
        return np.dtype([("size", "<u4"), ("mask", "<u4"), at, ("child", "<u8")])

    def _numbers(self, records: NDArray[Any]) -> NDArray[np.int64]:
        """Numbers of the chunks; -1 for what is not on the grid."""
        number, good = np.zeros(len(records), np.int64), np.ones(len(records), bool)
        for axis, (length, chunks) in enumerate(zip(self.chunk, self.grid, strict=True)):
            place, rest = np.divmod(records["at"][:, axis], np.uint64(length))
            good &= (rest == 0) & (place < chunks)
            number = number * chunks + place.astype(np.int64)
        return np.where(good, number, -1)

    def _leaves(self, fd: int, first: int, stop: int) -> Iterator[bytes]:
        """Entries of the leaves that have these chunks, and some beside them."""
        size, axes = self._record.itemsize, struct.Struct(f"<{len(self.chunk)}Q")
        beyond = -(-stop // max(1, prod(self.grid[1:]))) * self.chunk[0]
        address, before = self._leaf_of(fd, first), (-1,)
        while address != UNDEFINED:
            node = _Node.read(fd, address, size)
            if node.level or not node.number:
                raise Unreadable("no leaf, or an empty one")
            begin = axes.unpack_from(node.raw, HEAD.size + 8)
            if begin <= before:  # it would never end
                raise Unreadable("leaves not in order")
            if begin[0] >= beyond:
                return
            yield node.raw[HEAD.size : HEAD.size + node.number * size]
            address, before = node.right, begin

    def _leaf_of(self, fd: int, number: int) -> int:
        """Where the leaf is that has a chunk, or would have it."""
        address, size = self.address, self._record.itemsize
        node = _Node.read(fd, address, size)
        level = node.level
        if level > MOST_LEVELS:
            raise Unreadable("too high")
        if not level and not node.number:
            return UNDEFINED  # nothing was written
        while level:
            records = np.frombuffer(node.raw, self._record, node.number, HEAD.size)
            begins = self._numbers(records)
            if not node.number or begins[0] < 0 or np.any(begins[1:] <= begins[:-1]):
                raise Unreadable("nodes not in order")
            which = max(0, int(np.searchsorted(begins, number, "right")) - 1)
            address, level = int(records["child"][which]), level - 1
            node = _Node.read(fd, address, size)
            if node.level != level:
                raise Unreadable("levels not in order")
        return address


@dataclass(frozen=True)
class _Node:
    """A node as it is in the file."""

    level: int
    number: int
    right: int
    raw: bytes

    @classmethod
    def read(cls, fd: int, address: int, entry: int) -> _Node:
        raw = os.pread(fd, HEAD.size + USUAL_ENTRIES * entry, address)
        if len(raw) < HEAD.size:
            raise Unreadable("beyond the end of the file")
        signature, kind, level, number, _, right = HEAD.unpack_from(raw)
        if signature != b"TREE" or kind != 1:
            raise Unreadable("no node of a tree of chunks")
        if number > USUAL_ENTRIES:
            raw = os.pread(fd, HEAD.size + number * entry, address)
        if len(raw) < HEAD.size + number * entry:
            raise Unreadable("beyond the end of the file")
        return cls(level, number, right, raw)


def tree_of(
    fd: int, stored: h5py.h5d.DatasetID, chunk: tuple[int, ...], grid: tuple[int, ...]
) -> Tree | None:
    """Where the tree of a data set begins; None where there is none of this kind.

    Parameters
    ----------
    fd : int
        Descriptor of the file; the file has no user block.
    stored : h5py.h5d.DatasetID
    chunk, grid : tuple of int
        Shape of a chunk, and number of chunks along each axis.
    """
    try:
        if os.pread(fd, 15, 0)[:8] != b"\x89HDF\r\n\x1a\n" or os.pread(fd, 2, 13) != b"\x08\x08":
            return None  # a newer superblock, or addresses of another size
        message = _layout_message(fd, h5py.h5o.get_info(stored).addr)
        version, kind, axes = message[0], message[1], message[2]
        if (version, kind, axes) != (3, 2, len(chunk) + 1):
            return None
        address, *lengths = struct.unpack_from(f"<Q{axes}I", message, 3)
    except (Unreadable, OSError, OverflowError, IndexError, struct.error):
        return None
    if lengths != [*chunk, stored.dtype.itemsize]:  # all was understood, then
        return None
    return Tree(address, chunk, grid) if address != UNDEFINED else None


def _layout_message(fd: int, address: int) -> bytes:
    """What an object's header (version 1) says about where its data are."""
    head = os.pread(fd, 16, address)
    if len(head) < 16 or head[0] != 1:
        raise Unreadable("a newer header")
    blocks = [(address + 16, int.from_bytes(head[8:12], "little"))]
    for _ in range(MOST_BLOCKS):
        if not blocks:
            break
        begin, length = blocks.pop(0)
        for kind, message in _messages(os.pread(fd, min(length, 1 << 16), begin)):
            if kind == LAYOUT:
                return message
            if kind == CONTINUATION:
                blocks.append(struct.unpack_from("<QQ", message))
    raise Unreadable("no layout")


def _messages(block: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at + 8 <= len(block):
        kind, length, flags = struct.unpack_from("<HHB", block, at)
        if flags & 2 == 0:  # else it is shared, and somewhere else
            yield kind, block[at + 8 : at + 8 + length]
        at += 8 + length
