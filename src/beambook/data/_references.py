"""References to where values are stored, for readers of Zarr: Kerchunk's format, version 1.

What can be referenced are numbers in plain HDF5 data sets, stored in one stretch or in pieces,
as they are, shuffled, deflated or with Fletcher's checksum. Rows of several files become one
array where each file's rows begin and end with a piece; else there is one array for each file,
in which rows that belong to no selected train have the train id 0. Coordinates (``trainId``, and
``pulseId`` where pulse ids are stored beside the values) are in the references themselves.
Anything else is left out, with the reason.
"""

from __future__ import annotations

import json
import os
import tempfile
from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import product
from math import gcd, prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from beambook.card import Card, Described
from beambook.data._channel import Channel
from beambook.data._findings import warn
from beambook.data._reading.chunks import DEFLATE, FLETCHER32, SHUFFLE, Layout, layout_of
from beambook.data._reading.read import Segment
from beambook.errors import DataError

if TYPE_CHECKING:
    from beambook.data._run import Run

__all__ = ["ZarrReferences", "references"]

_Ids = dict[str, NDArray[Any]]  # ids of each row, by the name of their array
LARGEST = 16 << 20  # bytes of a piece where we choose its size
CODECS = {SHUFFLE: "shuffle", DEFLATE: "zlib", FLETCHER32: "fletcher32"}


@dataclass(frozen=True, repr=False)
class ZarrReferences(Described):
    """Where the values of channels are, as Zarr arrays over files that stay as they are.

    Attributes
    ----------
    refs : mapping of str to str or list
        Metadata, or file, offset and size in bytes, by Zarr's keys.
    arrays : mapping of str to tuple of str
        Names of the arrays of each channel: one, or one for each file.
    left_out : mapping of str to str
        Channels that cannot be referenced, and why.

    Examples
    --------
    ::

        found = run.references(image=("MID_DET_AGIPD1M-1/DET/0CH0:xtdf", "image.data"))
        found.write("image.json")
        xr.open_dataset("reference://", engine="zarr", backend_kwargs={
            "consolidated": False, "storage_options": {"fo": "image.json"}})
    """

    refs: Mapping[str, Any]
    arrays: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    left_out: Mapping[str, str] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """What ``fsspec.filesystem("reference", fo=...)`` takes."""
        return {"version": 1, "refs": dict(self.refs)}

    def json(self) -> str:
        """Face for programs."""
        return json.dumps(self.as_dict())

    def write(self, path: str | Path) -> Path:
        """Write a JSON file.

        Parameters
        ----------
        path : str or Path

        Returns
        -------
        Path
        """
        target = Path(path).expanduser()
        fd, name = tempfile.mkstemp(".tmp", f".{target.name}.", target.parent)
        try:
            with os.fdopen(fd, "w", encoding="utf-8") as file:
                file.write(self.json())
                os.fchmod(file.fileno(), 0o644)
            os.replace(name, target)
        except BaseException:
            with suppress(OSError):
                os.unlink(name)
            raise
        return target

    def card(self) -> Card:
        """Describe what is referenced."""
        pieces = sum(isinstance(value, list) for value in self.refs.values())
        facts = {"arrays": ", ".join(name for names in self.arrays.values() for name in names)}
        facts["pieces"] = str(pieces)
        facts |= {f"without {name}": why for name, why in self.left_out.items()}
        return Card("References", "to stored values", facts)


