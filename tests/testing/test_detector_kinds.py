"""Runs of each kind of detector: the plain inverse gives the photons that the truth tells."""

from dataclasses import dataclass

import extra_data
import numpy as np
import pytest
from extra.calibration import JUNGFRAUConditions, LPDConditions
from extra_data.components import JUNGFRAU, LPD1M

from beambook.errors import ParameterError
from beambook.testing import make_run, photons, truth_of

TRAINS = 4
DARKS = {"high": 0, "med": 1, "low": 2}


@dataclass(frozen=True)
class Case:
    """A kind of detector, and how its raw data is taken apart."""

    option: str
    source: str
    frames: int
    stages: int
    module: int = 2
    parallel: bool = False

    @property
    def options(self):
        return {"trains": TRAINS, "pulses": 16, "frames": self.frames, "seed": 7}

    @property
    def cells(self):
        """Of many memory cells every fifth is looked at."""
        return list(range(0, self.frames, 5 if self.frames > 5 else 1))

    def make(self, folder, run=3, **options):
        return make_run(
            folder, run=run, camera=None, parallel_gain=self.parallel,
            **{self.option: [self.module]}, **self.options | options,
        )  # fmt: skip

    def raw(self, run):
        """Values and gain stages: (trains, frames, slow, fast)."""
        source = extra_data.RunDirectory(run, parallelize=False)[self.source]
        if self.option == "jungfrau":
            gain = source["data.gain"].ndarray()
            assert set(np.unique(gain)) <= {0, 1, 3}
            return source["data.adc"].ndarray()[:, self.cells], np.minimum(gain, 2)[:, self.cells]
        words = source["image.data"].ndarray()[:, 0]
        words = words.reshape(TRAINS, -1, *words.shape[1:])
        if self.option == "dssc":
            return words, np.zeros(words.shape, np.uint8)
        assert words.max() < 1 << 14
        return words & 0xFFF, words >> 12


CASES = {
    "LPD1M": Case("lpd", "FXE_DET_LPD1M-1/DET/2CH0:xtdf", 3, 3),
    "JUNGFRAU": Case("jungfrau", "SPB_IRDA_JF4M/DET/JNGFR02:daqOutput", 1, 3),
    "JUNGFRAU of 16 cells": Case("jungfrau", "SPB_IRDA_JF4M/DET/JNGFR02:daqOutput", 16, 3),
    "DSSC1M": Case("dssc", "SCS_DET_DSSC1M-1/DET/2CH0:xtdf", 3, 1),
}


@pytest.fixture(params=CASES, scope="module")
def name(request):
    return request.param


@pytest.fixture(scope="module")
def case(name):
    return CASES[name]


@pytest.fixture(scope="module")
def truth(name, case):
    return truth_of(name.split()[0], case.module, seed=7, cells=case.cells)


def test_photons_and_gain_stages_are_recovered(tmp_path, name, case, truth, problems):
    run = case.make(tmp_path / "r")
    assert problems(run) == []
    value, stage = case.raw(run)
    seen = [
        photons(name.split()[0], case.module, run=3, train=n, **case.options) for n in range(TRAINS)
    ]
    counts = np.array([each.photons[case.cells] for each in seen])
    gain = np.array([each.gain[case.cells] for each in seen])
    assert set(np.unique(gain)) == set(range(case.stages))
    good, stuck = truth.good, truth.planted("stuck_gain")
    assert (stage == gain)[..., good].all()
    assert (stage[..., stuck] == 0).all()
    physics = truth.module.physics
    a, b = truth.module.kind.asic
    common = np.array([each.common_mode[case.cells] for each in seen])
    common = common.repeat(a, axis=2).repeat(b, axis=3)
    signal = value - common - pick(truth.offset, gain)
    found = signal * pick(truth.relative_gain, gain) / truth.xray_gain / physics.photon[0]
    usable = good & (value > 0) & (value < physics.saturation)
    for number in range(case.stages):
        here = (gain == number) & usable
        sigma = np.hypot(physics.noise[number], 0.29) / abs(physics.photon[number])
        assert here.sum() > 10
        wrong = (found - counts)[here]
        assert wrong.std() == pytest.approx(sigma, rel=0.1 + 3 / np.sqrt(2 * here.sum()))
        assert abs(wrong.mean()) < 5 * sigma / np.sqrt(here.sum())
    in_high = usable & (gain == 0)
    assert (np.rint(found) == counts)[in_high].mean() > 0.9999


def pick(constants, gain):
    """Of (gain, cell, slow, fast) the stage of each pixel of (train, cell, slow, fast)."""
    return np.take_along_axis(constants[:, None], gain[None], 0)[0]


