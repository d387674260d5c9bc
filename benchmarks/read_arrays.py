"""Reading arrays: beambook beside EXtra-data and plain reads of the file, page cache warm.

Makes a small run of the European XFEL in a temporary folder: 16 AGIPD modules, raw and
corrected (with compressed mask and images), an XGM with 1000 pulses and a motor. Each way of
reading takes turns with the others; the fastest of several turns counts. A ratio says how many
times as long the other takes.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import threading
import time
import warnings
import zlib
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np

DETECTOR = "LAB_DET_AGIPD1M-1"
XGM = "LAB_XTD1_XGM/XGM/DOOCS"
MOTOR = "LAB_EXP_SAM/MOTOR/X"
MODULES, PULSES = 16, 64
RAW, FRAME = (2, 512, 128), (512, 128)
FIRST = 10_000_001
PATIENCE = 4000  # ms for the turns of one way


# --- the run ------------------------------------------------------------------


def write_raw(folder: Path, *, trains: int, detector_trains: int) -> None:
    """Raw data: one file for each module, two for the slow data."""
    rng = np.random.default_rng(0)
    block = rng.integers(0, 1 << 14, (PULSES, *RAW), np.uint16)
    for module in range(MODULES):
        name = f"RAW-R0001-AGIPD{module:02d}-S00000.h5"
        with _file(folder / name, detector_trains, [_module(module, "xtdf")]) as file:
            data = _image(file, module, "xtdf", detector_trains, RAW, "u2", one=(1,))
            for train in range(detector_trains):
                data[train * PULSES : (train + 1) * PULSES] = block + np.uint16(train + module)
    half = trains // 2
    for sequence, first in enumerate((0, half)):
        name = f"RAW-R0001-DA01-S{sequence:05d}.h5"
        ids = [f"INSTRUMENT/{XGM}:output/data", f"CONTROL/{MOTOR}"]
        with _file(folder / name, half, ids, first) as file:
            _index(file, f"{XGM}:output/data", half, 1)
            _index(file, MOTOR, half, 1)
            file.create_dataset(
                f"INSTRUMENT/{XGM}:output/data/intensityTD", maxshape=(None, 1000),
                data=rng.random((half, 1000), np.float32), chunks=(32, 1000),
            )  # fmt: skip
            for key in ("value", "timestamp"):
                file.create_dataset(
                    f"CONTROL/{MOTOR}/position/{key}", chunks=(64,), maxshape=(None,),
                    data=rng.random(half),
                )  # fmt: skip


def write_corrected(folder: Path, *, trains: int) -> None:
    """Corrected data: images and masks compressed, one chunk for each frame."""
    rng = np.random.default_rng(1)
    images = (np.round(rng.normal(100, 10, (PULSES, *FRAME)) * 16) / 16).astype(np.float32)
    mask = np.zeros((PULSES, *FRAME), np.uint32)
    mask.reshape(-1)[rng.integers(0, mask.size, mask.size // 50)] = 1
    packed = {"data": _packed(images), "mask": _packed(mask)}
    for module in range(MODULES):
        name = f"CORR-R0001-AGIPD{module:02d}-S00000.h5"
        with _file(folder / name, trains, [_module(module, "xtdf")]) as file:
            for key, kind in (("data", "f4"), ("mask", "u4")):
                data = _image(
                    file, module, "xtdf", trains, FRAME, kind, key=key,
                    compression=1, shuffle=True,
                )  # fmt: skip
                for row in range(trains * PULSES):
                    data.id.write_direct_chunk((row, 0, 0), packed[key][row % PULSES])


def _packed(frames: np.ndarray) -> list[bytes]:
    planes = (frame.reshape(-1).view("u1").reshape(-1, 4).T.tobytes() for frame in frames)
    return [zlib.compress(plane, 1) for plane in planes]


def _module(number: int, channel: str) -> str:
    return f"INSTRUMENT/{DETECTOR}/DET/{number}CH0:{channel}/image"


def _image(file, module, channel, trains, shape, kind, *, key="data", one=(), **options):
    name = _module(module, channel)
    rows = trains * PULSES
    if f"{name}/trainId" not in file:
        _index(file, name.partition("/")[2], trains, PULSES)
        ids = np.repeat(np.arange(trains) + FIRST, PULSES).reshape(-1, *one)
        file[f"{name}/trainId"] = ids.astype("u8")
        pulses = np.tile(np.arange(PULSES), trains).reshape(-1, *one)
        file[f"{name}/pulseId"] = pulses.astype("u8")
        file[f"{name}/cellId"] = pulses.astype("u2")
    return file.create_dataset(f"{name}/{key}", (rows, *shape), kind, chunks=(1, *shape), **options)


def _file(path: Path, trains: int, sources: list[str], first: int = 0) -> h5py.File:
    path.parent.mkdir(parents=True, exist_ok=True)
    file = h5py.File(path, "w")
    for name, values in {
        "trainId": np.arange(trains, dtype="u8") + FIRST + first,
        "flag": np.ones(trains, "i4"),
        "timestamp": np.arange(trains, dtype="u8") * 10**8 + 10**18,
        "origin": np.full(trains, -1, "i4"),
    }.items():
        file.create_dataset(f"INDEX/{name}", data=values, chunks=(1,), maxshape=(None,))
    file["METADATA/dataFormatVersion"] = [b"1.2"]
    kind = h5py.special_dtype(vlen=bytes)
    listed = np.array([name.encode() for name in sources], dtype=object)
    file.create_dataset("METADATA/dataSources/dataSourceId", data=listed, dtype=kind)
    return file


def _index(file: h5py.File, name: str, trains: int, rows: int) -> None:
    file[f"INDEX/{name}/first"] = np.arange(trains, dtype="u8") * rows
    file[f"INDEX/{name}/count"] = np.full(trains, rows, "u8")


# --- plain reads --------------------------------------------------------------


def preads(files: list[Path], dataset: str) -> Callable[[], np.ndarray]:
    """Two threads that read all chunks of a data set into fresh memory."""
    jobs, at = [], 0
    for path in files:
        with h5py.File(path) as file:
            data = file[dataset] if dataset in file else _only(file)
            rows = data.shape[0] * int(np.prod(data.shape[1:])) * data.dtype.itemsize
            spans: list[list[int]] = []
            data.id.chunk_iter(lambda c, spans=spans: spans.append([c.byte_offset, c.size]))
        stop = at + rows
        for offset, size in _joined(spans):
            size = min(size, stop - at)
            jobs += [(path, offset + s, at + s, min(8 << 20, size - s))
                     for s in range(0, size, 8 << 20)]  # fmt: skip
            at += size

    def read() -> np.ndarray:
        out = np.empty(at, np.uint8)
        fds = {path: os.open(path, os.O_RDONLY) for path in files}

        def work(part: list) -> None:
            for path, offset, to, size in part:
                os.preadv(fds[path], [out[to : to + size].data], offset)

        threads = [threading.Thread(target=work, args=(jobs[n::2],)) for n in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for fd in fds.values():
            os.close(fd)
        return out

    return read


def _only(file: h5py.File) -> h5py.Dataset:
    return next(iter(file["INSTRUMENT"][DETECTOR]["DET"].values()))["image/data"]


def _joined(spans: list[list[int]]) -> list[list[int]]:
    found: list[list[int]] = []
    for offset, size in spans:
        if found and sum(found[-1]) == offset:
            found[-1][1] += size
        else:
            found.append([offset, size])
    return found


# --- ways of reading ----------------------------------------------------------

Ways = dict[str, Callable[[], np.ndarray]]


def cases(raw: Path, corrected: Path) -> dict[str, Ways]:
    """What is read, and the ways to read it; the first is beambook's."""
    from extra_data import RunDirectory
    from extra_data.components import AGIPD1M

    import beambook as bb

    ours, theirs = bb.open_run(raw), RunDirectory(str(raw), _use_voview=False)
    stack = AGIPD1M(theirs, raw=True)["image.data"]
    modules = [ours[f"{DETECTOR}/DET/{n}CH0:xtdf", "image.data"] for n in range(MODULES)]
    frames = stack.ndarray()
    fast = sorted(raw.glob("*AGIPD*.h5"))
    found: dict[str, Ways] = {
        "detector": {
            "beambook": lambda: read_stack(modules),
            "EXtra-data": lambda: stack.ndarray(),
            "pread, 2 threads": preads(fast, ""),
        },
        "detector, out=": {
            "beambook": lambda: read_stack(modules, out=frames),
            "EXtra-data": lambda: stack.ndarray(out=frames),
        },
    }
    for roi in (np.s_[0], np.s_[:, 100:200], np.s_[0, 100:200, 50:100]):
        whole = roi if isinstance(roi, tuple) else (roi,)
        found[f"detector, roi {_text(roi)}"] = {
            "beambook": lambda roi=roi: read_stack(modules, roi=roi),
            "EXtra-data": lambda roi=whole: stack.ndarray(roi=roi),
        }
    fourth = stack.select_pulses(np.s_[::4])
    found["detector, pulses ::4"] = {
        "beambook": lambda: read_stack(modules, step=4),
        "EXtra-data": lambda: fourth.ndarray(),
    }
    module = theirs[modules[0].source, "image.data"]
    found["one module"] = {
        "beambook": lambda: modules[0].ndarray(),
        "EXtra-data": lambda: module.ndarray(),
        "pread, 2 threads": preads(fast[:1], ""),
    }
    slow = sorted(raw.glob("*DA01*.h5"))
    for label, source, key in (
        ("XGM", f"{XGM}:output", "data.intensityTD"), ("motor", MOTOR, "position.value"),
    ):  # fmt: skip
        mine, other = ours[source, key], theirs[source, key]
        found[label] = {
            "beambook": lambda mine=mine: mine.ndarray(),
            "EXtra-data": lambda other=other: other.ndarray(),
        }
        found[f"{label}, anew"] = {
            "beambook": lambda s=source, k=key: ours[s, k].ndarray(),
            "EXtra-data": lambda s=source, k=key: theirs[s, k].ndarray(),
        }
        found[f"{label}, labelled"] = {
            "beambook": lambda mine=mine: mine.xarray().values,
            "EXtra-data": lambda other=other: other.xarray().values,
        }
    path = f"INSTRUMENT/{XGM}:output/data/intensityTD"
    found["XGM"]["pread, 2 threads"] = preads(slow, path)
    proc = bb.open_run(corrected)
    detector = AGIPD1M(RunDirectory(str(corrected), _use_voview=False), raw=False)
    for key, label in (
        ("image.mask", "mask, gzip + shuffle"),
        ("image.data", "f4, gzip + shuffle"),
    ):
        parts = [proc[f"{DETECTOR}/DET/{n}CH0:xtdf", key] for n in range(MODULES)]
        found[label] = {
            "beambook": lambda parts=parts: read_stack(parts),
            "EXtra-data, zlib_into": lambda key=key: detector[key].ndarray(decompress_threads=2),
        }
    return found


