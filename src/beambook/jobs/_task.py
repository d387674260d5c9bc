"""Run one task of a batch, here and now: ``python -P -m beambook.jobs._task FOLDER NUMBER``.

The same on every machine: starts the command in a process group of its own, says in
``status.json`` how it goes, passes signals on, tries again if the command dies by one,
and leaves no process behind. Standard library only: it must start fast.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from typing import Any

from beambook.jobs._process import (
    adopt_orphans,
    birth_of,
    descendants,
    die_with_parent,
    is_alive,
    kill_group,
    memory_below,
    oom_kills,
)
from beambook.jobs._status import (
    FINISH,
    MOST_ATTEMPTS,
    host_name,
    read_json,
    read_status,
    stop_note,
    task_folder,
    write_status,
)

__all__ = ["run_task"]

HEARTBEAT_SECONDS = 10.0
LOOK_SECONDS = 1.0
GRACE_SECONDS = 10.0
CLUSTERS_MARGIN = 10.0  # Slurm has the same limit and another clock
STOPPING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
HEARD = {signal.SIGCHLD, *STOPPING}
THREAD_VARIABLES = ("OMP_NUM_THREADS", "NUMBA_NUM_THREADS", "BEAMBOOK_THREADS")


def run_task(folder: str, which: int | str) -> int:
    """Run the task `which` (a number, or ``finish``) of the batch in `folder`.

    Returns
    -------
    int
        Exit status for whoever runs this: 0 if the task is done.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, HEARD)
    adopt_orphans()
    spec = read_json(os.path.join(folder, "batch.json"))
    if not spec:
        raise FileNotFoundError(f"No batch in {folder!r}")
    resources = read_json(os.path.join(folder, "runner.json")).get("resources", {})
    return _Task(folder, which, spec, resources).run()


