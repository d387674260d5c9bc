"""Mean, variance, extremes and histograms over trains are those of numpy, in bounded memory."""

import pickle
import tracemalloc
from fractions import Fraction
from itertools import pairwise

import h5py
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from beambook.data import open_file, open_run
from beambook.data._reduce import work_out as _reduce
from beambook.data._reduce.extremes import Extremes
from beambook.data._reduce.histogram import Histogram
from beambook.data._reduce.machine import Shape
from beambook.data._reduce.moments import Moments
from beambook.errors import DamagedFile, DataError, ParameterError

SOURCE = "A/B/C:out"
TYPES = ["u1", "i2", "u2", "i4", "u8", "f4", "f8", ">u2", "?"]
ALL = ("mean", "var", "std", "min", "max", "sum", "count")


def write(exdf, folder, values, counts, *, breaks=(), **keys):
    """`values` as ``data.x`` of trains 100, 101 …, with so many rows each."""
    trains = range(100, 100 + len(counts))
    ends = [0, *sorted(breaks), len(counts)]
    rows = np.concatenate([[0], np.cumsum(counts)])
    for number, (a, b) in enumerate(pairwise(ends)):
        # a row that nobody uses before those of each train
        starts = [rows[t] for t in range(a, b) if counts[t]]
        data = {
            name: np.insert(each[rows[a] : rows[b]], np.array(starts, int) - rows[a], 1, axis=0)
            for name, each in ({"x": values} | keys).items()
        }
        exdf.write(
            folder / f"RAW-R0001-DA01-S{number:05d}.h5", trains[a:b],
            [exdf.instrument(f"{SOURCE}/data",
                             {n: (v.shape[1:], v.dtype) for n, v in data.items()},
                             list(counts[a:b]), data=data, gap=1)],
        )  # fmt: skip
    return open_run(folder, aliases={})[SOURCE, "data.x"]


@pytest.fixture
def small_blocks(monkeypatch):
    """Blocks and tiles so small that a few rows are many of them."""
    monkeypatch.setattr(_reduce, "BLOCK", 256)
    monkeypatch.setattr(_reduce, "TILE", 4)


@st.composite
def stored(draw):
    """Rows of a few trains, and how to group them."""
    counts = draw(st.lists(st.integers(0, 3), min_size=1, max_size=8))
    shape = draw(st.sampled_from([(), (1,), (7,), (3, 5)]))
    dtype = np.dtype(draw(st.sampled_from(TYPES)))
    seed = draw(st.integers(0, 2**32 - 1))
    breaks = draw(st.sets(st.integers(0, len(counts)), max_size=2))
    by = draw(st.sampled_from([None, "train", "cell", "labels"]))
    return counts, shape, dtype, seed, breaks, by


def made(rows, shape, dtype, seed):
    rng = np.random.default_rng(seed)
    if dtype.kind != "f":
        top = 2 if dtype.kind == "b" else 200
        return rng.integers(0, top, (rows, *shape)).astype(dtype)
    values = rng.normal(3, 100, (rows, *shape)).astype(dtype)
    values[rng.random(values.shape) < 0.1] = np.nan
    return values


def expected(values):
    """Of all rows, by numpy, element by element."""
    one, wide = values.shape[1:], values.astype(float)
    number = np.count_nonzero(~np.isnan(wide), axis=0)
    with np.errstate(all="ignore"):
        mean = np.nansum(wide, 0) / number
        var = np.nansum((wide - mean) ** 2, 0) / number
    return {
        "mean": np.where(number, mean, np.nan),
        "var": np.where(number, var, np.nan),
        "std": np.sqrt(np.where(number, var, np.nan)),
        "min": np.where(number, np.nanmin(np.vstack([wide, np.full((1, *one), np.inf)])
                                          if one else np.append(wide, np.inf), 0), np.nan),
        "max": np.where(number, np.nanmax(np.vstack([wide, np.full((1, *one), -np.inf)])
                                          if one else np.append(wide, -np.inf), 0), np.nan),
        "sum": np.nansum(wide, 0),
        "count": number,
    }  # fmt: skip


