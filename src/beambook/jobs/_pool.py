"""Run the tasks of a batch on this machine: ``python -P -m beambook.jobs._pool FOLDER PARENT``.

A small process of its own: it starts others quickly however large the caller is, and goes
on when the caller ends, if it is asked to. Standard library only.
"""

from __future__ import annotations

import os
import signal
import sys
from collections import Counter, deque

from beambook.jobs._process import adopt_orphans, descendants, kill_group
from beambook.jobs._status import (
    FINISH,
    MOST_ATTEMPTS,
    read_json,
    read_status,
    stop_note,
    write_stop,
)
from beambook.jobs._task import run_task

__all__ = ["Pool"]

LOOK_SECONDS = 1.0
STOPPING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
HEARD = {signal.SIGCHLD, *STOPPING}


class Pool:
    """Runs at most `at_once` tasks at a time.

    Parameters
    ----------
    folder : str
        Of the batch.
    parent : int
        Process that this one ends with; 0 if it goes on.
    """

    def __init__(self, folder: str, parent: int) -> None:
        record = read_json(os.path.join(folder, "runner.json"))
        self._folder, self._parent = folder, parent
        self._has_finish = bool(read_json(os.path.join(folder, "batch.json")).get("finish"))
        self._at_once = int(record["at_once"])
        self._waiting = deque[int | str](record["todo"])
        self._running: dict[int, int | str] = {}
        self._begun = Counter[int | str]()
        self._stopping = False

    def run(self) -> None:
        """Run all tasks, then the finish."""
        signal.pthread_sigmask(signal.SIG_BLOCK, HEARD)
        adopt_orphans()
        self._run_waiting()
        if self._has_finish and not self._stopping:
            self._waiting.append(FINISH)
            self._run_waiting()

    def _run_waiting(self) -> None:
        while self._running or (self._waiting and not self._stopping):
            while self._waiting and len(self._running) < self._at_once and not self._stopping:
                self._start(self._waiting.popleft())
            heard = signal.sigtimedwait(HEARD, LOOK_SECONDS)
            self._reap()
            if not self._stopping and (why := self._why_stop(heard)):
                self._stop(why)

    def _start(self, which: int | str) -> None:
        self._begun[which] += 1
        pid = os.fork()
        if pid == 0:
            code = 70  # as EX_SOFTWARE: an error of our own
            try:
                code = run_task(self._folder, which)
            finally:
                os._exit(code)
        self._running[pid] = which

    def _reap(self) -> None:
        while self._running:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            if (which := self._running.pop(pid, None)) is not None and os.WIFSIGNALED(status):
                self._after_loss(which)

    def _after_loss(self, which: int | str) -> None:
        """The wrapper itself was killed: end what it left, and let another one say so."""
        status = read_status(self._folder, which)
        if status.get("group"):
            kill_group(status["group"], status.get("group_birth", ""))
        for each in descendants(os.getpid()):
            if os.getpgid(each) == status.get("group"):
                os.kill(each, signal.SIGKILL)
        if self._begun[which] <= MOST_ATTEMPTS:
            self._waiting.append(which)

    def _why_stop(self, heard: signal.struct_siginfo | None) -> str:
        if heard is not None and heard.si_signo in STOPPING:
            return f"stopped by {signal.Signals(heard.si_signo).name}"
        if self._parent and os.getppid() != self._parent:
            return "stopped: the process that ran the batch ended"
        return stop_note(self._folder) if heard is None else ""

    def _stop(self, why: str) -> None:
        self._stopping = True
        if not stop_note(self._folder):
            write_stop(self._folder, why)
        for pid in self._running:
            os.kill(pid, signal.SIGTERM)


if __name__ == "__main__":
    Pool(sys.argv[1], int(sys.argv[2])).run()
