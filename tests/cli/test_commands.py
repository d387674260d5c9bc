"""What each command answers, and how it ends."""

import json
import os
import pty
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import beambook as bb
import beambook.cli._main as front
from beambook.cli._run import spread


def only_line(text: str) -> str:
    (line,) = text.splitlines()
    return line


# --- where you are -----------------------------------------------------------


def test_bare_command_says_where_you_are_and_what_to_try(beambook, proposal_root):
    answer = beambook()
    assert answer.code == 0
    assert str(proposal_root) in answer.out
    assert "→ beambook" in answer.out


def test_every_command_is_in_the_help_and_has_its_own(beambook):
    overview = beambook("--help").out
    for name in front.COMMANDS:
        assert f"  {name} " in overview
        assert f"Usage: beambook {name}" in beambook(name, "--help").out


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (["rnu", "xas"], "did you mean run"),
        (["shwo"], "did you mean show"),
        (["run"], "NOTEBOOK"),
        (["run", "xas", "--pdff"], "--pdf"),
        (["check", "900074"], "beambook show 900074"),
        (["run", "xas", "900074"], "write proposal=… run=…"),
        (["run", "xas", "--run", "487"], "run=…"),
        (["run", "xas", "proposal=900074", "run=487", "--kernel", "julia"], "python3"),
        (["show", "nothing-of-this-name"], "no execution"),
        (["show", "900074", "489x"], "900074"),
        (["show", "xas", "extra"], "extra"),
        (["params", "xass"], "xas"),
        (["params", "missing.ipynb"], "missing.ipynb"),
        (["report", "no-such-id"], "no-such-id"),
        (["run", "xas", "proposal=900074", "rum=487"], "did you mean 'run'"),
        (["run", "xas", "proposal=900074", "run=x"], "run"),
        (["run", "xas", "proposal=900074"], "run"),
        (["run", "xas", "proposal=900074", "run=487", "bin_width=0"], "bin_width"),
        (["run", "xas", "proposal=900074", "--each", "run=5..1"], "comes after"),
        (["run", "xas", "proposal=900074", "--each", "run"], "run=1..20"),
        (["run", "xas", "proposal=900074", "--time-limit", "soon"], "10m"),
        (["check", "900074", "12"], "487"),
    ],
)
def test_a_mistake_is_one_line_that_helps_and_exit_code_2(beambook, words, hint):
    answer = beambook(*words)
    assert answer.code == 2
    assert answer.out == ""
    assert only_line(answer.err).startswith("beambook: ")
    assert hint in answer.err
    assert not Path("executions").exists(), "nothing was started"


# --- looking -----------------------------------------------------------------


def test_show_a_run_by_numbers_by_path_and_by_file(beambook, proposal_root):
    folder = next(proposal_root.glob("*/*/p900074/raw/r0487"))
    by_number = beambook("show", "900074", "487").out
    assert "SA2_XTD1_XGM/XGM/DOOCS:output" in by_number
    assert beambook("show", "p900074", "r0487").out == by_number
    assert "SA2_XTD1_XGM/XGM/DOOCS:output" in beambook("show", folder).out
    assert "SA2_XTD1_XGM/XGM/DOOCS:output" in beambook("show", next(folder.glob("*DA01*"))).out


def test_show_a_proposal(beambook, proposal_root):
    answer = beambook("show", "900074")
    assert [word for word in answer.out.split() if word.startswith("r04")] == [
        "r0487",
        "r0488",
        "r0489",
    ]
    assert beambook("show", next(proposal_root.glob("*/*/p900074"))).out == answer.out


def test_several_mistakes_are_a_line_each(beambook):
    answer = beambook("run", "xas", "proposal=900074", "run=abc", "bin_width=1000")
    assert answer.code == 2
    assert [line.split(": ")[1] for line in answer.err.splitlines()] == ["run", "bin_width"]


def test_show_only_some_sources(beambook):
    answer = beambook("show", "900074", "487", "*XGM*")
    assert "SA2_XTD1_XGM/XGM/DOOCS" in answer.out
    assert "MOTOR" not in answer.out


