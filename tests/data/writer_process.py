"""A writer of a run as a process of its own: python writer_process.py FOLDER HOW TRAINS.

Two aggregators write sequences of eight trains, two files at a time, without SWMR. `HOW` says how
chunks lie and whether data sets grow in advance; every value tells its train and is not 0.
"""

import sys
import time
from pathlib import Path

import h5py
import numpy as np

FIRST, SEQUENCE = 1000, 8
HOW = {
    "rows": {"index": 1, "rows": 1},  # as the data acquisition does
    "blocks": {"index": 4, "rows": 3},
    "ahead": {"index": 4, "rows": 5, "ahead": 8},  # data sets grow before they are written
    "packed": {"index": 1, "rows": 3, "filters": {"compression": "gzip"}},
    "packed rows": {"index": 1, "rows": 1, "filters": {"compression": "gzip", "shuffle": True}},
    "rare": {"index": 4, "rows": 3, "flush": 5},
    "late index": {"index": 1, "rows": 1, "late": True},
}


def frames(train):
    return train % 4


class File:
    def __init__(self, path, writer, index=1, rows=1, ahead=0, filters=None, flush=1, late=False):
        self.file = h5py.File(path, "w")
        self.ahead, self.flush, self.late = ahead, flush, late
        self.filters, self.chunk = filters or {}, {"index": index, "rows": rows}
        self.slow, self.fast = f"A/{writer}/1", f"D/{writer}/1:out/image"
        self.trains = 0
        self.first = 0
        self.put("INDEX/trainId", "u8", "index")
        for name in ("flag", "timestamp"):
            self.put(f"INDEX/{name}", "i4" if name == "flag" else "u8", "index")
        for group in (self.slow, self.fast):
            self.put(f"INDEX/{group}/first", "u8", "index")
            self.put(f"INDEX/{group}/count", "u8", "index")
        self.put(f"CONTROL/{self.slow}/x/value", "f8", "rows")
        self.put(f"CONTROL/{self.slow}/name/value", h5py.string_dtype(), "rows")
        self.put(f"INSTRUMENT/{self.fast}/data", "u4", "rows", (40, 30))
        self.put(f"INSTRUMENT/{self.fast}/trainId", "u8", "rows")
        self.file["METADATA/dataFormatVersion"] = [b"1.2"]
        self.file["METADATA/dataSources/dataSourceId"] = [
            f"CONTROL/{self.slow}".encode(), f"INSTRUMENT/{self.fast}".encode(),
        ]  # fmt: skip
        self.file.flush()

    def put(self, path, dtype, kind, entry=()):
        filters = self.filters if kind == "rows" and dtype != h5py.string_dtype() else {}
        self.file.create_dataset(
            path, (self.ahead, *entry), dtype, maxshape=(None, *entry),
            chunks=(self.chunk[kind], *entry), **filters,
        )  # fmt: skip

    def append(self, path, at, values):
        dataset = self.file[path]
        if at + len(values) > len(dataset):
            dataset.resize(at + max(len(values), self.ahead), 0)
        dataset[at : at + len(values)] = values

    def write(self, train):
        if not self.late:
            self.index(train)
        n, many = self.trains, frames(train)
        self.append(f"CONTROL/{self.slow}/x/value", n, [float(train)])
        self.append(f"CONTROL/{self.slow}/name/value", n, [f"t{train}"])
        data = np.full((many, 40, 30), train) + np.arange(many)[:, None, None]
        for key, values in [("data", data), ("trainId", [train] * many)]:
            self.append(f"INSTRUMENT/{self.fast}/{key}", self.first, values)
        if self.late:
            self.index(train)
        self.first += many
        self.trains += 1
        if self.trains % self.flush == 0:
            self.file.flush()

    def index(self, train):
        rows = {self.slow: (self.trains, 1), self.fast: (self.first, frames(train))}
        for name, value in [("trainId", train), ("flag", 1), ("timestamp", 10**18 + train)]:
            self.append(f"INDEX/{name}", self.trains, [value])
        for group, (first, count) in rows.items():
            self.append(f"INDEX/{group}/first", self.trains, [first])
            self.append(f"INDEX/{group}/count", self.trains, [count])


def main(folder, how, trains, pause):
    files = {}
    for train in range(FIRST, FIRST + trains):
        for number, writer in enumerate(["DA01", "DA02"]):
            sequence, position = divmod(train - FIRST + number * 3, SEQUENCE)
            if position == 0 or writer not in files:
                if writer in files:
                    files[writer].file.close()
                name = f"RAW-R0001-{writer}-S{sequence:05d}.h5"
                files[writer] = File(Path(folder) / name, writer, **HOW[how])
            files[writer].write(train)
        time.sleep(pause)
    sys.stdout.write("written\n")
    sys.stdout.flush()
    sys.stdin.readline()  # the files stay open until somebody says so
    for file in files.values():
        file.file.close()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4]))
