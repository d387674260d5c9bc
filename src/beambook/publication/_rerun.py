"""Execute a published notebook with other values: a new Execution that cites its origin."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from beambook.errors import ExecutionError, ParameterError, PublicationError, RecipeNotFound
from beambook.events import Reporter, Silent
from beambook.publication._publication import Publication
from beambook.publication._verify.data import find_data
from beambook.publication._verify.perform import Room, Stage
from beambook.publication._verify.software import ENVIRONMENTS, software_for
from beambook.publication._verify.subject import Item, Subject, sealed
from beambook.recipe import Execution
from beambook.recipe._execution import RECORD
from beambook.recipe._notebook import dumps, write_atomically

__all__ = ["rerun"]

INTO = Path("executions")


def rerun(
    publication: Publication | str | Path,
    notebook: str | None = None,
    values: Mapping[str, Any] | Iterable[str] = (),
    *,
    data: str | Path | None = None,
    fetch: bool = False,
    environment: str = "preserved",
    into: str | Path = INTO,
    offline: bool = False,
    sandbox: bool = True,
    time_limit: float | None = None,
    reporter: Reporter | None = None,
) -> Execution:
    """Execute a notebook of a publication with other values.

    Notebooks that it needs are executed before it, with the values that were sealed.

    Parameters
    ----------
    publication : Publication, str or Path
    notebook : str, optional
        Which one; may be left out where there is only one.
    values : mapping, or iterable of str
        Values of parameters, ``{"run": 9}`` or ``["run=9"]``; the others are as sealed. A
        relative path starts in the caller's folder.
    data, fetch, environment, offline, sandbox, time_limit, reporter
        As for `verify`.
    into : str or Path
        Folder of executions. The files that the notebook worked with are in ``work/`` of its own.

    Returns
    -------
    Execution
        Whose record has ``origin``: ``publication`` (title), ``checksum`` and ``notebook``.

    Raises
    ------
    PublicationError
        If it is refused, or was changed since it was sealed.
    RecipeNotFound
        If there is no such notebook in it.
    ParameterNotFound, ParameterError
        If the values do not fit.
    EnvironmentProblem
        If its software cannot be had.
    ExecutionError
        If the data is not here, or a notebook that is needed does not come to its end.

    Examples
    --------
    >>> execution = rerun("edge-of-nickel.zip", values={"bin_width": 0.5})  # doctest: +SKIP
    >>> execution.record["origin"]["checksum"]  # doctest: +SKIP
    '3f2a…'
    """
    if environment not in ENVIRONMENTS or environment == "both":
        raise ParameterError(f"environment={environment!r}", hint="Say preserved, newest …")
    reporter = reporter or Silent()
    opened = publication if isinstance(publication, Publication) else Publication.open(publication)
    subject = _whole(sealed(opened, reporter=reporter))
    chosen = _chosen(subject, notebook)
    given = Path(data).absolute() if data else None
    found = find_data(subject, given, fetch=fetch, reporter=reporter)
    if found.problem:
        raise ExecutionError(found.problem)
    Path(into).mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".rerun-", dir=Path(into).absolute()) as scratch:
        stage = Stage(subject, found, Path(scratch), sandbox, time_limit, reporter)
        with software_for(
            environment, subject, into=Path(scratch) / "environment", offline=offline,
            reporter=reporter,
        ) as had:  # fmt: skip
            room = Room.of(stage, had, Path(scratch) / "rerun")
            for item in _needed(subject, chosen):
                _must_end(item, room.execute(item))
            execution = room.execute(chosen, values, into=Path(into))
        return _citing(execution, subject, chosen, room.work)


def _whole(subject: Subject) -> Subject:
    if subject.problems:
        path, what = subject.problems[0]
        more = len(subject.problems) - 1
        rest = f" and {more} more files are not as they were sealed" if more else ""
        raise PublicationError(
            f"{subject.name} was changed since it was sealed: {path} {what}{rest}",
            hint="Get it anew from where it was published",
        )
    return subject


def _chosen(subject: Subject, notebook: str | None) -> Item:
    names = [item.path for item in subject.items]
    if notebook is None and len(names) == 1:
        return subject.items[0]
    if notebook is None:
        raise ParameterError(
            f"{subject.name} has {len(names)} notebooks", hint=f"Say which: {', '.join(names)}"
        )
    wanted = (notebook, f"{notebook}.ipynb")
    found = [i for i in subject.items if i.path in wanted or Path(i.path).name in wanted]
    if len(found) != 1:
        raise RecipeNotFound(notebook, names, where=subject.name)
    return found[0]


def _needed(subject: Subject, chosen: Item) -> list[Item]:
    """What has to be executed before, in order."""
    needed = set(chosen.requires)
    for item in reversed(subject.items):
        if item.path in needed:
            needed.update(item.requires)
    return [item for item in subject.items if item.path in needed]


def _must_end(item: Item, execution: Execution) -> None:
    if execution.status != "done":
        raise ExecutionError(f"{item.path}, which is needed before, failed: {execution.error_line}")


def _citing(execution: Execution, subject: Subject, item: Item, work: Path) -> Execution:
    """The execution with its origin, and with the files it worked with beside it."""
    kept = execution.path / "work"
    shutil.move(work, kept)
    record = {
        **execution.record,
        "recipe": {**execution.record["recipe"], "path": str(kept / item.path)},
        "origin": {
            "publication": subject.title,
            "checksum": subject.checksum,
            "notebook": item.path,
        },
    }
    write_atomically(execution.path / RECORD, dumps(record))
    return replace(execution, record=record)
