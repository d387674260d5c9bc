"""Pipelines of toy notebooks, executed on this machine and on a real Slurm."""

import json
import runpy
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from beambook.errors import (
    NotebookError,
    ParameterError,
    ParameterNotFound,
    RecipeNotFound,
    RunNotFound,
)
from beambook.events import Progress
from beambook.recipe import Performance, Pipeline, Recipe, Report, perform, resume
from beambook.recipe._execution import Execution
from beambook.recipe._pipeline.document import Asked
from beambook.recipe._pipeline.outcome import Outcome
from beambook.recipe._pipeline.part import Part
from beambook.recipe._pipeline.wait import Teller

made_of = runpy.run_path(str(Path(__file__).with_name("toys.py")))
write_toys = made_of["write_toys"]


@pytest.fixture(scope="module")
def toys(tmp_path_factory):
    """The recipe of a pipeline."""
    return write_toys(tmp_path_factory.mktemp("toys"))


@pytest.fixture
def go(toys, tmp_path):
    """``go(run=3, fail="worker-1")`` performs the toys on this machine."""

    def go(**values):
        values = {"run": 3, "seconds": 0.4, "flags": str(tmp_path), **values}
        return perform(toys, values, into=tmp_path / "into")

    return go


def written(performance):
    """What the parts have written: bytes by name."""
    files = performance.path.glob("before/*/out/*")
    return {path.name: path.read_bytes() for path in files}


def statuses(performance):
    return {o.part.name: o.status for o in performance.outcomes()}


@pytest.fixture(scope="module")
def whole(toys, tmp_path_factory):
    """All went well, but for one part."""
    folder = tmp_path_factory.mktemp("whole")
    values = {"run": 3, "fail": "fail-2", "flags": str(folder)}
    return perform(toys, values, into=folder)


class TestEnd:
    def test_a_part_that_fails_stops_no_other(self, whole):
        assert whole.status == "failed"
        assert statuses(whole) == {
            "TOY00": "done", "TOY01": "done", "TOY02": "failed", "TOY03": "done",
        }  # fmt: skip
        assert whole.sentence() == "3 of 4 parts done; 1 failed: TOY02"
        assert set(written(whole)) == {"CORR-0.json", "CORR-1.json", "CORR-3.json"}

    def test_every_notebook_gets_the_values_that_it_declares(self, whole):
        assert whole.before.values["run"] == 3
        part = whole.outcomes()[3].execution
        assert part.values["gain"] == 6.0
        assert part.values["module"] == 3
        assert part.values["out_folder"] == str(whole.before.path / "out")
        assert whole.after.values["parts_folder"] == str(whole.path / "parts")

    def test_what_comes_after_sees_all_parts(self, whole):
        assert whole.results()["total"]["value"] == 6.0 * (0 + 1 + 3)
        table = json.loads((whole.path / "parts" / "parts.json").read_text())
        assert [each["status"] for each in table] == ["done", "done", "failed", "done"]
        assert "module 2 is truncated" in table[2]["error"]

    def test_problems_are_named_those_of_parts_first(self, whole):
        first, second = whole.problems()
        assert first.startswith("TOY02: ")
        assert "module 2 is truncated" in first
        assert second == "TOY09 is missing"

    def test_it_is_found_and_shown_like_an_execution(self, whole):
        again = Performance.load(whole.id[:-2], root=whole.path.parent)
        assert again.path == whole.path
        assert "TOY02" in again.card().text()
        assert json.loads(json.dumps(again.to_json()))["parts"][2]["status"] == "failed"
        with pytest.raises(RunNotFound, match="toy-correct"):
            Performance.load("toy-corect-2026", root=whole.path.parent)


