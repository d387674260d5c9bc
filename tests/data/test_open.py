"""Finding runs, and files that are damaged."""

import os
import re
import shutil
from pathlib import Path

import extra_data
import h5py
import numpy as np
import pytest

import beambook.data
from beambook.data import DataWarning, open_file, open_run
from beambook.errors import DamagedFile, DataError, RunNotFound

MOTOR = "MID_EXP_SAM/MOTOR/X"


@pytest.fixture
def root(small_run, tmp_path, monkeypatch):
    """Two roots; the proposal is in the second, with raw, proc and aliases."""
    second = tmp_path / "two"
    proposal = second / "MID" / "202631" / "p900074"
    for number in (480, 486, 487, 501):
        shutil.copytree(small_run, proposal / "raw" / f"r{number:04d}")
    (proposal / "usr").mkdir()
    (proposal / "usr" / "beambook-aliases.yml").write_text(f"x: [{MOTOR}, actualPosition]\n")
    (tmp_path / "one").mkdir()
    monkeypatch.setenv("BEAMBOOK_DATA", f"{tmp_path / 'one'}{os.pathsep}{second}")
    return second


@pytest.mark.parametrize("proposal", [900074, "900074", "p900074", np.int64(900074)])
@pytest.mark.parametrize("run", [487, "487", "r0487", np.uint32(487)])
def test_by_number(root, proposal, run):
    run = open_run(proposal, run)
    assert run.name == "p900074 r0487"
    assert run["x"].shape == (20,)


def test_by_folder(root, monkeypatch):
    proposal = root / "MID" / "202631" / "p900074"
    assert open_run(proposal, 487).name == "p900074 r0487"
    assert open_run(str(proposal), 487)["x"].shape == (20,)
    run = open_run(proposal / "raw" / "r0487")
    assert run.name == "p900074 r0487"
    assert run["x"].shape == (20,)
    monkeypatch.delenv("BEAMBOOK_DATA")
    assert open_run(900074, 487, roots=root).name == "p900074 r0487"
    assert open_run(900074, 487, roots=[root], aliases={}).aliases.files == ()
    monkeypatch.chdir(proposal / "raw" / "r0487")
    assert open_run(".").name == "p900074 r0487"


def test_file_as_a_run(root):
    file = root / "MID/202631/p900074/raw/r0487/RAW-R0001-DA01-S00001.h5"
    assert open_file(file)["x"].shape == open_run(str(file))["x"].shape == (8,)
    assert open_file(file).problems == ()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((900074, 488), r"No run r0488 .*There are r0480, r0486, r0487, r0501"),
        ((900075, 487), r"No proposal p900075 .*There is p900074"),
        ((900074, "r48x"), r"'r48x' is no run number"),
        (("nonsense", 1), r"'nonsense' is no proposal number"),
        ((900074,), r"no run folder 900074. Did you mean open_run\(proposal, run\)"),
        (("/no/such/r0001",), r"no folder /no/such either"),
        (("/no/such/p900074", 1), r"There is no folder"),
    ],
    ids=str,
)
def test_what_is_not_there(root, arguments, message):
    with pytest.raises(RunNotFound, match=message):
        open_run(*arguments)


def test_nobody_says_where(monkeypatch, tmp_path):
    monkeypatch.delenv("BEAMBOOK_DATA", raising=False)
    with pytest.raises(RunNotFound, match="Set BEAMBOOK_DATA"):
        open_run(900074, 1)
    with pytest.raises(RunNotFound, match=r"Not a folder: .*gone"):
        open_run(900074, 1, roots=tmp_path / "gone")