def _text(roi: object) -> str:
    parts = roi if isinstance(roi, tuple) else (roi,)
    names = (f"{p.start or ''}:{p.stop or ''}" if isinstance(p, slice) else str(p) for p in parts)
    return f"[{', '.join(names)}]"


def read_stack(channels: list, *, roi=(), step: int = 1, out=None) -> np.ndarray:
    """All modules, one after the other; every `step`-th pulse."""
    from beambook.data._reading.read import Plan, read_plans
    from beambook.data._reading.roi import Roi

    cut = Roi.of(roi, channels[0].entry_shape)
    rows = channels[0].shape[0] // step
    if out is None:
        out = np.empty((len(channels), rows, *cut.shape), channels[0].dtype)
    plans = []
    for number, channel in enumerate(channels):
        for plan in channel._plans():
            if step > 1:
                length = int(plan.count.sum())  # all modules have all frames here
                source = np.arange(0, length, step) + plan.source[0]
                target = np.arange(len(source)) + number * rows
                count = np.ones(len(source), np.int64)
            else:
                source, target, count = plan.source, plan.target + number * rows, plan.count
            plans.append(Plan(plan.file, plan.dataset, source, target, count))
    read_plans(plans, out.reshape(len(channels) * rows, *cut.shape), cut)
    return out


