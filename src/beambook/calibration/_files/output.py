"""The pixels of a corrected file: written where they belong, by any thread, in any order."""

from __future__ import annotations

import os
from collections.abc import Collection
from threading import Lock
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from beambook.calibration._corrected import Corrected
from beambook.calibration._files.packing import LEVEL, Packer
from beambook.errors import ParameterError

__all__ = ["FIELDS", "Output", "value_type"]

FIELDS = ("data", "gain", "mask")


class Output:
    """The three data sets of pixels of a corrected file.

    What is not compressed lies in one piece, of which the place in the file is known from the
    begin: it is written past HDF5, whose lock lets only one thread in. Compressed frames are
    chunks of their own.

    Parameters
    ----------
    group : h5py.Group
        Where the data sets are made.
    names : mapping of str to str
        What `data`, `gain` and `mask` are called there.
    shape : tuple of int
        Of the data sets: frames or trains first.
    compress : collection of str
        Which of `data`, `gain` and `mask` are compressed.
    recast : str
        Type of the values, where not float32.
    """

    def __init__(
        self,
        group: h5py.Group,
        names: dict[str, str],
        shape: tuple[int, ...],
        *,
        compress: Collection[str],
        recast: str = "",
    ) -> None:
        self.dtype = value_type(recast)
        types: dict[str, np.dtype[Any]] = {
            "data": self.dtype, "gain": np.dtype("u1"), "mask": np.dtype("u4")
        }  # fmt: skip
        self._by_train, self._per_row = len(shape) == 4, shape[1]
        self._packers = {f: Packer(keep=f != "data") for f in FIELDS if f in compress}
        self._sets = {
            f: _create(group, names[f], shape, types[f], packed=f in compress) for f in FIELDS
        }
        self._file = group.file.filename
        self._begin = {f: d.id.get_offset() for f, d in self._sets.items() if f not in compress}
        self._lock, self._fd = Lock(), -1
        self.clipped = 0

    def __enter__(self) -> Output:
        self._fd = os.open(self._file, os.O_WRONLY)
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._fd)

    def write(self, first: int, frames: Corrected, cells: NDArray[np.uint16]) -> None:
        """Put frames at their place.

        Parameters
        ----------
        first : int
            Number of the first.
        frames : Corrected
        cells : ndarray of uint16, (frames,)
        """
        for name in FIELDS:
            values = getattr(frames, name)
            values = self._recast(values) if name == "data" else values
            if name in self._packers:
                self._write_packed(name, first, values, cells)
            else:
                self._write_plain(name, first, values)

    def _write_plain(self, name: str, first: int, values: NDArray[Any]) -> None:
        left = np.ascontiguousarray(values).data.cast("B")
        at = self._begin[name] + first * values[0].nbytes
        while left:
            written = os.pwrite(self._fd, left, at)
            left, at = left[written:], at + written

    def _write_packed(
        self, name: str, first: int, values: NDArray[Any], cells: NDArray[np.uint16]
    ) -> None:
        packer, out = self._packers[name], self._sets[name].id
        for place, (frame, cell) in enumerate(zip(values, cells.tolist(), strict=True), first):
            packed = packer.pack(np.ascontiguousarray(frame), cell)
            out.write_direct_chunk(self._chunk(place), packed)

    def _chunk(self, place: int) -> tuple[int, ...]:
        return (*divmod(place, self._per_row), 0, 0) if self._by_train else (place, 0, 0)

    def _recast(self, values: NDArray[np.float32]) -> NDArray[Any]:
        if self.dtype == values.dtype:
            return values
        if self.dtype.kind == "f":
            return values.astype(self.dtype)
        limits = np.iinfo(self.dtype)
        rounded = np.rint(np.nan_to_num(values.astype(np.float64), nan=0.0))
        outside = (rounded < limits.min) | (rounded > limits.max) | np.isnan(values)
        with self._lock:
            self.clipped += int(np.count_nonzero(outside))
        return np.clip(rounded, limits.min, limits.max).astype(self.dtype)


def value_type(recast: str) -> np.dtype[Any]:
    """The type of corrected values.

    Raises
    ------
    ParameterError
        It is none of numbers.
    """
    try:
        found = np.dtype(recast or "f4")
    except TypeError as error:
        raise ParameterError(
            f"recast_image_data {recast!r} is no type", hint="Take float16, int32, …"
        ) from error
    if found.kind not in "iuf":
        raise ParameterError(f"recast_image_data {recast!r} is no type of numbers")
    return found


def _create(
    group: h5py.Group, name: str, shape: tuple[int, ...], dtype: np.dtype[Any], *, packed: bool
) -> h5py.Dataset:
    if packed:
        chunk = (1,) * (len(shape) - 2) + shape[-2:]
        return group.create_dataset(
            name, shape, dtype, chunks=chunk, compression="gzip", compression_opts=LEVEL,
            shuffle=True,
        )  # fmt: skip
    made = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    made.set_layout(h5py.h5d.CONTIGUOUS)
    made.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
    made.set_fill_time(h5py.h5d.FILL_TIME_NEVER)
    space = h5py.h5s.create_simple(shape)
    h5py.h5d.create(group.id, name.encode(), h5py.h5t.py_create(dtype), space, made)
    return group[name]
