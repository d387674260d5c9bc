"""Values that are stored once for a run: as they were at its start."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from beambook.data._format import Signal
from beambook.data._reading.read import Segment, read_segments
from beambook.data._reading.roi import Roi
from beambook.data._store import Store
from beambook.errors import DataError, KeyNotFound

__all__ = ["run_constants", "run_value"]


def run_value(store: Store, source: str, key: str) -> Any:
    """One value, which all runs that were put together agree on.

    Parameters
    ----------
    store : Store
    source : str
    key : str
        ``.value`` may be left out.

    Raises
    ------
    KeyNotFound
        There is no such value.
    DataError
        The source comes from several runs, which disagree.
    """
    names = store.names(source, constant=True)
    name = next((n for n in (key, f"{key}.value") if n in names), None)
    if name is None:
        short = {n.removesuffix(".value") for n in names if n.endswith(".value")}
        raise KeyNotFound(key, short, where=source)
    values = run_constants(store, source, name)
    if any(not np.array_equal(value, values[0]) for value in values[1:]):
        raise DataError(f"{source} {key} had {len(values)} values in the runs put together")
    return values[0]


def run_constants(store: Store, source: str, name: str) -> list[Any]:
    """The value in the first file of each run."""
    seen: dict[Path, Any] = {}
    for number in store.sources[source]:
        part = store.parts[number]
        folder = part.file.path.parent
        if folder in seen:
            continue
        signal = part.signal(source, name, constant=True)
        if signal is not None and signal.shape[0]:
            out = _room(source, name, signal)
            segment = Segment(part.file, signal.dataset, 0, 1)
            seen[folder] = read_segments((segment,), out, Roi.of((), signal.shape[1:]))[0]
    return list(seen.values())


def _room(source: str, name: str, signal: Signal) -> NDArray[Any]:
    try:
        return np.empty((1, *signal.shape[1:]), signal.dtype)
    except (MemoryError, ValueError) as error:
        raise DataError(
            f"The value {source} {name} of shape {signal.shape[1:]} does not fit into memory"
        ) from error
