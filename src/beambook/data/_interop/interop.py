"""EXtra-data's objects as ours."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary

import numpy as np

from beambook.data._aliases import Aliases
from beambook.data._channel import Channel
from beambook.data._format import Part
from beambook.data._hdf5 import StoredFile
from beambook.data._open import read_part
from beambook.data._origin import Origin
from beambook.data._run import Run
from beambook.data._source import Source
from beambook.data._store import Store
from beambook.data._trains import TrainIds
from beambook.errors import DataError

__all__ = ["of_extra_data"]

# Selections of one run share their indexes, as they do when they are made from ours.
_parts: WeakValueDictionary[tuple[Path, Any], Part] = WeakValueDictionary()


def of_extra_data(thing: Any) -> Any:
    """A run, source or channel from EXtra-data's; other things as they are.

    Parameters
    ----------
    thing : extra_data.DataCollection, extra_data.SourceData or extra_data.KeyData

    Raises
    ------
    DamagedFile
        One of the files can no longer be read.
    DataError
        Something that we do not have: a source of REDUCTION or ERRATA.
    """
    library = sys.modules["extra_data"]
    if isinstance(thing, library.DataCollection):
        return _run(thing)
    if isinstance(thing, library.SourceData):
        keys = None if thing.sel_keys is None else frozenset(thing.sel_keys)
        return Source(_store(thing), thing.source, _ids(thing), keys)
    if isinstance(thing, library.KeyData):
        return Channel(_store(thing), thing.source, thing.key, _ids(thing))
    return thing


def _run(collection: Any) -> Run:
    paths = [Path(file.filename) for file in collection.files]
    files = {name: source.files for name, source in collection._sources_data.items()}
    store = _store_of(paths, files, suspect=collection.inc_suspect_trains)
    selection = {
        name: None if keys is None else frozenset(keys)
        for name, keys in collection.selection.items()
    }
    aliases = Aliases.of(collection._aliases)
    return Run(store, Origin.of_parts(store.parts).run, _ids(collection), selection, aliases)


def _store(thing: Any) -> Store:
    if thing.section not in ("CONTROL", "INSTRUMENT"):
        raise DataError(f"{thing.source} is of {thing.section}, which beambook does not open")
    paths = [Path(file.filename) for file in thing.files]
    return _store_of(paths, {thing.source: thing.files}, suspect=thing.inc_suspect_trains)


def _store_of(paths: Iterable[Path], files: Mapping[str, Any], *, suspect: bool) -> Store:
    """The files, each source in exactly those that it is taken from."""
    order = list(dict.fromkeys(sorted(paths)))
    numbers = {path: number for number, path in enumerate(order)}
    sources = {
        name: tuple(sorted({numbers[Path(file.filename)] for file in found}))
        for name, found in files.items()
    }
    return Store(tuple(map(_part, order)), sources, suspect)


def _part(path: Path) -> Part:
    key = path, StoredFile.of(path).stamp
    if (part := _parts.get(key)) is None:
        part = _parts[key] = read_part(path)
    return part


def _ids(thing: Any) -> TrainIds:
    return np.array(thing.train_ids, np.uint64)