class TestReport:
    def test_all_of_it_is_mentioned(self, whole):
        page = (whole.path / "report.html").read_text()
        for text in (
            "3 of 4 parts done; 1 failed: TOY02", "module 2 is truncated", "TOY09 is missing",
            "Summary of toys", "Prepare toys", "its own in each part", "A. Toymaker",
            *(f"TOY{m:02d}" for m in range(4)),
        ):  # fmt: skip
            assert text in page
        assert page.index("module 2 is truncated") < page.index("Jobs</h2>")
        assert page.index("Summary of toys</h2>") < page.index("Prepare toys</h2>")
        assert page.count("data:image/svg+xml") == 3
        assert "modules&quot;" not in page, "what is said to the pipeline is no result"
        assert [f"rows = [[{m}," in page for m in (0, 1, 3)] == [True, False, False]
        assert page.count("value = ") == 3, "of all parts but the first numbers only"

    def test_the_same_performance_gives_the_same_bytes(self, whole, tmp_path):
        for kind in ("html", "pdf"):
            made = getattr(Report(whole.path), kind)(tmp_path / f"again.{kind}")
            assert made.read_bytes() == (whole.path / f"report.{kind}").read_bytes()

    def test_the_pdf_has_contents_and_the_records(self, whole):
        pypdf = pytest.importorskip("pypdf")
        pdf = pypdf.PdfReader(whole.path / "report.pdf")
        text = "\n".join(page.extract_text() for page in pdf.pages)
        assert "3 of 4 parts done; 1 failed: TOY02." in text
        assert {"pipeline.json", "parts.json", "before.ipynb", "after.ipynb"} <= {*pdf.attachments}
        assert [entry["/Title"] for entry in pdf.outline if isinstance(entry, dict)] == [
            "1 Summary of toys", "2 Prepare toys", "3 Parts",
        ]  # fmt: skip

    def test_pictures_are_bounded_and_it_is_said(self, whole, tmp_path, monkeypatch):
        monkeypatch.setattr("beambook.recipe._pipeline.chapters.PICTURES_MOST", 1)
        page = Report(whole).html(tmp_path / "short.html").read_text()
        assert page.count("data:image/svg+xml") == 1
        assert "ictures of 2 parts are left out" in page
        assert page.count("module 2 is truncated") >= 2, "what failed is always shown"


class TestTrouble:
    def test_who_is_killed_costs_a_retry_and_a_failure_afterwards_is_one(self, go, whole):
        done = go(fail="worker-1 kernel-2 after")
        assert done.sentence() == "all 4 parts done"
        assert [o.attempts for o in done.outcomes()] == [1, 2, 2, 1]
        assert len(list((done.path / "parts" / "TOY01").glob("*/log.txt"))) == 2
        assert written(done).items() >= written(whole).items(), "the bytes are those of any run"
        assert done.status == "failed"
        assert "nothing to sum up" in done.problems()[0]
        assert "nothing to sum up" in (done.path / "report.html").read_text()

    def test_nothing_is_queued_when_the_notebook_before_fails(self, go):
        failed = go(fail="before")
        assert failed.status == "failed"
        assert failed.problems()[0].endswith("RuntimeError: no raw data")
        assert not (failed.path / "batch").exists()
        assert "no raw data" in Report(failed).html(failed.path / "r.html").read_text()
        first, _ = failed.card().hints
        assert "with what is put right" in first, "the same again would fail again"

    def test_no_parts_is_said_and_no_success(self, go):
        failed = go(fail="nothing")
        assert failed.status == "failed"
        assert "found no parts" in failed.problems()[0]
        assert (failed.path / "report.html").is_file()


PROGRAM = """
import sys
from beambook.recipe import perform
perform(sys.argv[1], {"run": 3, "fail": "hang-2", "flags": sys.argv[2]}, into=sys.argv[2])
"""


def test_after_a_power_cut_the_rest_is_done(toys, tmp_path):
    """Every process is killed at once, and another one goes on."""
    process = subprocess.Popen([sys.executable, "-c", PROGRAM, str(toys), str(tmp_path)])
    wait_for(lambda: (tmp_path / "hang-2").exists() and len([*tmp_path.glob("**/CORR-*")]) > 0)
    tree = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
    for each in tree:
        each.suspend()
    for each in tree:
        each.kill()
    process.wait()
    (folder,) = tmp_path.glob("toy-correct-*")
    wait_for(lambda: Performance.load(folder).status != "running")  # the last one takes its time
    found = Performance.load(folder)
    assert found.status in ("failed", "killed")
    assert statuses(found)["TOY02"] == "lost"
    done = resume(folder)
    assert done.status == "done"
    assert done.outcomes()[2].attempts == 2
    assert len(written(done)) == 4


def test_after_a_power_cut_in_the_notebook_before_it_begins_again(toys, tmp_path):
    recipe = Recipe.find(toys)
    asked = Asked.new(Pipeline.of(recipe), {"run": 1, "fail": "nothing"}, {}, "local")
    folder = tmp_path / "toy-correct-1"
    folder.mkdir()
    asked.but(who=asked.who | {"pid": 2**22 + 1}).save(folder)
    assert Performance.load(folder).status == "killed"
    assert "found no parts" in resume(folder).problems()[0]


