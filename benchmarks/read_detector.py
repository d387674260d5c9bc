"""Reading an area detector: a stack of modules, labelled or not, of parts, compressed.

    python benchmarks/read_detector.py [--modules 16] [--trains 4] [--frames 32] [--json]

A run of raw AGIPD data and a run of corrected data are written to a temporary folder as the
facility writes them: one file for each module, chunks of one frame, gzip for mask and gain,
gzip and shuffle for compressed data. Each figure is the best of several, beambook and EXtra-data in
turn, page cache warm; results are compared before. The bound is preads of all frames by two
threads into fresh memory, and for labelled arrays the same.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import tempfile
import time
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np

import beambook as bb
from beambook.data import AGIPD1M

FIRST = 1_500_000_000
NAME = "SPB_DET_AGIPD1M-1"
BLOCK = 4 << 20


@dataclass(frozen=True)
class Case:
    """One way of reading, by both."""

    name: str
    ours: Callable[[], Any]
    theirs: Callable[[], Any]
    nbytes: int
    target: float
    repeats: int = 5


def write_raw(folder: Path, *, modules: int, trains: int, frames: int) -> None:
    """Raw data: two planes of 16 bits, chunks of one frame."""
    rng = np.random.default_rng(1)
    noise = rng.integers(4000, 8000, (frames, 2, 512, 128), np.uint16)
    for module in range(modules):
        with _file(folder, "RAW", module, trains) as file:
            image = _image(file, f"{NAME}/DET/{module}CH0:xtdf", trains, frames, (1,))
            data = image.create_dataset(
                "data", (trains * frames, 2, 512, 128), "u2", chunks=(1, 2, 512, 128),
                maxshape=(None, 2, 512, 128),
            )  # fmt: skip
            for train in range(trains):
                data[train * frames : (train + 1) * frames] = noise + np.uint16(train + module)


def write_corrected(folder: Path, *, modules: int, trains: int, frames: int) -> None:
    """Corrected data: floats, mask and gain by gzip, and the floats once more by gzip."""
    rng = np.random.default_rng(2)
    noise = np.round(rng.normal(0, 30, (frames, 512, 128))).astype("f4")
    one = (1, 512, 128)
    for module in range(modules):
        with _file(folder, "CORR", module, trains) as file:
            image = _image(file, f"{NAME}/CORR/{module}CH0:output", trains, frames, ())
            shape = (trains * frames, 512, 128)
            packed = {"chunks": one, "compression": "gzip", "compression_opts": 1}
            data = image.create_dataset("data", shape, "f4", shuffle=True, **packed)
            mask = image.create_dataset("mask", shape, "u4", **packed)
            gain = image.create_dataset("gain", shape, "u1", **packed)
            for train in range(trains):
                rows = slice(train * frames, (train + 1) * frames)
                data[rows] = noise + np.float32(train + module)
                mask[rows] = (noise > 90).astype("u4") * 4
                gain[rows] = (noise > 60).astype("u1")


def _file(folder: Path, kind: str, module: int, trains: int) -> h5py.File:
    file = h5py.File(folder / f"{kind}-R0001-AGIPD{module:02d}-S00000.h5", "w")
    ids = np.arange(FIRST, FIRST + trains, dtype="u8")
    file.create_dataset("INDEX/trainId", data=ids, chunks=(1,), maxshape=(None,))
    file["INDEX/flag"] = np.ones(trains, "i4")
    file["INDEX/origin"] = np.full(trains, -1, "i4")
    file["INDEX/timestamp"] = np.arange(trains, dtype="u8") * 10**8 + 10**18
    file["METADATA/dataFormatVersion"] = [b"1.2"]
    return file


def _image(
    file: h5py.File, source: str, trains: int, frames: int, extra: tuple[int, ...]
) -> h5py.Group:
    listed = np.array([f"INSTRUMENT/{source}/image".encode()], object)
    kind = h5py.special_dtype(vlen=bytes)
    file.create_dataset("METADATA/dataSources/dataSourceId", data=listed, dtype=kind)
    file[f"INDEX/{source}/image/first"] = np.arange(trains, dtype="u8") * frames
    file[f"INDEX/{source}/image/count"] = np.full(trains, frames, "u8")
    image = file.create_group(f"INSTRUMENT/{source}/image")
    rows = (trains * frames, *extra)
    image["trainId"] = np.repeat(np.arange(FIRST, FIRST + trains, dtype="u8"), frames).reshape(rows)
    image["pulseId"] = np.tile(4 * np.arange(frames, dtype="u8"), trains).reshape(rows)
    image["cellId"] = np.tile(np.arange(frames, dtype="u2"), trains).reshape(rows)
    return image


def cases(raw: Path, corrected: Path) -> tuple[list[Case], Callable[[], Any]]:
    """All of them, and the bound for the first."""
    from extra_data import RunDirectory
    from extra_data.components import AGIPD1M as THEIRS

    ours, theirs = (
        AGIPD1M(bb.open_run(raw, aliases={})),
        THEIRS(RunDirectory(str(raw), _use_voview=False), raw=True),
    )
    data, other = ours["image.data"], theirs["image.data"]
    one, other_one = data[:1], other[:1]
    size, small = data.nbytes, one.nbytes
    part = np.s_[0, 100:200, 50:100]
    found = [
        Case("ndarray", data.ndarray, other.ndarray, size, 2.5),
        Case("get_array, one train", one.xarray, lambda: theirs.select_trains(np.s_[:1])
             .get_array("image.data"), small, 20, 3),
        Case("get_array, all trains", data.xarray, lambda: theirs.get_array("image.data"),
             size, 20, 3),
        Case("select_pulses(::4)", data.select_pulses(np.s_[::4]).ndarray,
             other.select_pulses(np.s_[::4]).ndarray, size // 4, 4),
        Case("roi=np.s_[0], one train", lambda: one.ndarray(roi=np.s_[0]),
             lambda: other_one.ndarray(roi=np.s_[0,]), small // 2, 40, 3),
        Case("roi=np.s_[0, 100:200, 50:100], one train", lambda: one.ndarray(roi=part),
             lambda: other_one.ndarray(roi=part), one.shape[1] * one.shape[0] * 10_000, 4),
        Case("trains(), labelled", lambda: [d for _, d in ours.trains(keys=["image.data"])][-1]
             ["image.data"], lambda: [d for _, d in _only_data(theirs).trains()][-1]["image.data"],
             size, 5, 2),
    ]  # fmt: skip
    fixed = AGIPD1M(bb.open_run(corrected, aliases={}))
    fixed_theirs = THEIRS(RunDirectory(str(corrected), _use_voview=False), raw=False)
    for key in ("mask", "gain", "data"):
        a, b = fixed[f"image.{key}"], fixed_theirs[f"image.{key}"]
        found.append(Case(f"corrected {key}, gzip", a.ndarray, b.ndarray, a.nbytes, 1, 3))
    return found, lambda: two_threads(raw, size)


def _only_data(theirs: Any) -> Any:
    """EXtra-data's detector with pixel values (and the ids that it needs) alone."""
    from copy import copy

    chosen = copy(theirs)
    chosen.data = theirs.data.select("*", "image.data")
    return chosen