def references(run: Run, *channels: Any, **named: Any) -> ZarrReferences:
    """Reference the values of channels; see `ZarrReferences`.

    Parameters
    ----------
    run : Run
    *channels : str, (source, key), Channel or Alias
        By default all that are selected. The array is called as the alias is, or ``SOURCE.key``
        with ``_`` for slashes.
    **named : str, (source, key), Channel or Alias
        Arrays with a name of their own.

    Raises
    ------
    DataError
        None of them can be referenced.

    Warns
    -----
    DataWarning
        Some cannot: see ``left_out``.
    """
    every = () if channels or named else _all(run)
    wanted = {**{_name(item): item for item in (*channels, *every)}, **named}
    group = _Group()
    left_out: dict[str, str] = {}
    arrays: dict[str, tuple[str, ...]] = {}
    for name, item in wanted.items():
        before = len(group.refs)
        try:
            arrays[name] = tuple(_add(group, name, run.channel(item)))
        except _NotPlain as error:
            left_out[name] = str(error)
            group.forget(name, before)
    if not arrays:
        name, why = next(iter(left_out.items()), (run.name, "nothing is selected"))
        raise DataError(f"None of {len(left_out)} channels can be referenced; {name}: {why}")
    if left_out:
        some = ", ".join([*left_out][:5]) + (" …" if len(left_out) > 5 else "")
        warn(f"{len(left_out)} channels are not referenced: {some}")
    group.attributes("", {"run": run.name})
    return ZarrReferences(group.refs, arrays, left_out)


def _all(run: Run) -> Iterable[Channel]:
    """All selected channels, source by source."""
    return (channel for name in sorted(run.sources) for channel in run[name].channels())


class _NotPlain(Exception):
    """Why a channel cannot be referenced."""


def _name(item: Any) -> str:
    if isinstance(item, Channel):
        item = item.source, item.key
    text = item if isinstance(item, str) else ".".join(map(str, item))
    return text.removesuffix(".value").replace("/", "_")


class _Group:
    """A Zarr group (format 2) that is being filled."""

    def __init__(self) -> None:
        self.refs: dict[str, Any] = {".zgroup": json.dumps({"zarr_format": 2})}
        self._axes: dict[tuple[str, int], str] = {}
        self._rows: dict[tuple[str, bytes], tuple[str, list[str]]] = {}

    def attributes(self, name: str, values: Mapping[str, Any]) -> None:
        self.refs[f"{name}/.zattrs".lstrip("/")] = json.dumps(values)

    def array(
        self, name: str, dtype: np.dtype[Any], shape: Sequence[int], chunk: Sequence[int],
        filters: Sequence[Any] = (),
    ) -> None:  # fmt: skip
        self.refs[f"{name}/.zarray"] = json.dumps(
            {
                "zarr_format": 2, "shape": list(shape), "chunks": list(chunk),
                "dtype": dtype.str, "compressor": None, "filters": list(filters) or None,
                # None: every piece is there, and xarray would read a fill value as NaN.
                "fill_value": None, "order": "C",
            }
        )  # fmt: skip

    def inline(self, name: str, values: NDArray[Any], dims: Sequence[str]) -> None:
        """An array within the references."""
        stored = np.ascontiguousarray(values)
        self.array(name, stored.dtype, stored.shape, [max(1, n) for n in stored.shape])
        self.attributes(name, {"_ARRAY_DIMENSIONS": list(dims)})
        if stored.size:
            place = ".".join("0" * stored.ndim)
            self.refs[f"{name}/{place}"] = f"base64:{b64encode(stored.tobytes()).decode()}"

    def rows(self, name: str, dim: str, ids: _Ids) -> tuple[str, list[str]]:
        """The axis of rows with these ids and their arrays; arrays with equal ones share them."""
        key = dim, b"".join(values.tobytes() for values in ids.values())
        if key not in self._rows:
            ending = f"_{name}" if any(f"{label}/.zarray" in self.refs for label in ids) else ""
            axis, labels = f"{dim}{ending}", [f"{label}{ending}" for label in ids]
            self._rows[key] = axis, labels
            for label, values in zip(labels, ids.values(), strict=True):
                self.inline(label, values, [axis])
        return self._rows[key]

    def forget(self, name: str, since: int) -> None:
        """Take back arrays of the first files, where a later one cannot be referenced."""
        for key in list(self.refs)[since:]:
            array = key.partition("/")[0]
            if array == name or array.startswith(f"{name}_"):
                del self.refs[key]

    def axis(self, name: str, dim: str, length: int) -> str:
        """A name for an axis that no other axis of another length has."""
        first = all(known != dim for known, _ in self._axes)
        return self._axes.setdefault((dim, length), dim if first else f"{dim}_{name}")


