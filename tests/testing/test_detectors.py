"""Detector runs: what is written is what the truth says."""

import extra_data
import h5py
import numpy as np
import pytest
from extra.calibration import AGIPDConditions
from extra_data.components import AGIPD1M

from beambook.errors import NameNotFound, ParameterError
from beambook.testing import (
    DetectorPhysics,
    MissingEntries,
    TruncatedFile,
    make_detector_proposal,
    make_run,
    photons,
    truth_of,
)

CELLS, TRAINS, PULSES = 2, 100, 50
# Enough bad pixels of each kind, in a run of two cells, to look at each.
MANY = {"hot": 1e-3, "dead": 1e-3, "noisy": 1e-3, "wrong_offset": 1e-3, "stuck_gain": 1e-3}


def read(run, module=3):
    """Raw frames of a module: (trains, cells, …)."""
    data = extra_data.RunDirectory(run, parallelize=False)
    frames = data[f"MID_DET_AGIPD1M-1/DET/{module}CH0:xtdf", "image.data"].ndarray()
    return frames.reshape(-1, CELLS, *frames.shape[1:])


@pytest.fixture(scope="module")
def darks(tmp_path_factory):
    folder = tmp_path_factory.mktemp("darks")
    options = {
        "agipd": [3], "frames": CELLS, "trains": TRAINS, "camera": None, "pulses": 0,
        "detector": DetectorPhysics(**MANY), "seed": 4,
    }  # fmt: skip
    return {
        dark: read(make_run(folder / dark, run=n, dark=dark, **options))
        for n, dark in enumerate(("high", "med", "low"), 1)
    }


@pytest.fixture(scope="module")
def truth():
    return truth_of("AGIPD1M", 3, seed=4, cells=CELLS, detector=DetectorPhysics(**MANY))


@pytest.mark.parametrize(("stage", "dark"), [(0, "high"), (1, "med"), (2, "low")])
def test_dark_offsets_and_noise_are_true(darks, truth, stage, dark):
    analog = darks[dark][:, :, 0].astype(float)
    noise = truth.noise[stage]
    # Medians and rms of 100 values scatter by 1.25 σ/√100 and σ/√200 of it.
    error = (np.median(analog, axis=0) - truth.offset[stage]) / np.maximum(noise, 1)
    good = truth.good
    assert abs(error).max() < 0.75
    assert abs(error[:, good].mean()) < 0.04
    assert error[:, good].std() == pytest.approx(0.125, rel=0.05)
    ratio = analog.std(axis=0, ddof=1)[:, good] / noise[:, good]
    assert ratio.mean() == pytest.approx(1, abs=0.005)
    assert ratio.std() == pytest.approx(np.sqrt(1 / 200), rel=0.1)


def test_noise_of_pixels_is_uncorrelated_but_for_the_common_mode(darks, truth):
    analog = darks["high"][:, 0, 0, :64, :64].astype(float).reshape(TRAINS, -1)
    analog = (analog - analog.mean(axis=0))[:, truth.good[:64, :64].reshape(-1)]
    common = analog.mean(axis=1)
    assert common.std() == pytest.approx(DetectorPhysics().common_mode, rel=0.3)
    left = analog - common[:, None]
    left /= left.std(axis=0)
    related = (left.T @ left / TRAINS)[np.triu_indices(left.shape[1], 1)]
    assert related.std() == pytest.approx(0.1, rel=0.05)  # 1/√100, as chance has it


def test_planted_pixels_stand_out_and_no_others(darks, truth):
    analog = darks["high"][:, :, 0].astype(float)
    offset, noise = np.median(analog, axis=0), analog.std(axis=0)
    assert (noise[:, truth.planted("dead")] == 0).all()
    assert (noise[:, truth.planted("noisy")] > 20).all()
    assert (offset[:, truth.planted("hot")] > 8500).all()
    assert (offset[:, truth.planted("wrong_offset")] < 4100).all()
    good = truth.good
    assert ((offset[:, good] > 4800) & (offset[:, good] < 6000)).all()
    assert ((noise[:, good] > 4) & (noise[:, good] < 12)).all()
    for kind in MANY:
        assert truth.planted(kind).sum() == round(512 * 128 / 1000)
    assert (np.unique(truth.bad_pixels) == [0, 1, 2, 1 << 13]).all()
    assert truth.bad_pixels.shape == (3, CELLS, 512, 128)


