"""Files laid out as facilities write them; each is a small likeness of the real thing."""

import h5py
import numpy as np
import pytest

from beambook.data import open_file


def group(parent, path, nx_class="", **attrs):
    made = parent.create_group(path)
    if nx_class:
        made.attrs["NX_class"] = np.bytes_(nx_class)
    made.attrs.update(attrs)
    return made


def put(parent, name, values, **attrs):
    parent[name] = values
    parent[name].attrs.update(attrs)
    return parent[name]


def isis(file):
    """ISIS muon and neutron files: raw_data_1, spectra by time of flight, selog."""
    entry = group(file, "raw_data_1", "NXentry")
    put(entry, "title", np.array([b"V-rod, 300 K"]))
    put(entry, "name", np.array([b"LET"]))
    put(entry, "start_time", np.array([b"2019-03-04T10:00:00"]))
    put(entry, "end_time", np.array([b"2019-03-04T11:00:00"]))
    put(group(entry, "instrument", "NXinstrument"), "name", np.array([b"LET"]))
    put(group(entry, "sample", "NXsample"), "name", np.array([b"V rod"]))
    data = group(entry, "detector_1", "NXdata")
    put(data, "counts", np.zeros((1, 4, 10), "i4"), signal=np.int32(1), units=b"counts",
        axes=b"period_index,spectrum_index,time_of_flight")  # fmt: skip
    put(data, "period_index", np.array([1]))
    put(data, "spectrum_index", np.arange(1, 5))
    put(data, "time_of_flight", np.arange(11.0), units=b"microsecond", axis=np.int32(1))
    block = group(group(entry, "selog", "IXselog"), "Temp_Sample", "IXseblock")
    log = group(block, "value_log", "NXlog")
    put(log, "time", np.array([-5.0, 0.0, 12.5], "f4"), units=b"second",
        start=b"2019-03-04T10:00:00")  # fmt: skip
    put(log, "value", np.array([299.0, 300.0, 301.0]), units=b"K")


def sns(file):
    """SNS: histograms of banks, events, DAS logs; times with nanoseconds and a zone."""
    entry = group(file, "entry", "NXentry")
    put(entry, "title", np.array([b"Diamond"]))
    put(entry, "start_time", np.array([b"2012-08-23T11:23:53.833508666-04:00"]))
    name = put(group(entry, "instrument", "NXinstrument"), "name", np.array([b"NOMAD"]))
    name.attrs["short_name"] = "NOM"
    put(group(entry, "sample", "NXsample"), "name", np.array([b"C"]))
    bank = group(entry, "bank1", "NXdata", signal="data_x_y", axes="x_pixel_offset,y_pixel_offset")
    put(bank, "data_x_y", np.zeros((3, 4), "u4"))
    put(bank, "x_pixel_offset", np.arange(3.0), units="m")
    put(bank, "y_pixel_offset", np.arange(4.0), units="m")
    events = group(entry, "bank1_events", "NXevent_data")
    put(events, "event_time_zero", np.array([0.0, 1 / 60]), units="second",
        offset="2012-08-23T11:23:53.833508666-04:00")  # fmt: skip
    put(events, "event_index", np.array([0, 2], "u8"))
    put(events, "event_id", np.array([7, 8, 9], "u4"))
    put(events, "event_time_offset", np.array([1.0, 2.0, 3.0], "f4"), units="microsecond")
    log = group(group(entry, "DASlogs", "NXcollection"), "frequency", "NXlog")
    put(log, "time", np.array([0.0, 1.0]), units="second",
        start="2012-08-23T11:23:53.833508666-04:00")  # fmt: skip
    put(log, "value", np.array([60.0, 60.0]), units="Hz")


