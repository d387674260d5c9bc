"""Sources, keys, selections, values of the run."""

import pickle
import warnings

import dask.array
import extra_data
import h5py
import numpy as np
import pytest
import xarray as xr

from beambook.data import DataWarning, by_id, by_index, open_file, open_run
from beambook.errors import AliasNotFound, DataError, KeyNotFound, SourceNotFound, TrainNotFound

XGM = "SA2_XTD1_XGM/XGM/DOOCS:output"
MOTOR = "MID_EXP_SAM/MOTOR/X"
AGIPD = "MID_DET_AGIPD1M-1/DET/0CH0:xtdf"


@pytest.fixture
def run(small_run):
    return open_run(small_run)


def test_what_is_in_it(run):
    assert run.train_ids.dtype == np.uint64
    assert run.train_ids.tolist() == list(range(1000, 1020))
    assert run.sources == run.all_sources == {XGM, MOTOR, AGIPD}
    assert run.control_sources == {MOTOR}
    assert run.instrument_sources == {XGM, AGIPD}
    assert len(run.files) == 4
    assert run.problems == ()
    assert run.run_metadata()["runNumber"] == 1
    assert {XGM, (XGM, "data.intensityTD"), (MOTOR, "actualPosition")} <= {
        item for item in [XGM, "nobody", (XGM, "data.intensityTD"), (MOTOR, "actualPosition")]
        if item in run
    }  # fmt: skip
    assert "nobody" not in run
    assert (XGM, "nothing") not in run


def test_names_of_axes_and_units(run):
    assert run[XGM, "data.intensityTD"].dims == ("train", "pulse")
    assert run[XGM, "data.intensityTD"].units == "µJ"
    assert run[MOTOR, "actualPosition"].units == "mm"
    assert run[MOTOR, "actualPosition"].dims == ("train",)
    assert run[AGIPD, "image.data"].dims == ("frame", "data_gain", "slow_scan", "fast_scan")
    array = run[XGM, "data.intensityTD"].xarray()
    assert array.attrs["units"] == "µJ"
    assert array.train.dtype == np.uint64
    assert array.trainId.identical(array.train.rename("trainId"))


def test_units_of_the_group_win(exdf, tmp_path):
    group = exdf.control("A/B/C", {"x": (), "y": ()}, units={"x": (b"k", b"eV")})
    path = exdf.write(tmp_path / "a.h5", [5], [group])
    with h5py.File(path, "r+") as file:
        file["CONTROL/A/B/C/x/value"].attrs["unitSymbol"] = b"V"
        file["CONTROL/A/B/C/y/value"].attrs["unitSymbol"] = "Å"
    run = open_file(path)
    assert run["A/B/C", "x"].units == "keV"
    assert run["A/B/C", "y"].units == "Å"
    assert run["A/B/C", "x.timestamp"].units == ""
    assert run["A/B/C", "x"].xarray().attrs["units"] == "keV"


