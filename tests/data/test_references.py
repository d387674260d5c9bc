"""Values read through Kerchunk references are the stored ones."""

import json
import warnings

import fsspec
import h5py
import numpy as np
import pytest
import xarray as xr
import zarr

from beambook.data import DataWarning, by_id, open_run
from beambook.errors import DataError

XGM = ("SA2_XTD1_XGM/XGM/DOOCS:output", "data.intensityTD")
MOTOR = ("MID_EXP_SAM/MOTOR/X", "actualPosition")
AGIPD = ("MID_DET_AGIPD1M-1/DET/0CH0:xtdf", "image.data")


def as_dataset(found, tmp_path):
    path = found.write(tmp_path / "references.json")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about Zarr's format 2
        return xr.open_dataset(
            "reference://",
            engine="zarr",
            backend_kwargs={"consolidated": False, "storage_options": {"fo": str(path)}},
        ).load()


def as_zarr(found):
    files = fsspec.filesystem(
        "reference", fo=json.loads(found.json()), asynchronous=True, remote_protocol="file",
        remote_options={"asynchronous": True},
    )  # fmt: skip
    return zarr.open_group(zarr.storage.FsspecStore(files), mode="r", zarr_format=2)


def write(exdf, folder, lengths, kwargs, *, counts=None, gap=0):
    """A run of as many trains in each file as `lengths` says."""
    at = 100
    for number, length in enumerate(lengths):
        group = exdf.instrument(
            *(f"{XGM[0]}/data", {"intensityTD": ((5, 3), "f4")}, counts and counts[:length]),
            gap=gap,
            units={"intensityTD": (b"u", b"J")},
            kwargs=kwargs,
        )
        path = folder / f"RAW-R0001-DA01-S{number:05d}.h5"
        exdf.write(path, range(at, at + length), [group])
        at += length
    return open_run(folder, aliases={})


STORED = {
    "in pieces": {"chunks": (2, 5, 3)},
    "in small pieces": {"chunks": (2, 2, 2)},
    "shuffled and deflated": {"chunks": (2, 5, 3), "compression": "gzip", "shuffle": True},
    "deflated": {"chunks": (4, 5, 2), "compression": "gzip", "compression_opts": 9},
    "with checksums": {"chunks": (1, 5, 3), "compression": "gzip", "fletcher32": True},
    "with other bytes first": {"chunks": (1, 5, 3), "dtype": ">f4"},
}


@pytest.mark.parametrize("how", STORED)
@pytest.mark.parametrize("lengths", [[8], [8, 4, 5]])
def test_files_become_one_array(exdf, tmp_path, how, lengths):
    run = write(exdf, tmp_path / "r0001", lengths, pieces(STORED[how]))
    found = run.references(i0=XGM)
    data = as_dataset(found, tmp_path)
    expected = run[XGM].xarray()
    assert found.arrays == {"i0": ("i0",)}
    np.testing.assert_array_equal(data.i0.values, expected.values)
    np.testing.assert_array_equal(data.i0.trainId.values, run.train_ids)
    assert data.i0.dims == expected.dims
    assert data.i0.attrs["units"] == "µJ"


def pieces(kwargs):
    return {k: v for k, v in kwargs.items() if k != "dtype"}


def test_pieces_that_do_not_fit_together_give_an_array_for_each_file(exdf, tmp_path):
    run = write(exdf, tmp_path / "r0001", [5, 4, 3], {"chunks": (2, 5, 3)})
    found = run.references(i0=XGM)
    assert found.arrays == {"i0": ("i0_0", "i0_1", "i0_2")}
    data = as_dataset(found, tmp_path)
    whole = np.concatenate([data[name].values for name in found.arrays["i0"]])
    np.testing.assert_array_equal(whole, run[XGM].ndarray())


@pytest.mark.parametrize("choice", [by_id[103:110], [1, 2, 7, 10], slice(1, None)])
@pytest.mark.parametrize("gap", [0, 1])
def test_rows_of_no_selected_train_have_train_id_0(exdf, tmp_path, choice, gap):
    counts = [1, 2, 0, 1, 3, 1]
    run = write(exdf, tmp_path / "r0001", [6, 6], {"chunks": (4, 5, 3)}, counts=counts, gap=gap)
    run = run[choice]
    found = run.references(i0=XGM)
    data = as_dataset(found, tmp_path)
    kept = []
    for name in found.arrays["i0"]:
        array = data[name]
        (label,) = (c for c in array.coords if c.startswith("trainId"))
        kept.append((array.values, array[label].values))
    values, ids = (np.concatenate(each) for each in zip(*kept, strict=True))
    np.testing.assert_array_equal(values[ids > 0], run[XGM].ndarray())
    np.testing.assert_array_equal(ids[ids > 0], run[XGM].train_id_coordinates())


@pytest.mark.parametrize("dtype", ["f4", "f8", "u2", "i4", "u8", ">i2"])
@pytest.mark.parametrize("kwargs", [{"chunks": (2, 3)}, {}])
def test_zeros_stay_and_types_too(exdf, tmp_path, dtype, kwargs):
    values = np.array([[0, 1, 2], [3, 0, 5], [0, 0, 0], [1, 1, 0]], dtype)
    block = exdf.instrument(
        f"{XGM[0]}/data", {"intensityTD": ((3,), dtype)}, data={"intensityTD": values},
        kwargs=kwargs,
    )  # fmt: skip
    exdf.write(tmp_path / "r0001" / "RAW-R0001-DA01-S00000.h5", range(100, 104), [block])
    run = open_run(tmp_path / "r0001", aliases={})
    found = run.references(i0=XGM)
    data = as_dataset(found, tmp_path)
    assert data.i0.dtype == run[XGM].dtype.newbyteorder("=")
    np.testing.assert_array_equal(data.i0.values, values)
    assert data.i0.trainId.dtype == np.uint64
    group = as_zarr(found)
    assert group["i0"].dtype == run[XGM].dtype
    np.testing.assert_array_equal(group["i0"][:], values)
    np.testing.assert_array_equal(group["trainId"][:], run.train_ids)


