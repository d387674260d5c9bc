"""The demo's proposal: in the facility's layout, fast, small, and true."""

import time

import extra_data
import numpy as np
import pytest
import yaml
from extra_data.components import AGIPD1M

from beambook.errors import ParameterError
from beambook.testing import make_proposal, read_xdi

MCP = "MID_EXP_FASTADC/ADC/MCP:channel_3.output"
XGM = "SA2_XTD1_XGM/XGM/DOOCS:output"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    root = tmp_path_factory.mktemp("data")
    begin = time.perf_counter()
    return root, make_proposal(root), time.perf_counter() - begin


def test_layout(made):
    root, folder, _ = made
    assert folder == root / "MID" / "202631" / "p900074"
    assert sorted(path.name for path in folder.iterdir()) == [
        "README.txt",
        "proc",
        "raw",
        "scratch",
        "usr",
    ]
    assert sorted(path.name for path in (folder / "raw").iterdir()) == ["r0487", "r0488", "r0489"]
    truths = sorted(path.name for path in (folder / "usr" / "truth").iterdir())
    assert truths == ["r0487.csv", "r0488.csv"]
    assert sorted(path.name for path in root.rglob(".*")) == []


def test_size_and_time(made):
    _, folder, seconds = made
    assert sum(path.stat().st_size for path in folder.rglob("*.h5")) < 100e6
    assert seconds < 15


def test_validator_finds_nothing_wrong(made, problems):
    for run in (made[1] / "raw").iterdir():
        assert problems(run) == []


def test_imperfections_are_there_and_mild(made):
    run = extra_data.RunDirectory(made[1] / "raw" / "r0487", parallelize=False)
    peaks = run["MID_EXP_FASTADC/ADC/MCP:channel_3.output", "data.peaks"]
    assert len(run.train_ids) == 600
    assert peaks.shape == (596, 96)
    assert run[XGM, "data.intensityTD"].shape == (596, 1000)
    lost = [run[s].data_counts(labelled=False, index_group="data") == 0 for s in (XGM, MCP)]
    assert not (lost[0] & lost[1]).all()
    dark = extra_data.RunDirectory(made[1] / "raw" / "r0489", parallelize=False)
    availability = AGIPD1M(dark, raw=True, min_modules=1).frame_counts
    assert len(availability) == 10
    counts = dark["MID_DET_AGIPD1M-1/DET/1CH0:xtdf", "image.data"].data_counts(labelled=False)
    assert 1 <= (counts == 0).sum() <= 3
    assert set(counts) == {0, 8}


def test_perfect_proposals_have_no_faults(tmp_path, problems):
    folder = make_proposal(tmp_path, trains=20, imperfect=False, format_version="1.0", proposal=42)
    assert folder.name == "p000042"
    run = extra_data.RunDirectory(folder / "raw" / "r0487", parallelize=False)
    assert len(run[XGM].train_ids) == 20
    assert problems(folder / "raw" / "r0489") == []


def test_aliases_name_sources_that_exist(made):
    text = (made[1] / "usr" / "beambook-aliases.yml").read_text(encoding="utf-8")
    run = extra_data.RunDirectory(made[1] / "raw" / "r0487", parallelize=False)
    aliases = yaml.safe_load(text)
    assert {"energy", "xgm", "mcp3", "mcp3_raw", "sample_x", "magnet", "camera"} <= set(aliases)
    for what in aliases.values():
        source, key = what if isinstance(what, list) else (what["source"], what["key"])
        assert run[source, key].shape[0] > 0
    start, stop, step = map(int, aliases["mcp3"]["pulses"].split(":"))
    assert len(range(start, stop, step)) == 96
    assert aliases["xgm"]["fill"] == 1


def rise(bins, absorbance):
    """Centre of the steepest rise: the mean energy of the slope near its maximum."""
    slope = np.diff(absorbance)
    near = slice(slope.argmax() - 2, slope.argmax() + 3)
    return np.average(bins[1 : len(slope) + 1][near], weights=slope[near])


@pytest.mark.parametrize(("run", "element"), [(487, "Ni"), (488, "Cu")])
def test_edge_comes_out_where_the_true_spectrum_has_it(made, run, element):
    data = extra_data.RunDirectory(made[1] / "raw" / f"r{run:04d}", parallelize=False)
    data = data.select(
        [
            (XGM, "data.intensityTD"),
            ("*:channel_3.output", "data.peaks"),
            ("*/PHOTON_ENERGY", "actualEnergy"),
        ],
        require_all=True,
    )
    energy = data["MID_OPT_MONO/MDL/PHOTON_ENERGY", "actualEnergy"].ndarray()
    i0 = data[XGM, "data.intensityTD"].ndarray()[:, :96].sum(1, dtype=float) - 96 * 12
    peaks = data["MID_EXP_FASTADC/ADC/MCP:channel_3.output", "data.peaks"].ndarray()
    i1 = -peaks.sum(1, dtype=float) - 96 * 8
    bins = np.arange(energy.min(), energy.max(), 1.5)
    place = np.digitize(energy, bins) - 1
    absorbance = -np.log(np.bincount(place, i1) / np.bincount(place, i0))
    light = i0 * np.exp(-read_xdi(element).at(energy))
    truth = -np.log(np.bincount(place, light) / np.bincount(place, i0))
    assert absorbance == pytest.approx(truth, abs=0.03)
    assert rise(bins, absorbance) == pytest.approx(rise(bins, truth), abs=0.5)


def test_readme_says_what_it_is(made):
    text = (made[1] / "README.txt").read_text(encoding="utf-8")
    assert "beambook.testing.make_proposal" in text
    assert "{" not in text


def test_a_proposal_is_never_written_over(made):
    with pytest.raises(ParameterError, match="not empty"):
        make_proposal(made[0])
    assert (made[1] / "raw" / "r0487").is_dir()


def test_wrong_proposals_are_refused(tmp_path):
    for wrong in (
        {"proposal": -1},
        {"proposal": "900074"},
        {"trains": 0},
        {"instrument": "../x"},
        {"cycle": "2026"},
        {"format_version": "2.0"},
    ):
        with pytest.raises(ParameterError):
            make_proposal(tmp_path, **wrong)
    assert list(tmp_path.rglob("*.*")) == []


def test_progress_is_told(tmp_path):
    told = []
    make_proposal(tmp_path, trains=20, reporter=told.append)
    assert {step.task for step in told} == {"r0487", "r0488", "r0489"}
    assert all(0 <= step.done <= step.total for step in told)
    assert told[-1].done == told[-1].total