def esrf(file):
    """ESRF, bliss: scans 1.1, 2.1, measurement with links, plotselect by default."""
    file.attrs.update(NX_class="NXroot", default="1.1", creator="bliss")
    entry = group(file, "1.1", "NXentry", default="plotselect")
    put(entry, "title", "ascan mono 7 7.2 2 1")
    put(entry, "start_time", "2023-02-01T12:00:00.000000+01:00")
    instrument = group(entry, "instrument", "NXinstrument")
    put(instrument, "name", "ESRF-ID26", short_name="id26")
    put(group(entry, "sample", "NXsample"), "name", "Fe foil")
    put(group(instrument, "diode", "NXdetector"), "data", np.array([1.0, 2.0, 3.0]))
    put(group(instrument, "mono", "NXpositioner"), "value", np.array([7, 7.1, 7.2]), units="keV")
    measurement = group(entry, "measurement", "NXcollection")
    measurement["diode"] = h5py.SoftLink("/1.1/instrument/diode/data")
    measurement["mono"] = h5py.SoftLink("../instrument/mono/value")  # not HDF5, seen in the wild
    plot = group(entry, "plotselect", "NXdata", signal="diode", axes=["mono"])
    plot["diode"] = h5py.SoftLink("/1.1/instrument/diode/data")
    plot["mono"] = h5py.SoftLink("/1.1/instrument/mono/value")
    put(group(file, "2.1", "NXentry"), "title", "ct")


def diamond(file):
    """Diamond, GDA: a grid scan; axis, primary, label as text, one NXdata for each detector."""
    entry = group(file, "entry1", "NXentry")
    put(entry, "title", "rscan")
    put(group(entry, "instrument", "NXinstrument"), "name", "i18")
    data = group(entry, "xspress3", "NXdata")
    put(data, "data", np.zeros((2, 3, 5)), signal=1, interpretation="spectrum")
    put(data, "x", np.ones((2, 3)), axis="1,2", label="2")
    put(data, "y_set", np.arange(2.0), axis="1", primary="1", label="1")
    put(data, "x_set", np.arange(3.0), axis="2", primary="1", label="2")
    put(data, "energy", np.arange(5.0), axis="3", primary="1", units="keV")


def soleil(file):
    """SOLEIL: the entry is called after the experiment, placeholders stand for texts."""
    entry = group(file, "exp_0042", "NXentry")
    put(entry, "title", np.array([b"{Extended title}"]))
    group(entry, "SIXS", "NXinstrument", name=np.bytes_(b"{Name of instrument}"))
    put(group(entry, "sample_info", "NXsample"), "name", np.array([b"Au(111)"]))
    put(entry, "start_time", np.array([b"2013-09-28T04:50:48+0100"]))
    data = group(entry, "scan_data", "NXdata")
    put(data, "actuator_1_1", np.arange(4.0), axis=np.int32(1), primary=np.int32(1), units=b"eV")
    put(data, "data_01", np.arange(4.0), signal=np.int32(1), units=b"A")
    put(data, "data_02", np.arange(4.0), signal=np.int32(2))


def psi(file):
    """PSI, SINQ: entry1, data1 with links by hard link, axes on the signal."""
    entry = group(file, "entry1", "NXentry")
    put(entry, "title", np.array([b"MnO 10K"]))
    put(entry, "start_time", np.array([b"2012-04-03 10:11:12"]))
    sinq = group(entry, "DMC", "NXinstrument")
    put(sinq, "name", np.array([b"DMC at SINQ"]))
    put(group(entry, "sample", "NXsample"), "name", np.array([b"MnO"]))
    detector = group(sinq, "DMC-BF3-Detector", "NXdetector")
    put(detector, "CounterSum", np.arange(400), signal=np.int32(1), units=b"counts")
    put(detector, "two_theta", np.linspace(10, 90, 400), axis=np.int32(1), units=b"degree")
    data = group(entry, "data1", "NXdata")
    data["counts"] = detector["CounterSum"]
    data["two_theta"] = detector["two_theta"]


def ill(file):
    """ILL: entry0, one NXdata whose signal and axes are attributes of fields."""
    entry = group(file, "entry0", "NXentry")
    put(entry, "title", np.array([b"H2O 1mm"]))
    put(entry, "start_time", np.array([b"12-Sep-19 10:11:12"]))
    put(group(entry, "D22", "NXinstrument"), "name", np.array([b"D22"]))
    put(group(entry, "sample", "NXsample"), "chemical_formula", np.array([b"H2O"]))
    put(group(entry, "data", "NXdata"), "MultiDetector1_data", np.zeros((8, 9, 1), "i4"),
        signal=np.array([1]))  # fmt: skip