@given(run=stored())
@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
)
def test_any_rows_any_groups(exdf, tmp_path_factory, small_blocks, run):
    counts, shape, dtype, seed, breaks, by = run
    total = sum(counts)
    values = made(total, shape, dtype, seed)
    cell = np.random.default_rng(seed).integers(0, 3, (total, 1)).astype("u2")
    folder = tmp_path_factory.mktemp("run")
    channel = write(exdf, folder, values, counts, breaks=breaks, cell=cell)
    trains = np.repeat(np.arange(100, 100 + len(counts)), counts)
    odd = np.where(np.arange(total) % 3 == 0, np.nan, np.arange(total) % 2)
    labels = {"train": trains, "cell": cell[:, 0], "labels": odd}.get(by)
    found = channel.statistics(*ALL, by=odd if by == "labels" else by, threads=2)
    for threads in [1, 3]:
        again = channel.statistics(*ALL, by=odd if by == "labels" else by, threads=threads)
        xr.testing.assert_identical(found, again)
    if labels is None:
        groups = {None: np.ones(total, bool)}
    else:
        groups = {label: labels == label for label in np.unique(labels[labels == labels])}
    assert found.attrs["frames"] == sum(int(rows.sum()) for rows in groups.values())
    for number, rows in enumerate(groups.values()):
        one = found if labels is None else found.isel({found["mean"].dims[0]: number})
        for name, wanted in expected(values[rows]).items():
            got = np.broadcast_to(one[name].values, shape)
            np.testing.assert_allclose(got, wanted, rtol=1e-6 if dtype == "f4" else 1e-9,
                                       atol=1e-9, err_msg=name)  # fmt: skip
    histogram = channel.histogram(7, (-50, 150), threads=2)
    finite = values[values == values].astype(float)
    assert histogram.values.tolist() == np.histogram(finite, 7, (-50, 150))[0].tolist()
    outside = sum(histogram.attrs[name] for name in ("below", "above", "nan"))
    assert int(histogram.sum()) + outside == values.size


def test_a_large_offset_does_not_matter():
    rng = np.random.default_rng(7)
    values = 1e9 + rng.normal(0, 1e-3, (500, 3))
    machine = Moments(Shape((3,), np.dtype("f8")), 2)
    for block in np.array_split(values, 7):
        machine.push(block)
    for n in range(3):
        exact = [Fraction(v) for v in values[:, n]]
        mean = sum(exact) / 500
        variance = sum((v - mean) ** 2 for v in exact) / 499
        assert machine.mean[0, n] == pytest.approx(float(mean), rel=1e-15)
        assert machine.variance(ddof=1)[0, n] == pytest.approx(float(variance), rel=1e-12)


@pytest.mark.parametrize("dtype", ["u1", "i2", "u2"])
def test_narrow_numbers_are_exact(dtype):
    rng = np.random.default_rng(3)
    top = np.iinfo(dtype).max
    values = np.where(rng.random((40_000, 2)) < 0.5, top, top - 1).astype(dtype)
    machine = Moments(Shape((2,), np.dtype(dtype)), 2)
    machine.push(values)
    assert machine.sum.tolist() == [values.sum(0, dtype="i8").tolist()]
    whole = values.astype("i8")
    for n in range(2):
        share = Fraction(int((whole[:, n] == top).sum()), len(values))
        assert machine.variance()[0, n] == pytest.approx(float(share * (1 - share)), rel=1e-14)
    plain = Moments(Shape((2,), np.dtype(dtype)))
    plain.push(np.full((70_000, 2), top, dtype))  # more rows than 32 bits hold
    assert plain.sum.tolist() == [[70_000 * top] * 2]


def test_infinity_is_as_numpys():
    machine = Moments(Shape((4,), np.dtype("f4")), 2)
    extremes = Extremes(Shape((4,), np.dtype("f4")))
    rows = np.array([[np.inf, 1, np.nan, -np.inf], [2, np.inf, np.nan, np.inf], [3, 4, 5, 6]], "f4")
    for row in rows:
        machine.push(row[None])
        extremes.push(row[None])
    np.testing.assert_array_equal(machine.mean[0], [np.inf, np.inf, 5, np.nan])
    np.testing.assert_array_equal(machine.variance()[0], [np.nan, np.nan, 0, np.nan])
    np.testing.assert_array_equal(extremes.low[0], [2, 1, 5, -np.inf])
    np.testing.assert_array_equal(extremes.high[0], [np.inf, np.inf, 5, np.inf])
    assert machine.nan.tolist() == [[0, 0, 2, 0]]


