"""Execution of ordinary notebooks, in real kernels."""

import asyncio
import hashlib
import json
import os
import subprocess
import sys
import threading
import time
from itertools import pairwise
from pathlib import Path

import nbformat
import psutil
import pytest

from beambook.errors import (
    ExecutionError,
    NotebookError,
    ParameterError,
    ParameterNotFound,
    RecipeNotFound,
)
from beambook.recipe import Execution, execute, execute_many


def texts(execution):
    """All text of all cells: streams and results."""
    return "".join(
        out.get("text") or out.get("data", {}).get("text/plain", "")
        for cell in execution.notebook().cells
        for out in cell.get("outputs", [])
    )


def test_executes_in_a_fresh_folder_and_keeps_everything(run):
    execution = run("print(a + 1)", "open('made.txt', 'w').write('x'); __import__('os').getcwd()")
    assert execution.status == "done"
    assert execution.id == execution.path.name
    assert execution.id.startswith("sample-")
    assert "2\n" in texts(execution)
    assert str(execution.path) in texts(execution)
    files = {path.name for path in execution.path.iterdir()}
    assert files == {"notebook.ipynb", "execution.json", "log.txt", "made.txt"}
    nbformat.validate(execution.notebook())


def test_record_says_who_where_and_with_what(run):
    record = run("1").record
    assert record["values"] == {"a": 1}
    assert record["host"]
    assert record["user"]
    assert record["pid"] == os.getpid()
    assert record["recipe"]["title"] == "Sample"
    path = Path(record["recipe"]["path"])
    assert record["recipe"]["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert record["kernel"]["python"] == ".".join(map(str, sys.version_info[:3]))
    assert record["kernel"]["packages"]["numpy"]
    assert record["kernel"]["origin"] == "forked"
    assert record["created"] <= record["started"] <= record["ended"]
    assert record["seconds"] > 0
    assert record["peak_memory"] > 10_000_000


def test_values_are_written_into_the_cell_and_nothing_else_changes(make_notebook, tmp_path):
    path = make_notebook("md:# T", "a = 1  # number of things\nb = 'x'", "print(a, b)")
    execution = execute(path, {"a": 7}, into=tmp_path / "out")
    assert execution.values == {"a": 7, "b": "x"}
    assert texts(execution) == "7 x\n"
    assert execution.notebook().cells[1].source == "a = 7  # number of things\nb = 'x'"
    assert nbformat.read(path, 4).cells[1].source.startswith("a = 1 ")


@pytest.mark.parametrize(
    ("values", "error", "words"),
    [
        ({"nam": 1}, ParameterNotFound, "name"),
        ({"name": 3}, ParameterError, "name"),
    ],
)
def test_wrong_values_are_refused_before_anything_is_made(
    make_notebook, tmp_path, values, error, words
):
    path = make_notebook("md:# T", "name: str = 'x'", "1")
    with pytest.raises(error, match=words):
        execute(path, values, into=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_relative_path_starts_where_it_was_given(make_notebook, tmp_path, monkeypatch):
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "data.txt").write_text("measured")
    monkeypatch.chdir(tmp_path / "here")
    source = "from pathlib import Path\ninput_file: Path = Path('none')"
    path = make_notebook("md:# T", source, "print(input_file.read_text())")
    execution = execute(path, {"input_file": Path("data.txt")}, into=tmp_path / "out")
    assert execution.status == "done", execution.error_line
    assert texts(execution) == "measured\n"


def test_notebook_that_names_files_beside_it_works_there(run, tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "table.csv").write_text("1,2")
    execution = run("print(open('data/table.csv').read())")
    assert texts(execution) == "1,2\n"
    assert execution.record["works_in"] == "the notebook's folder"


def test_declared_recipe_works_in_its_execution_whatever_it_names(run, tmp_path):
    (tmp_path / "data").mkdir()
    execution = run("open('data', 'w').write('x')", metadata={"beambook": {}})
    assert execution.record["works_in"] == "the execution's folder"
    assert (execution.path / "data").read_text() == "x"


def test_module_beside_the_notebook_can_be_imported(run, tmp_path):
    (tmp_path / "helper_of_mine.py").write_text("answer = 42")
    execution = run("import helper_of_mine; helper_of_mine.answer")
    assert texts(execution) == "42"
    assert execution.record["works_in"] == "the execution's folder"


def test_failing_cell_stops_and_says_where(run):
    execution = run("print('before')", "1 / 0", "print('after')")
    assert execution.status == "failed"
    assert execution.error["cell"] == 4
    assert execution.error["heading"] == "Work"
    assert execution.error["name"] == "ZeroDivisionError"
    assert [cell.status for cell in execution.cells] == ["done", "done", "error", "pending"]
    assert texts(execution) == "before\n"
    assert "division by zero" in execution.error_line


def test_errors_that_are_allowed_do_not_stop(run):
    execution = run("1 / 0", "print('after')", allow_errors=True)
    assert execution.status == "done"
    assert [cell.status for cell in execution.cells] == ["done", "error", "done"]
    assert texts(execution) == "after\n"


def test_tags_of_a_cell_are_followed(make_notebook, tmp_path):
    tags = {2: ["skip-execution"], 3: ["raises-exception"]}
    path = make_notebook("md:# T", "a = 1", "print('skipped')", "1 / 0", "2", tags=tags)
    execution = execute(path, into=tmp_path / "out")
    assert execution.status == "done"
    assert [cell.status for cell in execution.cells] == ["done", "skipped", "error", "done"]


def test_declared_outputs_are_described_after_the_kernel_has_closed_them(run):
    declared = {"outputs": ["late.txt", "*.h5"]}
    execution = run(
        "import atexit\natexit.register(lambda: open('late.txt', 'w').write('bye'))",
        "import h5py\nfile = h5py.File('open.h5', 'w'); file['x'] = [1, 2]",
        metadata={"beambook": declared},
    )
    late, table = execution.outputs
    assert execution.status == "done"
    assert (late["name"], late["size"]) == ("late.txt", 3)
    assert late["sha256"] == hashlib.sha256(b"bye").hexdigest()
    assert table["sha256"] == hashlib.sha256((execution.path / "open.h5").read_bytes()).hexdigest()


def test_missing_output_is_a_failure(run):
    execution = run("1", metadata={"beambook": {"outputs": ["spectrum.csv", "/etc/passwd"]}})
    assert execution.status == "failed"
    assert "spectrum.csv, /etc/passwd" in execution.error_line


def test_results_are_collected(run):
    cell = (
        "from IPython.display import display\n"
        "mime = 'application/vnd.beambook.result+json'\n"
        "display({mime: {'name': 'edge', 'value': 8333.0, 'unit': 'eV'}}, raw=True)"
    )
    execution = run(cell)
    assert execution.results["edge"]["value"] == 8333.0
    assert execution.results["edge"]["cell"] == 3


def test_inputs_are_found_in_loaded_modules_also_after_a_failure(run, tmp_path):
    (tmp_path / "reader_of_mine.py").write_text(
        "def __beambook_inputs__():\n    return [{'path': '/data/r0001', 'files': 3}]\n"
    )
    (tmp_path / "broken_reader.py").write_text("def __beambook_inputs__():\n    raise OSError(5)\n")
    execution = run("import reader_of_mine, broken_reader", "1 / 0")
    assert execution.status == "failed"
    assert list(execution.inputs) == [{"path": "/data/r0001", "files": 3}]
    assert "broken_reader.__beambook_inputs__" in execution.log_path.read_text()


def test_files_that_were_opened_are_inputs_but_not_what_was_written(run, tmp_path):
    data = tmp_path / "elsewhere"
    data.mkdir()
    (data / "true.csv").write_text("energy,absorbance\n1,2\n")
    execution = run(
        f"import json, numpy, pandas; pandas.read_csv({str(data / 'true.csv')!r})",
        f"open({str(data / 'new.txt')!r}, 'w').write('1'); open({str(data / 'new.txt')!r}).read()",
        "open('here.txt', 'w').write('1'); open('here.txt').read()",
    )
    (entry,) = execution.inputs
    assert entry["path"] == str(data)
    assert [file["name"] for file in entry["files"]] == ["true.csv"]


def test_notebook_is_on_disk_after_every_cell(run):
    cell = "import json; cells = json.load(open('notebook.ipynb'))['cells']; cells[3]['outputs']"
    execution = run("print('first')", cell)
    assert "first" in execution.notebook().cells[4].outputs[0]["data"]["text/plain"]


def test_record_says_running_while_it_runs(run):
    execution = run("import json; json.load(open('execution.json'))['status']")
    assert texts(execution) == "'running'"


def test_git_state_of_the_notebook(make_notebook, tmp_path):
    path = make_notebook("md:# T", "a = 1")
    git = ["git", "-C", str(tmp_path), "-c", "user.name=x", "-c", "user.email=x@y"]
    subprocess.run([*git, "init", "-q"], check=True)
    assert execute(path, into=tmp_path / "out").record["recipe"]["git"] is None
    subprocess.run([*git, "add", path.name], check=True)
    subprocess.run([*git, "commit", "-qm", "x"], check=True)
    clean = execute(path, into=tmp_path / "out").record["recipe"]["git"]
    head = subprocess.run([*git, "rev-parse", "HEAD"], capture_output=True, text=True, check=True)
    assert clean == {"commit": head.stdout.strip(), "dirty": False}
    path.write_text(path.read_text().replace("a = 1", "a = 2"))
    assert execute(path, into=tmp_path / "out").record["recipe"]["git"]["dirty"] is True


def test_git_of_a_hostile_repository_runs_nothing(make_notebook, tmp_path):
    path = make_notebook("md:# T", "a = 1")
    subprocess.run(["git", "-C", str(tmp_path), "init", "-q"], check=True)
    spy = tmp_path / "spy.sh"
    spy.write_text(f"#!/bin/sh\ntouch {tmp_path}/spied\n")
    spy.chmod(0o755)
    config = ["git", "-C", str(tmp_path), "config", "core.fsmonitor", str(spy)]
    subprocess.run(config, check=True)
    execute(path, into=tmp_path / "out")
    assert not (tmp_path / "spied").exists()


def test_progress_is_told_in_the_callers_thread(run):
    told = []
    run("1", "2", reporter=lambda progress: told.append((progress, threading.get_ident())))
    steps, threads = zip(*told, strict=True)
    assert set(threads) == {threading.get_ident()}
    assert [step.done for step in steps] == [0, 0, 1, 2, 3]
    assert {step.total for step in steps} == {3}
    assert steps[3].label == "Work"
    assert steps[-1].label == "done"
    assert all(a.seconds <= b.seconds for a, b in pairwise(steps))


def test_reporter_that_raises_does_not_end_the_work(run):
    def broken(_):
        raise BrokenPipeError

    assert run("1", reporter=broken).status == "done"


def test_works_inside_a_running_event_loop(run):
    async def in_jupyter():
        return run("print('in loop')")

    assert texts(asyncio.run(in_jupyter())) == "in loop\n"


def test_works_from_threads(make_notebook, tmp_path):
    path = make_notebook("md:# T", "a = 1", "print(a)")
    found = {}

    def work(number):
        found[number] = texts(execute(path, {"a": number}, into=tmp_path / "out"))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {0: "0\n", 1: "1\n", 2: "2\n"}


def test_many_at_once_in_order_and_one_failure_stops_no_other(make_notebook, tmp_path):
    path = make_notebook("md:# T", "a = 1", "import time; time.sleep(0.3); print(6 // (a - 2))")
    began = time.monotonic()
    executions = execute_many(
        path, [{"a": a} for a in range(1, 5)], into=tmp_path / "out", at_once=4
    )
    assert [e.status for e in executions] == ["done", "failed", "done", "done"]
    assert [e.values["a"] for e in executions] == [1, 2, 3, 4]
    assert len({e.id for e in executions}) == 4
    spans = [(e.record["started"], e.record["ended"]) for e in executions]
    assert max(start for start, _ in spans) < min(end for _, end in spans)  # all at the same time
    assert time.monotonic() - began < 30


def test_at_once_is_kept(make_notebook, tmp_path):
    path = make_notebook("md:# T", "a = 1", "import time; time.sleep(0.1)")
    executions = execute_many(path, [{}, {}, {}], into=tmp_path / "out", at_once=1)
    spans = sorted((e.record["started"], e.record["ended"]) for e in executions)
    assert all(end <= start for (_, end), (start, _) in pairwise(spans))


def test_one_wrong_value_refuses_all(make_notebook, tmp_path):
    path = make_notebook("md:# T", "a = 1")
    with pytest.raises(ParameterNotFound):
        execute_many(path, [{"a": 1}, {"b": 2}], into=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_unknown_kernel_names_those_that_are_there(make_notebook, tmp_path):
    spec = {"name": "julia-1.9", "language": "python", "display_name": "x"}
    path = make_notebook("md:# T", "a = 1", kernelspec=spec)
    with pytest.raises(NotebookError, match=r"julia-1\.9.*python3"):
        execute(path, into=tmp_path / "out")
    assert execute(path, into=tmp_path / "out", kernel="python3").status == "done"


def test_recipe_that_is_not_there(tmp_path):
    with pytest.raises(RecipeNotFound):
        execute(tmp_path / "none.ipynb", into=tmp_path / "out")


@pytest.mark.parametrize("into", ["file", "file/deeper", "/proc/none"])
def test_folder_that_cannot_be_written_is_said_in_one_line(make_notebook, tmp_path, into):
    (tmp_path / "file").write_text("")
    path = make_notebook("md:# T", "a = 1")
    with pytest.raises(ExecutionError, match="Cannot write executions into") as error:
        execute(path, into=tmp_path / into)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("options", [{"time_limit": 0}, {"cell_time_limit": -1}, {"grace": -1}])
def test_senseless_limits_are_refused(run, options):
    with pytest.raises(ParameterError):
        run("1", **options)


def test_bash_notebook_executes(make_notebook, tmp_path, monkeypatch):
    spec = {
        "argv": [sys.executable, "-m", "bash_kernel", "-f", "{connection_file}"],
        "display_name": "Bash",
        "language": "bash",
        "env": {"PS1": "$"},
    }
    kernels = tmp_path / "jupyter" / "kernels" / "bash"
    kernels.mkdir(parents=True)
    (kernels / "kernel.json").write_text(json.dumps(spec))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "jupyter"))
    named = {"name": "bash", "language": "bash", "display_name": "Bash"}
    path = make_notebook(
        "md:# T", "echo hello from $((1 + 1))", "ls /nonexistent", kernelspec=named
    )
    execution = execute(path, into=tmp_path / "out", allow_errors=True)
    assert execution.status == "done", execution.error_line
    assert "hello from 2" in texts(execution)
    assert execution.record["kernel"]["language"] == "bash"
    with pytest.raises(ParameterError, match="takes no values"):
        execute(path, {"a": 1}, into=tmp_path / "out")


