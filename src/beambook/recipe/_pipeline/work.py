"""What a task does: execute its parts one after another; or finish when all tasks have ended."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from beambook.errors import BeambookError, MissingPackage
from beambook.recipe._execute import execute
from beambook.recipe._execution import Execution
from beambook.recipe._notebook import dumps, write_atomically
from beambook.recipe._pipeline.document import Asked
from beambook.recipe._pipeline.performance import Performance
from beambook.recipe._pipeline.stage import Stage
from beambook.recipe._pipeline.values import PARTS_FOLDER, declared
from beambook.recipe._recipe import Recipe
from beambook.recipe._report import Report

__all__ = ["execute_parts", "execute_step", "finish", "write_report"]

ATTEMPTS = 3
PASSING = ("SIGKILL", "SIGTERM", "SIGHUP", "SIGBUS")  # of a machine's making, not the notebook's
PARTS = "parts"
PARTS_TABLE = "parts.json"


def execute_parts(folder: Path, numbers: Iterable[int]) -> bool:
    """Execute those of the parts that are not done; whether all of them are now.

    One that fails does not end the others. Those that were never tried go first: a part that
    takes its whole task with it, each time, keeps no other from being executed.
    """
    asked = Asked.load(folder)
    assert asked.parts is not None  # noqa: S101
    stages = {i: Stage(folder / PARTS / asked.parts[i].folder) for i in numbers}
    open_parts = [i for i in stages if not stages[i].is_done]
    for i in sorted(open_parts, key=lambda i: len(stages[i].attempts())):
        part = asked.parts[i]
        execution = _attempt(asked, stages[i], part.values)
        _say(f"{part.name}: {execution.status} in {execution.seconds:.1f} s {execution.error_line}")
    return all(stage.is_done for stage in stages.values())


def _attempt(asked: Asked, stage: Stage, values: Mapping[str, Any]) -> Execution:
    """Execute once; again if something killed the kernel from outside."""
    recipe = asked.pipeline.recipe
    for attempt in range(1, ATTEMPTS + 1):
        execution = execute_step(asked, recipe, stage.folder, values)
        killed = execution.status == "killed" and execution.error is not None
        if not killed or (execution.error or {}).get("signal") not in PASSING:
            break
        _say(f"{execution.id}: attempt {attempt} of {ATTEMPTS}: {execution.error_line}")
    return execution


def execute_step(
    asked: Asked, recipe: Recipe, into: Path, own: Mapping[str, Any], **options: Any
) -> Execution:
    """Execute one of the notebooks with those of the values that it declares."""
    parameters = recipe.parameters
    values = declared({**asked.values, **asked.shared, **own}, parameters)
    return execute(
        recipe,
        parameters.from_json(values),
        into=into,
        kernel=asked.options.get("kernel"),
        time_limit=asked.options.get("time_limit"),
        **options,
    )


def finish(folder: Path) -> bool:
    """List how the parts ended, execute the notebook after, make the report; whether all is well.

    All is well if every part is done, the notebook after too, and the report is made.
    """
    performance = Performance.load(folder)
    write_parts(performance)
    asked = performance.asked
    if (after := asked.pipeline.after) is not None:
        own = {PARTS_FOLDER: str(folder / PARTS)}
        execution = execute_step(asked, after, folder / "after", own)
        _say(f"{after.name}: {execution.status} {execution.error_line}")
    performance = Performance.load(folder)
    reported = write_report(performance)
    _say(performance.sentence())
    return performance.succeeded() and reported


def write_parts(performance: Performance) -> None:
    """Write ``parts/parts.json``, by which the notebook after finds what there is."""
    folder = performance.path / PARTS
    folder.mkdir(exist_ok=True)
    outcomes = performance.outcomes()
    write_atomically(folder / PARTS_TABLE, dumps([each.to_json() for each in outcomes]))


def write_report(performance: Performance) -> bool:
    """Make both reports; a package that is not installed is said and no failure."""
    report, folder = Report(performance), performance.path
    code = bool(performance.asked.options.get("code"))
    try:
        report.html(folder / "report.html", code=code)
        report.pdf(folder / "report.pdf", code=code)
    except MissingPackage as error:
        _say(f"no report: {error}")
    except BeambookError as error:
        _say(f"no report: {error}")
        return False
    return True


def _say(text: str) -> None:
    """A line for the task's log."""
    sys.stdout.write(" ".join(text.split()) + "\n")
    sys.stdout.flush()
