"""Software that nobody froze: what requirement files say, locked for this verification."""

from __future__ import annotations

from pathlib import Path

from beambook.environment import Environment
from beambook.errors import EnvironmentProblem
from beambook.publication._verify.subject import Subject

__all__ = ["locked"]


def locked(
    subject: Subject, into: Path, *, newest: bool, offline: bool
) -> tuple[Environment, tuple[str, ...]]:
    """Lock what is asked for: as of the notebooks' date, or the newest of everything.

    Parameters
    ----------
    subject : Subject
    into : Path
        Folder for the lock.
    newest : bool
        Forget versions: the newest of every package that is named.
    offline : bool

    Raises
    ------
    EnvironmentProblem
        If it cannot be resolved.
    """
    raise EnvironmentProblem("requirement files cannot be read yet")