def test_raw_and_proc_as_extra_data_has_them(root, exdf):
    proposal = root / "MID/202631/p900074"
    same, new = exdf.control(MOTOR, {"actualPosition": ()}), exdf.control("NEW/DEV/1", {"a": ()})
    same.data = {"actualPosition": np.full(20, -1.0)}
    exdf.write(proposal / "proc/r0487/CORR-R0487-DA01-S00000.h5", range(1000, 1020), [same, new])
    for data in ["default", "all", "raw", "proc", ["proc", "raw"], ["raw", "proc"]]:
        mine = open_run(900074, 487, data=data)
        theirs = extra_data.open_run(
            str(proposal), 487, data=data, aliases=None, parallelize=False, _use_voview=False
        )
        assert mine.all_sources == theirs.all_sources
        np.testing.assert_array_equal(
            mine[MOTOR, "actualPosition"].ndarray(), theirs[MOTOR, "actualPosition"].ndarray()
        )
    assert open_run(900074, 486).all_sources == open_run(900074, 486, data="raw").all_sources
    with pytest.raises(RunNotFound, match=r"No run 486 in .*proc. It is in raw"):
        open_run(900074, 486, data=["raw", "proc"])


def test_alias_file_of_somebody_who_made_a_mistake(root):
    (root / "MID/202631/p900074/usr/beambook-aliases.yml").write_text("x: {sauce: 3}")
    with pytest.warns(DataWarning, match="No aliases: .*'sauce'.*'source'"):
        run = open_run(900074, 487)
    assert len(run.train_ids) == 20
    with pytest.raises(DataError):
        open_run(900074, 487, aliases=root / "MID/202631/p900074/usr/beambook-aliases.yml")


def test_extra_datas_alias_file(root):
    usr = root / "MID/202631/p900074/usr"
    (usr / "beambook-aliases.yml").rename(usr / "extra-data-aliases.yml")
    assert open_run(900074, 487)["x"].shape == (20,)


def test_files_chosen_by_name(small_run):
    assert open_run(small_run, include="*DA01*").instrument_sources == {
        "SA2_XTD1_XGM/XGM/DOOCS:output"
    }
    with pytest.raises(RunNotFound, match=r"'\*LPD\*' in .*4 others are there, e.g. RAW"):
        open_run(small_run, include="*LPD*")


def test_empty_folder(tmp_path):
    (tmp_path / "readme.txt").touch()
    with pytest.raises(RunNotFound, match="No HDF5 file"):
        open_run(tmp_path)


def test_overview_file_is_no_data(small_run):
    (small_run / "OVERVIEW.h5").write_bytes(b"whatever")
    assert len(open_run(small_run).files) == 4


SECOND = "RAW-R0001-DA01-S00001.h5"
FIRST = "RAW-R0001-DA01-S00000.h5"


def damage(path, how):
    content = path.read_bytes()
    if how == "truncated":
        path.write_bytes(content[: len(content) * 2 // 3])
    elif how == "only a header":
        path.write_bytes(content[:100])
    elif how == "empty":
        path.write_bytes(b"")
    elif how == "not HDF5":
        path.write_bytes(b"<html>" * 200)
    elif how == "beginning lost":
        path.write_bytes(b"\0" * 512 + content[512:])
    elif how == "half-written":
        path.unlink()
        with h5py.File(path, "w") as file:
            file["INDEX/flag"] = np.zeros(3, "i4")


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("truncated", r"is truncated: \d+ of \d+ bytes are there"),
        ("only a header", "truncated|cannot be read"),
        ("empty", "is empty"),
        ("not HDF5", "is not an HDF5 file"),
        ("beginning lost", "beginning is lost"),
        ("half-written", "has no INDEX/trainId"),
    ],
)
def test_damaged_file_is_counted_and_the_rest_is_read(small_run, how, message):
    damage(small_run / SECOND, how)
    with pytest.warns(DataWarning, match=r"r0001: 1 × unreadable file; see run.problems"):
        run = open_run(small_run)
    (problem,) = run.problems
    assert (problem.what, problem.where, problem.count) == ("unreadable file", SECOND, 1)
    assert re.search(message, problem.detail)
    assert "unreadable file" in run.card().text()
    assert run[MOTOR, "actualPosition"].train_ids.tolist() == list(range(1000, 1020))
    counts = run[MOTOR, "actualPosition"].data_counts()
    assert counts.tolist() == [1] * 12 + [0] * 8
    with pytest.raises(DamagedFile, match=message):
        open_file(small_run / SECOND)


