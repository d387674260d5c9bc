"""What is written is what was selected: read back by us and by EXtra-data, and checked by it."""

import os
import warnings

import extra_data
import h5py
import numpy as np
import pytest
from extra_data.tests.make_examples import make_reduced_spb_run
from extra_data.validation import FileValidator

from beambook.data import DataWarning, by_id, open_file, open_run
from beambook.errors import DataError
from beambook.events import Progress

XGM = "SA2_XTD1_XGM/XGM/DOOCS:output"
MOTOR = "MID_EXP_SAM/MOTOR/X"
AGIPD = "MID_DET_AGIPD1M-1/DET/0CH0:xtdf"
RAW = "RAW-R0001-DA01-S00000.h5"


@pytest.fixture
def run(small_run):
    return open_run(small_run)


def same(one, other, *, parts=True):
    """Whether two runs have the same trains, sources, keys, values, times and constants."""
    assert one.train_ids.tolist() == other.train_ids.tolist()
    assert one.all_sources == other.all_sources
    assert one.legacy_sources == other.legacy_sources
    np.testing.assert_array_equal(one.train_timestamps(), other.train_timestamps())
    for name in one.all_sources - one.legacy_sources.keys():
        mine, others = one[name], other[name]
        assert mine.keys() == others.keys()
        assert mine.run_keys() == others.run_keys()
        np.testing.assert_equal(mine.run_values(), others.run_values())
        for key in mine.keys():
            a, b = mine[key], others[key]
            assert (a.dtype, a.shape, a.units, a.dims) == (b.dtype, b.shape, b.units, b.dims)
            np.testing.assert_array_equal(a.train_id_coordinates(), b.train_id_coordinates())
            np.testing.assert_array_equal(a.ndarray(), b.ndarray())


def problems_for_extra_data(path):
    return FileValidator(extra_data.FileAccess(str(path))).run_checks()


@pytest.mark.parametrize("way", ["write", "write_virtual"])
@pytest.mark.parametrize("trains", [np.s_[:], np.s_[5:15], np.s_[::3], np.s_[[2, 13]], np.s_[:0]])
def test_what_is_written_is_the_run(run, small_run, way, trains):
    chosen = run[trains]
    path = small_run.parent / RAW
    assert getattr(chosen, way)(path) == path
    again = open_file(path)
    same(chosen, again)
    assert again.problems == ()
    assert again.run_metadata()["proposalNumber"] == 900074
    assert again.run_metadata()["dataFormatVersion"] == "1.2"
    assert problems_for_extra_data(path) == []
    with extra_data.H5File(path) as theirs:
        assert theirs.train_ids == chosen.train_ids.tolist()
        for source, key in [(XGM, "data.intensityTD"), (MOTOR, "actualPosition.value"),
                            (MOTOR, "state.value"), (AGIPD, "image.data")]:  # fmt: skip
            np.testing.assert_array_equal(
                theirs[source, key].ndarray(), chosen[source, key].ndarray()
            )
        assert theirs[MOTOR].run_value("classId") == "Motor"
    if way == "write":
        assert not any(d.is_virtual for d in datasets(path))


def datasets(path):
    found = []
    with h5py.File(path) as file:
        file.visititems(lambda _, item: found.append(item) and None)
        yield from (item for item in found if isinstance(item, h5py.Dataset))


def test_a_selection_of_keys(run, tmp_path):
    some = run.select([(XGM, "*"), (MOTOR, "state")], require_all=True)
    same(some, open_file(some.write(tmp_path / "a.h5")))


def test_chunks_are_copied_as_they_are(exdf, tmp_path):
    kwargs = {"chunks": (1, 16, 8), "compression": "gzip", "shuffle": True}
    for number, trains in enumerate([range(5, 9), range(9, 12)]):
        group = exdf.instrument("D/E/1:out/image", {"mask": ((16, 16), "u4")}, [2] * len(trains),
                                kwargs=kwargs)  # fmt: skip
        path = exdf.write(tmp_path / f"RAW-R0001-DA01-S{number:05d}.h5", trains, [group])
    with h5py.File(path, "r+") as file:  # a chunk that decompresses to the same, stored otherwise
        mask = file["INSTRUMENT/D/E/1:out/image/mask"]
        plain = np.ascontiguousarray(mask[0, :, :8])
        mask.id.write_direct_chunk((0, 0, 0), plain.tobytes(), 3)
    run = open_run(tmp_path)[[1, 4, 5]]
    new = run.write(tmp_path / "x.h5")
    same(run, open_file(new))
    with h5py.File(new) as file:
        mask = file["INSTRUMENT/D/E/1:out/image/mask"]
        assert (mask.chunks, mask.compression, mask.shuffle) == ((1, 16, 8), "gzip", True)
        assert mask.id.get_chunk_info_by_coord((2, 0, 0)).filter_mask == 3
        assert mask.id.get_chunk_info_by_coord((3, 0, 0)).filter_mask == 0


