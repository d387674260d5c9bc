"""Counted medians and deviations are numpy's, whatever the values and however they come."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from beambook.calibration._dark.statistics import DarkStatistics
from beambook.errors import DataError, ParameterError

SHAPE = (9, 17)  # no multiple of the kernel's tile


def assert_is_numpy(dark, frames, cells):
    value = dark.value
    for place, cell in enumerate(dark.cells):
        mine = frames[cells == cell]
        assert (value.count[place] == len(mine)).all()
        if not len(mine):
            assert np.isnan(value.offset[place]).all()
            assert np.isnan(value.noise[place]).all()
            continue
        np.testing.assert_array_equal(value.offset[place], np.median(mine, axis=0))
        # Of values that are all the same but one, numpy's own sum rounds at 1e-16 of the value.
        np.testing.assert_allclose(value.noise[place], np.std(mine, axis=0), rtol=1e-12, atol=1e-9)


@st.composite
def dark_frames(draw):
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    number = draw(st.integers(1, 60))
    spread = draw(st.sampled_from([0, 1, 12, 400, 30000]))
    centre = draw(st.sampled_from([0, 5000, 32000, 65535]))
    values = centre + spread * rng.standard_normal((number, *SHAPE))
    return np.clip(np.rint(values), 0, 65535).astype(np.uint16), rng.integers(3, 6, number)


@given(dark_frames(), st.integers(1, 30))
def test_any_values_pushed_in_any_blocks(made, block):
    frames, cells = made
    dark = DarkStatistics(range(3, 7), SHAPE, window=31)
    for start in range(0, len(frames), block):
        dark.push(frames[start : start + block], cells[start : start + block])
    assert_is_numpy(dark, frames, cells)


@given(dark_frames(), st.integers(0, 60))
def test_merging_is_pushing(made, cut):
    frames, cells = made
    parts = [DarkStatistics([3, 5, 4], SHAPE, window=63) for _ in range(2)]
    for dark, some in zip(parts, (slice(cut), slice(cut, None)), strict=True):
        if len(frames[some]):
            dark.push(frames[some], cells[some])
    parts[0].merge(parts[1])
    assert_is_numpy(parts[0], frames, cells)


@given(dark_frames())
def test_cleared_is_new(made):
    frames, cells = made
    dark = DarkStatistics(range(3, 6), SHAPE)
    dark.push(65535 - frames, cells)
    dark.clear()
    dark.push(frames, cells)
    assert_is_numpy(dark, frames, cells)


@pytest.mark.parametrize("number", [255, 256, 300, 70_000])
def test_counters_grow_with_the_frames(number):
    frames = np.full((number, 1, 3), 700, np.uint16)
    frames[: number // 3, :, 1] = 701
    frames[:2, :, 2] = 9000  # outside of the window from the second push on
    dark = DarkStatistics(1, (1, 3), threads=1)
    dark.push(frames[5:])
    dark.push(frames[:5])
    assert_is_numpy(dark, frames, np.zeros(number))


def test_a_view_of_one_plane_is_enough():
    rng = np.random.default_rng(1)
    image = rng.integers(5000, 5050, (20, 2, 64, 128)).astype(np.uint16)
    dark = DarkStatistics(1, (64, 128))
    dark.push(image[:, 1])
    assert_is_numpy(dark, image[:, 1], np.zeros(20))


@given(st.integers(0, 2**32), st.integers(0, 3))
def test_words_with_other_gain_bits_are_left_out_and_counted(seed, stage):
    rng = np.random.default_rng(seed)
    values = rng.integers(0, 4096, (25, *SHAPE)).astype(np.uint16)
    values[5:] = 1000 + values[5:] % 40
    gain = np.where(rng.random(values.shape) < 0.1, 3 - stage, stage).astype(np.uint16)
    dark = DarkStatistics(1, SHAPE, bits=12, stage=stage)
    dark.push(values | gain << 12)
    value, kept = dark.value, np.ma.array(values, mask=gain != stage)
    np.testing.assert_array_equal(value.count[0], kept.count(axis=0))
    np.testing.assert_array_equal(value.offset[0], np.ma.median(kept, axis=0))
    np.testing.assert_allclose(value.noise[0], kept.std(axis=0), rtol=1e-12, atol=1e-9)
    assert value.pushed == [25]


def test_memory_is_as_stated():
    dark = DarkStatistics(2, (64, 128), frames=200)
    assert dark.nbytes == 2 * 64 * 128 * (192 + 2)
    rng = np.random.default_rng(2)
    dark.push(rng.integers(5000, 5060, (200, 64, 128)).astype(np.uint16), np.arange(200) % 2)
    assert dark.nbytes == 2 * 64 * 128 * (192 + 2), "nothing outside of the windows"


@pytest.mark.parametrize(("frames", "cells"), [
    (np.zeros((2, 9, 17), np.int32), [0, 0]),
    (np.zeros((2, 17, 9), np.uint16), [0, 0]),
    (np.zeros((2, 9, 17), np.uint16), [0]),
    (np.zeros((2, 9, 17), np.uint16), [0, 2]),
    (np.zeros((2, 9, 17), np.uint16), None),
])  # fmt: skip
def test_what_does_not_fit_is_refused(frames, cells):
    with pytest.raises(DataError):
        DarkStatistics(2, SHAPE).push(frames, cells)


def test_others_cannot_be_merged():
    with pytest.raises(DataError, match="cannot be added"):
        DarkStatistics(2, SHAPE).merge(DarkStatistics(3, SHAPE))


@pytest.mark.parametrize("options", [{"bits": 17}, {"bits": 12, "stage": 16}, {"window": 256}])
def test_options_out_of_range(options):
    with pytest.raises(ParameterError):
        DarkStatistics(1, SHAPE, **options)