def test_gain_levels_are_apart_but_where_they_are_stuck(darks, truth):
    level = [np.median(darks[dark][:, :, 1], axis=0) for dark in ("high", "med", "low")]
    thresholds, stuck = truth.thresholds, truth.planted("stuck_gain")
    assert thresholds.shape == (2, CELLS, 512, 128)
    for low, high, threshold in zip(level, level[1:], thresholds, strict=False):
        assert (low < threshold + 20)[:, ~stuck].all()
        assert (high > threshold)[:, ~stuck].all()
        assert abs(high - low)[:, stuck].max() < 20


@pytest.fixture(scope="module")
def lit(tmp_path_factory):
    options = {"run": 5, "trains": 6, "pulses": 2, "seed": 4}
    run = make_run(
        tmp_path_factory.mktemp("lit") / "r0005",
        agipd=[3], frames=CELLS, sequences=2, camera=None, **options,
    )  # fmt: skip
    seen = [photons("AGIPD1M", 3, train=n, frames=CELLS, **options) for n in range(6)]
    return run, seen, truth_of("AGIPD1M", 3, seed=4, cells=CELLS)


def test_photons_and_gain_stages_are_recovered(lit):
    run, seen, truth = lit
    raw, good = read(run).astype(float), truth.good
    counts = np.array([each.photons for each in seen])
    gain = np.array([each.gain for each in seen])
    told = (raw[:, :, 1] > truth.thresholds[:, None]).sum(axis=0)
    assert (told == gain)[..., good].mean() > 0.9999
    common = np.array([each.common_mode for each in seen])
    common = common.repeat(64, axis=2).repeat(64, axis=3)
    stage = gain[None]
    value = raw[:, :, 0] - common - np.take_along_axis(truth.offset[:, None], stage, 0)[0]
    unsaturated = raw[:, :, 0] < 16383
    value *= np.take_along_axis(truth.relative_gain[:, None], stage, 0)[0]
    found = value / truth.xray_gain / DetectorPhysics().photon[0]
    for number in range(3):
        here = (gain == number) & good & unsaturated
        assert here.sum() > 50
        wrong = (found - counts)[here]
        if number == 0:
            assert (np.rint(found)[here] == counts[here]).mean() > 0.9999
        allowed = DetectorPhysics().noise[number] / DetectorPhysics().photon[number]
        assert wrong.std() == pytest.approx(allowed, rel=0.1)
        assert abs(wrong.mean()) < 5 * allowed / np.sqrt(here.sum())


def test_photons_follow_the_pulse_energy_and_poisson(lit):
    run, seen, _ = lit
    data = extra_data.RunDirectory(run, parallelize=False)
    i0 = data["SA2_XTD1_XGM/XGM/DOOCS:output", "data.intensityTD"].ndarray()[:, :2] - 12
    total = np.array([each.photons.sum(axis=(1, 2)) for each in seen])
    assert np.corrcoef(i0.ravel(), total.ravel())[0, 1] > 0.99
    counts = np.array([each.photons for each in seen]).reshape(12, -1)
    mean = counts.sum(axis=0) / i0.sum() * i0.ravel()[:, None]
    few = (counts.sum(axis=0) > 6) & (counts.sum(axis=0) < 100)
    chi2 = ((counts - mean)[:, few] ** 2 / mean[:, few]).sum() / (11 * few.sum())
    assert chi2 == pytest.approx(1, abs=0.03)


def test_baseline_shift_and_saturation(tmp_path):
    physics = DetectorPhysics(baseline_shift=2.0, common_mode=0, saturation=9000)
    options = {"run": 6, "trains": 3, "pulses": 1, "detector": physics}
    run = make_run(tmp_path / "r", agipd=[3], frames=2, camera=None, **options)
    plain = make_run(
        tmp_path / "p", agipd=[3], frames=2, camera=None,
        **options | {"detector": DetectorPhysics(common_mode=0)},
    )  # fmt: skip
    seen = photons("AGIPD1M", 3, train=1, frames=2, **options)
    assert (seen.baseline < 0).tolist() == [True, False]
    raw = read(run)[1, :, 0].astype(int)
    assert raw.max() == 9000
    shift = (raw - read(plain)[1, :, 0])[:, raw[0] < 8900]
    assert np.median(shift[0]) == pytest.approx(seen.baseline[0], abs=1)
    assert seen.baseline[0] == pytest.approx(-2 * seen.photons[0].mean())


