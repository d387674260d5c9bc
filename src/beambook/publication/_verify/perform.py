"""One leg: every notebook of a subject executed in its order, and judged."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from beambook.errors import BeambookError
from beambook.events import Progress, Reporter
from beambook.publication._verify.data import Data
from beambook.publication._verify.leg import Leg, NotebookVerdict
from beambook.publication._verify.outcome import judged, not_reached
from beambook.publication._verify.software import Had
from beambook.publication._verify.subject import Item, Subject
from beambook.publication._verify.work import copied, prepared
from beambook.recipe import Execution, Recipe, execute

__all__ = ["Stage", "perform_leg"]

WORK = "work"
EXECUTIONS = "executions"


@dataclass(frozen=True)
class Stage:
    """What all legs of a verification have in common.

    Attributes
    ----------
    subject : Subject
    data : Data
    path : Path
        Folder of the verification.
    sandboxed : bool
    time_limit : float or None
        For each notebook, in s.
    reporter : Reporter
    """

    subject: Subject
    data: Data
    path: Path
    sandboxed: bool
    time_limit: float | None
    reporter: Reporter


def perform_leg(name: str, had: Had, stage: Stage) -> Leg:
    """Execute all notebooks in one set of software.

    Parameters
    ----------
    name : str
        Of the leg.
    had : Had
    stage : Stage

    Returns
    -------
    Leg
    """
    began = time.monotonic()
    folder = stage.path / name
    notes = copied(stage.subject, folder / WORK, link_large=stage.sandboxed)
    stage.data.place(folder / WORK, link=True)
    leg = Leg(name, had.software, "", notes=notes)
    verdicts = tuple(_verdicts(stage, had, folder))
    return replace(leg, notebooks=verdicts, seconds=time.monotonic() - began)


def _verdicts(stage: Stage, had: Had, folder: Path) -> Iterator[NotebookVerdict]:
    """Of all notebooks; those that need one that failed are not executed."""
    failed: set[str] = set()
    for number, item in enumerate(stage.subject.items):
        stage.reporter(Progress(folder.name, number, len(stage.subject.items), item.path))
        if broken := [path for path in item.requires if path in failed]:
            problem = f"needs {broken[0]}, which did not come to its end"
            verdict, done = not_reached(item.path, item.reference, problem), False
        else:
            verdict, done = _verdict(item, stage, had, folder)
        if not done:
            failed.add(item.path)
        yield verdict


def _verdict(item: Item, stage: Stage, had: Had, folder: Path) -> tuple[NotebookVerdict, bool]:
    """Execute and judge; whether it came to its end."""
    try:
        execution = _executed(item, stage, had, folder)
    except BeambookError as error:  # no kernel, a value that does not fit …
        return not_reached(item.path, item.reference, str(error)), False
    verdict = judged(item.path, execution, item.reference, claims=item.claims)
    return verdict, execution.status == "done"


def _executed(item: Item, stage: Stage, had: Had, folder: Path) -> Execution:
    notebook = prepared(folder / WORK, item)
    recipe = Recipe.find(notebook)
    values = stage.data.value(dict(item.values), notebook.parent)
    return execute(
        recipe,
        recipe.parameters.from_json(values) if values else {},
        into=folder / EXECUTIONS,
        time_limit=stage.time_limit,
        reporter=stage.reporter,
        kernel="python3",
        in_place=True,
    )