class _Task:
    """One task and its attempts."""

    def __init__(
        self, folder: str, which: int | str, spec: dict[str, Any], resources: dict[str, Any]
    ) -> None:
        self._folder, self._which, self._spec, self._resources = folder, which, spec, resources
        self._task = spec["finish"] if which == FINISH else spec["tasks"][int(which)]
        self._parent = os.getppid()
        self._log_path = os.path.join(task_folder(folder, which), "log.txt")
        self._status: dict[str, Any] = {}
        self._stopped = ""  # why, once the end is asked for
        self._deadline = time.monotonic() + (resources.get("seconds") or float("inf"))

    def run(self) -> int:
        os.makedirs(task_folder(self._folder, self._which), exist_ok=True)
        old = read_status(self._folder, self._which)
        if old.get("state") == "done":
            return 0
        if old.get("state") == "running" and not self._take_over(old):
            return 0
        self._status = self._first_status(old)
        if note := stop_note(self._folder):
            return self._end({"state": "stopped", "reason": note})
        while self._status["attempts"] < MOST_ATTEMPTS:
            end = self._attempt()
            if not end.pop("again", False) or self._status["attempts"] >= MOST_ATTEMPTS:
                return self._end(end)
            self._keep(end)
        reason = f"{MOST_ATTEMPTS} attempts; the last was lost with its node or its wrapper"
        return self._end({"state": "failed", "reason": reason})

    def _take_over(self, old: dict[str, Any]) -> bool:
        """Clean up behind a wrapper that is gone; False if it is not."""
        if old.get("host") != host_name():
            return True
        if is_alive(old["pid"], old["birth"]):
            return False  # somebody has started the task twice
        if old.get("group"):
            kill_group(old["group"], old.get("group_birth", ""))
        return True

    def _first_status(self, old: dict[str, Any]) -> dict[str, Any]:
        now = time.time()
        earlier = list(old.get("earlier", []))
        if old.get("state") == "running":
            reason = f"lost on {old.get('node', '?')}: the node or the wrapper went away"
            earlier.append({"reason": reason, "node": old.get("node", "")})
        return {
            "name": self._task["name"],
            "state": "running",
            "reason": "",
            "exit": None,
            "signal": None,
            "attempts": int(old.get("attempts", 0)) if earlier else 0,
            "earlier": earlier,
            "node": os.environ.get("SLURMD_NODENAME") or host_name(),
            "host": host_name(),
            "pid": os.getpid(),
            "birth": birth_of(os.getpid()),
            "slurm_id": _slurm_id(),
            "slurm_job": os.environ.get("SLURM_JOB_ID", ""),
            "started": old.get("started", now) if earlier else now,
            "ended": None,
            "heartbeat": now,
            "peak_memory": int(old.get("peak_memory", 0)) if earlier else 0,
            "cpu_seconds": 0.0,
        }

    def _keep(self, end: dict[str, Any]) -> None:
        """Remember an attempt that is followed by another."""
        said = {"reason": end["reason"], "node": self._status["node"]}
        self._status["earlier"] = [*self._status["earlier"], said]
        self._say(f"{end['reason']}; once more")

    def _end(self, end: dict[str, Any]) -> int:
        now = time.time()
        self._status |= {"exit": None, "signal": None} | end | {"ended": now, "heartbeat": now}
        write_status(self._folder, self._which, self._status)
        took = f"after {now - self._status['started']:.1f} s"
        self._say(f"{end['state']} {took}" + (f": {end['reason']}" if end["reason"] else ""))
        return 0 if end["state"] == "done" else 1

    def _attempt(self) -> dict[str, Any]:
        """Run the command once; how it ended, and whether to try `again`."""
        self._status["attempts"] += 1
        number, node = self._status["attempts"], self._status["node"]
        began = time.strftime("%Y-%m-%d %H:%M:%S")
        self._say(f"attempt {number} of {MOST_ATTEMPTS} on {node}, {began}")
        kills = oom_kills()
        self._write()  # before it starts: an attempt counts even if it kills us at once
        try:
            pid = self._start()
        except OSError as error:
            reason = f"could not be started: {error}"
            return {"state": "failed", "reason": reason, "exit": 127}
        self._status |= {"group": pid, "group_birth": birth_of(pid)}
        self._write()
        return self._verdict(self._watch(pid), was_oom=oom_kills() > kills)

    def _start(self) -> int:
        def prepare() -> None:
            die_with_parent()
            signal.pthread_sigmask(signal.SIG_SETMASK, ())

        with open(self._log_path, "ab") as log:
            process = subprocess.Popen(  # noqa: S603 the command is what we are here to run
                self._task["argv"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self._spec["directory"],
                env=self._environment(),
                process_group=0,
                preexec_fn=prepare,
            )
        process.returncode = 0  # waited for below, with its resource usage
        return process.pid

    def _environment(self) -> dict[str, str]:
        cores = str(self._resources.get("cores") or os.environ.get("SLURM_CPUS_ON_NODE") or 1)
        return (
            dict.fromkeys(THREAD_VARIABLES, cores)
            | dict(os.environ)
            | dict(self._spec["environment"])
            | {
                "BEAMBOOK_BATCH": self._folder,
                "BEAMBOOK_TASK": str(self._which),
                "BEAMBOOK_ATTEMPT": str(self._status["attempts"]),
            }
        )

    def _watch(self, pid: int) -> int:
        """Wait for the end of the command and of all that it has started; its wait status."""
        kill_at = float("inf")
        while (ended := self._reap(pid)) is None:
            heard = signal.sigtimedwait(HEARD, LOOK_SECONDS)
            now = time.monotonic()
            if not self._stopped and (why := self._why_stop(heard)):
                self._stopped, kill_at = why, now + GRACE_SECONDS
                _signal_group(pid, signal.SIGTERM)
            if now > kill_at:
                _signal_group(pid, signal.SIGKILL)
            if heard is None:
                self._look()
        _signal_group(pid, signal.SIGKILL)  # what it has left behind
        for orphan in descendants(os.getpid()):
            _signal(orphan, signal.SIGKILL)
        return ended

    def _why_stop(self, heard: signal.struct_siginfo | None) -> str:
        left = self._deadline - time.monotonic()
        told = heard is not None and heard.si_signo in STOPPING
        if left < (CLUSTERS_MARGIN if told else 0.0):
            return f"time limit of {self._resources['seconds']:g} s"
        if os.getppid() != self._parent:
            return "stopped: the process that ran the batch ended"
        if told and heard is not None:
            name = signal.Signals(heard.si_signo).name
            return stop_note(self._folder) or f"stopped by {name}"
        return ""

    def _reap(self, pid: int) -> int | None:
        while True:
            try:
                ended, status, usage = os.wait4(-1, os.WNOHANG)
            except ChildProcessError:
                return 0  # cannot be: the command itself is waited for only here
            if ended == 0:
                return None
            if ended == pid:
                self._count(usage.ru_maxrss * 1024)
                self._status["cpu_seconds"] += usage.ru_utime + usage.ru_stime
                return status

    def _count(self, memory: int) -> None:
        self._status["peak_memory"] = max(self._status["peak_memory"], memory)

    def _look(self) -> None:
        self._count(memory_below(os.getpid()))
        now = time.time()
        if now - self._status["heartbeat"] >= HEARTBEAT_SECONDS:
            self._status["heartbeat"] = now
            self._write()

    def _write(self) -> None:
        write_status(self._folder, self._which, self._status, lasting=False)

    def _verdict(self, status: int, *, was_oom: bool) -> dict[str, Any]:
        code = os.waitstatus_to_exitcode(status)
        end = {"exit": code if code >= 0 else None, "signal": -code if code < 0 else None}
        if self._stopped:
            state = "failed" if self._stopped.startswith("time limit") else "stopped"
            return end | {"state": state, "reason": self._stopped}
        if code == 0:
            return end | {"state": "done", "reason": ""}
        if code > 0:
            return end | {"state": "failed", "reason": f"exit {code}"}
        reason = f"killed by {signal.Signals(-code).name}"
        if was_oom:
            reason += f": out of memory (peak {self._status['peak_memory'] / 1e9:.3g} GB)"
        return end | {"state": "failed", "reason": reason, "again": True}

    def _say(self, text: str) -> None:
        with open(self._log_path, "a", encoding="utf-8") as log:
            log.write(f"[beambook] {self._task['name']}: {text}\n")


def _slurm_id() -> str:
    array, index = os.environ.get("SLURM_ARRAY_JOB_ID"), os.environ.get("SLURM_ARRAY_TASK_ID")
    return f"{array}_{index}" if array else os.environ.get("SLURM_JOB_ID", "")


def _signal_group(group: int, signum: int) -> None:
    try:
        os.killpg(group, signum)
    except (ProcessLookupError, PermissionError):
        return


def _signal(pid: int, signum: int) -> None:
    try:
        os.kill(pid, signum)
    except (ProcessLookupError, PermissionError):
        return


if __name__ == "__main__":
    sys.exit(run_task(sys.argv[1], sys.argv[2]))
