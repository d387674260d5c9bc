"""Channels side by side: each value stands at its own train and its own pulse."""

import json
import warnings

import euxfel_bunch_pattern
import numpy as np
import pytest
import xarray as xr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from beambook.data import Alias, DataWarning, open_run
from beambook.data._euxfel.bunch_pattern import sase_mask
from beambook.errors import AlignmentError, DataError, KeyNotFound

XGM = "SA2_XTD1_XGM/XGM/DOOCS:output"
ADC = "MID_EXP_FASTADC/ADC/MCP:channel_3.output"
MONO = "MID_OPT_MONO/MDL/PHOTON_ENERGY"
TIMES = "MID_RR_UTC/TSYS/TIMESERVER:outputBunchPattern"
NAMES = {
    "energy": (MONO, "actualEnergy"),
    "xgm": {"source": XGM, "key": "data.intensityTD", "pulses": "sase2", "fill": 1},
    "mcp3": {"source": ADC, "key": "data.peaks", "pulses": "sase2"},
}


@given(st.lists(st.integers(0, 2**32 - 1), max_size=30))
def test_bits_of_the_bunch_pattern(places):
    table = np.array([places], "u4")
    for sase in (1, 2, 3):
        np.testing.assert_array_equal(
            sase_mask(table, sase), euxfel_bunch_pattern.is_sase(table, sase)
        )
    with pytest.raises(ValueError, match="SASE4"):
        sase_mask(table, 4)


@given(st.lists(st.sampled_from([0, 2 << 18, 4 << 18, 4 << 18 | 1 << 27, 5 << 18]), max_size=30))
def test_bits_that_occur(places):
    table = np.array(places, "u4")
    for sase in (1, 2, 3):
        np.testing.assert_array_equal(
            sase_mask(table, sase), euxfel_bunch_pattern.is_sase(table, sase)
        )


def pulse_value(train, pulse):
    """What is stored for a pulse: tells both."""
    return train * 10.0 + pulse / 1000


def write(exdf, path, trains, patterns, *, entries=12, recorded=99, lost=None, frames=None):
    """A run in which `patterns[n]` are the SASE2 pulse ids of the n-th train.

    `recorded` pulses of each train are in the digitizer; `lost[name]` are trains that one of
    xgm, adc, mono, times lacks; `frames` gives pulse ids that a detector saw.
    """
    lost = lost or {}
    table = np.zeros((len(trains), 40), "u4")
    table[:, 1::2] = 4 << 18  # others' pulses
    xgm = np.ones((len(trains), entries), "f8")
    adc = np.full((len(trains), min(recorded, entries)), -1.0)
    for n, (train, pulses) in enumerate(zip(trains, patterns, strict=True)):
        table[n, list(pulses)] = 2 << 18
        values = [pulse_value(train, p) for p in sorted(pulses)]
        xgm[n, : len(values)] = values[:entries]
        adc[n, : len(values)] = values[: adc.shape[1]]

    def group(kind, source, key, rows, name):
        counts = [0 if t in lost.get(name, ()) else 1 for t in trains]
        kept = np.asarray(rows)[np.array(counts, bool)]
        shape = (kept.shape[1:], kept.dtype.str)
        return kind(source, {key: shape}, counts, data={key: kept})

    groups = [
        group(exdf.control, MONO, "actualEnergy", np.array(trains) * 1.0, "mono"),
        group(exdf.instrument, f"{XGM}/data", "intensityTD", xgm, "xgm"),
        group(exdf.instrument, f"{ADC}/data", "peaks", adc, "adc"),
        group(exdf.instrument, f"{TIMES}/data", "bunchPatternTable", table, "times"),
    ]
    groups[0].units["actualEnergy"] = (b"", b"eV")
    if frames is not None:
        data = [np.full((2, 3), pulse_value(t, p)) for t in trains for p in frames.get(t, ())]
        groups.append(
            exdf.instrument(
                "MID_DET_AGIPD1M-1/DET/0CH0:xtdf/image",
                {"data": (2, 3), "pulseId": ((1,), "u8")},
                [len(frames.get(t, ())) for t in trains],
                data={"data": data, "pulseId": [[p] for t in trains for p in frames.get(t, ())]},
            )
        )
    exdf.write(path / "RAW-R0001-DA01-S00000.h5", trains, groups)
    return open_run(path, aliases=NAMES)


def at_own_place(variable):
    """Whether every value is NaN or that of its train and pulse."""
    expected = pulse_value(variable.train.astype(float), variable.pulse)
    return bool((np.isnan(variable) | (abs(variable - expected) < 1e-9)).all())


