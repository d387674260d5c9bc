"""Time and memory to open a run, to set up its detector and to list the keys of all sources.

    python benchmarks/open_run.py [--growth] [--json] [--trains N --sequences N --keys N]

The run is written to a temporary folder as the data acquisition does: 16 AGIPD modules in four
sequences and six aggregators in two, 220 sources, about 40,000 keys, train ids in chunks of one
element. Each figure is the best of several fresh processes (imports not counted) that take turns,
with the files in the page cache. beambook is measured without its index and with it, EXtra-data
without its map file and with it. The bound is a look at each file: open, fstat and 96 bytes.

``--growth`` repeats it for 100 to 10,000 trains and for 10 to 1,000 files, with fewer keys.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import h5py
import numpy as np

OURS = """
from beambook.data import open_run
start()
run = open_run(path, aliases={})
done("open")
tables = [run.store.table(s, "image") for s in run.all_sources if "/DET/" in s]
run.detector()
done("detector")
keys = sum(len(run.source_data(s).keys()) for s in run.all_sources)
done("keys")
"""
THEIRS = """
from extra_data import RunDirectory
from extra_data.components import AGIPD1M
start()
run = RunDirectory(path, _use_voview=False)
done("open")
AGIPD1M(run)
done("detector")
keys = sum(len(run[s].keys()) for s in run.all_sources)
done("keys")
"""
LOOK = """
import os
start()
for entry in sorted(os.scandir(path), key=lambda e: e.name):
    fd = os.open(entry.path, os.O_RDONLY)
    os.fstat(fd), os.pread(fd, 96, 0)
    os.close(fd)
