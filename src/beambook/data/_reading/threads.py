"""Work shared by a few threads, which end with it: a process that forks later has none."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from threading import Thread

__all__ = ["Job", "share", "thread_count"]

MOST = 8

WORTH_A_THREAD = 3 << 20  # bytes; to start one takes as long as to read 1 MiB


@dataclass(frozen=True)
class Job:
    """A piece of work.

    Attributes
    ----------
    run : callable
    size : int
        How many bytes could be read in the time that it takes, about.
    """

    run: Callable[[], None]
    size: int


def thread_count(wanted: int | None = None) -> int:
    """How many threads read: `wanted`, or ``BEAMBOOK_THREADS``, or the cores there are, up to 8."""
    if wanted is None:
        text = os.environ.get("BEAMBOOK_THREADS", "")
        wanted = int(text) if text.isdecimal() else min(_cores(), MOST)
    return max(1, wanted)


def share(jobs: Iterable[Job], threads: int) -> None:
    """Do all jobs, in this thread and others; the first error ends them all and is raised.

    When it returns no thread works on the jobs any more.
    """
    left, errors = deque(jobs), list[BaseException]()
    worth = sum(job.size for job in left) // WORTH_A_THREAD
    helpers = [
        Thread(target=_help, args=(left, errors), daemon=True, name="beambook-read")
        for _ in range(min(threads, len(left), worth) - 1)
    ]
    try:
        _start(helpers)
        _work(left)
    finally:
        left.clear()
        for helper in helpers:
            if helper.ident is not None:
                helper.join()
    for error in errors:
        raise error


def _start(helpers: list[Thread]) -> None:
    try:
        for helper in helpers:
            helper.start()
    except RuntimeError:  # no more threads to be had: fewer do it, too
        return


def _work(left: deque[Job]) -> None:
    while True:
        try:
            job = left.popleft()
        except IndexError:
            return
        job.run()


def _help(left: deque[Job], errors: list[BaseException]) -> None:
    try:
        _work(left)
    except BaseException as error:
        left.clear()
        errors.append(error)


@cache
def _cores() -> int:
    """Cores that this process may use, by affinity and by its control group."""
    cores = len(os.sched_getaffinity(0))
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
        return cores if quota == "max" else max(1, min(cores, round(int(quota) / int(period))))
    except (OSError, ValueError):
        return cores
