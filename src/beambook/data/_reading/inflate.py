"""Undo what HDF5's filters did to a piece of a data set, never with more memory than it declares.

libdeflate inflates 2 to 6 times as fast as zlib, and threads do so side by side.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from beambook.data._reading.chunks import DEFLATE, FLETCHER32, SHUFFLE, Layout

__all__ = ["BadChunk", "ChecksumDiffers", "decode", "expect"]

MOST_BY_DEFLATE = 1032  # no stream of deflate inflates to more times its size
CHECKSUM = 4  # bytes
WORTH_NUMBA = 64 << 20  # bytes; to load it takes half a second
BLOCK = 1 << 15  # elements of a step, that they stay in the cache


Inflate = Callable[[memoryview, int], bytes | bytearray]


def _by_zlib(data: memoryview, size: int) -> bytes:
    return zlib.decompressobj().decompress(data, size + 1)


def _best() -> tuple[Inflate, tuple[type[Exception], ...]]:
    """What inflates, and the errors that it raises."""
    try:
        from deflate import DeflateError, zlib_decompress
    except ImportError:  # a platform without wheels
        return _by_zlib, (zlib.error, ValueError)
    return zlib_decompress, (DeflateError, ValueError)


_inflate, _errors = _best()


class BadChunk(ValueError):
    """A piece that does not hold what it should."""


class ChecksumDiffers(BadChunk):
    """A piece whose checksum is not that of its bytes."""


def decode(stored: memoryview, layout: Layout, out: NDArray[np.uint8] | None = None) -> Any:
    """Bytes of a piece as they were before the filters.

    Parameters
    ----------
    stored : memoryview
    layout : Layout
    out : ndarray of uint8, (layout.chunk_bytes,), optional
        Where to put them.

    Returns
    -------
    ndarray of uint8, (layout.chunk_bytes,)
        `out`, or where they are anyhow.

    Raises
    ------
    BadChunk
        It is damaged; the message says how.
    """
    data: Any = stored
    for step in reversed(layout.filters):
        if step == FLETCHER32:
            data = _checked(data)
        elif step == DEFLATE:
            checked = FLETCHER32 in layout.filters[: layout.filters.index(DEFLATE)]
            data = _inflated(data, layout.chunk_bytes + CHECKSUM * checked)
    if len(data) != layout.chunk_bytes:
        raise BadChunk(f"it has {len(data)} bytes, not {layout.chunk_bytes}")
    plain = np.frombuffer(data, np.uint8)
    if SHUFFLE in layout.filters and layout.dtype.itemsize > 1:
        return _unshuffled(plain, layout.dtype.itemsize, out)
    if out is None:
        return plain
    out[:] = plain
    return out


def _inflated(data: memoryview, size: int) -> Any:
    if size > MOST_BY_DEFLATE * len(data) + 64:
        raise BadChunk(f"{len(data)} bytes cannot inflate to {size}")
    try:
        found = _inflate(data, size)
    except _errors as error:
        raise BadChunk(f"it does not inflate to {size} bytes ({error})") from error
    if len(found) != size:
        raise BadChunk(f"it inflates to {len(found)} bytes, not {size}")
    return found


def _unshuffled(
    data: NDArray[np.uint8], item: int, out: NDArray[np.uint8] | None
) -> NDArray[np.uint8]:
    """Bytes of an element together again."""
    out = np.empty(len(data), np.uint8) if out is None else out
    if item in (2, 4, 8) and out.ctypes.data % item == 0:
        _combine(data.reshape(item, -1), out.view(f"<u{item}"))
    else:
        elements = out.reshape(-1, item)
        for place, plane in enumerate(data.reshape(item, -1)):
            elements[:, place] = plane
    return out


def _combine_by_numpy(planes: NDArray[np.uint8], out: NDArray[Any]) -> None:
    """Elements from their bytes by shifts, in steps that stay in the processor's cache."""
    room = np.empty(min(BLOCK, len(out)), out.dtype)
    for start in range(0, len(out), BLOCK):
        to = out[start : start + BLOCK]
        with_ = room[: len(to)]
        np.copyto(to, planes[0, start : start + BLOCK])
        for place in range(1, len(planes)):
            np.copyto(with_, planes[place, start : start + BLOCK])
            np.left_shift(with_, 8 * place, out=with_)
            np.bitwise_or(to, with_, out=to)


_combine: Callable[[NDArray[np.uint8], NDArray[Any]], None] = _combine_by_numpy


_decoded = 0


def expect(layout: Layout, size: int) -> None:
    """So many bytes will be decoded: where they have become many, it pays to load numba."""
    global _combine, _decoded
    if SHUFFLE in layout.filters:
        _decoded += size
    if _decoded >= WORTH_NUMBA and _combine is _combine_by_numpy:
        from beambook.data._reading.unshuffle import combine

        _combine = combine


def _checked(data: memoryview) -> memoryview:
    """Without the checksum, which must be right."""
    if len(data) < CHECKSUM:
        raise BadChunk("it is shorter than its checksum")
    bytes_, stored = data[:-CHECKSUM], int.from_bytes(data[-CHECKSUM:], "little")
    low, high = _fletcher32(np.frombuffer(bytes_, np.uint8))
    if (stored & 0xFFFF) % 65535 != low or (stored >> 16) % 65535 != high:
        raise ChecksumDiffers("its checksum differs")
    return bytes_


def _fletcher32(data: NDArray[np.uint8]) -> tuple[int, int]:
    """Both sums of 16-bit words, the first byte the higher one, modulo 65535."""
    odd = len(data) % 2
    words = data[: len(data) - odd].view(">u2").astype(np.uint64)
    if odd:
        words = np.append(words, np.uint64(int(data[-1]) << 8))
    total, weighted = 0, 0
    for start in range(0, len(words), BLOCK):  # 2¹⁵ words of 2¹⁶ and weights of 2¹⁵: below 2⁶⁴
        block = words[start : start + BLOCK]
        weights = np.arange(len(block), 0, -1, dtype=np.uint64)
        weighted = (weighted + total * len(block) + int(block @ weights)) % 65535
        total = (total + int(block.sum())) % 65535
    return total, weighted
