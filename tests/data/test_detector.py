"""Area detectors beyond what EXtra-data does: labels, what is missing, what disagrees."""

import pickle
import warnings
from itertools import count

import h5py
import numpy as np
import pytest

import beambook.data as bb
from beambook.data import AGIPD1M, AGIPD500K, JUNGFRAU, LPD1M, DataWarning
from beambook.errors import DataError, KeyNotFound, SourceNotFound


@pytest.fixture
def make(exdf, tmp_path, detector_runs):
    """Write a detector, give its run and how it was made."""

    numbers = count(1)

    def make(**made):
        made = detector_runs.Made(**made)
        folder = tmp_path / f"r{next(numbers):04d}"
        return bb.open_run(made.write(exdf, folder), aliases={}), made

    return make


def expected(made, module, train, pulse):
    entry = (*made.planes, 3, 2)
    return made.frame(module, train, pulse, entry)


def test_labels(make):
    run, made = make(pulses=[[0, 4, 8]] * 4)
    agipd = run.detector()
    assert (agipd.name, agipd.kind.name, agipd.modules) == (made.name, "AGIPD1M", (0, 1, 2))
    image = agipd["image.data"]
    assert image.dims == ("module", "frame", "data_gain", "slow_scan", "fast_scan")
    array = image.xarray()
    assert array.dims == ("module", "train", "pulse", "data_gain", "slow_scan", "fast_scan")
    assert array.name == "SPB_DET_AGIPD1M-1 image.data"
    assert "filled" not in array.coords
    for module, train, pulse in ((0, 1000, 0), (2, 1003, 8), (1, 1001, 4)):
        found = array.sel(module=module, train=train, pulse=pulse)
        np.testing.assert_array_equal(found, expected(made, module, train, pulse))
    one_plane = image[1:2].xarray(roi=np.s_[0, :, -1])
    assert one_plane.dims == ("module", "train", "pulse", "slow_scan")
    np.testing.assert_array_equal(one_plane, array[:, 1:2, :, 0, :, -1])
    flat = image.xarray(unstack_pulses=False)
    assert flat.dims[:2] == ("module", "frame")
    np.testing.assert_array_equal(flat.train, np.repeat(np.arange(1000, 1004), 3))
    np.testing.assert_array_equal(flat.pulse, np.tile([0, 4, 8], 4))
    by_cell = image.xarray(subtrain_index="cellId")
    np.testing.assert_array_equal(by_cell.cell, [0, 2, 4])
    header = agipd["header.pulseCount"].xarray()
    assert header.dims == ("module", "train")


@pytest.mark.parametrize("choice", [-1, np.s_[-2:], [0, -1], bb.by_index[2]])
def test_positions_from_the_end(make, choice):
    run, _ = make(pulses=[[0, 4, 8], [0, 4, 8]])
    found = run.detector()["image.data"].select_pulses(choice)
    wanted = np.atleast_1d(np.arange(3)[choice if not hasattr(choice, "value") else choice.value])
    np.testing.assert_array_equal(found.pulse_id_coordinates(), np.tile(4 * wanted, 2))


def test_cells_and_modules(make):
    run, _ = make()
    agipd = run.detector()
    some = agipd["image.data"].select_cells([2, 4])
    np.testing.assert_array_equal(some.pulse_id_coordinates(), np.tile([4, 8], 4))
    np.testing.assert_array_equal(
        agipd.select_modules([1])["image.data"].ndarray(), agipd["image.data"].ndarray()[1:2]
    )
    with pytest.raises(DataError, match="modules"):
        agipd.select_modules([7])


def test_modules_chosen_first_or_later_have_the_same_trains(make):
    run, made = make(missing={0: [1]})
    fewer, later = run.detector(modules=[0]), run.detector().select_modules([0])
    np.testing.assert_array_equal(fewer.train_ids, later.train_ids)
    assert len(later.train_ids) == len(run.detector().train_ids) - 1
    array = run.detector()["image.data"].xarray()
    assert array["filled"].dims == ("module",)
    assert (array["filled"].sel(module=[0, 1]) > 0).values.tolist() == [True, False]
    assert array.attrs["detector"] == made.name


def test_unused_rows_between_trains(make):
    run, made = make(gap=2)
    array = run.detector()["image.data"].xarray()
    for train in made.trains:
        np.testing.assert_array_equal(
            array.sel(module=2, train=train, pulse=4), expected(made, 2, train, 4)
        )


