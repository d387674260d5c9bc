"""Perform a pipeline: the notebook before here and now, its parts as tasks, what comes after."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from beambook.errors import BeambookError, ExecutionError, JobError, ParameterError
from beambook.events import Reporter, Silent
from beambook.jobs import Runner
from beambook.recipe._execution import Execution
from beambook.recipe._journal import fresh_folder
from beambook.recipe._pipeline.document import Asked
from beambook.recipe._pipeline.mistake import is_mistake
from beambook.recipe._pipeline.part import Part, from_values, parts_of
from beambook.recipe._pipeline.performance import Performance
from beambook.recipe._pipeline.pipeline import Pipeline
from beambook.recipe._pipeline.recorded import decoded
from beambook.recipe._pipeline.stage import Stage
from beambook.recipe._pipeline.submit import chosen, group, submit
from beambook.recipe._pipeline.values import ASKED, absolute, declared, shared_of
from beambook.recipe._pipeline.work import execute_step, finish, write_report
from beambook.recipe._recipe import Recipe

__all__ = ["perform", "resume"]


def perform(
    recipe: Recipe | str | Path,
    values: Mapping[str, Any] | None = None,
    *,
    parts: Iterable[Mapping[str, Any]] | None = None,
    runner: Runner | str | None = None,
    into: str | Path = "executions",
    wait: bool = True,
    reporter: Reporter | None = None,
    kernel: str | None = None,
    time_limit: float | None = None,
    code: bool = False,
) -> Performance:
    """Execute a recipe for each of its parts, with what comes before and after.

    The notebook before is executed at once, in this process; the parts, what comes after and
    the report are tasks of the `runner`. How it ended is the status of what is returned; only
    what can be refused before a kernel starts is raised.

    Parameters
    ----------
    recipe : Recipe, str or Path
        A recipe with a ``.yml`` beside it, or any notebook.
    values : mapping of str to value, optional
        Values for the notebooks: each gets those that it declares.
    parts : iterable of mapping, optional
        Values of each part, if no notebook before states them. Neither: there is one part.
    runner : Runner or str, optional
        Where the parts are executed: ``"local"`` (as many at once as there are cores) or
        ``"slurm"``, or a Runner.
    into : str or Path
        Folder of executions; it gets ``<recipe>-<date>-<time>-<4 digits>`` in it.
    wait : bool
        False: return when the tasks are submitted. On this machine they then go on in the
        background.
    reporter : Reporter, optional
        Takes progress: parts done of all, what the others do, an estimate of the time left.
    kernel : str, optional
        Name of the kernel of all notebooks.
    time_limit : float, optional
        Seconds for each execution.
    code : bool
        Show the code in the report.

    Returns
    -------
    Performance

    Raises
    ------
    RecipeNotFound, ParameterNotFound, ParameterError, NotebookError
        If a notebook, its ``.yml`` or a value is not there or not right.
    ExecutionError
        If `into` cannot be written.
    JobError
        If no cluster answers, which is known at once, or it refuses the tasks.

    Examples
    --------
    >>> done = perform("agipd-correct", {"run": 9}, runner="slurm")  # doctest: +SKIP
    >>> done.sentence()  # doctest: +SKIP
    'all 64 parts done'
    """
    pipeline = Pipeline.of(Recipe.find(recipe))
    typed = pipeline.check(values or {})
    stated = _stated(parts, pipeline, typed)
    where = chosen(runner, wait=wait)
    where.check()
    asked = Asked.new(
        pipeline, _as_json(typed, pipeline),
        {"kernel": kernel, "time_limit": time_limit, "code": code}, where.name,
    ).but(parts=stated)  # fmt: skip
    try:
        folder = fresh_folder(Path(into), pipeline.recipe.name)
        asked.save(folder)
    except OSError as error:
        raise ExecutionError(f"Cannot write into {str(into)!r}: {error.strerror}") from error
    performance = Performance(folder, asked)
    return _go_on(performance, where.runner, wait=wait, reporter=reporter or Silent())


def resume(
    name: str | Path,
    *,
    root: str | Path = "executions",
    runner: Runner | str | None = None,
    wait: bool = True,
    reporter: Reporter | None = None,
) -> Performance:
    """Go on with a performance that was interrupted or has failed: only what is not done is run.

    Parameters
    ----------
    name : str or Path
        Its folder, its id below `root`, or the beginning of the id.
    root : str or Path
        Folder of executions.
    runner : Runner or str, optional
        Where, else where it was before.
    wait, reporter
        As for `perform`.

    Returns
    -------
    Performance

    Raises
    ------
    RunNotFound, DamagedFile
        If there is no such performance.
    JobError
        If it still runs.
    """
    found = Performance.load(name, root)
    reporter = reporter or Silent()
    if found.status == "done":
        return found
    if found.status in ("running", "queued"):
        if runner is not None or found.job is None:
            raise JobError(
                f"{found.id} still runs: {found.sentence()}",
                hint=f"Stop it first: beambook stop {found.id}",
            )
        return found.wait(reporter) if wait else found
    where = chosen(runner or found.asked.on, wait=wait)
    where.check()
    asked = found.asked.but(error="", refused=False, on=where.name)
    asked.save(found.path)
    return _go_on(Performance(found.path, asked), where.runner, wait=wait, reporter=reporter)


def _stated(
    parts: Iterable[Mapping[str, Any]] | None, pipeline: Pipeline, values: Mapping[str, Any]
) -> tuple[Part, ...] | None:
    """Parts that are known at once, checked; None if the notebook before will state them."""
    if pipeline.before is not None:
        if parts is not None:
            raise ParameterError(
                f"The parts of {pipeline.recipe.name} are those that {pipeline.before.name} finds",
                hint="Give its values instead, and start one pipeline for each run",
            )
        return None
    parameters = pipeline.recipe.parameters
    found = [dict(parameters.from_json(each)) for each in (parts if parts is not None else [{}])]
    for each in found:
        parameters.validate(declared(values, parameters) | each)
    return from_values([absolute(each, Path.cwd()) for each in found], parameters)


def _as_json(typed: Mapping[str, Any], pipeline: Pipeline) -> dict[str, Any]:
    return dict(pipeline.recipe.parameters.to_json(typed))


def _go_on(
    performance: Performance, runner: Runner, *, wait: bool, reporter: Reporter
) -> Performance:
    """Do what is not done yet."""
    performance = _with_parts(performance, reporter)
    if performance.asked.error:
        if not performance.asked.refused:  # a mistake is a line; what failed is to be looked into
            write_report(performance)
        return performance
    if not performance.asked.parts:
        finish(performance.path)  # there is nothing to wait for: what comes after says so
        return Performance.load(performance.path)
    performance = group(performance, runner)
    submit(performance, runner)
    return performance.wait(reporter) if wait else performance


def _with_parts(performance: Performance, reporter: Reporter) -> Performance:
    """The performance with its parts known: the notebook before is executed if need be."""
    asked = performance.asked
    if asked.parts is not None:
        return performance
    stage = Stage(performance.path / "before")
    execution = stage.execution() if stage.is_done else None
    before = asked.pipeline.before
    assert before is not None  # noqa: S101
    if execution is None:
        own = {ASKED: dict(asked.values)}
        execution = execute_step(asked, before, stage.folder, own, reporter=reporter)
    if execution.status != "done":
        ended = execution.error or {}
        refused = is_mistake(str(ended.get("name")))
        why = ended.get("value") if refused else execution.error_line
        asked = asked.but(error=f"{before.name}: {why}", refused=refused)
    else:
        asked = _told(asked, execution)
    asked.save(performance.path)
    return Performance(performance.path, asked)


def _told(asked: Asked, execution: Execution) -> Asked:
    """What the notebook before has recorded for us, checked against the others."""
    pipeline = asked.pipeline
    results = {name: result.get("value") for name, result in execution.results.items()}
    try:
        shared: dict[str, Any] = {}
        if "shared" in results:
            shared = shared_of(decoded(results["shared"]), pipeline, execution.path)
        stated = results.get("parts", [{"type": "mapping", "items": []}])  # none said: one part
        parts = parts_of(stated, pipeline)
        typed = asked.but(shared=_as_json(shared, pipeline), parts=parts)
        for part in parts:
            _refuse_unheard(typed, part)
            _refuse_incomplete(typed, part)
    except BeambookError as error:
        return asked.but(
            error=f"{execution.recipe} found what {pipeline.recipe.name} cannot take: {error}",
            refused=is_mistake(type(error).__name__),
        )
    return typed


def _refuse_unheard(asked: Asked, part: Part) -> None:
    """A value that a person gave must not be lost: whoever states other ones has to know it."""
    before = asked.pipeline.before
    known = before.parameters.names if before is not None else ()
    for name, value in asked.values.items():
        if name in part.values and name not in known and part.values[name] != value:
            raise ParameterError(
                f"{name}={value} was given, but each part has its own",
                hint=f"{before.name if before else 'The notebook before'} does not take {name!r}",
            )


def _refuse_incomplete(asked: Asked, part: Part) -> None:
    parameters = asked.pipeline.recipe.parameters
    given = declared({**asked.values, **asked.shared, **part.values}, parameters)
    parameters.validate(parameters.from_json(given))
