"""EXtra-data's names on a run: the same answers, on the small run and on EXtra-data's examples."""

import warnings

import extra_data
import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from extra_data.tests.make_examples import make_reduced_spb_run

from beambook.data import DataWarning, by_index, open_file, open_run
from beambook.errors import DataError, KeyNotFound, SourceNotFound, TrainNotFound

XGM = "SA2_XTD1_XGM/XGM/DOOCS:output"
MOTOR = "MID_EXP_SAM/MOTOR/X"
AGIPD = "MID_DET_AGIPD1M-1/DET/0CH0:xtdf"

mpl.use("agg")


@pytest.fixture
def run(small_run):
    return open_run(small_run)


@pytest.fixture
def theirs(small_run):
    return extra_data.RunDirectory(small_run, parallelize=False)


def test_one_channel(run, theirs):
    item = XGM, "data.intensityTD"
    array = run.get_array(*item, extra_dims=["pulses"], roi=by_index[:3], name="x")
    expected = theirs.get_array(*item, extra_dims=["pulses"], roi=by_index_of_extra_data(3))
    assert array.dims == ("train", "pulses")
    assert array.name == "x"
    np.testing.assert_array_equal(array, expected)
    np.testing.assert_array_equal(run.get_dask_array(*item), theirs.get_dask_array(*item))
    assert run.get_dask_array(*item, labelled=True).equals(run.get_array(*item))
    assert run.get_data_counts(*item).tolist() == theirs.get_data_counts(*item).tolist()
    assert run.get_dtype(*item) == theirs.get_dtype(*item)
    assert run.get_entry_shape(*item) == theirs.get_entry_shape(*item)
    series = run.get_series(MOTOR, "actualPosition")
    assert series.tolist() == theirs.get_series(MOTOR, "actualPosition").tolist()
    with pytest.raises(KeyNotFound):
        run.get_array(XGM, "data.nothing")
    with pytest.raises(ValueError, match="1 axes"):
        run.get_array(*item, extra_dims=["a", "b"])


def by_index_of_extra_data(stop):
    return extra_data.by_index[:stop]


def test_tables(run, theirs):
    table = run.get_dataframe([(MOTOR, "*")])
    expected = theirs.get_dataframe([(MOTOR, "*")])
    pd.testing.assert_frame_equal(table, expected[table.columns], check_dtype=False)
    with_times = run.get_dataframe({MOTOR: {"actualPosition"}}, timestamps=True)
    assert list(with_times) == [f"{MOTOR}/actualPosition"]
    assert f"{MOTOR}/state.timestamp" in run.get_dataframe([MOTOR], timestamps=True)
    assert run.select([])[:3].get_dataframe().shape == (3, 0)
    with pytest.raises(TypeError, match="entries of shape"):
        run.get_dataframe([XGM])
    with pytest.raises(DataError, match="several rows in a train"):
        run.get_dataframe([(AGIPD, "image.data")])


def test_one_source(run, theirs):
    assert run.keys_for_source(MOTOR) == theirs.keys_for_source(MOTOR)
    assert run.get_run_value(MOTOR, "actualPosition") == 1.5
    assert run.get_run_values(MOTOR) == theirs.get_run_values(MOTOR)
    assert run.detector_info(AGIPD) == {
        "dims": (4, 3), "frames_per_train": 3, "total_frames": 48,
    }  # fmt: skip
    assert run.detector_sources == theirs.detector_sources
    with pytest.raises(SourceNotFound):
        run.keys_for_source("nobody")


@pytest.mark.parametrize("name", [XGM, MOTOR, AGIPD])
def test_what_a_source_is(run, theirs, name):
    mine, other = run[name], theirs[name]
    for fact in [
        "is_control", "is_instrument", "is_reduction", "is_errata", "is_auxiliary", "is_legacy",
        "is_run_only", "canonical_name", "aggregator", "data_category", "storage_class",
        "index_groups", "device_class",
    ]:  # fmt: skip
        assert getattr(mine, fact) == getattr(other, fact), fact
    assert mine.one_key() in other.keys()
    assert mine.drop_empty_trains().train_ids.tolist() == other.drop_empty_trains().train_ids
    ids = mine.train_id_coordinates()
    np.testing.assert_array_equal(ids, other.train_id_coordinates())
    parts = [part.train_ids.tolist() for part in mine.split_trains(3)]
    assert parts == [part.train_ids for part in other.split_trains(3)]
    assert mine.run_metadata()["runNumber"] == 1
    again = mine[:5] | mine[10:]
    assert again.train_ids.tolist() == (other[:5] | other[10:]).train_ids
    assert again.keys() == mine.keys()


def test_sources_put_together_are_one(run, exdf, tmp_path):
    with pytest.raises(DataError, match="two sources"):
        run[XGM].union(run[MOTOR])
    group = exdf.instrument(f"{XGM}/data", {"intensityTD": ((8,), "f4")})
    same = open_file(exdf.write(tmp_path / "same.h5", [1003], [group]))
    with pytest.raises(DataError, match="the same trains"):
        run[XGM].union(same[XGM])


def test_times(run, theirs):
    times = run.train_timestamps(labelled=True)
    expected = theirs.train_timestamps(labelled=True)
    assert times.tolist() == expected.tolist()
    assert times.index.tolist() == expected.index.tolist()
    local = run.train_timestamps(pydatetime=True, euxfel_local_time=True)
    assert local == theirs.train_timestamps(pydatetime=True, euxfel_local_time=True)
    assert local[0].hour == 13
    assert run.train_timestamps(pydatetime=True)[0].hour == 12
    with pytest.raises(ValueError, match="in UTC"):
        run.train_timestamps(euxfel_local_time=True)


