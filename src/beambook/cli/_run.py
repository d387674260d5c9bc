"""``beambook run``: execute a notebook once, for each of many, as a pipeline, or a folder."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from beambook.card import Table
from beambook.cli._perform import perform_recipe, resume_performance
from beambook.cli._report import write_reports
from beambook.cli._run_folder import is_folder, run_folder
from beambook.cli._terminal import ProgressLine, say, say_files, say_json
from beambook.cli._things import EXECUTIONS, find_recipe
from beambook.errors import ParameterError

if TYPE_CHECKING:
    from beambook.parameters import Parameters
    from beambook.recipe import Execution

__all__ = ["run"]

_RANGE = re.compile(r"(-?\d+)(?:\.\.|-)(-?\d+)$")
_UNITS = {"": 1.0, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0}
MOST = 10_000
RESULTS_SHOWN = 4


class Duration(click.ParamType[float]):
    """Seconds, or a number with a unit: ``90``, ``10m``, ``2h``."""

    name = "time"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Text to seconds."""
        match = re.fullmatch(r"(\d+(?:\.\d+)?) *(s|m|min|h)?", str(value).strip())
        if not match or float(match[1]) <= 0:
            self.fail(f"{value!r} is no time; write 90, 10m or 2h", param, ctx)
        return float(match[1]) * _UNITS[match[2] or ""]


@click.command()
@click.argument("notebook", required=False, metavar="[NOTEBOOK|FOLDER]")
@click.argument("values", nargs=-1, metavar="[NAME=VALUE]...")
@click.option(
    "--each",
    multiple=True,
    metavar="NAME=1..20",
    help="Execute once for each value (1..20, 3,5,8 or both); given twice: for each pair.",
)
@click.option(
    "--into",
    type=click.Path(path_type=Path),
    default=EXECUTIONS,
    show_default=True,
    help="Folder of executions; each gets a fresh one of its own in it.",
)
@click.option("--at-once", type=click.IntRange(min=1), help="How many at once, else one a core.")
@click.option("--time-limit", type=Duration(), help="Interrupt the cells after 90, 10m or 2h.")
@click.option("--kernel", metavar="NAME", help="Jupyter kernel, else what the notebook asks for.")
@click.option("--report", "reports", is_flag=True, help="Make the HTML report of each.")
@click.option("--pdf", is_flag=True, help="Make the HTML and the PDF report of each.")
@click.option("--code", is_flag=True, help="Show the code in the report.")
@click.option("--on", type=click.Choice(["local", "slurm"]), help="Where tasks are executed.")
@click.option("--no-wait", is_flag=True, help="Return when the tasks are submitted.")
@click.option("--resume", metavar="ID", help="Go on with a pipeline: only what is not done.")
@click.option("--json", "as_json", is_flag=True, help="For machines.")
def run(
    notebook: str | None,
    values: tuple[str, ...],
    each: tuple[str, ...],
    into: Path,
    at_once: int | None,
    time_limit: float | None,
    kernel: str | None,
    reports: bool,
    pdf: bool,
    code: bool,
    on: str | None,
    no_wait: bool,
    resume: str | None,
    as_json: bool,
) -> int:
    """Execute NOTEBOOK (a recipe's name or a path) with values; exit 1 if it fails.

    A recipe with a .yml beside it is a pipeline: what comes before, all parts, what comes
    after, and one report. With --on any notebook is, its parts being those of --each.

    Of a FOLDER all notebooks are executed, in the order in which they need each other and each
    with the values that it declares, in a copy of it that beambook publish takes as it is.

    \b
      beambook run xas proposal=900074 run=487 --pdf
      beambook run xas proposal=900074 --each run=487..488
      beambook run agipd-correct proposal=900074 run=9 --on slurm
      beambook run paper/ run=487          all notebooks of a folder
      beambook params xas                  what it can be given
    """
    if resume is not None:
        _nothing_else(notebook)
        return resume_performance(
            resume, root=into, on=on, at_once=at_once, wait=not no_wait, as_json=as_json
        )
    if notebook is None:
        raise click.UsageError("NOTEBOOK is missing; beambook recipes lists those that are shipped")
    if is_folder(notebook):
        others = {"--each": each, "--at-once": at_once, "--on": on, "--no-wait": no_wait}
        return run_folder(
            notebook, values, others=others, into=into, kernel=kernel, time_limit=time_limit,
            reports=reports, pdf=pdf, code=code, as_json=as_json,
        )  # fmt: skip
    recipe = find_recipe(notebook)
    if on or no_wait or recipe.has_pipeline:
        from beambook.recipe import Pipeline

        pipeline = Pipeline.of(recipe)
        _no_bare_words(values, recipe.parameters)
        return perform_recipe(
            recipe,
            pipeline.parse(values),
            [recipe.parameters.parse(words) for words in spread((), each)] if each else None,
            on=on or "local",
            at_once=at_once,
            wait=not no_wait,
            as_json=as_json,
            into=into,
            time_limit=time_limit,
            kernel=kernel,
            code=code,
        )
    _no_bare_words(values, recipe.parameters)
    all_values = [recipe.parameters.parse(words) for words in spread(values, each)]
    for one in all_values:  # refuse all before the first kernel starts
        recipe.parameters.validate(one)
    from beambook.recipe import execute_many  # after all that can be refused at once

    progress = ProgressLine()
    executions = execute_many(
        recipe,
        all_values,
        into=into,
        at_once=at_once,
        time_limit=time_limit,
        kernel=kernel,
        reporter=progress,
    )
    progress.close()
    files = []
    for execution in executions:
        if reports or pdf:
            files += write_reports(execution.path, execution.path, pdf=pdf, code=code)
        files.append(execution.path / "notebook.ipynb")
    names = tuple(word.partition("=")[0] for word in each)
    _answer(executions, names, files, as_json=as_json)
    return 0 if all(execution.status == "done" for execution in executions) else 1


