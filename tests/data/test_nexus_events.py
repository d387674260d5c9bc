"""Points, logs and pulses: what belongs together, and what never does."""

import json

import h5py
import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from beambook.data import by_id, open_file, open_run
from beambook.data._nexus.times import moment
from beambook.errors import AlignmentError, DataError, KeyNotFound

START = "2024-05-06T07:08:09+02:00"
ZERO = moment(START)


def group(parent, name, nx_class=""):
    made = parent.create_group(name)
    made.attrs["NX_class"] = nx_class
    return made


def log(parent, name, seconds, values, *, start=START, units="s"):
    made = group(parent, name, "NXlog")
    made["time"] = np.asarray(seconds)
    made["time"].attrs.update({"units": units} | ({"start": start} if start else {}))
    made["value"] = values
    made["value"].attrs["units"] = "K"
    return made


@pytest.fixture
def path(tmp_path):
    return tmp_path / "events.nxs"


@pytest.fixture
def scan(path):
    """Five points with a detector, a motor, a log, and a spectrum with channels of its own."""
    with h5py.File(path, "w") as file:
        entry = group(file, "entry", "NXentry")
        entry["start_time"] = START
        data = group(entry, "data", "NXdata")
        data.attrs.update(signal="image", axes=["energy", "y", "x"])
        data["image"] = np.arange(30).reshape(5, 2, 3)
        data["energy"] = np.array([7.0, 7.1, 7.2, 7.3, 7.4])
        data["energy"].attrs["units"] = "keV"
        data["y"], data["x"] = [0.0, 1.0], [0.0, 1.0, 2.0]
        instrument = group(entry, "instrument", "NXinstrument")
        detector = group(instrument, "det", "NXdetector")
        detector["data"] = data["image"]
        detector["count_time"] = np.ones(5)
        group(instrument, "mono", "NXmonochromator")["energy"] = data["energy"]
        log(group(entry, "sample", "NXsample"), "temperature", [0.0, 0.5, 2.0], [4.2, 4.3, 4.4])
        mca = group(entry, "mca", "NXdata")
        mca.attrs["signal"] = "counts"
        mca["counts"] = np.arange(5)  # as many as there are points, but channels
    return open_file(path)


def test_points_are_the_events_of_what_is_shown(scan):
    assert scan.event_axes == {"point": 5, "time": 3, "mca": 5}
    assert scan.train_ids.tolist() == [0, 1, 2, 3, 4]
    assert scan["instrument/det"].keys() == {"data", "count_time"}
    assert scan["instrument/mono", "energy"].ndarray().tolist() == [7.0, 7.1, 7.2, 7.3, 7.4]


def test_rows_that_are_pixels_are_not_points(path):
    with h5py.File(path, "w") as file:
        entry = group(file, "entry", "NXentry")
        data = group(entry, "data", "NXdata")
        data.attrs.update(signal="n", axes=["time_of_flight"])
        data["n"], data["time_of_flight"] = np.arange(3), np.arange(3.0)
        group(entry, "sample", "NXsample")["position"] = np.arange(3.0)
    entry = open_file(path)
    assert entry["data"].keys() == {"n", "time_of_flight"}
    assert entry["sample"].run_value("position").tolist() == [0, 1, 2]


def test_channel_of_points_with_all_labels(scan):
    array = scan["instrument/det", "data"][1:3].xarray()
    assert array.dims == ("point", "y", "x")
    assert array["point"].values.tolist() == [1, 2]
    assert array["energy"].values.tolist() == [7.1, 7.2]
    assert array["energy"].attrs["units"] == "keV"
    assert array["x"].values.tolist() == [0.0, 1.0, 2.0]
    assert array.values.tolist() == np.arange(30).reshape(5, 2, 3)[1:3].tolist()


def test_selection_also_of_what_is_shown(scan):
    assert scan[1:3].plottable()["energy"].values.tolist() == [7.1, 7.2]
    assert scan[by_id[[4]]].plottable()["energy"].values.tolist() == [7.4]
    assert scan[:0].plottable().shape == (0, 2, 3)
    assert [len(part.train_ids) for part in scan.split_trains(2)] == [2, 3]
    assert scan[:2].card().facts["events"].startswith("2 selected of")


def test_aligned_points(scan):
    found = scan.aligned(image=("data", "image"), t=("instrument/det", "count_time"))
    assert found["image"].dims[0] == "point"
    assert found["t"].dims == ("point",)
    assert json.loads(found.attrs["alignment"])["t"]["trains_missing"] == 0


