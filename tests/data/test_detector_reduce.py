"""Reductions of detectors: each module over the frames that it has, masked pixels left out."""

import warnings

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import beambook.data as bb
from beambook.errors import DataError, ParameterError

SOME = settings(
    max_examples=30, deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip


@pytest.fixture
def opened(exdf, tmp_path_factory):
    def open_made(made, **options):
        folder = made.write(exdf, tmp_path_factory.mktemp("run"))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return getattr(bb, made.kind)(bb.open_run(folder, aliases={}), **options)

    return open_made


def expected(values, there, names):
    """Of the frames that are there, module by module."""
    found = {name: [] for name in names}
    for module, have in zip(values.astype(float), there, strict=True):
        frames = module[have]
        bad = np.isnan(frames)
        count = np.count_nonzero(~bad, axis=0)
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            mean = np.nansum(frames, 0) / count
            var = np.nansum((frames - mean) ** 2, 0) / count
            low = np.where(bad, np.inf, frames).min(0, initial=np.inf)
        found["mean"].append(mean)
        found["var"].append(np.where(count, var, np.nan))
        found["min"].append(np.where(count, low, np.nan))
        found["count"].append(count)
    return {name: np.stack(each) for name, each in found.items()}


@SOME
@given(st.data())
def test_as_from_the_whole_array(opened, detector_runs, data):
    made = data.draw(detector_runs.detectors())
    try:
        detector = opened(made)
    except DataError:
        return
    jungfrau = made.kind == "JUNGFRAU"
    channel = detector["data.adc" if jungfrau else "image.data"]
    if made.corrected and data.draw(st.booleans()):
        channel = detector.masked_data()
    if not jungfrau and data.draw(st.booleans()):
        channel = channel.select_pulses(np.s_[::2])
    roi = data.draw(st.sampled_from([(), np.s_[..., :1], np.s_[..., 1, :]]))
    names = ("mean", "var", "min", "count")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        values, there = channel.ndarray(roi=roi), channel.data_availability()
        found = channel.statistics(*names, roi=roi)
    assert found.module.values.tolist() == list(detector.modules)
    assert found.frames.values.tolist() == there.sum(axis=1).tolist()
    assert found.missing.values.tolist() == (~there).sum(axis=1).tolist()
    for name, wanted in expected(values, there, names).items():
        got = np.broadcast_to(
            found[name].values.reshape(found[name].shape + (1,) * (wanted.ndim - found[name].ndim)),
            wanted.shape,
        )
        np.testing.assert_allclose(got, wanted, rtol=1e-9, atol=1e-7, err_msg=name)
    if there.any():
        histogram = channel.histogram(5, (0, 20_000), roi=roi)
        for module, have in enumerate(there):
            used = values[module][have].astype(float)
            one = np.histogram(used[~np.isnan(used)], 5, (0, 20_000))[0]
            assert histogram.values[module].tolist() == one.tolist()


def test_by_memory_cell_pulse_and_train(opened, detector_runs):
    made = detector_runs.Made(pulses=[[0, 4, 8]] * 4, missing={1: [2]})
    channel = opened(made)["image.data"]
    values, there = channel.ndarray().astype(float), channel.data_availability()
    labels = {
        "pulse": channel.pulse_id_coordinates(),
        "cell": channel.cell_id_coordinates(),
        "train": channel.train_id_coordinates(),
    }
    for by, label in labels.items():
        found = channel.statistics("mean", "count", by=by)
        assert found["mean"].dims == ("module", by, "data_gain", "slow_scan", "fast_scan")
        assert found[by].values.tolist() == np.unique(label).tolist()
        for module in range(3):
            for number, each in enumerate(np.unique(label)):
                rows = there[module] & (label == each)
                assert found["count"].values[module, number] == rows.sum()
                wanted = values[module, rows].mean(0) if rows.any() else np.nan
                np.testing.assert_allclose(found["mean"].values[module, number], wanted, atol=1e-9)
    assert found.attrs == {"run": found.attrs["run"], "detector": made.name, "key": "image.data"}
    with pytest.raises(DataError, match="12 rows"):
        channel.mean(by=[1])
    with pytest.raises(DataError, match="'nothing'"):
        channel.mean(by="nothing")


def test_good_pixels_of_all_or_of_each_module(opened, detector_runs):
    channel = opened(detector_runs.Made(modules=(0, 3)))["image.data"]
    good = np.ones((2, 2, 3, 2), bool)
    good[1, 0, 1] = False
    mean = channel.mean(where=good)
    assert np.isnan(mean.values).sum() == 2
    assert np.isnan(mean.sel(module=3).values[0, 1]).all()
    assert np.isnan(channel.mean(where=good[1]).values).sum() == 4
    assert channel.histogram(3, where=good).sum("bin").values.tolist() == [12 * 12, 12 * 10]
    with pytest.raises(ParameterError, match="there are 2"):
        channel.mean(where=good[:1])


def test_gain_stages(opened, detector_runs):
    made = detector_runs.Made("LPD1M", pulses=[[0, 4, 0, 0, 0, 0]] * 3)
    channel = opened(made, parallel_gain=True)["image.data"]
    mean = channel.mean(by="gain")
    assert mean.dims == ("module", "gain", "slow_scan", "fast_scan")
    np.testing.assert_allclose(mean, channel.ndarray().reshape(3, 3, 3, 2, 3, 2).mean(axis=(1, 3)))
    with pytest.raises(DataError, match="parallel_gain"):
        opened(detector_runs.Made("LPD1M"))["image.data"].mean(by="gain")
