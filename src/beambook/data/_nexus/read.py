"""Reading small fields of NeXus files whole."""

from __future__ import annotations

from typing import Any

import h5py
import numpy as np
import psutil
from numpy.typing import NDArray

from beambook.data._filters import missing_filters
from beambook.data._nexus.links import FAULTS
from beambook.data._nexus.text import decoded
from beambook.data._nexus.tree import Field
from beambook.data._reading.external_raw import open_with_raw
from beambook.data._reading.roi import Roi
from beambook.errors import DamagedFile, DataError

__all__ = ["MOST_SMALL", "find_filters", "read_field", "read_text", "read_vector", "region"]

MOST_SMALL = 10_000_000  # elements of an axis, a log or an index
MOST_BYTES = 256 << 20
LONGEST_TEXT = 4096


def read_text(file: h5py.File, field: Field | None) -> str:
    """A short text or number as text; empty where there is none, or only a placeholder."""
    if field is None or field.size < 1 or field.size > 16 or field.lost:
        return ""
    if field.dtype.kind not in "OSUiufb" or field.dtype.itemsize > LONGEST_TEXT:
        return ""
    try:
        values = np.ravel(open_field(file, field)[()])
    except FAULTS:
        return ""
    texts = [decoded(v) if isinstance(v, bytes) else str(v) for v in values.tolist()]
    text = ", ".join(filter(None, (" ".join(t.split()) for t in texts)))[:LONGEST_TEXT]
    return "" if text.startswith("{") and text.endswith("}") else text


def read_vector(file: h5py.File, field: Field) -> NDArray[Any] | None:
    """All values of a field that is small, in one row; None where they cannot be read."""
    if field.size > MOST_SMALL or field.nbytes > MOST_BYTES or field.lost:
        return None
    try:
        return np.ravel(open_field(file, field)[()])
    except (*FAULTS, MemoryError):
        return None


def read_field(file: h5py.File, field: Field, roi: Any = ()) -> NDArray[Any]:
    """The values of a field, or of a region of it; text as `str`.

    Raises
    ------
    DamagedFile
        They cannot be read.
    DataError
        They do not fit into memory.
    """
    cut = region(roi, field.shape)
    size = np.prod(cut.shape, dtype=float) * field.dtype.itemsize
    if size > _memory() / 2:
        raise DataError(
            f"{field.path} {list(cut.shape)} does not fit into memory: {size / 2**30:.3g} GiB",
            hint="Give a roi: plottable(roi=np.s_[0]).",
        )
    try:
        dataset = open_field(file, field)
        if dataset.shape is None:
            return np.zeros(0)
        values = dataset[cut.stored] if field.shape else np.asarray(dataset[()])
    except (*FAULTS, MemoryError) as error:
        if isinstance(error, DataError):
            raise
        raise DamagedFile(f"{field.path} in {file.filename} cannot be read ({error})") from error
    values = np.asarray(values[cut.rest[1:]] if cut.rest else values)
    return _as_text(values) if values.dtype.kind in "SO" else values


def region(roi: Any, shape: tuple[int, ...]) -> Roi:
    """A region of all axes of a field.

    Raises
    ------
    DataError
        The field is larger than any memory.
    """
    try:
        return Roi.of(roi, shape)
    except ValueError as error:
        raise DataError(f"An array of shape {list(shape)} is larger than any memory") from error


def open_field(file: h5py.File, field: Field) -> h5py.Dataset:
    """The data set of a field."""
    found = open_with_raw(file, field.path.encode(errors="surrogateescape"))
    if not isinstance(found, h5py.Dataset):
        raise DamagedFile(f"{field.path} is no data set any more")
    return found


def _as_text(values: NDArray[Any]) -> NDArray[Any]:
    out = np.empty(values.shape, object)
    flat = out.reshape(-1)
    for position, value in enumerate(values.reshape(-1).tolist()):
        flat[position] = decoded(value) if isinstance(value, bytes) else value
    return out


def _memory() -> int:
    """Bytes of memory this computer can give."""
    return int(psutil.virtual_memory().available)


def find_filters(file: h5py.File, field: Field) -> tuple[str, ...]:
    """Filters that a field was stored with and that are not to be had.

    Those of the package ``hdf5plugin`` are, where it is installed.
    """
    try:
        return missing_filters(open_field(file, field).id)
    except FAULTS:
        return ()
