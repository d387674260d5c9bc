"""Files that mean harm, or are just broken: our errors, or a statement, and bounded work."""

import os
import warnings

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from beambook.data import Entry, open_file
from beambook.data._nexus.entry import open_entry
from beambook.errors import BeambookError


def look_at_everything(path):
    """Open, show, and read what is small; only our own errors are allowed."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            entry = open_file(path)
        except BeambookError as error:
            return error
        entry.card().text()
        entry.card().json()
        entry._repr_html_()
        try_(lambda: entry.plottable())
        if entry.default is not None and entry.default.signal.shape:
            try_(lambda: entry.plottable(roi=np.s_[0]))
        for axis in entry.event_axes:
            along = entry.along(axis)
            for source in along.all_sources:
                try_(along[source].run_values)
                for key in along[source].keys():
                    channel = along[source, key]
                    repr(channel)
                    if channel.nbytes < 1 << 20:
                        try_(channel.ndarray)
                        try_(channel.xarray)
        entry.close()
        return entry


def try_(call):
    try:
        call()
    except BeambookError:
        pass


def make(path, fill):
    with h5py.File(path, "w") as file:
        entry = file.create_group("entry")
        entry.attrs["NX_class"] = "NXentry"
        fill(entry)
    return path


def test_circles_of_links(tmp_path):
    def fill(entry):
        data = entry.create_group("data")
        data.attrs.update(NX_class="NXdata", signal="n", default="up")
        data["n"] = np.arange(3)
        data["up"] = entry
        data["self"] = h5py.SoftLink("/entry/data/self")
        data["soft"] = h5py.SoftLink("/entry")
        data["root"] = h5py.SoftLink("/")
        entry["ping"] = h5py.SoftLink("/entry/pong")
        entry["pong"] = h5py.SoftLink("/entry/ping")
        entry["again"] = h5py.ExternalLink("circles.nxs", "/entry")
        entry.attrs["default"] = "data"

    entry = look_at_everything(make(tmp_path / "circles.nxs", fill))
    assert entry.default.signal.path == "/entry/data/n"
    assert {"broken link", "link not followed"} <= {f.what for f in entry.problems}


def test_more_paths_than_could_ever_be_walked(tmp_path):
    def fill(entry):
        below = entry
        for _ in range(20):  # 3 ** 20 paths
            made = below.create_group("a")
            below["b"], below["c"] = made, made
            below = made
        below["n"] = np.arange(4)

    entry = look_at_everything(make(tmp_path / "dag.nxs", fill))
    assert entry.default.signal.size == 4


def test_depth_without_end(tmp_path):
    def fill(entry):
        entry["n"] = np.arange(4)
        entry.create_group("/".join(["g"] * 300))["m"] = np.arange(9)

    entry = look_at_everything(make(tmp_path / "deep.nxs", fill))
    assert "link not followed" in {f.what for f in entry.problems}


def test_too_many_fields_are_counted(tmp_path, monkeypatch):
    monkeypatch.setattr("beambook.data._nexus.tree.MOST_NODES", 50)

    def fill(entry):
        for number in range(80):
            entry[f"n{number:02}"] = number

    entry = look_at_everything(make(tmp_path / "many.nxs", fill))
    assert [f.count for f in entry.problems if f.what == "too many groups and fields"] == [30]


def test_pipes_are_not_opened(tmp_path):
    os.mkfifo(tmp_path / "pipe.h5")

    def fill(entry):
        data = entry.create_group("data")
        data.attrs.update(NX_class="NXdata", signal="v")
        layout = h5py.VirtualLayout((4,), "i8")
        layout[:] = h5py.VirtualSource("pipe.h5", "d", (4,))
        data.create_virtual_dataset("v", layout)
        data["x"] = h5py.ExternalLink("pipe.h5", "/x")
        data.create_dataset("raw", (4,), "i4", external=[("pipe.h5", 0, 16)])

    entry = look_at_everything(make(tmp_path / "pipes.nxs", fill))
    assert {"missing file", "broken link"} <= {f.what for f in entry.problems}
    with pytest.raises(BeambookError, match="not a file"):
        open_entry(tmp_path / "pipe.h5")


def test_absurd_shapes_are_never_loaded_unasked(tmp_path):
    def fill(entry):
        data = entry.create_group("data")
        data.attrs.update(NX_class="NXdata", signal="n", axes=["x", "y"])
        data.create_dataset("n", (1 << 40, 1 << 20), "f8", chunks=(1, 1024))
        data.create_dataset("x", (1 << 40,), "f8", chunks=(1024,))
        entry.create_dataset("title", (1 << 30,), "S100", chunks=(1024,))
        entry.create_dataset("bomb", (1000,), "S1000000", chunks=(1,), compression="gzip")
        wide = entry.create_group("wide")
        wide.attrs["NX_class"] = "NXlog"
        for name in ("time", "value"):
            wide.create_dataset(name, (10_000,), "S1000000", chunks=(1,), compression="gzip")
        log = entry.create_group("log")
        log.attrs["NX_class"] = "NXlog"
        for name in ("time", "value"):
            log.create_dataset(name, (1 << 36,), "f8", chunks=(1024,))

    entry = look_at_everything(make(tmp_path / "absurd.nxs", fill))
    assert entry.default.signal.shape == (1 << 40, 1 << 20)
    assert "too many points" in {f.what for f in entry.problems}


def test_strange_types(tmp_path):
    def fill(entry):
        data = entry.create_group("data")
        data.attrs.update(NX_class="NXdata")
        data["compound"] = np.zeros(3, [("a", "f8"), ("b", "S4")])
        ragged = data.create_dataset("ragged", (3,), h5py.vlen_dtype("i4"))
        ragged[0] = [1, 2]
        data["opaque"] = np.void(b"xyz")
        data["null"] = h5py.Empty("f8")
        data["flags"] = np.array([True, False, True])
        data["complex"] = np.array([1 + 2j, 3, 4])
        data["text"] = ["a", "b", "c"]
        data.create_dataset("refs", (3,), h5py.ref_dtype)[0] = entry.ref
        data["enum"] = np.array([0, 1, 1], h5py.enum_dtype({"A": 0, "B": 1}, "i1"))
        data["type"] = np.dtype("f4")
        data["scalar"] = 1.5
        data["n"] = np.arange(3)
        data.attrs["odd"] = h5py.Empty("f8")
        data.attrs["signal"] = np.array([b"n"], object)
        data.attrs["ref"] = entry.ref
        data.attrs["axes"] = np.array([1, 2, 3])

    entry = look_at_everything(make(tmp_path / "types.nxs", fill))
    assert entry.default.signal.path == "/entry/data/n"
    assert entry["data", "ragged"].ndarray()[0].tolist() == [1, 2]


def test_names_that_are_no_text(tmp_path):
    def fill(entry):
        entry.create_group(b"data\xff").attrs.update(NX_class=b"NXdata", signal=np.bytes_(b"n\xff"))
        entry[b"data\xff"][b"n\xff"] = np.arange(3)
        entry[b"data\xff"]["a b.c"] = np.arange(3)

    entry = look_at_everything(make(tmp_path / "names.nxs", fill))
    assert isinstance(entry, Entry)
    assert entry.plottable().values.tolist() == [0, 1, 2]


TIMES = st.one_of(
    st.lists(st.floats(width=64), max_size=6).map(lambda v: np.array(v, "f8")),
    st.lists(st.integers(-(2**63), 2**63 - 1), max_size=6).map(lambda v: np.array(v, "i8")),
    st.lists(st.text("0123456789-T:Z", max_size=12), min_size=1, max_size=4),
)
VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**40), 2**40),
    st.floats(),
    st.text(max_size=8).map(lambda s: s.replace("\0", "")).filter(lambda s: s.isprintable()),
    st.sampled_from(["n", "x", "x:y", "[x,y]", ".", "/", "..", "data", "/entry/data", "1", "-1"]),
    st.lists(st.integers(-3, 5), min_size=1, max_size=4).map(np.array),
    st.lists(st.sampled_from(["n", "x", "y", ".", ""]), min_size=1, max_size=4),
)
ATTRIBUTES = st.dictionaries(
    st.sampled_from(["signal", "axes", "default", "x_indices", "y_indices", "axis", "primary",
                     "units", "NX_class", "uncertainties", "auxiliary_signals", "start"]),
    VALUES, max_size=5,
)  # fmt: skip
CLASSES = st.sampled_from(["", "NXdata", "NXlog", "NXevent_data", "NXdetector", "NXentry", "NX"])
SHAPES = st.lists(st.integers(0, 4), max_size=4).map(tuple)
FIELDS = st.dictionaries(
    st.sampled_from(["n", "x", "y", "data", "time", "value", "event_index", "event_id",
                     "event_time_zero", "title", "errors", "n_errors"]),
    st.tuples(SHAPES, ATTRIBUTES, st.sampled_from(["f4", "i8", "u1", "S3", "c16", "?"])),
    max_size=6,
)  # fmt: skip
GROUPS = st.lists(st.tuples(CLASSES, ATTRIBUTES, FIELDS), max_size=4)


def _set(attrs, values):
    for name, value in values.items():
        attrs[name] = h5py.Empty("f4") if value is None else value


@given(groups=GROUPS, root=ATTRIBUTES, times=TIMES)
@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
def test_any_attributes_anywhere(tmp_path_factory, groups, root, times):
    path = tmp_path_factory.mktemp("any") / "any.nxs"
    with h5py.File(path, "w") as file:
        _set(file.attrs, root)
        entry = file.create_group("entry")
        entry.attrs["NX_class"] = "NXentry"
        for number, (nx_class, attrs, fields) in enumerate(groups):
            group = entry.create_group(("data", "log", "a", "b")[number])
            _set(group.attrs, {"NX_class": nx_class, **attrs})
            for name, (shape, more, dtype) in fields.items():
                group[name] = np.zeros(shape, dtype)
                _set(group[name].attrs, more)
            if "value" in fields and "time" not in fields:
                group["time"] = times
    look_at_everything(path)


@given(st.integers(0, 8000), st.binary(min_size=1, max_size=16))
@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
def test_damaged_metadata(tmp_path_factory, at, junk):
    path = tmp_path_factory.mktemp("damaged") / "damaged.nxs"

    def fill(entry):
        data = entry.create_group("data")
        data.attrs.update(NX_class="NXdata", signal="n", axes="x")
        data["n"], data["x"] = np.arange(5), np.arange(5.0)
        entry["title"] = "t"

    make(path, fill)
    content = bytearray(path.read_bytes())
    content[at : at + len(junk)] = junk
    path.write_bytes(content[: len(content)])
    look_at_everything(path)


@pytest.mark.parametrize("part", [0.0, 0.1, 0.5, 0.9, 0.99])
def test_truncated(tmp_path, part):
    path = make(tmp_path / "cut.nxs", lambda entry: entry.__setitem__("n", np.arange(5000)))
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * part)])
    assert isinstance(look_at_everything(path), BeambookError)
