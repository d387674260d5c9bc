"""Overview files, written files and sent trains: each read by EXtra-data, too."""

import shutil

import extra_data as theirs
import h5py
import numpy as np
import pytest
from extra_data import export as their_export
from extra_data import voview as their_voview

import beambook.extra_data as ours
from beambook.errors import DamagedFile
from beambook.extra_data import export, voview
from beambook.extra_data.writer import FileWriter, VirtualFileWriter
from beambook.testing import make_run


@pytest.fixture(params=["0.5", "1.2"])
def folder(request, tmp_path):
    path = tmp_path / "r0001"
    make_run(path, trains=8, pulses=4, format_version=request.param)
    return path


def assert_same_run(one, other):
    """The same trains, sources, keys, counts and numbers."""
    assert list(one.train_ids) == list(other.train_ids)
    assert one.control_sources == other.control_sources
    assert one.instrument_sources == other.instrument_sources
    for source in sorted(one.all_sources):
        assert one[source].keys() == other[source].keys()
        for key in sorted(one[source].keys()):
            mine, theirs_ = one[source, key], other[source, key]
            np.testing.assert_array_equal(mine.data_counts(False), theirs_.data_counts(False))
            assert mine.dtype == theirs_.dtype
            if mine.dtype.kind in "iuf":
                np.testing.assert_array_equal(mine.ndarray(), theirs_.ndarray())


def test_an_overview_is_used_by_both_packages(folder):
    run = ours.RunDirectory(folder)
    path = folder / "overview.h5"
    voview.main([str(folder)])
    mine, other = ours.RunDirectory(folder), theirs.RunDirectory(str(folder))
    assert [f.filename for f in mine.files] == [str(path)]
    assert [f.filename for f in other.files] == [str(path)]
    assert_same_run(mine, run)
    assert_same_run(mine, other)
    assert not [p for p in folder.iterdir() if p.suffix in (".new", ".part")]
    assert mine.run_metadata() == other.run_metadata()


def test_overviews_of_extra_data_are_used(folder):
    original = theirs.RunDirectory(str(folder), _use_voview=False)
    their_voview.write_atomic(str(folder / "overview.h5"), original)
    run = ours.RunDirectory(folder)
    assert [f.filename for f in run.files] == [str(folder / "overview.h5")]
    assert_same_run(run, ours.RunDirectory(folder, _use_voview=False))


def test_an_outdated_or_damaged_overview_is_not_believed(folder, capsys):
    voview.main([str(folder)])
    assert voview.main(["--check", str(folder)]) == 0
    first = min(folder.glob("RAW*.h5"))
    with h5py.File(first, "a") as file:
        file["more"] = np.zeros(100)
    assert voview.main(["--check", str(folder)]) == 1
    assert len(ours.RunDirectory(folder).files) > 1
    (folder / "overview.h5").write_bytes(b"\x89HDF\r\n\x1a\n and no more")
    assert len(ours.RunDirectory(folder).files) > 1
    (folder / "overview.h5").unlink()
    assert voview.main(["--check", str(folder)]) == 1
    assert "no overview file" in capsys.readouterr().out


def test_files_written_with_the_writers_open_with_extra_data(folder, tmp_path):
    run = ours.RunDirectory(folder).select("*XGM*")[2:6]
    for writer in (FileWriter, VirtualFileWriter):
        path = tmp_path / f"{writer.__name__}.h5"
        with writer(path, run) as file:
            file.write()
        assert_same_run(theirs.H5File(str(path)), run)


def test_trains_are_sent_as_extra_data_sends_them(folder):
    mine = dict(export._iter_trains(ours.RunDirectory(folder), merge_detector=True))
    other = dict(their_export._iter_trains(theirs.RunDirectory(str(folder)), merge_detector=True))
    assert list(mine) == list(other)
    for train_id, train in mine.items():
        expected = other[train_id]
        their_export._drop_object_arrays(expected)
        sent = export._without_objects(train)
        assert set(sent) == set(expected)
        for source, values in sent.items():
            assert set(values) == set(expected[source])
            for key in values.keys() - {"metadata"}:
                np.testing.assert_array_equal(values[key], expected[source][key])


def test_an_overview_that_makes_no_sense_does_not_hide_the_run(folder):
    for nonsense in ({}, {".source_files/names": 1.5}, {".source_files/names": np.zeros((3, 3))}):
        voview.main([str(folder)])
        with h5py.File(folder / "overview.h5", "r+") as file:
            del file[".source_files"]
            file.attrs["virtual_overview_version"] = "new"
            for path, value in nonsense.items():
                file[path] = value
                file.attrs["virtual_overview_version"] = 1
                file[".source_files/sizes"] = 3
        assert len(ours.RunDirectory(folder).files) > 1


def test_an_overview_of_another_folder_is_not_believed(folder, tmp_path):
    voview.main([str(folder)])
    copy = shutil.copytree(folder, tmp_path / "copy")
    assert len(ours.RunDirectory(copy).files) > 1, "it stands for the files of the other folder"
    folder.rename(tmp_path / "moved")
    moved = ours.RunDirectory(tmp_path / "moved")
    assert len(moved.files) > 1
    xgm = moved["SA2_XTD1_XGM/XGM/DOOCS:output", "data.intensityTD"]
    assert xgm.ndarray().any()


def test_a_virtual_file_whose_files_are_gone_is_an_error_not_zeros(folder, tmp_path):
    path = tmp_path / "virtual.h5"
    ours.RunDirectory(folder).select("*XGM*").write_virtual(path)
    xgm = ours.H5File(path)["SA2_XTD1_XGM/XGM/DOOCS:output", "data.intensityTD"]
    assert xgm.ndarray().any()
    folder.rename(tmp_path / "moved")
    with pytest.raises(DamagedFile, match="which is not there"):
        xgm.ndarray()
