"""What is asked for: tasks, and where they keep what becomes of them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from beambook.errors import DamagedFile, ParameterError, RunNotFound
from beambook.jobs._status import read_json, write_json

__all__ = ["BATCH", "Batch", "Resources", "Task"]

BATCH = "batch.json"
MOST_TASKS = 100_000


@dataclass(frozen=True)
class Task:
    """One command line.

    Attributes
    ----------
    name : str
        What a person calls it, e.g. ``AGIPD00 S00000-S00003``.
    argv : tuple of str
        The program and its arguments; no shell reads them.
    """

    name: str
    argv: tuple[str, ...]


@dataclass(frozen=True)
class Resources:
    """What each task needs.

    Attributes
    ----------
    cores : int, optional
        Cores; else those of the site, else one.
    memory : int, optional
        Bytes; else those of the site, else what the cluster gives.
    seconds : float, optional
        Time limit of one attempt, in s; else that of the site, else none.
    """

    cores: int | None = None
    memory: int | None = None
    seconds: float | None = None

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            if value is not None and value <= 0:
                raise ParameterError(f"{name}={value}: a task needs more than nothing")


def _own_variables() -> dict[str, str]:
    return {k: v for k, v in os.environ.items() if k.startswith("BEAMBOOK_")}


@dataclass(frozen=True)
class Batch:
    """Tasks that do not wait for each other, and one that waits for all of them.

    Attributes
    ----------
    title : str
        What a person calls it.
    tasks : tuple of Task
    folder : Path
        Keeps all about it; each batch needs one of its own, on a disk that all nodes see.
    finish : Task, optional
        Runs when all tasks have ended, however they ended.
    environment : mapping of str to str
        Variables that every task gets besides PATH, HOME, USER and LANG; as a default the
        caller's ``BEAMBOOK_…``.
    resources : Resources
        Of each task.
    directory : Path
        Current folder of the tasks; as a default the caller's.

    Examples
    --------
    >>> batch = Batch("two", (Task("a", ("true",)), Task("b", ("true",))), Path("executions/two"))
    >>> batch.id, len(batch.tasks)
    ('two', 2)
    """

    title: str
    tasks: tuple[Task, ...]
    folder: Path
    finish: Task | None = None
    environment: Mapping[str, str] = field(default_factory=_own_variables)
    resources: Resources = Resources()
    directory: Path = field(default_factory=Path.cwd)

    def __post_init__(self) -> None:
        object.__setattr__(self, "folder", Path(self.folder).absolute())
        object.__setattr__(self, "tasks", tuple(self.tasks))
        if len(self.tasks) > MOST_TASKS:
            raise ParameterError(
                f"{len(self.tasks)} tasks in one batch; at most {MOST_TASKS}",
                hint="Let one task do several parts",
            )
        if empty := [task.name for task in self.all_tasks if not task.argv]:
            raise ParameterError(f"Task {empty[0]!r} has no command")

    @property
    def id(self) -> str:
        """Name of the folder; of the one above it if it is called ``batch``."""
        folder = self.folder
        return folder.parent.name if folder.name == "batch" else folder.name

    @property
    def all_tasks(self) -> tuple[Task, ...]:
        """The tasks, then the finish."""
        return (*self.tasks, *([self.finish] if self.finish else []))

    def save(self) -> None:
        """Write ``batch.json``."""
        self.folder.mkdir(parents=True, exist_ok=True)
        write_json(str(self.folder / BATCH), self._document())

    def _document(self) -> dict[str, Any]:
        return {
            "version": 1,
            "id": self.id,
            "title": self.title,
            "tasks": [asdict(task) for task in self.tasks],
            "finish": asdict(self.finish) if self.finish else None,
            "environment": dict(self.environment),
            "resources": asdict(self.resources),
            "directory": str(self.directory),
        }

    @classmethod
    def load(cls, folder: str | Path) -> Batch:
        """Read ``batch.json`` of a folder.

        Raises
        ------
        RunNotFound
            If there is none.
        DamagedFile
            If it cannot be read.
        """
        path = Path(folder) / BATCH
        if not path.is_file():
            raise RunNotFound(f"No batch in {str(folder)!r}")
        document = read_json(str(path))
        try:
            return cls(
                document["title"],
                tuple(_task(each) for each in document["tasks"]),
                Path(folder),
                finish=_task(document["finish"]) if document["finish"] else None,
                environment=document["environment"],
                resources=Resources(**document["resources"]),
                directory=Path(document["directory"]),
            )
        except (KeyError, TypeError) as error:
            raise DamagedFile(f"{str(path)!r} is no record of a batch: {error!r}") from error


def _task(document: Mapping[str, Any]) -> Task:
    return Task(document["name"], tuple(document["argv"]))