def test_frames_have_train_and_pulse(run):
    array = run[AGIPD, "image.data"].xarray(roi=np.s_[0])
    assert array.dims == ("frame", "slow_scan", "fast_scan")
    assert (array[:, 0, 0] == array.train % 1000 * 10 + array.pulse // 4).all()
    assert set(np.unique(array.pulse)) == {0, 4, 8}


def test_value_suffix_may_be_left_out(run):
    channel = run[MOTOR, "actualPosition"]
    assert channel.key == "actualPosition.value"
    np.testing.assert_array_equal(channel.series(), run[MOTOR]["actualPosition.value"].ndarray())
    assert run[MOTOR].keys(inc_timestamps=False) == {"actualPosition", "state"}
    assert run[MOTOR, "actualPosition.timestamp"].ndarray()[0] == 10000


def test_strings(run):
    state = run[MOTOR, "state"]
    assert state.ndarray().tolist() == ["ON"] * 20
    assert state.series().iloc[0] == "ON"
    assert state.dask_array().compute().tolist() == ["ON"] * 20


def test_values_of_the_run(run):
    assert run[MOTOR].run_value("actualPosition") == 1.5
    assert run[MOTOR].run_values(inc_timestamps=False) == {
        "actualPosition": 1.5,
        "classId": "Motor",
    }
    assert run[MOTOR].run_keys() == {"actualPosition.value", "classId.value"}
    assert run[MOTOR].device_class == "Motor"
    assert run[XGM].device_class is None
    with pytest.raises(KeyNotFound, match="did you mean 'classId'"):
        run[MOTOR].run_value("classID")


def test_source_with_values_of_the_run_only(exdf, tmp_path):
    path = exdf.write(tmp_path / "a.h5", [5, 6], [exdf.control("A/B/C", {}, [0, 0], run={"a": 3})])
    source = open_file(path)["A/B/C"]
    assert source.keys() == frozenset()
    assert source.run_value("a") == 3
    assert source.data_counts().tolist() == [0, 0]
    assert len(open_file(path).select("A/*", require_all=True).train_ids) == 2


def test_times(run):
    times = run.train_timestamps()
    assert times.dtype == "M8[ns]"
    assert (np.diff(times) == np.timedelta64(100, "ms")).all()


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        (np.s_[:3], [1000, 1001, 1002]),
        (np.s_[-2:], [1018, 1019]),
        (np.s_[::-7], [1005, 1012, 1019]),
        (4, [1004]),
        (-1, [1019]),
        ([3, 1, 1], [1001, 1003]),
        (np.array([2]), [1002]),
        (by_index[5:7], [1005, 1006]),
        (by_id[1005:1007], [1005, 1006]),
        (by_id[:1002], [1000, 1001]),
        (by_id[1018:], [1018, 1019]),
        (by_id[1000:1010:4], [1000, 1004, 1008]),
        (by_id[1003], [1003]),
        (by_id[[1007, 1003]], [1003, 1007]),
        (np.arange(20) == 6, [1006]),
        ([], []),
    ],
    ids=str,
)
def test_choosing_trains(run, choice, expected):
    assert run[choice].train_ids.tolist() == expected
    assert run[XGM][choice].train_ids.tolist() == expected
    array = run[XGM, "data.intensityTD"][choice].xarray()
    assert array.train.values.tolist() == expected
    assert (array // 1000 == array.train).all()


def test_choosing_trains_by_condition(run):
    position = run[MOTOR, "actualPosition"].xarray()
    assert run[position >= 1015e3].train_ids.tolist() == [1015, 1016, 1017, 1018, 1019]
    with pytest.raises(DataError, match="booleans"):
        run[position]
    unlabelled = xr.DataArray(np.ones(20, bool))
    with pytest.raises(DataError, match="train id"):
        run[unlabelled]


def test_trains_that_are_not_there(run):
    with pytest.raises(TrainNotFound, match=r"20 trains 1000 … 1019"):
        run[by_id[7]]
    with pytest.raises(TrainNotFound):
        run[99]
    with pytest.raises(TrainNotFound, match="'7' in r0001"):
        run.train_from_id(7)
    with pytest.warns(DataWarning, match="1 of 2 train ids are not among the 20 trains"):
        assert run[by_id[[7, 1000]]].train_ids.tolist() == [1000]
    with pytest.warns(DataWarning, match=r"No train is within by_id\[7:9\]"):
        assert run[by_id[7:9]].train_ids.tolist() == []
    with pytest.raises(DataError, match="20 trains"):
        run[np.ones(3, bool)]
    with pytest.raises(TypeError):
        run[1.5]


@pytest.mark.parametrize(
    "chosen",
    [
        "*XGM*",
        ["*XGM*", ("MID*", "image.pulseId")],
        {XGM: {"data.intensityTD"}, MOTOR: set()},
        {MOTOR: {"actualPosition"}},
        [("*", "*")],
        [("*MOTOR*", "actual*")],
    ],
    ids=str,
)
def test_selecting_is_extra_datas(run, small_run, chosen):
    theirs = extra_data.RunDirectory(small_run, parallelize=False)
    for mine, other in [
        (run.select(chosen), theirs.select(chosen)),
        (run.select(chosen, require_all=True), theirs.select(chosen, require_all=True)),
        (run.select(chosen, require_any=True), theirs.select(chosen, require_any=True)),
        (run.deselect(chosen), theirs.deselect(chosen)),
    ]:
        assert mine.all_sources == other.all_sources
        assert mine.train_ids.tolist() == [int(t) for t in other.train_ids]
        for source in other.all_sources:
            assert mine[source].keys() == other[source].keys()


def test_selecting_by_what_was_selected(run):
    some = run.select("*XGM*", "data.inten*")
    assert run.select(some).selection == {XGM: frozenset({"data.intensityTD"})}
    assert run.select(run[XGM]).all_sources == {XGM}
    assert run.select(run[MOTOR, "state"]).selection == {MOTOR: frozenset({"state.value"})}
    with pytest.raises(SourceNotFound):
        some[AGIPD]
    with pytest.raises(TypeError):
        run.select(3)


def test_names_that_are_not_there(run):
    with pytest.raises(SourceNotFound, match="did you mean 'SA2_XTD1_XGM/XGM/DOOCS:output'"):
        run["SA2_XTD1_XGM/XGM/DOOCS:outptu"]
    with pytest.raises(KeyNotFound, match=r"did you mean 'data.intensityTD'"):
        run[XGM, "data.intensity"]
    with pytest.raises(SourceNotFound, match=r"\*LPD\*"):
        run.select("*LPD*")
    with pytest.raises(KeyNotFound, match="2 sources 'MID"):
        run.select("MID*", "nothing*")
    with pytest.raises(KeyNotFound):
        run.select({XGM: {"data.intensity"}})
    with pytest.raises(KeyError, match="nobody"):
        run["nobody"]


def test_trains(run):
    ids = []
    for train_id, train in run.trains():
        ids.append(train_id)
        assert train.id == train_id
        assert train[XGM]["data.intensityTD"][0] // 1000 == train_id
        assert train[MOTOR, "actualPosition"] // 1000 == train_id
        assert ("image.data" in train[AGIPD]) == (train_id % 5 != 0)
    assert ids == run.train_ids.tolist()
    assert [t for t, _ in run.trains(require_all=True)] == [t for t in ids if t % 5]
    _, flat = next(run.trains(devices="*XGM*", train_range=by_id[1003:], flat_keys=True))
    assert flat[XGM, "data.intensityTD"].shape == (8,)
    _, kept = run.train_from_index(3, keep_dims=True)
    assert kept[XGM, "data.intensityTD"].shape == (1, 8)
    assert "Train 1003" in kept.card().text()
    with pytest.raises(SourceNotFound):
        kept["nobody"]
    with pytest.raises(KeyNotFound):
        kept[XGM, "nothing"]


def test_union_of_sources_and_trains(run):
    whole = run.select("*XGM*")[:5] | run.select("*MOTOR*")[10:]
    assert whole.all_sources == {XGM, MOTOR}
    assert whole.train_ids.tolist() == [*range(1000, 1005), *range(1010, 1020)]
    assert whole.name == "r0001"
    again = run[:10].union(run[10:])
    assert again.train_ids.tolist() == run.train_ids.tolist()
    np.testing.assert_array_equal(
        again[XGM, "data.intensityTD"].ndarray(), run[XGM, "data.intensityTD"].ndarray()
    )


def test_union_of_runs(run, exdf, tmp_path):
    group = exdf.instrument(f"{XGM}/data", {"intensityTD": ((8,), "f4")})
    later = open_file(exdf.write(tmp_path / "later.h5", [2000, 2001], [group]))
    both = run.select("*XGM*") | later
    assert both[XGM, "data.intensityTD"].shape == (22, 8)
    same = open_file(exdf.write(tmp_path / "same.h5", [1003], [group]))
    with pytest.raises(DataError, match="1 sources have the same trains in both runs"):
        run.union(same)


def test_runs_that_differ_in_shape_do_not_mix(run, exdf, tmp_path):
    group = exdf.instrument(f"{XGM}/data", {"intensityTD": ((5,), "f4")})
    other = open_file(exdf.write(tmp_path / "other.h5", [2000], [group]))
    both = run.select("*XGM*") | other
    with pytest.raises(DataError, match=r"float32\[8\] in one file and float32\[5\] in other.h5"):
        both[XGM, "data.intensityTD"].ndarray()
    assert both[XGM, "data.intensityTD"][by_id[2000]].shape == (1, 5)


def test_old_names(exdf, tmp_path):
    new = exdf.instrument("A_DET_B/CORR/0CH0:output/image", {"data": (2, 2)})
    path = exdf.write(tmp_path / "a.h5", [5, 6], [new],
                      links=[("A_DET_B/DET/0CH0:xtdf", "A_DET_B/CORR/0CH0:output")])  # fmt: skip
    with h5py.File(path, "r+") as file:
        listed = file["METADATA/dataSources/dataSourceId"]
        listed[1] = b"INSTRUMENT/A_DET_B/DET/0CH0:xtdf/image"
    run = open_file(path)
    assert run.legacy_sources == {"A_DET_B/DET/0CH0:xtdf": "A_DET_B/CORR/0CH0:output"}
    with pytest.warns(DeprecationWarning, match="old name of A_DET_B/CORR/0CH0:output"):
        old = run["A_DET_B/DET/0CH0:xtdf", "image.data"]
    np.testing.assert_array_equal(
        old.ndarray(), run["A_DET_B/CORR/0CH0:output", "image.data"].ndarray()
    )
    assert [set(train["A_DET_B/DET/0CH0:xtdf"]) for _, train in run.trains()] == [{"metadata"}] * 2


def test_aliases(run, tmp_path):
    file = tmp_path / "names.yml"
    file.write_text(
        f"xgm-device: {XGM}\n"
        f"pulse_energy: [{XGM}, data.intensityTD]\n"
        f"{MOTOR}:\n  sample-x: actualPosition\n"
        f"flux: {{source: {XGM}, key: data.intensityTD, fill: 1, units: mJ, dim: bunch}}\n"
    )
    named = run.with_aliases(file)
    assert named["XGM_device"].source == XGM
    assert named["xgm-device", "data.intensityTD"].shape == (20, 8)
    assert named["sample_x"].key == "actualPosition.value"
    assert named.alias["sample-x"].units == "mm"
    assert named["flux"].units == "mJ"
    assert named["flux"].dims == ("train", "bunch")
    assert named["flux"].xarray().attrs["units"] == "mJ"
    assert named.select(["sample-x"]).selection == {MOTOR: frozenset({"actualPosition.value"})}
    assert "sample-x" in named.card().text()
    assert XGM in named.aliases.card().text()
    assert named[:3]["flux"].shape == (3, 8)
    assert len(named.drop_aliases().aliases) == 0
    with pytest.raises(SourceNotFound, match="sample-x"):
        named["sample-z"]
    with pytest.raises(AliasNotFound, match="did you mean 'flux'"):
        named.aliases["flu"]
    gone = run.with_aliases({"mono": "NO/SUCH/MONO"})
    with pytest.raises(SourceNotFound, match="The alias 'mono'"):
        gone["mono"]


@pytest.mark.parametrize(
    ("definition", "message"),
    [
        ({"a": 3}, "The alias 'a' in the aliases is 3"),
        ({"a": {"source": "X/Y/Z", "puls": "sase2"}}, "has no 'puls'. Did you mean 'pulses'"),
        ({"a": {"key": "x"}}, "names no source"),
        ({"a": {"source": "X/Y/Z", "fill": "one"}}, "fill is 'one', not a number"),
        ({"a": {"source": "X/Y/Z", "pulses": [1.5]}}, r"pulses is \[1.5\]"),
        ({"a": {"source": "X/Y/Z", "units": 3}}, "units is 3, not text"),
        ({"a-b": "X/Y/Z", "A_B": "X/Y/W"}, "two meanings"),
    ],
    ids=str,
)
def test_aliases_that_mean_nothing(run, definition, message):
    with pytest.raises(DataError, match=message):
        run.with_aliases(definition)


def test_alias_files_in_other_forms(run, tmp_path):
    (tmp_path / "a.json").write_text(f'{{"x": ["{MOTOR}", "actualPosition"]}}')
    (tmp_path / "a.toml").write_text(f'x = ["{MOTOR}", "actualPosition"]')
    assert run.with_aliases(tmp_path / "a.json", tmp_path / "a.toml")["x"].source == MOTOR
    (tmp_path / "bad.yml").write_text("a: [unclosed")
    with pytest.raises(DataError, match=r"bad.yml cannot be read"):
        run.with_aliases(tmp_path / "bad.yml")
    (tmp_path / "list.yml").write_text("- a\n")
    with pytest.raises(DataError, match="list"):
        run.with_aliases(tmp_path / "list.yml")
    with pytest.raises(FileNotFoundError, match=r"none.yml"):
        run.with_aliases(tmp_path / "none.yml")


def test_cards_read_no_data(run):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert run.card().facts["trains"] == "20 (1000 … 1019)"
        assert run.card().facts["detectors"] == "MID_DET_AGIPD1M-1 (1 module)"
        assert len(run.card().facts) <= 8
        assert run[XGM].card().facts["trains"] == "20 of 20 have data"
        assert run[AGIPD, "image.data"].card().facts["axes"].startswith("frame 48, data_gain 2")
        rows = run.info().card().tables[0].rows
    assert (AGIPD, "AGIPD00", 3, 16, 4, 3) in rows
    assert repr(run).startswith("<Run r0001: trains 20")
    assert "<table>" in run._repr_html_()


def test_dask_array_in_blocks_of_trains(run, monkeypatch):
    monkeypatch.setattr("beambook.data._channel.DASK_BLOCK", 300)
    channel = run[AGIPD, "image.data"]
    lazy = channel.dask_array(labelled=True)
    assert isinstance(lazy.data, dask.array.Array)
    assert len(lazy.data.chunks[0]) == 8
    assert lazy.compute().equals(channel.xarray())
    np.testing.assert_array_equal(
        channel.dask_array().compute(scheduler="threads", num_workers=4), channel.ndarray()
    )
    assert run[[]][AGIPD, "image.data"].dask_array().shape == (0, 2, 4, 3)


def test_a_run_travels(run):
    again = pickle.loads(pickle.dumps(run.with_aliases({"x": (MOTOR, "actualPosition")})))
    np.testing.assert_array_equal(again["x"].ndarray(), run[MOTOR, "actualPosition"].ndarray())


@pytest.mark.parametrize(
    "options",
    [{"parts": 3}, {"trains_per_part": 8}, {"parts": 30}, {"parts": 2, "trains_per_part": 3}],
)
def test_splitting_is_extra_datas(run, small_run, options):
    theirs = extra_data.RunDirectory(small_run, parallelize=False)
    expected = [[int(t) for t in part.train_ids] for part in theirs.split_trains(**options)]
    assert [part.train_ids.tolist() for part in run.split_trains(**options)] == expected
    parts = list(run[XGM, "data.intensityTD"].split_trains(**options))
    assert [part.train_ids.tolist() for part in parts] == expected
    with pytest.raises(TypeError, match="parts or trains_per_part"):
        next(run.split_trains())


def test_series_is_for_single_values(run):
    with pytest.raises(TypeError, match=r"entries of shape \(8,\)"):
        run[XGM, "data.intensityTD"].series()
