"""Recipes that characterise dark runs: constants in the store are the truth of made runs."""

import numpy as np
import pytest

from beambook import calibration as cal
from beambook.errors import DataError
from beambook.recipe import execute, perform
from beambook.testing import make_run, truth_of

TRAINS, CELLS = 60, 4
STAGES = ("high", "med", "low")
RUNS = {"run_high": 1, "run_med": 2, "run_low": 3}


def make_darks(home, option, modules, **options):
    """Three dark runs; `modules` of each."""
    for run, stage in enumerate(STAGES, 1):
        raw = home / f"raw/r{run:04d}"
        made = {option: modules[run - 1], "trains": TRAINS, "frames": CELLS} | options
        make_run(raw, run=run, dark=stage, pulses=0, camera=None, **made)
    return {"in_folder": str(home / "raw"), "constants_folder": str(home / "constants"), **RUNS}


def value(execution, name):
    return execution.results[name]["value"]


def stored(home, module):
    return {c.calibration: c for c in cal.Constants(home / "constants") if c.module == module}


@pytest.fixture(scope="module")
def agipd(tmp_path_factory):
    """Two modules, of which one is not in the run in medium gain; executed as a pipeline."""
    home = tmp_path_factory.mktemp("agipd")
    values = make_darks(home, "agipd", ([0, 3, 5], [0, 3], [0, 3, 5]))
    done = perform("agipd-dark", values, runner="local", into=home / "executions")
    return home, values, done


def test_constants_are_the_truth_about_each_module(agipd):
    home, _, done = agipd
    assert done.status == "done", done.sentence()
    for number in (0, 3):
        constants = stored(home, f"AGIPD{number:02d}")
        assert set(constants) == {"Offset", "Noise", "ThresholdsDark", "BadPixelsDark"}
        truth = truth_of("AGIPD1M", number, cells=CELLS)
        arrays = {name: constant.ndarray() for name, constant in constants.items()}
        off = (arrays["Offset"] - truth.offset)[:, :, truth.good]
        assert off.std() < 1.4 * 9 / np.sqrt(TRAINS)
        bad = arrays["BadPixelsDark"] != 0
        assert bad[:, :, ~truth.good].all()
        assert bad[:, :, truth.good].mean() < 1e-5


def test_the_store_answers_for_these_conditions(agipd):
    home, values, _ = agipd
    runs = cal.dark_runs(*(home / f"raw/r{n:04d}" for n in (1, 2, 3)))
    names = ["Offset", "Noise", "ThresholdsDark", "BadPixelsDark"]
    store = cal.Constants(values["constants_folder"])
    found = cal.retrieve(store, runs.detector, [0, 3, 5], names, runs.conditions(), runs.begin)
    assert [len(of_module) for of_module in found.values()] == [4, 4, 0]


def test_summary_and_report_tell_what_is_missing(agipd):
    _, _, done = agipd
    text = (done.path / "report.html").read_text()
    assert "r0002 has no module 5 of MID_DET_AGIPD1M-1" in text
    assert (done.path / "report.pdf").stat().st_size > 50_000
    assert value(done.after, "modules with constants") == 2
    assert value(done.after, "parts not done") == 0
    assert "problems" not in done.after.results


def test_again_is_compared_and_adds_a_version(agipd, tmp_path):
    home, values, _ = agipd
    before = {c.id: c.ndarray() for c in stored(home, "AGIPD00").values()}
    again = execute("agipd-dark", values | {"modules": [0]}, into=tmp_path)
    assert again.status == "done", again.error_line
    assert value(again, "pixels of AGIPD00 that changed by more than 3 σ") == 0, "the same data"
    every = [c for c in cal.Constants(home / "constants") if c.module == "AGIPD00"]
    assert len(every) == 8
    for constant in every:
        if constant.id in before:
            np.testing.assert_array_equal(constant.ndarray(), before[constant.id])


def test_runs_in_the_wrong_order_start_nothing(agipd, tmp_path):
    _, values, _ = agipd
    wrong = execute("dark-prepare", values | {"run_high": 2, "run_med": 1}, into=tmp_path)
    assert wrong.status == "failed"
    assert DataError.__name__ in wrong.error_line
    assert "was given as run_high" in wrong.error_line


def test_a_store_that_cannot_be_written_is_refused_before_the_work(agipd, tmp_path):
    _, values, _ = agipd
    (tmp_path / "file").touch()
    values = values | {"constants_folder": str(tmp_path / "file/constants")}
    refused = execute("dark-prepare", values, into=tmp_path)
    assert refused.error["name"] == "ParameterError"
    assert "Nothing can be written into" in refused.error_line


@pytest.mark.parametrize(
    ("option", "kind", "module"), [("lpd", "LPD1M", 2), ("jungfrau", "JUNGFRAU", 1)]
)
def test_other_detectors(tmp_path, option, kind, module):
    few = {"trains": 20, "frames": 1}
    values = make_darks(tmp_path, option, [[module]] * 3, **few) | {"skip_plots": True}
    done = execute(f"{option}-dark", values, into=tmp_path)
    assert done.status == "done", done.error_line
    truth = truth_of(kind, module, cells=1)
    (offset,) = [
        c.ndarray() for c in cal.Constants(tmp_path / "constants") if c.calibration[:6] == "Offset"
    ]
    good = truth.good
    error = truth.noise[:, :, good] * np.sqrt(np.pi / 2 / 20)
    assert ((offset - truth.offset)[:, :, good] / error).std() == pytest.approx(1, rel=0.1)