def test_wide_whole_numbers():
    ids = np.array([[2**62], [2**62 + 8], [5]], "u8")
    machine = Moments(Shape((1,), np.dtype("u8")), 0)
    machine.push(ids[1:])
    assert machine.sum.tolist() == [[2**62 + 13]]
    with pytest.raises(DataError, match="64 bits"):
        machine.push(ids)
    mean = Moments(Shape((1,), np.dtype("u8")), 1)
    mean.push(ids[:2])
    assert mean.mean[0, 0] == 2.0**62


@pytest.mark.parametrize("dtype", ["u2", "i4", "f8"])
@pytest.mark.parametrize("groups", [1, 3])
def test_parts_merge_into_the_whole(dtype, groups):
    rng = np.random.default_rng(5)
    values = rng.normal(1000, 30, (60, 2, 3)).astype(dtype)
    if dtype == "f8":
        values[::7, 0] = np.nan
        values[:20, 1, 1] = np.nan  # a part without any value
    group = rng.integers(-1, groups, 60)
    shape = Shape((2, 3), np.dtype(dtype), groups)
    for make in [
        lambda: Moments(shape, 2),
        lambda: Moments(shape),
        lambda: Extremes(shape),
        lambda: Histogram(shape, np.linspace(900, 1100, 9)),
    ]:
        whole, parts = make(), [make() for _ in range(4)]
        whole.push(values, group)
        for part, rows in zip(parts[:3], np.array_split(np.arange(60), 3), strict=True):
            part.push(values[rows], group[rows])
        first = pickle.loads(pickle.dumps(parts[3]))  # has eaten nothing
        for part in parts[:3]:
            first.merge(part)
        names = {"Moments": ["mean", "sum"], "Extremes": ["low", "high"], "Histogram": ["counts"]}
        for name in [*names[type(whole).__name__], "count", "frames"]:
            got, wanted = getattr(first, name), getattr(whole, name)
            np.testing.assert_allclose(got, wanted, rtol=1e-13, err_msg=name)
        if isinstance(whole, Moments) and whole.order == 2:
            np.testing.assert_allclose(first.variance(), whole.variance(), rtol=1e-11)
        whole.clear()
        assert not whole.frames.any()
        with pytest.raises(DataError, match="merged"):
            whole.merge(Extremes(Shape((9,), np.dtype(dtype))))


def test_nothing_and_one_frame(exdf, tmp_path):
    channel = write(exdf, tmp_path / "r0001", np.arange(6.0).reshape(2, 3), [0, 1, 1])
    empty = channel[:1].statistics(*ALL)
    assert np.isnan(empty["mean"].values).all()
    assert np.isnan(empty["max"].values).all()
    assert empty["sum"].values.tolist() == [0, 0, 0]
    assert empty.attrs["frames"] == 0
    assert empty.attrs["trains_without_data"] == 1
    one = channel[1:2].statistics(*ALL)
    assert one["mean"].values.tolist() == [0, 1, 2]
    assert one["var"].values.tolist() == [0, 0, 0]
    assert np.isnan(channel[1:2].var(ddof=1).values).all()
    assert channel[:1].histogram(3, (0, 1)).values.tolist() == [0, 0, 0]
    with pytest.raises(ParameterError, match="range or edges"):
        channel[:1].histogram(3)


def test_where_it_is_from_and_what_is_missing(small_run):
    run = open_run(small_run, aliases={})
    xgm = run["SA2_XTD1_XGM/XGM/DOOCS:output", "data.intensityTD"]
    mean = xgm.mean()
    assert mean.dims == ("pulse",)
    assert mean.attrs == {
        "units": "µJ", "run": xgm.origin.run, "source": xgm.source, "key": xgm.key, "frames": 20
    }  # fmt: skip
    assert xgm.var().attrs["units"] == "(µJ)²"
    assert xgm.histogram(4).bin.attrs == {"units": "µJ"}
    image = run["MID_DET_AGIPD1M-1/DET/0CH0:xtdf", "image.data"]
    dark = image.statistics("mean", "count", by="pulse", roi=np.s_[0, 1:3])
    assert dark["mean"].dims == ("pulse", "slow_scan", "fast_scan")
    assert dark.pulse.values.tolist() == [0, 4, 8]
    assert dark["count"].values.tolist() == [16, 16, 16]
    assert dark.attrs["trains_without_data"] == 4
    frames = image.ndarray(np.s_[0, 1:3]).reshape(16, 3, 2, 3)
    np.testing.assert_allclose(dark["mean"], frames.mean(0))


