"""Moments: of parts, in any order and grouping, they are the moments of the whole."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from beambook.analysis import _bin_kernel, _moments
from beambook.analysis._moments import BLOCK, Moments
from beambook.errors import ParameterError

EDGES = np.linspace(700.0, 710.0, 6)
VALUES = st.floats(-1e3, 1e4, width=32) | st.just(float("nan"))
ENERGIES = st.floats(698, 712) | st.sampled_from([700.0, 702.0, 710.0, np.nan, np.inf])


@st.composite
def pulses(draw, per_pulse=None):
    """Energies, I0, I1 of a few trains: gaps, values outside, edges hit exactly."""
    trains, number = draw(st.integers(1, 9)), draw(st.integers(1, 6))
    per_pulse = draw(st.booleans()) if per_pulse is None else per_pulse
    shape = (trains, number) if per_pulse else (trains,)
    return (
        draw(hnp.arrays(np.float64, shape, elements=ENERGIES)),
        draw(hnp.arrays(np.float64, (trains, number), elements=VALUES)),
        draw(hnp.arrays(np.float64, (trains, number), elements=VALUES)),
    )


def moments(*parts, edges=EDGES):
    result = Moments(edges)
    for energy, i0, i1 in parts:
        result.push(energy, i0, i1)
    return result


def same(a, b):
    assert np.array_equal(a.left_out, b.left_out)
    scale = np.abs(b.state).max(initial=1.0)
    np.testing.assert_allclose(a.state, b.state, rtol=1e-9, atol=1e-12 * scale)


def test_the_columns_are_those_of_the_kernel():
    for name in ("PULSE", "TRAIN", "SYE", "SXEE", "COLUMNS"):
        assert getattr(_moments, name) == getattr(_bin_kernel, name)
    places = (_bin_kernel.ENERGY, _bin_kernel.OUTSIDE, _bin_kernel.GAPS, _bin_kernel.BELOW)
    assert [_moments.LEFT_OUT[place] for place in places] == list(_moments.LEFT_OUT)


@settings(max_examples=60, deadline=None)
@given(data=pulses(), uneven=st.booleans())
def test_moments_are_those_of_numpy_in_the_bins_of_numpy(data, uneven):
    edges = np.array([700.0, 702.0, 702.5, 706.0, 710.0]) if uneven else EDGES
    energy, i0, i1 = data
    each = np.broadcast_to(energy.reshape(len(i0), -1), i0.shape)
    known = np.isfinite(each)
    inside = known & (each >= edges[0]) & (each <= edges[-1])
    gap = ~(np.isfinite(i0) & np.isfinite(i1))
    good = inside & ~gap & (i0 > 0)
    result = moments(data, edges=edges)
    assert result.left_out.tolist() == [
        (~known).sum(),
        (known & ~inside).sum(),
        (inside & gap).sum(),
        (inside & ~gap & ~(i0 > 0)).sum(),
    ]
    counts, _ = np.histogram(each[good], edges)
    assert result.pulses.n.tolist() == counts.tolist()
    which = np.clip(np.searchsorted(edges, each[good], side="right") - 1, 0, len(edges) - 2)
    for place in np.flatnonzero(counts):
        chosen = which == place
        e = each[good][chosen] - result.centre[place]
        x, y = i0[good][chosen], i1[good][chosen]
        vectors = np.stack([x, y, x * e])
        level = result.pulses
        np.testing.assert_allclose(level.mean[place], vectors.mean(axis=1), rtol=1e-9, atol=1e-6)
        np.testing.assert_allclose(
            level.square[place],
            np.atleast_2d(np.cov(vectors, bias=True)) * counts[place],
            rtol=1e-7,
            atol=1e-5 * (1 + np.abs(vectors).max() ** 2) * 1e-3,
        )
        sums = result.energy_sums
        np.testing.assert_allclose(sums[0][place], (y * e).sum(), rtol=1e-9, atol=1e-6)
        np.testing.assert_allclose(sums[1][place], (x * e * e).sum(), rtol=1e-9, atol=1e-6)


@settings(max_examples=40, deadline=None)
@given(data=pulses(per_pulse=False))
def test_the_sums_of_trains_are_those_of_groupby(data):
    energy, i0, i1 = data
    result = moments(data)
    good = np.isfinite(i0) & np.isfinite(i1) & (i0 > 0)
    frame = pd.DataFrame(
        {
            "bin": np.repeat(pd.cut(energy, EDGES, right=False, labels=False), i0.shape[1]),
            "train": np.repeat(np.arange(len(i0)), i0.shape[1]),
            "i0": i0.ravel(),
            "i1": i1.ravel(),
        }
    )[good.ravel()]
    at_the_end = np.repeat(energy, i0.shape[1])[good.ravel()] == EDGES[-1]
    frame.loc[at_the_end, "bin"] = len(EDGES) - 2
    sums = frame.dropna(subset="bin").groupby(["bin", "train"])[["i0", "i1"]].sum()
    for place, part in sums.groupby(level="bin"):
        level = result.trains
        assert level.n[int(place)] == len(part)
        np.testing.assert_allclose(level.mean[int(place), :2], part.mean(), rtol=1e-9, atol=1e-6)


@settings(max_examples=40, deadline=None)
@given(parts=st.lists(pulses(), min_size=3, max_size=3))
def test_merging_is_associative_commutative_and_equals_one_pass(parts):
    whole = moments(*parts)
    a, b, c = (moments(part) for part in parts)
    a.merge(b)
    a.merge(c)
    same(a, whole)
    a, b, c = (moments(part) for part in parts)
    b.merge(c)
    a.merge(b)
    same(a, whole)
    a, b, c = (moments(part) for part in parts)
    c.merge(a)
    c.merge(b)
    same(c, whole)


@settings(max_examples=20, deadline=None)
@given(part=pulses())
def test_an_empty_one_is_neutral_and_merging_with_itself_doubles(part):
    whole = moments(part)
    other = moments(part)
    other.merge(Moments(EDGES))
    same(other, whole)
    empty = Moments(EDGES)
    empty.merge(whole)
    same(empty, whole)
    other.merge(other)
    same(other, moments(part, part))


def test_large_means_lose_no_digits():
    rng = np.random.default_rng(0)
    i0, i1 = 1e9 + rng.normal(size=(2, 40, 50))
    result = moments((np.full(40, 701.0), i0, i1))
    variance = result.pulses.square[0, 0, 0] / (result.pulses.n[0] - 1)
    assert variance == pytest.approx(i0.var(ddof=1), rel=1e-6)


def test_single_precision_is_read_as_it_is():
    rng = np.random.default_rng(0)
    i0, i1 = rng.gamma(4, 250, (2, 30, 20)).astype("f4")
    energy = np.linspace(700, 710, 30)
    same(moments((energy, i0, i1)), moments((energy, i0.astype("f8"), i1.astype("f8"))))


def test_clearing_forgets_everything():
    result = moments((np.array([701.0, np.nan]), np.ones((2, 3)), np.ones((2, 3))))
    assert result.pulses.n.sum() == 3
    result.clear()
    assert not result.state.any()
    assert not result.left_out.any()


@pytest.mark.parametrize(
    "edges", [[1.0], [1.0, 1.0], [2.0, 1.0], [[1.0, 2.0]], [1.0, np.nan], [1.0, np.inf]]
)
def test_bins_that_make_no_sense_are_refused(edges):
    with pytest.raises(ParameterError):
        Moments(np.array(edges))


def test_other_bins_cannot_be_merged():
    with pytest.raises(ParameterError, match="same bins"):
        Moments(EDGES).merge(Moments(EDGES + 1))


@pytest.mark.parametrize("own_energies", [False, True])
def test_many_pulses_are_added_in_blocks_as_if_in_one(own_energies):
    rng = np.random.default_rng(3)
    trains, pulses = 3 * BLOCK // 100 + 7, 100
    i0 = rng.gamma(5, 200, (trains, pulses))
    i1 = i0 * rng.normal(0.3, 0.02, i0.shape)
    i0[::50, 3] = np.nan
    energy = rng.uniform(95, 205, (trains, pulses) if own_energies else trains)
    edges = np.linspace(100, 200, 21)
    whole, train_by_train = Moments(edges), Moments(edges)
    whole.push(energy, i0, i1)
    for k in range(0, trains, 500):
        train_by_train.push(energy[k : k + 500], i0[k : k + 500], i1[k : k + 500])
    assert whole.left_out.tolist() == train_by_train.left_out.tolist()
    np.testing.assert_allclose(whole.state, train_by_train.state, rtol=1e-9, atol=1e-4)
