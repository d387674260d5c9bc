"""One leg: every notebook of a subject executed in its order, and judged."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from beambook.environment import Sandbox, sandbox
from beambook.errors import BeambookError, NotebookError
from beambook.events import Progress, Reporter
from beambook.publication._order.order import unmet
from beambook.publication._verify.data import Data
from beambook.publication._verify.files import with_files
from beambook.publication._verify.leg import Leg, NotebookVerdict
from beambook.publication._verify.outcome import judged, not_reached
from beambook.publication._verify.software import Had
from beambook.publication._verify.stopped import LegStopped, with_rest
from beambook.publication._verify.subject import Item, Subject
from beambook.publication._verify.traces import changed_since, places
from beambook.publication._verify.work import copied, prepared
from beambook.recipe import Execution, PythonKernel, Recipe, execute

__all__ = ["Room", "Stage", "perform_leg"]

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


@dataclass(frozen=True)
class Room:
    """A copy of the files, the software and the sandbox in which notebooks are executed.

    Attributes
    ----------
    stage : Stage
    work : Path
        The copy; the only folder that the notebooks may change.
    executions : Path
    kernel : PythonKernel
    notes : tuple of str
        What was left behind when the files were copied.
    """

    stage: Stage
    work: Path
    executions: Path
    kernel: PythonKernel
    notes: tuple[str, ...]

    @classmethod
    def of(cls, stage: Stage, had: Had, folder: Path) -> Room:
        """Make the copy and put the data into it."""
        work = folder / WORK
        wrapped = stage.sandboxed and sandbox(stage.subject.root).confines
        notes = copied(stage.subject.root, work, link_large=wrapped)
        stage.data.place(work, link=wrapped)
        readable = [*stage.data.readable, *([stage.subject.root] if wrapped else [])]
        own = had.python if had.software.how == "here" else None
        guard = sandbox(work, readable=readable, plain=not stage.sandboxed, python=own)
        kernel = PythonKernel(had.python, guard, stage.data.env)
        return cls(stage, work, folder / EXECUTIONS, kernel, notes)

    @property
    def guard(self) -> Sandbox:
        """The sandbox."""
        assert self.kernel.sandbox is not None  # noqa: S101 of() gives every kernel one
        return self.kernel.sandbox

    def execute(
        self,
        item: Item,
        values: Mapping[str, Any] | Iterable[str] = (),
        *,
        into: Path | None = None,
    ) -> Execution:
        """Execute a notebook with its sealed values, and with others instead of them."""
        if item.language != "python":
            raise NotebookError(
                f"{item.path} is a notebook in {item.language}",
                hint="beambook has the software of Python notebooks only",
            )
        notebook = prepared(self.work, item, self.stage.subject.root / item.path)
        recipe = Recipe.find(notebook)
        return execute(
            recipe,
            self._values(recipe, item) | dict(recipe.parameters.parse(values)),
            into=into or self.executions,
            time_limit=self.stage.time_limit,
            reporter=self.stage.reporter,
            kernel=self.kernel,
            in_place=True,
        )

    def _values(self, recipe: Recipe, item: Item) -> dict[str, Any]:
        """What was sealed, with data where it is here; else what has to be given anyhow."""
        parameters = recipe.parameters
        required = {each.name for each in parameters if each.required}
        if not item.values:  # a folder that nobody sealed: the notebook is as it was executed
            return {n: v for n, v in parameters.defaults.items() if n in required}
        folder = recipe.path.parent
        sealed = parameters.from_json(self.stage.data.value(dict(item.values), self.work))
        changed = {
            n: v for n, v in sealed.items() if n in required or v != parameters.defaults.get(n, ...)
        }
        return {name: _here(value, folder) for name, value in changed.items()}


def _here(value: Any, folder: Path) -> Any:
    """Sealed relative paths start in the notebook's folder."""
    return folder / value if isinstance(value, Path) else value


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

    Raises
    ------
    LegStopped
        On Ctrl-C, with what is known until then.
    """
    began, clock = time.monotonic(), time.time()
    room = Room.of(stage, had, stage.path / name)
    leg = Leg(name, had.software, sandbox=_describe(room.guard), notes=room.notes)
    verdicts: list[NotebookVerdict] = []
    try:
        verdicts.extend(_verdicts(room, name))
        notes = _traces(room, clock)
    except KeyboardInterrupt as interrupt:
        known = with_rest(tuple(verdicts), stage.subject.items, room.executions)
        seconds = time.monotonic() - began
        raise LegStopped(replace(leg, notebooks=known, seconds=seconds)) from interrupt
    seconds = time.monotonic() - began
    return replace(leg, notebooks=tuple(verdicts), seconds=seconds, notes=(*leg.notes, *notes))


def _traces(room: Room, began: float) -> tuple[str, ...]:
    """What was changed outside, where that is possible at all."""
    if room.guard.confines:
        return ()
    subject = room.stage.subject.folder
    return changed_since(began, places(subject), [room.stage.path])


def _describe(guard: Sandbox) -> str:
    if guard.kind == "bubblewrap":
        return guard.kind
    why = f" ({guard.why})" if guard.why else ""
    name = guard.kind if guard.confines else "none: a plain folder"
    return f"{name}{why}, which does not prevent {', '.join(guard.lets)}"


def _verdicts(room: Room, name: str) -> Iterator[NotebookVerdict]:
    """Of all notebooks; those that need one that failed are not executed."""
    failed: set[str] = set()
    items = room.stage.subject.items
    for number, item in enumerate(items):
        room.stage.reporter(Progress(name, number, len(items), item.path))
        if problem := unmet(item.requires, failed):
            verdict, ended = not_reached(item.path, item.reference, problem, item.claims), False
        else:
            verdict, ended = _verdict(item, room)
        if not ended:
            failed.add(item.path)
        yield verdict


def _verdict(item: Item, room: Room) -> tuple[NotebookVerdict, bool]:
    """Execute and judge; whether it came to its end."""
    try:
        execution = room.execute(item)
    except BeambookError as error:  # no kernel, a value that does not fit …
        return not_reached(item.path, item.reference, str(error), item.claims), False
    verdict = judged(item.path, execution, item.reference, claims=item.claims)
    verdict = with_files(verdict, item.files, room.work)
    return verdict, execution.status == "done"