def test_by_a_scanned_motor(exdf, tmp_path):
    values = np.arange(12.0).reshape(6, 2)
    channel = write(exdf, tmp_path / "r0001", values, [1, 2, 0, 2, 1])
    motor = xr.DataArray([1.5, 2.5, 1.5], {"train": [104, 101, 100]}, ["train"], name="motor")
    found = channel.statistics("mean", "count", by=motor)
    assert found.motor.values.tolist() == [1.5, 2.5]
    assert found["mean"].values.tolist() == [[5.0, 6.0], [3.0, 4.0]]
    assert found.attrs["frames"] == 4
    assert found.attrs["frames_left_out"] == 2


def series(channel, drop=()):
    trains = [t for t in channel.train_ids.tolist() if t not in drop]
    return pd.Series(np.array(trains) % 7 + 0.5, pd.Index(trains, name="train"), name="step")


def labelled(channel, **options):
    """By hand: the mean of each step."""
    values, trains = channel.ndarray(), channel.train_id_coordinates()
    labels = options["labels"].reindex(trains).to_numpy()
    return {step: values[labels == step].mean(0) for step in np.unique(labels[labels == labels])}


def test_labels_of_trains_are_matched_whatever_holds_them(exdf, tmp_path):
    values = np.arange(20.0).reshape(10, 2)
    channel = write(exdf, tmp_path / "r0001", values, [1, 1, 0, 1, 2, 1, 1, 1, 1, 1])
    steps = series(channel, drop=[100])[::-1]  # as many as there are with data, in another order
    assert len(steps) == len(np.unique(channel.train_id_coordinates()))
    expected = labelled(channel, labels=steps)
    array = steps.to_xarray().assign_attrs(units="mm")
    unnamed = steps.set_axis(pd.Index(steps.index.to_numpy()))
    two = pd.DataFrame({"step": steps})
    for by in [steps, unnamed, two, array]:
        found = channel.statistics("mean", by=by)
        assert dict(zip(found.step.values, found["mean"].values[:, 0], strict=True)) == {
            step: rows[0] for step, rows in expected.items()
        }
        assert found.attrs["frames_left_out"] == 1
    assert found.step.attrs == {"units": "mm"}


def test_labels_by_another_channel(exdf, tmp_path):
    values = np.arange(8.0).reshape(4, 2)
    channel = write(exdf, tmp_path / "a", values, [1, 0, 2, 1])
    other = write(exdf, tmp_path / "b", np.array([5.0, 7.0, 5.0]), [1, 1, 1])  # 100, 101, 102
    found = channel.statistics("mean", by=other)
    assert found[other.xarray().name].values.tolist() == [5]
    assert found["mean"].values[0].tolist() == values[:3].mean(0).tolist()
    assert found.attrs["frames_left_out"] == 1
    xr.testing.assert_identical(found, channel.statistics("mean", by=other.xarray()))
    with pytest.raises(DataError, match=r"shape \[2\]"):
        other.mean(by=channel)


def test_labels_of_rows_have_to_be_of_these_rows(exdf, tmp_path):
    values = np.arange(5.0)
    channel = write(exdf, tmp_path / "a", values, [2, 1, 2])
    own = channel.series() % 2
    assert channel.mean(by=own).values.tolist() == [2, 2]
    other = write(exdf, tmp_path / "b", values, [1, 2, 2])
    for by in [own, channel, channel.xarray()]:
        with pytest.raises(DataError, match="several labels for a train"):
            other.mean(by=by)
    for by in [own.reset_index(drop=True)[1:], own.set_axis(list("abcde"))]:
        with pytest.raises(DataError, match="neither trains nor rows"):
            other.mean(by=by)
    assert other.mean(by=own.reset_index(drop=True)).values.tolist() == [2, 2]
    elsewhere = pd.Series([1.0], pd.Index([99], name="train"))
    with pytest.raises(DataError, match="the rows are of trains 100 to 102"):
        channel.mean(by=elsewhere)
    with pytest.raises(DataError, match="2 columns"):
        channel.mean(by=pd.DataFrame({"a": own, "b": own}))
    with pytest.raises(DataError, match="no labels in dict"):
        channel.mean(by={})