def test_show_for_machines(beambook):
    assert beambook("show", "900074", "487", "--json").json["kind"] == "Run"
    assert beambook("show", "xas", "--json").json["kind"] == "Recipe"


def test_check_finds_the_lost_trains_and_ends_with_1(beambook):
    answer = beambook("check", "900074", "487")
    assert answer.code == 1
    assert "missing trains" in answer.out
    assert beambook("check", "900074", "487", "--json").json["ok"] is False


@pytest.mark.parametrize("columns", [40, 80, 300])
def test_parameters_can_be_read_in_any_terminal(beambook, monkeypatch, columns):
    monkeypatch.setenv("COLUMNS", str(columns))
    text = beambook("params", "agipd-correct").out
    first, *lines = text.splitlines()
    assert first.startswith("Parameters calibration-prepare + agipd-correct")
    assert max(map(len, lines)) <= columns
    words = " ".join(text.split())
    assert "sensor bias; -1: from the run" in words
    assert ("bias_voltage: float = -1.0, in V" in words) == (columns < 300)
    assert "run: int, required (e.g. 9) number of the run" in words or columns == 300


def test_recipes_and_their_parameters(beambook):
    names = {recipe["name"] for recipe in beambook("recipes", "--json").json}
    shipped = Path(bb.__file__).parent / "recipes"
    assert names == {path.stem for path in shipped.glob("*.ipynb")}
    assert all(name in beambook("recipes").out for name in names)
    assert "bin_width" in beambook("params", "xas").out
    assert "bin_width" in beambook("params", "xas", "--schema").json["properties"]
    kinds = {recipe["name"]: recipe["kind"] for recipe in beambook("recipes", "--json").json}
    assert kinds["xas"] == "notebook"
    assert kinds["agipd-correct"] == "pipeline"
    assert kinds["calibration-prepare"] == "step"


def test_parameters_of_a_pipeline_are_those_of_all_its_notebooks(beambook):
    names = beambook("params", "agipd-correct", "--schema").json["properties"]
    assert "asked_values" not in names
    assert {"constants_folder", "common_mode", "geometry"} <= set(names)
    assert "parts_folder" not in names
    assert "calibration-prepare + agipd-correct" in beambook("params", "agipd-correct").out


def test_a_proposal_has_recipes_of_its_own(beambook, notebook, tmp_path, monkeypatch):
    recipes = tmp_path / "p000007" / "usr" / "recipes"
    recipes.mkdir(parents=True)
    (recipes / "ramp.ipynb").write_bytes(notebook.read_bytes())
    monkeypatch.chdir(recipes.parent)
    assert "ramp" in beambook("recipes").out
    assert "steps" in beambook("params", "ramp").out
    assert beambook("params", "rampp").code == 2
    monkeypatch.chdir(tmp_path)
    assert "ramp" not in beambook("recipes").out


# --- executing ---------------------------------------------------------------


def test_run_report_show_and_compare(beambook, notebook):
    answer = beambook("run", notebook, "steps=5")
    assert answer.code == 0
    assert "top" in answer.out
    assert "2.5" in answer.out
    assert answer.err == "", "no progress where stderr is no terminal"
    wrote = Path(answer.out.splitlines()[-1].removeprefix("Wrote "))
    assert wrote.is_file()
    name = wrote.parent.name

    assert "done" in beambook("show", name).out
    assert name in beambook("show", "newest").out
    assert f"beambook show executions/{name}" in beambook().out
    nothing = beambook("show", "/no/such/place")
    assert nothing.code == 2
    assert "Nothing is called '/no/such/place'" in nothing.err
    written = beambook("report", name).out
    assert written == f"Wrote executions/{name}/report.html\n"
    assert Path(f"executions/{name}/report.html").is_file()

    other = beambook("run", notebook, "--json").json[0]["id"]
    same, different = beambook("compare", name, name), beambook("compare", name, other)
    assert same.code == 0
    assert different.code == 1
    assert beambook("compare", name, other, "--json").json["status"] == "different"


