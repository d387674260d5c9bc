"""Ctrl-C: what was verified until then is kept, and said to be incomplete."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Protocol

from beambook.errors import BeambookError
from beambook.publication._verify.leg import Leg, NotebookVerdict
from beambook.publication._verify.outcome import judged, not_reached
from beambook.publication._verify.subject import Item
from beambook.recipe import Execution

__all__ = ["STOPPED", "LegStopped", "VerificationStopped", "with_rest"]

STOPPED = "the verification was stopped before its end"


class LegStopped(KeyboardInterrupt):
    """A leg was stopped; `leg` is what was known until then."""

    def __init__(self, leg: Leg) -> None:
        super().__init__("stopped")
        self.leg = leg


class Saved(Protocol):
    """A verification that was written."""

    @property
    def path(self) -> Path:
        """Its folder."""


class VerificationStopped(KeyboardInterrupt):
    """A verification was stopped; `verification` has what was verified until then, and is saved."""

    def __init__(self, verification: Saved) -> None:
        where = verification.path / "verdict.html"
        super().__init__(f"stopped; what was verified until then is in {where}")
        self.verification = verification


def with_rest(
    done: tuple[NotebookVerdict, ...], items: tuple[Item, ...], executions: Path
) -> tuple[NotebookVerdict, ...]:
    """The verdicts of all notebooks: of the one that was stopped as far as it came.

    Parameters
    ----------
    done : tuple of NotebookVerdict
        Of the first notebooks.
    items : tuple of Item
        All of them.
    executions : Path
        Folder of the executions.
    """
    rest = items[len(done) :]
    halves = sorted(set(executions.glob("*")) - {each.execution for each in done})
    half = [_half(rest[0], folder) for folder in halves[:1] if rest]
    missed = (not_reached(i.path, i.reference, STOPPED, i.claims) for i in rest[len(half) :])
    return (*done, *half, *missed)


def _half(item: Item, folder: Path) -> NotebookVerdict:
    try:
        execution = Execution.load(folder)
    except BeambookError:  # stopped before it had a record
        return not_reached(item.path, item.reference, STOPPED, item.claims)
    verdict = judged(item.path, execution, item.reference, claims=item.claims)
    return replace(verdict, problem=STOPPED)
