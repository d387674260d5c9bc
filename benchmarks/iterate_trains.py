"""Go through the trains of a run, and read pulse-resolved values with their labels.

    python benchmarks/iterate_trains.py [--trains 1000] [--repeat 5] [--json]

An XGM with 1,000 pulses and six motors in two sequence files, written to a temporary folder and
read warm. Ways take turns; best of several.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np

XGM = "SA2_XTD1_XGM/XGM/DOOCS:output"
MOTORS = [f"MID_EXP_SAM/MOTOR/{axis}" for axis in ("X", "Y", "Z", "RX", "RY", "RZ")]
KEY = "data.intensityTD"


def write_run(folder: Path, *, trains: int) -> None:
    """Two files, in chunks as the data acquisition writes."""
    rng = np.random.default_rng(0)
    for number, ids in enumerate(np.array_split(np.arange(trains) + 10**9, 2)):
        with h5py.File(folder / f"RAW-R0001-DA01-S{number:05d}.h5", "w") as file:
            file["INDEX/trainId"] = ids.astype("u8")
            file["INDEX/flag"] = np.ones(len(ids), "i4")
            file["INDEX/timestamp"] = np.arange(len(ids), dtype="u8") + 1
            file["METADATA/dataFormatVersion"] = [b"1.2"]
            names = [f"INSTRUMENT/{XGM}/data", *(f"CONTROL/{motor}" for motor in MOTORS)]
            file["METADATA/dataSources/dataSourceId"] = [name.encode() for name in names]
            for name in names:
                index = f"INDEX/{name.partition('/')[2]}"
                file[f"{index}/first"] = np.arange(len(ids), dtype="u8")
                file[f"{index}/count"] = np.ones(len(ids), "u8")
            file.create_dataset(
                f"{names[0]}/intensityTD",
                data=rng.random((len(ids), 1000), "f4"),
                chunks=(32, 1000),
            )
            for name in names[1:]:
                for key, dtype in {"value": "f4", "timestamp": "u8"}.items():
                    file.create_dataset(
                        f"{name}/actualPosition/{key}",
                        data=np.arange(len(ids)).astype(dtype),
                        chunks=(32,),
                    )


def ways(folder: Path) -> dict[str, dict[str, Callable[[], Any]]]:
    """What is measured."""
    from extra_data import RunDirectory

    from beambook.data import open_run

    mine = open_run(folder, aliases={})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = RunDirectory(folder, _use_voview=False, parallelize=False)
    selection = {XGM: {KEY}, **{motor: {"actualPosition.value"} for motor in MOTORS}}
    some, others = mine.select(selection), theirs.select(selection)

    def all_of(trains: Any) -> float:
        total = 0.0
        for _, data in trains:
            total += sum(float(data[motor]["actualPosition.value"]) for motor in MOTORS)
            total += float(data[XGM][KEY][0])
        return total

    return {
        "trains(), XGM and 6 motors": {
            "beambook": lambda: all_of(some.trains()),
            "EXtra-data": lambda: all_of(others.trains()),
        },
        "channel.trains(), XGM": {
            "beambook": lambda: sum(float(v[0]) for _, v in mine[XGM, KEY].trains()),
            "EXtra-data": lambda: sum(float(v[0]) for _, v in theirs[XGM, KEY].trains()),
        },
        "xarray(), XGM": {
            "beambook": lambda: float(mine[XGM, KEY].xarray()[:, 0].sum()),
            "EXtra-data": lambda: float(theirs[XGM, KEY].xarray()[:, 0].sum()),
            "ndarray() of h5py": lambda: _h5py(folder),
        },
    }


def _h5py(folder: Path) -> float:
    found = []
    for name in sorted(folder.glob("*.h5")):
        with h5py.File(name) as file:
            found.append(file[f"INSTRUMENT/{XGM}/data/intensityTD"][:])
    return float(np.concatenate(found)[:, 0].sum())


def measured(jobs: dict[str, dict[str, Callable[[], Any]]], repeat: int) -> dict[str, Any]:
    """Best of several, in milliseconds."""
    best: dict[str, dict[str, float]] = {what: {} for what in jobs}
    for what, some in jobs.items():
        values = {way: job() for way, job in some.items()}
        if not np.allclose([*values.values()], values["beambook"], rtol=1e-5):
            raise SystemExit(f"{what}: {values}")
        for _ in range(repeat):
            for way, job in some.items():
                began = time.perf_counter()
                job()
                spent = (time.perf_counter() - began) * 1e3
                best[what][way] = min(best[what].get(way, spent), spent)
    return best


def main() -> None:
    """Write a run, measure, print a table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--trains", type=int, default=1000)
    parser.add_argument("--repeat", type=int, default=7)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        write_run(Path(folder), trains=options.trains)
        best = measured(ways(Path(folder)), options.repeat)
    if options.json:
        print(json.dumps(best))
        return
    print(f"{options.trains} trains, warm\n\n{'':28}{'':20}{'ms':>9}{'beambook is':>14}")
    for what, found in best.items():
        for way, spent in found.items():
            ratio = "" if way == "beambook" else f"{spent / found['beambook']:.1f} ×"
            print(f"{what:28}{way:20}{spent:9.2f}{ratio:>14}")


if __name__ == "__main__":
    main()
