"""Every convention by which NeXus files have said what they show, in small files."""

import h5py
import numpy as np
import pytest

from beambook.data import DataWarning, open_file
from beambook.errors import DamagedFile, DataError, KeyNotFound, SourceNotFound


@pytest.fixture
def nexus(tmp_path):
    """Write an entry by a function of it, and open the file."""

    def write(fill, *, root=None, classes=True):
        path = tmp_path / "file.nxs"
        with h5py.File(path, "w") as file:
            file.attrs.update(root or {})
            entry = group(file, "entry", "NXentry" if classes else "")
            fill(entry)
        return open_file(path)

    return write


def group(parent, name, nx_class="", **attrs):
    made = parent.create_group(name)
    if nx_class:
        made.attrs["NX_class"] = nx_class
    made.attrs.update(attrs)
    return made


def field(parent, name, values, **attrs):
    parent[name] = values
    parent[name].attrs.update(attrs)
    return parent[name]


def test_modern_signal_axes_and_errors(nexus):
    def fill(entry):
        data = group(entry, "data", "NXdata", signal="counts", axes=["y", "x"])
        field(data, "counts", np.arange(6).reshape(2, 3), units="counts", long_name="Counts")
        field(data, "counts_errors", np.ones((2, 3)))
        field(data, "x", [0.1, 0.2, 0.3], units="mm")
        field(data, "y", [5.0, 6.0], units="deg")

    entry = nexus(fill)
    array = entry.plottable()
    assert array.dims == ("y", "x")
    assert array.attrs["units"], array.attrs["long_name"] == ("counts", "Counts")
    assert array["x"].values.tolist() == [0.1, 0.2, 0.3]
    assert array["y"].attrs["units"] == "deg"
    assert array["errors"].dims == ("y", "x")
    assert entry.default.problems == ()
    assert entry.plottable(roi=np.s_[1, :2]).dims == ("x",)
    assert entry.plottable(roi=np.s_[1, :2])["y"].item() == 6.0


@pytest.mark.parametrize(
    "axes", ["y:x", "y,x", "[y,x]", "y x", "[y:x]", "y, x", b"y:x", [b"y", b"x"], ["y", "x"]]
)
@pytest.mark.parametrize("on", ["signal", "group"])
def test_lists_of_axes_however_written(nexus, axes, on):
    def fill(entry):
        data = group(entry, "data", "NXdata")
        counts = field(data, "counts", np.zeros((2, 3)), signal=1)
        field(data, "x", np.arange(3.0))
        field(data, "y", np.arange(2.0))
        (counts if on == "signal" else data).attrs["axes"] = (
            np.array(axes, "S") if isinstance(axes, list) and isinstance(axes[0], bytes) else axes
        )

    assert nexus(fill).default.dims == ("y", "x")


@pytest.mark.parametrize("mark", [1, "1", b"1", np.array([1]), np.int16(1)])
def test_legacy_attributes_on_fields(nexus, mark):
    def fill(entry):
        data = group(entry, "data", "NXdata")
        field(data, "counts", np.zeros((2, 3)), signal=mark)
        field(data, "other", np.zeros((2, 3)), signal=2)
        field(data, "a", np.arange(2.0), axis=mark, primary=1)
        field(data, "b", np.arange(2.0), axis=mark)
        field(data, "c", np.arange(4.0), axis=2)

    plot = nexus(fill).default
    assert plot.signal.path == "/entry/data/counts"
    assert plot.dims == ("a", "c")
    assert plot.axes[1].edges
    assert [(other.name, other.axes) for other in plot.others] == [("b", (0,))]


def test_edges_of_bins_become_middles_with_edges_beside(nexus):
    def fill(entry):
        data = group(entry, "data", "NXdata", signal="n", axes="e")
        field(data, "n", [1, 2, 3])
        field(data, "e", [0.0, 1.0, 3.0, 7.0], units="eV")

    array = nexus(fill).plottable()
    assert array["e"].values.tolist() == [0.5, 2.0, 5.0]
    assert array["e_left"].values.tolist() == [0.0, 1.0, 3.0]
    assert array["e_right"].values.tolist() == [1.0, 3.0, 7.0]
    assert array["e"].attrs["units"] == "eV"


