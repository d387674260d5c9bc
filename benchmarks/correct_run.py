"""Time what it takes to correct a file of an AGIPD module: read, correct, write.

Ways, each in a process of its own, taking turns; the least of several is shown:

beambook         `correct_file` with `agipd_correction`: thresholds, offset, relative and X-ray
                 gain, mask; gain and mask compressed as the facility does (gzip 1, shuffle)
numpy + h5py     the same steps with plain numpy, train by train, and h5py's own gzip
plain copy       the bound: the same bytes read (raw frames) and written (corrected values, gain
                 and mask as large as they are when compressed), by read and write in turns

Speeds are bytes of raw frames over time. Memory is what the work adds to the process. The same is
done with a file four times as long: neither memory nor the time for a frame may grow.
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

SOURCE = "SPB_DET_AGIPD1M-1/DET/0CH0:xtdf"
FRAME = (512, 128)
CELLS = 64

PROLOGUE = """
import json, os, resource, sys, time
import h5py
import numpy as np
raw, out, corrected_size = sys.argv[1], sys.argv[2], int(sys.argv[3])
SOURCE, FRAME, CELLS = "SPB_DET_AGIPD1M-1/DET/0CH0:xtdf", (512, 128), 64
rng = np.random.default_rng(1)
pixel = lambda *lead: (*lead, CELLS, *FRAME)
offset = 5000 + np.array([0, 1500, 1400], "f4")[:, None, None, None] + rng.normal(
    0, 50, pixel(3)).astype("f4")
thresholds = np.array([7000, 9000], "f4")[:, None, None, None] + np.zeros(pixel(2), "f4")
relative = np.array([1, 30, 130], "f4")[:, None, None, None] * np.ones(pixel(3), "f4")
slopes = np.ones(pixel(), "f4")
bad = np.where(rng.random(FRAME) < 0.04, 3, 0).astype("u4") * np.ones(pixel(3), "u4")
def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
def measure(work):
    work(raw)  # warm: compiled, in the page cache
    before = peak()
    begin = time.perf_counter()
    work(raw)
    seconds = time.perf_counter() - begin
    print(json.dumps({"seconds": seconds, "memory": peak(), "size": os.path.getsize(path)}))
"""
BEAMBOOK = """
from beambook.calibration import AGIPDConstants, AGIPDOptions, agipd_correction, correct_file
constants = AGIPDConstants.from_mapping({
    "Offset": offset, "ThresholdsDark": thresholds, "RelativeGain": relative,
    "SlopesFF": slopes, "BadPixelsDark": bad})
options = AGIPDOptions(rel_gain=True, xray_gain=True, common_mode=False,
                       force_hg_if_below=False, force_mg_if_below=False)
def work(raw):
    global path
    done = correct_file(raw, out, agipd_correction(constants, options), overwrite=True)
    path = done.path
measure(work)
"""
PEER = """
path = out + "/peer.h5"
def work(raw):
    with h5py.File(raw) as old, h5py.File(path, "w") as new:
        image = old["INSTRUMENT/" + SOURCE + "/image"]
        stored, cells = image["data"], image["cellId"][:, 0]
        shape, chunk = (len(stored), *FRAME), (1, *FRAME)
        how = {"chunks": chunk, "compression": "gzip", "compression_opts": 1, "shuffle": True}
        data = new.create_dataset("data", shape, "f4", chunks=chunk)
        gain = new.create_dataset("gain", shape, "u1", **how)
        mask = new.create_dataset("mask", shape, "u4", **how)
        for first in range(0, len(stored), CELLS):
            block = stored[first:first + CELLS]
            c = cells[first:first + CELLS]
            analog, digital = block[:, 0].astype("f4"), block[:, 1]
            stage = (digital > thresholds[0, c]).astype("u1")
            stage[digital > thresholds[1, c]] = 2
            value = analog - np.choose(stage, offset[:, c])
            value *= np.choose(stage, relative[:, c])
            value /= slopes[c]
            flags = np.choose(stage, bad[:, c])
            flags[~np.isfinite(value)] |= 1 << 11
            flags[np.abs(value) > 1e7] |= 1 << 12
            data[first:first + CELLS] = value
            gain[first:first + CELLS] = stage
            mask[first:first + CELLS] = flags
measure(work)
"""
BOUND = """
path = out + "/bound.bin"
block = np.empty(64 << 20, "u1")
def work(raw):
    size, written = os.path.getsize(raw), 0
    with open(raw, "rb", buffering=0) as old, open(path, "wb", buffering=0) as new:
        done = 0
        while number := old.readinto(block):
            done += number
            upto = corrected_size * done // size
            while written < upto:
                written += new.write(block[:min(len(block), upto - written)])
