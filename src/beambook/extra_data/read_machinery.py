"""Choosing trains and finding proposals, as EXtra-data's functions on lists of train ids."""

# ruff: noqa: FBT001, FBT002  EXtra-data's parameters are positional
from __future__ import annotations

import operator
import os
import re
from collections.abc import Iterable, Sequence
from numbers import Integral
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from beambook.data._findings import warn
from beambook.data._layout import find_proposal as find_folders
from beambook.data._trains import TrainIds, by_id, by_index, choose_trains, split
from beambook.errors import DataError, TrainNotFound

if TYPE_CHECKING:
    from beambook.extra_data.file_access import FileAccess

__all__ = [
    "DATA_ROOT_DIR",
    "DETECTOR_NAMES",
    "DETECTOR_SOURCE_RE",
    "FilenameInfo",
    "by_id",
    "by_index",
    "choose",
    "contiguous_regions",
    "data_root_dir",
    "find_proposal",
    "glob_wildcards_re",
    "is_int_like",
    "roi_shape",
    "same_run",
    "select_train_ids",
    "split_trains",
    "sw_root_dir",
    "trains_files_index",
]

DETECTOR_NAMES = {"AGIPD", "DSSC", "LPD"}
DETECTOR_SOURCE_RE = re.compile(r"(.+/(?:DET|CORR))/(\d+)CH")
glob_wildcards_re = re.compile(r"([*?[])")


def data_root_dir() -> Path:
    """The folder above ``INSTRUMENT/CYCLE/pPPPPPP``."""
    return Path(os.environ.get("EXTRA_DATA_DATA_ROOT", "/gpfs/exfel/exp"))


DATA_ROOT_DIR = str(data_root_dir())


def sw_root_dir() -> Path:
    """Where instruments keep templates of alias files."""
    return Path(os.environ.get("EXTRA_DATA_SW_ROOT", "/gpfs/exfel/sw"))


def find_proposal(propno: int | str) -> str:
    """The folder of a proposal.

    Parameters
    ----------
    propno : int or str
        ``2012``, ``"p002012"``, or the folder itself.

    Raises
    ------
    RunNotFound
        Says which there are.
    """
    if isinstance(propno, str) and "/" in propno:
        return propno
    stated = "EXTRA_DATA_DATA_ROOT" in os.environ or "BEAMBOOK_DATA" not in os.environ
    return str(find_folders(propno, data_root_dir() if stated else None)[0])


def is_int_like(x: object) -> bool:
    """Whether `x` is a whole number, also as an array without axes."""
    if isinstance(x, np.ndarray):
        return x.ndim == 0 and x.dtype.kind in "iu"
    return isinstance(x, Integral)


def select_train_ids(train_ids: Sequence[Any], sel: Any) -> list[Any]:
    """Those of the trains that a choice means.

    Parameters
    ----------
    train_ids : list of int
    sel : slice, int, list, ndarray, DataArray, by_id or by_index

    Raises
    ------
    IndexError
        A position is outside.
    ValueError, TypeError
        The choice is none, or has the wrong length.
    """
    return list(choose(np.asarray(train_ids, np.uint64), sel))


def choose(train_ids: TrainIds, sel: Any) -> TrainIds:
    """The same on arrays: what beambook chooses, with EXtra-data's warnings and errors."""
    if isinstance(sel, by_index):
        sel = sel.value
    if isinstance(sel, by_id):
        return _by_id(train_ids, sel.value)
    if isinstance(sel, xr.DataArray):
        _check_condition(sel)
    elif isinstance(sel, np.ndarray) and sel.dtype == bool and len(sel) != len(train_ids):
        raise ValueError(
            f"Boolean selector length ({len(sel)}) must match the number of trains "
            f"({len(train_ids)})"
        )
    try:
        return choose_trains(train_ids, sel)
    except TrainNotFound as error:
        raise IndexError(str(error)) from error