def test_three_channels(exdf, tmp_path):
    trains = list(range(100, 110))
    run = write(
        exdf, tmp_path, trains, [[4, 8, 12]] * 10,
        recorded=2, lost={"xgm": {101}, "adc": {103, 104}},
    )  # fmt: skip
    data = run.aligned("energy", i0="xgm", i1="mcp3")
    assert isinstance(data, xr.Dataset)
    assert dict(data.sizes) == {"train": 7, "pulse": 2}
    assert data.energy.dims == ("train",)
    assert data.i0.dims == data.i1.dims == ("train", "pulse")
    assert data.pulse.values.tolist() == [4, 8]
    assert data.train.dtype == np.uint64
    assert data.trainId.values.tolist() == [100, 102, 105, 106, 107, 108, 109]
    assert at_own_place(data.i0)
    assert at_own_place(data.i1)
    assert not data.i0.isnull().any()
    assert data.energy.attrs["units"] == "eV"
    report = json.loads(data.attrs["alignment"])
    i0, i1 = report["i0"], report["i1"]
    assert (i0["trains"], i0["trains_missing"], i0["trains_dropped"]) == (9, 1, 2)
    assert (i1["trains"], i1["trains_missing"], i1["trains_dropped"]) == (8, 2, 1)
    assert (i0["pulses"], i0["pulses_dropped"]) == (3, 1)
    assert (i1["pulses"], i1["pulses_dropped"], i1["pulses_without_entry"]) == (2, 0, 7)
    assert i0["entries_without_pulse"] == 0  # what is beyond the pulses is padding
    assert i0["pulses_from"] == f"SASE2 in {TIMES}"


@st.composite
def experiments(draw):
    count = draw(st.integers(1, 8))
    patterns = draw(
        st.lists(st.sets(st.integers(0, 19).map(lambda n: 2 * n), min_size=0, max_size=6),
                 min_size=count, max_size=count)
    )  # fmt: skip
    some = st.sets(st.integers(100, 99 + count), max_size=2)
    return (
        patterns,
        draw(st.integers(1, 6)),
        {n: draw(some) for n in ("xgm", "adc", "mono", "times")},
    )


@given(experiments())
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
def test_every_value_is_at_its_own_train_and_pulse(exdf, tmp_path_factory, experiment):
    patterns, recorded, lost = experiment
    trains = [100 + n for n in range(len(patterns))]
    run = write(
        exdf, tmp_path_factory.mktemp("run"), trains, patterns, recorded=recorded, lost=lost
    )
    there = [t for t in trains if not any(t in gone for gone in lost.values())]
    pulses = {t: sorted(p) for t, p in zip(trains, patterns, strict=True) if t in there}
    seen = {t: set(p[:recorded]) for t, p in pulses.items()}
    common = sorted(set().union(*seen.values()))
    if not common:
        with pytest.raises(AlignmentError, match="in common"):
            run.aligned("energy", i0="xgm", i1="mcp3")
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        data = run.aligned("energy", i0="xgm", i1="mcp3")
    assert data.train.values.tolist() == there
    assert data.pulse.values.tolist() == common
    assert (data.energy == data.train).all()
    for name, own in [("i0", {t: set(p) for t, p in pulses.items()}), ("i1", seen)]:
        assert at_own_place(data[name])
        nan = {(t, p) for t in there for p in common if p not in own[t]}
        found = data[name].isnull()
        assert {(int(t), int(p)) for t in found.train for p in found.pulse
                if found.sel(train=t, pulse=p)} == nan  # fmt: skip
        assert json.loads(data.attrs["alignment"])[name]["missing"] == len(nan)


def test_fill_value_becomes_nan_and_is_counted(exdf, tmp_path):
    run = write(exdf, tmp_path, [100, 101], [[4, 8, 12]] * 2, entries=3)
    data = run.aligned(i0=Alias("i0", XGM, "data.intensityTD", (4, 8, 12), pulse_value(100, 8)))
    assert json.loads(data.attrs["alignment"])["i0"]["filled"] == 1
    assert np.isnan(data.i0.sel(train=100, pulse=8))
    assert int(data.i0.isnull().sum()) == 1


def test_value_per_train_may_have_a_fill_value(exdf, tmp_path):
    run = write(exdf, tmp_path, [100, 101], [[4], [4]])
    data = run.aligned(energy=Alias("e", MONO, "actualEnergy", fill=101.0))
    assert data.energy[0] == 100
    assert np.isnan(data.energy[1])
    assert json.loads(data.attrs["alignment"])["energy"]["filled"] == 1