def test_axes_that_are_listed_backwards(nexus):
    def fill(entry):
        data = group(entry, "data", "NXdata", signal="n", axes=["x", "y"])
        field(data, "n", np.zeros((2, 3)))
        field(data, "x", np.arange(3.0))
        field(data, "y", np.arange(2.0))

    plot = nexus(fill).default
    assert plot.dims == ("y", "x")
    assert "backwards" in plot.problems[0]


def test_axes_found_by_their_length_when_in_no_order(nexus):
    def fill(entry):
        data = group(entry, "data", "NXdata", signal="n", axes=["x", "z", "y"])
        field(data, "n", np.zeros((2, 3, 5)))
        for name, length in (("x", 3), ("y", 2), ("z", 5)):
            field(data, name, np.arange(float(length)))

    plot = nexus(fill).default
    assert plot.dims == ("y", "x", "z")
    assert "lengths" in plot.problems[0]


def test_axes_that_fit_nowhere_are_said_and_left_out(nexus):
    def fill(entry):
        data = group(entry, "data", "NXdata", signal="n", axes=["x", "y"])
        field(data, "n", np.zeros((2, 3)))
        field(data, "x", np.arange(7.0))

    plot = nexus(fill).default
    assert plot.dims == ("axis_0", "y")
    assert all(axis.field is None for axis in plot.axes)
    assert any("cannot be axis 0" in problem for problem in plot.problems)
    assert any("'y'" in problem and "not there" in problem for problem in plot.problems)


def test_indices_grids_second_axes_and_single_values(nexus):
    def fill(entry):
        data = group(entry, "data", "NXdata", signal="n", axes=["y", "x", "."])
        data.attrs["grid_indices"] = [0, 1]
        data.attrs["x_set_indices"] = 1
        field(data, "n", np.zeros((2, 3, 4)))
        field(data, "x", np.arange(3.0))
        field(data, "y", np.arange(2.0))
        field(data, "x_set", np.arange(3.0) * 2)
        field(data, "grid", np.ones((2, 3)))

    array = nexus(fill).plottable()
    assert array.dims == ("y", "x", "axis_2")
    assert array["grid"].dims == ("y", "x")
    assert array["x_set"].dims == ("x",)


def test_grid_named_as_axis(nexus):
    def fill(entry):
        data = group(entry, "data", "NXdata", signal="n", axes=["y", "x"])
        field(data, "n", np.zeros((2, 3)))
        field(data, "x", np.ones((2, 3)))
        field(data, "y", np.ones((2, 3)))

    array = nexus(fill).plottable()
    assert array.dims == ("y_index", "x_index")
    assert array["x"].dims == array.dims


def test_scalar_axes_of_lengths_of_one(nexus):
    def fill(entry):
        data = group(entry, "data", "NXdata", signal="n", axes=["t", "x"])
        field(data, "n", np.zeros((1, 3)))
        field(data, "t", 300.0, units="K")
        field(data, "x", np.arange(3.0).reshape(1, 3))

    array = nexus(fill).plottable()
    assert array.dims == ("t", "x")
    assert array["t"].values.tolist() == [300.0]


def test_fewer_axes_than_lengths_above_one(nexus):
    def fill(entry):
        data = group(entry, "data", "NXdata")
        field(data, "n", np.zeros((1, 4, 3)), signal=1, axes="a:b")
        field(data, "a", np.arange(4.0))
        field(data, "b", np.arange(4.0))

    plot = nexus(fill).default
    assert plot.dims == ("axis_0", "a", "b")
    assert plot.axes[2].edges


@pytest.mark.parametrize("default", ["entry/data2", "/entry/data2", "entry"])
def test_chain_of_defaults(nexus, default):
    def fill(entry):
        entry.attrs["default"] = b"data2"
        for name in ("data1", "data2"):
            field(group(entry, name, "NXdata", signal="n"), "n", np.arange(3))

    entry = nexus(fill, root={"default": default})
    assert entry.default.signal.path == "/entry/data2/n"
    assert entry.default.rule == "@default"


