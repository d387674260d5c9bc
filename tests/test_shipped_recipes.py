"""The recipes that are shipped say what is true of a run of which the truth is known."""

import json
from pathlib import Path

import pytest

from beambook.recipe import Recipe, compare, execute, execute_many
from beambook.testing import make_proposal

TRAINS = 600


@pytest.fixture(scope="module")
def proposal(tmp_path_factory):
    return make_proposal(tmp_path_factory.mktemp("facility"), trains=TRAINS)


@pytest.fixture(scope="module")
def executed(proposal, tmp_path_factory):
    """Execute a recipe on run 487 once; with other values, anew."""
    into, done = tmp_path_factory.mktemp("executions"), {}

    def get(name, **values):
        key = name, *sorted(values)
        if key not in done:
            done[key] = execute(name, {"proposal": str(proposal), "run": 487} | values, into=into)
            assert done[key].status == "done", done[key].error_line
        return done[key]

    return get


def value(execution, name):
    return execution.results[name]["value"]


def test_spectrum_is_the_one_in_the_run(executed):
    xas = executed("xas", i0_offset=12.0, i1_offset=-8.0)
    assert abs(value(xas, "edge off by")) < xas.results["edge"]["error"]
    assert value(xas, "pull, standard deviation") == pytest.approx(1, abs=0.2)
    assert value(xas, "window correlation") > 0.999
    assert (xas.path / "spectrum.csv").read_text().startswith("energy,absorbance,error")


def test_uncorrected_offsets_show_in_the_pulls(executed):
    assert value(executed("xas"), "pull, standard deviation") > 2


def test_overview_counts_what_is_missing(executed):
    overview = executed("run-overview")
    assert value(overview, "train rate") == pytest.approx(10, abs=0.01)
    assert value(overview, "findings") >= 3, "three aggregators lost trains"
    energy = value(overview, "mean pulse energy, SA2_XTD1_XGM/XGM/DOOCS:output")
    assert energy == pytest.approx(0.96 * 1000 + 0.04 * 20 + 12, rel=0.05)


def test_pulse_energies_have_the_modes_that_were_put_in(executed):
    off = [584, 588, 592, 596]
    xgm = executed("xgm-statistics", offset=12.0, off_pulses=off)
    modes = xgm.results["modes M"]
    # Noise of the monitor (1 %) widens the distribution: 1/M = 1/5 + 0.01² · (1 + 1/5).
    assert modes["value"] == pytest.approx(5, abs=4 * modes["error"])
    assert value(xgm, "distance from the gamma law") < 0.01
    ratio = xgm.results["off/on ratio"]
    assert ratio["value"] == pytest.approx(0.02, abs=4 * ratio["error"])


def test_the_same_comes_out_again(executed, proposal, tmp_path):
    again = execute("run-overview", {"proposal": str(proposal), "run": 487}, into=tmp_path)
    assert compare(again, executed("run-overview")).status in ("same", "within tolerance")


@pytest.mark.parametrize("run", [488, 489])
def test_overview_of_any_run(run, proposal, tmp_path):
    overview = execute("run-overview", {"proposal": str(proposal), "run": run}, into=tmp_path)
    assert overview.status == "done", overview.error_line


def test_many_formats(tmp_path):
    versions = ("0.5", "1.0", "1.1")
    folders = [make_proposal(tmp_path / v, trains=60, format_version=v) for v in versions]
    values = [{"proposal": str(folder), "run": 487} for folder in folders]
    done = execute_many("run-overview", values, into=tmp_path)
    assert [(e.status, e.error_line) for e in done] == [("done", "")] * 3


@pytest.mark.parametrize("recipe", Recipe.all(), ids=lambda recipe: recipe.name)
def test_recipe_explains_itself_and_is_shipped_clean(recipe):
    assert recipe.title
    assert recipe.author
    assert "check value" in json.dumps(json.loads(Path(recipe.path).read_text()))
    assert "$$" in recipe.theory
    assert all(parameter.help for parameter in recipe.parameters)
    cells = json.loads(Path(recipe.path).read_text())["cells"]
    assert not any(cell.get("outputs") or cell.get("execution_count") for cell in cells)
