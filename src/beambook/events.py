"""Progress as objects: who works says so to a Reporter that it was given.

Nothing here prints. The command line, a notebook or a web page each bring
a Reporter of their own; without one the work is silent.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

__all__ = ["Progress", "Reporter", "Silent"]


@dataclass(frozen=True)
class Progress:
    """One step of something that takes longer than two seconds.

    Attributes
    ----------
    task : str
        What is going on, e.g. the recipe's name.
    done, total : int
        Steps finished and steps in all; `total` 0 when nobody knows.
    label : str
        The step that begins now, e.g. the heading above a cell; at the end, what came out.
    seconds : float
        Time since the task began, in s.
    """

    task: str
    done: int
    total: int
    label: str = ""
    seconds: float = 0.0


class Reporter(Protocol):
    """Takes progress; must be quick and must not raise."""

    def __call__(self, progress: Progress, /) -> None:
        """Take one step."""


class Silent:
    """The Reporter that says nothing."""

    def __call__(self, progress: Progress, /) -> None:
        """Take one step and drop it."""
