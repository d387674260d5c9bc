"""The half of ``beambook run`` that executes all notebooks of a folder."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click

from beambook.cli._report import write_reports
from beambook.cli._terminal import ProgressLine, say, say_files, say_json
from beambook.cli._things import all_recipes
from beambook.errors import PublicationError

__all__ = ["is_folder", "run_folder"]

FEWEST_ROWS = 100


def is_folder(name: str) -> bool:
    """Whether a folder is meant; a recipe's name is the recipe, unless it is written as a path."""
    path = Path(name)
    if not path.is_dir():
        return False
    return os.sep in name or path.name != name or all(r.name != name for r in all_recipes())


def run_folder(
    folder: str,
    values: tuple[str, ...],
    *,
    others: dict[str, Any],
    reports: bool,
    pdf: bool,
    code: bool,
    as_json: bool,
    **options: Any,
) -> int:
    """Execute all notebooks of a folder and answer; gives the exit status.

    Parameters
    ----------
    folder : str
    values : tuple of str
    others : dict
        Options that are for a single notebook, and what they were given.
    reports, pdf, code, as_json : bool
    **options
        Of `beambook.publication.execute_folder`.
    """
    _refuse(folder, values, others)
    from beambook.publication import execute_folder

    progress = ProgressLine()
    try:
        made = execute_folder(folder, values, reporter=progress, **options)
    except PublicationError as error:  # refused: nothing has been executed
        raise click.UsageError(str(error)) from error
    finally:
        progress.close()
    files = [made.path]
    for execution in made.executions if reports or pdf else ():
        files += write_reports(execution.path, execution.path, pdf=pdf, code=code)
    if as_json:
        say_json(made.to_json())
    else:
        say(made.card().text(rows=max(FEWEST_ROWS, len(made.notebooks))))
        say_files(files)
    return 0 if made.ok else 1


def _refuse(folder: str, values: tuple[str, ...], others: dict[str, Any]) -> None:
    for option, given in others.items():
        if given:
            raise click.UsageError(f"{option} is for one notebook, and {folder!r} is a folder")
    for value in values:
        if "=" not in value:
            raise click.UsageError(f"{value!r} is not NAME=VALUE; write name=value")