measure(work)
"""
WAYS = {"beambook": BEAMBOOK, "numpy + h5py": PEER, "plain copy": BOUND}


def write_raw(path: Path, *, frames: int) -> None:
    """Write a raw file as the data acquisition does: a frame is a chunk."""
    rng = np.random.default_rng(0)
    analog = rng.normal(5000, 60, (CELLS, *FRAME))
    digital = rng.normal(6000, 25, (CELLS, *FRAME))
    lit = rng.random((CELLS, *FRAME)) < 0.02
    digital[lit] = rng.normal(8000, 25, lit.sum())
    analog[lit] = rng.normal(7000, 100, lit.sum())
    train = np.stack([analog, digital], axis=1).astype("u2")
    trains = frames // CELLS
    ids = np.arange(trains, dtype="u8") + 10**9
    with h5py.File(path, "w") as file:
        for key, values in {
            "INDEX/trainId": ids,
            "INDEX/flag": np.ones(trains, "i4"),
            "INDEX/timestamp": np.arange(trains, dtype="u8") + 1,
            f"INDEX/{SOURCE}/image/first": np.arange(trains, dtype="u8") * CELLS,
            f"INDEX/{SOURCE}/image/count": np.full(trains, CELLS, "u8"),
            f"INSTRUMENT/{SOURCE}/image/cellId": np.tile(np.arange(CELLS, dtype="u2"), trains)[
                :, None
            ],
            f"INSTRUMENT/{SOURCE}/image/pulseId": np.tile(np.arange(CELLS, dtype="u8"), trains)[
                :, None
            ],
            f"INSTRUMENT/{SOURCE}/image/trainId": np.repeat(ids, CELLS)[:, None],
            "METADATA/dataFormatVersion": np.array([b"1.2"]),
            "METADATA/dataSources/dataSourceId": np.array([f"INSTRUMENT/{SOURCE}/image".encode()]),
        }.items():
            file[key] = values
        shape = (trains * CELLS, 2, *FRAME)
        key = f"INSTRUMENT/{SOURCE}/image/data"
        stored = file.create_dataset(key, shape, "u2", chunks=(1, 2, *FRAME))
        for n in range(trains):
            stored[n * CELLS : (n + 1) * CELLS] = np.roll(train, n, axis=3)


def measure(way: str, raw: Path, out: Path, size: int) -> dict[str, float]:
    """One figure, in a process of its own."""
    code = PROLOGUE + WAYS[way]
    command = [sys.executable, "-W", "ignore", "-c", code, str(raw), str(out), str(size)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    found: dict[str, float] = json.loads(done.stdout)
    return found


def measured(
    folder: Path, frames: int, ways: tuple[str, ...], repeat: int
) -> dict[str, dict[str, float]]:
    """The best of several of every way, which take turns."""
    raw = folder / "RAW-R0001-AGIPD00-S00000.h5"
    write_raw(raw, frames=frames)
    best: dict[str, dict[str, float]] = {}
    for _ in range(repeat):
        size = 0
        for way in ways:
            found = measure(way, raw, folder, size)
            size = size or int(found["size"])
            found["frames"] = frames
            found["gb_per_s"] = frames * 4 * FRAME[0] * FRAME[1] / found["seconds"] / 1e9
            if way not in best or found["seconds"] < best[way]["seconds"]:
                best[way] = found
    return best


def report(results: dict[str, dict[str, dict[str, float]]]) -> None:
    """Print the table."""
    head = f"{'':14}{'frames':>8}{'s':>8}{'GB/s':>8}{'ms/frame':>10}{'MiB':>8}{'size GB':>9}"
    print(f"{head}{'beambook is':>13}")
    for best in results.values():
        own = best["beambook"]["seconds"]
        for way, found in best.items():
            ratio = f"{found['seconds'] / own:.2f} ×" if way != "beambook" else ""
            print(
                f"{way:14}{found['frames']:8.0f}{found['seconds']:8.2f}{found['gb_per_s']:8.2f}"
                f"{1e3 * found['seconds'] / found['frames']:10.3f}{found['memory']:8.0f}"
                f"{found['size'] / 1e9:9.2f}{ratio:>13}"
            )


def main() -> None:
    """Write files, measure every way, print a table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--frames", type=int, default=2048)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    frames = options.frames // CELLS * CELLS
    with tempfile.TemporaryDirectory() as folder:
        results = {"1": measured(Path(folder), frames, tuple(WAYS), options.repeat)}
        longer = ("beambook", "plain copy")
        results["4"] = measured(Path(folder), 4 * frames, longer, max(1, options.repeat - 1))
    print(json.dumps(results)) if options.json else report(results)


if __name__ == "__main__":
    main()
