"""Dark runs of which the truth is known: constants within their errors, planted pixels found."""

import numpy as np
import pytest

from beambook.calibration import (
    BadPixels,
    DarkOptions,
    characterise_agipd,
    characterise_dssc,
    characterise_jungfrau,
    characterise_lpd,
)
from beambook.calibration._dark.blocks import packed_blocks
from beambook.data import open_run
from beambook.errors import DataError, ParameterError
from beambook.testing import LostTrains, make_run, truth_of

TRAINS, CELLS = 60, 4
MEDIAN_ERROR = np.sqrt(np.pi / 2)  # of a normal distribution, in standard errors of the mean


def dark_runs(folder, option, module, stages=("high", "med", "low"), **options):
    made = {"trains": TRAINS, "pulses": 0, "camera": None, "sequences": 2} | options
    for run, stage in enumerate(stages, 1):
        make_run(folder / f"r{run:04d}", run=run, dark=stage, **{option: [module]}, **made)
    return [open_run(folder / f"r{n:04d}").detector() for n in range(1, len(stages) + 1)]


@pytest.fixture(scope="module")
def agipd(tmp_path_factory):
    return dark_runs(tmp_path_factory.mktemp("agipd"), "agipd", 3, frames=CELLS)


@pytest.fixture(scope="module")
def lpd(tmp_path_factory):
    return dark_runs(tmp_path_factory.mktemp("lpd"), "lpd", 2, frames=CELLS)


@pytest.fixture(scope="module")
def jungfrau(tmp_path_factory):
    return dark_runs(tmp_path_factory.mktemp("jungfrau"), "jungfrau", 1, trains=30, frames=1)


def assert_is_truth(offset, noise, truth, trains=TRAINS):
    good = truth.good
    pull = (offset - truth.offset)[:, :, good] / (truth.noise[:, :, good] / np.sqrt(trains))
    assert abs(pull.mean()) < 0.02 + 1 / np.sqrt(pull.shape[1])  # common mode stays in a frame
    assert pull.std() == pytest.approx(MEDIAN_ERROR, rel=0.05)
    ratio = (noise / np.where(truth.noise > 0, truth.noise, np.nan))[:, :, good]
    assert ratio.mean() == pytest.approx(1 - 0.75 / trains, rel=0.005)


def assert_found(mask, truth, kinds, rate):
    for kind, bit in kinds.items():
        where = truth.planted(kind)
        assert where.any()
        assert (mask[:, :, where] & np.uint32(bit)).all(), kind
    assert (mask[:, :, truth.good] != 0).mean() <= rate


KINDS = {
    "hot": BadPixels.OFFSET_OUT_OF_THRESHOLD,
    "wrong_offset": BadPixels.OFFSET_OUT_OF_THRESHOLD,
    "dead": BadPixels.NOISE_OUT_OF_THRESHOLD,
    "noisy": BadPixels.NOISE_OUT_OF_THRESHOLD,
}


def test_agipd_is_the_truth(agipd):
    dark, truth = characterise_agipd(*agipd), truth_of("AGIPD1M", 3, cells=CELLS)
    assert {n: (a.shape[0], a.dtype.str) for n, a in dark.items()} == {
        "Offset": (3, "<f4"), "Noise": (3, "<f4"), "BadPixelsDark": (3, "<u4"),
        "ThresholdsDark": (2, "<f4"),
    }  # fmt: skip
    assert_is_truth(dark["Offset"], dark["Noise"], truth)
    kinds = KINDS | {"stuck_gain": BadPixels.GAIN_THRESHOLDING_ERROR}
    assert_found(dark["BadPixelsDark"], truth, kinds, 1e-5)
    error = 25 / np.sqrt(2 * TRAINS)  # of the mean of two levels with a noise of 25 ADU
    off = (dark["ThresholdsDark"] - truth.thresholds)[:, :, truth.good]
    assert off.std() == pytest.approx(error, rel=0.03)
    assert abs(off).max() < 6 * error
    assert (dark.frames == TRAINS).all()
    assert not dark.missing.any()


def test_agipd_is_numpy(agipd):
    dark = characterise_agipd(*agipd, threads=1)
    for stage, detector in enumerate(agipd):
        frames = detector["image.data"].ndarray()[0].reshape(TRAINS, CELLS, 2, 512, 128)
        np.testing.assert_array_equal(dark["Offset"][stage], np.median(frames[:, :, 0], axis=0))
        np.testing.assert_allclose(dark["Noise"][stage], frames[:, :, 0].std(axis=0), rtol=1e-6)
    levels = [d["image.data"].ndarray()[0, ::CELLS, 1].mean(axis=0) for d in agipd]
    wanted = [(levels[0] + levels[1]) / 2, (levels[1] + levels[2]) / 2]
    np.testing.assert_allclose(dark["ThresholdsDark"][:, 0], wanted, rtol=1e-6)


def test_memory_changes_nothing(agipd):
    every = characterise_agipd(*agipd)
    small = characterise_agipd(*agipd, memory=100 << 20)  # a cell at a time, a few trains
    for name, array in every.items():
        np.testing.assert_array_equal(array, small[name])
    with pytest.raises(ParameterError, match="One memory cell takes"):
        characterise_agipd(*agipd, memory=10 << 20)


def test_fixed_gain_has_no_thresholds(agipd):
    dark = characterise_agipd(*agipd, adaptive=False)
    assert "ThresholdsDark" not in dark
    assert not (dark["BadPixelsDark"] & np.uint32(BadPixels.GAIN_THRESHOLDING_ERROR)).any()


