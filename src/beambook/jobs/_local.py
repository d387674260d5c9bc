"""Work on this machine."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import asdict, replace
from pathlib import Path

from beambook.errors import JobError, ParameterError
from beambook.jobs._batch import Batch, Resources
from beambook.jobs._environment import clean_environment
from beambook.jobs._job import RUNNER, Job, user_name
from beambook.jobs._process import birth_of, is_alive
from beambook.jobs._runner import is_done, prepare
from beambook.jobs._state import TaskState
from beambook.jobs._status import (
    FINISH,
    host_name,
    is_lost,
    read_json,
    read_status,
    stop_note,
    write_json,
    write_stop,
)

__all__ = ["LocalRunner"]

STOP_SECONDS = 15.0
_pools: dict[int, subprocess.Popen[bytes]] = {}  # kept, so that the ended ones are waited for


class LocalRunner:
    """Runs tasks on this machine, as many at once as it has room for.

    Parameters
    ----------
    at_once : int, optional
        How many at once; else as many as fit into the cores that this process may use and,
        if the tasks say how much they need, into the memory.
    stays : bool
        True: the work goes on when the caller ends. As a default it is stopped then.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from beambook.jobs import Batch, Task
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     batch = Batch("greet", (Task("hello", ("echo", "hello")),), Path(folder) / "greet")
    ...     job = LocalRunner().submit(batch)
    ...     [state.state for state in job.wait()]
    ['done']
    """

    def __init__(self, at_once: int | None = None, *, stays: bool = False) -> None:
        if at_once is not None and at_once < 1:
            raise ParameterError(f"at_once={at_once}: at least one task at once")
        self._at_once, self._stays = at_once, stays

    @property
    def at_once(self) -> int | None:
        """How many tasks at once; None: as many as fit."""
        return self._at_once

    def submit(self, batch: Batch) -> Job:
        """Run all tasks that have not succeeded, then the finish; returns at once.

        Raises
        ------
        JobError
            If the batch still runs, or the machine starts no process.
        """
        if is_done(batch):
            return Job(batch)
        todo = prepare(batch)
        path = str(batch.folder / RUNNER)
        resources = batch.resources
        at_once = min(self._at_once or room_for(resources), max(1, len(todo)))
        cores = resources.cores or max(1, len(os.sched_getaffinity(0)) // at_once)
        record = {
            "runner": "local",
            "stays": self._stays,
            "at_once": at_once,
            "todo": todo,
            "resources": asdict(replace(resources, cores=cores)),
            "host": host_name(),
        }
        write_json(path, record)
        pool = _start_pool(batch.folder, stays=self._stays)
        write_json(path, record | {"pid": pool.pid, "birth": birth_of(pool.pid)})
        return Job(batch)

    def states(self, job: Job) -> tuple[TaskState, ...]:
        """How each task goes: what their files say, and whether anybody is left to run them."""
        record = read_json(str(job.folder / RUNNER))
        alive = _pool_is_alive(record)
        tasks = [
            _state(job.folder, number, task.name, pool_is_alive=alive)
            for number, task in enumerate(job.batch.tasks)
        ]
        if job.batch.finish:
            tasks.append(_state(job.folder, FINISH, job.batch.finish.name, pool_is_alive=alive))
        return tuple(tasks)

    def stop(self, job: Job) -> None:
        """End all that runs and begin nothing more.

        Raises
        ------
        JobError
            If it runs on another machine.
        """
        record = read_json(str(job.folder / RUNNER))
        if record.get("host") != host_name():
            raise JobError(f"{job.id} runs on {record.get('host')}, not here", hint="Stop it there")
        if not _pool_is_alive(record):
            return
        write_stop(str(job.folder), f"stopped by {user_name()}")
        os.kill(record["pid"], signal.SIGTERM)
        deadline = time.monotonic() + STOP_SECONDS
        while _pool_is_alive(record) and time.monotonic() < deadline:
            time.sleep(0.02)


def room_for(resources: Resources) -> int:
    """How many such tasks fit into this machine."""
    cores = len(os.sched_getaffinity(0)) // (resources.cores or 1)
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    fit = memory // resources.memory if resources.memory else cores
    return max(1, min(cores, fit))


def _start_pool(folder: Path, *, stays: bool) -> subprocess.Popen[bytes]:
    parent = "0" if stays else str(os.getpid())
    command = [sys.executable, "-P", "-m", "beambook.jobs._pool", str(folder), parent]
    try:
        with (folder / "pool.log").open("ab") as log:
            pool = subprocess.Popen(  # noqa: S603
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=clean_environment(),
                start_new_session=True,
            )
    except OSError as error:
        raise JobError(f"No process could be started: {error}") from error
    _pools[pool.pid] = pool
    return pool


def _pool_is_alive(record: dict[str, object]) -> bool:
    """Whether there still is a process that runs the tasks; one on another host may be."""
    if record.get("host") != host_name():
        return True
    pid = int(str(record.get("pid", 0)))
    if pid in _pools and _pools[pid].poll() is not None:
        del _pools[pid]
    return bool(pid) and is_alive(pid, str(record["birth"]))


def _state(folder: Path, which: int | str, name: str, *, pool_is_alive: bool) -> TaskState:
    status = read_status(str(folder), which)
    state = TaskState.of(name, status, is_finish=which == FINISH)
    if is_lost(status) and not pool_is_alive:
        return state.but("lost", "its process went away and could not say why")
    if status or pool_is_alive:
        return state.ticking() if state.state == "running" else state
    if note := stop_note(str(folder)):
        return state.but("stopped", f"{note}, before it began")
    return state.but("lost", "never began: what ran the batch went away")