@pytest.mark.parametrize("chunk", [1, 3, 4, 7, 40])
def test_chunks_that_do_not_lie_alike(exdf, tmp_path, chunk):
    counts = [3, 0, 4, 1, 2, 5, 1]
    group = exdf.instrument(
        "D/E/1:out/data", {"x": (2,)}, counts, gap=1, kwargs={"chunks": (chunk, 2)}
    )
    exdf.write(tmp_path / RAW, range(5, 12), [group])
    for choice in [np.s_[:], np.s_[2:], np.s_[::2]]:
        run = open_run(tmp_path / RAW)[choice]
        same(run, open_file(run.write(tmp_path / "x.h5", overwrite=True)))


def test_chunks_never_written_stay_so(exdf, tmp_path):
    path = exdf.write(tmp_path / RAW, [5, 6, 7], [exdf.instrument("D/E/1:out/data", {"y": ()})])
    with h5py.File(path, "r+") as file:
        x = file.create_dataset(
            "INSTRUMENT/D/E/1:out/data/x", (3, 4), "i4", chunks=(1, 4), fillvalue=-7
        )
        x[1] = 3
    run = open_file(path)
    again = open_file(run.write(tmp_path / "x.h5"))
    assert again["D/E/1:out", "data.x"].ndarray()[:, 0].tolist() == [-7, 3, -7]


def test_nothing_is_overwritten_unasked(run, small_run, tmp_path):
    path = tmp_path / "x.h5"
    path.write_text("mine")
    with pytest.raises(DataError, match=r"x.h5 exists. .*overwrite=True"):
        run.write(path)
    assert path.read_text() == "mine"
    run.write(path, overwrite=True)
    with pytest.raises(DataError, match="one of the run's own files"):
        run.write(small_run / RAW, overwrite=True)
    with pytest.raises(DataError, match="no folder"):
        run.write(tmp_path / "nowhere" / "x.h5")
    same(run, open_file(path))


