"""Hostile files with a limit on memory: each is answered, and the interpreter survives."""

import json
import subprocess
import sys

import h5py
import numpy as np
import pytest

MOTOR = "MID_EXP_SAM/MOTOR/X"
XGM = "SA2_XTD1_XGM/XGM/DOOCS:output"
FIRST = "RAW-R0001-DA01-S00000.h5"

# Everything that a user would do first, with 256 MiB above what the imports need.
LOOK = """
import json, resource, sys, warnings
from beambook.data import check, open_run
from beambook.errors import BeambookError
import xarray, pandas, dask.array

warnings.simplefilter("ignore")
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + (256 << 20), -1))
XGM = "SA2_XTD1_XGM/XGM/DOOCS:output"

def look(folder):
    answers = {}

    def tell(what, do):
        try:
            answers[what] = f"fine {do()}"
        except BeambookError as error:
            answers[what] = f"{type(error).__name__}: {error}"

    run = open_run(folder)
    tell("trains", lambda: len(run.train_ids))
    tell("info", lambda: len(run.info("*", with_auxiliary=True).card().text()))
    for source in sorted(run.all_sources):
        tell(source, lambda: len(run[source].keys()))
        tell(source + " counts", lambda: int(run[source].data_counts().sum()))
        tell(source + " constants", lambda: len(run[source].run_values()))
    tell("metadata", lambda: sorted(run.run_metadata()))
    tell("times", lambda: len(run.train_timestamps()))
    tell("array", lambda: run[XGM, "data.intensityTD"].ndarray().shape)
    tell("check", lambda: len(check(run).findings))
    tell("write", lambda: run.write(folder + ".h5", overwrite=True).name)
    return answers

for folder in sys.argv[1:]:
    print(json.dumps({folder: look(folder)}), flush=True)
"""


def put(file, path, shape, dtype="u8", **more):
    if path in file:
        del file[path]
    return file.create_dataset(path, shape, dtype, **more)


def a_billion_trains(file):
    """In the list of trains, never written."""
    put(file, "INDEX/trainId", (10**9,), chunks=(10**6,))


def a_billion_entries(file):
    """In the index of a source."""
    for name in ("first", "count"):
        put(file, f"INDEX/{MOTOR}/{name}", (10**9,), chunks=(10**6,), fillvalue=1)


def a_billion_sources(file):
    put(file, "METADATA/auxiliarySources/REDUCTION", (10**9,), "S100", chunks=(10**6,))


def a_huge_fact(file):
    put(file, "METADATA/sample", (1, 10**10), "u1", chunks=(1, 10**6))
    put(file, "METADATA/runType", (1,), "S2000000000", chunks=(1,))


def a_huge_constant(file):
    put(file, f"RUN/{MOTOR}/huge/value", (1, 10**11), "u1", chunks=(1, 10**6))


def a_huge_train(file):
    """All rows of a data set of 10**12 rows in one train."""
    path = f"INSTRUMENT/{XGM}/data/intensityTD"
    put(file, path, (10**12, 8), "f4", chunks=(1000, 8))
    file[f"INDEX/{XGM}/data/count"][3] = 10**12
    file[f"INDEX/{XGM}/data/first"][3] = 0


def a_bomb(file):
    """Two GiB of zeros in 2 MB."""
    path = f"INSTRUMENT/{XGM}/data/intensityTD"
    bomb = put(file, path, (16, 2**25), "f4", chunks=(1, 2**25), compression="gzip")
    bomb[0] = 0


def deep_groups(file):
    group = file[f"CONTROL/{MOTOR}"].id
    for _ in range(3000):
        group = h5py.h5g.create(group, b"a")


def groups_in_circles(file):
    group = file[f"CONTROL/{MOTOR}"]
    group["again"] = group
    group["there"] = h5py.SoftLink(f"/CONTROL/{MOTOR}/there")
    group["other"] = h5py.ExternalLink("RAW-R0001-DA01-S00001.h5", f"/CONTROL/{MOTOR}")


def an_old_name_of_itself(file):
    del file[f"INSTRUMENT/{XGM}"]
    file[f"INSTRUMENT/{XGM}"] = h5py.SoftLink(f"/INSTRUMENT/{XGM}")


def index_of_another_kind(file):
    for name, value in [("flag", np.array([b"x"] * 16)), ("timestamp", np.full(16, np.nan))]:
        del file[f"INDEX/{name}"]
        file[f"INDEX/{name}"] = value


def no_dimensions(file):
    for path in ("METADATA/runNumber", f"CONTROL/{MOTOR}/actualPosition/value"):
        del file[path]
        file[path] = h5py.Empty("f8")


HOSTILE = [
    a_billion_trains, a_billion_entries, a_billion_sources, a_huge_fact, a_huge_constant,
    a_huge_train, a_bomb, deep_groups, groups_in_circles, an_old_name_of_itself,
    index_of_another_kind, no_dimensions,
]  # fmt: skip


@pytest.fixture(scope="module")
def answers(tmp_path_factory, exdf):
    """What one process, short of memory, says of all of them."""
    folders = []
    for how in HOSTILE:
        folder = tmp_path_factory.mktemp("runs") / how.__name__
        write_small_run(exdf, folder)
        with h5py.File(folder / FIRST, "r+") as file:
            how(file)
        folders.append(str(folder))
    done = subprocess.run(
        [sys.executable, "-c", LOOK, *folders], capture_output=True, text=True, timeout=200
    )
    found = {}
    for line in done.stdout.splitlines():
        found |= {folder.rpartition("/")[2]: told for folder, told in json.loads(line).items()}
    return found, done.stderr[-2000:]


def write_small_run(exdf, folder):
    trains = np.arange(1000, 1020)
    for number, (a, b) in enumerate([(0, 12), (12, 20)]):
        slow = exdf.control(MOTOR, {"actualPosition": ()}, run={"actualPosition": 1.5})
        fast = exdf.instrument(f"{XGM}/data", {"intensityTD": ((8,), "f4")})
        name = f"RAW-R0001-DA01-S{number:05d}.h5"
        exdf.write(folder / name, trains[a:b], [slow, fast], pad=4)


@pytest.mark.parametrize("how", HOSTILE, ids=lambda how: how.__name__)
def test_hostile_files_are_answered_in_little_memory(answers, how):
    every, errors = answers
    assert how.__name__ in every, errors
    found = every[how.__name__]
    assert len(found) > 10
    assert found["trains"] in ("fine 20", "fine 8")
    assert found["check"].startswith("fine")
    if how in (a_billion_trains, a_billion_entries, a_huge_train, deep_groups):
        assert found["check"] != "fine 0"
