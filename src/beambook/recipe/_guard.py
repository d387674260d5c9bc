"""Stands between beambook and a kernel of another Python: nothing outlives it, nothing is unseen.

Run as a program of its own, ``python _guard.py PARENT REPORT COMMAND…``; imports nothing of
beambook. It ends when its parent ends, and ends all that its command has started when the command
ends: being a subreaper it is the parent of every process that nobody else waits for. What it
has seen is written to REPORT, in a folder that is removed if nobody is left to read it: the wait
status, the highest memory in bytes, and the names of processes that had to be ended.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import shutil
import signal
import sys
from pathlib import Path

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
HEARD = {signal.SIGCHLD, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT}
NOT_FOR_KERNELS = "JPY_PARENT_PID"  # a kernel ends when this is not its parent: we are


def main(parent: int, report: str, command: list[str]) -> None:
    """Run `command` to its end, and leave nothing of it."""
    signal.pthread_sigmask(signal.SIG_BLOCK, HEARD)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _prctl(PR_SET_CHILD_SUBREAPER, 1)
    _prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:
        return
    child = os.fork()
    if child == 0:
        _become(command)
    status = _wait(child)
    left = _end_all()
    # Not that of the child's own end: bubblewrap's outer half ends before it has waited for the
    # inner one, which had waited for the kernel.
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
    if os.getppid() != parent:  # nobody is there to read a report, or to clear up
        shutil.rmtree(os.path.dirname(report), ignore_errors=True)
        return
    descriptor = os.open(report, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with open(descriptor, "w", encoding="utf-8") as file:
        json.dump({"status": status, "peak": peak, "left": left}, file)


def _become(command: list[str]) -> None:
    try:
        _prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        os.setsid()
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, HEARD)
        os.environ.pop(NOT_FOR_KERNELS, None)
        os.execvp(command[0], command)  # noqa: S606 the command is what it is there for
    except OSError as error:
        os.write(2, f"{command[0]}: {error.strerror}\n".encode())
    finally:
        os._exit(127)


def _wait(child: int) -> int:
    """The child's wait status, after its end or when we have to end it."""
    while True:
        if signal.sigwait(HEARD) != signal.SIGCHLD:
            os.kill(child, signal.SIGKILL)
        while True:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == child:
                return status
            if pid == 0:
                break


def _end_all() -> list[str]:
    """End what the command left behind; gives the names of what was still running."""
    names = []
    while children := _children():
        for pid, name, alive in children:
            if alive:
                names.append(name)
                os.kill(pid, signal.SIGKILL)
        for pid, _, _ in children:
            os.waitpid(pid, 0)
    return sorted(names)


def _children() -> list[tuple[int, str, bool]]:
    found = []
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            head, _, rest = entry.read_text(errors="replace").rpartition(")")
        except OSError:
            continue
        state, parent = rest.split()[:2]
        if int(parent) == os.getpid():
            found.append((int(entry.parent.name), head.partition("(")[2], state != "Z"))
    return found


def _prctl(option: int, value: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], sys.argv[3:])
