"""Files as nobody should write them: an error of ours or a finding, soon, and no wrong trains."""

import os
import shutil
import warnings

import h5py
import numpy as np
import pytest

from beambook.data import DataWarning, check, open_run
from beambook.errors import BeambookError, DamagedFile, DataError

MOTOR = "MID_EXP_SAM/MOTOR/X"
POSITION = f"CONTROL/{MOTOR}/actualPosition/value"
FIRST = "RAW-R0001-DA01-S00000.h5"
AGIPD = "MID_DET_AGIPD1M-1/DET/0CH0:xtdf"
SOURCES = "METADATA/dataSources/dataSourceId"
VERSION = "METADATA/dataFormatVersion"


def put(path, value):
    """What replaces the data set or group at `path`."""

    def change(file):
        del file[path]
        if value is None:
            file.create_group(path)
        elif isinstance(value, int):
            file.create_dataset(path, (value,), "u8", chunks=(10**6,))
        else:
            file[path] = value

    return change


STRANGE_METADATA = {
    "version empty": put(VERSION, np.zeros(0, "S5")),
    "version a group": put(VERSION, None),
    "sources numbers": put(SOURCES, np.arange(4)),
    "sources a group": put(SOURCES, None),
    "sources not UTF-8": put(SOURCES, np.array([b"CONTROL/\xff\xfe"])),
    "sources without end": put(SOURCES, 10**12),
    "trains text": put("INDEX/trainId", np.array([b"a"] * 16)),
    "trains not numbers": put("INDEX/trainId", np.full(16, np.nan)),
    "trains in a table": put("INDEX/trainId", np.ones((16, 2), "u8")),
    "trains without end": put("INDEX/trainId", 10**12),
    "trains in a circle": put("INDEX/trainId", h5py.SoftLink("/INDEX/trainId")),
}


@pytest.mark.parametrize("how", STRANGE_METADATA)
def test_strange_metadata_make_a_damaged_file(small_run, how):
    with h5py.File(small_run / FIRST, "r+") as file:
        STRANGE_METADATA[how](file)
    with pytest.raises(DamagedFile):
        open_run(small_run / FIRST)
    findings = check(small_run).findings
    assert ("unreadable file", FIRST) in {(f.what, f.where) for f in findings}


def test_one_version_or_a_list_of_one(small_run):
    with h5py.File(small_run / FIRST, "r+") as file:
        put(VERSION, "1.2")(file)
    assert len(open_run(small_run / FIRST).train_ids) == 12


STRANGE_ROWS = {
    "numbers of another kind": put(f"INDEX/{MOTOR}/first", np.full(16, np.nan)),
    "a structure": put(f"INDEX/{MOTOR}/first", np.zeros(16, [("a", "i4")])),
    "without end": put(f"INDEX/{MOTOR}/first", 10**12),
    "in a circle": put(f"INDEX/{MOTOR}/first", h5py.SoftLink(f"/INDEX/{MOTOR}/first")),
    "data in a circle": put(POSITION, h5py.SoftLink(f"/{POSITION}")),
    "data in no file": put(POSITION, h5py.ExternalLink("gone.h5", "/x")),
    "data a group": put(POSITION, None),
}


@pytest.mark.parametrize("how", STRANGE_ROWS)
def test_strange_rows_are_missing_and_found(small_run, how):
    with h5py.File(small_run / FIRST, "r+") as file:
        STRANGE_ROWS[how](file)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        position = open_run(small_run)[MOTOR, "actualPosition"]
        assert position.data_counts().tolist() == [0] * 12 + [1] * 8
        np.testing.assert_array_equal(position.ndarray(), 1000.0 * np.arange(1012, 1020))
        findings = check(small_run).findings
    assert any(MOTOR in f.where for f in findings)


def test_a_key_that_some_files_lack_is_found(small_run):
    with h5py.File(small_run / FIRST, "r+") as file:
        del file[POSITION]
    (found,) = (f for f in check(small_run).findings if f.what == "keys missing in files")
    assert (found.where, found.count) == (MOTOR, 1)
    assert found.detail == f"actualPosition.value in {FIRST}"