def test_labels_of_other_pulses_are_refused(small_run):
    image = open_run(small_run, aliases={})["MID_DET_AGIPD1M-1/DET/0CH0:xtdf", "image.data"]
    cells = image.beside("pulseId").xarray()[:, 0]
    assert image.mean(by=cells, roi=np.s_[0]).sizes["slow_scan"]
    with pytest.raises(DataError, match="other pulses"):
        image.mean(by=cells.assign_coords(pulse=cells.pulse + 1))


def test_by_memory_cell_of_one_module(exdf, tmp_path):
    cell = np.array([[0], [1], [0], [1]], "u2")
    channel = write(exdf, tmp_path / "r0001", np.arange(4.0), [2, 2], cellId=cell)
    found = channel.mean(by="cell")
    assert found.cell.values.tolist() == [0, 1]
    assert found.values.tolist() == [1, 2]
    with pytest.raises(DataError, match='Group by "train", "cell", or by one label'):
        channel.mean(by="gain")


def test_axes_of_nexus_stay(tmp_path):
    path = tmp_path / "a.nxs"
    with h5py.File(path, "w") as file:
        data = file.create_group("entry/data")
        data.attrs.update(NX_class="NXdata", signal="I", axes=["t", "x"])
        file["entry"].attrs["NX_class"] = "NXentry"
        data["I"] = np.arange(6.0).reshape(2, 3)
        data["t"], data["x"] = [1.0, 2.0], [0.0, 1, 3, 6]
        data["x"].attrs["units"] = "mm"
    channel = open_file(path)["data/I"]
    mean = channel.mean()
    assert mean.x.values.tolist() == [0.5, 2, 4.5]
    assert mean.x.attrs["units"] == "mm"
    assert mean.x_left.values.tolist() == [0, 1, 3]
    assert "x" not in channel.mean(roi=np.s_[::-1]).coords
    assert "x" not in channel.mean(roi=np.s_[1:]).coords
    assert channel.histogram(2).dims == ("bin",)
    steps = channel.mean(by=xr.DataArray([1, 1], {"point": [0, 1]}, ["point"], name="point"))
    assert steps.sizes == {"point": 1, "x": 3}


def test_text_and_large_numbers_are_labels(exdf, tmp_path):
    channel = write(exdf, tmp_path / "r0001", np.arange(3.0), [1, 1, 1])
    for labels in [["a", "b"], [2**60, 2**60 + 1]]:
        by = pd.Series(labels, pd.Index([100, 102], name="train"))
        found = channel.mean(by=by)
        assert found.group.values.tolist() == labels
        assert found.values.tolist() == [0, 2]


def test_only_good_elements(exdf, tmp_path):
    values = np.arange(12, dtype="u2").reshape(4, 3)
    channel = write(exdf, tmp_path / "r0001", values, [2, 2])
    good = np.array([True, False, True])
    found = channel.statistics("mean", "sum", "count", "min", where=good)
    np.testing.assert_array_equal(found["mean"], [4.5, np.nan, 6.5])
    assert found["sum"].values.tolist() == [18, 0, 26]
    assert found["count"].values.tolist() == [4, 0, 4]
    assert channel.histogram(2, (0, 12), where=good).sum() == 8
    assert found.attrs["elements_left_out"] == 1
    assert channel.histogram(2, (0, 12), where=good).attrs["elements_left_out"] == 1
    assert channel.mean(roi=np.s_[1:]).attrs["roi"] == "1:"
    assert channel.mean(roi=np.s_[..., [0, 2]]).attrs["roi"] == "..., array of 2"
    with pytest.raises(ParameterError, match="bool"):
        channel.mean(where=[1, 0, 1])


