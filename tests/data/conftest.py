"""A small writer of EXDF files, faults included. Every value tells its train, row and element."""

import sys
from dataclasses import dataclass, field
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import h5py
import numpy as np
import pytest


def value(train, row=0, element=0):
    """What is stored for an element of a row of a train."""
    return train * 1000.0 + row + element / 1024


def entry(train, row, shape):
    """An entry: element 0, 1, 2 … of a row."""
    return value(train, row, np.arange(int(np.prod(shape, dtype=int)))).reshape(shape)


@dataclass
class Group:
    """Rows that share an index: of a source, or of one group of an instrument source."""

    source: str
    keys: dict  # name: shape of an entry, or (shape, dtype)
    counts: list | None = None  # by position in INDEX; 1 by default
    gap: int = 0  # unused rows before each train's
    first_of_empty: int | None = None  # by default where the next rows begin
    index: str = "count"  # or "status": the old way
    index_length: int | None = None
    index_pad: int = 0  # entries of the index beyond the trains, which mean nothing
    rows_lost: int = 0  # rows missing at the end of the data
    data: dict = field(default_factory=dict)  # name: array of all rows
    units: dict = field(default_factory=dict)  # name: (prefix, symbol)
    run: dict = field(default_factory=dict)  # constants
    control: bool = True
    section: str = ""  # by default CONTROL or INSTRUMENT
    kwargs: dict = field(default_factory=dict)  # of create_dataset

    @property
    def path(self):
        return self.source

    def rows(self, trains):
        counts = [1] * len(trains) if self.counts is None else list(self.counts)
        first, rows, at = [], [], 0
        for train, count in zip(trains, counts, strict=True):
            if count:
                rows += [(0, -1)] * self.gap
                at += self.gap
            first.append(at if count or self.first_of_empty is None else self.first_of_empty)
            rows += [(train, k) for k in range(count)]
            at += count
        return np.array(first, "u8"), np.array(counts, "u8"), rows

    def write(self, file, trains):
        first, count, rows = self.rows(trains)
        index = file.create_group(f"INDEX/{self.source}")
        cut = slice(None, self.index_length)
        beyond = np.full(self.index_pad, 7, "u8")
        first, count = np.concatenate([first, beyond]), np.concatenate([count, beyond])
        index["first"] = first[cut]
        if self.index == "status":
            index["last"] = np.where(count > 0, first + count - 1, first)[cut]
            index["status"] = (count > 0).astype("i4")[cut]
        else:
            index["count"] = count[cut]
        section = self.source_id().partition("/")[0]
        file.require_group(f"{section}/{self.source}")
        rows = rows[: len(rows) - self.rows_lost]
        for name, shape in self.keys.items():
            shape, dtype = (
                shape if len(shape) == 2 and isinstance(shape[0], tuple) else (shape, "f8")
            )
            stored = self.data.get(name)
            if stored is None:
                stored = [entry(t, k, shape) for t, k in rows]
            stored = np.array(stored, object if dtype == "str" else None)
            path = f"{section}/{self.source}/{name.replace('.', '/')}"
            if self.control:
                file[f"{path}/timestamp"] = np.array([t * 10 for t, _ in rows], "u8")
                path += "/value"
            dtype = h5py.string_dtype() if dtype == "str" else dtype
            dataset = file.create_dataset(
                path, (len(stored), *shape), dtype, maxshape=(None, *shape), **self.kwargs
            )
            if len(stored):
                dataset[:] = stored.reshape((len(stored), *shape))
            if name in self.units:
                owner = dataset.parent if self.control else dataset
                owner.attrs["metricPrefixSymbol"], owner.attrs["unitSymbol"] = self.units[name]
        for name, constant in self.run.items():
            file[f"RUN/{self.source}/{name.replace('.', '/')}/value"] = [constant]

    def source_id(self):
        section = self.section or ("CONTROL" if self.control else "INSTRUMENT")
        return f"{section}/{self.source}"


def control(source, keys, counts=None, **more):
    return Group(source, keys, counts, **more)


def instrument(source, keys, counts=None, **more):
    """`source` with its group: ``DEV:output/data``."""
    return Group(source, keys, counts, control=False, **more)


