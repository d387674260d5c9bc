"""What is said of runs and files: as EXtra-data says it, in text and in problems."""

import extra_data as theirs
import h5py
import numpy as np
import pytest
from extra_data import validation as their_validation

import beambook.extra_data as ours
from beambook.extra_data import validation
from beambook.extra_data.cli import check_readable, lsxfel, make_virtual_cxi, serve_files
from beambook.extra_data.cli._helper import Helper
from beambook.extra_data.display import SourceGroup
from beambook.testing import make_run

XGM = "SA2_XTD1_XGM/XGM/DOOCS"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("proposal") / "raw" / "r0001"
    make_run(path, trains=8, pulses=4)
    return path


def said(capsys):
    return [line.rstrip() for line in capsys.readouterr().out.splitlines()]


@pytest.mark.parametrize(
    "options",
    [{}, {"counts": True}, {"with_aggregators": True}, {"group_sources": False},
     {"details_for_sources": ["*XGM*"]}],
    ids=str,
)  # fmt: skip
def test_a_run_is_described_in_the_same_words(folder, capsys, options):
    aliases = {"pulses": (f"{XGM}:output", "data.intensityTD"), "xgm": XGM}
    ours.RunDirectory(folder).with_aliases(aliases).info(**options)
    mine = said(capsys)
    theirs.RunDirectory(str(folder)).with_aliases(aliases).info(**options)
    assert mine == said(capsys)


def test_the_command_takes_runs_files_and_proposals(folder, capsys):
    files = sorted(folder.glob("*.h5"))
    assert lsxfel.main([str(folder), "--detail", "XGM"]) == 0
    assert "data.intensityTD" in capsys.readouterr().out
    assert lsxfel.main([str(files[0])]) == 0
    assert lsxfel.main([str(folder.parents[1])]) == 0
    assert "r0001 : Run of    8 trains" in capsys.readouterr().out
    assert lsxfel.main([str(folder), str(files[0]), "nowhere"]) == 2
    assert "nowhere : File/folder not found" in capsys.readouterr().out
    with pytest.raises(SystemExit, match="NOTHING"):
        lsxfel.main([str(folder), "--source", "NOTHING"])


def test_names_that_differ_in_two_places_are_no_group():
    group = SourceGroup()
    assert group.add("A/MOTOR/X1")
    assert group.add("A/MOTOR/X2")
    assert not group.add("A/MOTOR/Y2"), "would read as four motors"
    assert str(group) == "A/MOTOR/X{1-2}"


# --- validation


@pytest.fixture
def faulty(tmp_path):
    """A small file of format 1.0 to break."""
    path = tmp_path / "RAW-R0001-DA01-S00000.h5"
    sources = ("CONTROL/A/MOTOR/X", "INSTRUMENT/B/CAM/1:out/data")
    with h5py.File(path, "w") as file:
        file["METADATA/dataFormatVersion"] = [b"1.0"]
        file["METADATA/dataSources/dataSourceId"] = np.array([*map(str.encode, sources)], "S")
        file["INDEX/trainId"] = np.arange(100, 106, dtype="u8")
        file["INDEX/flag"] = np.ones(6, "i4")
        for name in ("A/MOTOR/X", "B/CAM/1:out/data"):
            file[f"INDEX/{name}/first"] = np.arange(6, dtype="u8")
            file[f"INDEX/{name}/count"] = np.ones(6, "u8")
        file["CONTROL/A/MOTOR/X/position/value"] = np.arange(6.0)
        file["CONTROL/A/MOTOR/X/position/timestamp"] = np.arange(1, 7, dtype="u8")
        file["INSTRUMENT/B/CAM/1:out/data/pixels"] = np.zeros((6, 2))
        file["INSTRUMENT/B/CAM/1:out/data/trainId"] = np.arange(100, 106, dtype="u8")
    return path


FAULTS = {
    "none": {},
    "zero among train ids": {"INDEX/trainId": [100, 0, 102, 103, 104, 105]},
    "train ids go back": {"INDEX/trainId": [100, 101, 105, 103, 104, 105]},
    "rows outside": {"INDEX/A/MOTOR/X/first": [0, 1, 2, 3, 4, 9]},
    "rows outside, fast": {"INDEX/B/CAM/1:out/data/count": [1, 1, 1, 1, 1, 2]},
    "gap": {"INDEX/B/CAM/1:out/data/first": [0, 1, 3, 3, 4, 5]},
    "not from 0": {"INDEX/A/MOTOR/X/first": [1, 1, 2, 3, 4, 5]},
    "times go back": {"CONTROL/A/MOTOR/X/position/timestamp": [1, 2, 9, 4, 5, 6]},
    "zero among times": {"CONTROL/A/MOTOR/X/position/timestamp": [1, 0, 3, 4, 5, 6]},
}