def test_mistakes_say_what_to_do(small_run):
    run = open_run(small_run, aliases={})
    xgm = run["SA2_XTD1_XGM/XGM/DOOCS:output", "data.intensityTD"]
    with pytest.raises(ParameterError, match="'mean'"):
        xgm.statistics("maen")
    with pytest.raises(DataError, match='Group by "train", or by one label'):
        xgm.mean(by="pulse")
    with pytest.raises(DataError, match="20 rows"):
        xgm.mean(by=[1, 2])
    with pytest.raises(DataError, match="coordinate of train ids"):
        xgm.mean(by=xr.DataArray([1, 2], dims=["train"]))
    with pytest.raises(DataError, match="object"):
        run["MID_EXP_SAM/MOTOR/X", "state"].mean()
    with pytest.raises(ParameterError, match=r"\.xarray\(\)\.mean"):
        xgm.mean(axis=0)
    with pytest.raises(ParameterError, match="There is by, roi"):
        xgm.std(wheer=None)
    for bins in [0, [1], [3, 2, 1], [0, np.nan]]:
        with pytest.raises(ParameterError):
            xgm.histogram(bins, (0, 1))


def test_memory_is_blocks_and_result(exdf, tmp_path, monkeypatch):
    monkeypatch.setattr(_reduce, "BLOCK", 1 << 20)
    path = exdf.write(
        tmp_path / "a.h5", range(1, 9),
        [exdf.instrument(f"{SOURCE}/data", {"x": ((128, 256), "u2")}, [64] * 8,
                         data={"x": np.ones((512, 128, 256), "u2")})],
    )  # fmt: skip
    channel = open_file(path)[SOURCE, "data.x"]
    channel[:1].mean(), channel[:1].var()  # compiles
    assert channel.nbytes == 32 << 20
    result = 128 * 256 * 8
    for threads, name, results in [(1, "mean", 3), (4, "mean", 3 + 3), (2, "var", 6 + 2)]:
        tracemalloc.start()
        found = getattr(channel, name)(threads=threads)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert found.attrs["frames"] == 512
        assert peak < threads * (1 << 20) + results * result + (1 << 19)


def test_large_results_are_there_once(exdf, tmp_path, monkeypatch):
    channel = write(exdf, tmp_path / "r0001", np.arange(600.0).reshape(20, 30), [10, 10])
    expected = channel.statistics("mean", "min", threads=1)
    monkeypatch.setattr(_reduce, "MOST_STATE", 0)
    monkeypatch.setattr(_reduce, "BLOCK", 256)
    monkeypatch.setattr(_reduce, "_each_alone", None)
    xr.testing.assert_identical(channel.statistics("mean", "min", threads=3), expected)


def test_lost_rows_are_an_error(exdf, tmp_path):
    channel = write(exdf, tmp_path / "r0001", np.zeros((400, 50)), [200, 200])
    path = tmp_path / "r0001/RAW-R0001-DA01-S00000.h5"
    with h5py.File(path) as file:
        offset = file[f"INSTRUMENT/{SOURCE}/data/x"].id.get_offset()
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.truncate(offset + 1000 if offset else size // 2)
    with pytest.raises(DamagedFile):
        channel.mean(threads=2)


@pytest.fixture(scope="module")
def client():
    distributed = pytest.importorskip("distributed")
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
        ) as cluster,
        distributed.Client(cluster) as connected,
    ):
        yield connected


def test_on_a_cluster(exdf, tmp_path, client, monkeypatch):
    monkeypatch.setattr(_reduce, "PART", 4000)
    rng = np.random.default_rng(11)
    whole = rng.integers(0, 60_000, (300, 4, 5)).astype("u2")
    channel = write(exdf, tmp_path / "r0001", whole, [3] * 100, breaks=[20, 50])
    work = channel.reduced_rows(None, ()).work
    assert len(pickle.dumps(work)) < 4000
    for by in [None, "train"]:
        here = channel.statistics(*ALL, by=by)
        xr.testing.assert_identical(channel.statistics(*ALL, by=by, client=client), here)
    xr.testing.assert_identical(channel.histogram(9, client=client), channel.histogram(9))
    floats = whole + rng.normal(0, 1, whole.shape)
    floats[0, 0, 0] = np.nan
    channel = write(exdf, tmp_path / "r0002", floats, [3] * 100)
    xr.testing.assert_allclose(channel.statistics(*ALL, client=client), channel.statistics(*ALL))
    (tmp_path / "r0002/RAW-R0001-DA01-S00000.h5").unlink()
    with pytest.raises(DamagedFile):
        channel.mean(client=client)