def test_conditions_are_found_by_the_facilitys_package(tmp_path):
    for number, dark in enumerate((None, "high", "med", "low")):
        run = make_run(
            tmp_path / f"r{number}", trains=3, pulses=2, pulse_step=2, agipd=1, frames=2, dark=dark
        )
        data = extra_data.RunDirectory(run, parallelize=False)
        control = "MID_EXP_AGIPD1M1/MDL/FPGA_COMP"
        found = AGIPDConditions.from_data(
            data, None, fpga_comp=control, mpod="MID_EXP_AGIPD1M/PSC/HV", fpga_control=[],
            xtdf=["MID_DET_AGIPD1M-1/DET/0CH0:xtdf"],
        )  # fmt: skip
        assert (found.memory_cells, found.acquisition_rate) == (2, 2.2)
        assert (found.sensor_bias_voltage, found.integration_time) == (300, 12)
        assert (found.gain_mode, found.gain_setting) == (0, 0)
        pattern = data[control, "patternTypeIndex"].as_single_value()
        assert pattern == (4 if dark is None else number)


def test_files_are_the_facilitys(tmp_path, problems):
    run = make_run(
        tmp_path / "r", trains=9, pulses=2, agipd=[0, 5], frames=3, sequences=2,
        faults=[MissingEntries("MID_DET_AGIPD1M-1/DET/5CH0:xtdf", [0, 3])],
    )  # fmt: skip
    assert problems(run) == []
    data = extra_data.RunDirectory(run, parallelize=False)
    assert set(AGIPD1M(data, raw=True).modno_to_source) == {0, 5}
    broken = make_run(
        tmp_path / "b", trains=4, pulses=2, agipd=1, frames=3, sequences=2,
        faults=[TruncatedFile("AGIPD00", 1)],
    )  # fmt: skip
    with pytest.raises(OSError, match="truncated"):
        h5py.File(broken / "RAW-R0001-AGIPD00-S00001.h5")


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"agipd": [16]}, "a module of agipd must be an integer from 0 to 15"),
        ({"agipd": 1, "dark": "medium"}, "dark must be one of high, med, low"),
        ({"agipd": 1, "frames": 353}, "frames must be an integer from 1 to 352"),
    ],
)
def test_wrong_options_are_refused(tmp_path, options, says):
    with pytest.raises(ParameterError, match=says):
        make_run(tmp_path / "r", trains=1, pulses=1, **options)


def test_impossible_physics_is_refused():
    for wrong, says in [
        ({"noise": (1.0, -1.0, 1.0)}, "noise cannot be -1"),
        ({"switch": (5000.0,)}, "2 values of switch"),
        ({"offset": (5000.0,)}, "of 1 to 3 stages"),
        ({"hot": 0.6}, "half of the pixels"),
    ]:
        with pytest.raises(ParameterError, match=says):
            DetectorPhysics(**wrong)
    with pytest.raises(NameNotFound, match="AGIPD1M"):
        truth_of("AGIPD2M", 0)


@pytest.mark.parametrize("kind", ["AGIPD1M", "DSSC1M"])
def test_a_proposal_has_the_runs_that_a_calibration_needs(tmp_path, kind, problems):
    folder = make_detector_proposal(
        tmp_path, kind=kind, modules=[4], frames=2, trains=3, dark_trains=4, sequences=2
    )
    runs = sorted((folder / "raw").iterdir())
    wanted = [6, 7, 8, 9] if kind == "AGIPD1M" else [6, 9]
    assert [run.name for run in runs] == [f"r{n:04d}" for n in wanted]
    assert problems(runs[0]) == problems(runs[-1]) == []
    text = (folder / "README.txt").read_text()
    assert ("beambook run agipd-dark proposal=900075" in text) == (kind == "AGIPD1M")
    data = extra_data.RunDirectory(runs[-1], parallelize=False)
    (source,) = data.select("*xtdf").all_sources
    assert data[source, "image.data"].shape[0] == 6
    with pytest.raises(ParameterError, match="not empty"):
        make_detector_proposal(tmp_path, kind=kind)
