"""A batch that was handed to a runner: looked at, waited for, stopped and resumed from anywhere."""

from __future__ import annotations

import getpass
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from beambook.card import Card, Described, Table
from beambook.errors import JobError, NameNotFound, RunNotFound, close_names
from beambook.events import Progress, Reporter, Silent
from beambook.jobs._batch import BATCH, Batch
from beambook.jobs._state import TaskState, state_of, summary
from beambook.jobs._status import FINISH, read_json, task_folder

if TYPE_CHECKING:
    from beambook.jobs._runner import Runner

__all__ = ["RUNNER", "Job"]

RUNNER = "runner.json"
FIRST_WAIT, LONGEST_WAIT = 0.05, 2.0


@dataclass(frozen=True, repr=False)
class Job(Described):
    """A batch and the runner that it was handed to.

    Attributes
    ----------
    batch : Batch
    """

    batch: Batch

    @classmethod
    def load(cls, name: str | Path, root: str | Path = "executions") -> Job:
        """Find a job again.

        Parameters
        ----------
        name : str or Path
            Its folder (or the one above, if it is called ``batch``), its id below `root`, or
            the beginning of the id if only one begins so.
        root : str or Path
            Folder of batches.

        Returns
        -------
        Job

        Raises
        ------
        RunNotFound
            If there is none, or several begin so.
        """
        for folder in (Path(name), Path(name) / "batch"):
            if str(name) and (folder / BATCH).is_file():
                return cls(Batch.load(folder))
        return cls(Batch.load(_find(str(name), Path(root))))

    @classmethod
    def all(cls, root: str | Path = "executions") -> tuple[Job, ...]:
        """Jobs in a folder, the newest first."""
        return tuple(cls(Batch.load(folder)) for folder in _folders(Path(root)))

    @property
    def folder(self) -> Path:
        """Keeps all about it."""
        return self.batch.folder

    @property
    def id(self) -> str:
        """What the command line calls it."""
        return self.batch.id

    @property
    def title(self) -> str:
        """What a person calls it."""
        return self.batch.title

    @property
    def runner(self) -> Runner:
        """Where it runs, as its folder says.

        Raises
        ------
        JobError
            If it was never handed to one.
        """
        from beambook.jobs._runner import runner_of  # the runners know Job

        return runner_of(self.folder)

    @property
    def state(self) -> str:
        """One word for all tasks."""
        return state_of(self.states())

    def states(self) -> tuple[TaskState, ...]:
        """How each task goes, in their order, then the finish if there is one."""
        if not (self.folder / RUNNER).is_file():
            return self._never_submitted()
        return self.runner.states(self)

    def _never_submitted(self) -> tuple[TaskState, ...]:
        """No runner took it, as where there is no Slurm; it can be resumed on another."""
        why = "was never submitted"
        states = [TaskState(each.name, "lost", why) for each in self.batch.tasks]
        if self.batch.finish:
            states.append(TaskState(FINISH, "lost", why, is_finish=True))
        return tuple(states)

    def wait(
        self, reporter: Reporter | None = None, *, seconds: float | None = None
    ) -> tuple[TaskState, ...]:
        """Wait for the end of all tasks and of the finish.

        An interrupt (Ctrl-C) stops a job that runs here in the foreground; one on a cluster
        goes on.

        Parameters
        ----------
        reporter : Reporter, optional
            Takes progress: how many tasks of how many have ended.
        seconds : float, optional
            Wait no longer than this, in s.

        Returns
        -------
        tuple of TaskState
        """
        try:
            return self._wait(reporter or Silent(), seconds)
        except KeyboardInterrupt:
            if not read_json(str(self.folder / RUNNER)).get("stays", True):
                self.stop()
            raise

    def _wait(self, reporter: Reporter, seconds: float | None) -> tuple[TaskState, ...]:
        runner, pause, began = self.runner, FIRST_WAIT, time.monotonic()
        while True:
            states = runner.states(self)
            ended = [each for each in states if each.is_final]
            took = time.monotonic() - began
            reporter(Progress(self.title, len(ended), len(states), summary(states), took))
            if len(ended) == len(states) or (seconds is not None and took >= seconds):
                return states
            time.sleep(pause if seconds is None else min(pause, max(0.0, seconds - took)))
            pause = min(pause * 1.15, LONGEST_WAIT)

    def stop(self) -> None:
        """End all that runs and begin nothing more; what is done stays done."""
        self.runner.stop(self)

    def resume(self, runner: Runner | None = None) -> Job:
        """Run what has not succeeded.

        Parameters
        ----------
        runner : Runner, optional
            Somewhere else than before.

        Returns
        -------
        Job

        Raises
        ------
        JobError
            If it still runs.
        """
        return (runner or self.runner).submit(self.batch)

    def log(self, task: int | str) -> str:
        """What a task has printed, and what beambook has to say about it.

        Parameters
        ----------
        task : int or str
            Its number, its name, or ``"finish"``.

        Returns
        -------
        str

        Raises
        ------
        NameNotFound
            If there is no such task.
        """
        path = Path(task_folder(str(self.folder), self._which(task))) / "log.txt"
        return path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""

    def _which(self, task: int | str) -> int | str:
        names = [each.name for each in self.batch.tasks]
        if task == FINISH and self.batch.finish:
            return FINISH
        if str(task).isdecimal() and int(task) < len(names):
            return int(task)
        if task in names:
            return names.index(str(task))
        where = f"{self.id}, which has the numbers 0 to {len(names) - 1}"
        raise NameNotFound(str(task), [*names, FINISH], where=where)

    def card(self) -> Card:
        """State, counts, and the tasks that did not end well."""
        states = self.states()
        began = [each.started for each in states if each.started]
        facts = {"title": self.title, "state": state_of(states), "tasks": summary(states)}
        if began:
            at = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(min(began)))
            facts["began"] = at
        facts |= {"runs on": str(read_json(str(self.folder / RUNNER)).get("runner", ""))}
        facts |= {"folder": str(self.folder)}
        rows = tuple(_row(number, each) for number, each in enumerate(states))
        columns = ("task", "name", "state", "node", "time", "memory", "tries", "reason")
        tables = (Table(columns, rows, "tasks"),)
        return Card("Job", self.id, facts, tables, self._hints(states))

    def _hints(self, states: tuple[TaskState, ...]) -> tuple[str, ...]:
        if not all(each.is_final for each in states):
            return (f"beambook stop {self.id}",)
        if all(each.ended_well for each in states):
            return ()
        return (f"beambook log {self.id}", f"beambook run --resume {self.id}")


