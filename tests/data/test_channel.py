"""What a channel says of itself and gives, beside its values."""

import warnings

import extra_data
import h5py
import numpy as np
import pytest
import xarray as xr

from beambook.data import open_file, open_run
from beambook.errors import DataError, KeyNotFound, TrainNotFound

XGM = "SA2_XTD1_XGM/XGM/DOOCS:output"
MOTOR = "MID_EXP_SAM/MOTOR/X"
AGIPD = "MID_DET_AGIPD1M-1/DET/0CH0:xtdf"
ALL = [(XGM, "data.intensityTD"), (MOTOR, "actualPosition.value"), (AGIPD, "image.data")]


@pytest.fixture
def run(small_run):
    return open_run(small_run, aliases={})


@pytest.fixture
def theirs(small_run):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return extra_data.RunDirectory(small_run, parallelize=False, _use_voview=False)


@pytest.mark.parametrize(("source", "key"), ALL)
def test_what_extra_data_says_too(run, theirs, source, key):
    mine, other = run[source, key], theirs[source, key]
    for name in ["section", "is_control", "is_instrument", "index_group", "hdf5_data_path",
                 "shape", "nbytes", "size_mb", "size_gb"]:  # fmt: skip
        assert getattr(mine, name) == getattr(other, name), name
    assert list(mine.source_file_paths) == other.source_file_paths
    assert mine.attributes().keys() == other.attributes().keys()
    for one, two in zip(mine.train_index_bounds(), other.train_index_bounds(), strict=True):
        assert one.tolist() == two.astype(int).tolist()
    labelled = mine.train_index_bounds(labelled=True)
    assert labelled.to_numpy().tolist() == other.train_index_bounds(labelled=True).values.tolist()
    for keep in [False, True]:
        one, two = dict(mine.trains(keep_dims=keep)), dict(other.trains(keep_dims=keep))
        two = {
            t: v for t, v in two.items() if np.size(v)
        }  # with keep_dims it gives empty trains, too
        assert one.keys() == {int(t) for t in two}
        for train, values in two.items():
            np.testing.assert_array_equal(one[int(train)], values)
        both = mine.train_from_index(3, keep_dims=keep), other.train_from_index(3, keep_dims=keep)
        assert both[0][0] == both[1][0]
        np.testing.assert_array_equal(both[0][1], both[1][1])


def test_empty_trains_when_asked_for(run):
    image = run[AGIPD, "image.data"]
    assert len(dict(image.trains())) == 16
    found = dict(image.trains(include_empty=True))
    assert list(found) == run.train_ids.tolist()
    assert found[1000] is None
    kept = dict(image.trains(include_empty=True, keep_dims=True))
    assert kept[1000].shape == (0, 2, 4, 3)
    assert image.train_from_id(1000)[1].shape == (0, 2, 4, 3)
    with pytest.raises(TrainNotFound, match="999"):
        image.train_from_id(999)


def test_it_knows_its_run(run, small_run):
    channel = run[AGIPD, "image.data"]
    assert channel.origin.run == "r0001"
    assert channel.origin.folders == (small_run,)
    array = channel.xarray()
    assert array.attrs == {"run": "r0001", "source": AGIPD, "key": "image.data",
                           "trains_without_data": 4}  # fmt: skip
    assert "r0001" in channel._repr_html_()
    assert "16 of 20" in channel._repr_html_()
    assert run[XGM, "data.intensityTD"][:0].origin.run == "r0001"


def test_names_and_positions_of_a_region(run, theirs):
    mine, other = run[AGIPD, "image.data"], theirs[AGIPD, "image.data"]
    roi, names = np.s_[0, 1:3, ::2], ["gain", "y", "x"]
    array = mine.xarray(roi=roi, extra_dims=names)
    reference = other.xarray(roi=roi, extra_dims=names)
    assert array.dims == ("frame", "y", "x")
    for name in names:
        np.testing.assert_array_equal(array[name], reference[name])
    np.testing.assert_array_equal(array, reference)
    assert mine.xarray(roi=np.s_[0], extra_dims=["y", "x"]).dims == ("frame", "y", "x")
    given = mine.xarray(roi=roi, extra_coords={"fast_scan": [5, 6]})
    assert given.fast_scan.values.tolist() == [5, 6]
    assert mine.xarray(roi=np.s_[..., 1:], extra_coords=True).fast_scan.values.tolist() == [1, 2]
    with pytest.raises(DataError, match="3 axes"):
        mine.xarray(extra_dims=["x"])