def test_each_value_gets_its_execution_and_a_failure_does_not_stop_the_others(beambook, tmp_path):
    from .conftest import write_notebook

    path = write_notebook(tmp_path / "inverse.ipynb", "n = 1", "print(1 / (n - 2))")
    answer = beambook("run", path, "--each", "n=1..3", "--json")
    assert answer.code == 1
    assert [record["values"]["n"] for record in answer.json] == [1, 2, 3]
    assert [record["status"] for record in answer.json] == ["done", "failed", "done"]
    table = beambook("run", path, "--each", "n=1..3").out
    assert [line.split()[1:3] for line in table.splitlines()[1:4]] == [
        ["1", "done"],
        ["2", "failed"],
        ["3", "done"],
    ]


def test_folders_of_proposals_may_be_relative(beambook, proposal_root, monkeypatch):
    """As README and tutorial write it; the kernel works in another folder."""
    monkeypatch.setenv("BEAMBOOK_DATA", os.path.relpath(proposal_root))
    assert beambook("run", "run-overview", "proposal=900074", "run=488").code == 0
    folder = os.path.relpath(next(proposal_root.glob("*/*/p900074")))
    assert beambook("run", "run-overview", f"proposal={folder}", "run=488").code == 0


def test_notebooks_are_tested_against_their_stored_outputs(beambook, notebook, tmp_path):
    wrote = beambook("run", notebook).out.splitlines()[-1].removeprefix("Wrote ")
    stored = tmp_path / "stored.ipynb"
    stored.write_bytes(Path(wrote).read_bytes())
    assert beambook("test", stored).code == 0
    stored.write_text(stored.read_text().replace("top 1.5", "top 1.6").replace(": 1.5,", ": 1.6,"))
    answer = beambook("test", stored)
    assert answer.code == 1
    assert "different" in answer.out


def test_time_limit_ends_an_execution(beambook, tmp_path):
    from .conftest import write_notebook

    path = write_notebook(tmp_path / "endless.ipynb", "n = 1", "while True:\n    pass")
    answer = beambook("run", path, "--time-limit", "2s", "--json")
    assert answer.code == 1
    assert answer.json[0]["status"] == "failed"


def test_progress_is_shown_on_a_terminal(notebook, tmp_path):
    leader, follower = pty.openpty()
    command = [sys.executable, "-m", "beambook", "run", str(notebook), "--json"]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=follower) as run:
        out = run.communicate()[0]
    os.close(follower)
    shown = os.read(leader, 1 << 16).decode()
    os.close(leader)
    assert json.loads(out)[0]["status"] == "done"
    assert "Ramp" in shown
    assert "2/2" in shown


# --- each --------------------------------------------------------------------


def test_each_spreads_values():
    assert spread(("a=1",), ()) == [["a=1"]]
    assert spread((), ("n=1..3",)) == [["n=1"], ["n=2"], ["n=3"]]
    assert spread((), ("n=1,4..5", "m=x,y")) == [
        [f"n={n}", f"m={m}"] for n in (1, 4, 5) for m in "xy"
    ]
    assert spread((), ("n=-2..0",)) == [["n=-2"], ["n=-1"], ["n=0"]]


# --- what goes wrong ---------------------------------------------------------


def test_a_damaged_run_is_said_in_a_line_and_counted(beambook, tmp_path, proposal_root):
    folder = tmp_path / "r0488"
    shutil.copytree(next(proposal_root.glob("*/*/p900074/raw/r0488")), folder)
    os.truncate(next(folder.glob("*DA03-S00001*")), 5000)
    answer = beambook("check", folder)
    assert answer.code == 1
    assert "truncated" in answer.out
    assert answer.err == "", "the findings say it"
    answer = beambook("show", folder)
    assert answer.code == 0
    assert only_line(answer.err).startswith("beambook: warning: ")
    assert "r0488: 1 × unreadable file" in answer.err