def test_what_lies_along_other_events_is_found_but_never_matched(scan):
    temperature = scan["sample/temperature", "value"]
    assert temperature.ndarray().tolist() == [4.2, 4.3, 4.4]
    assert scan["mca"].keys() == {"counts"}
    for other in (("sample/temperature", "value"), ("mca", "counts")):
        with pytest.raises(AlignmentError, match="along"):
            scan.aligned(a=("data", "energy"), b=other)
        with pytest.raises(AlignmentError, match="along"):
            scan.channel(scan[other])
    assert scan.along("mca").aligned(c=("mca", "counts"))["c"].values.tolist() == [0, 1, 2, 3, 4]


def test_entries_are_not_put_together(scan):
    with pytest.raises(DataError, match="not the same"):
        scan | scan


def test_logs_have_times(scan):
    array = scan.along("time")["sample/temperature", "value"].xarray()
    assert array.dims == ("time",)
    assert array.attrs["units"] == "K"
    times = pd.to_datetime(array["time"].values)
    assert str(times[1]) == "2024-05-06 05:08:09.500000"
    assert scan.along("time").train_ids.tolist() == [ZERO, ZERO + 5 * 10**8, ZERO + 2 * 10**9]


def test_logs_are_matched_by_time(path):
    with h5py.File(path, "w") as file:
        entry = group(file, "entry", "NXentry")
        log(entry, "a", [0, 1, 2], [10, 11, 12])
        log(entry, "b", [1000, 3000], [21, 23], units="ms")
        log(entry, "c", [2.0, 2.0], [32, 33], start="2024-05-06T05:08:09Z")
    entry = open_file(path)
    assert entry.event_axes == {"time": 4}
    found = entry.aligned(a=("a", "value"), b=("b", "value"))
    assert found["a"].values.tolist() == [11]
    assert found["b"].values.tolist() == [21]
    assert entry["c", "value"].data_counts(labelled=False).tolist() == [0, 0, 2, 0]
    assert entry["c", "value"].ndarray().tolist() == [32, 33]


@pytest.mark.parametrize(
    ("seconds", "start", "units", "axis"),
    [
        ([0.0, 2.0, 1.0], START, "s", "log"),  # times go back: records are numbered
        ([0.0, np.nan, 1.0], START, "s", "log"),
        ([0.0, 1.0, 2.0], START, "furlongs", "log"),
        ([0.0, 1.0, 2.0], "", "s", "time"),
        ([-1.0, 0.0, 2.0], "", "s", "time"),
    ],
)
def test_times_that_are_odd_lose_no_record(path, seconds, start, units, axis):
    with h5py.File(path, "w") as file:
        log(group(file, "entry", "NXentry"), "log", seconds, [1, 2, 3], start=start, units=units)
    entry = open_file(path)
    assert entry.event_axis == axis
    assert entry["log", "value"].xarray().values.tolist() == [1, 2, 3]
    assert ("times of a log" in {f.what for f in entry.problems}) == (axis == "log")
    if not start:
        assert entry["log", "value"].xarray()["time"].values.tolist() == seconds


def events(parent, name, counts, *, zero=None):
    made = group(parent, name, "NXevent_data")
    pulses = len(counts)
    made["event_time_zero"] = np.arange(pulses) / 10 if zero is None else zero
    made["event_time_zero"].attrs.update(units="second", offset=START)
    made["event_index"] = np.concatenate([[0], np.cumsum(counts)[:-1]]).astype("u8")
    made["event_id"] = np.repeat(np.arange(pulses), counts).astype("i4")
    made["event_time_offset"] = np.arange(sum(counts), dtype="f4")
    made["total_counts"] = sum(counts)
    return made


def test_events_belong_to_their_pulses(path):
    with h5py.File(path, "w") as file:
        entry = group(file, "entry", "NXentry")
        events(entry, "bank1_events", [2, 0, 3])
        events(entry, "bank2_events", [0, 1, 1])
    entry = open_file(path)
    bank = entry["bank1_events", "event_id"]
    assert entry.event_axes == {"time": 3}
    assert bank.data_counts(labelled=False).tolist() == [2, 0, 3]
    assert bank[2:].ndarray().tolist() == [2, 2, 2]
    assert bank.dims == ("frame",)
    assert bank.xarray()["time"].dtype == "M8[ns]"
    assert entry["bank1_events"].run_value("total_counts") == 5
    assert entry["bank2_events", "event_time_offset"][1:2].ndarray().tolist() == [0.0]
    assert entry.select("*", "event_id", require_all=True).train_ids.tolist() == [ZERO + 2 * 10**8]
    assert [len(values) for _, values in bank.trains(keep_dims=True)] == [2, 3]


