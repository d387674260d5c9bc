"""``%slurm`` and ``%%execute`` in a real shell of IPython."""

import json
from pathlib import Path

import pytest
from IPython.core.interactiveshell import InteractiveShell

from beambook.card import Card
from beambook.errors import ExecutionError, JobError, NameNotFound, ParameterError
from beambook.recipe import Execution
from beambook.recipe._magics import load_ipython_extension


@pytest.fixture
def shell(tmp_path, monkeypatch):
    """A shell that works in an empty folder."""
    monkeypatch.chdir(tmp_path)
    shell = InteractiveShell()
    load_ipython_extension(shell)
    yield shell
    shell.history_manager.end_session()


def test_a_cell_becomes_an_execution_with_the_values_of_variables(shell, capsys):
    shell.user_ns |= {"a": 3, "names": ["x", "y"]}
    code = "print(a * 2, names)\nsecret = a"
    shell.run_cell_magic("execute", "--name triple --with a,names", code)
    out = capsys.readouterr().out
    assert "6 ['x', 'y']" in out
    assert "secret" not in shell.user_ns
    (folder,) = Path("executions").glob("triple-*")
    execution = Execution.load(folder)
    assert execution.status == "done"
    assert execution.values == {"a": 3, "names": ["x", "y"]}


def test_an_error_of_the_cell_ends_it_and_is_shown(shell, capsys):
    with pytest.raises(ExecutionError, match="ZeroDivisionError"):
        shell.run_cell_magic("execute", "", "print('before')\n1 / 0")
    shown = capsys.readouterr()
    assert "before" in shown.out
    assert "ZeroDivisionError" in shown.err


@pytest.mark.parametrize(
    ("line", "error"),
    [
        ("--with nothing", NameNotFound),
        ("--with thing", ParameterError),
        ("--on maxwell", ParameterError),
        ("--wiht a", ParameterError),
    ],
)
def test_what_cannot_be_given_is_refused_before_anything_starts(shell, line, error):
    shell.user_ns["thing"] = object()
    with pytest.raises(error):
        shell.run_cell_magic("execute", line, "1")
    assert not Path("executions").exists()


def test_a_cell_on_slurm(slurm, shell, capsys):
    shell.user_ns["a"] = 4
    shell.run_cell_magic("execute", "--on slurm --with a", "print('twice', a * 2)")
    assert "twice 8" in capsys.readouterr().out
    record = json.loads(next(Path("executions").glob("*/parts/*/*/execution.json")).read_text())
    assert record["slurm"]["slurmd_nodename"]


@pytest.mark.parametrize("command", ["squeue", "sinfo", "squeue --me", "sinfo -p short"])
def test_reading_commands_of_slurm_are_tables(slurm, shell, command):
    card = shell.run_line_magic("slurm", command)
    assert isinstance(card, Card)
    heads = card.tables[0].columns
    assert ("JOBID" in heads) == command.startswith("squeue")
    assert all(len(row) == len(heads) for row in card.tables[0].rows)


def test_own_formats_stay_as_they_are(slurm, shell):
    assert "JOBID" in shell.run_line_magic("slurm", "squeue -o %i")
    assert shell.run_line_magic("slurm", "sinfo -h").startswith("all*")


@pytest.mark.parametrize("line", ["scancel 1", "", "squeue -i 1", "sbatch x.sh", "squeuee"])
def test_nothing_else_of_slurm_can_be_run(shell, line):
    with pytest.raises(ParameterError):
        shell.run_line_magic("slurm", line)


@pytest.mark.parametrize(
    "cell", ["%slurm scancel 1", "%slurm", "%slurm squeue 'x", "%%execute --wiht a\n1"]
)
def test_a_mistake_is_one_line_in_the_notebook(shell, capsys, cell):
    assert isinstance(shell.run_cell(cell).error_in_exec, ParameterError)
    (line,) = capsys.readouterr().out.strip().splitlines()
    assert line.startswith("ParameterError: ")


def test_a_complaint_of_slurm_is_an_error_of_ours(slurm, shell):
    with pytest.raises(JobError, match="squeue"):
        shell.run_line_magic("slurm", "squeue --no-such-option")
