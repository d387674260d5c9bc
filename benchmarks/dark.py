"""Dark statistics of AGIPD frames: median and standard deviation of each pixel and memory cell.

    python benchmarks/dark.py [--trains 200] [--cells 2] [--repeat 5] [--json]

Frames (512, 128) of uint16 in memory, each way in turn, least of several; compilation is not
counted. numpy is `np.median` and `np.std`, cell by cell; all results are compared with it and have
to be the same. The bound is `np.copyto` of the frames: to read each value once and write it. Then
three dark runs of one module, with their digital levels, are characterised from files in the page
cache, and compared with reading the same bytes by `pread` into memory that is used again. Memory is
what the process holds at most beyond what it held before.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from beambook.calibration import DarkStatistics, LevelStatistics, characterise_agipd
from beambook.data import open_run
from beambook.testing import make_run

SHAPE = (512, 128)


def frames_of(cells: int, trains: int) -> tuple[np.ndarray, np.ndarray]:
    """Frames as an AGIPD has them: cells one after another, a few pixels out of order."""
    rng = np.random.default_rng(0)
    offset = 5400 + 120 * rng.standard_normal((cells, *SHAPE), np.float32)
    raw = np.empty((trains, cells, *SHAPE), np.uint16)
    for train in raw:
        train[:] = np.rint(offset + 7 * rng.standard_normal(offset.shape, np.float32))
    raw[:, :, :2, :8] = rng.integers(0, 16384, (trains, cells, 2, 8))
    return raw.reshape(-1, *SHAPE), np.tile(np.arange(cells), trains)


def in_memory(cells: int, trains: int, repeat: int) -> dict[str, dict[str, float]]:
    """Seconds of each way, in turns."""
    raw, which = frames_of(cells, trains)
    room = np.empty_like(raw)
    by_cell = [raw[which == cell] for cell in range(cells)]
    found: dict[str, Any] = {}

    def counted(threads: int) -> Callable[[], None]:
        dark = DarkStatistics(cells, SHAPE, frames=trains, threads=threads)

        def run() -> None:
            dark.clear()
            dark.push(raw, which)
            found[f"beambook, {threads} thread"] = dark.value

        return run

    def levels() -> None:
        sums = LevelStatistics(cells, SHAPE, threads=1)
        sums.push(raw, which)
        found["levels"] = sums.value

    def plain() -> None:
        found["numpy"] = [(np.median(a, axis=0), np.std(a, axis=0)) for a in by_cell]

    ways: dict[str, Callable[[], None]] = {
        "numpy median + std": plain,
        "DarkStatistics, 1 thread": counted(1),
        "DarkStatistics, 2 threads": counted(2),
        "LevelStatistics (mean + std), 1 thread": levels,
        "np.copyto (bound)": lambda: np.copyto(room, raw),
    }
    least = in_turns(ways, repeat)
    median, deviation = (np.stack(part) for part in zip(*found["numpy"], strict=True))
    for threads in (1, 2):
        value = found[f"beambook, {threads} thread"]
        if (value.offset != median).any() or not np.allclose(value.noise, deviation, rtol=1e-12):
            raise SystemExit("beambook is not numpy")
    return {name: {"seconds": s, "bytes": raw.nbytes} for name, s in least.items()}


def from_files(cells: int, trains: int, repeat: int) -> dict[str, dict[str, float]]:
    """Three runs of a module, as `characterise_agipd` reads and counts them."""
    with tempfile.TemporaryDirectory() as folder:
        runs = []
        for number, stage in enumerate(("high", "med", "low"), 1):
            path = Path(folder) / f"r{number:04d}"
            make_run(
                path, run=number, trains=trains, pulses=0, agipd=[0], frames=cells, dark=stage,
                camera=None,
            )  # fmt: skip
            runs.append(open_run(path).detector())
        files = sorted(Path(folder).glob("*/RAW-*-AGIPD00-*.h5"))
        size = sum(file.stat().st_size for file in files)
        room = bytearray(64 << 20)

        def read() -> None:
            for file in files:
                descriptor, at = os.open(file, os.O_RDONLY), 0
                while got := os.preadv(descriptor, [room], at):
                    at += got
                os.close(descriptor)

        least = in_turns({"pread": read, "dark": lambda: characterise_agipd(*runs)}, repeat)
        memory = peak_of(lambda: characterise_agipd(*runs))
    return {
        "characterise_agipd, 3 runs from files": {
            "seconds": least["dark"], "bytes": size, "MiB more": memory,
        },
        "pread of the same files (bound)": {"seconds": least["pread"], "bytes": size},
    }  # fmt: skip


def in_turns(ways: dict[str, Callable[[], Any]], repeat: int) -> dict[str, float]:
    """The least of several of each; the first round compiles and is not counted."""
    least = dict.fromkeys(ways, float("inf"))
    for turn in range(repeat + 1):
        for name, way in ways.items():
            began = time.perf_counter()
            way()
            if turn:
                least[name] = min(least[name], time.perf_counter() - began)
    return least


def peak_of(job: Callable[[], Any]) -> float:
    """MiB that the process holds at most beyond what it held before."""
    before, peak, ended = resident(), 0.0, threading.Event()

    def watch() -> None:
        nonlocal peak
        while not ended.wait(0.002):
            peak = max(peak, resident())

    watcher = threading.Thread(target=watch)
    watcher.start()
    job()
    ended.set()
    watcher.join()
    return max(0.0, peak - before)


def resident() -> float:
    """Memory of this process, MiB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20


def report(results: dict[str, dict[str, dict[str, float]]]) -> None:
    """Print the table."""
    print(f"{'':42}{'s':>8}{'GB/s':>8}{'MiB more':>10}{'× numpy':>9}{'of bound':>10}")
    for part in results.values():
        numpy = part.get("numpy median + std", {}).get("seconds")
        bound = next(found["seconds"] for name, found in part.items() if "(bound)" in name)
        for name, found in part.items():
            seconds, memory = found["seconds"], found.get("MiB more")
            print(
                f"{name:42}{seconds:8.4f}{found['bytes'] / seconds / 1e9:8.2f}"
                f"{'' if memory is None else f'{memory:.0f}':>10}"
                f"{'' if numpy is None else f'{numpy / seconds:.1f}':>9}{bound / seconds:10.0%}"
            )
        print()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--trains", type=int, default=200)
    parser.add_argument("--cells", type=int, default=2)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    results = {
        "in memory": in_memory(options.cells, options.trains, options.repeat),
        "from files": from_files(options.cells, options.trains, min(3, options.repeat)),
    }
    if options.json:
        print(json.dumps(results))
    else:
        report(results)


if __name__ == "__main__":
    main()