def test_varying_frames(make):
    run, made = make(corrected="DET", pulses=[[0, 8], [], [4], [0, 4, 8]], missing={1: [3]})
    agipd = run.detector()
    assert agipd.train_ids.tolist() == [1000, 1002, 1003]
    assert agipd.card().facts["frames"] == "6, 1 to 3 in a train"
    with pytest.raises(DataError, match="between 1 and 3 frames"):
        _ = agipd.frames_per_train
    array = agipd["image.data"].xarray()
    assert array.dims[:3] == ("module", "train", "pulse")
    np.testing.assert_array_equal(array["filled"], [3, 6, 3])
    assert np.isnan(array.sel(train=1000, pulse=4)).all()
    assert np.isnan(array.sel(train=1003, module=1)).all()
    np.testing.assert_array_equal(
        array.sel(module=0, train=1000, pulse=8), expected(made, 0, 1000, 8)
    )


def test_frames_that_no_module_has(make):
    run, _ = make(pulses=[[0, 8], [4]], missing={2: [0]})
    image = run.detector()["image.data"]
    present = image.present_frames()
    assert present.dims == ("train", "pulse")
    np.testing.assert_array_equal(present, [[1, 0, 1], [0, 1, 0]])
    assert image[:1].present_frames() is None
    assert image.xarray().dtype == np.uint16


def test_missing_whole_numbers_are_zero_and_counted(make):
    run, _ = make(pulses=[[0, 4], [0, 4]], missing={2: [0]})
    image = run.detector()["image.data"]
    array = image.xarray()
    assert array.dtype == np.uint16
    assert not array.sel(module=2, train=1000).any()
    np.testing.assert_array_equal(array["filled"], [0, 0, 2])
    assert "missing" in image.card().facts
    with pytest.raises(DataError, match=r"cannot be filled with nan.*astype"):
        image.ndarray(fill_value=np.nan)
    reused = np.full(image.shape, 9, np.uint16)
    image.ndarray(out=reused)
    np.testing.assert_array_equal(reused, image.ndarray())
    apart = np.zeros((*image.shape, 2), np.uint16)[..., 0]
    np.testing.assert_array_equal(image.ndarray(out=apart), image.ndarray())
    with pytest.raises(DataError, match="has shape"):
        image.ndarray(out=reused[:1])


def test_modules_with_other_numbers_of_frames(make):
    run, made = make(pulses=[[0, 4, 8]] * 3, pulses_of={(1, 1): [0, 4]})
    with pytest.warns(DataWarning, match="in 1 trains some modules have another number of frames"):
        agipd = run.detector()
    (finding,) = agipd.findings
    assert (finding.where, finding.count) == (made.source(1), 1)
    array = agipd["image.data"].xarray()
    assert not array.sel(module=1, train=1001).any()
    assert array.sel(module=0, train=1001).any()
    np.testing.assert_array_equal(array["filled"], [0, 3, 0])


def test_modules_that_disagree_about_pulses(make):
    run, made = make(pulses=[[0, 4, 8]] * 3, pulses_of={(0, 1): [0, 8, 12]})
    with pytest.warns(DataWarning, match="2 frames of modules"):
        array = run.detector()["image.data"].xarray()
    np.testing.assert_array_equal(array.pulse, [0, 4, 8])
    assert not array.sel(module=0, train=1001, pulse=[4, 8]).any()
    assert array.sel(module=0, train=1001, pulse=0).any()
    np.testing.assert_array_equal(
        array.sel(module=1, train=1001, pulse=8), expected(made, 1, 1001, 8)
    )
    by_position = run.detector(match_pulses=False)
    values = by_position["image.data"].ndarray()
    np.testing.assert_array_equal(values[0, 4], expected(made, 0, 1001, 8))


def test_same_pulse_twice(make):
    run, _ = make(pulses=[[0, 0], [0, 0]])
    array = run.detector()["image.data"].xarray()
    np.testing.assert_array_equal(array.pulse, [0, 0])
    run, _ = make(pulses=[[0, 0], [0, 0, 4]])
    with pytest.raises(DataError, match=r"same pulse id.*unstack_pulses=False"):
        run.detector()["image.data"].xarray()


def test_truncated_rows_count_as_missing(make):
    run, made = make(pulses=[[0, 4]] * 3)
    path = next(p for p in run.files if "MOD01" in p.name)
    with h5py.File(path, "r+") as file:
        data = file[f"INSTRUMENT/{made.source(1)}/image/data"]
        data.resize(5, axis=0)
    run = bb.open_run(path.parent, aliases={})
    with pytest.warns(DataWarning, match="1 trains of modules are not all in the files"):
        array = run.detector()["image.data"].xarray()
    np.testing.assert_array_equal(array["filled"], [0, 2, 0])
    assert not array.sel(module=1, train=1002).any()


