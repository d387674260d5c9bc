"""Detectors under EXtra-data's names: the same calls give the same labelled arrays.

That the values are right in all cases is tested in `tests/data`; here it is about names.
"""

import importlib.util
import sys
import warnings
from itertools import chain
from pathlib import Path
from types import SimpleNamespace

import dask.array as da
import extra_data as theirs
import extra_data.components as their_components
import numpy as np
import pytest
import xarray as xr

import beambook.extra_data as ours
import beambook.extra_data.components as our_components
from beambook.extra_data.components import identify_multimod_detectors

IRREGULAR = [[0, 4, 8], [0, 4], [], [4, 8, 12], [0, 4, 8]]


def _loaded(name):
    path = Path(__file__).parents[1] / "data" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(f"facade{name}", path)
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


Made = _loaded("_detector_runs").Made
writer = _loaded("conftest")
exdf = SimpleNamespace(write=writer.write_exdf, instrument=writer.instrument)


@pytest.fixture(scope="module", autouse=True)
def quiet():
    """EXtra-data warns of raw data, and numpy of what EXtra-data does with empty arrays."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    """Opens a detector that is written for it with both packages."""

    def open_both(made, **options):
        folder = str(made.write(exdf, tmp_path_factory.mktemp("run")))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            mine = getattr(our_components, made.kind)(ours.RunDirectory(folder), **options)
            other = getattr(their_components, made.kind)(theirs.RunDirectory(folder), **options)
        return mine, other

    return open_both


RUNS = {
    "raw AGIPD": Made("AGIPD1M", modules=(0, 1, 2), missing={1: [2]}, breaks={0: 2}),
    "corrected AGIPD": Made("AGIPD1M", corrected="CORR", modules=(0, 3), pulses=IRREGULAR),
    "raw LPD": Made("LPD1M", modules=(2, 5), pulses=IRREGULAR),
    "raw DSSC": Made("DSSC1M", modules=(0, 1)),
    "JUNGFRAU": Made("JUNGFRAU", modules=(1, 2, 4), missing={2: [0]}),
    "corrected JUNGFRAU": Made("JUNGFRAU", corrected=True, modules=(2, 3)),
}


@pytest.fixture(scope="module", params=RUNS)
def pair(request, both):
    return both(RUNS[request.param])


def assert_same(mine, other):
    """The same axes, labels and values; missing whole numbers are 0 here, not NaN."""
    assert mine.dims == other.dims
    assert set(mine.coords) == set(other.coords)
    for name in other.coords:
        np.testing.assert_array_equal(mine[name], other[name])
    for name in other.indexes:
        assert mine.indexes[name].names == other.indexes[name].names
    values = np.asarray(other)
    if mine.dtype != values.dtype:
        assert (mine.dtype.kind, values.dtype.kind) in [("u", "f"), ("i", "f")]
        values = np.nan_to_num(values)
    np.testing.assert_array_equal(np.asarray(mine), values)


def keys_of(detector):
    return ["data.adc", "data.memoryCell"] if "JUNGFRAU" in repr(detector) else [
        "image.data", "image.cellId", "header.pulseCount", "header.dataId"]  # fmt: skip


def test_what_a_detector_says_of_itself(pair):
    mine, other = pair
    assert repr(mine) == repr(other)
    for name in ("detector_name", "n_modules", "module_shape", "train_ids", "modno_to_source",
                 "source_to_modno"):  # fmt: skip
        assert getattr(mine, name) == getattr(other, name), name
    assert mine.frame_counts.equals(other.frame_counts)
    assert mine.data.all_sources == other.data.all_sources
    assert mine.data.train_ids == other.data.train_ids
    np.testing.assert_array_equal(mine.train_ids_perframe, other.train_ids_perframe)
    np.testing.assert_array_equal(mine.data_availability(True), other.data_availability(True))
    assert "header.nothing" not in mine


def test_arrays_have_the_same_axes_and_labels(pair):
    mine, other = pair
    for key in keys_of(mine):
        assert_same(mine.get_array(key), other.get_array(key))
        assert_same(mine.get_dask_array(key), other.get_dask_array(key))
        one, two = mine[key], other[key]
        assert one.dimensions == two.dimensions
        assert (one.shape, one.ndim, one.dtype) == (two.shape, two.ndim, two.dtype)
        assert one.modules == two.modules
        assert one.buffer_shape(True) == two.buffer_shape(True)
        assert_same(one.xarray(), two.xarray())
        assert_same(one.dask_array(labelled=True), two.dask_array(labelled=True))
        assert isinstance(one.dask_array(), da.Array)
        np.testing.assert_array_equal(one[1:3].ndarray(), two[1:3].ndarray())
        np.testing.assert_array_equal(one.train_id_coordinates(), two.train_id_coordinates())


def test_choices_of_pulses_mean_the_same(pair):
    mine, other = pair
    if "JUNGFRAU" in repr(mine):
        return
    choices = [np.s_[:2], np.s_[::2], [0, 2], 1]
    ids = [np.s_[4:9], [0, 8], 4]
    options = [{}, {"subtrain_index": "cellId"}, {"unstack_pulses": False}, {"roi": np.s_[..., 1:]}]
    pairs = [(c, c) for c in choices] + [(ours.by_id[i], theirs.by_id[i]) for i in ids]
    for one, two in pairs:
        for more in options:
            assert_same(
                mine.get_array("image.data", one, **more),
                other.get_array("image.data", two, **more),
            )
        chosen, expected = mine["image.data"].select_pulses(one), other["image.data"]
        expected = expected.select_pulses(two)
        np.testing.assert_array_equal(
            chosen.pulse_id_coordinates(), expected.pulse_id_coordinates()
        )
        np.testing.assert_array_equal(chosen[:2].ndarray(), expected[:2].ndarray())
    with pytest.raises(ValueError, match="subtrain_index"):
        mine.get_array("image.data", subtrain_index="frameId")


def test_trains_have_the_same_keys_and_arrays(pair):
    mine, other = pair
    found, expected = list(mine.trains()), list(other.trains())
    assert [t for t, _ in found] == [t for t, _ in expected]
    for (_, one), (_, two) in zip(found, expected, strict=True):
        assert set(one) == set(two)
        key = keys_of(mine)[0]
        assert_same(one[key], two[key])


def test_parts_have_the_same_trains(pair):
    mine, other = pair
    for how in ({"parts": 2}, {"trains_per_part": 2}, {"frames_per_part": 4},
                {"parts": 3, "frames_per_part": 100}):  # fmt: skip
        found = [part.train_ids for part in mine.split_trains(**how)]
        if mine.frame_counts.nunique() == 1:
            assert found == [part.train_ids for part in other.split_trains(**how)]
        assert list(chain(*found)) == mine.train_ids
    with pytest.raises(ValueError, match="split"):
        mine.split_trains()


def test_masks(both):
    mine, other = both(RUNS["corrected JUNGFRAU"])
    for options in ({}, {"mask_bits": [1, 2], "masked_value": -1.0}):
        one, two = mine.masked_data(**options), other.masked_data(**options)
        assert_same(one.xarray(), two.xarray())
        np.testing.assert_array_equal(
            one[:2].ndarray(roi=np.s_[0]), two[:2].ndarray(roi=np.s_[:1, :])[:, :, 0]
        )
    raw, _ = both(RUNS["raw DSSC"])
    with pytest.raises(RuntimeError, match=r"image\.mask"):
        raw.masked_data()


def test_three_gain_stages(both):
    pulses = [[0, 4, 0, 0, 0, 0]] * 3
    mine, other = both(Made("LPD1M", modules=(0, 1), pulses=pulses), parallel_gain=True)
    for options in ({}, {"pulses": np.s_[:1]}, {"unstack_pulses": False}):
        assert_same(
            mine.get_array("image.data", **options), other.get_array("image.data", **options)
        )
    assert_same(mine.get_dask_array("image.data"), other.get_dask_array("image.data"))
    _, other_train = next(iter(other.trains()))
    assert_same(next(mine.trains())[1]["image.data"], other_train["image.data"])


def test_modules_of_a_jungfrau_are_numbered_from_the_first_one(both):
    made = Made("JUNGFRAU", modules=(3, 4), pulses=[[0, 1]] * 3)
    mine, other = both(made, first_modno=3, modules=[4])
    assert mine.modno_to_source == other.modno_to_source
    assert mine.n_modules == other.n_modules == 2
    np.testing.assert_array_equal(mine.cell_ids(), other.cell_ids())


def test_raw_and_corrected_data_are_told_apart(tmp_path):
    Made("AGIPD1M", modules=(0, 1)).write(exdf, tmp_path)
    Made("AGIPD1M", corrected="CORR", modules=(0, 1)).write(exdf, tmp_path)
    run = ours.RunDirectory(tmp_path)
    assert "raw data" in repr(our_components.AGIPD1M(run, raw=True))
    assert "proc data" in repr(our_components.AGIPD1M(run))
    with pytest.raises(ours.SourceNameError):
        our_components.AGIPD1M(run.select("*/DET/*"), raw=False)
    with pytest.raises(ours.SourceNameError):
        our_components.LPD1M(run)


def test_which_detectors_there_are(tmp_path):
    Made("AGIPD1M", modules=(0,)).write(exdf, tmp_path)
    Made("JUNGFRAU", modules=(1,)).write(exdf, tmp_path)
    run = ours.RunDirectory(tmp_path)
    found = identify_multimod_detectors(run)
    agipd = ("SPB_DET_AGIPD1M-1", our_components.AGIPD1M)
    assert found == {agipd, ("SPB_IRDA_JF4M", our_components.JUNGFRAU)}
    assert identify_multimod_detectors(run, single=True, clses=[our_components.AGIPD1M]) == agipd
    with pytest.raises(ValueError, match="SPB_DET_AGIPD1M-1, SPB_IRDA_JF4M"):
        identify_multimod_detectors(run, single=True)


def test_extra_datas_own_collections_are_taken(tmp_path):
    folder = Made("DSSC1M", modules=(0,)).write(exdf, tmp_path)
    detector = our_components.DSSC1M(theirs.RunDirectory(str(folder)))
    assert isinstance(detector.get_array("image.data"), xr.DataArray)
    assert isinstance(detector.data, ours.DataCollection)
