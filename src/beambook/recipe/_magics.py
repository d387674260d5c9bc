"""What ``%load_ext beambook`` adds to a notebook: ``%slurm`` and ``%%execute``.

``%slurm squeue``, ``%slurm sinfo``, ``%slurm sacct`` show what the cluster does, as a table;
nothing else can be run by it. ``%%execute [--on slurm|local] [--name N] [--with a,b]`` executes
the code of a cell as a notebook of its own, with the values of those variables: its Execution
stays, with its outputs, log and provenance, whatever becomes of the notebook that asked.
"""

from __future__ import annotations

import argparse
import json
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from hashlib import sha256
from html import escape
from pathlib import Path
from typing import Any, NoReturn

from IPython.display import Pretty, display, publish_display_data
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from beambook.card import Card, Table
from beambook.errors import (
    BeambookError,
    ExecutionError,
    JobError,
    NameNotFound,
    ParameterError,
    close_names,
)
from beambook.events import Progress
from beambook.recipe._execute import execute
from beambook.recipe._execution import Execution
from beambook.recipe._notebook import write_notebook
from beambook.recipe._pipeline.perform import perform
from beambook.recipe._recipe import Recipe

__all__ = ["load_ipython_extension", "slurm", "write_cell"]

# Reading commands, and how each gives a table: a head and columns between bars.
COMMANDS: Mapping[str, tuple[str, ...]] = {
    "squeue": ("-o", "%i|%P|%j|%u|%T|%M|%l|%D|%R"),
    "sinfo": ("-o", "%P|%a|%l|%D|%T|%N"),
    "sacct": ("-P", "-o", "JobID,JobName,Partition,State,ExitCode,Elapsed,MaxRSS,NodeList"),
}
OWN_FORMAT = re.compile(
    r"sacct -[Ppn]|(?:squeue|sinfo) -h"
    r"|\w+ -(?:[oOl]|-format|-Format|-parsable2?|-json|-yaml|-long|-noheader)"
)
ENDLESS = re.compile(r"-(?:i|-iterate)")
SECONDS = 30.0
ROWS = 1000


def load_ipython_extension(shell: Any) -> None:
    """Called by ``%load_ext beambook``."""
    shell.register_magic_function(slurm, "line", "slurm")
    shell.register_magic_function(_Cell(shell), "cell", "execute")


def slurm(line: str) -> Any:
    """``%slurm squeue|sinfo|sacct [options]``: what the cluster says, as a table.

    Parameters
    ----------
    line : str
        The command and its options, as in a shell.

    Returns
    -------
    Card, or str where the options ask for a format of their own

    Raises
    ------
    ParameterError
        If it is no command that only reads.
    JobError
        If the command is not there, refuses or does not answer.
    """
    with _in_one_line():
        name, *words = _split(line) or [""]
        if name not in COMMANDS:
            close = close_names(name, COMMANDS) or list(COMMANDS)
            asked = f"not {name!r}" if name else "such as %slurm squeue --me"
            raise ParameterError(f"%slurm runs {', '.join(close)}, {asked}")
        if any(ENDLESS.match(word) for word in words):
            raise ParameterError("%slurm asks once; repeated output is for a terminal")
        own = any(OWN_FORMAT.match(f"{name} {word}") for word in words)
        text = _asked([name, *words, *(() if own else COMMANDS[name])])
        return text if own else _table(name, text)


def _split(line: str) -> list[str]:
    try:
        return shlex.split(line)
    except ValueError as error:  # a quote that is not closed
        raise ParameterError(f"{line!r} cannot be read: {str(error).lower()}") from None


@contextmanager
def _in_one_line() -> Iterator[None]:
    """Have a notebook show our errors without the frames of a magic, of which it knows nothing."""
    try:
        yield
    except BeambookError as error:
        line = f"{type(error).__name__}: {error}"
        vars(error)["_render_traceback_"] = lambda: [line]  # IPython asks for it
        raise