def test_figures_come_out_as_in_an_ordinary_kernel(run):
    cells = (
        "import matplotlib.pyplot as plt\nplt.plot([1, 3, 2])",
        "figure, axes = plt.subplots(); axes.imshow([[1, 2], [3, 4]]); figure",
        "%matplotlib inline\nplt.hist([1, 2, 2]); plt.show()",
    )
    forked, ordinary = run(*cells), run(*cells, fork=False)
    assert forked.record["kernel"]["origin"] == "forked"
    assert ordinary.record["kernel"]["origin"] == "started: forking is switched off"

    def pictures(execution):
        outs = [out for cell in execution.notebook().cells for out in cell.get("outputs", [])]
        return [out["data"]["image/png"] for out in outs if "image/png" in out.get("data", {})]

    assert len(pictures(forked)) >= 3
    assert pictures(forked) == pictures(ordinary)


def test_figures_come_out_whatever_the_shell_has_set(run, monkeypatch):
    monkeypatch.setenv("MPLBACKEND", "agg")
    execution = run("import matplotlib.pyplot as plt\nplt.plot([1, 3, 2]);")
    assert "image/png" in execution.notebook().cells[3].outputs[0].data


def test_nothing_is_left_behind(run):
    execution = run(
        "import subprocess\nprint(subprocess.Popen(['sleep', '600']).pid)\n"
        "from ipykernel.connect import get_connection_file\nprint(get_connection_file())"
    )
    child, connection = texts(execution).splitlines()
    assert not psutil.pid_exists(int(child)) or psutil.Process(int(child)).status() == "zombie"
    assert not Path(connection).parent.exists()
    assert "Thread-" not in " ".join(t.name for t in threading.enumerate() if t.name == "beambook")


