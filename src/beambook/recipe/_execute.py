"""Execute notebooks: one, or many at once, from any thread and inside of Jupyter."""

from __future__ import annotations

import asyncio
import os
import queue
import threading
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from beambook.errors import ParameterError
from beambook.events import Progress, Reporter, Silent
from beambook.recipe._conduct import Conductor
from beambook.recipe._execution import Execution
from beambook.recipe._foreign import PythonKernel
from beambook.recipe._overflow import OUTPUT_LIMIT
from beambook.recipe._plan import Limits, plan
from beambook.recipe._recipe import Recipe

__all__ = ["execute", "execute_many"]

GRACE_SECONDS = 5.0
INTO = Path("executions")


def execute(
    recipe: Recipe | str | Path,
    values: Mapping[str, Any] | None = None,
    *,
    into: str | Path = INTO,
    time_limit: float | None = None,
    cell_time_limit: float | None = None,
    grace: float = GRACE_SECONDS,
    output_limit: int = OUTPUT_LIMIT,
    reporter: Reporter | None = None,
    kernel: str | PythonKernel | None = None,
    fork: bool = True,
    allow_errors: bool = False,
    in_place: bool = False,
) -> Execution:
    """Execute a notebook with values, in a fresh folder of its own.

    How it ended is the status of what is returned; only what can be refused
    before a kernel starts is raised.

    Parameters
    ----------
    recipe : Recipe, str or Path
        A recipe, the name of a shipped one, or a notebook.
    values : mapping of str to value, optional
        Values of its parameters. A relative `Path` starts in the caller's folder.
    into : str or Path
        Folder of executions; each gets ``<recipe>-<date>-<time>-<4 digits>`` in it.
    time_limit, cell_time_limit : float, optional
        Seconds for the execution, and for each cell. The line that runs is interrupted.
    grace : float
        Seconds until a kernel that ignores the interrupt is killed.
    output_limit : int
        Characters that stay in the notebook per text of a cell (ten times as many per
        picture); what is larger goes to a file beside it.
    reporter : Reporter, optional
        Takes progress: cell k of n, its heading, seconds. Called in the caller's thread.
    kernel : str or PythonKernel, optional
        Name of the kernel, or the Python that it runs with and the sandbox that it runs in;
        else what the notebook asks for.
    fork : bool
        False: never fork the kernel from a process that has imported the science stack.
    allow_errors : bool
        True: go on after a cell that raises.
    in_place : bool
        True: the kernel works in the notebook's own folder, as in JupyterLab, whatever the
        notebook says of itself; so notebooks find what others before them wrote.

    Returns
    -------
    Execution

    Raises
    ------
    RecipeNotFound, ParameterNotFound, ParameterError, NotebookError
        If the recipe, a value or the kernel is not there or not right.
    ExecutionError
        If `into` cannot be written.
    EnvironmentProblem
        If the Python of a `PythonKernel` cannot execute notebooks.

    Examples
    --------
    >>> execution = execute("xas", {"proposal": 900074, "run": 487})  # doctest: +SKIP
    >>> execution.status  # doctest: +SKIP
    'done'
    """
    return execute_many(
        recipe,
        [values or {}],
        into=into,
        time_limit=time_limit,
        cell_time_limit=cell_time_limit,
        grace=grace,
        output_limit=output_limit,
        reporter=reporter,
        kernel=kernel,
        fork=fork,
        allow_errors=allow_errors,
        in_place=in_place,
    )[0]