def two_threads(folder: Path, size: int) -> np.ndarray:
    """As many bytes as `size` by preads of the files' own bytes to fresh memory."""
    files = [os.open(path, os.O_RDONLY) for path in sorted(folder.glob("*.h5"))]
    try:
        out = np.empty(size, np.uint8)
        share = size // len(files)
        jobs = [
            (fd, start, number * share + start, min(BLOCK, share - start))
            for number, fd in enumerate(files)
            for start in range(0, share, BLOCK)
        ]

        def read(job: tuple[int, int, int, int]) -> None:
            fd, offset, to, count = job
            os.preadv(fd, [memoryview(out[to : to + count])], offset)

        with ThreadPoolExecutor(2) as pool:
            list(pool.map(read, jobs))
        return out
    finally:
        for fd in files:
            os.close(fd)


def best(functions: list[Callable[[], Any]], repeats: int) -> list[float]:
    """Shortest times in s, taken in turn."""
    times: list[list[float]] = [[] for _ in functions]
    for _ in range(repeats):
        for function, taken in zip(functions, times, strict=True):
            gc.collect()
            began = time.perf_counter()
            result = function()
            taken.append(time.perf_counter() - began)
            del result
    return [min(taken) for taken in times]


def measure(found: list[Case], bound: Callable[[], Any]) -> list[dict[str, Any]]:
    """Times, speeds and ratios."""
    rows = []
    for case in found:
        np.testing.assert_array_equal(np.asarray(case.ours()), np.asarray(case.theirs()))
        functions = [case.ours, case.theirs]
        whole = case.name == "ndarray"
        taken = best([*functions, bound] if whole else functions, case.repeats)
        row = {
            "case": case.name,
            "ours_ms": taken[0] * 1e3,
            "extra_data_ms": taken[1] * 1e3,
            "ours_gb_s": case.nbytes / taken[0] / 1e9,
            "ratio": taken[1] / taken[0],
            "target": case.target,
        }
        rows.append(row | ({"of_bound": taken[2] / taken[0]} if whole else {}))
    return rows


def main() -> None:
    """Write, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--modules", type=int, default=16)
    parser.add_argument("--trains", type=int, default=4)
    parser.add_argument("--frames", type=int, default=32)
    parser.add_argument("--folder", type=Path, help="for the runs (default: a temporary one)")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    size = {"modules": options.modules, "trains": options.trains, "frames": options.frames}
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        raw, corrected = Path(folder, "raw"), Path(folder, "proc")
        raw.mkdir()
        corrected.mkdir()
        write_raw(raw, **size)
        write_corrected(corrected, **size | {"trains": max(1, options.trains // 4)})
        rows = measure(*cases(raw, corrected))
    if options.json:
        print(json.dumps({"size": size, "rows": rows}))
        return
    print(f"{'':42s} {'beambook':>10s} {'EXtra-data':>11s} {'ratio':>7s} {'target':>7s}")
    for row in rows:
        bound = f"   {row['of_bound']:.2f} of two preading threads" if "of_bound" in row else ""
        print(
            f"{row['case']:42s} {row['ours_ms']:7.1f} ms {row['extra_data_ms']:8.1f} ms "
            f"{row['ratio']:7.1f} {row['target']:7g}   {row['ours_gb_s']:.2f} GB/s{bound}"
        )


if __name__ == "__main__":
    main()