def test_pulse_ids_are_coordinates(small_run, tmp_path):
    run = open_run(small_run, aliases={})
    found = run.references(image=AGIPD)
    data = as_dataset(found, tmp_path)
    stored = run[AGIPD].xarray()
    parts = [data[name] for name in found.arrays["image"]]
    for id_, own in [("pulseId", "pulse"), ("trainId", "trainId")]:
        labels = [p[c].values for p in parts for c in p.coords if c.startswith(id_)]
        np.testing.assert_array_equal(np.concatenate(labels), stored[own].values)
        assert {label.dtype for label in labels} == {stored[own].dtype}


def test_everything_selected(small_run, tmp_path):
    run = open_run(small_run, aliases={})
    with pytest.warns(DataWarning, match="channels are not referenced"):
        found = run.references()
    data = as_dataset(found, tmp_path)
    name = "MID_EXP_SAM_MOTOR_X.actualPosition"
    np.testing.assert_array_equal(data[name].values, run[MOTOR].ndarray())
    assert len({data[name].dims[0] for names in found.arrays.values() for name in names}) < 5
    assert len(found.arrays) + len(found.left_out) == sum(
        len(run[source].channels()) for source in run.sources
    )
    only = run.select(MOTOR[0], MOTOR[1]).references()
    assert name in only.arrays
    with pytest.raises(DataError, match="nothing is selected"):
        run.select([]).references()


def test_values_in_one_stretch_are_cut(small_run, tmp_path):
    for path in small_run.glob("*DA01*"):
        with h5py.File(path, "r+") as file:
            name = f"CONTROL/{MOTOR[0]}/{MOTOR[1]}/value"
            values = file[name][:]
            del file[name]
            file[name] = values
    run = open_run(small_run, aliases={"x": MOTOR})
    found = run.references("x", image=AGIPD)
    data = as_dataset(found, tmp_path)
    np.testing.assert_array_equal(data.x.values, run["x"].ndarray())
    assert data.x.attrs["source"] == MOTOR[0]
    assert "2 pieces" not in found.card().text()
    frames = [data[name] for name in found.arrays["image"]]
    stored = np.concatenate([f.values for f in frames])
    np.testing.assert_array_equal(stored, run[AGIPD].ndarray())


def test_zarr_reads_them_too(exdf, tmp_path):
    run = write(exdf, tmp_path / "r0001", [8, 4], {"chunks": (2, 5, 3), "compression": "gzip"})
    found = run.references(XGM)
    assert found.as_dict()["version"] == 1
    array = as_zarr(found)["SA2_XTD1_XGM_XGM_DOOCS:output.data.intensityTD"]
    np.testing.assert_array_equal(array[:], run[XGM].ndarray())


def test_what_cannot_be_referenced_is_said(small_run):
    run = open_run(small_run)
    state = (MOTOR[0], "state")
    with pytest.warns(DataWarning, match="1 channels are not referenced: state"):
        found = run.references(position=MOTOR, state=state)
    assert list(found.arrays) == ["position"]
    assert found.left_out["state"]
    assert "without state" in found.card().facts
    with pytest.raises(DataError, match="None of 1 channels can be referenced; state: "):
        run.references(state=state)
    with pytest.raises(DataError, match="there are no rows"):
        run[[0, 5]].references(image=AGIPD)


def test_nothing_is_referenced_that_was_never_written(exdf, tmp_path):
    run = write(exdf, tmp_path / "r0001", [4], {"chunks": (2, 5, 3)})
    with h5py.File(tmp_path / "r0001" / "RAW-R0001-DA01-S00000.h5", "r+") as file:
        name = f"INSTRUMENT/{XGM[0]}/data/intensityTD"
        del file[name]
        stored = file.create_dataset(name, (4, 5, 3), "f4", chunks=(2, 5, 3), fillvalue=7)
        stored[2:] = 1
    run = open_run(tmp_path / "r0001")
    with pytest.raises(DataError, match="never written"):
        run.references(i0=XGM)


def test_nothing_is_left_of_what_cannot_be_referenced(exdf, tmp_path):
    folder = tmp_path / "r0001"
    both = {"intensityTD": ((5, 3), "f4"), "other": ((), "f4")}
    for number, trains in enumerate([range(100, 105), range(105, 109)]):
        block = exdf.instrument(f"{XGM[0]}/data", both)
        exdf.write(folder / f"RAW-R0001-DA01-S{number:05d}.h5", trains, [block])
    with h5py.File(folder / "RAW-R0001-DA01-S00001.h5", "r+") as file:
        name = f"INSTRUMENT/{XGM[0]}/data/intensityTD"
        del file[name]
        file.create_dataset(name, (4, 5, 3), "f4", chunks=(2, 5, 3))  # never written
    run = open_run(folder, aliases={})
    with pytest.warns(DataWarning, match="1 channels are not referenced: i0"):
        found = run.references(i0=XGM, other=(XGM[0], "data.other"))
    assert not [key for key in found.refs if key.startswith("i0")]
    assert as_zarr(found)["other"].shape == (9,)