def spread(values: tuple[str, ...], each: tuple[str, ...]) -> list[list[str]]:
    """One list of ``name=value`` for each execution.

    Parameters
    ----------
    values : tuple of str
        Given to all.
    each : tuple of str
        ``name=1..3`` makes three.

    Returns
    -------
    list of list of str

    Raises
    ------
    ParameterError
        If a word is not ``name=value``, or a range is empty or has over 10,000 values.

    Examples
    --------
    >>> spread(("proposal=900074",), ("run=1..2",))
    [['proposal=900074', 'run=1'], ['proposal=900074', 'run=2']]
    """
    choices = [_choices(word) for word in each]
    return [[*values, *chosen] for chosen in product(*choices)]


def _choices(word: str) -> list[str]:
    name, equals, text = word.partition("=")
    if not equals or not name or not text:
        raise ParameterError(f"--each {word!r} is not NAME=VALUES", hint="Write --each run=1..20")
    found = [f"{name}={value}" for part in text.split(",") for value in _range(part.strip(), word)]
    if len(found) > MOST:
        raise ParameterError(f"--each {word!r} makes {len(found)} executions; at most {MOST}")
    return found


def _range(part: str, word: str) -> list[str]:
    if not part:
        raise ParameterError(f"--each {word!r} has an empty value")
    match = _RANGE.match(part)
    if not match:
        return [part]
    first, last = int(match[1]), int(match[2])
    if last < first:
        raise ParameterError(f"--each {word!r}: {first} comes after {last}")
    if last - first >= MOST:
        raise ParameterError(f"--each {word!r} makes {last - first + 1} executions; at most {MOST}")
    return [str(value) for value in range(first, last + 1)]


def _nothing_else(notebook: str | None) -> None:
    if notebook is not None:
        raise click.UsageError(f"Unexpected {notebook!r}: --resume knows the notebook and values")


def _no_bare_words(values: tuple[str, ...], parameters: Parameters) -> None:
    for value in values:
        if "=" not in value:
            needed = [p.name for p in parameters if p.required] or list(parameters.names)[:3]
            names = " ".join(f"{name}=…" for name in needed)
            raise click.UsageError(f"{value!r} is not NAME=VALUE; write {names or 'name=value'}")


def _answer(
    executions: Sequence[Execution], names: tuple[str, ...], files: list[Path], *, as_json: bool
) -> None:
    if as_json:
        say_json([execution.record for execution in executions])
        return
    if len(executions) == 1:
        say(executions[0].card().text())
    else:
        say(_overview(executions, names).text(rows=len(executions)))
    say_files(files)


def _overview(executions: Sequence[Execution], names: tuple[str, ...]) -> Table:
    """One row for each: what it was given, how it ended, what it recorded."""
    results = list(dict.fromkeys(name for e in executions for name in e.results))[:RESULTS_SHOWN]
    units = {n: r.get("unit", "") for e in executions for n, r in e.results.items()}
    heads = [f"{name} ({units[name]})" if units[name] else name for name in results]
    failed = any(execution.error_line for execution in executions)
    columns = ("execution", *names, "status", "time", *heads, *(["error"] if failed else []))
    rows = tuple(
        (
            execution.id,
            *(execution.values.get(name.replace("-", "_"), "") for name in names),
            execution.status,
            f"{execution.seconds:.1f} s",
            *(execution.result(name) for name in results),
            *([execution.error_line] if failed else []),
        )
        for execution in executions
    )
    return Table(columns, rows)