def test_entries_with_fields_are_a_data_set(exdf, tmp_path):
    fields = np.dtype([("x", "f4"), ("n", "u2")])
    rows = np.array([(1.5, 1), (2.5, 2), (3.5, 3)], fields)
    group = exdf.instrument("A/B/C:out/data", {"hits": ((), fields)}, data={"hits": rows})
    exdf.write(tmp_path / "r0002/RAW-R0002-DA01-S00000.h5", [7, 8, 9], [group])
    channel = open_run(tmp_path / "r0002", aliases={})["A/B/C:out", "data.hits"]
    assert channel.ndarray().tolist() == rows.tolist()
    data = channel[1:].xarray()
    assert isinstance(data, xr.Dataset)
    assert data.n.values.tolist() == [2, 3]
    assert data.train.values.tolist() == [8, 9]
    assert data.attrs["key"] == "data.hits"
    assert channel.dask_array(labelled=True).x.compute().values.tolist() == [1.5, 2.5, 3.5]


def test_one_value_for_all_trains(run, theirs):
    state = run[MOTOR, "state"]
    assert state.as_single_value() == "ON"
    with pytest.raises(TypeError):
        state.as_single_value(reduce_by="mean")
    position, reference = run[MOTOR, "actualPosition"], theirs[MOTOR, "actualPosition"]
    for reduce_by in [None, "first", "max", np.mean]:
        wide = {"rtol": 0.1, "reduce_by": reduce_by}
        assert position.as_single_value(**wide) == reference.as_single_value(**wide)
    with pytest.raises(DataError, match="is not one value"):
        position.as_single_value()
    with pytest.raises(DataError, match="no data"):
        position[:0].as_single_value()
    with pytest.raises(DataError, match="'nonsense'"):
        position.as_single_value(reduce_by="nonsense")


def test_value_of_the_run_and_its_units(run, small_run):
    position = run[MOTOR, "actualPosition"]
    assert position.run_value() == 1.5
    with pytest.raises(KeyNotFound):
        run[XGM, "data.intensityTD"].run_value()
    assert position.units_name == ""
    run.close()
    with h5py.File(small_run / "RAW-R0001-DA01-S00000.h5", "r+") as file:
        owner = file[f"CONTROL/{MOTOR}/actualPosition"]
        owner.attrs["metricPrefixName"], owner.attrs["unitName"] = b"milli", "meter"
    position = open_run(small_run)[MOTOR, "actualPosition"]
    assert position.units_name == "millimeter"


def test_a_virtual_file_names_its_sources(small_run, tmp_path):
    real = small_run / "RAW-R0001-DA01-S00000.h5"
    path = f"INSTRUMENT/{XGM}/data/intensityTD"
    virtual = tmp_path / "virtual.h5"
    with h5py.File(real) as file, h5py.File(virtual, "w") as copy:
        for name in ["INDEX", "METADATA", "RUN"]:
            file.copy(name, copy)
        layout = h5py.VirtualLayout(file[path].shape, file[path].dtype)
        layout[:] = h5py.VirtualSource(str(real), path, file[path].shape)
        copy.create_virtual_dataset(path, layout)
    channel = open_file(virtual)[XGM, "data.intensityTD"]
    assert channel.source_file_paths == (real,)
    assert channel.attributes()["unitSymbol"] == "J"
    assert channel.files == (str(virtual),)


def test_trains_and_sources_know_their_run(run, small_run):
    _, train = next(run.trains())
    assert train.run == "r0001"
    assert "r0001" in train._repr_html_()
    assert run[XGM].origin.folders == (small_run,)
    assert "r0001" in repr(run[XGM])
    mean = run[XGM, "data.intensityTD"].mean()
    assert mean.attrs["run"] == "r0001"