def test_broken_default_is_said_and_the_next_best_is_shown(nexus):
    def fill(entry):
        entry.attrs["default"] = "gone"
        field(group(entry, "data", "NXdata", signal="n"), "n", np.arange(3))

    entry = nexus(fill, root={"default": "nowhere"})
    assert entry.default.signal.path == "/entry/data/n"
    assert "'gone'" in entry.default.problems[0]
    assert any(f.what == "no such entry" for f in entry.problems)


def test_broken_signal_falls_back_and_says_so(nexus):
    def fill(entry):
        data = group(entry, "data", "NXdata", signal="cuonts", axes="x")
        field(data, "counts", np.arange(3))
        field(data, "x", np.arange(3.0))

    plot = nexus(fill).default
    assert plot.signal.path == "/entry/data/counts"
    assert plot.dims == ("x",)
    assert "'cuonts'" in plot.problems[0]


def test_a_default_that_is_empty_gives_way_to_one_with_data(nexus):
    def fill(entry):
        entry.attrs["default"] = "a"
        group(entry, "a", "NXdata", signal="n")
        field(group(entry, "b", "NXdata", signal="n"), "n", np.zeros((0, 3)))
        field(group(entry, "c", "NXdata", signal="n"), "n", np.zeros(3))

    plot = nexus(fill).default
    assert plot.signal.path == "/entry/c/n"
    assert any("empty" in problem for problem in plot.problems)


def test_without_data_groups_the_largest_detector_is_shown(nexus):
    def fill(entry):
        instrument = group(entry, "instrument", "NXinstrument")
        field(group(instrument, "small", "NXdetector"), "data", np.zeros((2, 3)))
        field(group(instrument, "large", "NXdetector"), "data", np.zeros((2, 30)))

    plot = nexus(fill).default
    assert plot.signal.path == "/entry/instrument/large/data"
    assert "largest NXdetector" in plot.rule


def test_missing_classes(nexus):
    def fill(entry):
        field(group(entry, "data", signal="n", axes="x"), "n", np.arange(3))
        field(entry["data"], "x", np.arange(3.0))
        field(group(entry, "sample"), "name", "silicon")

    entry = nexus(fill, classes=False)
    assert entry.default.dims == ("x",)
    assert any(f.what == "no NX_class" or f.what == "no NXentry" for f in entry.problems)


def test_hdf5_without_a_word_of_nexus(tmp_path):
    path = tmp_path / "plain.h5"
    with h5py.File(path, "w") as file:
        file["a/b"] = np.arange(5)
    entry = open_file(path)
    assert {"no NXentry", "no NeXus attributes"} <= {f.what for f in entry.problems}
    assert entry.missing == ("title", "instrument", "sample", "start_time")
    assert "no group says" in entry.default.problems[0]
    assert entry["a", "b"].ndarray().tolist() == [0, 1, 2, 3, 4]


def test_nothing_to_show(nexus):
    entry = nexus(lambda entry: field(entry, "title", "empty"))
    assert entry.default is None
    assert entry.title == "empty"
    assert "plottable data" in entry.missing
    assert entry.card().facts["shows"] == "nothing"
    with pytest.raises(DataError, match="nothing to show"):
        entry.plottable()


def test_texts_in_all_their_types(nexus):
    def fill(entry):
        field(entry, "title", np.array([b"one of one"], "S20"))
        field(entry, "start_time", np.array(["2020-01-01T00:00:00"], object))
        sample = group(entry, "sample", "NXsample")
        field(sample, "name", np.bytes_("Größe".encode("latin-1")))
        instrument = group(entry, "instrument", "NXinstrument")
        field(instrument, "name", "P08")
        field(entry, "definition", np.array(b"NXsas", "S9"))

    entry = nexus(fill)
    assert (entry.title, entry.sample, entry.instrument) == ("one of one", "Größe", "P08")
    assert entry.definition == "NXsas"
    assert entry.missing == ("plottable data",)


