"""``beambook jobs``, ``log`` and ``stop``: work that runs somewhere, looked at from anywhere."""

from __future__ import annotations

import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from beambook.card import Table
from beambook.cli._terminal import say, say_json
from beambook.errors import RunNotFound
from beambook.jobs import Job, Site, TaskState
from beambook.jobs._state import state_of, summary

__all__ = ["jobs", "log", "stop"]

EXECUTIONS = Path("executions")
ALL_ROWS = 1_000_000

in_folder = click.option(
    "--in",
    "root",
    type=click.Path(path_type=Path),
    default=EXECUTIONS,
    show_default=True,
    help="Folder of executions.",
)
for_machines = click.option("--json", "as_json", is_flag=True, help="For machines.")


@click.command()
@click.argument("job", required=False)
@in_folder
@click.option("--site", is_flag=True, help="Show what is known of the cluster.")
@for_machines
def jobs(job: str | None, root: Path, site: bool, as_json: bool) -> None:
    """List jobs, the newest first; with JOB (an id, its beginning or a folder), its tasks.

    \b
      beambook jobs                   all that were started here
      beambook jobs agipd-correct-2   the tasks of one
      beambook jobs --site            partition, memory, time …
    """
    if site:
        _show_site(as_json=as_json)
    elif job is not None:
        _show_one(find_job(job, root), as_json=as_json)
    else:
        _show_all(Job.all(root), root, as_json=as_json)


@click.command()
@click.argument("job")
@click.argument("task", required=False)
@in_folder
@for_machines
def log(job: str, task: str | None, root: Path, as_json: bool) -> None:
    """Print what TASK of JOB has printed: its number, its name, or finish.

    Without TASK that of the first one which did not end well, else of the last that began.
    """
    found = find_job(job, root)
    which = task if task is not None else _most_telling(found.states())
    text = found.log(which)
    if as_json:
        say_json({"job": found.id, "task": which, "log": text})
    else:
        say(text.rstrip("\n") or f"Task {which} of {found.id} has printed nothing yet")


@click.command()
@click.argument("job", nargs=-1, required=True)
@in_folder
@for_machines
def stop(job: tuple[str, ...], root: Path, as_json: bool) -> None:
    """End all that runs of each JOB and begin nothing more; what is done stays done.

    ``beambook run --resume JOB`` goes on with the rest.
    """
    found = [find_job(each, root) for each in job]
    alive = [each for each in found if not all(state.is_final for state in each.states())]
    for each in alive:
        each.stop()
    if as_json:
        say_json([{"id": each.id, "stopped": each in alive} for each in found])
        return
    for each in found:
        say(f"{'Stopped' if each in alive else 'Had ended before'}: {each.id}")


def find_job(name: str, root: Path) -> Job:
    """The job with this folder, id or beginning of an id; ``newest`` is one, too."""
    if name == "newest" and (all_jobs := Job.all(root)):
        return all_jobs[0]
    return Job.load(name, root)


def _show_site(*, as_json: bool) -> None:
    site = Site.load()
    if as_json:
        say_json(asdict(site))
        return
    say(site.card().text())
    if site.path is None:
        say("  → there is no site file: all is as the cluster has it")


def _show_one(job: Job, *, as_json: bool) -> None:
    if as_json:
        say_json(_document(job))
    else:
        say(job.card().text(rows=ALL_ROWS))


def _show_all(found: tuple[Job, ...], root: Path, *, as_json: bool) -> None:
    if as_json:
        say_json([_document(job) for job in found])
    elif found:
        columns = ("job", "state", "began", "tasks")
        say(Table(columns, tuple(_row(job) for job in found)).text(rows=ALL_ROWS))
    else:
        say(f"No jobs in {root}/ here; --in FOLDER looks into another")


def _document(job: Job) -> dict[str, Any]:
    states = job.states()
    return {
        "id": job.id,
        "title": job.title,
        "folder": str(job.folder),
        "state": state_of(states),
        "tasks": [asdict(state) for state in states],
    }


def _row(job: Job) -> tuple[str, ...]:
    states = job.states()
    began = min((each.started for each in states if each.started), default=None)
    at = time.strftime("%Y-%m-%d %H:%M", time.localtime(began)) if began else ""
    return job.id, state_of(states), at, summary(states)


def _most_telling(states: tuple[TaskState, ...]) -> int | str:
    for number, state in enumerate(states):
        if state.state in ("failed", "lost"):
            return _name(number, state)
    began = [(state.started, number) for number, state in enumerate(states) if state.started]
    if not began:
        raise RunNotFound("None of its tasks has begun", hint="beambook jobs JOB says why")
    _, number = max(began)
    return _name(number, states[number])


def _name(number: int, state: TaskState) -> int | str:
    return "finish" if state.is_finish else number
