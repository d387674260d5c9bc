"""Attempts at one step of a pipeline: a folder of Executions, of which one counts."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from beambook.errors import DamagedFile, RunNotFound
from beambook.recipe._execution import RECORD, Execution

__all__ = ["Stage"]


@dataclass(frozen=True)
class Stage:
    """One step: the notebook before, a part, the notebook after.

    Attributes
    ----------
    folder : Path
        Every attempt has a folder of its own in it; none is ever written over.
    """

    folder: Path

    def attempts(self) -> tuple[Execution, ...]:
        """All that was tried, the oldest first; an attempt that has no record yet is left out."""
        found = []
        for path in self.folder.glob(f"*/{RECORD}"):
            try:
                found.append(Execution.load(path.parent))
            except (RunNotFound, DamagedFile):  # a power cut between the folder and its record
                continue
        return tuple(sorted(found, key=lambda e: (str(e.record["created"]), e.id)))

    def execution(self) -> Execution | None:
        """The attempt that counts: the newest that is done, else the newest."""
        attempts = self.attempts()
        done = tuple(each for each in attempts if each.status == "done")
        return (done or attempts)[-1] if attempts else None

    @property
    def is_done(self) -> bool:
        """Whether one attempt succeeded."""
        found = self.execution()
        return found is not None and found.status == "done"