def test_on_slurm_the_bytes_are_the_same(slurm, toys, whole, tmp_path, monkeypatch):
    (tmp_path / "site.toml").write_text("min_task_seconds = 1\n")
    monkeypatch.setenv("BEAMBOOK_SITE", str(tmp_path / "site.toml"))
    values = {"run": 3, "fail": "fail-2 worker-1", "flags": str(tmp_path)}
    done = perform(toys, values, runner="slurm", into=tmp_path)
    assert statuses(done) == statuses(whole)
    assert written(done) == written(whole)
    assert [o.attempts for o in done.outcomes()] == [1, 2, 1, 1]
    assert {o.node for o in done.outcomes()} <= {"u1", "u2"}
    page = (done.path / "report.html").read_text()
    assert "3 of 4 parts done" in page
    assert done.task_states()[0].slurm_id in page


class TestAsked:
    """What is refused before anything starts."""

    @pytest.mark.parametrize(
        ("values", "error", "words"),
        [
            ({"run": 1, "modul": 1}, ParameterNotFound, "module"),
            ({"run": "many"}, ParameterError, "run"),
            ({}, ParameterError, "run"),
            ({"run": 1, "parts_folder": "."}, ParameterNotFound, "parts_folder"),
            ({"run": 1, "module": 99}, ParameterError, "15"),
        ],
    )
    def test_values(self, toys, tmp_path, values, error, words):
        with pytest.raises(error, match=words):
            perform(toys, values, into=tmp_path / "into")
        assert not (tmp_path / "into").exists()

    def test_parts_where_the_notebook_before_states_them(self, toys, tmp_path):
        with pytest.raises(ParameterError, match="toy-prepare"):
            perform(toys, {"run": 1}, parts=[{"module": 1}], into=tmp_path)

    @pytest.mark.parametrize(
        ("said", "error", "words"),
        [
            ("befor: x", NotebookError, "before"),
            ("before: [", NotebookError, "YAML"),
            ("just words", NotebookError, "before: NOTEBOOK"),
            ("before: toy-prepar", RecipeNotFound, "toy-prepar"),
            ("over: [modul]", ParameterNotFound, "module"),
            ("over: 5", NotebookError, "NAME"),
            ("over: {module: 1}", NotebookError, "NAME"),
        ],
    )
    def test_the_yml(self, tmp_path, said, error, words):
        recipe = Recipe.find(write_toys(tmp_path))
        recipe.path.with_suffix(".yml").write_text(said)
        with pytest.raises(error, match=words):
            Pipeline.of(recipe)

    def test_a_value_that_every_part_would_lose(self, toys, tmp_path):
        failed = perform(toys, {"run": 1, "module": 3}, into=tmp_path)
        assert "each part has its own" in failed.problems()[0]
        assert not (failed.path / "batch").exists()


class TestTimeLeft:
    """From how long the parts took that have ended, whatever was expected of them."""

    @pytest.fixture
    def say(self, toys):
        """``say("done", "running")``: what is told of parts; a done one took 20 s, not 10 s."""
        told = []
        asked = Asked.new(Pipeline.of(Recipe.find(toys)), {}, {}, "local")
        known = Performance(Path("."), asked)
        teller = Teller(known, told.append)

        def say(*statuses):
            took = Execution(Path("."), {"seconds": 20.0})
            known._done.clear()
            parts = tuple(Part(f"P{k}", f"p{k}", seconds=10.0) for k in range(len(statuses)))
            object.__setattr__(known, "asked", asked.but(parts=parts))
            for k, status in enumerate(statuses):
                execution = took if status == "done" else None
                known._done[k] = Outcome(parts[k], 0, status, execution, 1)
            teller(Progress("", 0, 1))
            return told[-1].label

        return say

    def test_it_is_known_when_the_first_has_ended(self, say):
        assert say("running", "running", "queued", "queued") == "2 running, 2 queued"
        assert say("done", "running", "running", "queued").endswith("about 30 s left")
        assert say("done", "running", "running", "queued").endswith("left"), "until the next ends"
        assert say("done", "done", "done", "running").endswith("about 20 s left")

    def test_what_has_failed_took_no_time_that_others_would(self, say):
        assert "left" not in say("failed", "running")
        assert say("failed", "done", "running").endswith("about 20 s left")

    def test_nothing_is_left_in_the_end(self, say):
        assert say("done", "failed") == "1 failed, making the report"


def wait_for(condition, seconds=60.0):
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "it never happened"
        time.sleep(0.1)