def test_several_entries(tmp_path):
    path = tmp_path / "many.h5"
    with h5py.File(path, "w") as file:
        file.attrs["default"] = "2.1"
        for name in ("1.1", "2.1", "10.1"):
            entry = group(file, name, "NXentry")
            field(entry, "title", f"scan {name}")
            field(group(entry, "data", "NXdata", signal="n"), "n", np.arange(3))
    entry = open_file(path)
    assert entry.title == "scan 2.1"
    assert set(entry.entries) == {"1.1", "2.1", "10.1"}
    assert open_file(path, entry="10.1").title == "scan 10.1"
    with pytest.raises(SourceNotFound, match=r"3\.1"):
        open_file(path, entry="3.1")


def test_links_of_every_kind_show_the_data(nexus, tmp_path):
    with h5py.File(tmp_path / "other.h5", "w") as other:
        field(other, "x", np.arange(3.0), units="mm")

    def fill(entry):
        detector = group(group(entry, "instrument", "NXinstrument"), "det", "NXdetector")
        field(detector, "data", np.array([3, 4, 5]), signal=1)
        data = group(entry, "data", "NXdata", axes="x")
        data["data"] = h5py.SoftLink("/entry/instrument/det/data")
        data["x"] = h5py.ExternalLink("other.h5", "/x")
        data["gone"] = h5py.ExternalLink("gone.h5", "/x")
        data["dangling"] = h5py.SoftLink("/nowhere")
        entry["hard"] = data

    entry = nexus(fill)
    array = entry.plottable()
    assert array.values.tolist() == [3, 4, 5]
    assert array["x"].attrs["units"] == "mm"
    assert entry["data", "x"].ndarray().tolist() == [0, 1, 2]
    broken = {f.where: f.detail for f in entry.problems if f.what == "broken link"}
    assert broken == {
        "/entry/data/gone": "leads to gone.h5:/x",
        "/entry/data/dangling": "leads to /nowhere",
    }


def test_external_and_virtual_values_are_those_of_their_files(nexus, tmp_path):
    (tmp_path / "raw.bin").write_bytes(np.arange(100, 104, dtype="i4").tobytes())
    with h5py.File(tmp_path / "source.h5", "w") as source:
        source["d"] = np.arange(6).reshape(2, 3)

    def fill(entry):
        data = group(entry, "data", "NXdata", signal="v")
        layout = h5py.VirtualLayout((4, 3), "i8")
        layout[:2] = h5py.VirtualSource(str(tmp_path / "source.h5"), "d", (2, 3))
        layout[2:] = h5py.VirtualSource("lost.h5", "d", (2, 3))
        data.create_virtual_dataset("v", layout, fillvalue=-1)
        data.create_dataset("raw", (4,), "i4", external=[("raw.bin", 0, 16)])
        data.create_dataset("norw", (4,), "i4", external=[("gone.bin", 0, 16)])

    with pytest.warns(DataWarning, match=r"lost\.h5|gone\.bin"):
        entry = nexus(fill)
    assert entry["data", "raw"].ndarray().tolist() == [100, 101, 102, 103]
    assert entry["data", "v"].ndarray().tolist() == [[0, 1, 2], [3, 4, 5]]
    assert entry["data", "v"].data_counts(labelled=False).tolist() == [1, 1, 0, 0]
    assert entry["data", "norw"].shape == (0,)
    with pytest.warns(DataWarning, match=r"lost\.h5"):
        array = entry.plottable()
    assert np.isnan(array.values[2:]).all()
    assert array.values[:2].tolist() == [[0, 1, 2], [3, 4, 5]]


