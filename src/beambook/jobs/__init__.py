"""Where work runs: on this machine, or on a Slurm cluster; Dask in one line.

Generic: a task is a command line. What is kept is a folder, so that a job can be looked
at, stopped and resumed from any other process, on any other day::

    FOLDER/batch.json                     what was asked: tasks, finish, environment, resources
    FOLDER/runner.json                    where it runs: runner, site, submissions
    FOLDER/tasks/0000/{status.json,log.txt}, …, FOLDER/finish/{status.json,log.txt}

::

    Task(name: str, argv: tuple[str, ...])
    Resources(cores: int = 1, memory: int | None = None, seconds: float | None = None)
    Batch(title: str, tasks: tuple[Task, ...], folder: Path, *, finish: Task | None = None,
          environment: Mapping[str, str] = BEAMBOOK_* of the caller,
          resources: Resources = Resources(), directory: Path = current folder)
    Runner (Protocol)    .submit(batch) -> Job    runs what has not succeeded: also resumes
                         .states(job) -> tuple[TaskState, ...]     finish is the last, if any
                         .stop(job) -> None
    LocalRunner(at_once: int | None = None, *, stays: bool = False)
                         stays=True: goes on when the caller ends; else it ends with the caller
    SlurmRunner(site: Site = Site.load(), *, at_once: int | None = None)
    runner("local" | "slurm", *, at_once=None, site=None) -> Runner
    Job                  .batch .folder .id .title
                         Job.load(FOLDER or id or its beginning, root="executions")
                         Job.all(root="executions") -> tuple[Job, ...], the newest first
                         .states() -> tuple[TaskState, ...]       tasks, then finish
                         .state -> "queued|running|done|failed|lost|stopped" of all together
                         .wait(reporter=None, *, seconds=None) -> tuple[TaskState, ...]
                         .stop()  .resume(runner=None) -> Job  .log(task: int | str) -> str
    TaskState            name state reason exit signal attempts node started ended seconds
                         peak_memory slurm_id       (started, ended: s since 1970, or None)
                         .ended_well  .is_final  .is_finish
    Site                 partition account qos memory time cores preamble sbatch at_once
                         min_task_seconds=30 python interface; Site.load(path=None)
    cluster(n=None, *, on="local" | "slurm" | "tcp://…") -> dask.distributed.Client

The id of a batch is its folder's name; in a folder called ``batch``, that of the folder above.
A task finds ``BEAMBOOK_TASK`` (its number), ``BEAMBOOK_ATTEMPT`` (from 1) and
``BEAMBOOK_BATCH`` (the folder) in its environment, which is otherwise clean: PATH, HOME,
USER, LANG, ``SLURM_*``, what the site's preamble sets, and `Batch.environment`.
It is run again (three attempts in all) if it dies by a signal, never if it exits by itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from beambook.first_use import at_first_use

if TYPE_CHECKING:
    from beambook.jobs._batch import Batch as Batch
    from beambook.jobs._batch import Resources as Resources
    from beambook.jobs._batch import Task as Task
    from beambook.jobs._cluster import cluster as cluster
    from beambook.jobs._job import Job as Job
    from beambook.jobs._local import LocalRunner as LocalRunner
    from beambook.jobs._runner import Runner as Runner
    from beambook.jobs._runner import runner as runner
    from beambook.jobs._site import Site as Site
    from beambook.jobs._slurm import SlurmRunner as SlurmRunner
    from beambook.jobs._state import TaskState as TaskState

_HOME = {
    "Batch": "_batch",
    "Job": "_job",
    "LocalRunner": "_local",
    "Resources": "_batch",
    "Runner": "_runner",
    "Site": "_site",
    "SlurmRunner": "_slurm",
    "Task": "_batch",
    "TaskState": "_state",
    "cluster": "_cluster",
    "runner": "_runner",
}

__all__ = sorted(_HOME)
__getattr__, __dir__ = at_first_use(__name__, _HOME)