@pytest.mark.parametrize("pulses", ["4:12:4", (4, 8)], ids=str)
def test_explicit_pulses(exdf, tmp_path, pulses):
    run = write(exdf, tmp_path, [100, 101], [[4, 8], [4, 8]], recorded=2)
    data = run.aligned(i0=Alias("i0", XGM, "data.intensityTD", pulses, 1.0), i1="mcp3")
    assert data.pulse.values.tolist() == [4, 8]
    assert at_own_place(data.i0)


def test_pulses_from_another_key(exdf, tmp_path):
    ids = {"ids": ((3,), "u4"), "signal": ((3,), "f4")}
    values = np.array([[4, 8, 12], [8, 12, 16]])
    group = exdf.instrument("A/TOF/1:out/data", ids, data={"ids": values, "signal": values * 2})
    exdf.write(tmp_path / "RAW-R0001-DA01-S00000.h5", [100, 101], [group])
    alias = {"source": "A/TOF/1:out", "key": "data.signal", "pulses": ["A/TOF/1:out", "data.ids"]}
    run = open_run(tmp_path, aliases={"tof": alias})
    data = run.select("*", "data.signal").aligned("tof")
    assert data.pulse.values.tolist() == [4, 8, 12, 16]
    assert (data.tof.isnull() | (data.tof == 2 * data.pulse)).all()
    assert data.tof.dtype == np.float32
    assert json.loads(data.attrs["alignment"])["tof"]["missing"] == 2
    gone = open_run(tmp_path, aliases={"tof": alias | {"pulses": ["A/TOF/1:out", "data.idz"]}})
    with pytest.raises(AlignmentError, match=r"'tof'.*did you mean 'data.ids'"):
        gone.aligned("tof")


def test_detector_frames_by_their_pulse_ids(exdf, tmp_path):
    frames = {100: [4, 8, 12], 102: [8, 4], 103: [4, 4, 8, 0, 0]}
    run = write(exdf, tmp_path, [100, 101, 102, 103], [[4, 8]] * 4, frames=frames)
    detector = ("MID_DET_AGIPD1M-1/DET/0CH0:xtdf", "image.data")
    with pytest.warns(DataWarning, match="image: 2 entries have the pulse id of an earlier one"):
        data = run.aligned(i0="xgm", image=detector)
    assert data.image.dims == ("train", "pulse", "slow_scan", "fast_scan")
    assert data.train.values.tolist() == [100, 102, 103]
    assert data.pulse.values.tolist() == [4, 8]
    assert at_own_place(data.image)
    assert not data.image.isnull().any()
    assert json.loads(data.attrs["alignment"])["image"]["duplicates"] == 2


def test_entries_beyond_the_pulses_are_not_dropped_in_silence(exdf, tmp_path):
    run = write(exdf, tmp_path, [100, 101], [[4, 8, 12], [4, 8]])
    with pytest.warns(DataWarning, match=r"i0: 1 entries belong to no pulse of 4:12:4"):
        data = run.aligned(i0=Alias("i0", XGM, "data.intensityTD", "4:12:4", 1.0))
    assert json.loads(data.attrs["alignment"])["i0"]["entries_without_pulse"] == 1
    with pytest.warns(DataWarning, match=r"i0: 20 entries .*write `fill:`"):
        run.aligned(i0=Alias("i0", XGM, "data.intensityTD", "4:12:4"))


def test_pulse_ids_that_nobody_knows(exdf, tmp_path):
    run = write(exdf, tmp_path, [100, 101], [[4, 8]] * 2)
    plain = run.drop_aliases().with_aliases({"pulse-energy": (XGM, "data.intensityTD")})
    with pytest.raises(AlignmentError) as error:
        plain.aligned(i0="pulse-energy")
    assert f"i0: {{source: {XGM}, key: data.intensityTD, pulses: …}}" in str(error.value)
    assert "sase2" in str(error.value)


@pytest.mark.parametrize("pulses", ["sase4", "0:400:0", "8:4", "all"])
def test_pulses_that_mean_nothing(exdf, tmp_path, pulses):
    run = write(exdf, tmp_path, [100], [[4]])
    with pytest.raises(AlignmentError, match=f"'i0' are '{pulses}'. Write pulses: sase2"):
        run.aligned(i0=Alias("i0", XGM, "data.intensityTD", pulses))


