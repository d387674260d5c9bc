"""Parts handed to a Runner as tasks."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass

from beambook import jobs
from beambook.jobs import Batch, Job, LocalRunner, Resources, Runner, SlurmRunner, Task
from beambook.recipe._part import FINISH
from beambook.recipe._pipeline.environment import environment
from beambook.recipe._pipeline.group import grouped
from beambook.recipe._pipeline.performance import BATCH, Performance
from beambook.words import few

__all__ = ["Where", "chosen", "group", "submit"]

LOCAL_SHORTEST = 2.0  # s; what it takes to start a process and its first kernel
LOCAL_ENOUGH = 30.0  # s; tasks may be longer than what it takes to start them is worth
MOST_TASKS = 1000  # Slurm's own default for the length of an array
NAMES_SHOWN = 3


@dataclass(frozen=True)
class Where:
    """A Runner and what it is called."""

    runner: Runner
    name: str

    def check(self) -> None:
        """See that it takes tasks, before anything is executed for it."""
        if isinstance(self.runner, SlurmRunner):
            self.runner.check()


def chosen(runner: Runner | str | None, *, wait: bool, at_once: int | None = None) -> Where:
    """The runner that is meant; on this machine it stays if nobody waits for it."""
    if runner is None or runner == "local":
        return Where(LocalRunner(at_once, stays=not wait), "local")
    if isinstance(runner, str):
        return Where(jobs.runner(runner, at_once=at_once), runner)
    return Where(runner, "local" if isinstance(runner, LocalRunner) else "slurm")


def group(performance: Performance, runner: Runner) -> Performance:
    """Group the parts into tasks; groups that there are already stay as they are."""
    asked = performance.asked
    if asked.groups or not asked.parts:
        return performance
    seconds = [part.seconds for part in asked.parts]
    shortest = _shortest(runner, sum(seconds))
    asked = asked.but(groups=grouped(seconds, shortest=shortest, most=MOST_TASKS))
    asked.save(performance.path)
    return Performance(performance.path, asked)


def submit(performance: Performance, runner: Runner) -> Job:
    """Hand the tasks over; of those that were handed over before, the ones that are not done."""
    asked, folder = performance.asked, performance.path
    if isinstance(runner, LocalRunner):
        python, cores = sys.executable, _share_of_cores(runner, len(asked.groups))
    else:
        python, cores = _site(runner).python, _site(runner).cores or 1
    program = (python, "-m", "beambook.recipe._part", str(folder))
    tasks = tuple(
        Task(_name(performance, group), (*program, *map(str, group))) for group in asked.groups
    )
    batch = Batch(
        asked.title(),
        tasks,
        folder / BATCH,
        finish=Task(FINISH, (*program, FINISH)),
        environment=environment(threads=cores),
        resources=Resources(cores=cores),
        directory=folder,
    )
    return runner.submit(batch)


def _name(performance: Performance, group: tuple[int, ...]) -> str:
    parts = performance.asked.parts or ()
    names = [parts[i].name for i in group]
    return few(names, NAMES_SHOWN)


def _site(runner: Runner) -> jobs.Site:
    return getattr(runner, "site", None) or jobs.Site.load()


def _shortest(runner: Runner, seconds: float) -> float:
    """How long a task shall last at least; here as long as no core is idle for it."""
    if not isinstance(runner, LocalRunner):
        return _site(runner).min_task_seconds
    workers = runner.at_once or len(os.sched_getaffinity(0))
    return min(LOCAL_ENOUGH, max(LOCAL_SHORTEST, 0.999 * seconds / workers))


def _share_of_cores(runner: LocalRunner, tasks: int) -> int:
    """Few tasks at once on many cores: each gets its share."""
    cores = len(os.sched_getaffinity(0))
    return max(1, cores // max(1, min(tasks, runner.at_once or cores)))
