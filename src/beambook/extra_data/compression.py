"""Decompressing pieces of data sets in threads, under EXtra-data's names.

What reads detectors here does not need it: `beambook.data` inflates by itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

import h5py
import numpy as np
from numpy.typing import NDArray

from beambook.data._reading.chunks import DEFLATE, SHUFFLE, Layout
from beambook.data._reading.inflate import decode

__all__ = [
    "DeflateDecompressor",
    "ShuffleDeflateDecompressor",
    "dataset_decompressor",
    "filter_ids",
    "multi_dataset_decompressor",
    "parallel_decompress_chunks",
]


def filter_ids(dset: h5py.Dataset) -> list[int]:
    """HDF5's numbers of the filters of a data set, in the order of writing."""
    created = dset.id.get_create_plist()
    return [created.get_filter(n)[0] for n in range(created.get_nfilters())]


@dataclass(frozen=True)
class _Decompressor:
    """Undoes the filters of pieces of one kind.

    Attributes
    ----------
    layout : Layout
        Type, shape and filters of a piece.
    """

    layout: Layout
    understood: ClassVar[tuple[tuple[int, ...], ...]] = ()

    @classmethod
    def for_dataset(cls, dset: h5py.Dataset) -> Self | None:
        """For the pieces of a data set; None if its filters are others."""
        filters = tuple(filter_ids(dset))
        if filters not in cls.understood or not cls._fits(dset.dtype, filters):
            return None
        return cls(Layout(dset.dtype, dset.shape, dset.chunks, filters))

    @classmethod
    def _fits(cls, dtype: np.dtype[Any], filters: tuple[int, ...]) -> bool:
        return True

    def clone(self) -> Self:
        """One for another thread; this one, because it keeps nothing."""
        return self

    def apply_filters(self, data: bytes, filter_mask: int, out: NDArray[Any]) -> None:
        """Undo what was done to a piece.

        Parameters
        ----------
        data : bytes
            As stored.
        filter_mask : int
            Bits of the filters that were left out when it was written.
        out : ndarray
            Contiguous, of the piece's type and size.

        Raises
        ------
        ValueError
            The piece is damaged.
        """
        used = tuple(f for n, f in enumerate(self.layout.filters) if not filter_mask >> n & 1)
        bytes_out = np.frombuffer(out.data.cast("B"), np.uint8)
        decode(memoryview(data), replace(self.layout, filters=used), bytes_out)


class DeflateDecompressor(_Decompressor):
    """For pieces that were deflated; shuffling of single bytes does nothing."""

    understood = ((DEFLATE,), (SHUFFLE, DEFLATE))

    @classmethod
    def _fits(cls, dtype: np.dtype[Any], filters: tuple[int, ...]) -> bool:
        return SHUFFLE not in filters or dtype.itemsize == 1


class ShuffleDeflateDecompressor(_Decompressor):
    """For pieces that were shuffled and then deflated."""

    understood = ((SHUFFLE, DEFLATE),)


Decompressor = DeflateDecompressor | ShuffleDeflateDecompressor


def dataset_decompressor(dset: h5py.Dataset) -> Decompressor | None:
    """What undoes the filters of a data set; None if they are not understood."""
    return DeflateDecompressor.for_dataset(dset) or ShuffleDeflateDecompressor.for_dataset(dset)


def multi_dataset_decompressor(dsets: Sequence[h5py.Dataset]) -> Decompressor | None:
    """What undoes the filters of several data sets; None if their pieces differ."""
    kinds = {(d.chunks, d.dtype, *filter_ids(d)) for d in dsets}
    return dataset_decompressor(dsets[0]) if len(kinds) == 1 else None


Task = tuple[h5py.h5d.DatasetID, tuple[int, ...], NDArray[Any]]


def parallel_decompress_chunks(
    tasks: Iterable[Task], decompressor_proto: Decompressor, threads: int = 16
) -> None:
    """Read pieces, and decompress them in threads.

    Parameters
    ----------
    tasks : iterable of (DatasetID, tuple of int, ndarray)
        Data set, first element of the piece, and where to put it. What was never written leaves
        its place as it is.
    decompressor_proto : DeflateDecompressor or ShuffleDeflateDecompressor
    threads : int
    """
    with ThreadPoolExecutor(threads) as pool:
        running = [
            pool.submit(decompressor_proto.apply_filters, data, mask, out)
            for mask, data, out in _stored(tasks)
        ]
        for each in running:
            each.result()


def _stored(tasks: Iterable[Task]) -> Iterator[tuple[int, bytes, NDArray[Any]]]:
    for dataset, start, out in tasks:
        if dataset.get_chunk_info_by_coord(start).byte_offset is not None:
            yield (*dataset.read_direct_chunk(start), out)