@pytest.mark.parametrize("fault", FAULTS)
def test_the_same_is_wrong_with_a_file(faulty, fault):
    with h5py.File(faulty, "r+") as file:
        for path, values in FAULTS[fault].items():
            file[path][:] = values
    mine = validation.FileValidator(validation.FileAccess(faulty)).run_checks()
    other = their_validation.FileValidator(their_validation.FileAccess(str(faulty))).run_checks()
    assert texts(mine) == texts(other)
    assert bool(mine) == (fault != "none")


def texts(problems):
    """Of slow data one key is named, whichever; an index as long as the padding is right."""
    return sorted(
        (problem["msg"], problem["file"], problem["dataset"].rpartition("/")[0])
        for problem in problems
        if problem["msg"] != "Index has wrong number of entries"
    )


def test_padding_and_trains_without_data_are_no_problem(faulty):
    with h5py.File(faulty, "r+") as file:
        file["INDEX/trainId"][:] = [100, 101, 102, 103, 0, 0]
        for index in ("A/MOTOR/X", "B/CAM/1:out/data"):
            file[f"INDEX/{index}/first"][:] = [0, 7, 1, 2, 0, 0]
            file[f"INDEX/{index}/count"][:] = [1, 0, 1, 1, 0, 0]
    assert not validation.FileValidator(validation.FileAccess(faulty)).run_checks()


def test_an_index_that_is_not_there_is_a_problem_not_a_crash(faulty, capsys):
    with h5py.File(faulty, "r+") as file:
        del file["INDEX/A/MOTOR/X/count"], file["INDEX/B/CAM/1:out"]
    problems = validation.FileValidator(validation.FileAccess(faulty)).run_checks()
    assert [p["dataset"] for p in problems] == ["INDEX/A/MOTOR/X", "INDEX/B/CAM/1:out/data"]
    assert validation.main([str(faulty)]) == 1
    assert "Validation failed! 2 problems" in capsys.readouterr().out
    assert (
        validation.main([str(faulty), "--skip", "index_control", "--skip", "index_instrument"]) == 0
    )


def test_a_run_is_checked_file_by_file(faulty, capsys):
    (faulty.parent / "RAW-R0001-DA02-S00000.h5").write_bytes(b"no HDF5")
    with pytest.raises(validation.ValidationError, match="Could not open HDF5 file"):
        validation.RunValidator(faulty.parent).validate()
    assert validation.main([str(faulty.parent)]) == 1
    assert validation.main(["--list"]) == 0
    assert "run_json_cache" in capsys.readouterr().out
    assert validation.main([str(faulty), "--skip", "train_ids"]) == 1


# --- commands


def test_unreadable_files_are_named(folder, tmp_path, capsys):
    good = tmp_path / "good.h5"
    good.write_bytes(next(folder.glob("*.h5")).read_bytes())
    (tmp_path / "bad.h5").write_bytes(b"no HDF5")
    assert check_readable.main([str(tmp_path), "--timeout", "60"]) == 1
    lines = said(capsys)
    assert sorted(lines[0]) == [".", "X"]
    assert "bad.h5" in lines[2]
    assert "raises FileStructureError" in lines[2]
    assert len(lines) == 3
    assert check_readable.main([str(tmp_path / "nowhere")]) == 0


def test_where_the_virtual_cxi_file_goes(folder, tmp_path):
    with pytest.raises(SystemExit, match="scratch cannot be written to"):
        make_virtual_cxi.main([str(folder)])
    with pytest.raises(SystemExit, match="--output"):
        make_virtual_cxi.main([str(tmp_path)])


def test_commands_end_with_one_line(tmp_path):
    for command in (lsxfel, serve_files, make_virtual_cxi):
        (tmp_path / "RAW-R0001-DA01-S00000.h5").write_bytes(b"no HDF5")
        more = {serve_files: ["0"], make_virtual_cxi: ["-o", str(tmp_path / "x.cxi")]}
        with pytest.raises(SystemExit, match=r"^ERROR: .*not an HDF5 file"):
            command.main([str(tmp_path), *more.get(command, [])])


def test_damaged_values_are_a_problem_not_a_crash(faulty):
    with h5py.File(faulty, "r+") as file:
        del file["CONTROL/A/MOTOR/X/position/timestamp"]
        file["CONTROL/A/MOTOR/X/position/timestamp"] = b"a text"
    problems = validation.FileValidator(validation.FileAccess(faulty)).run_checks()
    assert "Could not be read for control_timestamps_order" in [p["msg"] for p in problems]


def test_a_file_that_hangs_is_given_up(tmp_path):
    code = (
        "import json, sys, time\n"
        "say = lambda *words: print(json.dumps(words), flush=True)\n"
        "say('', 'ready')\n"
        "for line in sys.stdin:\n"
        "    say('T', 'stat hangs')\n"
        "    time.sleep(60)\n"
    )
    helper = Helper(code)
    assert helper.try_(tmp_path / "x.h5", timeout=0.2) == ("T", "stat hangs")
    helper.stop()
