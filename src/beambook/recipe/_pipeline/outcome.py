"""How one part of a pipeline ended, or where it is now."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from beambook.recipe._execution import ALIVE, Execution
from beambook.recipe._pipeline.part import Part

__all__ = ["FINAL", "Outcome"]

FINAL = ("done", "failed", "killed", "lost", "missing")


@dataclass(frozen=True)
class Outcome:
    """A part, and what came of it.

    Attributes
    ----------
    part : Part
    task : int
        Position of the task that has it; -1 before it has one.
    status : str
        ``queued``, ``running``, ``done``, ``failed``, ``killed``; ``lost`` if its task ended
        in the middle of it, ``missing`` if its task ended before it.
    execution : Execution or None
        The attempt that counts.
    attempts : int
    reason : str
        Why the task ended, where the execution could not say so any more.
    """

    part: Part
    task: int
    status: str
    execution: Execution | None = None
    attempts: int = 0
    reason: str = ""

    @classmethod
    def of(
        cls, part: Part, task: int, attempts: tuple[Execution, ...], *, ended: bool, reason: str
    ) -> Outcome:
        """Judge the attempts; `ended`: no process works on it any more."""
        done = [each for each in attempts if each.status == "done"]
        if not attempts:
            return cls(part, task, "missing" if ended else "queued", reason=reason if ended else "")
        counts = (done or list(attempts))[-1]
        status, why = counts.status, ""
        if _has_no_end(counts):
            status, why = ("lost", reason) if ended else ("running", "")
        return cls(part, task, status, counts, len(attempts), why)

    @property
    def is_done(self) -> bool:
        """Whether it succeeded."""
        return self.status == "done"

    @property
    def error_line(self) -> str:
        """What is wrong, in one line; empty if nothing is."""
        if self.status in ("lost", "missing"):
            what = "its task ended in the middle of it" if self.execution else "was never started"
            return f"{what}: {self.reason}" if self.reason else what
        return self.execution.error_line if self.execution else ""

    @property
    def node(self) -> str:
        """Where it was executed: what Slurm calls the node, else its host name."""
        if self.execution is None:
            return ""
        record = self.execution.record
        return str((record.get("slurm") or {}).get("slurmd_nodename") or record["host"])

    @property
    def started(self) -> str:
        """When the attempt that counts began, ISO 8601."""
        return str(self.execution.record["started"] or "") if self.execution else ""

    @property
    def seconds(self) -> float:
        """How long the attempt that counts took, in s."""
        return self.execution.seconds if self.execution else 0.0

    @property
    def peak_memory(self) -> int:
        """Of its kernel, in bytes; 0 if unknown."""
        return int(self.execution.record["peak_memory"] or 0) if self.execution else 0

    def to_json(self) -> dict[str, Any]:
        """As ``parts.json`` has it."""
        return {
            "name": self.part.name,
            "values": dict(self.part.values),
            "status": self.status,
            "error": self.error_line,
            "folder": str(self.execution.path) if self.execution else "",
            "seconds": self.seconds,
            "attempts": self.attempts,
            "results": dict(self.execution.results) if self.execution else {},
        }


def _has_no_end(execution: Execution) -> bool:
    """Nobody wrote how it ended: its process lives, is on another machine, or was killed."""
    abandoned = execution.error is not None and execution.error.get("name") == "Abandoned"
    return execution.status in ALIVE or abandoned
