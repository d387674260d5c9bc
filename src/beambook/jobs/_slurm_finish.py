"""The job that waits for all tasks: ``python -P -m beambook.jobs._slurm_finish FOLDER``.

Tries lost tasks again and waits for them in a new job, or else writes down how those ended
that could not do it themselves, and runs the finish.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from beambook.errors import JobError
from beambook.jobs._job import RUNNER, Job
from beambook.jobs._slurm import SlurmRunner
from beambook.jobs._slurm_states import Submissions, states_of
from beambook.jobs._state import TaskState
from beambook.jobs._status import (
    FINISH,
    MOST_ATTEMPTS,
    read_json,
    read_status,
    stop_note,
    write_status,
)
from beambook.jobs._task import run_task

__all__ = ["finish"]

PATIENCE_SECONDS = 20.0


def finish(folder: str) -> int:
    """End the batch in `folder`, or try again what got lost.

    Returns
    -------
    int
        Exit status of this job.
    """
    job = Job.load(folder)
    record = read_json(str(job.folder / RUNNER))
    jobs = Submissions(job.folder, record.get("conf", ""))
    states = _settled(job, jobs)
    lost = [
        number
        for number, state in enumerate(states)
        if state.state == "lost" and _may_again(jobs, number, state)
    ]
    if lost and not stop_note(folder) and _try_again(job, record, lost):
        return 0
    _write_down(job, states)
    _tidy(job.folder / "slurm")
    return run_task(folder, FINISH) if job.batch.finish else 0


def _settled(job: Job, jobs: Submissions) -> tuple[TaskState, ...]:
    """How the tasks ended; files of other nodes may take a moment to be seen here."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        states = states_of(job.batch, jobs, settling=True)[: len(job.batch.tasks)]
        if all(each.is_final for each in states) or time.monotonic() > deadline:
            return states
        time.sleep(1.0)


def _may_again(jobs: Submissions, number: int, state: TaskState) -> bool:
    return max(state.attempts, jobs.count(number)) < MOST_ATTEMPTS


def _try_again(job: Job, record: dict[str, object], lost: list[int]) -> bool:
    try:
        SlurmRunner.of(record).submit_again(job, lost)
    except JobError as error:
        _say(f"{len(lost)} lost tasks cannot be tried again from within a job: {error}")
        return False
    _say(f"{len(lost)} lost tasks are tried again")
    return True


def _write_down(job: Job, states: tuple[TaskState, ...]) -> None:
    """What Slurm forgets after some minutes stays in the files of the tasks."""
    for number, state in enumerate(states):
        status = read_status(str(job.folder), number)
        if status.get("state") == state.state:
            continue
        ended = status.get("ended") or status.get("heartbeat")
        said = {
            "name": state.name,
            "state": state.state if state.is_final else "lost",
            "reason": state.reason,
            "exit": state.exit,
            "signal": state.signal,
            "node": state.node,
            "slurm_id": state.slurm_id,
            "ended": ended,
        }
        write_status(str(job.folder), number, status | said)


def _tidy(folder: Path) -> None:
    """Remove what jobs have printed outside of their tasks where that is nothing."""
    for path in folder.glob("*.out"):
        if path.stat().st_size == 0:
            path.unlink()


def _say(text: str) -> None:
    sys.stderr.write(f"[beambook] {text}\n")


if __name__ == "__main__":
    sys.exit(finish(sys.argv[1]))