def test_fields_that_are_not_along_the_events_are_values(nexus):
    def fill(entry):
        field(entry, "title", "t")
        detector = group(group(entry, "instrument", "NXinstrument"), "det", "NXdetector")
        field(detector, "distance", 1.5, units="m")
        field(detector, "x_pixel_offset", np.arange(3.0))
        field(detector, "count_time", np.array([1.0, 2.0, 1.0]))
        field(group(entry, "data", "NXdata", signal="n"), "n", np.arange(3))

    entry = nexus(fill)
    detector = entry["instrument/det"]
    assert detector.keys() == {"count_time"}
    assert detector.run_keys() == {"distance", "x_pixel_offset"}
    assert detector.run_value("distance") == 1.5
    assert detector.run_value("x_pixel_offset").tolist() == [0, 1, 2]
    assert detector.nx_class == "NXdetector"
    assert entry.field("instrument/det/distance").attrs["units"] == "m"
    assert entry["."].run_value("title") == "t"
    with pytest.raises(KeyNotFound, match="run_value"):
        entry["instrument/det", "distance"]
    with pytest.raises(KeyNotFound, match="distance"):
        entry.field("instrument/det/distanc")


def test_large_data_is_left_to_dask(nexus):
    def fill(entry):
        data = group(entry, "data", "NXdata", signal="n", axes="x")
        data.create_dataset("n", (40_000, 1000, 1000), "f4", chunks=(1, 1000, 1000))
        data["n"][7, 1, 2] = 5
        field(data, "x", np.arange(40_000.0))

    array = nexus(fill).plottable()
    assert array.shape == (40_000, 1000, 1000)
    assert array.chunks is not None
    assert array[7, 1, 2].compute().item() == 5


def test_a_file_that_was_replaced_is_refused(nexus, tmp_path):
    def fill(offset):
        return lambda entry: field(
            group(entry, "data", "NXdata", signal="n"), "n", np.arange(3) + offset
        )

    entry = nexus(fill(0))
    entry.close()
    nexus(fill(5))
    with pytest.raises(DamagedFile, match="replaced"):
        entry["data", "n"].ndarray()


@pytest.mark.parametrize(("head", "name"), [(b"\x0e\x03\x13\x01", "HDF4"), (b"<?xml ", "XML")])
def test_older_forms_of_nexus_are_named(tmp_path, head, name):
    (tmp_path / "old.nxs").write_bytes(head + b" " * 1000)
    with pytest.raises(DamagedFile, match=name):
        open_file(tmp_path / "old.nxs")


def test_entries_within_groups_and_data_beside_entries(tmp_path):
    with h5py.File(tmp_path / "nested.h5", "w") as file:
        entry = group(file.create_group("collected"), "scan_1", "NXentry")
        field(entry, "title", "nested")
        field(group(entry, "data", "NXdata", signal="n"), "n", np.arange(3))
    entry = open_file(tmp_path / "nested.h5")
    assert (entry.title, entry.entry_name) == ("nested", "/collected/scan_1")

    with h5py.File(tmp_path / "beside.h5", "w") as file:
        file.attrs["default"] = "result"
        group(file, "entry", "NXentry")
        field(group(file, "result", "NXdata", signal="n"), "n", np.arange(3))
    assert open_file(tmp_path / "beside.h5").default.signal.path == "/result/n"


def test_paths_mean_the_same_as_source_and_key(nexus):
    def fill(entry):
        data = group(entry, "data", "NXdata", signal="n")
        field(data, "n", np.arange(3))
        entry["measurement"] = h5py.SoftLink("/entry/data")
        group(entry, "instrument", "NXinstrument")["counter"] = h5py.SoftLink("/entry/data/n")

    entry = nexus(fill)
    for item in (("data", "n"), "data/n", "/entry/data/n", ("/entry/data", "n"),
                 ("instrument", "counter"), "instrument/counter"):  # fmt: skip
        assert entry[item].ndarray().tolist() == [0, 1, 2]
        assert item in entry
    assert "data/m" not in entry
    with pytest.raises(KeyNotFound, match="'n'"):
        entry["data", "nn"]
    with pytest.raises(SourceNotFound, match="'data'"):
        entry["dtaa"]
    assert entry.find("data").nx_class == "NXdata"
    assert entry.refresh().train_ids.tolist() == [0, 1, 2]
