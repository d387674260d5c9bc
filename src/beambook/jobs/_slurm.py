"""Work on a cluster that Slurm manages: arrays of tasks, and a job that waits for them."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from beambook.errors import JobError, ParameterError
from beambook.jobs._batch import Batch, Resources
from beambook.jobs._job import RUNNER, Job, user_name
from beambook.jobs._runner import is_done, prepare
from beambook.jobs._site import Site
from beambook.jobs._slurm_command import CommandFailed, call
from beambook.jobs._slurm_script import (
    FINISH as FINISH_SCRIPT,
)
from beambook.jobs._slurm_script import (
    TASK as TASK_SCRIPT,
)
from beambook.jobs._slurm_script import (
    as_ranges,
    options,
    output_of,
    write_scripts,
)
from beambook.jobs._slurm_states import Submissions, states_of
from beambook.jobs._slurm_submit import ask_controller, sbatch
from beambook.jobs._state import TaskState
from beambook.jobs._status import read_json, write_json, write_stop

__all__ = ["SlurmRunner"]

ARRAY_SIZE = 1001  # Slurm's own default of MaxArraySize


class SlurmRunner:
    """Runs tasks on a cluster.

    The work goes on when the caller ends, or logs out: all that is needed is in the folder
    of the batch, which the nodes must see.

    Parameters
    ----------
    site : Site, optional
        What to know of the cluster; else what `Site.load` finds.
    at_once : int, optional
        Most tasks at once; else as the site says, else as many as Slurm starts.

    Raises
    ------
    ParameterError
        If `at_once` is less than one.
    """

    def __init__(self, site: Site | None = None, *, at_once: int | None = None) -> None:
        if at_once is not None and at_once < 1:
            raise ParameterError(f"at_once={at_once}: at least one task at once")
        self._site = Site.load() if site is None else site
        self._at_once = at_once or self._site.at_once
        self._conf = os.environ.get("SLURM_CONF", "")
        self._submissions: Submissions | None = None

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> SlurmRunner:
        """The runner that has written this ``runner.json``."""
        site = dict(record["site"])
        path = Path(site["path"]) if site.get("path") else None
        site |= {"path": path, "sbatch": tuple(site["sbatch"])}
        runner = cls(Site(**site), at_once=record.get("at_once"))
        runner._conf = record.get("conf") or runner._conf
        return runner

    @property
    def site(self) -> Site:
        """What it knows of the cluster."""
        return self._site

    def check(self) -> None:
        """See that Slurm answers, before there is work that it could refuse.

        Raises
        ------
        JobError
            If there is none here, or it does not answer.
        """
        ask_controller(conf=self._conf)

    def submit(self, batch: Batch) -> Job:
        """Run all tasks that have not succeeded, then the finish; returns at once.

        Raises
        ------
        JobError
            If the batch still runs, or Slurm takes no jobs.
        """
        if is_done(batch):
            return Job(batch)
        todo = prepare(batch)
        write_scripts(batch, self._site)
        self._submit_tasks(batch, self._record(batch), todo)
        return Job(batch)

    def submit_again(self, job: Job, tasks: list[int]) -> None:
        """Run tasks that got lost once more, and finish after them.

        Raises
        ------
        JobError
            If Slurm takes no jobs, e.g. none from within a job.
        """
        self._submit_tasks(job.batch, read_json(str(job.folder / RUNNER)), tasks)

    def states(self, job: Job) -> tuple[TaskState, ...]:
        """How each task goes: what their files say, and Slurm where they cannot."""
        return states_of(job.batch, self._submissions_of(job))

    def stop(self, job: Job) -> None:
        """End all that runs and begin nothing more.

        Raises
        ------
        JobError
            If Slurm does not answer.
        """
        write_stop(str(job.folder), f"stopped by {user_name()}")
        if jobs := self._submissions_of(job).jobs:
            self._cancel(jobs)

    def _submissions_of(self, job: Job) -> Submissions:
        if self._submissions is None or self._submissions.folder != job.folder:
            self._submissions = Submissions(job.folder, self._conf)
        return self._submissions

    def _record(self, batch: Batch) -> dict[str, Any]:
        site, own = self._site, batch.resources
        return {
            "runner": "slurm",
            "stays": True,
            "site": asdict(site) | {"path": str(site.path) if site.path else None},
            "at_once": self._at_once,
            "resources": asdict(
                Resources(
                    own.cores or site.cores, own.memory or site.memory, own.seconds or site.time
                )
            ),
            "conf": self._conf,
            "submitted": time.time(),
            "arrays": [],
            "finish": "",
        }

    def _submit_tasks(self, batch: Batch, record: dict[str, Any], tasks: list[int]) -> None:
        """Submit arrays and the finish; all of them or, after an error, none."""
        arrays = _cut(tasks, self._array_size())
        given: list[str] = []
        try:
            for offset, numbers in arrays:
                most = max(1, self._at_once // len(arrays)) if self._at_once else None
                given.append(self._submit_array(batch, record, numbers, offset, most))
                # Written at once: who looks meanwhile, or after a crash, knows of this job.
                array = {"job": given[-1], "offset": offset, "tasks": as_ranges(numbers)}
                record = record | {"arrays": [*record["arrays"], array]}
                write_json(str(batch.folder / RUNNER), record)
            given.append(self._submit_finish(batch, record, given))
        except JobError:
            if given:
                self._cancel(given)
            raise
        write_json(str(batch.folder / RUNNER), record | {"finish": given[-1]})

    def _submit_array(
        self,
        batch: Batch,
        record: Mapping[str, Any],
        numbers: list[int],
        offset: int,
        most: int | None,
    ) -> str:
        indices = as_ranges(number - offset for number in numbers)
        return sbatch(
            *options(batch, self._site, Resources(**record["resources"]), name=f"bb {batch.id}"),
            f"--array={indices}{f'%{most}' if most else ''}",
            f"--output={output_of(batch.folder, '%A_%a')}",
            str(batch.folder / "slurm" / TASK_SCRIPT),
            str(offset),
            site=self._site,
            conf=self._conf,
        )

    def _submit_finish(self, batch: Batch, record: Mapping[str, Any], after: list[str]) -> str:
        wait = [f"--dependency=afterany:{':'.join(after)}"] if after else []
        resources = Resources(**record["resources"])
        return sbatch(
            *options(batch, self._site, resources, name=f"bb finish {batch.id}"),
            *wait,
            "--kill-on-invalid-dep=no",
            f"--output={output_of(batch.folder, '%j')}",
            str(batch.folder / "slurm" / FINISH_SCRIPT),
            site=self._site,
            conf=self._conf,
        )

    def _array_size(self) -> int:
        try:
            text = call("scontrol", "show", "config", conf=self._conf)
        except CommandFailed:
            return ARRAY_SIZE
        match = re.search(r"MaxArraySize\s*=\s*(\d+)", text)
        return max(1, int(match[1])) if match else ARRAY_SIZE

    def _cancel(self, jobs: list[str]) -> None:
        # Each wrapper hears SIGTERM, and has Slurm's KillWait to say so. (--signal would do
        # the same, but it waits a minute for jobs that have not begun.)
        try:
            call("scancel", *jobs, conf=self._conf)
        except CommandFailed as error:  # what has ended since cannot be ended
            if not re.search("Invalid job id|already complet", error.text):
                raise


def _cut(tasks: list[int], size: int) -> list[tuple[int, list[int]]]:
    """Cut numbers into arrays whose indices, number - offset, are below `size`."""
    cut: dict[int, list[int]] = {}
    for number in tasks:
        cut.setdefault(number // size * size, []).append(number)
    return sorted(cut.items())
