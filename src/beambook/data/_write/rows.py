"""Copying rows of data sets into a new file: stored chunks as they are where possible."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from beambook.data._channel import Channel
from beambook.data._findings import warn
from beambook.data._format import Signal
from beambook.data._hdf5 import StoredFile, pool
from beambook.data._live.rows import sure_rows
from beambook.data._source import Source
from beambook.data._store import Store, Table
from beambook.errors import DamagedFile, DataError

__all__ = [
    "GroupRows",
    "Piece",
    "copy_attributes",
    "create_like",
    "first_part",
    "group_rows",
    "put_copy",
    "signal_of",
]

BLOCK = 64 << 20  # bytes in memory at a time
UNBOUND = h5py.h5s.UNLIMITED
Places = NDArray[np.int64]  # (chunks, axes): where chunks begin


@dataclass(frozen=True)
class Piece:
    """Consecutive rows of one part: where they are, and where they go."""

    part: int
    start: int
    count: int
    target: int


@dataclass(frozen=True, eq=False)
class GroupRows:
    """The rows of one index group for the trains that are written.

    Attributes
    ----------
    rows : Table
        Where they are now.
    channels : tuple of Channel
        The keys of the group.
    """

    rows: Table
    channels: tuple[Channel, ...]

    @property
    def count(self) -> NDArray[np.int64]:
        """Rows of each train."""
        return self.rows.count

    @property
    def first(self) -> NDArray[np.int64]:
        """First row of each train in the new file."""
        return np.cumsum(self.count) - self.count

    def pieces(self) -> Iterator[Piece]:
        """Rows that are neighbours before and after."""
        have = np.flatnonzero(self.count > 0)
        part, start, count = (a[have] for a in (self.rows.part, self.rows.first, self.count))
        breaks = np.flatnonzero((part[1:] != part[:-1]) | (start[1:] != start[:-1] + count[:-1]))
        edges = np.concatenate([[0], breaks + 1, [len(have)]]) if len(have) else np.zeros(1, int)
        target = np.concatenate([[0], np.cumsum(count)])
        for a, b in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
            rows = int(target[b] - target[a])
            yield Piece(int(part[a]), int(start[a]), rows, int(target[a]))


def group_rows(source: Source, group: str) -> GroupRows:
    """Rows that all selected keys of a group have.

    Warns
    -----
    DataWarning
        Some keys lack rows that others have: these trains are left out, because keys share
        an index.
    """
    keys = sorted(k for k in source.keys() if source.is_control or k.partition(".")[0] == group)
    channels = tuple(source.channel(key) for key in keys)
    counts = np.array([c.data_counts(labelled=False) for c in channels])
    if not channels:
        counts = np.zeros((1, len(source.train_ids)), np.int64)
    least, most = counts.min(axis=0), counts.max(axis=0)
    if number := int(np.count_nonzero(least < most)):
        warn(
            f"{source.source} {group}: {number} trains are left out, because not all keys have "
            "their rows; deselect keys to write the others"
        )
    rows = source.store.table(source.source, group).at(source.train_ids)
    return GroupRows(replace(rows, count=least), channels)


def signal_of(channel: Channel, part: int) -> Signal:
    """A channel's signal in a part, which must be of the channel's type and shape."""
    signal = channel.store.signals(channel.source, channel.key)[part]
    if signal is None or signal.shape[1:] != channel.entry_shape or signal.dtype != channel.dtype:
        raise DataError(
            f"{channel.source} {channel.key} differs between files in type or shape",
            hint="Select trains that agree, or one of the runs.",
        )
    return signal


def create_like(
    out: h5py.File, path: str, store: Store, part: int, dataset: str, rows: int
) -> h5py.Dataset:
    """A data set of so many rows with the type, chunks, filters and attributes of another."""
    with pool.open(store.parts[part].file) as file:
        old = file[dataset.encode(errors="surrogateescape")]
        plist, entry = old.id.get_create_plist(), old.shape[1:]
        most = (*entry,)
        if plist.get_layout() == h5py.h5d.CHUNKED:
            chunks = plist.get_chunk()[1:]
            wide = (UNBOUND if c > n else n for c, n in zip(chunks, entry, strict=True))
            most = (UNBOUND, *wide)
        else:
            plist, most = h5py.h5p.create(h5py.h5p.DATASET_CREATE), (rows, *entry)
        space = h5py.h5s.create_simple((rows, *entry), most)
        links = h5py.h5p.create(h5py.h5p.LINK_CREATE)
        links.set_create_intermediate_group(True)
        name = path.encode(errors="surrogateescape")
        new = h5py.Dataset(
            h5py.h5d.create(out.id, name, old.id.get_type().copy(), space, plist, links)
        )
    copy_attributes(store.parts[part].file, dataset, new)
    return new


def copy_attributes(stored: StoredFile, dataset: str, new: h5py.Dataset) -> None:
    """Of a data set and of the groups above it: control keys have their units there."""
    with pool.open(stored) as file:
        _attributes(file[dataset.encode(errors="surrogateescape")], new)


def _attributes(old: Any, new: Any) -> None:
    while old.name not in (None, "/") and new.name != "/":
        for name in old.attrs:
            if name not in new.attrs and name != "source_files":  # of EXtra-data's virtual files
                new.attrs[name] = old.attrs[name]
        old, new = old.parent, new.parent


def _copy_rows(store: Store, piece: Piece, dataset: str, new: h5py.Dataset, places: Places) -> None:
    """Copy a piece; chunks that lie in both alike are not unpacked.

    Raises
    ------
    DamagedFile
        Rows cannot be read.
    """
    stored = store.parts[piece.part].file
    try:
        with pool.open(stored) as file:
            old = file[dataset.encode(errors="surrogateescape")]
            _refuse_lost(old, piece, live=stored.live)
            whole = _whole_chunks(old, new, piece)
        if whole is None:
            return _copy_values(store, piece, dataset, new, places)
        head, body, tail = whole
        for rest in (head, tail):
            if rest.count:
                _copy_values(store, rest, dataset, new, places)
        with pool.open(stored) as file:
            _copy_chunks(file[dataset.encode(errors="surrogateescape")], new, body, places)
    except (OSError, KeyError, RuntimeError) as error:
        if isinstance(error, DamagedFile):
            raise
        rows = f"{piece.start}:{piece.start + piece.count}"
        raise DamagedFile(
            f"Rows {rows} of {dataset} in {stored.path.name} cannot be copied ({error})"
        ) from error


def _refuse_lost(old: h5py.Dataset, piece: Piece, *, live: bool) -> None:
    """In a file that is being written HDF5 gives fill values for rows that it does not find."""
    stop = piece.start + piece.count
    if live and sure_rows(old.id, stop) < stop:
        raise OSError("the file is being written and they are not found now")


def _whole_chunks(
    old: h5py.Dataset, new: h5py.Dataset, piece: Piece
) -> tuple[Piece, Piece, Piece] | None:
    """Rows before whole chunks, in whole chunks, and after; None if chunks do not match."""
    if old.chunks is None or old.chunks != new.chunks or old.dtype.hasobject:
        return None
    size = old.chunks[0]
    if (piece.start - piece.target) % size:
        return None
    begin = -(-piece.start // size) * size
    end = (piece.start + piece.count) // size * size
    if end <= begin:
        return None
    return (
        _part_of(piece, piece.start, begin),
        _part_of(piece, begin, end),
        _part_of(piece, end, piece.start + piece.count),
    )


def _part_of(piece: Piece, start: int, stop: int) -> Piece:
    return Piece(piece.part, start, stop - start, piece.target + start - piece.start)


def _copy_chunks(old: h5py.Dataset, new: h5py.Dataset, piece: Piece, places: Places) -> None:
    """Copy stored chunks; those never written hold the fill value, there and here."""
    first, last = np.searchsorted(places[:, 0], (piece.start, piece.start + piece.count))
    for row, *rest in places[first:last].tolist():
        mask, stored = old.id.read_direct_chunk((row, *rest))
        to = row - piece.start + piece.target
        new.id.write_direct_chunk((to, *rest), stored, mask)


def _places(store: Store, part: int, dataset: str) -> Places:
    """Where the stored chunks of a data set begin, by rows; HDF5 finds one as slowly as all."""
    found: list[tuple[int, ...]] = []
    stored = store.parts[part].file
    with pool.open(stored) as file:
        try:
            old = file[dataset.encode(errors="surrogateescape")]
            if old.chunks is not None:
                old.id.chunk_iter(lambda info: found.append(info.chunk_offset))
        except (OSError, KeyError, RuntimeError) as error:
            raise DamagedFile(
                f"{dataset} in {stored.path.name} cannot be copied ({error})"
            ) from error
    places = np.array(sorted(found), np.int64)
    return places.reshape(len(found), -1) if found else np.zeros((0, 1), np.int64)


def _copy_values(
    store: Store, piece: Piece, dataset: str, new: h5py.Dataset, places: Places
) -> None:
    size = max(1, int(np.prod(new.shape[1:], dtype=np.int64)) * max(new.dtype.itemsize, 8))
    step = max(1, BLOCK // size)
    stored, name = store.parts[piece.part].file, dataset.encode(errors="surrogateescape")
    with pool.open(stored) as file:
        spans = _written(file[name], new, piece, places)
    for first, stop in spans:
        for start in range(first, stop, step):
            end = min(start + step, stop)
            with pool.open(stored) as file:
                values = file[name][start:end]
            to = piece.target + start - piece.start
            new[to : to + end - start] = values


def _written(
    old: h5py.Dataset, new: h5py.Dataset, piece: Piece, places: Places
) -> list[tuple[int, int]]:
    """Rows of a piece that were ever written; others hold the fill value, there and here."""
    stop = piece.start + piece.count
    if old.chunks is None or old.chunks != new.chunks:
        return [(piece.start, stop)]
    size = old.chunks[0]
    rows = np.sort(places[:, 0])
    rows = rows[np.append(True, rows[1:] != rows[:-1])[: len(rows)]]
    rows = rows[(rows > piece.start - size) & (rows < stop)]
    breaks = np.flatnonzero(np.diff(rows) != size)
    begins = rows[np.concatenate([[0], breaks + 1]).astype(int)] if len(rows) else rows
    ends = rows[np.append(breaks, -1).astype(int)] + size if len(rows) else rows
    return [
        (max(a, piece.start), min(b, stop))
        for a, b in zip(begins.tolist(), ends.tolist(), strict=True)
    ]


def put_copy(out: h5py.File, path: str, channel: Channel, rows: GroupRows) -> None:
    """Copy the rows of a channel."""
    pieces = list(rows.pieces())
    total = int(rows.count.sum())
    part = pieces[0].part if pieces else first_part(channel)
    new = create_like(out, path, channel.store, part, signal_of(channel, part).dataset, total)
    places: dict[int, Places] = {}
    for piece in pieces:
        dataset = signal_of(channel, piece.part).dataset
        if piece.part not in places:
            places[piece.part] = _places(channel.store, piece.part, dataset)
        _copy_rows(channel.store, piece, dataset, new, places[piece.part])


def first_part(channel: Channel) -> int:
    """A part that has the key as the channel has it, where no train has any rows."""
    found = channel.store.signals(channel.source, channel.key)
    same = (n for n, s in enumerate(found) if s is not None and s.dtype == channel.dtype)
    return next(n for n in same if found[n].shape[1:] == channel.entry_shape)  # type: ignore[union-attr]
