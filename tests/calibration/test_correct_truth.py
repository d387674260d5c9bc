"""Frames of made detectors corrected with their true constants: the photons come back."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from beambook.calibration import (
    AGIPDConstants,
    AGIPDOptions,
    DSSCConstants,
    JungfrauConstants,
    LPDConstants,
    LPDOptions,
    correct_agipd,
    correct_dssc,
    correct_jungfrau,
    correct_lpd,
)
from beambook.testing._detector.kind import kind_of
from beambook.testing._detector.module import MadeModule
from beambook.testing._detector.truth import truth_of

SEED = 3


class Made:
    """Frames of two trains and what is true of them."""

    def __init__(self, kind: str, module: int, cells: int, **physics: float) -> None:
        made = kind_of(kind)
        self.physics, self.cells = replace(made.physics, **physics), np.tile(np.arange(cells), 2)
        source = MadeModule(made, self.physics, module, SEED)
        values, levels, stages, photons, common, baseline = [], [], [], [], [], []
        for train in range(2):
            seen = source.expose(9, train, np.full(cells, 800.0))
            value = np.empty((cells, *made.shape), "u2")
            stage = source.read(seen, 9, train, np.arange(cells), -1, value)
            level = np.zeros_like(value)
            if self.physics.level:
                source.digital(stage, 9, train, level)
            for each, part in zip(
                (values, levels, stages, photons, common, baseline),
                (value, level, stage, seen.photons, seen.common_mode, seen.baseline),
                strict=True,
            ):
                each.append(part)
        self.values, self.levels = np.concatenate(values), np.concatenate(levels)
        self.stages, self.photons = np.concatenate(stages), np.concatenate(photons)
        self.common, self.baseline = np.concatenate(common), np.concatenate(baseline)
        self.truth = truth_of(kind, module, seed=SEED, cells=cells)

    @property
    def keV(self):
        """ADU of the first stage per keV."""
        return self.physics.photon[0] / self.physics.photon_energy

    def assert_recovered(self, corrected, *, photons=None, least=0.998):
        """Stage right; photons within six sigma, and without bias where they are few."""
        good = corrected.mask == 0
        assert good.mean() > least
        assert (corrected.gain == self.stages)[good].mean() > 0.9999
        ours = corrected.data / self.physics.photon_energy if photons is None else photons
        few = good & (self.photons < 20) & (self.stages == 0)
        wrong = (ours - self.photons)[few]
        sigma = np.hypot(self.physics.noise[0], self.physics.common_mode)
        sigma /= abs(self.physics.photon[0])
        common = self.physics.common_mode / abs(self.physics.photon[0])
        assert abs(wrong.mean()) < 0.02 * sigma + 4 * common / np.sqrt(self.common.size)
        assert wrong.std() < 1.1 * sigma
        for stage in range(1, len(self.physics.offset)):
            there = good & (self.stages == stage) & (self.photons > 0)
            if there.sum() > 100:
                ratio = ours[there].sum() / self.photons[there].sum()
                assert ratio == pytest.approx(1, abs=0.02)  # saturation takes a little of the last


@pytest.fixture(scope="module")
def agipd():
    made = Made("AGIPD1M", 3, 4)
    truth = made.truth
    given = {
        "Offset": truth.offset,
        "ThresholdsDark": truth.thresholds,
        "RelativeGain": truth.relative_gain,
        "SlopesFF": truth.xray_gain[0] * made.keV,
        "BadPixelsDark": truth.bad_pixels,
        "Noise": truth.noise,
    }
    return made, AGIPDConstants.from_mapping(given)


def test_agipd_photons_come_back(agipd):
    made, constants = agipd
    raw = np.stack([made.values, made.levels], axis=1)
    options = AGIPDOptions(rel_gain=True, xray_gain=True)
    ours = correct_agipd(raw, made.cells, constants, options=options)
    made.assert_recovered(ours)
    assert {0, 1, 2} == set(np.unique(made.stages))
    energy = made.physics.photon_energy
    counting = AGIPDOptions(rel_gain=True, xray_gain=True, round_photons=True, photon_energy=energy)
    photons = correct_agipd(raw, made.cells, constants, options=counting)
    high = (photons.mask == 0) & (made.stages == 0) & (made.photons < 90)
    assert (photons.data == made.photons)[high].mean() > 0.9999


def test_agipd_common_mode_is_taken_out(agipd):
    made, constants = agipd
    raw = np.stack([made.values, made.levels], axis=1)
    with_, without = (
        correct_agipd(raw, made.cells, constants, options=AGIPDOptions(common_mode=each))
        for each in (True, False)
    )
    found = (without.data - with_.data).reshape(-1, 8, 64, 2, 64)
    found = np.nanmedian(found, axis=(2, 4))
    # Not photons below the limit of 30 ADU, but rounding and few bright pixels remain.
    assert np.abs(found - made.common).max() < 0.6


def test_agipd_baseline_and_common_mode_are_taken_out_together(agipd):
    """Frames that read less the brighter they are; ASIC by ASIC both are found."""
    made, constants = Made("AGIPD1M", 3, 4, baseline_shift=25.0), agipd[1]
    raw = np.stack([made.values, made.levels], axis=1)
    assert made.baseline.max() < -100
    neither, both = (
        correct_agipd(
            raw, made.cells, constants, options=AGIPDOptions(blc_noise=on, common_mode=on)
        )
        for on in (False, True)
    )
    found = (neither.data - both.data).reshape(-1, 8, 64, 2, 64)
    planted = made.common + made.baseline.reshape(-1, 1, 1)
    assert np.abs(np.nanmedian(found, axis=(2, 4)) - planted).max() < 0.6


def test_lpd_photons_come_back():
    made = Made("LPD1M", 2, 3)
    truth = made.truth
    constants = LPDConstants.from_mapping(
        {
            "Offset": truth.offset,
            "RelativeGain": truth.relative_gain,
            "GainAmpMap": np.broadcast_to(1 / made.keV, truth.offset.shape),
            "FFMap": np.repeat(truth.xray_gain, 3, axis=0),
            "BadPixelsDark": truth.bad_pixels,
        }
    )
    raw = (made.values | made.stages.astype("u2") << 12)[:, None]
    made.assert_recovered(correct_lpd(raw, made.cells, constants, options=LPDOptions()))


def test_jungfrau_energies_come_back():
    made = Made("JUNGFRAU", 1, 1)
    truth = made.truth
    constants = JungfrauConstants.from_mapping(
        {
            "Offset10Hz": truth.offset,
            "RelativeGain10Hz": truth.gain / made.physics.photon_energy,
            "BadPixelsDark10Hz": truth.bad_pixels,
        }
    )
    bits = np.array([0, 1, 3], "u1")[made.stages]
    made.assert_recovered(correct_jungfrau((made.values, bits), made.cells, constants))


def test_dssc_photons_come_back():
    made = Made("DSSC1M", 5, 3)
    truth = made.truth
    constants = DSSCConstants.from_mapping(
        {"Offset": truth.offset, "BadPixelsDark": truth.bad_pixels}
    )
    ours = correct_dssc(made.values[:, None], made.cells, constants)
    with np.errstate(divide="ignore", invalid="ignore"):  # dead pixels
        photons = ours.data / truth.gain[0, made.cells]
    made.assert_recovered(ours, photons=photons)
