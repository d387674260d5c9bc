"""What can be wrong inside one file, in EXtra-data's words.

A problem is a dictionary with ``msg`` and what it is about. `beambook.check` looks across the
files of a run and says what it means for the trains; this says what is wrong with the arrays.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from beambook.data._reading.read import open_dataset, read_index

if TYPE_CHECKING:
    import h5py

    from beambook.extra_data.file_access import FileAccess

__all__ = ["FILE_CHECKS", "Problem", "check_index_contiguous"]

Problem = dict[str, Any]
Numbers = NDArray[np.int64]
TRAIN_IDS = "INDEX/trainId"


def train_ids_nonzero(file: FileAccess) -> Iterator[Problem]:
    """Zeros pad the list of train ids at its end; anywhere else they are wrong."""
    if _zeros_inside(_numbers(file.file, TRAIN_IDS)):
        yield {"msg": "Zeroes in trainId index before last train ID", "dataset": TRAIN_IDS}


def train_ids_order(file: FileAccess) -> Iterator[Problem]:
    """Train ids rise."""
    ids = _numbers(file.file, TRAIN_IDS)
    ids = ids[ids != 0]
    back = np.flatnonzero(ids[1:] <= ids[:-1])
    if len(back):
        at = back[0]
        text = f"e.g. at {at} ({ids[at]} >= {ids[at + 1]})"
        yield {"msg": f"Train IDs are not strictly increasing, {text}", "dataset": TRAIN_IDS}


def index_control(file: FileAccess) -> Iterator[Problem]:
    """Rows of slow data are where the index says."""
    for source in sorted(file.control_sources):
        keys = sorted(file.get_keys(source))
        yield from _index(file, f"INDEX/{source}", f"CONTROL/{source}", keys)


def index_instrument(file: FileAccess) -> Iterator[Problem]:
    """Rows of fast data are where the index says."""
    for source in sorted(file.instrument_sources - file.legacy_sources.keys()):
        groups: dict[str, list[str]] = {}
        for key in sorted(file.get_keys(source)):
            groups.setdefault(key.partition(".")[0], []).append(key)
        for group, keys in groups.items():
            yield from _index(file, f"INDEX/{source}/{group}", f"INSTRUMENT/{source}", keys)


def control_timestamps_order(file: FileAccess) -> Iterator[Problem]:
    """Time stamps of slow data do not go back; zeros pad them at the end."""
    for source in sorted(file.control_sources):
        for key in sorted(file.get_keys(source)):
            if not key.endswith(".timestamp"):
                continue
            path = f"CONTROL/{source}/{key.replace('.', '/')}"
            times = _numbers(file.file, path)
            zeros = np.flatnonzero(times == 0)
            if _zeros_inside(times):
                yield {"msg": "Zeroes in Timestamp before last train ID", "dataset": path}
            times = times[: zeros[0]] if len(zeros) else times
            back = np.flatnonzero(times[1:] < times[:-1])
            if len(back):
                at = back[0] + 1
                text = f"e.g. at {at} ({times[at]} < {times[at - 1]})"
                yield {"msg": f"Timestamp is decreasing, {text}", "dataset": path}


FILE_CHECKS: Mapping[str, Callable[[FileAccess], Iterator[Problem]]] = {
    check.__name__: check
    for check in (
        train_ids_nonzero,
        train_ids_order,
        index_control,
        index_instrument,
        control_timestamps_order,
    )
}


def _index(file: FileAccess, path: str, data: str, keys: list[str]) -> Iterator[Problem]:
    """What is wrong with one index, and which keys do not have its rows (one of slow data)."""
    try:
        first, count = _first_count(file.file, path)
    except KeyError as error:
        yield {"msg": str(error.args[0]), "dataset": path}
        return
    both = min(len(first), len(count))
    ends = (first[:both] + count[:both])[count[:both] > 0]
    for key in keys:
        dataset = f"{data}/{key.replace('.', '/')}"
        if text := _outside(open_dataset(file.file, dataset), ends):
            yield {"msg": text, "dataset": dataset}
            if data.startswith("CONTROL/"):  # a device has very many
                break
    yield from _lengths(file, path, first, count)


def _outside(stored: h5py.h5d.DatasetID | None, ends: Numbers) -> str:
    """What is wrong if rows up to these ends are not there."""
    if stored is None or not stored.rank:
        return "Index referring to data where there are no rows at all"
    length = stored.shape[0]
    if (ends > length).any():
        return f"Index referring to data ({ends.max()}) outside dataset ({length})"
    return ""


def _lengths(file: FileAccess, path: str, first: Numbers, count: Numbers) -> Iterator[Problem]:
    if len(first) != len(count):
        yield {
            "msg": "Index first & count have different number of entries",
            "dataset": path,
            "first_shape": first.shape,
            "count_shape": count.shape,
        }
        return
    padded = len(_numbers(file.file, TRAIN_IDS))
    if len(first) not in (len(file.train_ids), padded):
        yield {
            "msg": "Index has wrong number of entries",
            "dataset": path,
            "index_shape": first.shape,
            "trainids_shape": (len(file.train_ids),),
        }
    yield from check_index_contiguous(first, count, path)


def check_index_contiguous(first: Numbers, count: Numbers, path: str) -> Iterator[Problem]:
    """Rows of a train follow those of the train before; `first` means nothing without rows.

    Parameters
    ----------
    first, count : ndarray of int64, (trains,)
    path : str
        Of the index, for the problem.
    """
    have = np.flatnonzero(count)
    if not len(have):
        return
    if first[have[0]] != 0:
        yield {"msg": "Index doesn't start at 0", "dataset": path}
    gaps = first[have[1:]] - (first + count)[have[:-1]]
    for title, wrong, sign in (("Gaps", gaps > 0, "<"), ("Overlaps", gaps < 0, ">")):
        if wrong.any():
            before, after = _pair(have, wrong)
            text = f"({first[before]} + {count[before]} {sign} {first[after]})"
            number = np.count_nonzero(wrong)
            yield {"msg": f"{title} ({number}) in index, e.g. at {before} {text}", "dataset": path}


def _pair(have: NDArray[np.intp], wrong: NDArray[np.bool_]) -> tuple[int, int]:
    """The first train of which the next one does not follow, and that one."""
    at = int(np.flatnonzero(wrong)[0])
    return int(have[at]), int(have[at + 1])


def _zeros_inside(values: Numbers) -> bool:
    """Whether something follows after a zero."""
    zeros = np.flatnonzero(values == 0)
    return bool(len(zeros) and values[zeros[0] :].any())


def _first_count(file: h5py.File, path: str) -> tuple[Numbers, Numbers]:
    """An index; very old files have ``last`` and ``status`` in place of ``count``."""
    first = _numbers(file, f"{path}/first")
    if open_dataset(file, f"{path}/count") is not None:
        return first, _numbers(file, f"{path}/count")
    last, status = _numbers(file, f"{path}/last"), _numbers(file, f"{path}/status")
    return first, (last - first + 1) * status


def _numbers(file: h5py.File, path: str) -> Numbers:
    """A list of numbers.

    Raises
    ------
    KeyError
        There is none.
    """
    values = read_index(file, path)
    if values is None:
        raise KeyError(f"There is no list of numbers {path}")
    return values.astype(np.int64)
