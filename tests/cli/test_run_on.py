"""``beambook run`` with pipelines: here, on a real Slurm, resumed, and what it says."""

import json
import os
import runpy
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

made_of = runpy.run_path(str(Path(__file__).parents[1] / "recipe" / "toys.py"))
write_toys, write_notebook = made_of["write_toys"], made_of["write_notebook"]


@pytest.fixture
def toys(tmp_path):
    """The recipe of a pipeline, beside which things go wrong as they are told."""
    return write_toys(tmp_path)


@pytest.fixture
def site(tmp_path, monkeypatch, slurm):
    """Tasks on Slurm may be short."""
    (tmp_path / "site.toml").write_text("min_task_seconds = 1\n")
    monkeypatch.setenv("BEAMBOOK_SITE", str(tmp_path / "site.toml"))


def test_a_pipeline_ends_with_an_overview_and_one_report(beambook, toys):
    answer = beambook("run", toys, "run=3", "modules=0-1", "seconds=0.4", "--at-once", "1")
    assert answer.code == 0
    assert "done: all 2 parts done" in answer.out
    assert "TOY09 is missing" in answer.out
    *_, last = answer.out.splitlines()
    assert last.startswith("Wrote executions/toy-correct-")
    assert last.endswith("report.pdf")
    name = Path("executions").glob("toy-correct-*").__next__().name
    assert "all 2 parts done" in beambook("show", name).out
    assert "all 2 parts done" in beambook("show", Path("executions") / name).out
    wrote = beambook("report", name[:-1], "--pdf", "--to", "elsewhere").out
    assert wrote.splitlines()[-1] == "Wrote elsewhere/report.html, elsewhere/report.pdf"


def test_failures_are_exit_1_and_resume_repeats_only_them(beambook, toys, tmp_path):
    values = ("run=3", "modules=0-2", "seconds=0.4", "fail=once-1", f"flags={tmp_path}")
    answer = beambook("run", toys, *values, "--json")
    assert answer.code == 1
    assert answer.json["sentence"] == "2 of 3 parts done; 1 failed: TOY01"
    again = beambook("run", "--resume", answer.json["id"], "--json")
    assert again.code == 0
    assert [part["attempts"] for part in again.json["parts"]] == [1, 2, 1]


def test_the_notebook_before_fails_at_once(beambook, toys):
    answer = beambook("run", toys, "run=3", "fail=before", "--json")
    assert answer.code == 1
    assert answer.json["status"] == "failed"
    assert "no raw data" in answer.json["problems"][0]
    assert not list(Path("executions").glob("*/batch"))
    (page,) = Path("executions").glob("*/report.html")
    assert "no raw data" in page.read_text()


def test_what_was_stopped_has_a_report_too(beambook, toys, tmp_path):
    values = ["run=3", "modules=0-1", "seconds=0.4", "fail=hang-1", f"flags={tmp_path}"]
    words = [sys.executable, "-m", "beambook", "run", str(toys), *values, "--at-once", "2"]
    process = subprocess.Popen(words, stderr=subprocess.PIPE, text=True)
    wait_for(lambda: (tmp_path / "hang-1").exists() and [*tmp_path.glob("**/CORR-0.json")])
    os.kill(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    (hint,) = [line for line in err.splitlines() if "beambook report" in line]
    name = hint.split()[3]
    assert "killed (stopped by" in beambook("show", name).out
    assert f"Performance {name}" in beambook("show", "newest").out
    assert beambook("report", name).code == 0
    page = (tmp_path / "executions" / name / "report.html").read_text()
    assert "1 of 2 parts done" in page


@pytest.mark.parametrize(
    ("error", "code"),
    [("RunNotFound", 2), ("ParameterError", 2), ("ConstantNotFound", 2), ("DataError", 1)],
)
def test_a_mistake_that_the_notebook_before_finds_is_a_line(beambook, toys, error, code):
    answer = beambook("run", toys, "run=3", f"fail={error}")
    assert answer.code == code
    said = answer.err if code == 2 else answer.out
    assert "toy-prepare: " in said
    assert "module 17" in said
    assert (len(said.splitlines()) == 1) == (code == 2)
    assert not list(Path("executions").glob("*/batch"))
    assert beambook("run", toys, "run=3", f"fail={error}", "--json").code == code


def test_a_broken_yml_is_a_mistake(beambook, toys):
    toys.with_suffix(".yml").write_text("before: [")
    answer = beambook("run", toys, "run=3")
    assert answer.code == 2
    assert "is not YAML" in answer.err
    assert beambook("params", toys).code == 2


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (["run=3", "modul=1"], "did you mean 'module"),
        (["rum=3"], "did you mean 'run'"),
        (["run=3", "module=99"], "15"),
        (["run=3", "--each", "module=1..3"], "toy-prepare"),
        (["run=3", "--on", "maxwell"], "slurm"),
        (["run=3", "--resume", "x"], "--resume"),
        ([], "run"),
    ],
)
def test_mistakes_are_exit_2_before_anything_starts(beambook, toys, words, hint):
    answer = beambook("run", toys, *words)
    assert answer.code == 2
    assert hint in answer.err
    assert not Path("executions").exists()


def test_each_makes_parts_of_any_notebook(beambook, tmp_path):
    path = write_notebook(tmp_path / "one.ipynb", "record('twice', 2 * n)", "n: int = 1")
    answer = beambook("run", path, "--each", "n=1..2", "--on", "local", "--json")
    assert answer.code == 0
    assert [part["name"] for part in answer.json["parts"]] == ["n=1", "n=2"]
    assert [part["results"]["twice"]["value"] for part in answer.json["parts"]] == [2, 4]


def test_where_no_slurm_answers_nothing_is_executed(beambook, toys, tmp_path, monkeypatch):
    monkeypatch.setenv("SLURM_CONF", str(tmp_path / "no-such.conf"))
    answer = beambook("run", toys, "run=3", "--on", "slurm")
    assert answer.code == 1
    assert len(answer.err.splitlines()) == 1
    assert not Path("executions").exists()


def test_on_slurm_without_waiting(beambook, toys, site):
    answer = beambook("run", toys, "run=3", "modules=0-1", "--on", "slurm", "--no-wait")
    assert answer.code == 0
    first, *hints = answer.out.splitlines()
    name, _, told = first.partition(": ")
    assert told == "2 parts in 2 tasks on slurm"
    assert any(f"beambook run --resume {name}" in hint for hint in hints)
    waited = beambook("run", "--resume", name)
    assert waited.code == 0
    assert "done: all 2 parts done" in waited.out


def test_an_interrupt_says_whether_the_work_goes_on(toys, site, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    values = ["run=3", "modules=0", "fail=hang-0", f"flags={tmp_path}"]
    words = [sys.executable, "-m", "beambook", "run", str(toys), *values, "--on", "slurm"]
    process = subprocess.Popen(words, stderr=subprocess.PIPE, text=True)
    wait_for((tmp_path / "hang-0").exists)
    os.kill(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "The work goes on" in err
    assert "beambook stop toy-correct-" in err
    (folder,) = Path("executions").glob("toy-correct-*")
    subprocess.run([sys.executable, "-m", "beambook", "stop", folder.name], check=True)
    record = json.loads((folder / "pipeline.json").read_text())
    assert record["on"] == "slurm"


def wait_for(condition, seconds=60.0):
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "it never happened"
        time.sleep(0.1)
