"""Faults that a made run can be given on purpose, as real runs have them by accident."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import h5py
import numpy as np
from numpy.typing import NDArray

from beambook.errors import NameNotFound, ParameterError
from beambook.testing._exdf import TrainIndex
from beambook.testing._sources import Source

__all__ = [
    "BadTrainIds",
    "Fault",
    "HalfWrittenFile",
    "LostTrains",
    "MissingEntries",
    "MissingSequence",
    "TruncatedFile",
    "damage_files",
    "damage_ids",
    "damage_sources",
    "lost_trains",
]


@dataclass(frozen=True)
class LostTrains:
    """Trains that one aggregator never saw: they are in none of its files.

    Attributes
    ----------
    aggregator : str
        ``"DA01"``.
    trains : sequence of int
        Counted from 0 in the run.
    """

    aggregator: str
    trains: Sequence[int]


@dataclass(frozen=True)
class MissingEntries:
    """Trains for which one source sent nothing: the file knows the train, the count is 0.

    Attributes
    ----------
    source : str
        ``"MID_DET_AGIPD1M-1/DET/1CH0:xtdf"``.
    trains : sequence of int
        Counted from 0 in the run.
    """

    source: str
    trains: Sequence[int]


@dataclass(frozen=True)
class BadTrainIds:
    """Train ids that are written wrong, in the files of one aggregator.

    Attributes
    ----------
    aggregator : str
    trains : sequence of int
        Counted from 0 in the run.
    kind : {"duplicate", "disordered", "zero", "suspect"}
        The id of the train before it in the file; exchanged with it; 0 in the midst of the file
        (its entries stay); or flagged as not from the time server (versions 1.0 and later).
    """

    aggregator: str
    trains: Sequence[int]
    kind: Literal["duplicate", "disordered", "zero", "suspect"]

    def __post_init__(self) -> None:
        if self.kind not in ("duplicate", "disordered", "zero", "suspect"):
            raise ParameterError(f"kind cannot be {self.kind!r}")


@dataclass(frozen=True)
class MissingSequence:
    """A file that is not there."""

    aggregator: str
    sequence: int


@dataclass(frozen=True)
class TruncatedFile:
    """A file cut off, as by a full disk or a broken copy: HDF5 cannot open it.

    Attributes
    ----------
    aggregator : str
    sequence : int
    keep : float
        Part of its bytes that is left, 0 … 1.
    """

    aggregator: str
    sequence: int
    keep: float = 0.5

    def __post_init__(self) -> None:
        _check_part(self.keep)


@dataclass(frozen=True)
class HalfWrittenFile:
    """A file whose writer died: it opens, but its data end in the middle of what INDEX promises.

    Attributes
    ----------
    aggregator : str
    sequence : int
    keep : float
        Part of the entries that were written, 0 … 1.
    """

    aggregator: str
    sequence: int
    keep: float = 0.5

    def __post_init__(self) -> None:
        _check_part(self.keep)


Fault = (
    LostTrains | MissingEntries | BadTrainIds | MissingSequence | TruncatedFile | HalfWrittenFile
)


def _check_part(keep: float) -> None:
    if not 0 <= keep < 1:
        raise ParameterError(f"keep must be a part from 0 to below 1, not {keep}")


def lost_trains(faults: Iterable[Fault], aggregator: str, trains: int) -> NDArray[np.intp]:
    """Trains (from 0) that the aggregator has: all but the lost ones."""
    kept = np.ones(trains, bool)
    for fault in faults:
        if isinstance(fault, LostTrains) and fault.aggregator == aggregator:
            kept[_checked(fault.trains, trains)] = False
    return np.flatnonzero(kept)


def damage_sources(
    aggregators: dict[str, list[Source]], faults: Iterable[Fault], trains: int, *, version: str
) -> dict[str, list[Source]]:
    """Apply `MissingEntries`; also refuse a fault that names what the run does not have."""
    known = {source.name for sources in aggregators.values() for source in sources}
    missing: dict[str, NDArray[np.intp]] = {}
    for fault in faults:
        if isinstance(fault, MissingEntries):
            if fault.source not in known:
                raise NameNotFound(fault.source, known, where="the sources of the made run")
            missing[fault.source] = _checked(fault.trains, trains)
        elif fault.aggregator not in aggregators:
            raise NameNotFound(fault.aggregator, aggregators, where="the aggregators of the run")
        elif version == "0.5" and isinstance(fault, BadTrainIds) and fault.kind == "suspect":
            raise ParameterError("Files of version 0.5 have no flags for suspect trains")
    return {
        name: [s.without(missing[s.name]) if s.name in missing else s for s in sources]
        for name, sources in aggregators.items()
    }


def damage_ids(
    index: TrainIndex, faults: Iterable[Fault], aggregator: str, trains: int
) -> TrainIndex:
    """Apply `BadTrainIds` to the trains of one file."""
    for fault in faults:
        if isinstance(fault, BadTrainIds) and fault.aggregator == aggregator:
            wanted = _checked(fault.trains, trains)
            places = np.flatnonzero(np.isin(index.positions, wanted))
            index = _spoil(index, places, fault.kind)
    return index


def _spoil(index: TrainIndex, places: NDArray[np.intp], kind: str) -> TrainIndex:
    if kind == "suspect":
        valid = index.valid.copy()
        valid[places] = False
        return replace(index, valid=valid)
    ids = index.ids.copy()
    if kind == "zero":
        ids[places] = 0
        return replace(index, ids=ids)
    if 0 in places:
        raise ParameterError(
            f"The first train of a file cannot be {kind}", hint="Choose one that has a predecessor"
        )
    for place in places:
        before = ids[place - 1]
        if kind == "disordered":
            ids[place - 1] = ids[place]
        ids[place] = before
    return replace(index, ids=ids)


def damage_files(files: dict[tuple[str, int], Path], faults: Iterable[Fault]) -> None:
    """Apply what happens to whole files, by (aggregator, sequence)."""
    for fault in faults:
        if isinstance(fault, MissingSequence | TruncatedFile | HalfWrittenFile):
            place = fault.aggregator, fault.sequence
            if place not in files:
                raise ParameterError(
                    f"{fault.aggregator} has no sequence {fault.sequence}",
                    hint=f"It has {sum(name == fault.aggregator for name, _ in files)}",
                )
            _damage(files[place], fault)


def _damage(path: Path, fault: MissingSequence | TruncatedFile | HalfWrittenFile) -> None:
    if isinstance(fault, MissingSequence):
        path.unlink()
    elif isinstance(fault, TruncatedFile):
        with path.open("r+b") as file:
            file.truncate(int(path.stat().st_size * fault.keep))
    else:
        with h5py.File(path, "r+") as file:
            for section in ("CONTROL", "INSTRUMENT"):
                if section in file:
                    file[section].visititems(lambda _, item: _shorten(item, fault.keep))


def _shorten(item: h5py.Dataset | h5py.Group, keep: float) -> None:
    if isinstance(item, h5py.Dataset):
        item.resize(int(len(item) * keep), axis=0)


def _checked(positions: Sequence[int], trains: int) -> NDArray[np.intp]:
    checked = np.asarray(positions, dtype=np.intp).reshape(-1)
    outside = checked[(checked < 0) | (checked >= trains)]
    if outside.size:
        raise ParameterError(
            f"A fault names train {outside[0]} of a run of {trains}",
            hint="Trains are counted from 0",
        )
    return checked
