"""Arrays, signals and findings as JSON and back. Nothing is believed that does not fit."""

from __future__ import annotations

from base64 import b64decode, b64encode
from typing import Any

import numpy as np
from numpy.lib.format import descr_to_dtype, dtype_to_descr
from numpy.typing import NDArray

from beambook.data._findings import Finding
from beambook.data._format import Rows, Signal
from beambook.data._reading.read import MOST_EVENTS

__all__ = ["pack", "pack_finding", "pack_rows", "pack_signal", "unpack", "unpack_finding",
           "unpack_rows", "unpack_signal"]  # fmt: skip

FEW = 4  # steps are stored one by one where there are more than a quarter as many as values


def pack(values: NDArray[Any]) -> list[Any] | str:
    """Whole numbers as the first one and runs of equal steps, or all steps where these vary."""
    numbers = np.ascontiguousarray(values).astype(np.int64, copy=False)
    if not len(numbers):
        return []
    steps = np.diff(numbers)
    breaks = np.append(0, np.flatnonzero(steps[1:] != steps[:-1]) + 1)[: len(steps)]
    if FEW * len(breaks) > len(numbers) > FEW:
        whole = np.append(numbers[:1], steps).astype("<i8")
        return b64encode(whole.tobytes()).decode("ascii")
    times = np.diff(np.append(breaks, len(steps)))
    return [int(numbers[0]), steps[breaks].tolist(), times.tolist()]


def unpack(coded: list[Any] | str) -> NDArray[np.int64]:
    """Undo `pack`; at most as many numbers as a file may have events."""
    if isinstance(coded, str):
        return np.cumsum(np.frombuffer(b64decode(coded, validate=True), "<i8"), dtype=np.int64)
    if coded == []:
        return np.zeros(0, np.int64)
    first, steps, times = coded
    if min(times, default=0) < 0 or sum(times) >= MOST_EVENTS:
        raise ValueError("length")
    if len(steps) == 1 == len(times):  # the rule, and quicker
        return np.arange(times[0] + 1, dtype=np.int64) * np.int64(steps[0]) + np.int64(first)
    out = np.empty(sum(times) + 1, np.int64)
    out[0] = first
    out[1:] = np.repeat(np.array(steps, np.int64), np.array(times, np.int64))
    return np.cumsum(out, out=out)


def pack_rows(rows: Rows | None) -> list[Any] | None:
    """Rows of each event."""
    return None if rows is None else [pack(rows.first), pack(rows.count)]


def unpack_rows(coded: list[Any] | None, events: int) -> Rows | None:
    """Undo `pack_rows`."""
    if coded is None:
        return None
    first, count = map(unpack, coded)
    if len(first) != events or len(count) != events:
        raise ValueError("length")
    return Rows(first, count)


def pack_signal(signal: Signal | None) -> list[Any] | None:
    """One key of a file.

    Raises
    ------
    ValueError
        Its type says more than can be stored, or its rows are in other files.
    """
    if signal is None:
        return None
    if signal.virtual:
        raise ValueError("virtual")
    if not _plain(signal.dtype) or (signal.dtype.names and signal.dtype.hasobject):
        raise ValueError("type")
    kind = dtype_to_descr(signal.dtype)
    return [
        *(signal.dataset, signal.group, kind, [int(n) for n in signal.shape]),
        *(list(signal.dims), signal.units, signal.pulse_key),
    ]


def unpack_signal(coded: list[Any] | None) -> Signal | None:
    """Undo `pack_signal`."""
    if coded is None:
        return None
    dataset, group, kind, shape, dims, units, pulse_key = coded
    described: Any = kind if isinstance(kind, str) else [_field(f) for f in kind]
    dtype = descr_to_dtype(described)
    if not all(isinstance(t, str) for t in (dataset, group, units, pulse_key, *dims)):
        raise TypeError("text")
    if not all(type(n) is int and n >= 0 for n in shape):
        raise TypeError("shape")
    return Signal(dataset, group, dtype, tuple(shape), tuple(dims), units, pulse_key)


def _field(coded: list[Any]) -> tuple[Any, ...]:
    """A field of a structured type; JSON has made lists of its tuples."""
    name, kind, *shape = coded
    kind = kind if isinstance(kind, str) else [_field(f) for f in kind]
    return (tuple(name) if isinstance(name, list) else name, kind, *map(tuple, shape))


def _plain(dtype: np.dtype[Any]) -> bool:
    """Whether a type is stored whole: h5py hangs more on some (enumerations, references)."""
    if dtype.metadata:
        return False
    if dtype.names is not None:
        return all(_plain(dtype[name]) for name in dtype.names)
    return dtype.subdtype is None or _plain(dtype.base)


def pack_finding(finding: Finding) -> list[Any]:
    """One thing that is wrong."""
    return [finding.what, finding.where, int(finding.count), finding.detail]


def unpack_finding(coded: list[Any]) -> Finding:
    """Undo `pack_finding`."""
    what, where, count, detail = coded
    return Finding(str(what), str(where), int(count), str(detail))