@pytest.mark.parametrize("kind", ["pipe", "folder", "device", "loop", "link to nothing"])
def test_what_is_no_file_is_counted_and_not_waited_for(small_run, kind):
    path = small_run / "RAW-R0001-DA09-S00000.h5"
    targets = {"device": "/dev/zero", "loop": path.name, "link to nothing": "gone.h5"}
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    else:
        path.symlink_to(targets[kind])
    with pytest.warns(DataWarning, match="1 × unreadable file"):
        run = open_run(small_run)
    (problem,) = run.problems
    assert problem.where == path.name
    assert re.search("is not a file|cannot be read: (Too many|No such)", problem.detail)


def test_no_file_can_be_read(small_run):
    for file in small_run.iterdir():
        damage(file, "empty")
    with pytest.raises(DamagedFile, match=r"None of the 4 files in .* is empty"):
        open_run(small_run)


def test_missing_sequence(small_run):
    (small_run / FIRST).unlink()
    with pytest.warns(DataWarning, match="1 × missing sequence"):
        run = open_run(small_run)
    (problem,) = run.problems
    assert (problem.where, problem.count, problem.detail) == ("DA01", 1, "S00000")
    assert run[MOTOR].data_counts().tolist() == [0] * 12 + [1] * 8


def test_unreadable_sequence_is_not_missing_too(small_run):
    damage(small_run / FIRST, "empty")
    with pytest.warns(DataWarning):
        run = open_run(small_run)
    assert [p.what for p in run.problems] == ["unreadable file"]


def test_files_close_when_the_run_is_forgotten(small_run):
    run = open_run(small_run)
    run[MOTOR, "actualPosition"].ndarray()
    with pytest.raises(OSError, match="already open"):
        h5py.File(small_run / FIRST, "r+")
    del run
    h5py.File(small_run / FIRST, "r+").close()
    with open_run(small_run) as run:
        run[MOTOR, "actualPosition"].ndarray()
    h5py.File(small_run / FIRST, "r+").close()
    assert open_run(small_run)[MOTOR, "actualPosition"].ndarray().shape == (20,)


def test_rows_lost_from_a_file_that_opens(tmp_path, exdf):
    chunks = {"chunks": (1, 100), "compression": "gzip"}
    group = exdf.instrument("D/E/1:o/data", {"a": (100,)}, kwargs=chunks)
    path = exdf.write(tmp_path / "a.h5", range(1, 2001), [group])
    with h5py.File(path) as file:
        chunk = file["INSTRUMENT/D/E/1:o/data/a"].id.get_chunk_info(1000)
    with path.open("r+b") as raw:
        raw.seek(chunk.byte_offset)
        raw.write(b"\xff" * chunk.size)
    channel = open_file(path)["D/E/1:o", "data.a"]
    assert channel[:1000].ndarray().shape == (1000, 100)
    with pytest.raises(DamagedFile, match=r"Rows 1000:1001 of INSTRUMENT/D/E/1:o/data/a in a.h5"):
        channel[1000].ndarray()


def test_file_replaced_while_open(tmp_path, exdf):
    path = tmp_path / "a.h5"
    group = exdf.instrument("D/E/1:o/data", {"a": ()})
    run = open_file(exdf.write(path, [5, 6, 7], [group]))
    assert run["D/E/1:o", "data.a"].ndarray()[0] == exdf.value(5)
    other = exdf.write(tmp_path / "b.h5", [50, 60, 70, 80], [group])
    other.replace(path)
    with pytest.raises(DamagedFile, match=r"a.h5 was replaced or changed since the run was opened"):
        run["D/E/1:o", "data.a"].ndarray()
    assert open_file(path)["D/E/1:o", "data.a"].ndarray()[0] == exdf.value(50)
    path.unlink()
    with pytest.raises(DamagedFile, match=r"a.h5 cannot be read"):
        run["D/E/1:o", "data.a"].ndarray()