def test_half_a_file_never_appears(run, small_run, tmp_path):
    path = small_run / "RAW-R0001-AGIPD00-S00001.h5"
    run["MID_DET_AGIPD1M-1/DET/0CH0:xtdf", "image.data"].shape  # noqa: B018 read the index
    os.truncate(path, path.stat().st_size // 2)
    with pytest.raises(DataError):
        run.write(tmp_path / "x.h5")
    assert list(tmp_path.glob("*x.h5*")) == list(tmp_path.glob(".*")) == []


def test_trains_that_some_keys_lack(exdf, tmp_path):
    group = exdf.instrument("D/E/1:out/data", {"x": (), "y": ()}, [1, 2, 1])
    path = exdf.write(tmp_path / RAW, [5, 6, 7], [group])
    with h5py.File(path, "r+") as file:
        file["INSTRUMENT/D/E/1:out/data/y"].resize((2,))
    run = open_file(path)
    with (
        pytest.warns(DataWarning, match="2 trains are left out, because not all keys have"),
        pytest.warns(DataWarning, match="rows of 2 trains are not all in the files"),
    ):
        again = open_file(run.write(tmp_path / "x.h5"))
    assert again["D/E/1:out", "data.x"].data_counts().tolist() == [1, 0, 0]
    only = run.select({"D/E/1:out": {"data.x"}})
    same(only, open_file(only.write(tmp_path / "y.h5")))


def test_doubtful_trains_stay_doubtful(exdf, tmp_path):
    group = exdf.control("A/B/C", {"x": ()}, [1, 1, 1])
    for version, flags in [("1.1", [0, 3, 0]), ("1.0", [1, 0, 1])]:
        path = exdf.write(tmp_path / RAW, [5, 6, 7], [group], version=version, flags=flags)
        new = open_file(path).write(tmp_path / "x.h5", overwrite=True)
        assert open_file(new).train_ids.tolist() == [5, 6, 7]
        assert open_file(new, inc_suspect_trains=False).train_ids.tolist() == [5, 7]


def test_old_names_are_links_again(exdf, tmp_path):
    new = exdf.instrument("A_DET_B/CORR/0CH0:output/image", {"data": (2, 2)})
    old = "A_DET_B/DET/0CH0:xtdf"
    path = exdf.write(tmp_path / RAW, [5, 6], [new], links=[(old, "A_DET_B/CORR/0CH0:output")])
    run = open_file(path)
    again = open_file(run.write(tmp_path / "x.h5"))
    same(run, again)
    assert again.legacy_sources == {old: "A_DET_B/CORR/0CH0:output"}
    alone = run.select(old)
    kept = open_file(alone.write(tmp_path / "y.h5"))
    assert kept.legacy_sources == {}
    assert kept[old, "image.data"].shape == (2, 2, 2)


def test_values_of_the_run_alone(exdf, tmp_path):
    path = exdf.write(tmp_path / RAW, [5, 6], [exdf.control("A/B/C", {}, [0, 0], run={"a": 3})])
    run = open_file(path)
    again = open_file(run.write(tmp_path / "x.h5"))
    same(run, again)
    assert again["A/B/C"].is_run_only
    assert extra_data.H5File(tmp_path / "x.h5")["A/B/C"].run_value("a") == 3


def test_virtual_files_move_with_the_run(run, small_run):
    (small_run / "virtual").mkdir()
    run.write_virtual(small_run / "virtual" / "x.h5")
    moved = small_run.rename(small_run.parent / "r0002")
    again = open_file(moved / "virtual" / "x.h5")
    np.testing.assert_array_equal(
        again[XGM, "data.intensityTD"].ndarray()[:, 0] // 1000, again.train_ids
    )
    (moved / "RAW-R0001-DA01-S00001.h5").unlink()
    again = open_file(moved / "virtual" / "x.h5")
    with pytest.warns(DataWarning, match="rows of 8 trains are not all in the files"):
        assert again[XGM, "data.intensityTD"].shape == (12, 8)


def test_one_virtual_data_set(run, tmp_path):
    dataset = run[by_id[1005:1015]].get_virtual_dataset(MOTOR, "actualPosition")
    assert dataset.is_virtual
    assert dataset[:].tolist() == [1000.0 * t for t in range(1005, 1015)]
    path = dataset.file.filename
    dataset.file.close()
    os.remove(path)
    named = run.get_virtual_dataset(XGM, "data.intensityTD", tmp_path / "x.h5")
    assert named.file.filename == str(tmp_path / "x.h5")
    named.file.close()


def test_sources_beside_the_data_are_written(tmp_path):
    folder = tmp_path / "r0001"
    folder.mkdir()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        make_reduced_spb_run(folder, format_version="1.3")
        run = open_run(folder).select("*AGIPD*0CH0*")[:3]
        again = open_file(run.write(tmp_path / "x.h5"))
        theirs = extra_data.H5File(tmp_path / "x.h5").auxiliary
    assert again.auxiliary.all_sources
    named = {name.removeprefix("None@") for name in theirs.all_sources}
    assert again.auxiliary.all_sources == run.auxiliary.all_sources == named
    for name in again.auxiliary.all_sources:
        for key in sorted(run.auxiliary[name].keys()):
            a, b = run.auxiliary[name, key], again.auxiliary[name, key]
            np.testing.assert_array_equal(a.ndarray(), b.ndarray())
            np.testing.assert_array_equal(a.data_counts(), b.data_counts())


def test_progress(run, tmp_path):
    told: list[Progress] = []
    run.write(tmp_path / "x.h5", reporter=told.append)
    assert [p.done for p in told] == [0, 1, 2, 3]
    assert {p.total for p in told} == {3}
    assert told[0].task == "write r0001"


def test_an_index_does_not_remember_virtual_rows(run, small_run, tmp_path):
    """What is there of them depends on other files."""
    folder = tmp_path / "r0002"
    folder.mkdir()
    run.write_virtual(folder / RAW)
    os.utime(folder / RAW, (1, 1))
    assert open_run(folder)[XGM, "data.intensityTD"].shape == (20, 8)
    (small_run / "RAW-R0001-DA01-S00001.h5").unlink()
    with pytest.warns(DataWarning, match="rows of 8 trains are not all in the files"):
        assert open_run(folder)[XGM, "data.intensityTD"].shape == (12, 8)


def test_a_written_file_knows_its_run(run, tmp_path):
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    run[:5].write(folder / "part2.h5")
    found = open_file(folder / "part2.h5")
    source = min(found.control_sources)
    channel = found[source, min(found[source].keys(inc_timestamps=False))]
    assert found.name == channel.xarray().attrs["run"] == "p900074 r0001 (part2.h5)"
    assert open_run(folder).name == found.name