@pytest.mark.parametrize("dark", DARKS)
def test_dark_runs_have_the_offsets(tmp_path, case, truth, dark):
    if case.stages == 1 and dark != "high":
        pytest.skip("one gain stage")
    value, stage = case.raw(case.make(tmp_path / "d", dark=dark))
    number, good = DARKS[dark], truth.good
    assert (stage[..., good] == number).all()
    error = (value.mean(axis=0) - truth.offset[number]) / np.maximum(truth.noise[number], 0.3)
    assert abs(error[:, good].mean()) < 0.1
    assert error[:, good].std() == pytest.approx(1 / np.sqrt(TRAINS), rel=0.1)


def test_pixels_are_the_same_in_all_runs_and_noise_is_not(tmp_path):
    case = CASES["DSSC1M"]
    first, _ = case.raw(case.make(tmp_path / "a", dark="high"))
    again, _ = case.raw(case.make(tmp_path / "b", dark="high"))
    other, _ = case.raw(case.make(tmp_path / "c", dark="high", run=4))
    assert (first == again).all()
    difference = (first.astype(float) - other)[..., 0, :, :]
    assert (difference != 0).mean() > 0.5
    assert abs(difference.mean()) < 0.2
    assert difference.std() < 3


def test_an_lpd_with_parallel_gain(tmp_path, problems):
    case = Case("lpd", CASES["LPD1M"].source, 4, 3, parallel=True)
    run = case.make(tmp_path / "r", pulses=3)
    assert problems(run) == []
    value, stage = case.raw(run)
    good = truth_of("LPD1M", 2, seed=7).good
    for number in range(3):
        assert (stage[:, 4 * number : 4 * number + 4, good] == number).all()
    data = extra_data.RunDirectory(run, parallelize=False)
    detector = LPD1M(data, parallel_gain=True, raw=True)
    assert detector.get_array("image.data").sizes["pulse"] == 4
    noise = [value[:, 4 * n + 3] for n in range(3)]  # no pulse is in the fourth frame
    related = np.corrcoef([(each[0].astype(float) - each[1])[good] for each in noise])
    assert abs(related[np.triu_indices(3, 1)]).max() < 0.25  # common mode apart
    conditions = LPDConditions.from_data(
        data, None, fem_comp="FXE_DET_LPD1M-1/COMP/FEM_MDL_COMP", xtdf=[case.source]
    )
    assert conditions.parallel_gain
    assert conditions.memory_cell_order is None


@pytest.mark.parametrize(
    ("frames", "dark", "mode"), [(None, None, 0), (16, None, 0), (1, "high", 0)]
)
def test_conditions_of_a_jungfrau(tmp_path, frames, dark, mode):
    run = make_run(tmp_path / "r", trains=2, pulses=1, jungfrau=1, frames=frames, dark=dark)
    data = extra_data.RunDirectory(run, parallelize=False)
    found = JUNGFRAUConditions.from_data(data, None, control="SPB_IRDA_JF4M/DET/CONTROL")
    assert found.memory_cells == (frames or 1)
    assert (found.sensor_bias_voltage, found.gain_mode, found.gain_setting) == (90, mode, 0)
    assert found.integration_time == pytest.approx(10)
    cells = JUNGFRAU(data, raw=True)["data.memoryCell"].ndarray().reshape(2, -1)[0]
    assert cells.tolist() == ([15] if frames in (None, 1) else list(range(16)))


@pytest.mark.parametrize(("dark", "mode"), [("med", "forceswitchg1"), ("low", "forceswitchg2")])
def test_dark_modes_of_a_jungfrau(tmp_path, dark, mode):
    run = make_run(tmp_path / "r", trains=1, pulses=1, jungfrau=1, dark=dark)
    data = extra_data.RunDirectory(run, parallelize=False)
    assert data["SPB_IRDA_JF4M/DET/CONTROL"].run_value("gainMode") == mode


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"jungfrau": 1, "frames": 8}, "1 or 16 memory cells"),
        ({"jungfrau": [0]}, "a module of jungfrau must be an integer from 1 to 8"),
        ({"lpd": 1, "agipd": 1, "detector": truth_of("LPD1M", 0).module.physics}, "does not suit"),
        ({"lpd": 1, "frames": 513}, "frames must be an integer from 1 to 512"),
    ],
)
def test_wrong_options_are_refused(tmp_path, options, says):
    with pytest.raises(ParameterError, match=says):
        make_run(tmp_path / "r", trains=1, pulses=1, **options)