def write_exdf(path, trains, groups, *, version="1.2", flags=None, pad=0, links=()):
    """Write one file; `trains` may hold zeros."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    trains = [int(t) for t in trains]
    padded = np.array(trains + [0] * pad, "u8")
    with h5py.File(path, "w") as file:
        chunks = (1,) if len(padded) else True
        file.create_dataset("INDEX/trainId", data=padded, maxshape=(None,), chunks=chunks)
        ids = [g.source_id() for g in groups if not g.section]
        ids += [
            f"INSTRUMENT/{old}/{g.source.removeprefix(new).strip('/')}"
            for old, new in links for g in groups if g.source.startswith(f"{new}/")
        ]  # fmt: skip
        for section in ("REDUCTION", "ERRATA"):
            if listed := [g.source_id().encode() for g in groups if g.section == section]:
                file.create_dataset(
                    f"METADATA/auxiliarySources/{section}", data=listed,
                    dtype=h5py.special_dtype(vlen=bytes),
                )  # fmt: skip
        where = "METADATA" if version == "0.5" else "METADATA/dataSources"
        file.create_dataset(
            f"{where}/dataSourceId", data=[i.encode() for i in ids] + [b""] * 3,
            dtype=h5py.special_dtype(vlen=bytes),
        )  # fmt: skip
        if version != "0.5":
            good = 0 if version == "1.1" else 1
            flags = [good] * len(trains) if flags is None else flags
            file["INDEX/flag"] = np.array(list(flags) + [0] * pad, "i4")
            start = np.datetime64("2026-03-01T12:00:00", "ns").astype("i8")
            file["INDEX/timestamp"] = np.array(
                [start + t * 10**8 for t in trains] + [0] * pad, "u8"
            )
            file["METADATA/dataFormatVersion"] = [version.encode()]
            file["METADATA/proposalNumber"] = np.array([900074], "u4")
            file["METADATA/runNumber"] = np.array([1], "u4")
        if version == "1.2":
            file["INDEX/origin"] = np.full(len(padded), -1, "i4")
        file.require_group("RUN")
        for group in groups:
            group.write(file, trains)
        for old, new in links:
            file[f"INDEX/{old}"] = h5py.SoftLink(f"/INDEX/{new}")
            file[f"INSTRUMENT/{old}"] = h5py.SoftLink(f"/INSTRUMENT/{new}")
    return path


@pytest.fixture(scope="session")
def exdf():
    """The writer's functions under one name."""

    class Exdf:
        pass

    for function in (write_exdf, control, instrument, value, entry):
        setattr(Exdf, function.__name__, staticmethod(function))
    Exdf.write = staticmethod(write_exdf)
    return Exdf


XGM = "SA2_XTD1_XGM/XGM/DOOCS:output/data"
MOTOR = "MID_EXP_SAM/MOTOR/X"


@pytest.fixture
def small_run(tmp_path, exdf):
    """Two aggregators of which the sequences break at different trains; AGIPD frames."""
    folder = tmp_path / "r0001"
    trains = list(range(1000, 1020))
    for number, (a, b) in enumerate([(0, 12), (12, 20)]):
        exdf.write(
            folder / f"RAW-R0001-DA01-S{number:05d}.h5",
            trains[a:b],
            [
                exdf.control(
                    MOTOR, {"actualPosition": (), "state": ((), "str")}, pad_counts(b - a),
                    data={"state": ["ON"] * (b - a)}, units={"actualPosition": (b"m", b"m")},
                    run={"actualPosition": 1.5, "classId": "Motor"},
                ),
                exdf.instrument(XGM, {"intensityTD": ((8,), "f4")},
                                units={"intensityTD": (b"u", b"J")}),
            ],
            pad=4,
        )  # fmt: skip
    for number, (a, b) in enumerate([(0, 7), (7, 20)]):
        frames = [3 if t % 5 else 0 for t in trains[a:b]]
        rows = [(t, k) for t, n in zip(trains[a:b], frames, strict=True) for k in range(n)]
        exdf.write(
            folder / f"RAW-R0001-AGIPD00-S{number:05d}.h5",
            trains[a:b],
            [
                exdf.instrument(
                    "MID_DET_AGIPD1M-1/DET/0CH0:xtdf/image",
                    {"data": ((2, 4, 3), "u2"), "pulseId": ((1,), "u8"), "trainId": ((1,), "u8")},
                    frames,
                    data={
                        "pulseId": [[4 * k] for _, k in rows],
                        "trainId": [[t] for t, _ in rows],
                        "data": [np.full((2, 4, 3), t % 1000 * 10 + k) for t, k in rows],
                    },
                ),
            ],
        )  # fmt: skip
    return folder


def pad_counts(number):
    return [1] * number


@pytest.fixture(scope="session")
def detector_runs():
    """The writer of area detectors beside this file, which tests cannot import."""
    path = Path(__file__).with_name("_detector_runs.py")
    spec = spec_from_file_location("detector_runs", path)
    module = module_from_spec(spec)
    sys.modules["detector_runs"] = module  # dataclasses look for it
    spec.loader.exec_module(module)
    return module
