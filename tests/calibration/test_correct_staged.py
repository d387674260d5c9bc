"""LPD, JUNGFRAU and DSSC frames corrected: against plain numpy, and at the edges."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from beambook.calibration import (
    BadPixels,
    DSSCConstants,
    JungfrauConstants,
    JungfrauOptions,
    LPDConstants,
    LPDOptions,
    correct_dssc,
    correct_jungfrau,
    correct_lpd,
)
from beambook.data._findings import DataWarning
from beambook.errors import DataError, ParameterError

sys.path.insert(0, str(Path(__file__).parent))
import reference_correct as plain

LPD, JUNGFRAU, DSSC = (256, 256), (512, 1024), (128, 512)


def bad_pixels(rng, shape):
    return np.where(rng.random(shape) < 0.02, rng.integers(1, 1 << 23, shape), 0).astype("u4")


def assert_same(ours, theirs):
    data, gain, mask = theirs
    np.testing.assert_array_equal(ours.gain, gain)
    np.testing.assert_array_equal(ours.mask, mask)
    np.testing.assert_allclose(ours.data, data, rtol=1e-5, atol=1e-4)


@pytest.fixture(scope="module")
def lpd():
    rng = np.random.default_rng(1)
    whole = (3, 4, *LPD)
    return {
        "Offset": rng.normal(700, 30, whole).astype("f4"),
        "RelativeGain": rng.normal(10, 1, whole).astype("f4"),
        "GainAmpMap": rng.normal(1, 0.1, whole).astype("f4"),
        "FFMap": rng.normal(1, 0.1, whole).astype("f4"),
        "BadPixelsDark": bad_pixels(rng, whole),
        "BadPixelsFF": bad_pixels(rng, whole),
    }


CELLS = np.array([2, 2, 0, 3, 1])


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("without", ["", "rel_gain", "gain_amp_map", "ff_map"])
def test_lpd_is_as_in_plain_numpy(lpd, without, threads):
    raw = np.random.default_rng(2).integers(0, 1 << 16, (5, 1, *LPD), "u2")
    scale = np.ones_like(lpd["Offset"])
    scale = scale if without == "rel_gain" else scale * lpd["RelativeGain"]
    scale = scale if without == "gain_amp_map" else scale * lpd["GainAmpMap"]
    scale = scale if without == "ff_map" else scale / lpd["FFMap"]
    bad = lpd["BadPixelsDark"] | lpd["BadPixelsFF"]
    options = LPDOptions(**({without: False} if without else {}))
    constants = LPDConstants.from_mapping(lpd)
    ours = correct_lpd(raw, CELLS, constants, options=options, threads=threads)
    assert_same(ours, plain.lpd(raw[:, 0], CELLS, lpd["Offset"], bad=bad, scale=scale))
    assert ours.counts["wrong_gain"] == np.count_nonzero(raw >> 12 & 3 == 3)


@pytest.mark.parametrize("limit", [4000, 1, 4096])
def test_lpd_in_parallel_gain_takes_the_highest_that_is_not_saturated(lpd, limit):
    raw = np.random.default_rng(3).integers(0, 1 << 12, (5, 3, *LPD), "u2")
    raw[:, :2, :128] |= 4095
    options = LPDOptions(
        rel_gain=False, gain_amp_map=False, ff_map=False, parallel_gain_limit=limit
    )
    ours = correct_lpd(raw, CELLS, LPDConstants.from_mapping(lpd), options=options)
    bad = lpd["BadPixelsDark"] | lpd["BadPixelsFF"]
    theirs = plain.lpd_parallel(raw, CELLS, lpd["Offset"], limit=limit, bad=bad)
    assert_same(ours, theirs)
    with pytest.raises(DataError, match="combine_parallel_gain"):
        correct_lpd(
            raw,
            CELLS,
            LPDConstants.from_mapping(lpd),
            options=LPDOptions(combine_parallel_gain=False),
        )


def test_lpd_without_offset_gives_the_twelve_bits(lpd):
    raw = np.full((1, *LPD), 0x2ABC, "u2")
    options = LPDOptions(offset_corr=False, rel_gain=False, gain_amp_map=False, ff_map=False)
    ours = correct_lpd(raw, np.array([0]), LPDConstants.from_mapping(lpd), options=options)
    assert (ours.data == 0xABC).all()
    assert (ours.gain == 2).all()


def test_a_missing_constant_names_the_option(lpd):
    constants = LPDConstants.from_mapping({"Offset": lpd["Offset"]})
    assert set(constants.missing) == set(lpd) - {"Offset"}
    raw = np.zeros((1, *LPD), "u2")
    with pytest.raises(DataError, match=r"no RelativeGain.*rel_gain=False"):
        correct_lpd(raw, np.array([0]), constants)
    offset = np.zeros((3, 1, *JUNGFRAU), "f4")
    burst = JungfrauConstants.from_mapping({"Offset10Hz": offset})
    frames = np.zeros((1, *JUNGFRAU), "u2"), np.zeros((1, *JUNGFRAU), "u1")
    with pytest.raises(DataError, match=r"no RelativeGain10Hz.*relative_gain=False"):
        correct_jungfrau(frames, np.array([0]), burst)
    for kind in (LPDConstants, JungfrauConstants, DSSCConstants):
        with pytest.raises(DataError, match="no Offset"):
            kind.from_mapping({})


@pytest.fixture(scope="module")
def jungfrau():
    rng = np.random.default_rng(4)
    whole = (3, 2, *JUNGFRAU)
    stages = np.array([1.0, -0.035, -0.0027], "f4")[:, None, None, None]
    relative = rng.normal(41, 1, whole).astype("f4") * stages
    return {
        "Offset10Hz": rng.normal(2900, 100, whole).astype("f4"),
        "RelativeGain10Hz": relative.astype("f4"),
        "BadPixelsDark10Hz": bad_pixels(rng, whole),
    }


@pytest.mark.parametrize("instead", [0, 1, 2])
def test_jungfrau_is_as_in_plain_numpy(jungfrau, instead):
    rng = np.random.default_rng(5)
    adc = rng.integers(0, 1 << 14, (3, *JUNGFRAU), "u2")
    bits = rng.integers(0, 5, (3, *JUNGFRAU), "u1")
    cells = np.array([1, 0, 1])
    constants = JungfrauConstants.from_mapping(jungfrau)
    options = JungfrauOptions(replace_wrong_gain_value=instead)
    ours = correct_jungfrau((adc, bits), cells, constants, options=options)
    theirs = plain.jungfrau(
        adc,
        bits,
        cells,
        jungfrau["Offset10Hz"],
        relative=jungfrau["RelativeGain10Hz"],
        bad=jungfrau["BadPixelsDark10Hz"],
        instead=instead,
    )
    assert_same(ours, theirs)
    assert ours.counts["wrong_gain"] == np.count_nonzero((bits == 2) | (bits > 3))


def test_jungfrau_outside_burst_mode_has_one_cell_whatever_its_number(jungfrau):
    one = {name: array[:, :1] for name, array in jungfrau.items()}
    rng = np.random.default_rng(6)
    adc = rng.integers(0, 1 << 14, (2, 1, *JUNGFRAU), "u2")
    bits = np.zeros(adc.shape, "u1")
    constants = JungfrauConstants.from_mapping(one)
    ours = correct_jungfrau((adc, bits), np.array([[15], [15]], "u1"), constants)
    again = correct_jungfrau((adc[:, 0], bits[:, 0]), np.array([0, 0]), constants)
    np.testing.assert_array_equal(ours.data, again.data)
    assert ours.counts["frames_without_constants"] == 0


def test_jungfrau_bursts_are_frames_one_after_another(jungfrau):
    rng = np.random.default_rng(7)
    adc = rng.integers(0, 1 << 14, (2, 2, *JUNGFRAU), "u2")
    bits = rng.choice(np.array([0, 1, 3], "u1"), adc.shape)
    cells = np.array([[0, 1], [1, 255]], "u1")
    constants = JungfrauConstants.from_mapping(jungfrau)
    with pytest.warns(DataWarning, match="1 of 4 frames"):
        ours = correct_jungfrau((adc, bits), cells, constants)
    assert ours.data.shape == (4, *JUNGFRAU)
    assert (ours.mask[3] == BadPixels.NO_DARK_DATA | BadPixels.VALUE_IS_NAN).all()
    theirs = plain.jungfrau(
        adc.reshape(-1, *JUNGFRAU)[:3],
        bits.reshape(-1, *JUNGFRAU)[:3],
        [0, 1, 1],
        jungfrau["Offset10Hz"],
        relative=jungfrau["RelativeGain10Hz"],
        bad=jungfrau["BadPixelsDark10Hz"],
    )
    for mine, one in zip((ours.data, ours.gain, ours.mask), theirs, strict=True):
        np.testing.assert_allclose(mine[:3], one, rtol=1e-5, atol=1e-4)


def test_a_gain_of_zero_is_masked(jungfrau):
    relative = jungfrau["RelativeGain10Hz"].copy()
    relative[:, :, 0, 0], relative[:, :, 0, 1] = 0, np.nan
    constants = JungfrauConstants.from_mapping(
        {"Offset10Hz": jungfrau["Offset10Hz"], "RelativeGain10Hz": relative}
    )
    frame = np.full((1, *JUNGFRAU), 8000, "u2"), np.zeros((1, *JUNGFRAU), "u1")
    ours = correct_jungfrau(frame, np.array([0]), constants)
    assert ours.mask[0, 0, 0] == BadPixels.VALUE_OUT_OF_RANGE
    assert ours.mask[0, 0, 1] == BadPixels.VALUE_IS_NAN
    assert np.count_nonzero(ours.mask) == 2
    zero = JungfrauOptions(zero_nans=True, zero_orange=True)
    again = correct_jungfrau(frame, np.array([0]), constants, options=zero)
    assert (again.data[0, 0, :2] == 0).all()
    np.testing.assert_array_equal(again.mask, ours.mask)


def test_dssc_is_as_in_plain_numpy():
    rng = np.random.default_rng(8)
    offset = rng.normal(42, 3, (1, 6, *DSSC)).astype("f4")
    bad = bad_pixels(rng, offset.shape)
    raw = rng.integers(0, 512, (5, 1, *DSSC), "u2")
    cells = np.array([5, 0, 5, 3, 1], "u2")
    constants = DSSCConstants.from_mapping({"Offset": offset, "BadPixelsDark": bad})
    ours = correct_dssc(raw, cells, constants)
    nothing = np.zeros(raw[:, 0].shape, "u1")
    assert_same(ours, plain.staged(raw[:, 0], nothing, cells, offset, bad=bad))
    flat = correct_dssc(raw[:, 0], cells, constants, out=ours)
    assert np.shares_memory(flat.data, ours.data)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, (1 << 14) - 1), st.sampled_from([0, 1, 2, 3]), st.integers(0, 1))
def test_jungfrau_energy_comes_back(jungfrau, adc, bits, cell):
    """From the corrected energy, gain stage and constants follows the stored value again."""
    values = np.full((1, *JUNGFRAU), adc, "u2"), np.full((1, *JUNGFRAU), bits, "u1")
    constants = JungfrauConstants.from_mapping(jungfrau)
    ours = correct_jungfrau(values, np.array([cell]), constants)
    stage = ours.gain[0]
    assert (stage == {0: 0, 1: 1, 2: 0, 3: 2}[bits]).all()
    gain = plain.pick(jungfrau["RelativeGain10Hz"], stage, cell).astype("f8")
    back = ours.data[0] * gain + plain.pick(jungfrau["Offset10Hz"], stage, cell)
    np.testing.assert_allclose(back, adc, atol=0.02)


def test_frames_and_options_that_do_not_fit_are_refused(lpd, jungfrau):
    lpd_constants = LPDConstants.from_mapping(lpd)
    with pytest.raises(DataError, match="LPD frames are uint16"):
        correct_lpd(np.zeros((2, 2, *LPD), "u2"), np.array([0, 1]), lpd_constants)
    constants = JungfrauConstants.from_mapping(jungfrau)
    adc = np.zeros((1, *JUNGFRAU), "u2")
    with pytest.raises(DataError, match="JUNGFRAU frames are adc uint16 and gain uint8"):
        correct_jungfrau((adc, adc), np.array([0]), constants)
    dssc = DSSCConstants.from_mapping({"Offset": np.zeros((1, 1, *DSSC))})
    with pytest.raises(DataError, match="DSSC frames are uint16"):
        correct_dssc(np.zeros((1, *LPD), "u2"), np.array([0]), dssc)
    with pytest.raises(ParameterError, match="0, 1 or 2"):
        JungfrauOptions(replace_wrong_gain_value=3)
    with pytest.raises(ParameterError, match="1 to 4096"):
        LPDOptions(parallel_gain_limit=0)


def test_the_bits_are_those_of_the_facility():
    theirs = pytest.importorskip("extra.calibration").BadPixels
    assert {each.name: each.value for each in BadPixels} == {
        each.name: each.value for each in theirs
    }