def test_three_gain_stages(make):
    run, _ = make(kind="LPD1M", pulses=[[0, 4, 0, 0, 0, 0]] * 2)
    lpd = LPD1M(run, parallel_gain=True)
    array = lpd["image.data"].xarray()
    assert array.dims[:4] == ("module", "train", "gain", "pulse")
    np.testing.assert_array_equal(array.pulse, [0, 4])
    flat = lpd["image.data"].xarray(unstack_pulses=False)
    np.testing.assert_array_equal(flat.gain[:6], [0, 0, 1, 1, 2, 2])
    run, _ = make(kind="LPD1M", pulses=[[0, 4]])
    with pytest.raises(DataError, match="three frames for each pulse"):
        LPD1M(run, parallel_gain=True)


def test_numbers_of_jungfrau_modules(make):
    run, made = make(kind="JUNGFRAU", modules=(3, 4), pulses=[[0, 1]] * 3)
    plain = JUNGFRAU(run)
    assert (plain.modules, plain.n_modules, plain.cells_per_row) == ((3, 4), 4, 2)
    assert plain.frames_per_train == 2
    shifted = JUNGFRAU(run, first_modno=3, modules=[4])
    assert (shifted.modules, shifted.n_modules) == ((2,), 2)
    gaps = shifted["data.adc"].ndarray(module_gaps=True)
    assert gaps.shape == (2, 3, 2, 3, 2)
    assert not gaps[0].any()
    np.testing.assert_array_equal(gaps[1, 0, 1], expected_cell(made, 4, 1000, 1))
    np.testing.assert_array_equal(plain.cell_ids(), [0, 1])
    assert plain["data.adc"].xarray().dims == ("module", "train", "cell", "slow_scan", "fast_scan")
    with pytest.raises(DataError, match="Memory cells are its first axis"):
        plain["data.adc"].select_pulses([1])


def expected_cell(made, module, train, cell):
    return made.frame(module, train, cell, (3, 2))


def test_corrected_data_under_old_names(exdf, tmp_path, detector_runs):
    raw = detector_runs.Made().write(exdf, tmp_path / "raw")
    old = detector_runs.Made(corrected="DET").write(exdf, tmp_path / "old")
    new = detector_runs.Made(corrected="CORR").write(exdf, tmp_path / "new")
    runs = {p.name: bb.open_run(p, aliases={}) for p in (raw, old, new)}
    assert runs["raw"].detector().is_raw
    assert not runs["old"].detector(raw=False).is_raw
    assert not (runs["raw"] | runs["new"]).detector().is_raw
    assert (runs["raw"] | runs["new"]).detector(raw=True).is_raw
    with pytest.raises(DataError, match="no raw data"):
        runs["old"].detector(raw=True)
    for name, kind in (("raw", False), ("new", True)):
        with pytest.raises(SourceNotFound):
            runs[name].detector(raw=kind)


def test_finding_a_detector(make, exdf, tmp_path, detector_runs):
    run, made = make()
    assert run.detector("AGIPD1M").name == run.detector(made.name).name
    with pytest.raises(SourceNotFound, match="AGIPD1M"):
        run.detector("AGIPD")
    with pytest.raises(SourceNotFound):
        run.detector("JUNGFRAU")
    with pytest.raises(SourceNotFound, match="modules 0, 1, 2"):
        AGIPD1M(run, modules=[9])
    with pytest.raises(DataError, match="at least 4 modules"):
        AGIPD1M(run, min_modules=4)
    other = detector_runs.Made("AGIPD500K", modules=(0,)).write(exdf, tmp_path / "other")
    both = run | bb.open_run(other, aliases={})
    with pytest.raises(DataError, match="2 area detectors"):
        both.detector()
    assert AGIPD500K(both).n_modules == 8
    with pytest.raises(KeyNotFound, match=r"image\.data"):
        run.detector()["image.dta"]
    with pytest.raises(DataError, match="There is no area detector in"):
        run.select("*0CH0*").deselect("*").detector()


def test_card(make):
    run, _ = make(missing={1: [0]}, pulses=[[0], [0], []])
    agipd = run.detector()
    text = repr(agipd)
    assert "AGIPD1M, raw" in text
    facts = agipd.card().facts
    assert facts["modules"] == "3 of 16"
    assert facts["missing"] == "1 of 6 trains of modules"
    assert agipd.card().tables[0].rows[1] == (1, "SPB_DET_AGIPD1M-1/DET/1CH0:xtdf", 1)
    assert "<table>" in agipd.card().html()


