"""One run of a Recipe with values: a folder that says all about it."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from beambook.card import Card, Described, Table
from beambook.errors import DamagedFile, RunNotFound, close_names
from beambook.recipe._report_facts import result_text

__all__ = ["ALIVE", "RECORD", "CellRun", "Execution", "is_gone"]

RECORD = "execution.json"
NOTEBOOK = "notebook.ipynb"
LOG = "log.txt"
SLOW_SHOWN = 5
ALIVE = ("queued", "running")
CLOCK_TOLERANCE = 2.0


@dataclass(frozen=True)
class CellRun:
    """How one code cell went.

    Attributes
    ----------
    index : int
        Position in the notebook, from 0.
    heading : str
        The nearest heading above it.
    status : str
        ``pending``, ``running``, ``done``, ``error``, ``killed`` or ``skipped``.
    seconds : float
        How long it took, in s.
    """

    index: int
    heading: str
    status: str
    seconds: float = 0.0


@dataclass(frozen=True, repr=False)
class Execution(Described):
    """One run of a Recipe with values.

    Everything is in its folder: ``notebook.ipynb`` (executed), ``execution.json``
    (the record), ``log.txt``, and what the notebook wrote.

    Attributes
    ----------
    path : Path
        The folder.
    record : mapping
        Content of ``execution.json``.
    """

    path: Path
    record: Mapping[str, Any]

    @classmethod
    def load(cls, name: str | Path, root: str | Path = "executions") -> Execution:
        """Read an execution back.

        Parameters
        ----------
        name : str or Path
            Its folder, its id below `root`, or the beginning of the id if only one begins so.
        root : str or Path
            Folder of executions.

        Returns
        -------
        Execution

        Raises
        ------
        RunNotFound
            If there is none, or several begin so.
        DamagedFile
            If its record cannot be read.
        """
        folder = Path(name)
        if folder.name in (RECORD, NOTEBOOK) and folder.is_file():
            folder = folder.parent
        if not (folder / RECORD).is_file():
            folder = Path(root) / _full_id(str(name), Path(root))
        return cls(folder.absolute(), _read_record(folder / RECORD))

    @property
    def id(self) -> str:
        """Recipe, time and four digits that make it unique."""
        return str(self.record["id"])

    @property
    def status(self) -> str:
        """``queued``, ``running``, ``done``, ``failed`` or ``killed``."""
        return str(self.record["status"])

    @property
    def recipe(self) -> str:
        """Name of the recipe."""
        return str(self.record["recipe"]["name"])

    @property
    def title(self) -> str:
        """Title of the recipe."""
        return str(self.record["recipe"]["title"])

    @property
    def values(self) -> Mapping[str, Any]:
        """Value of every parameter, as JSON has it."""
        values: Mapping[str, Any] = self.record["values"]
        return values

    @property
    def results(self) -> Mapping[str, Mapping[str, Any]]:
        """What the notebook recorded, by name: value, unit, tolerance, cell."""
        results: Mapping[str, Mapping[str, Any]] = self.record["results"]
        return results

    def result(self, name: str) -> str:
        """A recorded result as people read it, ``8331.32 ± 0.46``; empty if there is none."""
        return result_text(self.results[name]) if name in self.results else ""

    @property
    def outputs(self) -> tuple[Mapping[str, Any], ...]:
        """Declared files that were written: name, size in bytes, sha256."""
        return tuple(self.record["outputs"])

    @property
    def inputs(self) -> tuple[Mapping[str, Any], ...]:
        """Runs and files that were read, as far as the kernel's libraries say so."""
        return tuple(self.record["inputs"])

    @property
    def cells(self) -> tuple[CellRun, ...]:
        """How each code cell went."""
        keys = ("index", "heading", "status", "seconds")
        return tuple(CellRun(**{key: cell[key] for key in keys}) for cell in self.record["cells"])

    @property
    def error(self) -> Mapping[str, Any] | None:
        """What ended it: name, value, cell, heading, signal, memory; None if nothing did."""
        error: Mapping[str, Any] | None = self.record["error"]
        return error

    @property
    def error_line(self) -> str:
        """The error in one line, or an empty string."""
        if self.error is None:
            return ""
        line = f"{self.error['name']}: {self.error['value']}".splitlines()[0]
        if self.error.get("cell") is None:
            return line
        heading = self.error.get("heading")
        # For people the first cell, text or code, is cell 1; in the record it is 0.
        return f"cell {self.error['cell'] + 1}{f' ({heading})' if heading else ''}: {line}"

    @property
    def seconds(self) -> float:
        """How long it took, in s."""
        return float(self.record["seconds"])

    @property
    def notebook_path(self) -> Path:
        """The executed notebook."""
        return self.path / NOTEBOOK

    @property
    def log_path(self) -> Path:
        """What the kernel wrote outside of the notebook, and what beambook has to say."""
        return self.path / LOG

    def notebook(self) -> Any:
        """The executed notebook.

        Returns
        -------
        nbformat.NotebookNode
        """
        from beambook.recipe._notebook import read_notebook

        return read_notebook(self.notebook_path)

    def card(self) -> Card:
        """Status, values, time, memory, results, outputs."""
        facts = {"recipe": self.title, "status": self.status}
        if self.error_line:
            facts["error"] = self.error_line
        if self.values:
            facts["values"] = ", ".join(f"{name}={value}" for name, value in self.values.items())
        facts["began"] = f"{self.record['started'] or self.record['created']} on {self._host}"
        facts["took"] = f"{self.seconds:.1f} s, {_size(self.record['peak_memory'])} of memory"
        if self.inputs:
            facts["inputs"] = ", ".join(str(each.get("path", each)) for each in self.inputs)
        facts["folder"] = str(self.path)
        return Card("Execution", self.id, facts, tuple(self._tables()), self._hints())

    def _hints(self) -> tuple[str, ...]:
        if self.status in ALIVE or (self.path / "report.pdf").exists():
            return ()
        folder = os.path.relpath(self.path)
        return (f"beambook report {folder if not folder.startswith('..') else self.path} --pdf",)

    @property
    def _host(self) -> str:
        return str(self.record["host"])

    def _tables(self) -> list[Table]:
        tables = []
        if self.results:
            found = self.results.items()
            rows = tuple((name, self.result(name), each.get("unit", "")) for name, each in found)
            tables.append(Table(("result", "value", "unit"), rows, "results"))
        if self.outputs:
            files = [
                (file["name"], _size(file["size"]), file["sha256"][:12]) for file in self.outputs
            ]
            tables.append(Table(("file", "size", "sha256"), tuple(files), "outputs"))
        ran = [cell for cell in self.cells if cell.status not in ("pending", "skipped")]
        slow = sorted(ran, key=lambda cell: -cell.seconds)[:SLOW_SHOWN]
        times = [
            (cell.index + 1, cell.heading, cell.status, f"{cell.seconds:.2f} s") for cell in slow
        ]
        if times:
            columns = ("cell", "heading", "status", "time")
            tables.append(Table(columns, tuple(times), "slowest cells"))
        return tables