def maxiv(file):
    """MAX IV: a master file; images in a file beside it."""
    beside = file.filename.replace("master", "000001")
    with h5py.File(beside, "w") as images:
        put(images, "entry/data/data", np.ones((4, 5, 6), "u2"))
    file.attrs["default"] = "entry"
    entry = group(file, "entry", "NXentry", default="data")
    put(entry, "title", "lysozyme")
    put(entry, "start_time", "2022-01-01T00:00:00Z")
    put(group(entry, "instrument", "NXinstrument"), "name", "BioMAX")
    put(group(entry, "sample", "NXsample"), "name", "lysozyme")
    data = group(entry, "data", "NXdata", signal="data_000001")
    data["data_000001"] = h5py.ExternalLink(beside.rpartition("/")[2], "/entry/data/data")


SEEN = {
    isis: ("/raw_data_1/detector_1/counts", ("period_index", "spectrum_index", "time_of_flight"),
           "V-rod, 300 K", "LET", "V rod"),
    sns: ("/entry/bank1/data_x_y", ("x_pixel_offset", "y_pixel_offset"), "Diamond", "NOMAD", "C"),
    esrf: ("/1.1/instrument/diode/data", ("mono",), "ascan mono 7 7.2 2 1", "ESRF-ID26",
           "Fe foil"),
    diamond: ("/entry1/xspress3/data", ("y_set", "x_set", "energy"), "rscan", "i18", ""),
    soleil: ("/exp_0042/scan_data/data_01", ("actuator_1_1",), "", "SIXS", "Au(111)"),
    psi: ("/entry1/DMC/DMC-BF3-Detector/CounterSum", ("two_theta",), "MnO 10K", "DMC at SINQ",
          "MnO"),
    ill: ("/entry0/data/MultiDetector1_data", ("axis_0", "axis_1", "axis_2"), "H2O 1mm", "D22",
          "H2O"),
    maxiv: ("/entry/data/data_000001", ("axis_0", "axis_1", "axis_2"), "lysozyme", "BioMAX",
            "lysozyme"),
}  # fmt: skip


@pytest.fixture(params=SEEN, ids=lambda maker: maker.__name__)
def likeness(request, tmp_path):
    path = tmp_path / f"{request.param.__name__}_master.h5"
    with h5py.File(path, "w") as file:
        request.param(file)
    return open_file(path), *SEEN[request.param]


def test_facilities(likeness):
    entry, signal, axes, title, instrument, sample = likeness
    array = entry.plottable()
    assert (entry.title, entry.instrument, entry.sample) == (title, instrument, sample)
    assert array.dims == axes
    assert same_data(entry, signal)
    assert entry.default.problems == ()


def same_data(entry, path):
    with h5py.File(entry.contents.file.path) as file:
        return file[path] == file[entry.default.signal.path]


@pytest.fixture
def written(tmp_path):
    def write(maker):
        with h5py.File(tmp_path / "file_master.h5", "w") as file:
            maker(file)
        return open_file(tmp_path / "file_master.h5")

    return write


def test_isis_logs_and_edges(written):
    entry = written(isis)
    assert "time_of_flight_left" in entry.plottable().coords
    log = entry["selog/Temp_Sample/value_log", "value"].xarray()
    assert log.values.tolist() == [299.0, 300.0, 301.0]
    assert str(log["time"].values[2]).startswith("2019-03-04T10:00:12.5")


def test_sns_events_and_logs_share_their_clock(written):
    entry = written(sns)
    assert entry["bank1_events", "event_id"].data_counts(labelled=False).tolist() == [2, 1, 0]
    assert entry.event_axes == {"point": 3, "time": 3}
    first = entry["bank1_events", "event_id"].xarray()["time"].values[0]
    assert str(first) == "2012-08-23T15:23:53.833508666"


def test_esrf_positions_are_labels(written):
    entry = written(esrf)
    assert entry.entries == ("1.1", "2.1")
    array = entry.plottable()
    assert array[array.dims[0]].values.tolist() == [7, 7.1, 7.2]
    assert entry["instrument/mono", "value"].units == "keV"


def test_diamond_grids(written):
    assert written(diamond).plottable()["x"].dims == ("y_set", "x_set")


def test_images_in_another_file(written):
    entry = written(maxiv)
    assert entry["data", "data_000001"][1:3].ndarray().sum() == 60
    assert entry.plottable().sum() == 120
