"""European XFEL files (EXDF-HDF5), versions 0.5 to 1.2, as the DAQ lays them out.

One file holds one sequence of one aggregator: METADATA lists the sources, INDEX
the trains and where each source's entries of a train begin, CONTROL and INSTRUMENT
the entries, RUN the state at the start of the run. See `docs/explanation/made-runs.md`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import prod
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from beambook.testing._sources import Column, Control, Instrument, Made, Source, Unit

__all__ = ["VERSIONS", "FileHeader", "TrainIndex", "file_name", "write_file"]

VERSIONS = ("0.5", "1.0", "1.1", "1.2")
CHUNK_BYTES = 1 << 20
PAD = 16  # lists and train ids are padded to a multiple of this


@dataclass(frozen=True)
class FileHeader:
    """What METADATA says of one file.

    Attributes
    ----------
    version : str
        Format version, one of `VERSIONS`.
    proposal, run, sequence : int
    aggregator : str
        ``"DA01"``, ``"AGIPD00"``.
    created : datetime
        Start of the run, UTC.
    """

    version: str
    proposal: int
    run: int
    aggregator: str
    sequence: int
    created: datetime


@dataclass(frozen=True)
class TrainIndex:
    """The trains of one file.

    Attributes
    ----------
    ids : ndarray (n,) uint64
    valid : ndarray (n,) bool
        False where the train id did not come from the time server.
    timestamps : ndarray (n,) uint64
        ns since 1970, UTC.
    positions : ndarray (n,) int
        Trains counted from 0 in the run: which rows of the columns go into this file.
    """

    ids: NDArray[np.uint64]
    valid: NDArray[np.bool_]
    timestamps: NDArray[np.uint64]
    positions: NDArray[np.intp]


def file_name(header: FileHeader) -> str:
    """``RAW-R0487-DA01-S00000.h5``."""
    return f"RAW-R{header.run:04d}-{header.aggregator}-S{header.sequence:05d}.h5"


def write_file(
    folder: Path, header: FileHeader, trains: TrainIndex, sources: Sequence[Source]
) -> Path:
    """Write one sequence of one aggregator; gives its path.

    The file is made in memory and then written at once: HDF5 itself can crash
    the process when a disk is full, while a plain write raises an OSError.
    """
    path = folder / file_name(header)
    with h5py.File(path, "w", driver="core", backing_store=False, block_size=CHUNK_BYTES) as file:
        _write_metadata(file, header, sources)
        _write_trains(file, header.version, trains)
        file.create_group("RUN")
        for source in sources:
            if isinstance(source, Control):
                _write_control(file, source, trains)
            else:
                _write_instrument(file, source, trains)
        file.flush()
        path.write_bytes(file.id.get_file_image())
    return path


def _write_metadata(file: h5py.File, header: FileHeader, sources: Sequence[Source]) -> None:
    listed = [name for source in sources for name in _listed(source)]
    if header.version == "1.1":
        listed.insert(0, "Karabo_TimerServer")
    group = "METADATA" if header.version == "0.5" else "METADATA/dataSources"
    parts = [name.partition("/") for name in listed]
    _write_list(file, f"{group}/dataSourceId", listed)
    _write_list(file, f"{group}/root", [root for root, _, _ in parts])
    _write_list(file, f"{group}/deviceId", [device for _, _, device in parts])
    if header.version != "0.5":
        _write_facts(file, header)


def _listed(source: Source) -> list[str]:
    if isinstance(source, Control):
        return [f"CONTROL/{source.name}"]
    return [f"INSTRUMENT/{source.name}/{group}" for group in source.groups]


def _write_list(file: h5py.File, path: str, texts: Sequence[str]) -> None:
    dtype = h5py.special_dtype(vlen=bytes)
    data = file.create_dataset(path, (_padded(len(texts), PAD),), dtype, maxshape=(None,))
    data[: len(texts)] = [text.encode() for text in texts]


def _write_facts(file: h5py.File, header: FileHeader) -> None:
    stamp = "%Y%m%dT%H%M%SZ"
    texts = {
        "dataFormatVersion": header.version,
        "creationDate": header.created.strftime(stamp),
        "updateDate": (header.created + timedelta(minutes=2)).strftime(stamp),
        "daqLibrary": "1.9.0",
        "karaboFramework": "2.7.0",
        "runType": "Made by beambook.testing",
        "sample": "No Sample",
    }
    for name, text in texts.items():
        file[f"METADATA/{name}"] = np.array([text.encode()], dtype=h5py.special_dtype(vlen=bytes))
    numbers = {
        "proposalNumber": header.proposal,
        "runNumber": header.run,
        "sequenceNumber": header.sequence,
    }
    for name, number in numbers.items():
        file[f"METADATA/{name}"] = np.array([number], np.uint32)


def _write_trains(file: h5py.File, version: str, trains: TrainIndex) -> None:
    columns: dict[str, NDArray[Any]] = {"trainId": trains.ids}
    if version != "0.5":
        # 1.1 stores the index of the time server's source: 0 is good. 1.0 and 1.2 a flag: 1 is.
        good = ~trains.valid if version == "1.1" else trains.valid
        columns |= {"flag": good.astype(np.int32), "timestamp": trains.timestamps}
    if version == "1.2":
        columns["origin"] = np.where(trains.valid, -1, 0).astype(np.int32)
    n = len(trains.ids)
    for name, values in columns.items():
        data = file.create_dataset(
            f"INDEX/{name}", (_padded(n, PAD),), values.dtype, maxshape=(None,), chunks=(1,)
        )
        data[:n] = values


def _write_control(file: h5py.File, source: Control, trains: TrainIndex) -> None:
    counts = _counts(source.counts, trains)
    _write_index(file, f"INDEX/{source.name}", counts)
    recorded = trains.positions[counts > 0]
    stamps = trains.timestamps[counts > 0]
    start = trains.timestamps[:1] if len(stamps) else np.zeros(1, np.uint64)
    for key, values in source.values.items():
        place = f"{source.name}/{key.replace('.', '/')}"
        for path, rows, times in (
            (f"CONTROL/{place}", values[recorded], stamps),
            (f"RUN/{place}", values[:1], start),
        ):
            pad = PAD if path.startswith("CONTROL") else 1
            _write_rows(file, f"{path}/value", rows, pad)
            _write_rows(file, f"{path}/timestamp", times, pad)
            _write_unit(file[path], source.units.get(key))
    for key, value in {"classId": source.class_id, **source.properties}.items():
        place = f"RUN/{source.name}/{key.replace('.', '/')}"
        _write_rows(file, f"{place}/value", _one(value), 1)
        _write_rows(file, f"{place}/timestamp", start, 1)


def _one(value: object) -> NDArray[Any]:
    return np.array([value], dtype=object if isinstance(value, str) else None)


def _write_instrument(file: h5py.File, source: Instrument, trains: TrainIndex) -> None:
    present = _counts(source.counts, trains)
    for group, columns in source.groups.items():
        entries = source.entries.get(group)
        counts = present * np.uint64(1 if entries is None else entries)
        base = f"{source.name}/{group}"
        _write_index(file, f"INDEX/{base}", counts)
        framed = source.is_xtdf and group == "image"
        ids = np.repeat(trains.ids, counts.astype(np.intp))
        _write_rows(file, f"INSTRUMENT/{base}/trainId", ids[:, None] if framed else ids, PAD)
        recorded = trains.positions[present > 0]
        for key, column in columns.items():
            path = f"INSTRUMENT/{base}/{key.replace('.', '/')}"
            _write_column(file, path, column, recorded, entries)
            _write_unit(file[path], source.units.get(f"{group}.{key}"))


def _write_column(
    file: h5py.File,
    path: str,
    column: Column,
    recorded: NDArray[np.intp],
    entries: int | None,
) -> None:
    if isinstance(column, Made):
        _write_made(file, path, column, recorded, entries or 1)
        return
    rows = column[recorded]
    if entries is not None:
        rows = rows.reshape(-1, *rows.shape[2:])
    _write_rows(file, path, rows, PAD)


def _write_made(
    file: h5py.File, path: str, column: Made, recorded: NDArray[np.intp], entries: int
) -> None:
    data = file.create_dataset(
        path,
        (len(recorded) * entries, *column.shape),
        column.dtype,
        maxshape=(None, *column.shape),
        chunks=(1, *column.shape),
    )
    for place, train in enumerate(recorded):
        data[place * entries : (place + 1) * entries] = column.make(int(train))


def _write_index(file: h5py.File, path: str, counts: NDArray[np.uint64]) -> None:
    first = np.concatenate([[0], np.cumsum(counts)[:-1]]).astype(np.uint64)
    for name, values in (("first", first[: len(counts)]), ("count", counts)):
        file.create_dataset(f"{path}/{name}", data=values, maxshape=(None,))


def _write_rows(file: h5py.File, path: str, rows: NDArray[Any], pad: int) -> None:
    n, *shape = rows.shape
    dtype = h5py.string_dtype() if rows.dtype == object else rows.dtype
    per_chunk = max(1, CHUNK_BYTES // max(1, prod(shape) * dtype.itemsize))
    data = file.create_dataset(
        path,
        (_padded(n, pad), *shape),
        dtype,
        maxshape=(None, *shape),
        chunks=(min(per_chunk, max(pad, _padded(n, pad))), *(max(1, s) for s in shape)),
    )
    if n:
        data[:n] = rows


def _write_unit(place: h5py.Group | h5py.Dataset, unit: Unit | None) -> None:
    if unit is None:
        return
    for name, text in {
        "unitSymbol": unit.symbol,
        "unitName": unit.name,
        "metricPrefixSymbol": unit.prefix,
        "metricPrefixName": unit.prefix_name,
    }.items():
        place.attrs[name] = text.encode()


def _counts(counts: NDArray[np.uint64] | None, trains: TrainIndex) -> NDArray[np.uint64]:
    if counts is None:
        return np.ones(len(trains.positions), np.uint64)
    return counts[trains.positions]


def _padded(n: int, to: int) -> int:
    return -(-n // to) * to
