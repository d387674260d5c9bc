"""Virtual data sets: what they stand for may be gone, be no file, or be they themselves."""

import os
import subprocess
import sys
import warnings

import h5py
import numpy as np
import pytest

import beambook as bb
from beambook.data._attributes import attributes_of
from beambook.data._hdf5 import StoredFile
from beambook.data._reading.virtual import pieces_of, whole_rows
from beambook.errors import BeambookError, DamagedFile

SOURCE, KEY = "A_B_C/CAM/X:output", "data.v"
PATH = f"INSTRUMENT/{SOURCE}/data/v"
LOOK = """
import sys, warnings
import beambook as bb
from beambook.data._check import check
warnings.simplefilter("ignore")
def try_(call):
    try: call()
    except bb.errors.BeambookError as error: print("refused", error)
if sys.argv[1].endswith(".nxs"):
    entry = bb.open_file(sys.argv[1])
    entry.card().text(), entry._repr_html_()
    try_(entry.plottable)
    for source in entry.all_sources:
        try_(entry[source].run_values)
        for key in entry[source].keys():
            try_(entry[source, key].ndarray)
            try_(entry[source, key].attributes)
else:
    run = bb.open_run(sys.argv[1])
    run.card().text(), run._repr_html_()
    for name in ("ndarray", "attributes", "xarray"):
        try_(lambda: getattr(run["A_B_C/CAM/X:output", "data.v"], name)())
check(sys.argv[1])
print("looked")
"""


def stand_for(file, path, *parts, rows=6):
    """A virtual data set; parts are (first, stop, file, data set)."""
    layout = h5py.VirtualLayout((rows,), "f8")
    for first, stop, name, inside in parts:
        layout[first:stop] = h5py.VirtualSource(name, inside, (stop - first,))
    file.create_virtual_dataset(path, layout, fillvalue=0)


def without_end(file, path, name, inside):
    """A virtual data set that grows with its source."""
    layout = h5py.VirtualLayout((6,), "f8", maxshape=(None,))
    every = slice(0, h5py.h5s.UNLIMITED)
    layout[every] = h5py.VirtualSource(name, inside, (6,), maxshape=(None,))[every]
    file.create_virtual_dataset(path, layout)


def itself(folder, file, path):
    stand_for(file, path, (0, 6, ".", path))


def itself_without_end(folder, file, path):
    without_end(file, path, ".", path)


def each_other(folder, file, path):
    file[f"{path}_link"] = h5py.SoftLink(f"/{path}")
    stand_for(file, path, (0, 6, ".", "other"))
    stand_for(file, "other", (0, 6, ".", f"{path}_link"))


def through_a_file(folder, file, path):
    stand_for(file, path, (0, 6, "beside.hdf", "v"))
    with h5py.File(folder / "beside.hdf", "w") as other:
        stand_for(other, "v", (0, 6, file.filename, path))


def a_pipe(folder, file, path):
    os.mkfifo(folder / "pipe")
    stand_for(file, path, (0, 6, str(folder / "pipe"), "v"))


def a_pipe_without_end(folder, file, path):
    os.mkfifo(folder / "pipe")
    without_end(file, path, str(folder / "pipe"), "v")


def half_a_pipe(folder, file, path):
    os.mkfifo(folder / "pipe")
    file["good"] = np.arange(3.0)
    stand_for(file, path, (0, 3, ".", "good"), (3, 6, "pipe", "v"))


def a_link_to_a_pipe(folder, file, path):
    os.mkfifo(folder / "pipe")
    with h5py.File(folder / "beside.hdf", "w") as other:
        other["v"] = h5py.ExternalLink("pipe", "/v")
    stand_for(file, path, (0, 6, "beside.hdf", "v"))


def one_after_another(folder, file, path):
    for number in range(100):
        stand_for(file, f"v{number}", (0, 6, ".", f"v{number + 1}"))
    stand_for(file, path, (0, 6, ".", "v0"))


BAD = [
    itself, itself_without_end, each_other, through_a_file, a_pipe, a_pipe_without_end,
    half_a_pipe, a_link_to_a_pipe, one_after_another,
]  # fmt: skip


