"""Every way of reading gives the values of the trains they belong to; EXtra-data is the oracle."""

import warnings
from tempfile import TemporaryDirectory

import extra_data
import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from beambook.data import by_id, open_run

VERSIONS = ["0.5", "1.0", "1.1", "1.2"]
FIRST = 1_000_000


@st.composite
def runs(draw):
    """Aggregators with own losses, own breaks between sequences, and own numbers of rows."""
    total = draw(st.integers(1, 24))
    version = draw(st.sampled_from(VERSIONS))
    files = []
    for writer in ["DA01", "DA02"][: draw(st.integers(1, 2))]:
        kept = draw(st.lists(st.booleans(), min_size=total, max_size=total))
        trains = [FIRST + n for n, keep in enumerate(kept) if keep]
        breaks = sorted(draw(st.sets(st.integers(0, len(trains)), max_size=2)))
        for number, (a, b) in enumerate(zip([0, *breaks], [*breaks, len(trains)], strict=True)):
            part = trains[a:b]
            one = draw(st.lists(st.integers(0, 1), min_size=len(part), max_size=len(part)))
            many = draw(st.lists(st.integers(0, 3), min_size=len(part), max_size=len(part)))
            pad = draw(st.integers(0, 3))
            old = draw(st.booleans())
            files.append((writer, number, part, one, many, pad, "status" if old else "count"))
    return version, files


def write_run(exdf, folder, version, files):
    for writer, number, trains, one, many, pad, index in files:
        rows = zip(trains, one, strict=True)
        exdf.write(
            f"{folder}/RAW-R0001-{writer}-S{number:05d}.h5",
            trains,
            [
                exdf.control(f"{writer}/SLOW/1", {"a.b": (), "text": ((), "str")}, one,
                             data={"text": [f"t{t}" for t, c in rows if c]},
                             index=index),
                exdf.instrument(f"{writer}/FAST/1:out/data", {"x": (), "y.z": (2, 3)}, many),
                exdf.instrument(f"{writer}/FAST/1:out/more", {"x": ()}, one),
            ],
            version=version,
            pad=pad,
        )  # fmt: skip


def of_extra_data(folder):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return extra_data.RunDirectory(folder, parallelize=False, _use_voview=False)


choices = st.one_of(
    st.slices(24).filter(lambda s: s.step is None or s.step > 0),
    st.lists(st.integers(0, 23), min_size=1, max_size=5, unique=True),
)


@given(run=runs(), choice=choices)
@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=(Phase.explicit, Phase.reuse, Phase.generate),  # to shrink a run takes minutes
)
def test_every_path_gives_what_extra_data_gives(exdf, run, choice):
    version, files = run
    with TemporaryDirectory() as folder:
        write_run(exdf, folder, version, files)
        mine, theirs = open_run(folder, aliases={}), of_extra_data(folder)
        assert mine.train_ids.tolist() == [int(t) for t in theirs.train_ids]
        assert mine.control_sources == theirs.control_sources
        assert mine.instrument_sources == theirs.instrument_sources
        compare(mine, theirs)
        if isinstance(choice, list):
            choice = [n for n in choice if n < len(mine.train_ids)]
        if choice and len(mine.train_ids):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                compare(mine[choice], theirs[choice])


def compare(mine, theirs):
    assert mine.train_ids.tolist() == [int(t) for t in theirs.train_ids]
    for source in theirs.all_sources:
        assert mine[source].keys() == theirs[source].keys()
        for key in theirs[source].keys():
            compare_channel(mine[source, key], theirs[source, key])
    for (my_id, my_train), (id_, train) in zip(mine.trains(), theirs.trains(), strict=True):
        assert my_id == id_
        assert {s: set(v) for s, v in my_train.items()} == {s: set(v) for s, v in train.items()}
        for source, values in train.items():
            for key in set(values) - {"metadata", "text.value"}:
                np.testing.assert_array_equal(my_train[source][key], values[key])


def compare_channel(mine, theirs):
    expected, ids = theirs.ndarray(), theirs.train_id_coordinates()
    assert mine.shape == theirs.shape
    assert mine.entry_shape == theirs.entry_shape
    np.testing.assert_array_equal(mine.data_counts(), theirs.data_counts())
    np.testing.assert_array_equal(mine.train_id_coordinates(), ids)
    values = mine.ndarray()
    assert values.dtype == expected.dtype
    np.testing.assert_array_equal(values, expected)
    np.testing.assert_array_equal(mine.xarray().values, expected)
    np.testing.assert_array_equal(mine.xarray().train, ids)
    np.testing.assert_array_equal(mine.dask_array().compute(), expected)
    if not mine.entry_shape:
        np.testing.assert_array_equal(mine.series(), expected)
    for (my_id, row), (id_, other) in zip(mine.trains(), theirs.trains(), strict=True):
        assert my_id == id_
        if mine.key != "text.value":
            np.testing.assert_array_equal(row, other)


@given(run=runs(), bounds=st.tuples(st.integers(-3, 26), st.integers(-3, 26)))
@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
def test_values_tell_the_train_they_are_labelled_with(exdf, run, bounds):
    version, files = run
    start, stop = FIRST + bounds[0], FIRST + bounds[1]
    with TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        write_run(exdf, folder, version, files)
        chosen = open_run(folder, aliases={})[by_id[start:stop]]
        for source in chosen.instrument_sources:
            values = chosen[source, "data.x"].xarray()
            assert (values.values // 1000 == values.train).all()
            assert ((values.train >= start) & (values.train < stop)).all()


ROIS = [
    np.s_[0], np.s_[:, 1], np.s_[-1, -2:], np.s_[..., 2], np.s_[::2, ::-1], np.s_[[1, 0]],
    np.s_[:, [0, 2]], np.s_[np.array([True, False])], np.s_[5:2], (),
]  # fmt: skip


@pytest.mark.parametrize("roi", ROIS, ids=str)
def test_region_of_interest_is_numpy_s(tmp_path, exdf, roi):
    exdf.write(tmp_path / "a.h5", [5, 6], [exdf.instrument("D/E/1:o/data", {"a": (2, 3)}, [2, 1])])
    channel = open_run(tmp_path)["D/E/1:o", "data.a"]
    whole = channel.ndarray()
    expected = whole[(slice(None), *(roi if isinstance(roi, tuple) else (roi,)))]
    np.testing.assert_array_equal(channel.ndarray(roi), expected)
    out = np.zeros_like(expected)
    assert channel.ndarray(roi, out=out) is out
    np.testing.assert_array_equal(out, expected)


@pytest.mark.parametrize("roi", [np.s_[2], np.s_[0, 0, 0], np.s_[None], np.s_[..., ...]], ids=str)
def test_region_of_interest_that_does_not_fit(tmp_path, exdf, roi):
    exdf.write(tmp_path / "a.h5", [5], [exdf.instrument("D/E/1:o/data", {"a": (2, 3)})])
    with pytest.raises(IndexError):
        open_run(tmp_path)["D/E/1:o", "data.a"].ndarray(roi)


def test_result_goes_where_it_is_told(tmp_path, exdf):
    exdf.write(tmp_path / "a.h5", [5, 6], [exdf.instrument("D/E/1:o/data", {"a": (3,)})])
    channel = open_run(tmp_path)["D/E/1:o", "data.a"]
    big = np.zeros((2, 6))
    channel.ndarray(out=big[:, ::2])  # not contiguous
    np.testing.assert_array_equal(big[:, ::2], channel.ndarray())
    with pytest.raises(ValueError, match=r"shape \(2, 6\), not \(2, 3\)"):
        channel.ndarray(out=big)
