"""The software that a leg is executed in: preserved, made again, newest, or what is here."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from beambook.errors import EnvironmentProblem
from beambook.publication._verify.leg import Software
from beambook.publication._verify.subject import Subject

__all__ = ["ENVIRONMENTS", "Had", "leg_names", "software_for"]

ENVIRONMENTS = ("preserved", "recreated", "newest", "both", "here")


@dataclass(frozen=True)
class Had:
    """Software that can be executed in.

    Attributes
    ----------
    python : Path
    software : Software
    """

    python: Path
    software: Software


def leg_names(environment: str) -> tuple[str, ...]:
    """The legs that a choice of environment means.

    Examples
    --------
    >>> leg_names("both")
    ('preserved', 'newest')
    """
    return ("preserved", "newest") if environment == "both" else (environment,)


@contextmanager
def software_for(name: str, subject: Subject, *, offline: bool) -> Iterator[Had]:
    """Have the software of a leg while its notebooks are executed.

    Raises
    ------
    EnvironmentProblem
        If it cannot be had.
    """
    if name == "here":
        version = ".".join(map(str, sys.version_info[:3]))
        yield Had(Path(sys.executable), Software("here", version, sys.executable))
    else:
        raise EnvironmentProblem(f"{subject.name}: no {name} software")
