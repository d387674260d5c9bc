"""AGIPD frames corrected: against plain numpy, and at the edges."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from threading import Thread

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from beambook.calibration import AGIPDConstants, AGIPDOptions, BadPixels, correct_agipd
from beambook.calibration._corrected import Corrected
from beambook.data._findings import DataWarning
from beambook.errors import DataError, ParameterError

sys.path.insert(0, str(Path(__file__).parent))
import reference_correct as plain

SHAPE = (512, 128)
CELLS = 5
BARE = AGIPDOptions(
    force_hg_if_below=False,
    force_mg_if_below=False,
    low_medium_gap=False,
    common_mode=False,
    blc_set_min=False,
)


def made_constants(cells=CELLS, seed=1):
    rng = np.random.default_rng(seed)
    whole = (cells, *SHAPE)
    offset = np.stack([rng.normal(level, 100, whole) for level in (5000, 6500, 6300)])
    thresholds = np.stack([rng.normal(6500, 50, whole), rng.normal(7500, 50, whole)])
    scale = np.stack([np.ones(whole), rng.normal(30, 1, whole), rng.normal(130, 4, whole)])
    bad = np.where(rng.random((3, *whole)) < 0.02, rng.integers(1, 1 << 11, (3, *whole)), 0)
    return {
        "Offset": offset.astype("f4"),
        "ThresholdsDark": thresholds.astype("f4"),
        "RelativeGain": scale.astype("f4"),
        "SlopesFF": rng.normal(7.2, 0.2, whole).astype("f4"),
        "BadPixelsDark": bad.astype("u4"),
    }


def made_frames(cells, seed=2):
    rng = np.random.default_rng(seed)
    raw = np.empty((len(cells), 2, *SHAPE), "u2")
    raw[:, 0] = rng.integers(4700, 9000, (len(cells), *SHAPE))
    raw[:, 1] = rng.integers(5800, 8200, (len(cells), *SHAPE))
    return raw


@pytest.fixture(scope="module")
def given_constants():
    return made_constants()


@pytest.fixture(scope="module")
def constants(given_constants):
    return AGIPDConstants.from_mapping(given_constants)


CELL_NUMBERS = np.array([3, 0, 4, 1, 1, 0, 2])


@pytest.fixture(scope="module")
def raw():
    return made_frames(CELL_NUMBERS)


def assert_same(ours: Corrected, theirs) -> None:
    data, gain, mask = theirs
    np.testing.assert_array_equal(ours.gain, gain)
    np.testing.assert_array_equal(ours.mask, mask)
    np.testing.assert_allclose(ours.data, data, rtol=1e-5, atol=1e-3)
    assert (ours.data.dtype, ours.gain.dtype, ours.mask.dtype) == ("f4", "u1", "u4")


STEPS = {
    "offset": (BARE, {}),
    "forced stages": (
        replace(BARE, force_hg_if_below=True, force_mg_if_below=True, mg_hard_threshold=300),
        {"hg": 1000, "mg": 300},
    ),
    "gain": (replace(BARE, rel_gain=True, xray_gain=True), {"scale": "RelativeGain", "xray": 1}),
    "not below zero": (
        replace(BARE, rel_gain=True, blc_set_min=True),
        {"scale": "RelativeGain", "set_min": True},
    ),
    "photons": (
        replace(BARE, xray_gain=True, round_photons=True, photon_energy=9.3),
        {"xray": 1, "photon": 9.3},
    ),
    "photons, rounded late": (
        replace(
            BARE, xray_gain=True, round_photons=True, photon_energy=9.3, rounding_threshold=0.75
        ),
        {"xray": 1, "photon": 9.3, "rounding": 0.75},
    ),
    "fixed medium gain": (replace(BARE, gain_mode=2), {"fixed": 1}),
    "fixed low gain": (replace(BARE, gain_mode=3), {"fixed": 2}),
}


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("threads", [1, 2])
def test_each_step_is_as_in_plain_numpy(step, threads, raw, constants, given_constants):
    options, how = STEPS[step]
    how = dict(how)
    if "scale" in how:
        how["scale"] = given_constants["RelativeGain"]
    if "xray" in how:
        how["xray"] = given_constants["SlopesFF"]
    ours = correct_agipd(raw, CELL_NUMBERS, constants, options=options, threads=threads)
    offset, thresholds = given_constants["Offset"], given_constants["ThresholdsDark"]
    bad = given_constants["BadPixelsDark"]
    assert_same(ours, plain.agipd(raw, CELL_NUMBERS, offset, thresholds, bad=bad, **how))


def test_only_offset_leaves_all_else_out(raw, constants, given_constants):
    everything = AGIPDOptions(rel_gain=True, xray_gain=True, only_offset=True, blc_noise=True)
    ours = correct_agipd(raw, CELL_NUMBERS, constants, options=everything)
    offset, thresholds = given_constants["Offset"], given_constants["ThresholdsDark"].copy()
    thresholds[1][thresholds[1] <= np.float32(1.05) * thresholds[0]] = np.inf
    bad = given_constants["BadPixelsDark"]
    assert_same(ours, plain.agipd(raw, CELL_NUMBERS, offset, thresholds, bad=bad))


def lit_frames(given_constants, cells, rng, *, common=20, photons=0.2):
    """Frames in high gain with noise, photons of 65 ADU and a common mode of each ASIC."""
    offset = given_constants["Offset"][0, cells]
    moved = rng.normal(0, common, (len(cells), 8, 2)).repeat(64, axis=1).repeat(64, axis=2)
    signal = 65 * rng.poisson(photons, offset.shape) + rng.normal(0, 6, offset.shape) + moved
    raw = np.zeros((len(cells), 2, *SHAPE), "u2")
    raw[:, 0] = np.clip(np.rint(offset + signal), 0, 16383)
    raw[:, 1] = 6000
    return raw, moved


def test_common_mode_is_found_and_as_in_plain_numpy(constants, given_constants):
    cells = np.array([0, 3, 1, 3])
    raw, moved = lit_frames(given_constants, cells, np.random.default_rng(5), common=8)
    options = replace(BARE, common_mode=True)
    ours = correct_agipd(raw, cells, constants, options=options)
    offset, thresholds = given_constants["Offset"], given_constants["ThresholdsDark"]
    how = {"rounds": 4, "dark_range": (-30, 30), "fraction": 0.15}
    bad = given_constants["BadPixelsDark"]
    theirs = plain.agipd(raw, cells, offset, thresholds, bad=bad, cm=how)
    assert_same(ours, theirs)
    assert ours.counts["asics_shifted"] == 4 * 16
    before = correct_agipd(raw, cells, constants, options=BARE)
    found = (before.data - ours.data)[:, ::64, ::64]
    assert np.abs(found - moved[:, ::64, ::64]).max() < 1.0  # of a noise of 6 ADU


def test_a_bright_asic_has_no_common_mode(constants, given_constants):
    cells = np.array([1])
    raw, _ = lit_frames(given_constants, cells, np.random.default_rng(6), photons=12)
    with_, without = (
        correct_agipd(raw, cells, constants, options=replace(BARE, common_mode=each))
        for each in (True, False)
    )
    np.testing.assert_array_equal(with_.data, without.data)
    assert with_.counts["asics_shifted"] == 0


@pytest.mark.parametrize("frames", [3, 280])
def test_an_offset_that_is_no_number_spoils_no_neighbour(frames):
    """The mask may not know of it; a sum over the ASIC or over frames must not either."""
    cells = np.arange(frames) % 2
    offset = np.full((3, 2, *SHAPE), 5000, "f4")
    thresholds = np.stack([np.full((2, *SHAPE), each, "f4") for each in (6500, 7500)])
    for place, value in enumerate((np.nan, np.inf, -np.inf)):
        offset[0, :, 70, place] = value
    constants = AGIPDConstants.from_mapping({"Offset": offset, "ThresholdsDark": thresholds})
    raw = np.full((frames, 2, *SHAPE), 6000, "u2")
    raw[:, 0] = 5008
    options = replace(BARE, common_mode=True)
    ours = correct_agipd(raw, cells, constants, options=options)
    good = np.ones(SHAPE, bool)
    good[70, :3] = False
    assert (ours.data[:, good] == 0).all()
    assert (ours.mask[:, good] == 0).all()
    assert not np.isfinite(ours.data[:, ~good]).any()


def test_a_good_value_is_not_zeroed_for_what_a_constant_was(raw, given_constants):
    mine = {key: given_constants[key].copy() for key in ("Offset", "ThresholdsDark")}
    mine["Offset"][:, :, 1, 0] = np.nan
    mine["Offset"][:, :, 1, 1] = -3e7
    flags = np.zeros(SHAPE, "u4")
    flags[0, :2] = BadPixels.VALUE_IS_NAN, BadPixels.VALUE_OUT_OF_RANGE
    constants = AGIPDConstants.from_mapping({**mine, "BadPixelsDark": flags})
    as_it_is = correct_agipd(raw, CELL_NUMBERS, constants, options=BARE).data
    for nans, orange in ((True, False), (False, True), (True, True)):
        options = replace(BARE, zero_nans=nans, zero_orange=orange)
        ours = correct_agipd(raw, CELL_NUMBERS, constants, options=options)
        np.testing.assert_array_equal(ours.data[:, 0], as_it_is[:, 0])
        assert (ours.data[:, 1, 0] == 0).all() == nans
        assert (ours.data[:, 1, 1] == 0).all() == orange
        assert (ours.mask[:, 0, :2] == flags[0, :2]).all()


def test_a_row_of_cells_has_a_common_mode_only_in_a_long_block(given_constants):
    """A pixel that reads 5 ADU too much in all cells; 288 frames are enough, 200 are not."""
    rng = np.random.default_rng(7)
    level = np.full((3, 8, *SHAPE), 5000, "f4")
    thresholds = np.stack([np.full((8, *SHAPE), each, "f4") for each in (6500, 7500)])
    constants = AGIPDConstants.from_mapping({"Offset": level, "ThresholdsDark": thresholds})
    drift = np.zeros(SHAPE)
    drift[10, 20] = 5
    options = replace(BARE, common_mode=True)
    for frames, left in ((288, 0.0), (200, 5.0)):
        cells = np.arange(frames) % 8
        raw = np.full((frames, 2, *SHAPE), 6000, "u2")
        noise = rng.integers(-8, 9, (frames, 1, SHAPE[1]))
        raw[:, 0] = 5000 + noise + drift
        ours = correct_agipd(raw, cells, constants, options=options)
        rest = ours.data.mean(axis=0) - ours.data.mean(axis=0)[11, 20]
        assert abs(rest[10, 20] - left) < 1e-2
        assert ours.counts["rows_too_short"] == (left > 0)


def test_slopes_of_pulsed_charges_join_medium_to_high_gain():
    """The same charge gives the same value in both stages, where the fits are right."""
    rng = np.random.default_rng(8)
    whole = (1, *SHAPE)
    high, medium = rng.normal(100, 3, whole), rng.normal(3.3, 0.1, whole)
    zero_high, zero_medium = rng.normal(20, 3, whole), rng.normal(-40, 3, whole)
    slopes = np.zeros((10, *whole), "f4")
    slopes[0], slopes[1], slopes[3], slopes[4] = high, zero_high, medium, zero_medium
    slopes[3, 0, 0, :3] = np.nan, 0, -1
    offset = np.stack([np.full(whole, level, "f4") for level in (5000, 8000, 8000)])
    thresholds = np.stack([np.full(whole, 6500, "f4"), np.full(whole, 7500, "f4")])
    constants = AGIPDConstants.from_mapping(
        {"Offset": offset, "ThresholdsDark": thresholds, "SlopesPC": slopes}
    )
    charge = 60.0
    raw = np.zeros((2, 2, *SHAPE), "u2")
    raw[0, 0], raw[0, 1] = np.rint(5000 + zero_high + charge * high)[0], 6000
    raw[1, 0], raw[1, 1] = np.rint(8000 + zero_medium + charge * medium)[0], 7000
    options = replace(BARE, rel_gain=True, adjust_mg_baseline=True)
    ours = correct_agipd(raw, np.array([0, 0]), constants, options=options)
    good = ours.mask[1] == 0
    assert good.sum() == good.size - 3
    assert (ours.mask[1, 0, :3] == BadPixels.CI_EVAL_ERROR).all()
    assert (ours.mask[0] == 0).all()
    ratio = (ours.data[1] / ours.data[0])[good]
    assert np.abs(ratio - 1).max() < 20 / 6000  # half an ADU of medium gain is 17 of high gain
    without = correct_agipd(
        raw, np.array([0, 0]), constants, options=replace(options, adjust_mg_baseline=False)
    )
    extra = (zero_high - zero_medium * high / medium)[0]
    np.testing.assert_allclose((ours.data - without.data)[1][good], extra[good], atol=0.5)
    low = raw.copy()
    low[:, 1] = 8000
    third = correct_agipd(low, np.array([0, 0]), constants, options=options)
    np.testing.assert_allclose(
        third.data[1][good], without.data[1][good] * 4.48, rtol=1e-5, atol=1e-2
    )


def test_slopes_of_a_current_source_are_ratios(raw, given_constants):
    rng = np.random.default_rng(11)
    slopes = np.zeros((8, CELLS, *SHAPE), "f4")
    slopes[6], slopes[7] = rng.normal(30, 1, slopes[6].shape), rng.normal(4, 0.1, slopes[6].shape)
    slopes[6, :, 0, 0] = np.nan
    mine = {key: given_constants[key] for key in ("Offset", "ThresholdsDark")}
    constants = AGIPDConstants.from_mapping({**mine, "SlopesCS": slopes})
    options = replace(BARE, rel_gain=True, rel_gain_mode="CS", cs_mg_adjust=500.0)
    ours = correct_agipd(raw, CELL_NUMBERS, constants, options=options)
    scale = np.stack([np.ones_like(slopes[6]), slopes[6], slopes[6] * slopes[7]])
    shift = np.full_like(slopes[6], 500)
    data, gain, _ = plain.agipd(
        raw, CELL_NUMBERS, mine["Offset"], mine["ThresholdsDark"], scale=scale, shift=shift
    )
    np.testing.assert_array_equal(ours.gain, gain)
    failed = (ours.mask & BadPixels.CI_EVAL_ERROR) != 0
    np.testing.assert_array_equal(failed[:, 0, 0], gain[:, 0, 0] > 0)
    assert not failed[:, 1:].any()
    np.testing.assert_allclose(ours.data[:, 1:], data[:, 1:], rtol=1e-5, atol=0.01)
    off = replace(options, rel_gain_mode="off")
    same = correct_agipd(raw, CELL_NUMBERS, constants, options=off)
    bare = correct_agipd(raw, CELL_NUMBERS, constants, options=BARE)
    np.testing.assert_array_equal(same.data, bare.data)


def test_what_joins_medium_to_high_gain_is_brought_to_kev_too(raw, given_constants):
    mine = {key: given_constants[key] for key in ("Offset", "ThresholdsDark", "SlopesFF")}
    rng = np.random.default_rng(12)
    pulsed, ratios = np.zeros((10, CELLS, *SHAPE), "f4"), np.zeros((8, CELLS, *SHAPE), "f4")
    for fit, (level, width) in {0: (100, 3), 1: (20, 3), 3: (3.3, 0.1), 4: (-40, 3)}.items():
        pulsed[fit] = rng.normal(level, width, pulsed[fit].shape)
    ratios[6:] = rng.normal(30, 1, ratios[6:].shape)
    ways = {"PC": {**mine, "SlopesPC": pulsed}, "CS": {**mine, "SlopesCS": ratios}}
    for mode, constants in ways.items():
        ready, options = AGIPDConstants.from_mapping(constants), replace(BARE, rel_gain=True)
        options = replace(options, rel_gain_mode=mode)
        adu, kev = (
            correct_agipd(raw, CELL_NUMBERS, ready, options=replace(options, xray_gain=each))
            for each in (False, True)
        )
        expected = adu.data / mine["SlopesFF"][CELL_NUMBERS]
        np.testing.assert_allclose(kev.data, expected, rtol=1e-4, atol=0.01)


def test_xray_gain_is_absolute_or_relative(raw, constants, given_constants):
    plain_adu = correct_agipd(raw, CELL_NUMBERS, constants, options=BARE).data
    slopes = given_constants["SlopesFF"]
    for ff_gain, factor in (
        (1.0, 1 / slopes),
        (7.2, 7.2 / slopes),
        (0.0, np.median(slopes, axis=(1, 2), keepdims=True) / slopes),
    ):
        options = replace(BARE, xray_gain=True, ff_gain=ff_gain)
        ours = correct_agipd(raw, CELL_NUMBERS, constants, options=options)
        np.testing.assert_allclose(ours.data, plain_adu * factor[CELL_NUMBERS], rtol=1e-5)


def test_a_failed_xray_gain_becomes_the_median_and_is_masked(raw, given_constants):
    slopes = given_constants["SlopesFF"].copy()
    slopes[:, 1, :3] = np.nan, 0, -4
    mine = {**given_constants, "SlopesFF": slopes}
    del mine["BadPixelsDark"]
    options = replace(BARE, xray_gain=True)
    ours = correct_agipd(raw, CELL_NUMBERS, AGIPDConstants.from_mapping(mine), options=options)
    assert (ours.mask[:, 1, :3] == BadPixels.FF_GAIN_EVAL_ERROR).all()
    assert np.isfinite(ours.data).all()
    assert np.count_nonzero(ours.mask) == 3 * len(raw)


def test_bad_pixels_of_all_kinds_are_joined(raw, given_constants):
    mine = {key: given_constants[key] for key in ("Offset", "ThresholdsDark")}
    dark = np.zeros((3, CELLS, *SHAPE), "u4")
    dark[1, :, 0, 0] = BadPixels.NOISE_OUT_OF_THRESHOLD
    pulsed = np.zeros((CELLS, *SHAPE), "u4")
    pulsed[2, 3, 3] = BadPixels.CI_EVAL_ERROR
    flat = np.zeros(SHAPE, "u4")
    flat[0, 0] = BadPixels.FF_NO_ENTRIES
    mine |= {"BadPixelsDark": dark, "BadPixelsPC": pulsed, "BadPixelsFF": flat}
    ours = correct_agipd(raw, CELL_NUMBERS, AGIPDConstants.from_mapping(mine), options=BARE)
    both = BadPixels.NOISE_OUT_OF_THRESHOLD | BadPixels.FF_NO_ENTRIES
    expected = np.where(ours.gain[:, 0, 0] == 1, both, BadPixels.FF_NO_ENTRIES)
    np.testing.assert_array_equal(ours.mask[:, 0, 0], expected)
    cell_2 = CELL_NUMBERS == 2
    np.testing.assert_array_equal(ours.mask[:, 3, 3] == BadPixels.CI_EVAL_ERROR, cell_2)


def test_constants_that_are_no_number_are_masked(raw, given_constants):
    mine = {key: given_constants[key].copy() for key in ("Offset", "ThresholdsDark")}
    mine["Offset"][:, :, 0, 0] = np.nan
    mine["Offset"][:, :, 0, 1] = np.inf
    mine["Offset"][:, :, 0, 2] = -3e7
    mine["ThresholdsDark"][0, :, 0, 3] = np.nan
    mine["ThresholdsDark"][1, :, 0, 4] = 10
    constants = AGIPDConstants.from_mapping(mine)
    ours = correct_agipd(raw, CELL_NUMBERS, constants, options=BARE)
    bits = BadPixels.VALUE_IS_NAN, BadPixels.VALUE_OUT_OF_RANGE, BadPixels.VALUE_OUT_OF_RANGE
    unclear = BadPixels.GAIN_THRESHOLDING_ERROR
    np.testing.assert_array_equal(ours.mask[:, 0, :5], [[*bits, unclear, unclear]] * len(raw))
    assert np.isnan(ours.data[:, 0, 0]).all()
    zeroed = replace(BARE, zero_nans=True, zero_orange=True)
    zero = correct_agipd(raw, CELL_NUMBERS, constants, options=zeroed)
    assert (zero.data[:, 0, :3] == 0).all()
    np.testing.assert_array_equal(zero.mask, ours.mask)
    np.testing.assert_array_equal(zero.data[:, 1:], ours.data[:, 1:])


def test_low_gain_is_not_chosen_where_its_threshold_is_too_near(raw, given_constants):
    mine = {key: given_constants[key].copy() for key in ("Offset", "ThresholdsDark")}
    mine["ThresholdsDark"][1, :, 5] = 1.04 * mine["ThresholdsDark"][0, :, 5]
    constants = AGIPDConstants.from_mapping(mine)
    with_gap = replace(BARE, low_medium_gap=True)
    ours = correct_agipd(raw, CELL_NUMBERS, constants, options=with_gap)
    assert ours.gain[:, 5].max() == 1
    assert ours.gain[:, 6].max() == 2
    assert correct_agipd(raw, CELL_NUMBERS, constants, options=BARE).gain[:, 5].max() == 2


def test_a_noisy_adc_channel_is_masked_whole(raw, given_constants):
    mine = {key: given_constants[key] for key in ("Offset", "ThresholdsDark")}
    bad = np.zeros((3, CELLS, *SHAPE), "u4")
    bad[0, 3, 64:128, 16:21] = BadPixels.NOISE_OUT_OF_THRESHOLD  # 5 of 16 columns
    bad[0, 3, 128:192, 16:20] = BadPixels.NOISE_OUT_OF_THRESHOLD  # not more than a quarter
    constants = AGIPDConstants.from_mapping({**mine, "BadPixelsDark": bad})
    options = replace(BARE, mask_noisy_adc=True, gain_mode=1)
    ours = correct_agipd(raw, CELL_NUMBERS, constants, options=options)
    noisy = (ours.mask & BadPixels.NOISY_ADC) != 0
    assert noisy[CELL_NUMBERS == 3][:, 64:128, 16:32].all()
    assert noisy.sum() == 64 * 16


def test_pixels_that_never_change_are_masked(constants, given_constants):
    cells = np.tile([0, 1], 20)
    cells[-10:] = 1  # cell 0 has 15 frames: too few to say
    raw = made_frames(cells)
    raw[:, 0, 7, 9] = 5000
    raw[cells == 1, 0, 8, 9] = 6000
    options = replace(BARE, mask_zero_std=True)
    ours = correct_agipd(raw, cells, constants, options=options)
    constant = (ours.mask & BadPixels.DATA_STD_IS_ZERO) != 0
    expected = np.zeros_like(constant)
    expected[cells == 1, 7:9, 9] = True
    np.testing.assert_array_equal(constant, expected)
    assert (ours.counts["constant_pixels"], ours.counts["cells_too_short"]) == (2, 1)


def test_cells_without_constants_are_said_and_masked(raw, constants):
    cells = CELL_NUMBERS.copy()
    cells[[1, 4]] = CELLS, 65535
    with pytest.warns(DataWarning, match="2 of 7 frames are of memory cells beyond the 5"):
        ours = correct_agipd(raw, cells, constants, options=BARE)
    assert (ours.mask[[1, 4]] == BadPixels.NO_DARK_DATA | BadPixels.VALUE_IS_NAN).all()
    assert np.isnan(ours.data[[1, 4]]).all()
    assert ours.counts["frames_without_constants"] == 2
    rest = [0, 2, 3, 5, 6]
    alone = correct_agipd(raw[rest], cells[rest], constants, options=BARE)
    for name in ("data", "gain", "mask"):
        np.testing.assert_array_equal(getattr(ours, name)[rest], getattr(alone, name))


@pytest.mark.filterwarnings("ignore:.*frames are of memory cells beyond")
def test_saturated_and_empty_values(constants):
    raw = np.zeros((3, 2, *SHAPE), "u2")
    raw[1], raw[2, 0] = 65535, 65535
    cells = np.array([0, -1, 4], "i8")
    ours = correct_agipd(raw, cells, constants, options=replace(BARE, rel_gain=True))
    assert (ours.gain[0] == 0).all()
    assert (ours.data[0] < -4000).all()
    assert (ours.data[2] > 60000 - 6000).all()
    assert np.isfinite(ours.data[[0, 2]]).all()


def test_no_frames(constants):
    nothing = np.empty((0, 2, *SHAPE), "u2")
    ours = correct_agipd(nothing, np.empty(0, "u2"), constants)
    assert ours.data.shape == (0, *SHAPE)
    assert ours.counts["frames"] == 0


@settings(max_examples=12, deadline=None)
@given(st.data())
def test_frames_do_not_depend_on_each_other(data):
    """Any order, any selection, any cut into blocks: a frame's result is the same."""
    mine = made_constants(3, seed=4)
    constants = AGIPDConstants.from_mapping(mine)
    cells = np.array(data.draw(st.lists(st.integers(0, 2), min_size=1, max_size=6)), "u2")
    raw = made_frames(cells, seed=data.draw(st.integers(0, 9)))
    options = AGIPDOptions(rel_gain=True, xray_gain=True)
    whole = correct_agipd(raw, cells, constants, options=options, threads=1)
    order = np.array(data.draw(st.permutations(range(len(cells)))))
    again = correct_agipd(raw[order], cells[order], constants, options=options, threads=2)
    cut = data.draw(st.integers(0, len(cells)))
    parts = [
        correct_agipd(raw[part], cells[part], constants, options=options)
        for part in (slice(0, cut), slice(cut, None))
    ]
    for name in ("data", "gain", "mask"):
        np.testing.assert_array_equal(getattr(again, name), getattr(whole, name)[order])
        joined = np.concatenate([getattr(part, name) for part in parts])
        np.testing.assert_array_equal(joined, getattr(whole, name))