def execute_many(
    recipe: Recipe | str | Path,
    values: Iterable[Mapping[str, Any]],
    *,
    at_once: int | None = None,
    into: str | Path = INTO,
    time_limit: float | None = None,
    cell_time_limit: float | None = None,
    grace: float = GRACE_SECONDS,
    output_limit: int = OUTPUT_LIMIT,
    reporter: Reporter | None = None,
    kernel: str | PythonKernel | None = None,
    fork: bool = True,
    allow_errors: bool = False,
    in_place: bool = False,
) -> list[Execution]:
    """Execute a notebook once for each set of values, several at once.

    All values are checked before the first kernel starts; a failure does not
    stop the others.

    Parameters
    ----------
    recipe : Recipe, str or Path
        As for `execute`.
    values : iterable of mapping
        One set of values for each execution.
    at_once : int, optional
        How many kernels at once, else as many as this process may use cores.
    into, time_limit, cell_time_limit, grace, output_limit, reporter, kernel, fork
        As for `execute`; time limits hold for each execution.
    allow_errors, in_place : bool
        As for `execute`.

    Returns
    -------
    list of Execution
        In the order of `values`.

    Raises
    ------
    RecipeNotFound, ParameterNotFound, ParameterError, NotebookError, ExecutionError
        As for `execute`.
    EnvironmentProblem
        As for `execute`.
    """
    limits = _limits(time_limit, cell_time_limit, grace, output_limit)
    at_once = at_once if at_once is not None else len(os.sched_getaffinity(0))
    if at_once < 1:
        raise ParameterError(f"at_once={at_once}: at least one execution at once")
    found = Recipe.find(recipe)
    if isinstance(kernel, PythonKernel):
        kernel.check()
    plans = [
        plan(
            found,
            each,
            into=Path(into),
            kernel=kernel,
            limits=limits,
            fork=fork,
            allow_errors=allow_errors,
            in_place=in_place,
        )
        for each in values
    ]
    concert = _Concert(reporter or Silent())
    names = [found.name] if len(plans) == 1 else [
        f"{found.name} {k}/{len(plans)}" for k in range(1, len(plans) + 1)
    ]  # fmt: skip
    conductors = [
        Conductor(each, name, concert.events.put, concert.stop)
        for each, name in zip(plans, names, strict=True)
    ]
    return concert.perform(conductors, at_once)


class _Concert:
    """Runs conductors in a thread with an event loop of its own, and reports in the caller's."""

    def __init__(self, reporter: Reporter) -> None:
        self.events: queue.SimpleQueue[Progress | None] = queue.SimpleQueue()
        self.stop = threading.Event()
        self._reporter: Reporter | None = reporter
        self._executions: list[Execution] = []
        self._error: BaseException | None = None

    def perform(self, conductors: list[Conductor], at_once: int) -> list[Execution]:
        thread = threading.Thread(target=self._run, args=(conductors, at_once), name="beambook")
        thread.start()
        try:
            while (progress := self.events.get()) is not None:
                self._report(progress)
        except BaseException:  # Ctrl-C: no kernel outlives it, and every record says so
            self.stop.set()
            thread.join()
            raise
        thread.join()
        if self._error is not None:
            raise self._error
        return self._executions

    def _report(self, progress: Progress) -> None:
        if self._reporter is not None:
            try:
                self._reporter(progress)
            except Exception:  # who cannot show progress must not end the work
                self._reporter = None

    def _run(self, conductors: list[Conductor], at_once: int) -> None:
        try:
            self._executions = asyncio.run(_conduct_all(conductors, at_once))
        except BaseException as error:
            self._error = error
        finally:
            self.events.put(None)


async def _conduct_all(conductors: list[Conductor], at_once: int) -> list[Execution]:
    seats = asyncio.Semaphore(at_once)

    async def take_turn(conductor: Conductor) -> Execution:
        async with seats:
            return await conductor.conduct()

    return await asyncio.gather(*map(take_turn, conductors))


def _limits(seconds: float | None, cell_seconds: float | None, grace: float, output: int) -> Limits:
    for name, value in (("time_limit", seconds), ("cell_time_limit", cell_seconds)):
        if value is not None and value <= 0:
            raise ParameterError(f"{name}={value}: a time limit is more than 0 s")
    if grace < 0 or output < 1:
        raise ParameterError(f"grace={grace}, output_limit={output}: both are positive")
    return Limits(seconds, cell_seconds, grace, output)
