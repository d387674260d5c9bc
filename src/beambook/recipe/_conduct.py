"""One execution from its first cell to its record."""

from __future__ import annotations

import asyncio
import json
import os
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from nbclient.exceptions import CellExecutionError, DeadKernelError

from beambook.events import Progress
from beambook.recipe._boundary import Boundary, witness_text
from beambook.recipe._client import CellClient
from beambook.recipe._execution import Execution
from beambook.recipe._harvest import declared_files, recorded_results
from beambook.recipe._journal import FULL, Journal
from beambook.recipe._kernel import Kernel, beginning, kernel_env
from beambook.recipe._memory import as_size
from beambook.recipe._notebook import heading_above
from beambook.recipe._overflow import OutputLimits
from beambook.recipe._own_file import read_own
from beambook.recipe._plan import Plan
from beambook.recipe._provenance import first_record, stamp
from beambook.recipe._watch import Watch, signal_name

__all__ = ["Conductor"]

SKIP = "skip-execution"
VALUE_MOST = 1_000
FACTS_MOST = 20_000_000
OF_KERNEL = ("python", "implementation", "executable", "prefix", "packages")


class Stopped(Exception):
    """Nobody wants this execution any more."""


class Conductor:
    """Executes one `Plan` in a folder of its own.

    Parameters
    ----------
    plan : Plan
    task : str
        What its progress is called.
    tell : callable
        Takes progress.
    stop : threading.Event
        Set when nobody wants it any more.
    """

    def __init__(
        self,
        plan: Plan,
        task: str,
        tell: Callable[[Progress], None],
        stop: threading.Event,
    ) -> None:
        self._plan = plan
        self._task = task
        self._tell = tell
        self._stop = stop
        self._notebook = plan.notebook
        self._cells: list[dict[str, Any]] = [
            {"index": index, "heading": heading_above(self._notebook, index), "status": "pending",
             "seconds": 0.0, "started": None}
            for index, cell in enumerate(self._notebook.cells)
            if cell.cell_type == "code" and cell.source.strip()
        ]  # fmt: skip
        self._journal = Journal(plan.into, plan.recipe.name, first_record(plan, self._cells))
        self._began = time.monotonic()
        self._boundary: Boundary | None = None
        self._kernel: Kernel | None = None
        self._client: CellClient | None = None
        self._watch: Watch | None = None
        self._at: dict[str, Any] | None = None

    async def conduct(self) -> Execution:
        """Execute; gives the finished execution, whatever its end."""
        self._began = time.monotonic()
        self._journal.record |= {"status": "running", "started": stamp()}
        outcome: dict[str, Any]
        try:
            self._journal.save()
            outcome = await self._attempt()
        except OSError as error:
            outcome = self._failure("failed", type(error).__name__, self._say_os_error(error))
        except Exception as error:  # whatever it is, others go on and the record says so
            self._journal.log(traceback.format_exc())
            outcome = self._failure("failed", type(error).__name__, str(error))
        await self._close_kernel()
        return self._finish(outcome)

    async def _attempt(self) -> dict[str, Any]:
        try:
            self._check_wanted()
            self._journal.save_notebook(self._notebook)
            await self._start_kernel()
            await self._run_cells()
            await self._stop_kernel()
        except Stopped:
            return self._failure("killed", "Interrupted", "it was interrupted by the caller")
        except CellExecutionError as error:
            await self._stop_kernel()
            return self._cell_failure(error)
        except DeadKernelError as error:
            return await self._death(error)
        return {"status": "done", "error": None}

    async def _start_kernel(self) -> None:
        plan = self._plan
        if plan.software is not None:
            self._boundary = Boundary(plan.software, self._journal.folder)
        self._kernel = Kernel(
            plan.spec, plan.kernel, fork=plan.fork, preload=plan.preload, software=plan.software
        )
        log = self._journal.open_pipe()
        self._tell(self._progress("starting the kernel"))
        try:
            await self._kernel.start(cwd=self._cwd, env=self._kernel_env(self._kernel), log=log)
        finally:
            os.close(log)
        self._journal.log(
            f"kernel {plan.kernel}, process {self._kernel.pid}: {self._kernel.origin}"
        )
        self._journal.record["kernel"] |= {"origin": self._kernel.origin}
        for note in self._kernel.notes:
            self._journal.log(f"zygote: {note}")
        self._describe_language(self._kernel.info)
        if self._kernel.is_python:
            own = [self._cwd, self._journal.folder]
            witness = witness_text(plan.software, own, self._kernel.folder)
            first = beginning(self._facts_path, plan.recipe.path, witness)
            error = await self._kernel.begin_session(first)
            if error:
                self._journal.log(f"session: {error}")

    def _kernel_env(self, kernel: Kernel) -> dict[str, str]:
        if (software := self._plan.software) is None:
            return kernel_env(python=kernel.is_python)
        return kernel_env(python=True, of=software.environ(kernel.folder))

    async def _run_cells(self) -> None:
        assert self._kernel is not None  # noqa: S101
        limits = OutputLimits(self._journal.folder, self._plan.limits.output, self._journal.log)
        client = self._client = CellClient(
            self._notebook,
            self._kernel,
            limits,
            allow_errors=self._plan.allow_errors,
            skip_cells_with_tag=SKIP,
        )
        self._watch = Watch(self._kernel, self._plan.limits, self._stop)
        watching = asyncio.create_task(self._watch.run())
        try:
            for number, cell in enumerate(self._cells):
                self._check_wanted()
                self._tell(self._progress(cell["heading"], number))
                await self._run_cell(client, cell)
        finally:
            watching.cancel()
            client.set_widgets_metadata()
            self._journal.save_notebook(self._notebook)

    async def _run_cell(self, client: CellClient, cell: dict[str, Any]) -> None:
        assert self._watch is not None  # noqa: S101
        self._at = cell
        cell |= {"status": "running", "started": stamp()}
        self._journal.save()
        self._watch.begin_cell()
        began = time.monotonic()
        try:
            await client.run_cell(cell["index"])
            cell["status"] = self._status_of(cell["index"])
        except CellExecutionError:
            cell["status"] = "error"
            raise
        except (DeadKernelError, OSError):
            cell["status"] = "killed"
            raise
        finally:
            cell["seconds"] = round(time.monotonic() - began, 4)
            self._watch.end_cell()
        if self._watch.over:  # the cell swallowed the interrupt
            raise CellExecutionError("", "KeyboardInterrupt", "")
        self._journal.save_notebook(self._notebook)

    def _status_of(self, index: int) -> str:
        cell = self._notebook.cells[index]
        if SKIP in cell.metadata.get("tags", []):
            return "skipped"
        return "error" if any(out.output_type == "error" for out in cell.outputs) else "done"

    def _check_wanted(self) -> None:
        if self._stop.is_set():
            raise Stopped

    def _cell_failure(self, error: CellExecutionError) -> dict[str, Any]:
        if self._watch is not None and self._watch.over:
            return self._failure("failed", "TimeLimit", self._watch.over)
        name, value = self._shown_error(error)
        if name == "MemoryError" and self._watch is not None:
            value = (
                f"{value or 'out of memory'} (the kernel had {as_size(self._watch.memory.peak)})"
            )
        return self._failure("failed", name, value)

    def _shown_error(self, error: CellExecutionError) -> tuple[str, str]:
        """Name and message; IPython replies "NoneType: None" when an output cannot be shown."""
        outputs = self._notebook.cells[self._at["index"]].outputs if self._at else []
        errors = [out for out in outputs if out.output_type == "error"]
        if error.ename == "NoneType" and errors:
            return errors[-1].ename, errors[-1].evalue
        return error.ename, error.evalue

    async def _death(self, error: DeadKernelError) -> dict[str, Any]:
        """The kernel ended before its time: by itself, by a limit, or because nobody wants it."""
        assert self._kernel is not None  # noqa: S101
        await self._kernel.kill()
        code = self._kernel.returncode
        name = signal_name(code) if code is not None and code < 0 else None
        watch = self._watch
        if self._stop.is_set():
            outcome = self._failure("killed", "Interrupted", "it was interrupted by the caller")
        elif watch is None:
            outcome = self._failure("killed", "KernelDied", str(error))
        elif watch.over:
            ignored = f"{watch.over}, and the kernel ignored the interrupt"
            outcome = self._failure("failed", "TimeLimit", ignored)
        else:
            outcome = self._failure("killed", "KernelDied", watch.obituary())
            self._at = None
        memory = max(watch.memory.peak, self._kernel.peak) if watch else self._kernel.peak
        outcome["error"] |= {"signal": name, "exit": code, "memory": memory or None}
        return outcome

    def _failure(self, status: str, name: str, value: str) -> dict[str, Any]:
        at = self._at or {}
        error = {
            "cell": at.get("index"),
            "heading": at.get("heading"),
            "name": name,
            "value": value if len(value) <= VALUE_MOST else f"{value[:VALUE_MOST]} …",
            "signal": None,
            "memory": (self._watch.memory.peak or None) if self._watch else None,
        }
        return {"status": status, "error": error}

    async def _stop_kernel(self) -> None:
        """Let the kernel end in peace, so that its files are closed before they are looked at."""
        assert self._kernel is not None  # noqa: S101
        await self._kernel.stop()

    async def _close_kernel(self) -> None:
        if self._kernel is None:
            return
        self._read_facts()
        try:
            if self._client is not None and await self._client.take_rest():
                self._journal.save_notebook(self._notebook)
        except OSError as error:
            self._journal.log(f"could not write the last outputs: {error}")
        await self._kernel.kill()  # nothing moves any more
        self._take_account(self._kernel)
        await self._kernel.close()
        self._journal.close_pipe()
        seen = self._watch.memory.peak if self._watch else 0
        self._journal.record["peak_memory"] = max(seen, self._kernel.peak)

    def _take_account(self, kernel: Kernel) -> None:
        """What the notebook did beyond its folder, if it was to be watched."""
        if self._boundary is None:
            return
        seen = self._boundary.account(kernel.folder)
        if kernel.left:
            seen["left"] = kernel.left
        self._journal.record["sandbox"] |= seen
        for kind, what in seen.items():
            self._journal.log(f"sandbox: {kind} {', '.join(what)}")

    def _finish(self, outcome: dict[str, Any]) -> Execution:
        journal = self._journal
        journal.record |= outcome
        journal.record |= {
            "results": recorded_results(self._notebook, self._journal.log),
            "ended": stamp(),
            "seconds": round(time.monotonic() - self._began, 4),
        }
        self._check_outputs()
        try:
            journal.save()
        except OSError as error:
            journal.log(f"could not write the record: {error}")
        execution = journal.execution()
        journal.log(f"{execution.status} {execution.error_line}".strip())
        journal.close()
        self._tell(self._progress(execution.error_line or execution.status, len(self._cells)))
        return execution

    def _check_outputs(self) -> None:
        record = self._journal.record
        record["outputs"], missing = declared_files(self._cwd, self._plan.recipe.outputs)
        if missing and record["status"] == "done":
            self._at = None
            value = f"the notebook did not write {', '.join(missing)}"
            record |= self._failure("failed", "MissingOutput", value)

    def _read_facts(self) -> None:
        """Take over what the kernel said about itself; it may have said nothing yet."""
        try:
            facts = dict(json.loads(read_own(self._facts_path, FACTS_MOST)))
            notes, inputs = list(facts["notes"]), list(facts["inputs"])
        except (OSError, ValueError, TypeError, KeyError):
            return
        for note in notes:
            self._journal.log(f"kernel: {note}")
        self._journal.record["inputs"] = [each for each in inputs if isinstance(each, dict)]
        self._journal.record["kernel"] |= {k: facts[k] for k in OF_KERNEL if k in facts}

    def _describe_language(self, info: dict[str, Any]) -> None:
        """As every front end does: the notebook says what it was executed with."""
        metadata = self._notebook.metadata
        spec = self._plan.spec
        metadata.setdefault(
            "kernelspec",
            {
                "name": self._plan.kernel,
                "display_name": spec.display_name,
                "language": spec.language,
            },
        )
        if language := info.get("language_info"):
            metadata["language_info"] = language
            self._journal.record["kernel"]["version"] = language.get("version")

    def _say_os_error(self, error: OSError) -> str:
        if error.errno in FULL:
            return f"the disk of {self._journal.folder} is full; what was written before is kept"
        return str(error)

    def _progress(self, label: str, done: int = 0) -> Progress:
        seconds = time.monotonic() - self._began
        return Progress(self._task, done, len(self._cells), label, seconds)

    @property
    def _facts_path(self) -> Path:
        assert self._kernel is not None  # noqa: S101
        return self._kernel.folder / "facts.json"

    @property
    def _cwd(self) -> Path:
        return self._plan.recipe.path.parent if self._plan.beside else self._journal.folder