def test_files_that_disagree_on_the_shape_of_a_key_are_found(small_run):
    path = "INSTRUMENT/SA2_XTD1_XGM/XGM/DOOCS:output/data/intensityTD"
    with h5py.File(small_run / FIRST, "r+") as file:
        put(path, np.zeros((16, 9), "f4"))(file)
    (found,) = (f for f in check(small_run).findings if f.what == "files disagree on a key")
    assert found.where == "SA2_XTD1_XGM/XGM/DOOCS:output data"
    assert found.count == 1
    assert found.detail == "data.intensityTD is float32[9] or float32[8]"
    xgm = open_run(small_run)["SA2_XTD1_XGM/XGM/DOOCS:output", "data.intensityTD"]
    with pytest.raises(DataError, match=r"is float32\[9\] in one file and float32\[8\] in RAW"):
        xgm.ndarray()


def test_data_that_no_memory_holds(small_run):
    path = "INSTRUMENT/SA2_XTD1_XGM/XGM/DOOCS:output/data/intensityTD"
    for file in small_run.glob("*DA01*"):
        with h5py.File(file, "r+") as opened:
            del opened[path]
            opened.create_dataset(path, (16, 10**14), "f4", chunks=(1, 10**6))
    xgm = {"source": path.split("/", 1)[1].split("/data/")[0], "key": "data.intensityTD"}
    run = open_run(small_run, aliases={"xgm": {**xgm, "pulses": "0:8"}})
    with pytest.raises(DataError, match=r"does not fit into memory: .* GiB"):
        run["xgm"].ndarray()
    with pytest.raises(DataError, match="not fit into memory"):
        run.aligned("xgm")
    assert run["xgm"].ndarray(roi=np.s_[:5]).shape == (20, 5)


def test_a_name_that_is_not_text(small_run):
    strange = os.fsencode(small_run) + b"/RAW-R0001-DA0\xff-S00000.h5"
    try:
        shutil.copy(os.fsencode(small_run / FIRST), strange)
    except OSError:
        pytest.skip("The file system has no such names")
    with pytest.warns(DataWarning, match="duplicated trains"):
        run = open_run(small_run)
    assert len(run.files) == 5
    assert not check(small_run).ok


@pytest.mark.parametrize("keep", [0.0, 0.03, 0.2, 0.5, 0.8, 0.99])
def test_no_part_of_a_file_is_taken_for_the_whole(small_run, keep):
    path = small_run / FIRST
    os.truncate(path, int(path.stat().st_size * keep))
    with pytest.raises(BeambookError):
        open_run(path)


def test_frames_of_trains_without_frames(small_run):
    run = open_run(small_run)
    none = run[[0, 5]][AGIPD, "image.data"]  # these trains have no frames
    assert none.xarray().shape == (0, 2, 4, 3)
    assert none.xarray().pulse.size == 0
    with pytest.raises(DataError, match="no train in common"):
        run[[0, 5]].aligned(image=(AGIPD, "image.data"))


def test_pulse_ids_that_are_none(small_run):
    for file in small_run.glob("*AGIPD*"):
        with h5py.File(file, "r+") as opened:
            path = f"INSTRUMENT/{AGIPD}/image/pulseId"
            ids = opened[path][:].astype("f8")
            ids[1::3] = np.nan
            put(path, ids)(opened)
    with pytest.warns(DataWarning, match="16 entries belong to no pulse"):
        data = open_run(small_run).aligned(image=(AGIPD, "image.data"))
    assert data.pulse.values.tolist() == [0, 8]


def test_a_key_that_is_not_text(small_run):
    for path in small_run.glob("*DA01*"):
        with h5py.File(path, "r+") as file:
            group = file[f"CONTROL/{MOTOR}"].id
            h5py.h5g.create(group, b"b\xff")
            h5py.h5o.copy(file[POSITION].id, b".", group, b"b\xff/value")
    run = open_run(small_run)
    (key,) = (k for k in run[MOTOR].keys() if k.startswith("b"))
    position = run[MOTOR, "actualPosition"].ndarray()
    np.testing.assert_array_equal(run[MOTOR, key].ndarray(), position)
    assert not any(MOTOR in finding.where for finding in check(small_run).findings)
    assert MOTOR in run.info().card().text()
