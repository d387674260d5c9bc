"""Where work runs."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from beambook.errors import JobError, ParameterError
from beambook.jobs._batch import Batch
from beambook.jobs._job import RUNNER, Job, refuse_if_alive
from beambook.jobs._state import TaskState
from beambook.jobs._status import FINISH, read_json, read_status, task_folder

if TYPE_CHECKING:
    from beambook.jobs._site import Site

__all__ = ["Runner", "is_done", "prepare", "runner", "runner_of"]


class Runner(Protocol):
    """Takes batches, and knows how they go."""

    def submit(self, batch: Batch) -> Job:
        """Run all tasks that have not succeeded, then the finish.

        A batch whose folder is there already is resumed.
        """

    def states(self, job: Job) -> tuple[TaskState, ...]:
        """How each task goes, in their order, then the finish if there is one."""

    def stop(self, job: Job) -> None:
        """End all that runs and begin nothing more."""


def runner(name: str, *, at_once: int | None = None, site: Site | None = None) -> Runner:
    """The runner of this name.

    Parameters
    ----------
    name : str
        ``"local"`` or ``"slurm"``.
    at_once : int, optional
        How many tasks run at once, else as many as fit.
    site : Site, optional
        Of the cluster; else what `Site.load` finds.

    Returns
    -------
    Runner

    Raises
    ------
    ParameterError
        If there is no such runner.
    """
    if name == "local":
        from beambook.jobs._local import LocalRunner

        return LocalRunner(at_once)
    if name == "slurm":
        from beambook.jobs._slurm import SlurmRunner

        return SlurmRunner(site, at_once=at_once)
    raise ParameterError(f"No runner {name!r}", hint="Work runs on 'local' or on 'slurm'")


def runner_of(folder: Path) -> Runner:
    """The runner that a batch was handed to."""
    record = read_json(str(folder / RUNNER))
    if record.get("runner") == "local":
        from beambook.jobs._local import LocalRunner

        return LocalRunner(record.get("at_once"), stays=record.get("stays", False))
    if record.get("runner") == "slurm":
        from beambook.jobs._slurm import SlurmRunner

        return SlurmRunner.of(record)
    raise JobError(f"The batch in {str(folder)!r} was never handed to a runner")


def prepare(batch: Batch) -> list[int]:
    """Write the batch, or make its folder ready to go on; the numbers of tasks to run.

    What a task has said before is kept beside, as ``status-1.json`` and so on.
    """
    job = Job(batch)
    if (batch.folder / RUNNER).is_file():
        refuse_if_alive(job, job.states())
    batch.save()
    (batch.folder / "stop.json").unlink(missing_ok=True)
    folder = str(batch.folder)
    todo = [k for k in range(len(batch.tasks)) if read_status(folder, k).get("state") != "done"]
    again: list[int | str] = [*todo]
    if batch.finish and _finish_is_due(folder, todo):
        again.append(FINISH)
    for which in again:
        _put_aside(Path(task_folder(folder, which)))
    return todo


def is_done(batch: Batch) -> bool:
    """Whether nothing is left to do, so that no runner need be asked."""
    folder = str(batch.folder)
    every = [*range(len(batch.tasks)), *([FINISH] if batch.finish else [])]
    return (batch.folder / RUNNER).is_file() and all(
        read_status(folder, which).get("state") == "done" for which in every
    )


def _finish_is_due(folder: str, todo: list[int]) -> bool:
    return bool(todo) or read_status(folder, FINISH).get("state") != "done"


def _put_aside(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    status = folder / "status.json"
    if status.exists():
        number = 1 + len(list(folder.glob("status-*.json")))
        os.replace(status, folder / f"status-{number}.json")