def _full_id(name: str, root: Path) -> str:
    ids = [path.parent.name for path in root.glob(f"*/{RECORD}")] if root.is_dir() else []
    found = [name] if name in ids else [each for each in ids if each.startswith(name)]
    if len(found) == 1 and name:
        return found[0]
    if len(found) > 1:
        raise RunNotFound(
            f"{len(found)} executions in {root} begin with {name!r}",
            hint=f"Say which: {', '.join(sorted(found)[-3:])}",
        )
    close = close_names(name, ids) or sorted(ids)[-3:]
    hint = f"Others are {', '.join(close)}" if close else "There is none at all"
    raise RunNotFound(f"No execution {name!r} in {root}", hint=hint)


def _read_record(path: Path) -> Mapping[str, Any]:
    try:
        record = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise RunNotFound(f"No execution {str(path.parent)!r}") from None
    except (ValueError, RecursionError) as error:
        raise DamagedFile(f"{str(path)!r} is no record of an execution: {error}") from error
    if not isinstance(record, dict) or not {"id", "status", "cells", "host"} <= set(record):
        raise DamagedFile(f"{str(path)!r} is no record of an execution")
    if record["status"] in ALIVE and record["host"] == socket.gethostname() and is_gone(record):
        value = f"its process ({record['pid']}) ended before it"
        record |= {"status": "killed", "error": {"name": "Abandoned", "value": value}}
    return record


def is_gone(record: Mapping[str, Any]) -> bool:
    """Whether the process of this machine that a record names has ended."""
    if record["pid"] == os.getpid():
        return False
    try:
        began = psutil.Process(record["pid"]).create_time()
    except psutil.Error:
        return True
    return bool(abs(began - record["process_started"]) > CLOCK_TOLERANCE)


def _size(count: float) -> str:
    from beambook.recipe._memory import as_size

    return as_size(count)
