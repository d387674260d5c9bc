"""Virtual data sets: rows that stand for those of other files."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import h5py
import numpy as np

from beambook.data._channel import Channel
from beambook.data._hdf5 import pool
from beambook.data._write.rows import (
    GroupRows,
    Piece,
    copy_attributes,
    create_like,
    first_part,
    signal_of,
)

__all__ = ["put_virtual"]


def put_virtual(
    out: h5py.File, path: str, channel: Channel, rows: GroupRows, *, relative: bool = True
) -> None:
    """Make a data set that stands for the rows of a channel."""
    pieces = list(rows.pieces())
    if not pieces:  # nothing to stand for
        part = first_part(channel)
        create_like(out, path, channel.store, part, signal_of(channel, part).dataset, 0)
        return
    first = signal_of(channel, pieces[0].part)
    stored = channel.store.parts[pieces[0].part].file
    with pool.open(stored) as file:
        dtype = file[first.dataset.encode(errors="surrogateescape")].dtype
    folder = Path(out.filename).resolve().parent if relative else None
    layout = _layout(folder, channel, pieces, dtype)
    new = out.create_virtual_dataset(path.encode(errors="surrogateescape"), layout)
    copy_attributes(stored, first.dataset, new)


def _layout(
    folder: Path | None, channel: Channel, pieces: Sequence[Piece], dtype: np.dtype[np.generic]
) -> h5py.VirtualLayout:
    total = pieces[-1].target + pieces[-1].count
    layout = h5py.VirtualLayout((total, *channel.entry_shape), dtype)
    for piece in pieces:
        signal = signal_of(channel, piece.part)
        file = channel.store.parts[piece.part].file.path.resolve()
        name = os.path.relpath(file, folder) if folder else str(file)
        source = h5py.VirtualSource(name, signal.dataset, signal.shape, dtype=dtype)
        layout[piece.target : piece.target + piece.count] = source[
            piece.start : piece.start + piece.count
        ]
    return layout