def test_notebook_without_any_metadata(tmp_path):
    path = tmp_path / "bare.ipynb"
    cell = {"cell_type": "code", "source": "1 + 1", "outputs": [], "metadata": {}}
    bare = {"cells": [cell | {"execution_count": None}], "metadata": {}}
    path.write_text(json.dumps(bare | {"nbformat": 4, "nbformat_minor": 2}))
    execution = execute(path, into=tmp_path / "out")
    assert execution.status == "done"
    assert execution.notebook().metadata.kernelspec.name == "python3"
    assert execution.notebook().metadata.language_info.name == "python"


def test_execution_is_loaded_as_it_was_returned(run):
    execution = run("1")
    assert Execution.load(execution.path).record == execution.record


def test_what_a_task_prints_later_is_kept(run):
    task = """
import asyncio
async def wait():
    await asyncio.sleep(0.2)
    print("waited " * 100)
task = asyncio.ensure_future(wait())"""
    execution = run(task, "await task", output_limit=300)
    first, second = (cell.get("outputs") for cell in execution.notebook().cells[3:])
    assert "are in outputs/cell-04-stdout.txt" in first[0].text
    assert (execution.path / "outputs/cell-04-stdout.txt").read_text() == "waited " * 100 + "\n"
    assert second == []


def test_what_is_printed_while_the_kernel_ends_is_kept(run):
    task = """
import asyncio
async def now():
    for _ in range(5):
        await asyncio.sleep(0)
    print("now", flush=True)
task = asyncio.ensure_future(now())"""
    assert texts(run(task)) == "now\n"
