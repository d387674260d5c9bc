"""The files of a batch that say how it goes. Standard library only: it must start fast."""

from __future__ import annotations

import json
import os
import time
from typing import Any

from beambook.jobs._process import is_alive

__all__ = [
    "FINAL",
    "FINISH",
    "MOST_ATTEMPTS",
    "host_name",
    "is_lost",
    "read_json",
    "read_status",
    "stop_note",
    "task_folder",
    "write_json",
    "write_status",
    "write_stop",
]

FINISH = "finish"
FINAL = ("done", "failed", "stopped", "lost")
MOST_ATTEMPTS = 3
STALE_SECONDS = 90.0
STATUS = "status.json"
STOP = "stop.json"


def task_folder(folder: str, which: int | str) -> str:
    """Folder of a task, by number, or of the finish."""
    return os.path.join(folder, FINISH if which == FINISH else f"tasks/{int(which):04d}")


def read_json(path: str) -> dict[str, Any]:
    """Content of a file; empty if it is not there, or was cut by a power failure."""
    try:
        with open(path, encoding="utf-8") as file:
            document = json.load(file)
    except (OSError, ValueError):
        return {}
    return document if isinstance(document, dict) else {}


def write_json(path: str, document: dict[str, Any], *, lasting: bool = True) -> None:
    """Write a file at once: a reader sees the old or the new one, never a part.

    `lasting`: it survives a power failure from here on.
    """
    temporary = f"{path}.{host_name()}.{os.getpid()}"
    with open(temporary, "w", encoding="utf-8") as file:
        json.dump(document, file, indent=1)
        if lasting:
            file.flush()
            os.fsync(file.fileno())
    os.replace(temporary, path)


def read_status(folder: str, which: int | str) -> dict[str, Any]:
    """What the task has said of itself; empty if it has not begun."""
    return read_json(os.path.join(task_folder(folder, which), STATUS))


def write_status(
    folder: str, which: int | str, status: dict[str, Any], *, lasting: bool = True
) -> None:
    """Say how the task goes."""
    write_json(os.path.join(task_folder(folder, which), STATUS), status, lasting=lasting)


def is_lost(status: dict[str, Any], *, now: float | None = None) -> bool:
    """Whether the status says `running` and nobody is there to end it.

    On the same machine the process is looked for; of others only the heartbeat can tell.
    """
    if status.get("state") != "running":
        return False
    if status.get("host") == host_name():
        return not is_alive(status["pid"], status["birth"])
    beat = float(status.get("heartbeat", 0.0))
    return (now or time.time()) - beat > STALE_SECONDS


def write_stop(folder: str, reason: str) -> None:
    """Ask for the end of the whole batch: no task begins from here on."""
    write_json(os.path.join(folder, STOP), {"reason": reason, "time": time.time()})


def stop_note(folder: str) -> str:
    """Who asked for the end of the batch; empty if nobody has."""
    return str(read_json(os.path.join(folder, STOP)).get("reason", ""))


def host_name() -> str:
    """Name of this machine."""
    return os.uname().nodename
