"""Processes of this machine, as /proc shows them. Standard library only: it must start fast."""

from __future__ import annotations

import ctypes
import os
import signal
from functools import cache

__all__ = [
    "adopt_orphans",
    "birth_of",
    "descendants",
    "die_with_parent",
    "is_alive",
    "kill_group",
    "memory_below",
    "oom_kills",
]

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36


def birth_of(pid: int) -> str:
    """What tells a process from another one that gets its number later; empty if it is gone.

    The boot of the machine, and the clock tick of the start.
    """
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            fields = file.read().rpartition(b")")[2].split()
    except OSError:
        return ""
    if fields[0] in b"ZX":
        return ""
    return f"{_boot()}:{fields[19].decode()}"


def is_alive(pid: int, birth: str) -> bool:
    """Whether the process that was born so still lives."""
    return bool(birth) and birth_of(pid) == birth


def die_with_parent(signum: int = signal.SIGKILL) -> None:
    """Have the kernel end this process when the one that started it ends in any way."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signum)


def adopt_orphans() -> None:
    """Become the parent of descendants whose own parent has ended, so that none gets away."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1)


def kill_group(group: int, birth: str) -> None:
    """Kill what is left of a process group whose leader was born so."""
    leader = birth_of(group)
    if (leader and leader != birth) or not birth.startswith(_boot()):
        return  # the number belongs to somebody else by now
    try:
        os.killpg(group, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return


def descendants(pid: int) -> list[int]:
    """Children of a process, their children, and so on."""
    found, todo = list[int](), [pid]
    while todo:
        children = _children(todo.pop())
        found += children
        todo += children
    return found


def memory_below(pid: int) -> int:
    """Bytes of memory of all descendants of a process; what they share counts once."""
    return sum(map(_proportional, descendants(pid)))


def oom_kills() -> int:
    """How many processes the out-of-memory killer has ended in this process's control group."""
    for path in _memory_events():
        for line in _lines(path):
            word, _, count = line.partition(" ")
            if word == "oom_kill":
                return int(count)
    return 0


def _children(pid: int) -> list[int]:
    found: list[int] = []
    try:
        threads = os.listdir(f"/proc/{pid}/task")
    except OSError:
        return found
    for thread in threads:
        for line in _lines(f"/proc/{pid}/task/{thread}/children"):
            found += map(int, line.split())
    return found


def _proportional(pid: int) -> int:
    """Proportional set size; where it may not be read, the resident one."""
    lines = _lines(f"/proc/{pid}/smaps_rollup") or _lines(f"/proc/{pid}/status")
    for line in lines:
        if line.startswith(("Pss:", "VmRSS:")):
            return int(line.split()[1]) * 1024
    return 0


def _memory_events() -> list[str]:
    files = []
    for line in _lines("/proc/self/cgroup"):
        _, controllers, path = line.split(":", 2)
        if not controllers:
            files.append(f"/sys/fs/cgroup{path.rstrip('/')}/memory.events")
        elif controllers == "memory":
            files.append(f"/sys/fs/cgroup/memory{path.rstrip('/')}/memory.oom_control")
    return files


@cache
def _boot() -> str:
    return "".join(_lines("/proc/sys/kernel/random/boot_id"))


def _lines(path: str) -> list[str]:
    try:
        with open(path) as file:
            return file.read().splitlines()
    except OSError:
        return []
