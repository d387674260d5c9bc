"""Memory of a process, and who limits it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Memory", "as_size", "memory_limit", "memory_of", "out_of_memory_kills"]

CGROUPS = Path("/sys/fs/cgroup")
NO_LIMIT = 1 << 60


@dataclass(frozen=True)
class Memory:
    """Resident memory of a process in bytes: now, and the highest so far."""

    now: int = 0
    peak: int = 0


def memory_of(pid: int) -> Memory:
    """Memory of the process `pid`; zeros if it is gone or the system does not tell."""
    try:
        text = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return Memory()
    values = dict(line.split(":", 1) for line in text.splitlines() if line.startswith("Vm"))
    return Memory(_kib(values.get("VmRSS", "0")), _kib(values.get("VmHWM", "0")))


def memory_limit() -> int:
    """Bytes that this process and its children may use: of the cgroup, else of the machine."""
    limits = [os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")]
    for folder in _cgroup_folders():
        for name in ("memory.max", "memory.limit_in_bytes"):
            text = _read(folder / name)
            if text.isdigit() and int(text) < NO_LIMIT:
                limits.append(int(text))
    return min(limits)


def out_of_memory_kills() -> int | None:
    """Processes of this cgroup that the out-of-memory killer has ended, if it can be known."""
    for folder in _cgroup_folders():
        for name in ("memory.events", "memory.oom_control"):
            for line in _read(folder / name).splitlines():
                word, _, count = line.partition(" ")
                if word == "oom_kill":
                    return int(count)
    return None


def as_size(count: float) -> str:
    """Bytes as a person says it.

    Examples
    --------
    >>> as_size(14_200_000_000)
    '14.2 GB'
    """
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:.3g} TB"


def _cgroup_folders() -> list[Path]:
    """Folders of this process's memory cgroup (version 2, then 1), as far as they are visible."""
    folders = []
    for line in _read(Path("/proc/self/cgroup")).splitlines():
        _, controllers, path = line.split(":", 2)
        if not controllers:
            folders.append(CGROUPS / path.lstrip("/"))
        elif controllers == "memory":
            folders += [CGROUPS / "memory" / path.lstrip("/"), CGROUPS / "memory"]
    return [folder for folder in folders if folder.is_dir()]


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""


def _kib(text: str) -> int:
    return int(text.split()[0]) * 1024
