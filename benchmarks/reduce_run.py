"""Mean, variance, extremes and histogram of a run of raw AGIPD frames.

    python benchmarks/reduce_run.py [--gib 1] [--repeat 3] [--json]

One module's frames (2, 512, 128) of uint16 are written to a temporary folder and read warm, from
the page cache, each way in fresh processes that take turns; imports and compilation are not
counted. Best of several. EXtra-data is measured with its dask array and threads, in the chunks
that it chooses and in chunks of 64 frames; the ratio is to the better one. The bound is a loop of
pread and add in machine code, by as many threads, without any index, labels or run. Memory is what
a process holds at most beyond what it held before.
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

SOURCE = "MID_DET_AGIPD1M-1/DET/0CH0:xtdf"
FRAME = (2, 512, 128)
PER_TRAIN = 64

PROLOGUE = """
import json, resource, sys, threading, time
import numpy as np
path, source, what = sys.argv[1:4]
def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize() / 2**20
peak, going = 0.0, True
def watch():
    global peak
    while going:
        peak = max(peak, resident())
        time.sleep(0.002)
def measure(job):
    global going
    before = resident()
    watcher = threading.Thread(target=watch)
    watcher.start()
    began = time.perf_counter()
    value = np.asarray(job())
    seconds = time.perf_counter() - began
    going = False
    watcher.join()
    print(json.dumps({"seconds": seconds, "memory": peak - before,
                      "check": float(value.astype(float).sum())}))
"""

BEAMBOOK = """
from beambook.data import open_run
channel = open_run(path, aliases={})[source, "image.data"]
jobs = {
    "mean": lambda c: c.mean(), "var": lambda c: c.var(),
    "extremes": lambda c: c.statistics("min", "max")["max"],
    "histogram": lambda c: c.histogram(200, (0, 65536)),
}
jobs[what](channel[:1])
measure(lambda: jobs[what](channel))
"""

EXTRA_DATA = """
import dask, dask.array as da
from extra_data import RunDirectory
dask.config.set(scheduler="threads")
array = RunDirectory(path, _use_voview=False, parallelize=False)[source, "image.data"].dask_array()
jobs = {
    "mean": lambda a: a.mean(axis=0).compute(), "var": lambda a: a.var(axis=0).compute(),
    "extremes": lambda a: da.compute(a.min(axis=0), a.max(axis=0))[1],
    "histogram": lambda a: da.histogram(a, 200, (0, 65536))[0].compute(),
}
array = REBLOCK(array)
jobs[what](array[:64])
measure(lambda: jobs[what](array))
"""

NUMPY = """
import glob, h5py
def frames():
    return np.concatenate([h5py.File(name)["INSTRUMENT/" + source + "/image/data"][:]
                           for name in sorted(glob.glob(path + "/*.h5"))])
jobs = {
    "mean": lambda a: a.mean(axis=0), "var": lambda a: a.var(axis=0),
    "extremes": lambda a: (a.min(axis=0), a.max(axis=0))[1],
    "histogram": lambda a: np.histogram(a, 200, (0, 65536))[0],
}
measure(lambda: jobs[what](frames()))
"""

BOUND = """
import glob, h5py, os
from concurrent.futures import ThreadPoolExecutor
from numba import njit
@njit(nogil=True, boundscheck=False)
def add(block, total, part):
    for start in range(0, block.shape[1], 1024):
        part[:] = 0
        for row in range(block.shape[0]):
            values = block[row, start:start + 1024]
            for i in range(1024):
                part[i] += values[i]
        for i in range(1024):
            total[start + i] += part[i]
size, rows, places = 131072, 16, []
for name in sorted(glob.glob(path + "/*.h5")):
    with h5py.File(name) as file:
        stored = file["INSTRUMENT/" + source + "/image/data"]
        begin = stored.id.get_offset()
        places += [(name, begin + n * size * 2, min(rows, len(stored) - n))
                   for n in range(0, len(stored), rows)]
def part(mine):
    total, block, scratch = np.zeros(size, "i8"), np.empty((rows, size), "u2"), np.zeros(1024, "i4")
    files = {}
    for name, offset, number in mine:
        if name not in files:
            files[name] = os.open(name, os.O_RDONLY)
        os.preadv(files[name], [block[:number]], offset)
        add(block[:number], total, scratch)
    return total
def job():
    with ThreadPoolExecutor(threads) as pool:
        sums = list(pool.map(part, [places[n::threads] for n in range(threads)]))
    return sum(sums) / sum(number for *_, number in places)