def test_blocks_travel(make):
    run, _ = make(corrected="DET", missing={1: [0, 2]}, breaks={0: 2}, pulses=[[0, 4], [0]] * 2)
    masked = run.detector().masked_data().select_pulses(np.s_[:1])
    lazy = masked.dask_array(labelled=True, unstack_pulses=True, block_bytes=50)
    assert lazy.chunks is not None
    assert len(lazy.data.chunks[1]) == 4
    sent = pickle.loads(pickle.dumps(lazy))
    assert sent.compute().identical(masked.xarray())


@pytest.mark.parametrize(
    "made",
    [
        {"missing": {1: [0]}, "breaks": {0: 2}},
        {"kind": "LPD1M", "pulses": [[0, 4], [0], [4]]},
        {"kind": "JUNGFRAU", "modules": (1, 3), "pulses": [[0, 1, 2]] * 3, "missing": {3: [1]}},
    ],
    ids=lambda made: made.get("kind", "AGIPD1M"),
)
def test_virtual_cxi_as_extra_data(make, tmp_path, made, monkeypatch, capsys):
    from extra_data import RunDirectory, components

    run, made = make(**made)
    mine, theirs = tmp_path / "mine.cxi", tmp_path / "theirs.cxi"
    monkeypatch.setattr(components.JUNGFRAU, "module_shape", (3, 2))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        folder = RunDirectory(str(tmp_path / "r0001"), _use_voview=False, parallelize=False)
        getattr(components, made.kind)(folder).write_virtual_cxi(theirs)
    run.detector().write_virtual_cxi(mine)
    with h5py.File(mine) as ours, h5py.File(theirs) as other:
        names = []
        other.visit(names.append)
        found = []
        ours.visit(found.append)
        assert sorted(found) == sorted(names)
        for name in filter(lambda n: isinstance(other[n], h5py.Dataset), names):
            assert ours[name].is_virtual == other[name].is_virtual
            assert ours[name].fillvalue == other[name].fillvalue
            assert dict(ours[name].attrs) == dict(other[name].attrs)
            np.testing.assert_array_equal(ours[name][()], other[name][()])
        assert dict(ours["entry_1"].attrs) == dict(other["entry_1"].attrs)


def test_virtual_cxi_of_corrected_data(make, tmp_path):
    run, _ = make(corrected="CORR", pulses=[[0, 4], [4], [0]], missing={0: [0]})
    agipd = run.detector()
    path = tmp_path / "all.cxi"
    agipd.write_virtual_cxi(path, fillvalues={"gain": 7})
    with h5py.File(path) as file:
        place = file["entry_1/data_1"]
        assert place["data"].shape == (4, 16, 3, 2)
        for key, fill in (("data", np.nan), ("gain", 7), ("mask", 2**32 - 1)):
            wanted = agipd[f"image.{key}"].ndarray(fill_value=fill, module_gaps=True)
            np.testing.assert_array_equal(place[key][()], wanted.swapaxes(0, 1))
        assert file["entry_1/experiment_identifier"].asstr()[1] == "1000:4"
    with pytest.raises(DataError, match="cannot be filled"):
        agipd.write_virtual_cxi(path, fillvalues={"gain": -1})


def test_frames_written(make, tmp_path):
    run, _ = make(pulses=[[0, 4, 8], [0, 8], [4]], missing={2: [0]}, breaks={0: 1}, gap=1)
    agipd = run.detector()
    path = tmp_path / "frames.h5"
    with pytest.warns(DataWarning, match="1 of 4 frames"):
        agipd.write_frames(path, np.array([1000, 1000, 1001, 1002]), np.array([8, 0, 8, 8]))
    again = bb.open_file(path, aliases={}).detector()
    image = again["image.data"]
    np.testing.assert_array_equal(image.train_id_coordinates(), [1000, 1000, 1001])
    np.testing.assert_array_equal(image.pulse_id_coordinates(), [0, 8, 8])
    before = agipd["image.data"].xarray()
    np.testing.assert_array_equal(
        image.ndarray()[:, 1], before.sel(train=1000, pulse=8).transpose("module", ...)
    )
    with pytest.raises(DataError, match="same length"):
        agipd.write_frames(path, np.array([1]), np.array([1, 2]))