def test_frames_that_are_not_contiguous(raw, constants):
    whole = correct_agipd(raw, CELL_NUMBERS, constants)
    wide = np.zeros((14, 2, 512, 256), "u2")
    wide[::2, :, :, 1::2] = raw
    cells = np.zeros(14, "u8")
    cells[::2] = CELL_NUMBERS
    other = correct_agipd(wide[::2, :, :, 1::2], cells[::2], constants)
    np.testing.assert_array_equal(other.data, whole.data)
    swapped = np.asfortranarray(raw)
    np.testing.assert_array_equal(correct_agipd(swapped, CELL_NUMBERS, constants).data, whole.data)


def test_arrays_are_used_again(raw, constants):
    first = correct_agipd(raw, CELL_NUMBERS, constants)
    kept = first.data.copy()
    again = correct_agipd(raw[:3], CELL_NUMBERS[:3], constants, out=first)
    assert again.data.base is not None
    assert np.shares_memory(again.data, first.data)
    np.testing.assert_array_equal(again.data, kept[:3])
    with pytest.raises(DataError, match="as long or longer"):
        correct_agipd(raw, CELL_NUMBERS, constants, out=again)


def test_many_threads_may_use_the_same_constants(raw, given_constants):
    constants = AGIPDConstants.from_mapping(given_constants)
    options = [AGIPDOptions(rel_gain=True), AGIPDOptions(xray_gain=True), AGIPDOptions()]
    alone = [correct_agipd(raw, CELL_NUMBERS, constants, options=each).data for each in options]
    results = {}

    def work(number):
        each = options[number % 3]
        results[number] = correct_agipd(raw, CELL_NUMBERS, constants, options=each).data

    workers = [Thread(target=work, args=(number,)) for number in range(6)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    for number, data in results.items():
        np.testing.assert_array_equal(data, alone[number % 3])
    assert len(results) == 6


@pytest.fixture(scope="module")
def shifted():
    mine = made_constants(4, seed=9)
    del mine["BadPixelsDark"]
    mine["Noise"] = np.full((3, 4, *SHAPE), 6, "f4")
    stripes = np.zeros(SHAPE, bool)
    stripes[:, 60:64] = True
    mine["Stripes"] = stripes
    cells = np.tile(np.arange(4), 3)
    rng = np.random.default_rng(10)
    raw, _ = lit_frames(mine, cells, rng, common=0, photons=0.7)
    dark, _ = lit_frames(mine, cells, rng, common=0, photons=0.0)
    raw[:, :, stripes] = dark[:, :, stripes]
    shift = np.where(cells == 0, 0.0, -np.rint(rng.uniform(0, 300, len(cells))))
    raw[:, 0] = raw[:, 0] + shift[:, None, None].astype(int)
    return AGIPDConstants.from_mapping(mine), raw, cells, shift


class TestBaseline:
    @pytest.mark.parametrize("way", ["blc_noise", "blc_stripes", "blc_hmatch"])
    def test_the_shift_of_a_frame_is_found(self, shifted, way):
        constants, raw, cells, shift = shifted
        before = correct_agipd(raw, cells, constants, options=BARE)
        options = replace(BARE, **{way: True})
        ours = correct_agipd(raw, cells, constants, options=options)
        found = (before.data - ours.data)[:, 0, 0]
        assert np.abs(found - shift).max() < 0.7  # of a noise of 6 ADU
        assert ours.counts["frames_shifted"] >= np.count_nonzero(shift)
        np.testing.assert_array_equal(ours.gain, before.gain)

    def test_a_bright_frame_is_left_alone_by_noise(self, shifted):
        constants, raw, cells, _ = shifted
        options = replace(BARE, blc_noise=True, blc_noise_threshold=-1e6)
        ours = correct_agipd(raw, cells, constants, options=options)
        assert ours.counts["frames_shifted"] == 0

    def test_what_is_needed_is_named(self, shifted, raw, constants):
        for way, name in (("blc_noise", "Noise"), ("blc_stripes", "Stripes")):
            with pytest.raises(DataError, match=name):
                correct_agipd(raw, CELL_NUMBERS, constants, options=replace(BARE, **{way: True}))


def test_what_is_missing_is_said(raw, given_constants):
    offset = {"Offset": given_constants["Offset"]}
    bare = AGIPDConstants.from_mapping(offset)
    assert "ThresholdsDark" in bare.missing
    assert "ThresholdsDark" in repr(bare)
    with pytest.raises(DataError, match=r"no ThresholdsDark.*gain_mode"):
        correct_agipd(raw, CELL_NUMBERS, bare)
    fixed = replace(BARE, gain_mode=1)
    assert not correct_agipd(raw, CELL_NUMBERS, bare, options=fixed).gain.any()
    for options, name in (
        (replace(fixed, rel_gain=True), "SlopesPC"),
        (replace(fixed, rel_gain=True, rel_gain_mode="CS"), "SlopesCS"),
        (replace(fixed, xray_gain=True), "SlopesFF"),
    ):
        with pytest.raises(DataError, match=name):
            correct_agipd(raw, CELL_NUMBERS, bare, options=options)
    with pytest.raises(DataError, match="no Offset"):
        AGIPDConstants.from_mapping({})


@pytest.mark.parametrize(
    ("name", "array"),
    [
        ("Offset", np.zeros((2, 3, 512, 128))),
        ("Offset", np.zeros((3, 3, 128, 512))),
        ("ThresholdsDark", np.zeros((2, 2, 512, 128))),
        ("BadPixelsDark", np.zeros((3, 3, 512, 128))),
        ("BadPixelsPC", np.zeros((2, 512, 128), "u4")),
        ("SlopesFF", np.zeros((512, 64))),
    ],
)
def test_shapes_that_do_not_fit_are_refused(name, array):
    good = {"Offset": np.zeros((3, 3, 512, 128), "f4")}
    with pytest.raises(DataError, match=name):
        AGIPDConstants.from_mapping({**good, name: array})


def test_frames_that_do_not_fit_are_refused(raw, constants):
    for wrong in (raw[:, 0], raw.astype("i4"), raw[..., :64]):
        with pytest.raises(DataError, match="AGIPD frames are uint16"):
            correct_agipd(wrong, CELL_NUMBERS, constants)
    for cells in (CELL_NUMBERS[:3], CELL_NUMBERS.astype("f8")):
        with pytest.raises(DataError, match="7 frames, but cells is"):
            correct_agipd(raw, cells, constants)


@pytest.mark.parametrize(
    "wrong",
    [
        {"gain_mode": -1},
        {"rel_gain_mode": "pc"},
        {"cm_dark_fraction": 1.5},
        {"cm_dark_range": (30, -30)},
        {"cm_n_itr": -1},
        {"round_photons": True},
        {"rounding_threshold": 2.0},
        {"ff_gain": -1.0},
    ],
)
def test_options_out_of_range_are_refused(wrong):
    with pytest.raises(ParameterError, match="It is"):
        AGIPDOptions(**wrong)
