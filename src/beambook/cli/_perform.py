"""The half of ``beambook run`` that performs pipelines, here or on a cluster."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from beambook.cli._terminal import ProgressLine, say, say_files, say_json

if TYPE_CHECKING:
    from beambook.jobs import Runner
    from beambook.recipe import Performance, Recipe

__all__ = ["perform_recipe", "resume_performance", "where"]

MISTAKE = 2
INTERRUPTED = 130
LEAST_ROWS = 21  # so that no problem is left out of the answer


def where(on: str, *, at_once: int | None, wait: bool) -> Runner:
    """The Runner that is asked for; on this machine it goes on alone if nobody waits."""
    from beambook.jobs import LocalRunner, runner

    if on == "local":
        return LocalRunner(at_once, stays=not wait)
    return runner(on, at_once=at_once)


def perform_recipe(
    recipe: Recipe,
    values: Mapping[str, Any],
    parts: Sequence[Mapping[str, Any]] | None,
    *,
    on: str,
    at_once: int | None,
    wait: bool,
    as_json: bool,
    **options: Any,
) -> int:
    """Perform, wait, answer; gives the exit status."""
    from beambook.recipe import perform

    progress = ProgressLine()
    performance = perform(
        recipe,
        values,
        parts=parts,
        runner=where(on, at_once=at_once, wait=wait),
        wait=False,
        reporter=progress,
        **options,
    )
    progress.close()
    return _follow(performance, progress, wait=wait, as_json=as_json)


def resume_performance(
    name: str, *, root: Path, on: str | None, at_once: int | None, wait: bool, as_json: bool
) -> int:
    """Go on with a performance that was interrupted; gives the exit status."""
    from beambook.recipe import Performance, resume

    found = Performance.load(name, root)
    runner = None
    if found.status not in ("queued", "running"):
        runner = where(on or found.asked.on, at_once=at_once, wait=wait)
    progress = ProgressLine()
    performance = resume(found.path, runner=runner, wait=False, reporter=progress)
    progress.close()
    return _follow(performance, progress, wait=wait, as_json=as_json)


def _follow(performance: Performance, progress: ProgressLine, *, wait: bool, as_json: bool) -> int:
    if performance.asked.refused:
        return _refused(performance, as_json=as_json)
    if not wait and performance.job is not None:
        _submitted(performance, as_json=as_json)
        return 0
    try:
        performance = performance.wait(progress)
    except KeyboardInterrupt:
        progress.close()
        return _interrupted(performance)
    progress.close()
    _answer(performance, as_json=as_json)
    return 0 if performance.status == "done" else 1


def _refused(performance: Performance, *, as_json: bool) -> int:
    """A mistake that only a look at the data could find is told as any other: in a line."""
    if as_json:
        say_json(performance.to_json())
    else:
        click.echo(f"beambook: {' '.join(performance.asked.error.split())}", err=True)
    return MISTAKE


def _submitted(performance: Performance, *, as_json: bool) -> None:
    if as_json:
        say_json(performance.to_json())
        return
    asked, name = performance.asked, performance.id
    tasks = f"{len(asked.groups)} task{'s' * (len(asked.groups) != 1)}"
    say(f"{name}: {len(asked.parts or ())} parts in {tasks} on {asked.on}")
    for hint in _next(name):
        say(f"  → {hint}")


def _next(name: str) -> tuple[str, ...]:
    return (
        f"beambook show {name}           how far it is",
        f"beambook run --resume {name}   wait for it; go on after a power cut",
        f"beambook stop {name}           end it",
    )


def _interrupted(performance: Performance) -> int:
    """Say what Ctrl-C has ended, and what not."""
    goes_on = performance.asked.on != "local"
    told = "The work goes on" if goes_on else "Stopped; what is done stays done"
    report = f"beambook report {performance.id} --pdf   what there is until now"
    hints = _next(performance.id) if goes_on else (_next(performance.id)[1], report)
    click.echo(f"beambook: {told}", err=True)
    for hint in hints:
        click.echo(f"  → {hint}", err=True)
    return INTERRUPTED


def _answer(performance: Performance, *, as_json: bool) -> None:
    if as_json:
        say_json(performance.to_json())
        return
    say(performance.card().text(rows=max(LEAST_ROWS, len(performance.asked.parts or ()))))
    made = [performance.path / f"report.{kind}" for kind in ("html", "pdf")]
    say_files(path for path in made if path.is_file())