def _asked(command: Sequence[str]) -> str:
    if shutil.which(command[0]) is None:
        raise JobError(f"{command[0]} is not installed on this machine")
    try:
        done = subprocess.run(  # noqa: S603 one of three reading commands
            command, capture_output=True, text=True, timeout=SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        raise JobError(f"{command[0]} did not answer within {SECONDS:.0f} s") from None
    if done.returncode:
        reason = " ".join(done.stderr.split()) or f"exit {done.returncode}"
        raise JobError(f"{command[0]}: {reason}")
    return done.stdout


def _table(name: str, text: str) -> Card:
    lines = [line.split("|") for line in text.splitlines() if line.strip()]
    head, rows = (lines[0], lines[1:]) if lines else ([], [])
    width = len(head)
    shown = tuple((*row[: width - 1], "|".join(row[width - 1 :])) for row in rows[:ROWS])
    facts = {"rows": str(len(rows)) + (f", the first {ROWS} shown" if len(rows) > ROWS else "")}
    return Card("Slurm", name, facts, (Table(tuple(head), shown),) if head else ())


class _Words(argparse.ArgumentParser):
    """Says what is wrong as our other errors do, instead of ending the kernel."""

    def error(self, message: str) -> NoReturn:
        raise ParameterError(f"%%execute: {message}", hint=self.format_usage().strip())


def _words() -> _Words:
    words = _Words("%%execute", add_help=False)
    words.add_argument("--on", choices=("local", "slurm"), default="local")
    words.add_argument("--name", default="cell")
    words.add_argument("--with", dest="given", default="", metavar="a,b")
    words.add_argument("--into", default="executions")
    return words


class _Cell:
    """``%%execute``: the cell as an Execution."""

    def __init__(self, shell: Any) -> None:
        self._shell = shell

    def __call__(self, line: str, cell: str) -> None:
        """Execute, show the outputs and a card; a failure ends the cell with its error."""
        with _in_one_line():
            asked = _words().parse_args(_split(line))
            names = [name.strip() for name in asked.given.split(",") if name.strip()]
            values = _values(names, self._shell.user_ns)
            path = write_cell(cell, values, name=asked.name, folder=Path(asked.into, "cells"))
            execution = self._execute(Recipe.find(path), asked)
            self._show(execution)
            if execution.status != "done":
                raise ExecutionError(f"{execution.id} {execution.status}: {execution.error_line}")

    def _execute(self, recipe: Recipe, asked: argparse.Namespace) -> Execution:
        told = _Line()
        try:
            if asked.on == "local":
                return execute(recipe, into=asked.into, reporter=told)
            done = perform(recipe, into=asked.into, runner=asked.on, reporter=told)
        finally:
            told.close()
        outcome = done.outcomes()[0]
        if outcome.execution is None:
            raise ExecutionError(f"{done.id} {outcome.status}: {outcome.error_line}")
        return outcome.execution

    def _show(self, execution: Execution) -> None:
        """What the code has shown, where it was asked for; then the card with its folder."""
        if execution.notebook_path.is_file():
            for output in execution.notebook().cells[-1].get("outputs", []):
                _republish(output)
        display(_Linked(execution))  # type: ignore[no-untyped-call]


class _Linked:
    """An execution's card with a link to its notebook."""

    def __init__(self, execution: Execution) -> None:
        self._execution = execution

    def __repr__(self) -> str:
        return self._execution.card().text()

    def _repr_html_(self) -> str:
        path = self._execution.notebook_path
        try:
            link = str(path.relative_to(Path.cwd()))
        except ValueError:
            link = str(path)
        return f'{self._execution.card().html()}<p><a href="{escape(link)}">{escape(link)}</a></p>'


class _Line:
    """A Reporter that keeps one line below the cell, and takes it away in the end."""

    def __init__(self) -> None:
        self._handle: Any = None

    def __call__(self, progress: Progress, /) -> None:
        """Show where it is."""
        of = f"{progress.done}/{progress.total}" if progress.total else str(progress.done)
        text = f"{progress.task}  {of}  {progress.label}  {progress.seconds:.1f} s"
        if self._handle is None:
            self._handle = display(_plain(text), display_id=True)  # type: ignore[no-untyped-call]
        else:
            self._handle.update(_plain(text))

    def close(self) -> None:
        """Take the line away."""
        if self._handle is not None:
            self._handle.update(_plain(""))


def _plain(text: str) -> Any:
    return Pretty(text)  # type: ignore[no-untyped-call]


def write_cell(code: str, values: Mapping[str, Any], *, name: str, folder: Path) -> Path:
    """Write the code of a cell as a recipe, its values as parameters.

    Parameters
    ----------
    code : str
    values : mapping of str to JSON value
    name : str
        What the recipe is called.
    folder : Path
        Gets ``<name>-<8 digits of the content>.ipynb``: the same cell is the same file.

    Returns
    -------
    Path
    """
    slug = re.sub(r"[^\w.-]+", "-", name).strip("-.") or "cell"
    stated = "\n".join(f"{key} = {value!r}" for key, value in values.items())
    cells = [new_markdown_cell(f"# {name}")]  # type: ignore[no-untyped-call]
    if stated:
        made = new_code_cell(stated)  # type: ignore[no-untyped-call]
        made.metadata["tags"] = ["parameters"]
        cells.append(made)
    cells.append(new_code_cell(code))  # type: ignore[no-untyped-call]
    digest = sha256(f"{stated}\n\n{code}".encode()).hexdigest()[:8]
    for number, cell in enumerate(cells):
        cell.id = f"{digest}-{number}"
    notebook = new_notebook(cells=cells)  # type: ignore[no-untyped-call]
    notebook.metadata["beambook"] = {"keywords": ["cell"]}
    notebook.metadata["kernelspec"] = {
        "name": "python3", "display_name": "Python 3", "language": "python",
    }  # fmt: skip
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{slug}-{digest}.ipynb"
    write_notebook(notebook, path)
    return path


def _values(names: Sequence[str], namespace: Mapping[str, Any]) -> dict[str, Any]:
    """Values of variables that JSON has: no other would mean the same somewhere else."""
    found = {}
    for name in names:
        if name not in namespace:
            visible = [each for each in namespace if not each.startswith("_")]
            raise NameNotFound(name, visible, where="this notebook")
        value = namespace[name]
        value = value.item() if getattr(value, "shape", None) == () else value
        try:
            same = json.loads(json.dumps(value, allow_nan=False))
        except (TypeError, ValueError) as error:
            raise ParameterError(
                f"{name} is a {type(value).__name__}, which cannot be given as a value",
                hint="Give numbers, texts, lists and mappings of them; save the rest to a file",
            ) from error
        if same != (list(value) if isinstance(value, tuple) else value):
            raise ParameterError(f"{name} would not be the same after it was written down")
        found[name] = same
    return found


def _republish(output: Any) -> None:
    """Show an output of the execution here."""
    if output.output_type == "stream":
        stream = sys.stderr if output.get("name") == "stderr" else sys.stdout
        stream.write(output.text)
    elif output.output_type in ("display_data", "execute_result"):
        metadata = dict(output.get("metadata") or {})
        publish_display_data(dict(output.data), metadata)  # type: ignore[no-untyped-call]
    elif output.output_type == "error":
        sys.stderr.write("\n".join(output.get("traceback") or []) + "\n")