@pytest.mark.parametrize("how", ["rename", "in place"])
@pytest.mark.parametrize("asked", [True, False])
@pytest.mark.parametrize("index", ["here", "off"])
def test_same_trains_with_other_rows_are_refused(tmp_path, exdf, monkeypatch, how, asked, index):
    """As if the run was corrected anew while a notebook has it open."""
    monkeypatch.setenv("BEAMBOOK_INDEX", str(tmp_path / "index") if index == "here" else "off")
    path = tmp_path / "r0001/RAW-R0001-DA01-S00000.h5"
    before = exdf.instrument("D/E/1:o/data", {"a": ()}, [1, 2, 1])
    after = exdf.instrument("D/E/1:o/data", {"a": ()}, [2, 1, 1])
    exdf.write(path, [5, 6, 7], [before])
    run = open_run(path.parent)
    channel = run["D/E/1:o", "data.a"]
    if asked:
        assert channel.ndarray().tolist() == [exdf.value(t, k) for t, k in
                                              [(5, 0), (6, 0), (6, 1), (7, 0)]]  # fmt: skip
    new = exdf.write(tmp_path / "new.h5", [5, 6, 7], [after])
    new.replace(path) if how == "rename" else shutil.copyfile(new, path)
    for read in (channel.ndarray, channel.xarray, channel.mean, lambda: list(run.trains())):
        with pytest.raises(DamagedFile, match="was replaced or changed since the run was opened"):
            read()
    again = open_run(path.parent)["D/E/1:o", "data.a"]
    assert again.ndarray()[1] == exdf.value(5, 1)


def test_openings_of_a_file_that_changed_are_not_put_together(tmp_path, exdf):
    path = tmp_path / "r0001/RAW-R0001-DA01-S00000.h5"
    group = exdf.instrument("D/E/1:o/data", {"a": ()})
    exdf.write(path, [5, 6], [group])
    before = open_run(path.parent)
    exdf.write(path, [5, 6, 7], [group])
    after = open_run(path.parent)
    for one, other in [(before, after), (after, before)]:
        with pytest.raises(DamagedFile, match="changed since the run was opened"):
            one | other


def test_few_files_stay_open(tmp_path, exdf, monkeypatch):
    for number in range(20):
        group = exdf.instrument("D/E/1:o/data", {"a": ()})
        exdf.write(tmp_path / f"RAW-R0001-DA01-S{number:05d}.h5", [number + 5], [group])
    pool = beambook.data._hdf5.pool
    monkeypatch.setattr(pool, "most", 4)
    run = open_run(tmp_path)
    assert run["D/E/1:o", "data.a"].ndarray().tolist() == [exdf.value(n) for n in range(5, 25)]
    assert len(pool) <= 4
    held = [os.readlink(f) for f in Path("/proc/self/fd").glob("*") if f.is_symlink()]
    assert sum(str(tmp_path) in name for name in held) <= 4 + 4  # for HDF5, and past it


def test_what_was_read_is_remembered(small_run):
    open_run(small_run)
    open_run(small_run)
    found = [i for i in beambook.data.__beambook_inputs__() if i["path"] == str(small_run)]
    (entry,) = found
    assert len(entry["sha256"]) == 64
    assert [f["name"] for f in entry["files"]] == sorted(p.name for p in small_run.iterdir())
    stat = (small_run / FIRST).stat()
    first = next(f for f in entry["files"] if f["name"] == FIRST)
    assert (first["size"], first["mtime_ns"]) == (stat.st_size, stat.st_mtime_ns)
    moved = small_run.parent / "elsewhere"
    shutil.copytree(small_run, moved)
    open_run(moved)
    assert beambook.data.__beambook_inputs__()[-1]["sha256"] == entry["sha256"]
    with h5py.File(moved / FIRST, "r+") as file:
        file["INDEX/trainId"][0] = 999
    open_run(moved)
    assert beambook.data.__beambook_inputs__()[-1]["sha256"] != entry["sha256"]
