"""Copies of files without data, where dCache has them, and decompressing by hand."""

import h5py
import numpy as np
import pytest
from numpy.testing import assert_array_equal

import beambook as bb
from beambook.errors import DamagedFile, DataError, RunNotFound
from beambook.extra_data import locality
from beambook.extra_data.compression import dataset_decompressor, parallel_decompress_chunks
from beambook.extra_data.copy import copy_structure
from beambook.testing import make_run


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run") / "r0001"
    make_run(folder, trains=5, pulses=4)
    return folder


def test_a_copy_opens_with_the_same_trains_and_keys_but_without_values(run, tmp_path):
    copy_structure(run, tmp_path)
    original, copy = bb.open_run(run), bb.open_run(tmp_path)
    assert_array_equal(copy.train_ids, original.train_ids)
    assert copy.all_sources == original.all_sources
    for source in original.all_sources:
        assert copy[source].keys() == original[source].keys()
    assert not list(tmp_path.glob(".*")), "unfinished files"


def test_a_copy_never_overwrites_the_original(run):
    with pytest.raises(DataError, match="the files themselves"):
        copy_structure(run, run)
    with pytest.raises(DataError, match="no HDF5 file"):
        copy_structure(__file__, run)
    with pytest.raises(RunNotFound):
        copy_structure(run, run / "nowhere")


@pytest.fixture
def dcache(tmp_path):
    """A folder that answers as dCache does."""
    places = {"a.h5": "ONLINE", "b.h5": "NEARLINE", "c.h5": "UNAVAILABLE", "d.h5": None}
    for name, place in places.items():
        (tmp_path / name).touch()
        if place is not None:
            (tmp_path / f".(get)({name})(locality)").write_text(f"{place}\n")
    return tmp_path


def test_only_files_that_can_be_read_at_once_are_taken(dcache, capsys):
    files = sorted(map(str, dcache.glob("[a-d].h5")))
    on_disk = [str(dcache / name) for name in ("a.h5", "d.h5")]
    assert locality.lc_ondisk(files) == on_disk
    assert "b.h5\n  (only on tape)" in capsys.readouterr().err
    assert locality.lc_avail(files) == sorted([*on_disk, str(dcache / "b.h5")])
    assert locality.lc_any(files) == files


def test_where_the_files_of_a_folder_are(dcache, capsys):
    assert locality.main([str(dcache)]) == 1 | 2
    out = capsys.readouterr().out
    assert "1 only on tape, 1 unavailable" in out
    assert locality.main([str(dcache / "a.h5")]) == 0
    assert locality.main([str(dcache / "nowhere")]) == 255


def test_pieces_are_decompressed_side_by_side(tmp_path):
    values = np.arange(60, dtype="u2").reshape(6, 10)
    with h5py.File(tmp_path / "x.h5", "w") as file:
        data = file.create_dataset(
            "x", (8, 10), "u2", chunks=(2, 10), shuffle=True, compression="gzip"
        )
        data[:6] = values
        out = np.full((8, 10), 7, "u2")
        tasks = [(data.id, (row, 0), out[row : row + 2]) for row in range(0, 8, 2)]
        parallel_decompress_chunks(tasks, dataset_decompressor(data), threads=2)
    assert_array_equal(out[:6], values)
    assert (out[6:] == 7).all(), "what was never written leaves its place as it is"


def test_what_cannot_be_read_is_not_copied_in_part(run, tmp_path):
    whole = min(run.glob("*.h5")).read_bytes()
    (tmp_path / "cut.h5").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "out").mkdir()
    with pytest.raises(DamagedFile, match=r"cut\.h5 cannot be copied"):
        copy_structure(tmp_path / "cut.h5", tmp_path / "out")
    assert not list((tmp_path / "out").iterdir())
