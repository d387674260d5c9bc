"""Software that nobody froze: what requirement files say, locked for this verification."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

from beambook.environment import (
    Declared,
    Environment,
    guess_requirements,
    newest,
    read_declared,
)
from beambook.errors import EnvironmentProblem
from beambook.events import Reporter
from beambook.publication._verify.subject import Subject, root_of
from beambook.recipe._provenance import git_date

__all__ = ["declared_by", "locked", "locked_newest"]


def locked(
    subject: Subject, into: Path, *, offline: bool, reporter: Reporter
) -> tuple[Environment, tuple[str, ...]]:
    """Lock what requirement files ask for, as it was at the date of the notebooks.

    Parameters
    ----------
    subject : Subject
    into : Path
        Folder for the lock.
    offline : bool
    reporter : Reporter

    Returns
    -------
    Environment, tuple of str
        And notes.

    Raises
    ------
    EnvironmentProblem
        If it cannot be resolved.
    """
    declared = declared_by(subject)
    day = declared.date or _committed(subject)
    if day is None:
        note = "nobody knows when the notebooks were executed: versions are today's"
        return _lock(declared, into, None, offline=offline, reporter=reporter), (note,)
    try:
        return _lock(declared, into, day, offline=offline, reporter=reporter), (
            f"versions as of {day}, when the notebooks were last executed",
        )
    except EnvironmentProblem as problem:  # e.g. an index that does not tell dates
        made = _lock(declared, into, None, offline=offline, reporter=reporter)
        return made, (f"versions are today's, not those of {day}: {_first_line(problem)}",)


def locked_newest(
    subject: Subject, frozen: Environment | None, into: Path, *, offline: bool, reporter: Reporter
) -> tuple[Environment, tuple[str, ...]]:
    """Lock the newest versions of what was sealed or is asked for.

    Raises
    ------
    EnvironmentProblem
        If it cannot be resolved.
    """
    wanted: Environment | Declared = frozen if frozen is not None else declared_by(subject)
    return newest(wanted, into, offline=offline, reporter=reporter), ()


def declared_by(subject: Subject) -> Declared:
    """What files in the folder, or above it in its checkout, ask for; else a guess.

    Raises
    ------
    EnvironmentProblem
        If a file is not what its name says.
    """
    notebooks = subject.originals
    for folder in _folders(subject):
        declared = read_declared(folder)
        if not declared.guessed:
            return declared.hinted(notebooks)
    return guess_requirements(notebooks).hinted(notebooks)


def _folders(subject: Subject) -> Iterator[Path]:
    """From the one of the notebook to that of the whole checkout."""
    first = subject.originals[0]
    top = root_of(first)
    start = first.parent if subject.kind == "notebook" else subject.root
    for folder in (start, *start.parents):
        yield folder
        if folder in (top, Path(folder.anchor)) or not folder.is_relative_to(top):
            return


def _committed(subject: Subject) -> date | None:
    days = [day for each in subject.originals if (day := git_date(each)) is not None]
    return max(days, default=None)


def _lock(
    declared: Declared, into: Path, before: date | None, *, offline: bool, reporter: Reporter
) -> Environment:
    # Of an old publication the Python is rarely here: the nearest is tried, and that is said.
    return declared.lock(into, before=before, offline=offline, closest=True, reporter=reporter)


def _first_line(problem: EnvironmentProblem) -> str:
    return " ".join(problem.message.split())[:200]