def _by_id(train_ids: TrainIds, wanted: Any) -> TrainIds:
    if isinstance(wanted, slice):
        if _outside(train_ids, wanted):
            return train_ids[:0]
    elif is_int_like(wanted):
        wanted = [operator.index(wanted)]
    elif not isinstance(wanted, list | np.ndarray):
        raise TypeError(f"Train ids are chosen by slice, list or number, not {wanted!r}")
    try:
        return choose_trains(train_ids, by_id[wanted])
    except TrainNotFound as error:
        warn(f"Given train IDs not found: {error}", UserWarning)
        return train_ids[:0]


def _outside(train_ids: TrainIds, wanted: slice) -> bool:
    """Whether a range ends before the trains or starts after them, which gets a warning."""
    if not len(train_ids):
        warn("Choosing by train id from data with no trains selected", UserWarning)
        return True
    if wanted.stop is not None and wanted.stop <= train_ids[0]:
        text = f"Train ID {wanted.stop} is before this run (starts at {train_ids[0]})"
    elif wanted.start is not None and wanted.start > train_ids[-1]:
        text = f"Train ID {wanted.start} is after this run (ends at {train_ids[-1]})"
    else:
        return False
    warn(text, UserWarning)
    return True


def _check_condition(sel: xr.DataArray) -> None:
    if sel.dtype != bool:
        raise TypeError(f"xarray selector must be boolean, not {sel.dtype}")
    if "trainId" not in sel.coords:
        raise ValueError("xarray selector must have a 'trainId' coordinate")


def split_trains(
    n_trains: int, parts: int | None = None, trains_per_part: int | None = None
) -> list[slice]:
    """Positions of parts of nearly the same size."""
    if parts is None and trains_per_part is None:
        raise DataError("Either parts or trains_per_part must be given")
    return list(split(np.arange(n_trains, dtype=np.uint64), parts, trains_per_part))


def trains_files_index(
    train_ids: Sequence[Any], files: Iterable[FileAccess], inc_suspect_trains: bool = True
) -> list[FileAccess | None]:
    """The file that has each train."""
    ids = np.asarray(train_ids, np.uint64)
    found: list[FileAccess | None] = [None] * len(ids)
    for file in files:
        stored = file.train_ids if inc_suspect_trains else file.valid_train_ids
        for position in np.flatnonzero(np.isin(ids, stored)):
            found[position] = file
    return found


def contiguous_regions(condition: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Starts and stops of the runs of True.

    Returns
    -------
    ndarray of intp, (regions, 2)
    """
    padded = np.concatenate([[False], np.asarray(condition, bool), [False]])
    return np.flatnonzero(padded[1:] != padded[:-1]).reshape(-1, 2)


def roi_shape(orig_shape: tuple[int, ...], roi: tuple[Any, ...]) -> tuple[int, ...]:
    """Shape of an entry after a region of interest was cut out."""
    return np.empty((0, *orig_shape))[(slice(None), *roi)].shape[1:]


def same_run(*args: Any) -> bool:
    """Whether all these data are from one run, by what their files say."""
    seen = set()
    for data in args:
        said = data.run_metadata() if data.is_single_run else {}
        seen.add((said.get("proposalNumber", -1), said.get("runNumber", -1)))
    return len(seen) == 1 and -1 not in next(iter(seen))


class FilenameInfo:
    """What the name of a file says.

    Attributes
    ----------
    is_detector : bool
    detector_name : str or None
    detector_moduleno : str or int
    description : str
    """

    is_detector = False
    detector_name: str | None = None
    detector_moduleno: str | int = -1

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.basename = Path(path).name
        kind, _, writer, _ = self.basename.removesuffix(".h5").split("-")
        found = re.match(r"([A-Z]+)(\d+)", writer)
        name = found[1] if found else ""
        self.description = f"Unknown data source ({writer})"
        if name == "DA":
            self.description = "Aggregated data"
        elif found and name in DETECTOR_NAMES:
            self.is_detector = True
            self.detector_name, self.detector_moduleno = name, found[2]
            what = {"RAW": "Raw", "CORR": "Corrected"}.get(kind, "?")
            self.description = f"{what} detector data from {name} module {found[2]}"