def test_limits_are_those_that_are_given(agipd):
    loose = DarkOptions(thresholds_offset_sigma=1e9, thresholds_noise_sigma=1e9)
    mask = characterise_agipd(*agipd, options=loose)["BadPixelsDark"]
    assert set(np.unique(mask)) == {0, int(BadPixels.GAIN_THRESHOLDING_ERROR)}
    hard = DarkOptions(1e9, ((0, 0), (0, 6200), (0, 0)), 1e9)
    dark = characterise_agipd(*agipd, options=hard)
    out = dark["BadPixelsDark"] & np.uint32(BadPixels.OFFSET_OUT_OF_THRESHOLD) != 0
    np.testing.assert_array_equal(out[1], dark["Offset"][1] > 6200)
    assert not out[[0, 2]].any()


def test_lpd_is_the_truth(lpd):
    dark, truth = characterise_lpd(*lpd), truth_of("LPD1M", 2, cells=CELLS)
    kinds = KINDS | {"stuck_gain": BadPixels.WRONG_GAIN_VALUE}
    assert_found(dark["BadPixelsDark"], truth, kinds, 1e-5)
    stuck = truth.planted("stuck_gain")
    assert (dark.wrong_gain == [[0], [TRAINS * stuck.sum()], [TRAINS * stuck.sum()]]).all()
    assert np.isnan(dark["Offset"][1:, :, stuck]).all()
    words = lpd[1]["image.data"].ndarray()[0].reshape(TRAINS, CELLS, 256, 256)
    values = np.median(words & 0xFFF, axis=0)
    np.testing.assert_array_equal(dark["Offset"][1][:, ~stuck], values[:, ~stuck])


def test_jungfrau_is_the_truth(jungfrau):
    dark, truth = characterise_jungfrau(*jungfrau), truth_of("JUNGFRAU", 1, cells=1)
    assert dark.cells == [15]
    assert dark["Offset10Hz"].shape == (3, 1, 512, 1024)
    kinds = KINDS | {"stuck_gain": BadPixels.WRONG_GAIN_VALUE}
    assert_found(dark["BadPixelsDark10Hz"], truth, kinds, 1e-3)  # of 30 trains
    assert_is_truth(np.nan_to_num(dark["Offset10Hz"]), np.nan_to_num(dark["Noise10Hz"]), truth, 30)


def test_jungfrau_in_burst_mode(tmp_path):
    (run,) = dark_runs(tmp_path, "jungfrau", 1, ["med"], trains=3, frames=16)
    blocks = [
        (block.values.copy(), block.cells)
        for block in packed_blocks(run, [2, 5], 10 << 20, bits=14)
    ]
    assert [cells.tolist() for _, cells in blocks] == [[2, 5, 2, 5], [2, 5]]
    words = np.concatenate([values for values, _ in blocks])
    adc, gain = (run[f"data.{key}"].ndarray()[0][:, [2, 5]] for key in ("adc", "gain"))
    np.testing.assert_array_equal(words & 0x3FFF, adc.reshape(words.shape))
    np.testing.assert_array_equal(words >> 14, gain.reshape(words.shape))


def test_dssc_is_the_truth(tmp_path):
    (run,) = dark_runs(tmp_path, "dssc", 0, ["high"], frames=CELLS)
    dark, truth = characterise_dssc(run), truth_of("DSSC1M", 0, cells=CELLS)
    assert dark["Offset"].shape == (1, CELLS, 128, 512)
    assert_found(dark["BadPixelsDark"], truth, KINDS, 1e-5)
    assert abs(dark["Offset"] - truth.offset)[:, :, truth.good].max() < 1.5


def test_trains_that_are_missing_are_left_out(tmp_path):
    lost, few = LostTrains("AGIPD03", [1, 2, 7]), {"trains": 10, "frames": 1}
    runs = dark_runs(tmp_path / "lost", "agipd", 3, faults=[lost], **few)
    (whole,) = dark_runs(tmp_path / "whole", "agipd", 3, ["high"], **few)
    dark = characterise_agipd(*runs)
    assert (dark.frames == 7).all()
    kept = np.delete(whole["image.data"].ndarray()[0, :, 0], [1, 2, 7], axis=0)
    np.testing.assert_array_equal(dark["Offset"][0, 0], np.median(kept, axis=0))


def test_cells_without_frames_are_marked(tmp_path, agipd):
    (few,) = dark_runs(tmp_path, "agipd", 3, ["low"], frames=2, trains=5)
    dark = characterise_agipd(agipd[0], agipd[1], few)
    assert dark["Offset"].shape[1] == CELLS
    nothing = BadPixels.NO_DARK_DATA | BadPixels.OFFSET_NOISE_EVAL_ERROR
    assert (dark["BadPixelsDark"][2, 2:] & np.uint32(nothing) == np.uint32(nothing)).all()
    assert np.isnan(dark["Offset"][2, 2:]).all()
    assert dark.frames[2].tolist() == [5, 5, 0, 0]


def test_what_is_no_dark_of_one_module(agipd, lpd, tmp_path):
    with pytest.raises(DataError, match="not AGIPD"):
        characterise_agipd(*lpd)
    (other,) = dark_runs(tmp_path, "agipd", 4, ["high"], frames=1, trains=2)
    with pytest.raises(DataError, match="Dark runs of one module"):
        characterise_agipd(other, *agipd[1:])
    make_run(tmp_path / "r0009", run=9, trains=2, agipd=2, frames=1, dark="high", camera=None)
    both = open_run(tmp_path / "r0009").detector()
    with pytest.raises(DataError, match="one by one"):
        characterise_agipd(both, *agipd[1:])
