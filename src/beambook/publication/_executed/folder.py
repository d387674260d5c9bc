"""A folder whose notebooks were executed: what came out, and what it is a copy of."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from beambook.card import Card, Described, Table
from beambook.errors import DamagedFile, RunNotFound
from beambook.publication._contents import Code
from beambook.recipe import Execution
from beambook.recipe._notebook import dumps, write_atomically
from beambook.words import few

__all__ = ["EXECUTIONS", "NOT_EXECUTED", "ExecutedFolder", "ExecutedNotebook"]

EXECUTIONS = "executions"
RECORD = Path(EXECUTIONS, "folder.json")  # nobody takes what is in there for a part of the work
DONE, NOT_EXECUTED = "done", "not executed"
FILES_SHOWN = 3


@dataclass(frozen=True)
class ExecutedNotebook:
    """How one notebook of the folder came out.

    Attributes
    ----------
    path : str
        Relative to the folder.
    status : str
        ``done``, ``failed``, ``killed`` or ``not executed``.
    problem : str
        Why it did not come to its end; empty when it did.
    seconds : float
    requires : tuple of str
        Notebooks that had to come to their end before.
    wrote : tuple of str
        Files, relative to the folder. They are kept in its execution's folder.
    execution : str
        Folder of its `Execution`, relative to the folder; empty if there is none.
    """

    path: str
    status: str = NOT_EXECUTED
    problem: str = ""
    seconds: float = 0.0
    requires: tuple[str, ...] = ()
    wrote: tuple[str, ...] = ()
    execution: str = ""

    @property
    def ok(self) -> bool:
        """Whether it came to its end."""
        return self.status == DONE


@dataclass(frozen=True, repr=False)
class ExecutedFolder(Described):
    """A copy of a folder, all of whose notebooks were executed in their order.

    The notebooks lie in it as their author has them; what came out is in ``executions/`` beside
    each of them: so `seal` takes them.

    Attributes
    ----------
    path : Path
    origin : Path
        The folder that it is a copy of.
    notebooks : tuple of ExecutedNotebook
        In the order of execution.
    notes : tuple of str
        What was left out, what needs each other, what several have written.
    code : Code
        Of the origin.
    date : str
        When it began.
    seconds : float
    """

    path: Path
    origin: Path
    notebooks: tuple[ExecutedNotebook, ...] = ()
    notes: tuple[str, ...] = ()
    code: Code = field(default_factory=Code)
    date: str = ""
    seconds: float = 0.0

    @classmethod
    def load(cls, path: str | Path) -> ExecutedFolder:
        """Read it back.

        Raises
        ------
        RunNotFound
            If this is no such folder.
        DamagedFile
            If its record cannot be read.
        """
        folder = Path(path).absolute()
        try:
            document = json.loads((folder / RECORD).read_bytes())
            return cls(
                folder,
                Path(document["origin"]),
                tuple(map(_notebook, document["notebooks"])),
                tuple(map(str, document["notes"])),
                Code(**document["code"]),
                str(document["date"]),
                float(document["seconds"]),
            )
        except FileNotFoundError:
            raise RunNotFound(f"{str(path)!r} is no executed folder") from None
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
            raise DamagedFile(f"{str(folder / RECORD)!r} cannot be read: {error}") from error

    @staticmethod
    def is_at(path: Path) -> bool:
        """Whether a folder is one: cheap."""
        return (path / RECORD).is_file()

    def save(self) -> None:
        """Write the record."""
        record = self.path / RECORD
        record.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(record, dumps(self.to_json()))

    def to_json(self) -> Mapping[str, Any]:
        """The record."""
        return {
            "status": self.status,
            "path": str(self.path),
            "origin": str(self.origin),
            "date": self.date,
            "seconds": self.seconds,
            "notebooks": [asdict(each) for each in self.notebooks],
            "notes": list(self.notes),
            "code": asdict(self.code),
        }

    @property
    def status(self) -> str:
        """``done`` if all notebooks came to their end, else ``failed``."""
        return DONE if all(each.ok for each in self.notebooks) else "failed"

    @property
    def ok(self) -> bool:
        """Whether all notebooks came to their end."""
        return self.status == DONE

    @property
    def ended(self) -> float:
        """When its record was written, in s since the epoch."""
        return (self.path / RECORD).stat().st_mtime

    def execution(self, notebook: str) -> Execution:
        """The Execution of a notebook.

        Raises
        ------
        RunNotFound
            If it was not executed.
        """
        for each in self.notebooks:
            if each.path == notebook and each.execution:
                return Execution.load(self.path / each.execution)
        raise RunNotFound(f"{notebook!r} was not executed in {str(self.path)!r}")

    @property
    def executions(self) -> tuple[Execution, ...]:
        """Of all notebooks that were executed."""
        return tuple(self.execution(each.path) for each in self.notebooks if each.execution)

    def card(self) -> Card:
        """How each notebook came out, and what can be done with it."""
        done = sum(each.ok for each in self.notebooks)
        facts = {
            "status": self.status,
            "notebooks": f"{done} of {len(self.notebooks)} came to their end",
            "took": f"{self.seconds:.1f} s",
            "copy of": str(self.origin),
            "folder": str(self.path),
        }
        return Card("Executed folder", self.path.name, facts, tuple(self._tables()), self._hints())

    def _tables(self) -> list[Table]:
        failed = not self.ok
        rows = [
            (
                n.path,
                n.status,
                f"{n.seconds:.1f} s",
                few(n.wrote, FILES_SHOWN),
                *([n.problem] if failed else []),
            )
            for n in self.notebooks
        ]
        columns = ("notebook", "status", "time", "wrote", *(["problem"] if failed else []))
        tables = [Table(columns, tuple(rows), "notebooks")]
        if self.notes:
            tables.append(Table(("note",), tuple((note,) for note in self.notes), "notes"))
        return tables

    def _hints(self) -> tuple[str, ...]:
        if self.ok:
            typed = _typed(self.path)
            return (f"beambook publish {typed} --into {self.origin.name}-sealed   seals it",)
        broken = (each for each in self.notebooks if each.execution and not each.ok)
        return tuple(
            f"beambook show {_typed(self.path / each.execution)}   how {each.path} went"
            for each in broken
        )


def _notebook(document: Mapping[str, Any]) -> ExecutedNotebook:
    """JSON has no tuples."""
    facts: dict[str, Any] = {
        key: tuple(each) if isinstance(each, list) else each for key, each in document.items()
    }
    return ExecutedNotebook(**facts)


def _typed(path: Path) -> str:
    """As one would type it from here."""
    near = os.path.relpath(path)
    return str(path) if near.startswith("..") else near