# --- measuring ----------------------------------------------------------------


def measure(ways: Ways, *, repeats: int) -> dict[str, float]:
    """Least time of each way in ms; the ways take turns. All must read the same."""
    results = [way() for way in ways.values()]
    for other in results[1:]:
        if other.dtype == results[0].dtype:
            np.testing.assert_array_equal(other.reshape(results[0].shape), results[0])
        else:
            np.testing.assert_array_equal(other, results[0].reshape(-1).view(np.uint8))
    del results, other
    times: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(repeats):
        for name, way in ways.items():
            if sum(times[name]) < PATIENCE or len(times[name]) < 2:
                begun = time.perf_counter()
                found = way()
                times[name].append((time.perf_counter() - begun) * 1e3)
                del found
    return {name: min(taken) for name, taken in times.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trains", type=int, default=2, help="of the detector")
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--only", default="", help="cases whose name begins with this")
    parser.add_argument("--json", action="store_true", help="figures as JSON")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    figures = {}
    with tempfile.TemporaryDirectory() as name:
        raw, corrected = Path(name) / "raw", Path(name) / "proc"
        write_raw(raw, trains=1000, detector_trains=options.trains)
        write_corrected(corrected, trains=max(1, options.trains // 2))
        for label, ways in cases(raw, corrected).items():
            if label.startswith(options.only):
                figures[label] = measure(ways, repeats=options.repeats)
    if options.json:
        print(json.dumps({**vars(options), "ms": figures}, indent=1))
        return
    for label, times in figures.items():
        ours = times["beambook"]
        cells = [f"{name} {ms:.2f} ms ({ms / ours:.2f}×)" for name, ms in times.items()]
        print(f"{label:32}" + "  ".join(f"{cell:38}" for cell in cells).rstrip())


if __name__ == "__main__":
    main()
