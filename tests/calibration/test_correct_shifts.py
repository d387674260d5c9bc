"""Shifts of AGIPD frames: against plain numpy, and against what was planted."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from beambook.calibration import AGIPDConstants, AGIPDOptions, correct_agipd

sys.path.insert(0, str(Path(__file__).parent))
import reference_shifts as plain

SHAPE = (512, 128)
SIGMA, PHOTON = 6.0, 65.0
BARE = AGIPDOptions(
    force_hg_if_below=False,
    force_mg_if_below=False,
    low_medium_gap=False,
    common_mode=False,
    blc_set_min=False,
)
WAYS = ("blc_noise", "blc_stripes", "blc_hmatch")
STRIPES = np.zeros(SHAPE, bool)
STRIPES[:, 60:64] = True


def made_constants(cells):
    rng = np.random.default_rng(1)
    whole = (cells, *SHAPE)
    offset = np.stack([np.full(whole, level, "f4") for level in (5000, 6500, 6300)])
    offset[0, :, 9, :3] = np.nan, np.inf, -np.inf
    return {
        "Offset": offset + np.rint(rng.normal(0, 100, SHAPE)).astype("f4"),
        "ThresholdsDark": np.stack([np.full(whole, each, "f4") for each in (6500, 7500)]),
        "BadPixelsDark": np.where(rng.random((3, *whole)) < 0.02, 2, 0).astype("u4"),
        "Noise": np.full((3, 1, *SHAPE), SIGMA, "f4"),
        "Stripes": STRIPES,
    }


def made_frames(constants, cells, *, photons, shift, striped=True, seed=3):
    """Photons by frame and pixel, shift by frame or (frame, 8, 2); 2 % are in medium gain."""
    rng = np.random.default_rng(seed)
    count, offset = len(cells), np.nan_to_num(constants["Offset"], posinf=0, neginf=0)
    mean = np.broadcast_to(np.asarray(photons, float).reshape(-1, 1, 1), (count, *SHAPE))
    lit = rng.poisson(np.where(STRIPES & striped, 0, mean))
    shift = np.asarray(shift, float).reshape(count, -1)
    shift = np.broadcast_to(shift, (count, 16)).reshape(count, 8, 2)
    noise = rng.normal(0, SIGMA, lit.shape) + shift.repeat(64, axis=1).repeat(64, axis=2)
    raw = np.full((count, 2, *SHAPE), 6000, "u2")
    raw[:, 0] = np.clip(np.rint(offset[0, cells] + PHOTON * lit + noise), 0, 16383)
    medium = rng.random(lit.shape) < 0.02
    raw[:, 1][medium] = 7000
    raw[:, 0][medium] = rng.integers(6000, 9500, medium.sum())
    return raw


def shifts(raw, cells, given, **options):
    """What a correction subtracts from each frame, and the frames before."""
    constants = AGIPDConstants.from_mapping(given)
    before = correct_agipd(raw, cells, constants, options=BARE)
    after = correct_agipd(raw, cells, constants, options=replace(BARE, **options))
    np.testing.assert_array_equal(after.gain, before.gain)
    finite = np.isfinite(before.data)
    np.testing.assert_array_equal(np.isfinite(after.data), finite)
    moved = np.where(finite, before.data, 0) - np.where(finite, after.data, 0)
    found = np.median(moved.reshape(len(raw), -1), axis=1)
    spread = np.abs(moved - found[:, None, None])[finite]
    assert spread.max(initial=0) < 2e-3  # all stages, good and bad, by the same
    return found, before


def voting(before):
    return (before.gain == 0) & (before.mask == 0)


def in_numpy(way, before, cells):
    votes = voting(before)
    if way == "blc_noise":
        return plain.by_noise(before.data, votes, SIGMA)
    if way == "blc_stripes":
        return plain.by_stripes(before.data, votes, STRIPES)
    return plain.by_histogram(before.data, votes, SIGMA, cells)


CELLS = np.array([0, 1, 2, 3, 0, 1, 2])
PLANTED = np.array([0, -40, -333, 0, -7, -1500, 0])
GIVEN = made_constants(4)
LIGHT = {"dark": 0.0, "weak": 0.3, "strong": 2.5, "changing": np.array([0, 2, 0.1, 3, 1, 0, 2])}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("light", LIGHT)
def test_a_planted_shift_is_found_and_as_in_plain_numpy(way, light):
    raw = made_frames(GIVEN, CELLS, photons=LIGHT[light], shift=PLANTED)
    found, before = shifts(raw, CELLS, GIVEN, **{way: True})
    np.testing.assert_allclose(found, in_numpy(way, before, CELLS), atol=0.03)
    truth = PLANTED - np.array([0, 0, 0, 0, -7, -7, -7]) * (way == "blc_hmatch")
    assert np.abs(found - truth).max() < 0.1 * SIGMA


def test_weak_light_is_judged_alike_by_a_wavelet_and_by_the_lag_of_histograms():
    raw = made_frames(GIVEN, CELLS[:4], photons=0.3, shift=PLANTED[:4])
    noise, before = shifts(raw, CELLS[:4], GIVEN, blc_noise=True)
    matched, _ = shifts(raw, CELLS[:4], GIVEN, blc_hmatch=True)
    data, votes = before.data, voting(before) & np.isfinite(before.data)
    hats = [plain.peak_by_wavelet(*each, SIGMA) for each in zip(data, votes, strict=True)]
    lags = [
        plain.lag_of_histograms(*each, data[0], votes[0]) for each in zip(data, votes, strict=True)
    ]
    np.testing.assert_allclose(noise, hats, atol=0.15 * SIGMA)
    np.testing.assert_allclose(matched, lags, atol=0.15 * SIGMA)


@pytest.mark.parametrize("way", ["blc_noise", "blc_hmatch"])
@pytest.mark.parametrize("photons", [3.5, 4.5, 6, 8, 12, 100])
def test_light_is_never_taken_for_a_baseline(way, photons):
    """However bright all pixels are: less than a tenth of σ, where a photon is eleven."""
    light = np.array([0.1, photons, 0.1, photons])
    raw = made_frames(GIVEN, CELLS[:4], photons=light, shift=np.zeros(4), striped=False)
    found, before = shifts(raw, CELLS[:4], GIVEN, **{way: True})
    assert np.abs(found).max() < 0.15 * SIGMA
    np.testing.assert_allclose(found, in_numpy(way, before, CELLS[:4]), atol=0.03)


@pytest.mark.parametrize("way", ["blc_noise", "blc_hmatch"])
def test_strong_light_hides_a_shift_but_never_enlarges_it(way):
    raw = made_frames(
        GIVEN, CELLS[:4], photons=[0.1, 4.5, 6, 12], shift=[0, -100, -100, -100], striped=False
    )
    found, _ = shifts(raw, CELLS[:4], GIVEN, **{way: True})
    assert (found > -101).all()
    assert (found <= 0.15 * SIGMA).all()


@pytest.mark.parametrize("way", ["blc_noise", "blc_hmatch"])
def test_asics_that_are_off_by_themselves_do_not_move_the_frame(way):
    off = np.zeros((4, 16))
    off[1:, [3, 7, 8]] = -150, -400, 80
    raw = made_frames(GIVEN, CELLS[:4], photons=0.2, shift=off)
    raw[2, 0, :64, :64] = 0  # not read out
    raw[3, 1, 64:128] = 7000  # all in medium gain
    found, before = shifts(raw, CELLS[:4], GIVEN, **{way: True})
    assert np.abs(found).max() < 0.15 * SIGMA
    np.testing.assert_allclose(found, in_numpy(way, before, CELLS[:4]), atol=0.03)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("why", ["masked", "medium gain", "no number"])
def test_where_no_pixel_votes_nothing_is_changed(way, why):
    given = {name: array.copy() for name, array in GIVEN.items()}
    raw = made_frames(given, CELLS[:4], photons=0.2, shift=PLANTED[:4])
    if why == "masked":
        given["BadPixelsDark"][:] = 2
    elif why == "medium gain":
        raw[:, 1] = 7000
    else:
        given["Offset"][:] = np.nan
    found, _ = shifts(raw, CELLS[:4], given, **{way: True})
    assert not found.any()


@pytest.mark.parametrize("repeated", [1, 6])
def test_common_mode_of_asics_and_rows_is_as_in_plain_numpy(repeated):
    """With what is no number, masked, in medium gain, not read out, too bright; in two rows."""
    rng = np.random.default_rng(5)
    given = made_constants(36)
    cells = np.concatenate([np.arange(43) % 32, [33, 35, 34]])
    light = rng.choice([0.1, 0.5, 4.0], len(cells))
    moved = rng.normal(0, 5, (len(cells), 16))
    moved -= moved[light < 4].mean(axis=0)  # or that were common to the row's frames, too
    raw = made_frames(given, cells, photons=light, shift=moved, seed=6)
    raw[:, 0, 200, 30] += 4
    raw[1, 0, :64, :64] = 0
    given["BadPixelsDark"][:, 2, 64:128] = 2
    raw, cells = np.tile(raw, (repeated, 1, 1, 1)), np.tile(cells, repeated)
    constants = AGIPDConstants.from_mapping(given)
    before = correct_agipd(raw, cells, constants, options=BARE)
    options = replace(BARE, common_mode=True, cm_n_itr=3)
    ours = correct_agipd(raw, cells, constants, options=options)
    theirs = plain.common_mode(
        before.data, voting(before), cells, rounds=3, dark_range=(-30, 30), fraction=0.15
    )
    np.testing.assert_allclose(ours.data, theirs, rtol=1e-6, atol=2e-3)
    assert ours.counts["rows_too_short"] == (1 if repeated > 1 else 2)
    found = np.nan_to_num(before.data[:46]) - np.nan_to_num(ours.data[:46])
    found = np.median(plain.asics(found), axis=-1)
    dim = light < 4
    dim[[1, *np.flatnonzero(cells[:46] == 2)]] = False
    assert np.abs(found - moved)[dim].max() < 0.15 * SIGMA
    bright = light == 4  # too few dark pixels: photons are left alone
    assert np.abs(found)[bright].max() < 0.15 * SIGMA