threads = min(8, len(os.sched_getaffinity(0)))
part(places[:1])
measure(job)
"""

BLOCKS = {"default chunks": "(lambda a: a)", "64 frames": "(lambda a: a.rechunk((64, -1, -1, -1)))"}
WAYS = {
    "beambook": BEAMBOOK,
    **{f"EXtra-data, {name}": EXTRA_DATA.replace("REBLOCK", how) for name, how in BLOCKS.items()},
    "numpy, all in memory": NUMPY,
    "pread and add": BOUND,
}
JOBS = ("mean", "var", "extremes", "histogram")


def write_run(folder: Path, *, frames: int, files: int = 2) -> None:
    """Write the frames, contiguous as the data acquisition does."""
    rng = np.random.default_rng(0)
    pattern = rng.integers(3000, 9000, (64, *FRAME), np.uint16)
    trains = np.array_split(np.arange(frames // PER_TRAIN) + 10**9, files)
    for number, ids in enumerate(trains):
        name = folder / f"RAW-R0001-AGIPD00-S{number:05d}.h5"
        with h5py.File(name, "w") as file:
            for key, values in {
                "INDEX/trainId": ids.astype("u8"),
                "INDEX/flag": np.ones(len(ids), "i4"),
                "INDEX/timestamp": np.arange(len(ids), dtype="u8") + 1,
                f"INDEX/{SOURCE}/image/first": np.arange(len(ids), dtype="u8") * PER_TRAIN,
                f"INDEX/{SOURCE}/image/count": np.full(len(ids), PER_TRAIN, "u8"),
                "METADATA/dataFormatVersion": np.array([b"1.2"]),
                "METADATA/dataSources/dataSourceId": np.array(
                    [f"INSTRUMENT/{SOURCE}/image".encode()]
                ),
            }.items():
                file[key] = values
            key = f"INSTRUMENT/{SOURCE}/image/data"
            stored = file.create_dataset(key, (len(ids) * PER_TRAIN, *FRAME), "u2")
            for n in range(len(ids)):
                stored[n * PER_TRAIN : (n + 1) * PER_TRAIN] = pattern + n % 7


def measure(way: str, folder: Path, what: str) -> dict[str, float]:
    """One figure, in a process of its own."""
    command = [
        sys.executable,
        "-W",
        "ignore",
        "-c",
        PROLOGUE + WAYS[way],
        str(folder),
        SOURCE,
        what,
    ]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    found: dict[str, float] = json.loads(done.stdout)
    return found


def measured(folder: Path, what: str, repeat: int) -> dict[str, dict[str, float]]:
    """The best of several of every way, which take turns."""
    best: dict[str, dict[str, float]] = {}
    for _ in range(repeat):
        for way in WAYS:
            if way == "pread and add" and what != "mean":
                continue
            found = measure(way, folder, what)
            if way not in best or found["seconds"] < best[way]["seconds"]:
                best[way] = found
    wanted = best["beambook"]["check"]
    for way, found in best.items():
        if abs(found["check"] - wanted) > 1e-9 * abs(wanted):
            raise SystemExit(f"{way} gives another {what}: {found['check']}, not {wanted}")
    return best


def report(results: dict[str, dict[str, dict[str, float]]], gib: float) -> None:
    """Print the table."""
    print(f"{gib:g} GiB of raw AGIPD frames, warm\n")
    print(f"{'':22}{'':26}{'s':>8}{'GB/s':>8}{'MiB more':>10}{'beambook is':>13}")
    for what, best in results.items():
        own = best["beambook"]["seconds"]
        theirs = min(v["seconds"] for k, v in best.items() if k.startswith("EXtra"))
        for way, found in best.items():
            speed = gib * 2**30 / found["seconds"] / 1e9
            ratio = f"{found['seconds'] / own:.2f} ×" if way != "beambook" else ""
            print(
                f"{what:22}{way:26}{found['seconds']:8.3f}{speed:8.2f}{found['memory']:10.0f}{ratio:>13}"
            )
        print(f"{'':22}{'EXtra-data at its best':26}{'':26}{theirs / own:11.2f} ×\n")


def main() -> None:
    """Write a run, measure every way, print a table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--gib", type=float, default=1.0)
    parser.add_argument("--repeat", type=int, default=2)
    parser.add_argument("--jobs", nargs="*", default=JOBS, choices=JOBS)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        frames = int(options.gib * 2**30 / 2**18) // PER_TRAIN * PER_TRAIN
        write_run(Path(folder), frames=frames)
        results = {what: measured(Path(folder), what, options.repeat) for what in options.jobs}
    if options.json:
        print(json.dumps(results))
    else:
        report(results, options.gib)


if __name__ == "__main__":
    main()
