"""How the tasks of a batch go on Slurm: their own files lead, Slurm fills in."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from beambook.errors import JobError
from beambook.jobs._batch import Batch
from beambook.jobs._job import RUNNER
from beambook.jobs._slurm_queue import Said, in_words, queue, remembered
from beambook.jobs._slurm_script import from_ranges
from beambook.jobs._state import TaskState
from beambook.jobs._status import (
    FINISH,
    MOST_ATTEMPTS,
    read_json,
    read_status,
    stop_note,
)

__all__ = ["Submissions", "states_of"]

SHORTEST_SECONDS, LONGEST_SECONDS = 0.3, 15.0
OUT_OF_MEMORY = ("exceeded memory limit", "oom-kill", "oom_kill", "Exceeded job memory limit")
TAIL = 4000
SETTLED = ("done", "failed", "lost")  # `lost` is written only where nobody tries it again


class Submissions:
    """The jobs of a batch, and what Slurm says of them.

    Slurm is asked seldom: the longer the batch lasts, the less often.

    Parameters
    ----------
    folder : Path
        Of the batch.
    conf : str
        Slurm's configuration file, where it is not the system's.
    """

    def __init__(self, folder: Path, conf: str = "") -> None:
        self.folder, self.conf = folder, conf
        self.answers = True
        self._record: dict[str, Any] = {}
        self._ids: dict[int | str, str] = {}
        self._counts: dict[int | str, int] = {}
        self._queue: dict[str, Said] = {}
        self._asked = 0.0
        self._remembered: dict[str, Said | None] = {}

    @property
    def jobs(self) -> list[str]:
        """Numbers of all jobs and arrays."""
        self._read()
        arrays = [array["job"] for array in self._record.get("arrays", [])]
        return [*arrays, *([self._record["finish"]] if self._record.get("finish") else [])]

    def refresh(self) -> None:
        """Ask Slurm, unless it was asked a moment ago about the same jobs."""
        changed = self._read()
        age = time.time() - self._record.get("submitted", 0.0)
        pause = min(max(age / 30, SHORTEST_SECONDS), LONGEST_SECONDS)
        if not changed and time.monotonic() - self._asked < pause:
            return
        self._asked = time.monotonic()
        try:
            self._queue = queue(self.jobs, conf=self.conf)
            self.answers = True
        except JobError:
            self.answers = False

    def id_of(self, which: int | str) -> str:
        """What Slurm calls a task in its last submission, e.g. ``12_3``."""
        return self._ids.get(which, "")

    def count(self, which: int | str) -> int:
        """How often a task was submitted."""
        return self._counts.get(which, 0)

    def said(self, which: int | str) -> Said | None:
        """What the queue says of a task; None if it does not know it."""
        return self._queue.get(self.id_of(which))

    def end_of(self, which: int | str, raw: str) -> Said | None:
        """What Slurm remembers of a task that has left the queue."""
        job = self.id_of(which)
        if job and self._remembered.get(job) is None:
            self._remembered[job] = remembered(job, raw, conf=self.conf)
        return self._remembered.get(job)

    @property
    def finish_lives(self) -> bool:
        """Whether the job that finishes, and tries lost tasks again, has yet to end."""
        said = self.said(FINISH)
        return said is not None and (said.waits or said.runs)

    def _read(self) -> bool:
        """Read which jobs there are; whether that has changed."""
        record = read_json(str(self.folder / RUNNER))
        if record == self._record:
            return False
        self._record = record
        self._ids, self._counts = {}, {}
        for array in record.get("arrays", []):
            for number in from_ranges(array["tasks"]):
                self._ids[number] = f"{array['job']}_{number - array['offset']}"
                self._counts[number] = self._counts.get(number, 0) + 1
        if record.get("finish"):
            self._ids[FINISH] = record["finish"]
        return True


def states_of(batch: Batch, jobs: Submissions, *, settling: bool = False) -> tuple[TaskState, ...]:
    """How each task goes, then the finish if there is one.

    `settling`: lost tasks are called so, even while somebody is left to try them again.
    """
    if all(_is_settled(batch, which) for which in _all(batch)):
        return tuple(_said(batch, which) for which in _all(batch))
    jobs.refresh()  # before the files are read: a task that is gone has written all by then
    return tuple(_state(batch, jobs, which, settling=settling) for which in _all(batch))


def _all(batch: Batch) -> list[int | str]:
    return [*range(len(batch.tasks)), *([FINISH] if batch.finish else [])]


def _said(batch: Batch, which: int | str) -> TaskState:
    """What a task says of itself."""
    task = batch.finish if isinstance(which, str) else batch.tasks[which]
    name = task.name if task else ""
    return TaskState.of(name, read_status(str(batch.folder), which), is_finish=which == FINISH)


def _is_settled(batch: Batch, which: int | str) -> bool:
    """Whether its file has the last word, so that Slurm need not be asked."""
    state = read_status(str(batch.folder), which).get("state", "")
    return state in SETTLED or (state == "stopped" and bool(stop_note(str(batch.folder))))


def _state(batch: Batch, jobs: Submissions, which: int | str, *, settling: bool) -> TaskState:
    state = _said(batch, which)
    if not state.slurm_id:
        state = state.but(state.state, state.reason, slurm_id=jobs.id_of(which))
    if state.state in SETTLED:
        return state
    said = jobs.said(which)
    if said is not None and said.waits:
        return state.but("queued", in_words(said)[1], node="")
    if said is not None and said.runs:
        return _started(state, said.node) if _is_new(state) else state.ticking()
    note = stop_note(str(batch.folder))
    if note:
        return state if state.state == "stopped" else state.but("stopped", note)
    return _ended(batch, jobs, which, state, settling=settling)


def _is_new(state: TaskState) -> bool:
    """Slurm has started it, and it has not said so yet, or was started again."""
    return state.state in ("queued", "stopped")


def _started(state: TaskState, node: str) -> TaskState:
    return state.but("running", node=state.node or node)


def _ended(
    batch: Batch, jobs: Submissions, which: int | str, state: TaskState, *, settling: bool
) -> TaskState:
    """A task that Slurm no longer runs and that has not said how it ended."""
    if not jobs.answers:
        return state if state.reason else state.but(state.state, "Slurm does not answer")
    status = read_status(str(batch.folder), which)
    end = jobs.end_of(which, str(status.get("slurm_job", "")))
    if end is not None and (end.waits or end.runs):
        return state
    word, reason = in_words(end) if end else ("lost", "Slurm remembers nothing of it")
    if state.state == "stopped":  # it was asked to end: Slurm knows why
        known = end is not None and end.state in ("TIMEOUT", "PREEMPTED", "NODE_FAIL", "DEADLINE")
        return state.but(word, reason) if known else state
    word, reason = _look_closer(batch.folder, jobs, which, end, state, word, reason)
    tries = max(state.attempts, jobs.count(which))
    if word == "lost" and not settling and jobs.finish_lives and tries < MOST_ATTEMPTS:
        return state.but("queued", f"{reason}; it will be tried again")
    node = state.node or (end.node if end else "")
    signal = state.signal or (end.signal if end else None)
    return state.but(word, reason, node=node, signal=signal)


def _look_closer(
    folder: Path,
    jobs: Submissions,
    which: int | str,
    end: Said | None,
    state: TaskState,
    word: str,
    reason: str,
) -> tuple[str, str]:
    """What the job's own output says that Slurm's states do not."""
    path = folder / "slurm" / f"{jobs.id_of(which)}.out"
    text = path.read_text(errors="replace")[-TAIL:] if path.is_file() else ""
    if any(sign in text for sign in OUT_OF_MEMORY):
        return "failed", "out of memory: Slurm ended it for taking more than it had asked for"
    if not state.attempts and end is not None and end.exit:
        last = text.strip().splitlines()[-1:] or [f"do the nodes see {folder}?"]
        return "failed", f"its script failed before the task began (exit {end.exit}): {last[0]}"
    return word, reason
