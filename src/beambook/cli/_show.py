"""``beambook show`` and ``beambook check``: look, and change nothing."""

from __future__ import annotations

import json
import warnings
from pathlib import Path

import click

from beambook.card import Described
from beambook.cli._terminal import ProgressLine, say, say_json
from beambook.cli._things import find_run, find_thing
from beambook.errors import PublicationError

__all__ = ["check", "show"]

CHANGED = 2
ROWS = 500  # of each table; --json has them all


@click.command()
@click.argument("thing", nargs=-1, required=True)
@click.option("--json", "as_json", is_flag=True, help="For machines.")
def show(thing: tuple[str, ...], as_json: bool) -> int:
    """Say what a proposal, run, file, notebook, execution, publication or verdict is.

    Exit 2: there is no such thing, or a publication that is refused or was changed.

    THING is a path, an execution's id or newest, a recipe's name, or a proposal and a run:

    \b
      beambook show 900074               the runs of a proposal
      beambook show 900074 487
      beambook show 900074 487 '*XGM*'     only the sources that match
      beambook show raw/r0487
      beambook show xas
    """
    try:
        found, rest = find_thing(thing)
    except PublicationError as error:
        raise click.UsageError(str(error)) from error
    if rest:
        from beambook.data import Run

        if not isinstance(found, Run):
            raise click.UsageError(f"Unexpected {rest[0]!r}: only a run has sources to choose from")
        found = found.select([(glob, "*") for glob in rest])
    card = found.card()
    if as_json:
        say_json(json.loads(card.json()))
    else:
        say(card.text(rows=ROWS))
    return _integrity(found)


def _integrity(found: Described) -> int:
    """Exit status 2 and a line where a publication is not as it was sealed."""
    from beambook.publication import Publication

    if not isinstance(found, Publication):
        return 0
    progress = ProgressLine()
    problems = found.check(reporter=progress)
    progress.close()
    if not problems:
        return 0
    more = f", and {len(problems) - 1} more" if len(problems) > 1 else ""
    line = f"changed since it was sealed: {problems[0].path} {problems[0].what}{more}"
    click.echo(f"beambook: {''.join(filter(str.isprintable, line))}", err=True)
    return CHANGED


@click.command()
@click.argument("run", nargs=-1, required=True)
@click.option("--json", "as_json", is_flag=True, help="For machines.")
def check(run: tuple[str, ...], as_json: bool) -> int:
    """Look for what is wrong with a run; exit 1 if anything is.

    Missing trains, modules that disagree, damaged or half-written files,
    duplicated or disordered train ids: each with counts.
    """
    from beambook.data import DataWarning, Run
    from beambook.data import check as check_run

    path = Path(run[0])
    found: Run | Path
    if len(run) == 1 and path.exists():
        found = path  # not opened here: a damaged file is then a finding and no error
    else:
        with warnings.catch_warnings(action="ignore", category=DataWarning):  # the findings have it
            found, rest = find_run(run)
        if rest:
            raise click.UsageError(f"Unexpected {rest[0]!r} after the run")
    progress = ProgressLine()
    findings = check_run(found, reporter=progress)
    progress.close()
    if as_json:
        say_json(json.loads(findings.card().json()) | {"ok": findings.ok})
    else:
        say(findings.card().text(rows=ROWS))
    return 0 if findings.ok else 1
