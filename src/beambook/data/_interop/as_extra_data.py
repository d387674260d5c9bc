"""Ours as EXtra-data's objects, for the same trains and keys."""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Mapping
from types import ModuleType
from typing import TYPE_CHECKING, Any

from beambook.data._store import Store
from beambook.data._trains import TrainIds
from beambook.errors import DataError, MissingPackage

if TYPE_CHECKING:
    from beambook.data._aliases import Aliases

__all__ = ["collection", "source_data"]


def collection(
    store: Store,
    train_ids: TrainIds,
    selection: Mapping[str, frozenset[str] | None],
    aliases: Aliases,
) -> Any:
    """An ``extra_data.DataCollection``; the arguments are those of a `Run`.

    Raises
    ------
    MissingPackage
        EXtra-data is not installed.
    DataError
        It does not take such data: trains that are in several files of a source.
    """
    library = _library()
    sources = {name: source_data(store, name, train_ids, keys) for name, keys in selection.items()}
    files = {file.filename: file for source in sources.values() for file in source.files}
    try:
        found = library.DataCollection(
            files.values(),
            sources_data=sources,
            train_ids=[*train_ids],
            inc_suspect_trains=store.suspect,
            is_single_run=_is_single(store, selection),
        )
    except ValueError as error:
        raise DataError(f"EXtra-data does not take this run: {error}") from error
    names = {a.name: a.source if a.key is None else (a.source, a.key) for a in aliases.values()}
    return found.with_aliases(names) if names else found


def source_data(
    store: Store,
    source: str,
    train_ids: TrainIds,
    keys: Iterable[str] | None = None,
    *,
    parts: Iterable[int] | None = None,
) -> Any:
    """An ``extra_data.SourceData``.

    Parameters
    ----------
    store : Store
    source : str
    train_ids : ndarray of uint64, (trains,)
    keys : iterable of str, optional
        The selected ones; all by default.
    parts : iterable of int, optional
        Positions of the files in the store; all that have the source by default.

    Raises
    ------
    MissingPackage
        EXtra-data is not installed.
    DataError
        The file is of another format than the European XFEL's.
    """
    _library()
    if (kind := store.kind(source)) not in ("control", "instrument"):
        raise DataError(
            f"{source} is a source of {kind}, not of data",
            hint="Take auxiliary of EXtra-data's run.",
        )
    made = importlib.import_module("extra_data.sourcedata").SourceData
    numbers = store.sources[source] if parts is None else parts
    return made(
        source,
        sel_keys=None if keys is None else set(keys),
        train_ids=[*train_ids],
        files=[_file(str(store.parts[n].file.path)) for n in numbers],
        section=kind.upper(),
        canonical_name=store.legacy.get(source, source),
        is_single_run=_is_single(store, (source,)),
        inc_suspect_trains=store.suspect,
    )


def _file(path: str) -> Any:
    access = importlib.import_module("extra_data.file_access")
    try:
        return access.FileAccess(path)
    except Exception as error:  # its errors have no base of their own
        raise DataError(f"EXtra-data cannot open {path}: {error}") from error


def _is_single(store: Store, sources: Iterable[str]) -> bool:
    """Files of several folders are several runs, or raw and proc: its run values may differ."""
    used = {number for source in sources for number in store.sources[source]}
    return len({store.parts[n].file.path.parent for n in used}) <= 1


def _library() -> ModuleType:
    try:
        return importlib.import_module("extra_data")
    except ImportError as error:
        raise MissingPackage(
            "EXtra-data is not installed", hint="Run: pip install extra_data"
        ) from error
