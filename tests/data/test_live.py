"""Runs that are being written by another process: what is shown is whole, and true."""

import os
import runpy
import subprocess
import sys
import time
import warnings
from contextlib import contextmanager
from pathlib import Path

import h5py
import numpy as np
import pytest

from beambook.data import DataWarning, by_id, open_file, open_run
from beambook.data._hdf5 import pool
from beambook.errors import DamagedFile, DataError

SCRIPT = Path(__file__).with_name("writer_process.py")
FIRST, HOW, frames = (runpy.run_path(str(SCRIPT))[n] for n in ("FIRST", "HOW", "frames"))
TRAINS = 20


@contextmanager
def writing(folder, how, trains=TRAINS, pause=0.02):
    """The process that writes."""
    command = [sys.executable, SCRIPT, folder, how, str(trains), str(pause)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
        process.stdin.close()


def finish(process):
    """Let it close its files."""
    process.stdout.readline()
    process.stdin.write("\n")
    process.stdin.flush()
    assert process.wait(20) == 0


def verify(run):
    """Every train that a file shows has all its rows there, with the right values."""
    for source in run.instrument_sources:
        there = run[by_id[run[source].written_train_ids]] if len(run.train_ids) else run
        ids = there.train_ids.tolist()
        data = there[source, "image.data"]
        assert data.data_counts().tolist() == [frames(t) for t in ids]
        expected = [t + k for t in ids for k in range(frames(t))]
        assert data.ndarray()[:, -1, -1].tolist() == expected
        assert there[source, "image.trainId"].ndarray().tolist() == np.repeat(
            ids, [frames(t) for t in ids]).tolist()  # fmt: skip
        slow = source.replace("D/", "A/").removesuffix(":out")
        assert there[slow, "x"].ndarray().tolist() == ids
        assert there[slow, "name"].ndarray().tolist() == [f"t{t}" for t in ids]


@pytest.mark.parametrize("how", HOW)
def test_only_whole_trains_are_shown(tmp_path, how):
    """Looks again and again while it is written; in the end there is all that was written."""
    seen = []
    with writing(tmp_path, how) as process:
        run = open_run(tmp_path, live=True, aliases={})
        deadline = time.monotonic() + 20
        while process.poll() is None and time.monotonic() < deadline:
            verify(run)
            seen.append(len(run.train_ids))
            if len(run.train_ids) >= TRAINS - 8:  # the last may stay in memory
                break
            time.sleep(0.01)
            new = run.refresh()
            assert set(run.train_ids) <= set(new.train_ids)
            run = new
        assert len(set(seen)) > 2, seen
        finish(process)
    run = run.refresh()
    verify(run)
    for path in tmp_path.iterdir():
        os.utime(path, (1, 1))  # nobody has touched them for long
    run = run.refresh()
    verify(run)
    assert run.train_ids.tolist() == list(range(FIRST, FIRST + TRAINS))
    assert run.problems == ()
    assert open_run(tmp_path, aliases={}).train_ids.tolist() == run.train_ids.tolist()


def test_a_run_of_which_nothing_is_there_yet(tmp_path):
    run = open_run(tmp_path, live=True, aliases={})
    assert len(run.train_ids) == 0
    assert run.all_sources == frozenset()
    assert "none" in run.card().text()
    (tmp_path / "RAW-R0001-DA01-S00000.h5").write_bytes(b"")
    run = run.refresh()
    assert [(f.what, f.detail) for f in run.problems] == [
        ("file not readable yet", "RAW-R0001-DA01-S00000.h5 is empty")
    ]


def write(exdf, path, trains, **more):
    groups = [exdf.control("A/B/C", {"x": ()}), exdf.instrument("D/E/1:out/data", {"y": (2,)})]
    return exdf.write(path, trains, groups, **more)


def test_what_is_held_back_is_said(exdf, tmp_path):
    path = write(exdf, tmp_path / "RAW-R0001-DA01-S00000.h5", range(5, 10))
    with h5py.File(path, "r+") as stored:
        stored["INSTRUMENT/D/E/1:out/data/y"][3:] = 0
    run = open_run(tmp_path, live=True, aliases={})
    assert run.train_ids.tolist() == [5, 6, 7]
    (problem,) = run.problems
    assert (problem.what, problem.count) == ("trains not complete yet", 2)
    assert problem.detail == "8 lacks D/E/1:out data.y"
    os.utime(path, (1, 1))
    assert run.refresh().train_ids.tolist() == [5, 6, 7, 8, 9]


def test_a_writer_that_is_behind_is_named(exdf, tmp_path):
    for number, trains in enumerate([range(5, 10), range(5, 8)]):
        group = exdf.control(f"A/B/{number}", {"x": ()})
        path = tmp_path / f"RAW-R0001-DA0{number}-S00000.h5"
        os.utime(exdf.write(path, trains, [group]), (1, 1))
    run = open_run(tmp_path, live=True, aliases={})
    (problem,) = run.problems
    assert (problem.what, problem.where, problem.count) == ("writer behind the others", "DA01", 2)


def test_refresh_keeps_what_was_selected(exdf, tmp_path):
    def sequence(number, trains):
        path = write(exdf, tmp_path / f"RAW-R0001-DA01-S{number:05d}.h5", trains)
        os.utime(path, (1, 1))

    sequence(0, range(5, 10))
    run = open_run(tmp_path, live=True, aliases={"x": ("A/B/C", "x")})
    some = run.select("A/*")[2:4]
    sequence(1, range(10, 12))
    again = some.refresh()
    assert again.train_ids.tolist() == [7, 8, 10, 11]
    assert again.all_sources == {"A/B/C"}
    assert again["x"].ndarray().tolist() == [7000.0, 8000.0, 10000.0, 11000.0]
    assert some.train_ids.tolist() == [7, 8]
    assert run.refresh().all_sources == {"A/B/C", "D/E/1:out"}
    (tmp_path / "RAW-R0001-DA01-S00000.h5").unlink()
    with (
        pytest.warns(DataWarning, match="2 trains of .* are no longer in its files"),
        pytest.warns(DataWarning, match="missing sequence"),
    ):
        assert some.refresh().train_ids.tolist() == [10, 11]


def test_refresh_of_runs_that_are_not_live(exdf, tmp_path):
    write(exdf, tmp_path / "a" / "RAW-R0001-DA01-S00000.h5", range(5, 8))
    later = write(exdf, tmp_path / "b" / "RAW-R0001-DA01-S00001.h5", [8])
    run = open_run(tmp_path / "a") | open_file(later)
    write(exdf, tmp_path / "a" / "RAW-R0001-DA01-S00002.h5", [9])
    with pytest.warns(DataWarning, match="missing sequence"):
        assert run.refresh().train_ids.tolist() == [5, 6, 7, 8, 9]
    with pytest.raises(DataError, match="how r0 was opened"):
        type(run).of(run.store, "r0").refresh()


SWMR = """
import h5py, sys, time
with h5py.File(sys.argv[1], "w", libver="latest") as file:
    file["x"] = [1]
    if sys.argv[2] == "swmr":
        file.swmr_mode = True
    print(flush=True)
    sys.stdin.readline()
"""


@pytest.mark.parametrize("mode", ["swmr", "alone"])
def test_files_that_hdf5_refuses(tmp_path, mode):
    path = tmp_path / "RAW-R0001-DA01-S00000.h5"
    command = [sys.executable, "-c", SWMR, path, mode]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        process.stdout.readline()
        with pytest.raises(DamagedFile, match="live=True"):
            open_run(path)
        (problem,) = open_file(path, live=True).problems
        expected = "has no INDEX/trainId" if mode == "swmr" else "writer allows readers"
        assert expected in problem.detail
    finally:
        process.communicate("\n")


def test_rows_that_get_lost_under_way_are_an_error(exdf, tmp_path, monkeypatch):
    """HDF5 gives fill values for what it does not find in a file that is being written."""
    monkeypatch.setattr("beambook.data._reading.read.PAUSE_S", 0)
    path = write(exdf, tmp_path / "RAW-R0001-DA01-S00000.h5", range(5, 9))
    run = open_run(tmp_path, live=True, aliases={})
    run.close()
    with h5py.File(path, "r+") as stored:
        del stored["CONTROL/A/B/C/x/value"]
        stored.create_dataset("CONTROL/A/B/C/x/value", (4,), "f8", chunks=(2,))[:2] = 1
    with pytest.raises(DamagedFile, match="being written and they are not found now"):
        run["A/B/C", "x"].ndarray()


def test_the_pool_reads_anew_what_has_changed(exdf, tmp_path):
    path = write(exdf, tmp_path / "RAW-R0001-DA01-S00000.h5", range(5, 9))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        run = open_file(path, live=True)
        stored = run.store.parts[0].file
        with pool.open(stored) as outer, pool.open(stored) as inner:
            os.utime(path)
            with pool.open(stored) as again:
                assert again is inner is outer
        with pool.open(stored) as later:
            assert later is not outer
    np.testing.assert_array_equal(run["A/B/C", "x"].ndarray(), 1000.0 * run.train_ids)


def test_a_file_that_was_removed_is_on_record(exdf, tmp_path):
    for number in (1, 2):
        path = tmp_path / f"RAW-R0001-DA0{number}-S00000.h5"
        exdf.write(path, range(5, 8), [exdf.control(f"A/B/{number}", {"x": ()})])
    run = open_run(tmp_path, live=True, aliases={})
    (tmp_path / "RAW-R0001-DA02-S00000.h5").unlink()
    with warnings.catch_warnings(action="ignore", category=DataWarning):
        again = run.refresh().refresh()
    found = [f for f in again.problems if f.what == "file removed"]
    assert [f.where for f in found] == [str(tmp_path / "RAW-R0001-DA02-S00000.h5")]
