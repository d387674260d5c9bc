"""Analyses over stored runs: against numpy, with detectors, threads and a Dask cluster."""

from types import SimpleNamespace

import numpy as np
import pytest
from distributed import Client, LocalCluster

from beambook.analysis import Correlation, Histogram, Mean, Trend, Variance
from beambook.data import open_run
from beambook.errors import BeambookError, DataError, ParameterError
from beambook.testing import LostTrains, MissingEntries, make_run

TRAINS, FRAMES = 6, 2
XGM = "SA2_XTD1_XGM/XGM/DOOCS:output", "data.intensityTD"
FLUX = "SA2_XTD1_XGM/XGM/DOOCS", "pulseEnergy.photonFlux"
SOURCE = "MID_DET_AGIPD1M-1/DET/{}CH0:xtdf"
ANALOG = np.s_[0, 100:140, :16]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run") / "r0001"
    return open_run(make_run(
        folder, trains=TRAINS, pulses=2, camera=(4, 5), agipd=[1, 4], frames=FRAMES, sequences=2,
        faults=[MissingEntries(SOURCE.format(4), [0, 3]), LostTrains("DA01", [2])],
    ))  # fmt: skip


@pytest.fixture(scope="module")
def image(run):
    return run.detector()["image.data"]


@pytest.fixture(scope="module")
def frames(run):
    """Raw frames by module: (row, 40, 16), and the position of the train of each."""
    found = {}
    for module in (1, 4):
        channel = run[SOURCE.format(module), "image.data"]
        trains = np.searchsorted(run.train_ids, channel.train_id_coordinates())
        found[module] = channel.ndarray()[:, *ANALOG].astype(float), trains
    return found


@pytest.fixture(scope="module")
def client():
    with (
        LocalCluster(
            n_workers=1, threads_per_worker=2, processes=False, dashboard_address=None
        ) as cluster,
        Client(cluster) as client,
    ):
        yield client


CASES = {
    "mean": lambda image, run: Mean(image, roi=ANALOG),
    "variance": lambda image, run: Variance(image, roi=ANALOG, ddof=1),
    "histogram": lambda image, run: Histogram(image, 50, (5000, 6000), roi=ANALOG),
    "trend": lambda image, run: Trend(image, roi=ANALOG),
    "correlation": lambda image, run: Correlation(run[FLUX], image, roi=ANALOG),
}


def expected(name, frames, run):
    rows = [rows for rows, _ in frames.values()]
    if name == "mean":
        return np.stack([each.mean(axis=0) for each in rows])
    if name == "variance":
        return np.stack([each.var(axis=0, ddof=1) for each in rows])
    if name == "histogram":
        return np.stack([np.histogram(each, 50, (5000, 6000))[0] for each in rows])
    if name == "trend":
        return np.stack([
            [each[trains == t].mean() if (trains == t).any() else np.nan for t in range(TRAINS)]
            for each, trains in frames.values()
        ])  # fmt: skip
    flux, of = run[FLUX].ndarray(), run[FLUX].train_id_coordinates()
    flux = dict(zip(np.searchsorted(run.train_ids, of).tolist(), flux, strict=True))
    maps = []
    for each, trains in frames.values():
        both = np.array([t in flux for t in trains])
        x, y = np.array([flux[t] for t in trains[both]], float), each[both]
        x, y = x - x.mean(), y - y.mean(axis=0)
        xy = np.tensordot(x, y, 1)
        maps.append(xy / np.sqrt((x**2).sum() * (y**2).sum(axis=0)))
    return np.stack(maps)


@pytest.mark.parametrize("name", CASES)
def test_of_a_detector_as_numpy_says(name, run, image, frames):
    found = CASES[name](image, run).over(run).value
    assert found.dims[0] == "module"
    assert found.module.values.tolist() == [1, 4]
    assert np.allclose(found, expected(name, frames, run), rtol=1e-11, atol=1e-10, equal_nan=True)
    if "frames" in found.coords:
        assert found.frames.values.tolist() == [TRAINS * FRAMES, (TRAINS - 2) * FRAMES]


@pytest.mark.parametrize("name", CASES)
def test_trains_of_a_detector_as_they_come(name, run, image, frames):
    machine = CASES[name](image, run)
    for pair in run.trains():
        machine.push(pair)
    values = expected(name, frames, run)
    assert np.allclose(machine.value, values, rtol=1e-11, atol=1e-10, equal_nan=True)


@pytest.mark.parametrize("name", CASES)
def test_on_a_cluster(name, run, image, client):
    here, there = CASES[name](image, run).over(run), CASES[name](image, run)
    there.over(run[:2], client=client).over(run[2:], client=client)
    assert np.allclose(here.value, there.value, rtol=1e-11, atol=1e-10, equal_nan=True)