def test_no_bunch_pattern(exdf, tmp_path):
    group = exdf.instrument(f"{XGM}/data", {"intensityTD": ((3,), "f4")})
    exdf.write(tmp_path / "RAW-R0001-DA01-S00000.h5", [1], [group])
    with pytest.raises(AlignmentError, match=r"bunch pattern, which .* has not"):
        open_run(tmp_path, aliases=NAMES).aligned("xgm")


def test_bunch_pattern_is_found_though_not_selected(exdf, tmp_path):
    run = write(exdf, tmp_path, [100, 101], [[4, 8], [8, 12]])
    assert run.select("*XGM*").aligned("xgm").pulse.values.tolist() == [4, 8, 12]


def test_nothing_in_common(exdf, tmp_path):
    run = write(exdf, tmp_path, [100, 101], [[4, 8]] * 2, lost={"xgm": {100}, "adc": {101}})
    with pytest.raises(AlignmentError, match=r"no train in common: i0 has 1 \(101 … 101\); i1 has"):
        run.aligned(i0="xgm", i1="mcp3")
    with pytest.raises(AlignmentError, match="no pulse in common"):
        run.aligned(
            i0=Alias("a", XGM, "data.intensityTD", "0:12"),
            i1=Alias("b", XGM, "data.intensityTD", "20:32"),
        )
    with pytest.raises(AlignmentError, match="nothing to align"):
        run.aligned()


def test_what_cannot_be_aligned(exdf, tmp_path):
    run = write(exdf, tmp_path, [100, 101], [[4, 8]] * 2)
    with pytest.raises(KeyNotFound):
        run.aligned((XGM, "data.nothing"))
    with pytest.raises(DataError, match="not one channel"):
        run.aligned(XGM)
    with pytest.raises(KeyError):
        run.aligned("xmg")


def test_only_values_per_train(exdf, tmp_path):
    data = write(exdf, tmp_path, [100, 101], [[4, 8]] * 2).aligned("energy")
    assert dict(data.sizes) == {"train": 2}
    assert "pulse" not in data.coords


def test_some_trains_of_a_channel(exdf, tmp_path):
    run = write(exdf, tmp_path, [100, 101, 102], [[4, 8]] * 3)
    assert run[1:].aligned("energy", "xgm").train.values.tolist() == [101, 102]
    assert run[1:].aligned(energy=run["energy"]).train.values.tolist() == [101, 102]


def test_saved_and_opened_again(exdf, tmp_path):
    run = write(exdf, tmp_path, [100, 101], [[4, 8]] * 2, frames={100: [4], 101: [4, 8]})
    detector = ("MID_DET_AGIPD1M-1/DET/0CH0:xtdf", "image.data")
    data = run.aligned("energy", i0="xgm", image=detector)
    data.to_netcdf(tmp_path / "data.nc", engine="scipy")
    with xr.open_dataset(tmp_path / "data.nc", engine="scipy") as again:
        xr.testing.assert_equal(data.astype(float), again.astype(float))
        assert again.attrs["alignment"] == data.attrs["alignment"]
        assert json.loads(again.attrs["alignment"])["i0"]["trains"] == 2
        assert again.energy.attrs["units"] == "eV"
    for number, result in enumerate((run["xgm"].xarray(), run["xgm"].mean(), run["xgm"].var())):
        xr.DataArray(result).to_netcdf(tmp_path / f"{number}.nc", engine="scipy")


def test_what_an_alias_says_holds_for_source_and_key(exdf, tmp_path):
    run = write(exdf, tmp_path, [100, 101], [[4, 8]] * 2)
    expected = run.aligned(i0="xgm")
    theirs = run.as_extra_data()
    for item in ((XGM, "data.intensityTD"), theirs[XGM, "data.intensityTD"], theirs.alias["xgm"]):
        found = run.aligned(i0=item)
        xr.testing.assert_identical(found, expected)
        assert json.loads(found.attrs["alignment"])["i0"]["alias"] == "xgm"
    twice = run.with_aliases({"again": NAMES["xgm"]})
    xr.testing.assert_identical(twice.aligned(i0=(XGM, "data.intensityTD")), expected)
    other = run.with_aliases({"other": NAMES["xgm"] | {"pulses": "4:12:4"}})
    with pytest.raises(AlignmentError, match="not known"):
        other.aligned(i0=(XGM, "data.intensityTD"))


def test_channel_of_another_run(exdf, tmp_path):
    run = write(exdf, tmp_path / "r0001", [100, 101], [[4, 8]] * 2)
    other = write(exdf, tmp_path / "r0002", [200, 201], [[4, 8]] * 2)
    with pytest.raises(AlignmentError, match="o is a channel of another run, "):
        run.aligned("energy", o=other["xgm"])
