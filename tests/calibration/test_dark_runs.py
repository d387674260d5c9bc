"""Dark runs that do not belong together are refused, and what is missing is said."""

import numpy as np
import pytest

from beambook.calibration import dark_runs
from beambook.errors import DataError, ParameterError, SourceNotFound
from beambook.testing import make_run, truth_of

STAGES = ("high", "med", "low")


@pytest.fixture(scope="module")
def agipd(tmp_path_factory):
    raw = tmp_path_factory.mktemp("raw")
    for run, stage in enumerate(STAGES, 1):
        modules = [0, 3] if run == 2 else [0, 3, 4]
        make_run(raw / f"r{run:04d}", run=run, dark=stage, agipd=modules, frames=2, trains=3)
    make_run(raw / "r0004", run=4, dark="low", agipd=[0], frames=4, trains=3)
    return raw


def folders(raw, *runs):
    return [raw / f"r{run:04d}" for run in runs]


def test_runs_that_belong_together(agipd):
    runs = dark_runs(*folders(agipd, 1, 2, 3))
    assert (runs.kind, runs.detector, runs.modules) == ("AGIPD", "MID_DET_AGIPD1M-1", (0, 3))
    assert [mode.told for mode in runs.modes] == ["high gain", "medium gain", "low gain"]
    assert runs.problems == (
        "MID_DET_AGIPD1M-1 has no module 1, 2, 5 to 15 in any dark run",
        "r0002 has no module 4 of MID_DET_AGIPD1M-1",
    )
    assert runs.conditions().memory_cells == 2
    assert runs.begin == runs.runs[0].train_timestamps().min()
    assert runs.select([-1]) == (0, 3)
    assert runs.select([3, 4]) == (3,)
    assert runs.characterise(3, max_trains=2).frames.tolist() == [[2, 2]] * 3


def test_wrong_order_of_runs(agipd):
    with pytest.raises(DataError, match="r0002 is in medium gain, but was given as run_high"):
        dark_runs(*folders(agipd, 2, 1, 3))
    runs = dark_runs(*folders(agipd, 2, 1, 3), check_modes=False)
    assert sum("was given as" in problem for problem in runs.problems) == 2


def test_runs_under_other_conditions(agipd):
    with pytest.raises(DataError, match="do not belong together: memory_cells 2 and 4"):
        dark_runs(*folders(agipd, 1, 2, 4)).conditions()


def test_too_few_runs(agipd):
    with pytest.raises(DataError, match="2 dark runs do not do for MID_DET_AGIPD1M-1"):
        dark_runs(*folders(agipd, 1, 2))


def test_modules_that_are_not_there(agipd):
    runs = dark_runs(*folders(agipd, 1, 2, 3))
    with pytest.raises(ParameterError, match=r"has no module \[7\]"):
        runs.select([0, 7])
    with pytest.raises(SourceNotFound):
        runs.of_module(4)


def test_jungfrau_modes_and_unknown_ones(tmp_path):
    for run, stage in enumerate((*STAGES, None), 1):
        make_run(tmp_path / f"r{run:04d}", run=run, dark=stage, jungfrau=1, trains=1, frames=1)
    runs = dark_runs(*folders(tmp_path, 1, 2, 3))
    assert [mode.told for mode in runs.modes] == ["dynamic", "forceswitchg1", "forceswitchg2"]
    assert runs.conditions().gain_mode == 0
    assert not runs.fixed
    with pytest.raises(DataError, match=r"r0001 is in dynamic, but was given as run_med"):
        dark_runs(*folders(tmp_path, 4, 1, 3))


def test_all_gains_of_one_run_in_parallel_gain(tmp_path):
    made = {"lpd": 1, "trains": 40, "frames": 3, "parallel_gain": True, "dark": "high"}
    make_run(tmp_path / "r0001", run=1, **made)
    runs = dark_runs(*folders(tmp_path, 1, 1, 1))
    assert {mode.told for mode in runs.modes} == {"parallel gain"}
    assert runs.conditions().parallel_gain
    dark, truth = runs.characterise(0), truth_of("LPD1M", 0, cells=3)
    assert (dark.frames == 40).all()
    good = truth.good & (dark.bad_pixels == 0).all(axis=(0, 1))
    assert good.mean() > 0.97
    for stage in range(3):
        off = (dark["Offset"][stage] - truth.offset[stage])[:, good]
        assert abs(off).max() < 7 * 1.25 * truth.noise[stage][:, good].max() / np.sqrt(40)


def test_parallel_gain_beside_another_does_not_belong_together(tmp_path):
    for run, parallel in enumerate((True, False, False), 1):
        stage = STAGES[run - 1]
        made = {"lpd": 1, "trains": 1, "frames": 2, "parallel_gain": parallel, "dark": stage}
        make_run(tmp_path / f"r{run:04d}", run=run, **made)
    with pytest.raises(DataError, match="do not belong together: parallel_gain"):
        dark_runs(*folders(tmp_path, 1, 2, 3)).conditions()