def test_a_channel_of_another_run(tmp_path, run, image):
    other = open_run(make_run(tmp_path / "r2", run=2, trains=3, pulses=2, agipd=[4], frames=2))
    found = Mean(image, roi=ANALOG).over(other).value
    assert found.frames.values.tolist() == [0, 6]
    assert np.isnan(found[0]).all()
    mine = other[SOURCE.format(4), "image.data"].ndarray()[:, *ANALOG].mean(axis=0)
    assert np.allclose(found[1], mine)
    both = Mean(image, roi=ANALOG).over(run).over(other).value
    assert both.frames.values.tolist() == [12, 14]
    with pytest.raises(BeambookError):
        Mean(image).over(open_run(make_run(tmp_path / "r3", trains=1, pulses=1)))


def test_chosen_frames_and_masked_pixels_need_a_run(run, image):
    chosen = image.select_cells([1])
    found = Mean(chosen, roi=ANALOG).over(run)
    assert found.frames == {1: TRAINS, 4: TRAINS - 2}
    with pytest.raises(DataError, match="needs a run"):
        found.push(next(iter(run.trains())))


def test_trend_of_floats_with_nan_and_of_pieces(run):
    channel = run[XGM]
    machine = Trend(channel)
    source, key = XGM
    values = np.arange(2000, dtype=np.float32).reshape(2, 1000)
    values[0, :10] = np.nan
    for row in values:
        machine.push((8, {source: {key: row, "metadata": {"timestamp.tid": 8}}}))
    machine.push((4, {source: {key: np.full(1000, np.nan, np.float32)}}))
    assert machine.value.train.values.tolist() == [4, 8]
    assert machine.value.number.values.tolist() == [0, 1990]
    assert np.isnan(machine.value[0])
    assert float(machine.value[1]) == pytest.approx(np.nanmean(values.astype(float)), rel=1e-12)
    assert machine.value.attrs["units"] == "µJ"
    told = Trend(channel)
    told.push({source: {key: values[1], "metadata": {"timestamp.tid": 9}}})
    assert told.value.train.values.tolist() == [9]
    with pytest.raises(DataError, match="do not tell their train"):
        told.push({source: {key: values[1]}})


def test_trend_of_a_run_is_the_mean_of_each_train(run):
    rows = run[XGM].ndarray(np.s_[:2]).astype(float)
    found = Trend(run[XGM], roi=np.s_[:2]).over()
    assert np.array_equal(found.value.train, run[XGM].train_id_coordinates())
    assert np.allclose(found.value, rows.mean(axis=1), rtol=1e-12)
    assert np.array_equal(found.value, found.value.where(found.value.number == 2))


def test_correlation_pairs_rows_or_one_with_all(run):
    x, y = run[FLUX], run["MID_XTD6_IMGFEL/CAM/BEAMVIEW:daqOutput", "data.image.pixels"]
    machine = Correlation(x, y)
    rng = np.random.default_rng(3)
    pairs = [(rng.normal(size=n), rng.normal(size=(m, 4, 5)) + 1e6)
             for n, m in [(1, 3), (2, 2), (3, 2), (1, 1), (4, 4)]]  # fmt: skip
    for one, many in pairs:
        machine.push((1, {x.source: {x.key: one}, y.source: {y.key: many}}))
    assert machine.value.attrs["trains_left_out"] == 1
    used = [(np.repeat(a, len(b)) if len(a) == 1 else a, b) for a, b in pairs if len(a) != 3]
    one, many = (np.concatenate(each) for each in zip(*used, strict=True))
    wanted = [np.corrcoef(one, pixel)[0, 1] for pixel in many.reshape(len(many), -1).T]
    assert np.allclose(machine.value.values.ravel(), wanted, rtol=1e-9)
    slope = [np.polyfit(one, pixel, 1)[0] for pixel in many.reshape(len(many), -1).T]
    assert np.allclose(machine.slope.values.ravel(), slope, rtol=1e-6)
    assert (machine.number == len(one)).all()


def test_correlation_leaves_out_nan(run):
    x, y = run[FLUX], run[XGM]
    machine = Correlation(x, y, roi=np.s_[:3])
    rng = np.random.default_rng(4)
    one, many = rng.normal(size=7), rng.normal(size=(7, 1000))
    many[2, 0] = one[5] = np.nan
    for a, b in zip(one, many, strict=True):
        machine.push((1, {x.source: {x.key: a}, y.source: {y.key: b}}))
    assert machine.number.values.tolist() == [5, 6, 6]
    good = ~np.isnan(one)
    assert float(machine.value[1]) == pytest.approx(np.corrcoef(one[good], many[good, 1])[0, 1])


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda c: Mean("xgm"), "looks at a channel, not at str"),
        (lambda c: Histogram(c.xgm, 10), r"Give range=\(low, high\), or edges"),
        (lambda c: Histogram(c.xgm, [3, 2]), "must ascend"),
        (lambda c: Histogram(c.xgm, [2, 3], where=[True]), r"where has to be bool\[1000\]"),
        (lambda c: Correlation(c.xgm, c.image), r"Entries of x are \[1000\]"),
        (lambda c: Correlation(c.image, c.xgm), "not a detector's frame"),
    ],
)
def test_what_makes_no_sense_is_said_at_once(run, image, make, says):
    with pytest.raises(ParameterError, match=says):
        make(SimpleNamespace(xgm=run[XGM], image=image))
