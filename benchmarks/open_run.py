"""Time and memory to open a run with 200 sources and 1,000 trains.

    python benchmarks/open_run.py [--sources 200] [--trains 1000] [--json]

The run is written to a temporary folder as the data acquisition does: sequences of several
aggregators, detector modules, train ids in chunks of one element. Each figure is the best
of several fresh processes (imports not counted), with the files in the page cache. EXtra-data is
measured without its map file, serially and as it is by default.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import h5py
import numpy as np

MODULES, SEQUENCES, WRITERS = 16, 2, 5
KEYS = 20

READERS = {
    "beambook": """
from beambook.data import open_run
start()
run = open_run(path, aliases={})
done("open")
keys = sum(len(run.source_data(s).keys()) for s in run.all_sources)
done("keys of all sources")
rows = sum(int(run.source_data(s).data_counts(labelled=False).sum()) for s in run.all_sources)
done("rows of all trains")
""",
    "EXtra-data, serial": """
from extra_data import RunDirectory
start()
run = RunDirectory(path, parallelize=False, _use_voview=False)
done("open")
keys = sum(len(run[s].keys()) for s in run.all_sources)
done("keys of all sources")
rows = sum(int(run[s].data_counts(labelled=False).sum()) for s in run.all_sources)
done("rows of all trains")
""",
    "EXtra-data, default": """
from extra_data import RunDirectory
start()
run = RunDirectory(path, _use_voview=False)
done("open")
keys = sum(len(run[s].keys()) for s in run.all_sources)
done("keys of all sources")
rows = sum(int(run[s].data_counts(labelled=False).sum()) for s in run.all_sources)
done("rows of all trains")
""",
    "INDEX alone, h5py": """
import glob, h5py, numpy as np
start()
files = [h5py.File(name) for name in sorted(glob.glob(path + "/*.h5"))]
ids = [(f["INDEX/trainId"][:], f["INDEX/flag"][:]) for f in files]
sources = [f["METADATA/dataSources/dataSourceId"][:] for f in files]
done("open")
done("keys of all sources")
rows = 0
for file, names in zip(files, sources):
    for name in filter(None, names):
        index = file["INDEX/" + name.decode().partition("/")[2]]
        rows += int(index["count"][:].sum()) + 0 * len(index["first"][:])
done("rows of all trains")
""",
}

PROLOGUE = """
import json, resource, sys, time
path, times = sys.argv[1], {}
def memory(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
def start():
    global began, before
    before, began = memory(), time.perf_counter()
def done(what):
    times[what] = (time.perf_counter() - began) * 1e3
"""
EPILOGUE = """
times["memory"] = memory() - before
print(json.dumps(times))
"""
UNITS = {"memory": "MiB"}


def write_run(folder: Path, *, sources: int, trains: int) -> None:
    """Write the run; data sets are small, the index is of full size."""
    slow = sources - MODULES
    shares = [list(range(n, slow, WRITERS)) for n in range(WRITERS)]
    for sequence, ids in enumerate(np.array_split(np.arange(1, trains + 1) + 10**9, SEQUENCES)):
        for writer, numbers in enumerate(shares):
            with _file(folder, f"DA{writer:02d}", sequence, ids) as file:
                names = [f"CONTROL/LAB/DEVICE/{n}" for n in numbers]
                _sources(file, names)
                for name in names:
                    _index(file, name.partition("/")[2], len(ids), 1)
                    for key in range(KEYS):
                        file[f"{name}/key{key}/value"] = np.zeros(len(ids), "f4")
                        file[f"{name}/key{key}/timestamp"] = np.zeros(len(ids), "u8")
        for module in range(MODULES):
            with _file(folder, f"AGIPD{module:02d}", sequence, ids) as file:
                name = f"INSTRUMENT/LAB_DET_AGIPD1M-1/DET/{module}CH0:xtdf/image"
                _sources(file, [name])
                _index(file, name.partition("/")[2], len(ids), 64)
                for key in ("data", "pulseId", "cellId", "trainId", "length", "status"):
                    shape = (64 * len(ids), 1)
                    file.create_dataset(f"{name}/{key}", shape, "u2", chunks=(4096, 1))


def _file(folder: Path, writer: str, sequence: int, ids: np.ndarray) -> h5py.File:
    file = h5py.File(folder / f"RAW-R0001-{writer}-S{sequence:05d}.h5", "w")
    for name, values in {
        "trainId": ids.astype("u8"),
        "flag": np.ones(len(ids), "i4"),
        "timestamp": np.arange(len(ids), dtype="u8") * 10**8 + 10**18,
        "origin": np.full(len(ids), -1, "i4"),
    }.items():
        file.create_dataset(f"INDEX/{name}", data=values, chunks=(1,), maxshape=(None,))
    file["METADATA/dataFormatVersion"] = [b"1.2"]
    return file


def _sources(file: h5py.File, names: list[str]) -> None:
    kind = h5py.special_dtype(vlen=bytes)
    listed = np.array([name.encode() for name in names], dtype=object)
    file.create_dataset("METADATA/dataSources/dataSourceId", data=listed, dtype=kind)


def _index(file: h5py.File, name: str, trains: int, rows: int) -> None:
    for part, values in {
        "first": np.arange(trains, dtype="u8") * rows,
        "count": np.full(trains, rows, "u8"),
    }.items():
        # One element per chunk, as in real raw data, would take minutes to write here.
        file.create_dataset(f"INDEX/{name}/{part}", data=values, chunks=(64,), maxshape=(None,))


def measure(folder: Path, code: str, *, repeats: int) -> dict[str, float]:
    """Best of several fresh processes, in ms and MiB."""
    results = []
    for _ in range(repeats):
        for cache in [*folder.glob("*map*.json"), *folder.glob(".*map*")]:
            cache.unlink()
        script = PROLOGUE + code + EPILOGUE
        done = subprocess.run(
            [sys.executable, "-c", script, str(folder)], check=True, capture_output=True, text=True
        )
        results.append(json.loads(done.stdout))
    return {what: min(result[what] for result in results) for what in results[0]}


def table(figures: dict[str, dict[str, float]]) -> str:
    """Figures under each other, each with its ratio to beambook's."""
    ours = figures["beambook"]
    lines = [f"{'':22}" + "".join(f"{what + ' / ' + UNITS.get(what, 'ms'):>28}" for what in ours)]
    for reader, found in figures.items():
        cells = (
            f"{value:.1f} ({value / ours[what]:.2f}×)" if ours[what] else f"{value:.1f}"
            for what, value in found.items()
        )
        lines.append(f"{reader:22}" + "".join(f"{cell:>28}" for cell in cells))
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sources", type=int, default=200)
    parser.add_argument("--trains", type=int, default=1000)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--json", action="store_true", help="figures as JSON")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "r0001"
        folder.mkdir()
        write_run(folder, sources=options.sources, trains=options.trains)
        files = len(list(folder.iterdir()))
        figures = {
            reader: measure(folder, code, repeats=options.repeats)
            for reader, code in READERS.items()
        }
    if options.json:
        print(json.dumps({"files": files, **vars(options), "figures": figures}, indent=1))
    else:
        print(f"{options.sources} sources, {options.trains} trains, {files} files\n")
        print(table(figures))


if __name__ == "__main__":
    main()