@dataclass(frozen=True)
class _Piecewise:
    """Rows of one file, and where the data set is that they are in."""

    segment: Segment
    layout: Layout

    @property
    def rows(self) -> int:
        return self.segment.stop - self.segment.start

    @property
    def chunk(self) -> tuple[int, ...]:
        return self.layout.chunk

    @property
    def in_one(self) -> bool:
        """Whether the rows are stored in one stretch, so that they can be cut anywhere."""
        whole = self.layout.chunk == self.layout.shape
        return whole and len(self.layout.number) == 1 and not self.layout.filters


def _add(group: _Group, name: str, channel: Channel) -> Iterable[str]:
    """Add a channel; the names of its arrays."""
    pieces = [_Piecewise(s, _plain_layout(s)) for s in _segments(channel)]
    if not pieces:
        raise _NotPlain("there are no rows")
    ids = _ids(channel)
    if (chunk := _common(pieces)) is not None:
        _write(group, name, channel, pieces, chunk, ids)
        return [name]
    return _by_file(group, name, channel, pieces, ids)


def _ids(channel: Channel) -> _Ids:
    """Train id of each row, and pulse id where known."""
    trains, pulses = channel.train_id_coordinates(), channel.pulse_ids
    if pulses is None or pulses.shape[0] != len(trains):
        return {"trainId": trains}
    return {"trainId": trains, "pulseId": pulses.ndarray().reshape(-1)}


def _segments(channel: Channel) -> list[Segment]:
    """Rows of the selected trains, in order."""
    found = []
    for plan in channel._plans():
        stop = plan.source + plan.count
        for target, first, last in zip(plan.target, plan.source, stop, strict=True):
            found.append((int(target), Segment(plan.file, plan.dataset, int(first), int(last))))
    return [segment for _, segment in sorted(found, key=lambda item: item[0])]


def _plain_layout(segment: Segment) -> Layout:
    layout = layout_of(segment.file, segment.dataset)
    if layout.reason:
        raise _NotPlain(layout.reason)
    return layout


def _common(pieces: Sequence[_Piecewise]) -> tuple[int, ...] | None:
    """Shape of Zarr's pieces for the rows of all files, if there is one."""
    first = pieces[0].layout
    same = {(p.layout.dtype, p.layout.shape[1:], p.layout.filters) for p in pieces}
    if len(same) > 1:
        return None
    if all(p.in_one for p in pieces):
        entry = first.shape[1:]
        return (_cut(gcd(*(p.rows for p in pieces)), prod(entry) * first.dtype.itemsize), *entry)
    if len({p.chunk for p in pieces}) > 1 or any(p.in_one for p in pieces):
        return None
    rows = first.chunk[0]
    begins = all(p.segment.start % rows == 0 for p in pieces)
    ends = all(p.rows % rows == 0 for p in pieces[:-1])
    return first.chunk if begins and ends else None