def test_events_without_an_index_are_values_and_it_is_said(path):
    with h5py.File(path, "w") as file:
        bank = group(group(file, "entry", "NXentry"), "bank", "NXevent_data")
        bank["event_id"] = np.arange(5)
    entry = open_file(path)
    assert "events without pulses" in {f.what for f in entry.problems}
    assert entry.field("bank/event_id").values.tolist() == [0, 1, 2, 3, 4]


@given(st.lists(st.integers(0, 5), min_size=1, max_size=8), st.data())
@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
def test_any_events_as_read_by_hand(tmp_path_factory, counts, data):
    path = tmp_path_factory.mktemp("events") / "events.nxs"
    steps = data.draw(st.lists(st.integers(0, 2), min_size=len(counts), max_size=len(counts)))
    zero = np.cumsum(steps).astype("i8")  # pulses may have the same time
    with h5py.File(path, "w") as file:
        events(group(file, "entry", "NXentry"), "bank", counts, zero=zero)
    entry = open_file(path)
    expected = {
        ZERO + int(t) * 10**9: np.repeat(np.arange(len(counts)), np.where(zero == t, counts, 0))
        for t in zero
    }
    found = dict(entry["bank", "event_id"].trains(keep_dims=True, include_empty=True))
    assert {i: v.tolist() for i, v in found.items()} == {i: v.tolist() for i, v in expected.items()}


@pytest.mark.parametrize(
    ("text", "ns"),
    [
        ("1970-01-01", 0),
        ("1970-01-01T00:00:01Z", 10**9),
        ("1970-01-01 00:00:01.000000001+0000", 10**9 + 1),
        ("1970-01-01T00:00-01:30", 90 * 60 * 10**9),
        ("1970-01-01T00:00:00,25", 25 * 10**7),
        ("9999999-01-01", None),
        ("2020-13-01", None),
        ("", None),
    ],
)
def test_moments(text, ns):
    assert moment(text) == ns


@pytest.mark.parametrize("start", ["", START])
def test_tables_have_the_labels_of_arrays(path, start):
    with h5py.File(path, "w") as file:
        entry = group(file, "entry", "NXentry")
        log(entry, "log", [0.0, 1.0, 2.0], [300.0, 301.0, 302.0], start=start)
    entry = open_file(path)
    channel = entry["log", "value"]
    times = channel.xarray()["time"].values
    tables = (channel.series(), channel.data_counts(), entry["log"].data_counts(),
              channel.train_index_bounds(labelled=True), entry.get_dataframe())  # fmt: skip
    for table in tables:
        assert table.index.name == "time"
        np.testing.assert_array_equal(table.index.values, times)
    found = entry.aligned(a=("log", "value"))
    np.testing.assert_array_equal(found["time"].values, times)
    assert not start or times.dtype == "M8[ns]"


def test_points_are_called_so_in_tables(scan):
    found = scan["instrument/det", "count_time"].series()
    assert found.index.name == "point"
    assert found.index.tolist() == scan.train_ids.tolist()


def test_an_entry_says_briefly_what_it_is(scan, small_run):
    channel = scan["instrument/det", "count_time"]
    assert channel.xarray().attrs["run"] == f"{scan.name}:entry"
    assert scan.plottable().attrs["run"] == f"{scan.name}:entry"
    assert len(repr(scan.default)) < 200
    with pytest.raises(DataError, match="live=True"):
        open_file(scan.contents.file.path, live=True)
    with pytest.raises(KeyNotFound) as error:
        scan.field("wrong")
    names = error.value.args[0].partition("there are ")[2].rstrip(".").split(", ")
    assert len(set(names)) == len(names)
    with pytest.raises(DataError, match="cannot be put together"):
        open_run(small_run) | scan


@pytest.mark.parametrize("start", ["", START])
def test_groups_of_events_are_called_by_their_time(path, start):
    with h5py.File(path, "w") as file:
        entry = group(file, "entry", "NXentry")
        log(entry, "log", [0.0, 1.0, 1.0, 2.0], [300.0, 301.0, 302.0, 303.0], start=start)
    entry = open_file(path)
    channel = entry["log", "value"]
    found = channel.mean(by="train")
    assert found.dims == ("time",)
    assert found.values.tolist() == [300.0, 301.5, 303.0]
    times = channel.data_counts().index.values
    np.testing.assert_array_equal(found["time"].values, times)
    stamps = entry.train_timestamps(labelled=True)
    np.testing.assert_array_equal(stamps.index.values, times)