def make_run(folder, fill):
    """A run of six trains whose only data is virtual."""
    with h5py.File(folder / "RAW-R0001-DA01-S00000.h5", "w") as file:
        file["INDEX/trainId"] = np.arange(1000, 1006, dtype="u8")
        file["INDEX/flag"] = np.ones(6, "i4")
        file["INDEX/timestamp"] = np.arange(6, dtype="u8")
        file[f"INDEX/{SOURCE}/data/first"] = np.arange(6, dtype="u8")
        file[f"INDEX/{SOURCE}/data/count"] = np.ones(6, "u8")
        file["METADATA/dataFormatVersion"] = np.array([b"1.2"])
        sources = np.array([f"INSTRUMENT/{SOURCE}/data".encode()])
        file["METADATA/dataSources/dataSourceId"] = sources
        fill(folder, file, PATH)
    return folder


def make_nexus(folder, fill):
    path = folder / "scan.nxs"
    with h5py.File(path, "w") as file:
        file.attrs["default"] = "entry"
        entry = file.create_group("entry")
        entry.attrs.update(NX_class="NXentry", default="data")
        entry.create_group("data").attrs.update(NX_class="NXdata", signal="v")
        fill(folder, file, "entry/data/v")
    return path


@pytest.mark.parametrize("fill", BAD)
def test_what_must_not_be_read_is_refused(fill, tmp_path):
    """In another process, since HDF5 would crash it or wait for ever."""
    (tmp_path / "run").mkdir()
    (tmp_path / "nexus").mkdir()
    for target in (make_run(tmp_path / "run", fill), make_nexus(tmp_path / "nexus", fill)):
        command = [sys.executable, "-c", LOOK, str(target)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr[-500:]
        assert done.stdout.endswith("looked\n")
        if target.suffix != ".nxs":
            assert "refused" in done.stdout
        else:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                assert any(p.where == "/entry/data/v" for p in bb.open_file(target).problems)


def sources(folder):
    """Values 1000 to 1002 and 1003 to 1005 in two files."""
    for number in range(2):
        with h5py.File(folder / f"s{number}.hdf", "w") as file:
            file["v"] = np.arange(3.0) + 1000 + 3 * number


def no_data_set(folder, file, path):
    sources(folder)
    with h5py.File(folder / "s1.hdf", "r+") as other:
        del other["v"]
    stand_for(file, path, (0, 3, "s0.hdf", "v"), (3, 6, "s1.hdf", "v"))


def an_overview_with_a_gap(folder, file, path):
    sources(folder)
    with h5py.File(folder / "mid.hdf", "w") as other:
        stand_for(other, "v", (0, 3, "s0.hdf", "v"), (3, 6, "s1.hdf", "v"))
    os.remove(folder / "s1.hdf")
    stand_for(file, path, (0, 6, "mid.hdf", "v"))


def nothing_in_this_file(folder, file, path):
    sources(folder)
    stand_for(file, path, (0, 3, "s0.hdf", "v"), (3, 6, ".", "nothing"))


def damaged(folder, file, path):
    sources(folder)
    os.truncate(folder / "s1.hdf", 1000)
    stand_for(file, path, (0, 3, "s0.hdf", "v"), (3, 6, "s1.hdf", "v"))


def a_folder(folder, file, path):
    sources(folder)
    os.remove(folder / "s1.hdf")
    os.mkdir(folder / "s1.hdf")
    stand_for(file, path, (0, 3, "s0.hdf", "v"), (3, 6, "s1.hdf", "v"))


def shorter(folder, file, path):
    sources(folder)
    source = h5py.VirtualSource("s0.hdf", "v", (10,))
    layout = h5py.VirtualLayout((6,), "f8")
    layout[:6] = source[:6]
    file.create_virtual_dataset(path, layout)


def not_mapped(folder, file, path):
    sources(folder)
    stand_for(file, path, (0, 3, "s0.hdf", "v"))


LOST = [
    no_data_set, an_overview_with_a_gap, nothing_in_this_file, damaged, a_folder, shorter,
    not_mapped,
]  # fmt: skip


@pytest.mark.parametrize("fill", LOST)
def test_trains_that_are_nowhere_are_missing(fill, tmp_path):
    run = bb.open_run(make_run(tmp_path, fill))
    with pytest.warns(bb.data.DataWarning, match="rows of 3 trains are not all in the files"):
        found = run[SOURCE, KEY].xarray()
    assert found.values.tolist() == found.train.values.tolist() == [1000, 1001, 1002]


@pytest.mark.parametrize("fill", LOST)
def test_points_that_are_nowhere_are_not_numbers(fill, tmp_path):
    with pytest.warns(bb.data.DataWarning, match=r"1 fields are in files that are not there"):
        entry = bb.open_file(make_nexus(tmp_path, fill))
    with pytest.warns(bb.data.DataWarning, match="values are in files that are not there"):
        values = entry.plottable().values
    assert values[:3].tolist() == [1000, 1001, 1002]
    assert np.isnan(values[3:]).all()


def test_a_source_that_goes_while_the_run_is_open(tmp_path):
    def fill(folder, file, path):
        sources(folder)
        stand_for(file, path, (0, 3, "s0.hdf", "v"), (3, 6, "s1.hdf", "v"))

    channel = bb.open_run(make_run(tmp_path, fill))[SOURCE, KEY]
    assert channel.shape == (6,)
    with h5py.File(tmp_path / "s1.hdf", "r+") as file:
        del file["v"]
    with pytest.raises(DamagedFile, match=r"s1\.hdf:v"):
        channel.ndarray()
    assert channel[:3].ndarray().tolist() == [1000, 1001, 1002]


def test_whole_virtual_data_sets_are_whole(tmp_path):
    """Through links, numbered files, growing ones and parts of sources."""
    sources(tmp_path)
    with h5py.File(tmp_path / "grows.hdf", "w") as file:
        file.create_dataset("v", data=np.arange(6.0), maxshape=(None,), chunks=(3,))
    with h5py.File(tmp_path / "virtual.h5", "w") as file:
        file["soft"] = h5py.SoftLink("/plain/v")
        file["out"] = h5py.ExternalLink("s0.hdf", "/v")
        file["plain/v"] = np.arange(3.0)
        stand_for(file, "links", (0, 3, ".", "soft"), (3, 6, ".", "out"))
        without_end(file, "grown", "grows.hdf", "v")
        layout = h5py.VirtualLayout((4,), "f8")
        layout[:2] = h5py.VirtualSource("s0.hdf", "v", (3,))[1:]
        layout[2:] = h5py.VirtualSource("s1.hdf", "v", (3,))[::2]
        file.create_virtual_dataset("parts", layout)
    with h5py.File(tmp_path / "virtual.h5") as file:
        assert [whole_rows(file[name].id) for name in ("links", "grown", "parts")] == [6, 6, 4]
        assert file["parts"][:].tolist() == [1001, 1002, 1003, 1005]
        assert not any(piece.lost for name in file for piece in found(file, name))


def found(file, name):
    return pieces_of(file[name].id) if isinstance(file[name], h5py.Dataset) else ()


def test_attributes_of_what_it_stands_for(tmp_path):
    with h5py.File(tmp_path / "source.h5", "w") as file:
        file["other"] = np.arange(6.0)
        file["other"].attrs["units"] = "mm"
    path = tmp_path / "virtual.h5"
    with h5py.File(path, "w") as file:
        stand_for(file, "inner", (0, 6, "source.h5", "other"))
        stand_for(file, "outer", (0, 6, ".", "inner"))
        stand_for(file, "circle", (0, 6, ".", "circle"))
        stand_for(file, "gone", (0, 6, ".", "nothing"))
    file = StoredFile.of(path)
    assert attributes_of(file, "outer") == {"units": "mm"}
    assert attributes_of(file, "circle") == {}
    assert attributes_of(file, "gone") == {}


def test_attributes_of_all_kept_files():
    folder = os.path.join(os.path.dirname(__file__), "nexus")
    for name in sorted(os.listdir(folder)):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if name.endswith(".md"):
                continue
            entry = bb.open_file(os.path.join(folder, name))
            for source in entry.all_sources:
                for key in entry[source].keys():
                    try:
                        entry[source, key].attributes()
                        assert isinstance(entry[source, key].units_name, str)
                    except BeambookError:
                        pass
            entry.close()


def test_damaged_attributes_are_left_out(tmp_path):
    path = tmp_path / "damaged.h5"
    with h5py.File(path, "w", libver="earliest") as file:
        file["v"] = np.arange(3.0)
        file["v"].attrs["unitName"] = "metre"
        kind = h5py.string_dtype()
        file["v"].attrs.create("note", "lost for ever", dtype=kind)
    content = path.read_bytes()
    assert content.count(b"GCOL") >= 1
    path.write_bytes(content.replace(b"GCOL", b"XCOL"))
    with pytest.warns(bb.data.DataWarning, match="damaged attributes were left out"):
        attributes = attributes_of(StoredFile.of(path), "v")
    assert "note" not in attributes