def test_times_of_old_files(exdf, tmp_path):
    path = exdf.write(tmp_path / "a.h5", [5], [exdf.control("A/B/C", {"x": ()})], version="0.5")
    assert open_file(path).train_timestamps(pydatetime=True) == [None]
    assert open_file(path).train_timestamps(labelled=True).isna().all()


def test_time_of_a_doubtful_entry(exdf, tmp_path):
    groups = [exdf.control("A/B/C", {"x": ()}, [1, 1])]
    path = exdf.write(tmp_path / "a.h5", [6, 6], groups, flags=[0, 1])
    import h5py

    with h5py.File(path, "r+") as file:
        file["INDEX/timestamp"][:] = [10**18, 2 * 10**18]
    with pytest.warns(DataWarning, match="duplicated"):
        run = open_file(path)
    assert run.train_timestamps().astype("i8").tolist() == [2 * 10**18]


def test_only_aliases(run):
    named = run.with_aliases({"x": (MOTOR, "actualPosition"), "gone": "A/B/C"})
    assert named.only_aliases().selection == {MOTOR: frozenset({"actualPosition.value"})}
    assert named.only_aliases({"xgm": XGM}).all_sources == {MOTOR, XGM}
    some = named.only_aliases({"image": (AGIPD, "image.data")}, require_all=True)
    assert len(some.train_ids) == 16
    with pytest.raises(SourceNotFound):
        named.only_aliases(strict=True)
    with pytest.raises(DataError, match="Short names: none"):
        run.only_aliases()


def test_a_source_that_costs_trains_is_named(run):
    with pytest.warns(DataWarning, match=rf"4/20 \(20%\) trains dropped .* {AGIPD}"):
        run.select("*", require_all=True, warn_drop_trains_frac=0.2)
    with pytest.warns(DataWarning, match="2/2"):
        run[[0, 5]].select("*", require_all=True)


def test_one_train(run):
    assert run.train_info(1005).sources == (AGIPD, MOTOR, XGM)
    assert run.train_info(1005).card().facts["sources"] == "2 of 3 have data"
    _, flat = run.train_from_id(1003, [(MOTOR, "actualPosition")], flat_keys=True)
    assert flat[MOTOR, "actualPosition.value"] == 1003000.0
    assert set(run.train_from_index(3, [MOTOR])[1]) == {MOTOR}
    with pytest.raises(TrainNotFound):
        run.train_info(3)


def test_info(run):
    tables = run.info("*XGM*", with_auxiliary=True).card().tables
    assert [table.title for table in tables] == ["sources", XGM, "auxiliary sources"]
    assert tables[1].rows == (("data.intensityTD", "float32", "[8]", "µJ"),)


def test_plot_of_missing_data(run):
    axes = run.plot_missing_data(expand_instrument=True)
    assert [t.get_text() for t in axes.get_yticklabels()] == [f"{AGIPD} image.* (80.00 %)"]
    assert run.plot_missing_data(100, ax=axes) is axes
    assert not run[[]].plot_missing_data().get_yticklabels()
    mpl.pyplot.close("all")


def test_metadata_of_several_runs(run, exdf, tmp_path):
    assert run.is_single_run
    group = exdf.instrument(f"{XGM}/data", {"intensityTD": ((8,), "f4")})
    path = exdf.write(tmp_path / "other" / "RAW-R0002-DA01-S00000.h5", [2000], [group])
    import h5py

    with h5py.File(path, "r+") as file:
        file["METADATA/runNumber"][:] = 2
    both = run | open_file(path)
    assert not both.is_single_run
    assert both.run_metadata() == {"dataFormatVersion": "1.2", "proposalNumber": 900074}


@pytest.fixture(scope="module")
def reduced(tmp_path_factory):
    folder = tmp_path_factory.mktemp("reduced")
    make_reduced_spb_run(folder, format_version="1.3")
    return folder


def test_sources_beside_the_data(reduced):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        other = extra_data.RunDirectory(reduced, parallelize=False)
        run = open_run(reduced)
    assert run.all_sources == other.all_sources
    mine, theirs = run.auxiliary, other.auxiliary
    assert mine.reduction_sources == theirs.reduction_sources
    assert mine.errata_sources == theirs.errata_sources
    assert mine.reduction_sources
    assert not mine.reduction_sources & run.all_sources
    for name in theirs.all_sources:
        assert mine[name].keys() == theirs[name].keys()
        assert mine[name].aggregator == theirs[name].aggregator
        assert mine[name].is_reduction == theirs[name].is_reduction
        assert mine[name].is_auxiliary
        assert not mine[name].is_instrument
        for key in sorted(theirs[name].keys())[:3]:
            np.testing.assert_array_equal(mine[name, key].ndarray(), theirs[name, key].ndarray())
            counts = theirs[name, key].data_counts(labelled=False)
            np.testing.assert_array_equal(mine[name, key].data_counts(labelled=False), counts)
    with pytest.raises(SourceNotFound):
        run[next(iter(mine.all_sources))]
    assert run[:3].auxiliary.train_ids.tolist() == run.train_ids[:3].tolist()
