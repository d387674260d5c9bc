"""Memory of a process, and who limits it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Memory", "MemoryGroups", "as_size", "memory_of"]

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


class MemoryGroups:
    """The control groups that a process is seen in: their limit, and whom they have killed."""

    def __init__(self) -> None:
        self._kills: dict[Path, int] = {}

    def look(self, pid: int) -> None:
        """Note the groups of the process `pid` while it lives."""
        for folder in _cgroup_folders(pid):
            if folder not in self._kills:
                self._kills[folder] = _kills_in(folder)

    def have_killed(self) -> bool:
        """Whether an out-of-memory killer has struck since the groups were first seen."""
        return any(_kills_in(folder) > before for folder, before in self._kills.items())

    def limit(self) -> int:
        """Bytes that the process may use: of its groups, else of the machine."""
        limits = [os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")]
        for folder in self._kills:
            for name in ("memory.max", "memory.limit_in_bytes"):
                text = _read(folder / name)
                if text.isdigit() and int(text) < NO_LIMIT:
                    limits.append(int(text))
        return min(limits)


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


def _cgroup_folders(pid: int) -> list[Path]:
    """Folders of a process's memory groups (version 2, then 1), as far as they are visible."""
    folders = []
    for line in _read(Path(f"/proc/{pid}/cgroup")).splitlines():
        _, controllers, path = line.split(":", 2)
        if not controllers:
            folders.append(CGROUPS / path.lstrip("/"))
        elif controllers == "memory":
            folders += [CGROUPS / "memory" / path.lstrip("/"), CGROUPS / "memory"]
    return [folder for folder in folders if folder.is_dir()]


def _kills_in(folder: Path) -> int:
    for name in ("memory.events", "memory.oom_control"):
        for line in _read(folder / name).splitlines():
            word, _, count = line.partition(" ")
            if word == "oom_kill":
                return int(count)
    return 0


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""


def _kib(text: str) -> int:
    return int(text.split()[0]) * 1024