def _cut(rows: int, row_bytes: int) -> int:
    """The largest divisor of `rows` of which the rows are not too large together."""
    divisors = (d for n in range(1, int(rows**0.5) + 1) if rows % n == 0 for d in (n, rows // n))
    return max((d for d in divisors if d * row_bytes <= LARGEST), default=1)


def _by_file(
    group: _Group, name: str, channel: Channel, pieces: Sequence[_Piecewise], ids: _Ids
) -> Iterable[str]:
    """One array for each file, from the piece that its first row is in."""
    files: dict[Path, list[tuple[_Piecewise, int]]] = {}
    at = 0
    for piece in pieces:
        files.setdefault(piece.segment.file.path, []).append((piece, at))
        at += piece.rows
    names = []
    for number, found in enumerate(files.values()):
        segment, layout = found[0][0].segment, found[0][0].layout
        rows = 1 if found[0][0].in_one else layout.chunk[0]
        start = min(p.segment.start for p, _ in found) // rows * rows
        stop = max(p.segment.stop for p, _ in found)
        labels = {label: np.zeros(stop - start, values.dtype) for label, values in ids.items()}
        for piece, first in found:
            place = slice(piece.segment.start - start, piece.segment.stop - start)
            for label, values in ids.items():
                labels[label][place] = values[first : first + piece.rows]
        whole = _Piecewise(Segment(segment.file, segment.dataset, start, stop), layout)
        chunk = _common([whole]) or layout.chunk
        names.append(f"{name}_{number}")
        _write(group, names[-1], channel, [whole], chunk, labels)
    return names


def _write(
    group: _Group, name: str, channel: Channel, pieces: Sequence[_Piecewise],
    chunk: tuple[int, ...], ids: _Ids,
) -> None:  # fmt: skip
    layout = pieces[0].layout
    chunks = {key: place for each in _places(pieces, chunk) for key, place in each.items()}
    shape = len(ids["trainId"]), *layout.shape[1:]
    size = {"elementsize": layout.dtype.itemsize}
    codecs = [{"id": CODECS[f], **(size if f == SHUFFLE else {})} for f in layout.filters]
    dim, labels = group.rows(name, channel.dims[0], ids)
    dims = [group.axis(name, d, n) for d, n in zip(channel.dims[1:], shape[1:], strict=True)]
    group.array(name, layout.dtype, shape, chunk, codecs)
    units = {"units": channel.units} if channel.units else {}
    about = {"source": channel.source, "key": channel.key, "coordinates": " ".join(labels)}
    group.attributes(name, {"_ARRAY_DIMENSIONS": [dim, *dims], **units, **about})
    group.refs.update({f"{name}/{key}": place for key, place in chunks.items()})


def _places(pieces: Sequence[_Piecewise], chunk: tuple[int, ...]) -> Iterable[dict[str, Any]]:
    at = 0
    for piece in pieces:
        place = _cut_places if piece.in_one else _stored_places
        yield place(piece, chunk, at // chunk[0])
        at += piece.rows


def _cut_places(piece: _Piecewise, chunk: tuple[int, ...], first: int) -> dict[str, Any]:
    """Places in what is stored in one stretch."""
    entry = prod(chunk[1:]) * piece.layout.dtype.itemsize
    begin = int(piece.layout.offset[0]) + piece.segment.start * entry
    if piece.layout.offset[0] < 0:
        raise _NotPlain("values were never written")
    size, zeros = chunk[0] * entry, ".0" * (len(chunk) - 1)
    path = str(piece.segment.file.path)
    return {
        f"{first + n}{zeros}": [path, begin + n * size, size] for n in range(piece.rows // chunk[0])
    }


def _stored_places(piece: _Piecewise, chunk: tuple[int, ...], first: int) -> dict[str, Any]:
    """Places of stored pieces."""
    rows = range(piece.segment.start // chunk[0], -(-piece.segment.stop // chunk[0]))
    inner = list(product(*(range(n) for n in piece.layout.grid[1:])))
    number = (np.array(rows)[:, None] * len(inner) + np.arange(len(inner))).ravel()
    offset, size = piece.layout.find(number)
    if np.any(offset < 0):
        raise _NotPlain("pieces were never written, or are stored in another way than the others")
    path = str(piece.segment.file.path)
    keys = (".".join(map(str, (first + n, *i))) for n in range(len(rows)) for i in inner)
    places = zip(keys, offset.tolist(), size.tolist(), strict=True)
    return {key: [path, at, length] for key, at, length in places}