def _row(number: int, state: TaskState) -> tuple[str, ...]:
    return (
        FINISH if state.is_finish else str(number),
        state.name,
        state.state,
        state.node,
        f"{state.seconds:.1f} s" if state.started else "",
        f"{state.peak_memory / 1e9:.2f} GB" if state.peak_memory else "",
        str(state.attempts or ""),
        state.reason or "; ".join(state.earlier),
    )


def user_name() -> str:
    """Who asks, for the note that a batch was stopped."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "somebody"


def refuse_if_alive(job: Job, states: tuple[TaskState, ...]) -> None:
    """Two runners must not work in one folder."""
    if not all(each.is_final for each in states):
        raise JobError(
            f"{job.id} still runs: {summary(states)}", hint=f"Stop it first: beambook stop {job.id}"
        )


def _folders(root: Path) -> list[Path]:
    files = [*root.glob(f"*/{BATCH}"), *root.glob(f"*/batch/{BATCH}")] if root.is_dir() else []
    return [file.parent for file in sorted(files, key=lambda f: f.stat().st_mtime, reverse=True)]


def _find(name: str, root: Path) -> Path:
    by_id = {folder.parent.name if folder.name == "batch" else folder.name: folder
             for folder in _folders(root)}  # fmt: skip
    found = [name] if name in by_id else [each for each in by_id if each.startswith(name)]
    if len(found) == 1 and name:
        return by_id[found[0]]
    if len(found) > 1:
        raise RunNotFound(
            f"{len(found)} jobs in {root} begin with {name!r}",
            hint=f"Say which: {', '.join(sorted(found)[-3:])}",
        )
    close = close_names(name, by_id) or list(by_id)[:3]
    hint = f"Others are {', '.join(close)}" if close else "There is none at all"
    raise RunNotFound(f"No job {name!r} in {root}", hint=hint)
