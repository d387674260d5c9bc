"""``beambook compare`` and ``beambook test``: whether the same comes out."""

from __future__ import annotations

import json
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from beambook.cli._run import Duration
from beambook.cli._terminal import ProgressLine, say, say_json, shown
from beambook.cli._things import find_execution
from beambook.recipe import Recipe, Verdict, execute
from beambook.recipe import compare as compare_notebooks

__all__ = ["compare", "test"]

FINE = ("same", "within tolerance")


def tolerances(command: Any) -> Any:
    """Options that say how near is near enough."""
    command = click.option("--json", "as_json", is_flag=True, help="For machines.")(command)
    command = click.option(
        "--atol", type=float, default=0.0, show_default=True, help="Absolute tolerance of numbers."
    )(command)
    return click.option(
        "--rtol", type=float, default=1e-6, show_default=True, help="Relative tolerance of numbers."
    )(command)


@click.command()
@click.argument("executed")
@click.argument("reference")
@tolerances
def compare(executed: str, reference: str, rtol: float, atol: float, as_json: bool) -> int:
    """Compare two executed notebooks (paths or ids) cell by cell; exit 1 if different."""
    verdict = compare_notebooks(_notebook(executed), _notebook(reference), rtol=rtol, atol=atol)
    if as_json:
        say_json(json.loads(verdict.json()))
    else:
        say(verdict.card().text())
    return _code([verdict])


@click.command()
@click.argument(
    "notebooks",
    metavar="NOTEBOOK...",
    nargs=-1,
    required=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
)
@click.option("--time-limit", type=Duration(), help="Interrupt a notebook after 90, 10m or 2h.")
@click.option(
    "--into",
    type=click.Path(path_type=Path),
    help="Keep the executions here, else they are dropped.",
)
@tolerances
def test(
    notebooks: tuple[Path, ...],
    time_limit: float | None,
    into: Path | None,
    rtol: float,
    atol: float,
    as_json: bool,
) -> int:
    """Execute notebooks and compare with the outputs stored in them; exit 1 if different."""
    with tempfile.TemporaryDirectory(prefix="beambook-test-") as scratch:
        verdicts = [
            _tested(path, into or Path(scratch), time_limit, rtol, atol) for path in notebooks
        ]
    if as_json:
        say_json({str(p): json.loads(v.json()) for p, v in zip(notebooks, verdicts, strict=True)})
    else:
        for path, verdict in zip(notebooks, verdicts, strict=True):
            say(f"{shown(path)}: {verdict.status}")
            if verdict.status == "not comparable":
                say("  → has it stored outputs? Execute it, save it, then test it")
            if verdict.status != "same":
                say(replace(verdict.card(), name=shown(path)).text())
    return _code(verdicts)


def _tested(path: Path, into: Path, time_limit: float | None, rtol: float, atol: float) -> Verdict:
    progress = ProgressLine()
    recipe = Recipe.find(path)
    execution = execute(
        recipe,
        recipe.parameters.defaults,  # also of those that are required elsewhere
        into=into,
        time_limit=time_limit,
        reporter=progress,
        allow_errors=True,
    )
    progress.close()
    return compare_notebooks(execution.notebook_path, path, rtol=rtol, atol=atol)


def _notebook(name: str) -> Path:
    path = Path(name)
    if path.is_file():
        return path
    return Path(find_execution(name).path) / "notebook.ipynb"


def _code(verdicts: list[Verdict]) -> int:
    return 0 if all(verdict.status in FINE for verdict in verdicts) else 1