done("open")
done("detector")
done("keys")
keys = 0
"""
READERS = {
    "beambook, first time": (OURS, True),
    "beambook": (OURS, False),
    "EXtra-data, first time": (THEIRS, True),
    "EXtra-data": (THEIRS, False),
    "a look at each file": (LOOK, False),
}
PROLOGUE = """
import json, resource, sys, time, warnings
warnings.simplefilter("ignore")
path, times = sys.argv[1], {}
def memory(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
def start():
    global began, before
    before, began = memory(), time.perf_counter()
def done(what):
    times[what] = (time.perf_counter() - began) * 1e3
"""
EPILOGUE = """
times["memory"], times["number of keys"] = memory() - before, keys
print(json.dumps(times))
"""
COLUMNS = {"open": "ms", "detector": "ms", "keys": "ms", "memory": "MiB"}
SETTLED_S = 2.5  # files that were changed a moment ago are not indexed


@dataclass(frozen=True)
class Shape:
    """How large a run is.

    Attributes
    ----------
    trains : int
    modules, module_sequences, writers, writer_sequences : int
    slow : int
        Control sources of an aggregator.
    keys : int
        Properties of a control source; each has a value and a timestamp.
    """

    trains: int = 1000
    modules: int = 16
    module_sequences: int = 4
    writers: int = 6
    writer_sequences: int = 2
    slow: int = 34
    keys: int = 97

    @property
    def files(self) -> int:
        """Number of files."""
        return self.modules * self.module_sequences + self.writers * self.writer_sequences


def write_run(folder: Path, shape: Shape) -> None:
    """Write the run; data sets are small, the index is of full size."""
    for writer in range(shape.writers):
        names = [f"CONTROL/LAB_{writer}/DEVICE/{n}" for n in range(shape.slow)]
        _sequences(folder, f"DA{writer:02d}", names, shape, shape.writer_sequences)
    for module in range(shape.modules):
        names = [f"INSTRUMENT/LAB_DET_AGIPD1M-1/DET/{module}CH0:xtdf/image"]
        _sequences(folder, f"AGIPD{module:02d}", names, shape, shape.module_sequences)


def _sequences(folder: Path, writer: str, names: list[str], shape: Shape, sequences: int) -> None:
    """The first file, and copies of it with other trains: soon done."""
    number = max(1, shape.trains // sequences)
    first = folder / f"RAW-R0001-{writer}-S00000.h5"
    with h5py.File(first, "w") as file:
        _write(file, names, number, shape.keys)
    for sequence in range(1, sequences):
        path = folder / f"RAW-R0001-{writer}-S{sequence:05d}.h5"
        shutil.copyfile(first, path)
        with h5py.File(path, "r+") as file:
            file["INDEX/trainId"][:] = 10**9 + sequence * number + np.arange(number)


def _write(file: h5py.File, names: list[str], trains: int, keys: int) -> None:
    for name, values in {
        "trainId": 10**9 + np.arange(trains, dtype="u8"),
        "flag": np.ones(trains, "i4"),
        "timestamp": np.arange(trains, dtype="u8") * 10**8 + 10**18,
        "origin": np.full(trains, -1, "i4"),
    }.items():
        file.create_dataset(f"INDEX/{name}", data=values, chunks=(1,), maxshape=(None,))
    file["METADATA/dataFormatVersion"] = [b"1.2"]
    listed = np.array([name.encode() for name in names], dtype=object)
    kind = h5py.special_dtype(vlen=bytes)
    file.create_dataset("METADATA/dataSources/dataSourceId", data=listed, dtype=kind)
    for name in names:
        section, _, source = name.partition("/")
        rows = 1 if section == "CONTROL" else 64
        file[f"INDEX/{source}/first"] = np.arange(trains, dtype="u8") * rows
        file[f"INDEX/{source}/count"] = np.full(trains, rows, "u8")
        _slow(file, name, trains, keys) if rows == 1 else _fast(file, name, trains * rows)


def _slow(file: h5py.File, name: str, trains: int, keys: int) -> None:
    space = h5py.h5s.create_simple((trains,))
    group = file.create_group(name).id
    for key in range(keys):
        item = h5py.h5g.create(group, f"property{key}".encode())
        for part, kind in ((b"value", h5py.h5t.IEEE_F32LE), (b"timestamp", h5py.h5t.STD_U64LE)):
            h5py.h5d.create(item, part, kind, space)


def _fast(file: h5py.File, name: str, rows: int) -> None:
    for key in ("pulseId", "cellId", "trainId", "length", "status"):
        file.create_dataset(f"{name}/{key}", (rows, 1), "u8", chunks=(4096, 1), maxshape=(None, 1))
    file.create_dataset(f"{name}/data", (rows, 2, 512, 128), "u2", chunks=(16, 2, 512, 128))


def measure(folder: Path, repeats: int) -> dict[str, dict[str, float]]:
    """Best of several fresh processes each, which take turns; in ms and MiB."""
    found: dict[str, list[dict[str, float]]] = {name: [] for name in READERS}
    time.sleep(SETTLED_S)
    for number in range(repeats + 1):
        for name, (code, first) in READERS.items():
            if first:
                _forget(folder)
            figures = _run(folder, code)
            if number or first:
                found[name].append(figures)
    return {
        name: {what: min(f[what] for f in figures) for what in figures[0]}
        for name, figures in found.items()
    }


def _forget(folder: Path) -> None:
    shutil.rmtree(folder.parent / "index", ignore_errors=True)
    for cache in [*folder.glob("*map*.json"), *folder.glob(".*map*")]:
        cache.unlink()


def _run(folder: Path, code: str) -> dict[str, float]:
    done = subprocess.run(
        [sys.executable, "-c", PROLOGUE + code + EPILOGUE, str(folder)],
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, "BEAMBOOK_INDEX": str(folder.parent / "index")},
    )
    return dict(json.loads(done.stdout))


def table(figures: dict[str, dict[str, float]]) -> str:
    """Figures under each other, each with its ratio to beambook's with an index."""
    ours = figures["beambook"]
    lines = [f"{'':24}" + "".join(f"{f'{what} / {unit}':>24}" for what, unit in COLUMNS.items())]
    for reader, found in figures.items():
        cells = (f"{found[c]:.1f} ({found[c] / max(ours[c], 1e-3):.1f}×)" for c in COLUMNS)
        lines.append(f"{reader:24}" + "".join(f"{cell:>24}" for cell in cells))
    return "\n".join(lines)


def growth(base: Shape) -> list[tuple[str, Shape]]:
    """Runs of more trains, and of more files."""
    few = replace(base, slow=6, keys=10)
    runs = [(f"{n} trains", replace(few, trains=n)) for n in (100, 1000, 10_000)]
    files = {10: (8, 1, 2, 1), 100: (16, 6, 4, 1), 1000: (16, 60, 10, 4)}
    for number, (modules, module_sequences, writers, writer_sequences) in files.items():
        shape = replace(
            few, trains=6000, modules=modules, module_sequences=module_sequences,
            writers=writers, writer_sequences=writer_sequences,
        )  # fmt: skip
        assert shape.files == number
        runs.append((f"{number} files", shape))
    return runs


def growth_row(size: str, figures: dict[str, dict[str, float]]) -> str:
    """Everything together (open, detector, keys) in ms, for one size of run."""
    ours = figures["beambook"]["keys"]
    cells = (f"{f['keys']:.1f} ({f['keys'] / ours:.1f}×)" for f in figures.values())
    return f"{size:26}" + "".join(f"{cell:>24}" for cell in cells)


def of_shape(shape: Shape, repeats: int) -> dict[str, dict[str, float]]:
    """Write a run and measure it."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "r0001"
        folder.mkdir()
        write_run(folder, shape)
        return measure(folder, repeats)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trains", type=int, default=1000)
    parser.add_argument("--sequences", type=int, default=4, help="of each module")
    parser.add_argument("--keys", type=int, default=97, help="properties of a control source")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--growth", action="store_true", help="runs of several sizes")
    parser.add_argument("--json", action="store_true", help="figures as JSON")
    options = parser.parse_args()
    shape = Shape(options.trains, module_sequences=options.sequences, keys=options.keys)
    runs = growth(shape) if options.growth else [(f"{shape.files} files", shape)]
    if options.growth and not options.json:
        print(f"{'open, detector, keys / ms':26}" + "".join(f"{name:>24}" for name in READERS))
    found = {}
    for name, each in runs:
        found[name] = of_shape(each, options.repeats)
        if options.growth and not options.json:
            print(growth_row(name, found[name]), flush=True)
    if options.json:
        shapes = {name: asdict(each) for name, each in runs}
        print(json.dumps({**vars(options), "runs": shapes, "figures": found}, indent=1))
    elif not options.growth:
        keys = int(found[f"{shape.files} files"]["beambook"]["number of keys"])
        print(f"{shape.files} files, {shape.trains} trains, {keys} keys\n")
        print(table(found[f"{shape.files} files"]))


if __name__ == "__main__":
    main()
