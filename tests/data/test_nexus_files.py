"""Real files of several facilities; see `tests/data/nexus/README.md`."""

import json
import warnings
from pathlib import Path

import numpy as np
import pytest

from beambook.data import DataWarning, Entry, check, open_file
from beambook.errors import DataError

FOLDER = Path(__file__).parent / "nexus"
FILES = sorted(p.name for p in FOLDER.iterdir() if p.suffix != ".md")
LOST = {"DLS_i03_i04_NXmx_Therm_6_2.nxs", "xrc_209_master.h5"}

SHOWN = {  # signal, shape, axes
    "verysimple.nx5": ("/entry/data/counts", (15,), ("two_theta",)),
    "writer_1_3.hdf5": ("/Scan/data/counts", (31,), ("two_theta",)),
    "writer_2_1.hdf5": ("/entry/data/counts", (31,), ("two_theta",)),
    "prj_test.nexus.hdf5": ("/entry/mr_scan/I00", (31,), ("mr",)),
    "gov_5.h5": ("/gov_5/primary/noisy", (1,), ("noisy_timestamps",)),
    "example_01_1D_I_Q.h5": ("/sasentry/sasdata/I", (10,), ("Q",)),
    "draft_1D_NXcanSAS.h5": ("/sasentry01/sasdata/I", (66,), ("Q",)),
    "DLS_i03_i04_NXmx_Therm_6_2.nxs": ("/entry/data/data", (488, 4362, 4148), ("omega",)),
    "xrc_209_master.h5": ("/entry/data/data", (240, 2162, 2068), ("omega",)),
}


def opened(name):
    with warnings.catch_warnings():
        if name in LOST:
            warnings.simplefilter("ignore", DataWarning)
        return open_file(FOLDER / name)


@pytest.mark.parametrize("name", FILES)
def test_each_file_opens_and_shows_its_data(name):
    entry = opened(name)
    signal, shape, axes = SHOWN[name]
    assert isinstance(entry, Entry)
    assert entry.default.signal.path == signal
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        array = entry.plottable()
    assert array.shape == shape
    assert array.dims[: len(axes)] == axes
    assert all(len(array[axis]) == length for axis, length in zip(axes, shape, strict=False))
    card = entry.card()
    assert signal in card.facts["shows"]
    assert json.loads(card.json())["kind"] == "Entry"
    assert "<table>" in card.html()


@pytest.mark.parametrize("name", FILES)
def test_what_is_missing_is_said(name):
    entry = opened(name)
    for fact in ("title", "instrument", "sample", "start_time"):
        assert bool(getattr(entry, fact)) != (fact in entry.missing)
    assert check(FOLDER / name).findings == entry.problems


def test_canonical_scan():
    entry = opened("writer_2_1.hdf5")
    array = entry.plottable()
    assert array.attrs["units"] == "counts"
    assert array["two_theta"].attrs["units"] == "degrees"
    assert array.values[:3].tolist() == [1037, 1318, 1704]
    assert entry["data", "counts"][:3].xarray()["two_theta"].shape == (3,)


def test_errors_of_cansas_data():
    array = opened("draft_1D_NXcanSAS.h5").plottable()
    assert array["errors"].shape == array.shape
    assert array["Q"].attrs["units"]


@pytest.mark.parametrize("name", sorted(LOST))
def test_missing_external_files_are_named_and_their_values_nan(name):
    with pytest.warns(DataWarning, match=r"_000001\.h5"):
        entry = open_file(FOLDER / name)
    with pytest.warns(DataWarning, match="not there"):
        array = entry.plottable(roi=np.s_[:2, :3, :3])
    assert np.isnan(array.values).all()
    assert array.attrs["missing_files"][0].endswith("_000001.h5")
    missing = [f for f in entry.problems if f.what == "missing file"]
    assert missing[0].where == "/entry/data/data"
    assert entry["data", "data"].shape[0] == 0  # no row is taken for data
    assert entry["data", "omega"].shape[0] == len(entry.train_ids)


def test_other_programs_find_the_same_data():
    nexus = pytest.importorskip("nexusformat.nexus")
    for name in set(FILES) - LOST:
        found = nexus.nxload(str(FOLDER / name)).plottable_data
        if found is None:  # it does not understand the draft of canSAS
            continue
        array = opened(name).plottable()
        np.testing.assert_array_equal(array.values, found.nxsignal.nxvalue)
        for axis, theirs in zip(array.dims, found.nxaxes, strict=True):
            if theirs.nxname == axis:
                np.testing.assert_array_equal(array[axis].values, theirs.nxvalue)


def test_entries_are_not_written_as_runs(tmp_path):
    entry = open_file(FOLDER / "gov_5.h5")
    with pytest.raises(DataError, match=r"to_netcdf"):
        entry.write(tmp_path / "x.h5")
    assert not list(tmp_path.iterdir())
