"""``beambook freeze``: write down exactly which software there is, and have it again later."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from beambook.cli._proposal import find_proposals
from beambook.cli._terminal import ProgressLine, say, say_files, say_json, shown
from beambook.errors import EnvironmentProblem, RunNotFound

if TYPE_CHECKING:
    from beambook.environment import Environment

__all__ = ["freeze"]

FOLDER = "environment"
PROPOSALS_OWN = ("usr/venv", "usr/.venv", "usr/env")
ROWS = 20
DAY = click.DateTime(["%Y-%m-%d"])


@dataclass(frozen=True)
class Wanted:
    """What is to be frozen, and where it is written.

    Attributes
    ----------
    python : Path or None
        The Python; None if `folder` is an environment that was frozen before.
    folder : Path
    """

    python: Path | None
    folder: Path


@click.command()
@click.argument("what", required=False, metavar="[PROPOSAL|NOTEBOOK|FOLDER]")
@click.option("--python", metavar="PATH|KERNEL", help="Freeze this Python, or that of this kernel.")
@click.option("--wheels", is_flag=True, help="Carry all wheels along: no index is needed later.")
@click.option("--image", is_flag=True, help="Make a single-file image of the software.")
@click.option("--kernel", metavar="NAME", help="Install a Jupyter kernel of the frozen software.")
@click.option("--declared", is_flag=True, help="Lock what FOLDER's requirement files ask for.")
@click.option(
    "--before",
    type=DAY,
    metavar="YYYY-MM-DD",
    help="With --declared: as the index was on that day.",
)
@click.option("--into", type=click.Path(path_type=Path), help="Folder to write.")
@click.option("--json", "as_json", is_flag=True, help="For machines.")
def freeze(
    what: str | None,
    python: str | None,
    wheels: bool,
    image: bool,
    kernel: str | None,
    declared: bool,
    before: datetime | None,
    into: Path | None,
    as_json: bool,
) -> None:
    """Write down which software there is: every package, exactly, with its checksums.

    Without an argument it is the Python that runs beambook. Of a NOTEBOOK it is the Python of
    its kernel; of a FOLDER that of the environment in it (bin/python), or of its notebooks'
    kernel; of a PROPOSAL that of usr/venv, or of its notebooks' kernel, written to
    usr/environment. A FOLDER that was frozen before gets what it lacks. With --declared it is
    what requirements.txt, environment.yml, binder/ … of FOLDER ask for, installed or not.

    \b
      beambook freeze                          this Python, into environment/
      beambook freeze paper.ipynb --wheels     and carry all wheels along
      beambook freeze 900074 --image           a proposal's, with a single-file image
      beambook freeze environment --kernel paper-2026
      beambook freeze old-paper --declared --before 2021-06-30
    """
    from beambook.environment import fetch_wheels

    if (before and not declared) or (python and declared):
        raise click.UsageError("--before goes with --declared, and --python without it")
    progress = ProgressLine()
    try:
        if declared:
            environment = _declared(what, into, before, progress)
        else:
            environment = _frozen(_understood(what, python), into, progress)
        if wheels:
            environment = fetch_wheels(environment, reporter=progress)
        more = _more(environment, image=image, kernel=kernel, progress=progress)
        written = [environment.path, *more]
    finally:
        progress.close()
    if as_json:
        say_json(environment.to_json() | {"path": str(environment.path)})
        return
    say(environment.card().text(rows=ROWS))
    say_files(written)


def _understood(what: str | None, python: str | None) -> Wanted:
    try:
        return find_wanted(what, python)
    except EnvironmentProblem as error:  # nothing was tried yet: it was asked for what is not here
        raise click.UsageError(str(error)) from error


def _frozen(wanted: Wanted, into: Path | None, progress: ProgressLine) -> Environment:
    from beambook.environment import Environment, capture

    if wanted.python is not None:
        return capture(wanted.python, into=into or wanted.folder, reporter=progress)
    if into is not None:
        raise click.UsageError(f"{shown(wanted.folder)} is frozen; --into has no meaning here")
    return Environment.load(wanted.folder)


def _declared(
    what: str | None, into: Path | None, before: datetime | None, progress: ProgressLine
) -> Environment:
    from beambook.environment import read_declared

    folder = Path(what or ".")
    day = before.date() if before else None
    return read_declared(folder).lock(into or folder / FOLDER, before=day, reporter=progress)


def _more(
    environment: Environment, *, image: bool, kernel: str | None, progress: ProgressLine
) -> Iterator[Path]:
    """What is made of an environment besides its lock."""
    from beambook.environment import image as make_image
    from beambook.environment import install_kernel

    if image:
        yield make_image(environment, reporter=progress)
    if kernel:
        yield install_kernel(environment, kernel, reporter=progress)


def find_wanted(what: str | None, python: str | None) -> Wanted:
    """From the words to a Python and a folder.

    Parameters
    ----------
    what : str or None
        A proposal, notebook or folder.
    python : str or None
        A path, or the name of a kernel; counts more than what `what` says.

    Returns
    -------
    Wanted

    Raises
    ------
    EnvironmentProblem
        If the kernel is not here, or the notebooks ask for several.
    RunNotFound
        If there is no such thing.
    """
    given = _given(python) if python else None
    if what is None:
        return Wanted(given or Path(sys.executable), Path(FOLDER))
    path = Path(what)
    if path.suffix == ".ipynb" and path.is_file():
        return Wanted(given or _of_notebooks([path]), path.parent / FOLDER)
    if folders := find_proposals(what):
        return Wanted(given or _of_proposal(folders[0]), folders[0] / "usr" / FOLDER)
    if not path.is_dir():
        raise RunNotFound(
            f"Nothing is called {what!r}", hint="Name a notebook, a folder or a proposal"
        )
    if (path / "environment.json").is_file():
        return Wanted(given, path)
    return Wanted(given or _of_folder(path), path / FOLDER if not _own(path) else Path(FOLDER))


def _given(python: str) -> Path:
    from beambook.environment import kernel_python

    found = shutil.which(python)
    return Path(found) if found else kernel_python(python)


def _of_proposal(folder: Path) -> Path:
    own = next((found for each in PROPOSALS_OWN if (found := _own(folder / each))), None)
    return own or _of_notebooks(_notebooks(folder / "usr"))


def _of_folder(folder: Path) -> Path:
    if own := _own(folder):
        return own
    notebooks = list(_notebooks(folder))
    if not notebooks:
        raise EnvironmentProblem(
            f"{shown(folder)} has neither a Python nor a notebook",
            hint="Name the Python: --python PATH",
        )
    return _of_notebooks(notebooks)


def _own(folder: Path) -> Path | None:
    python = folder / "bin" / "python"
    return python if os.access(python, os.X_OK) else None


def _notebooks(folder: Path) -> Iterator[Path]:
    """Notebooks below a folder, without hidden folders and what beambook executed."""
    for here, folders, files in os.walk(folder):
        folders[:] = sorted(f for f in folders if not f.startswith(".") and f != "executions")
        yield from (Path(here, name) for name in sorted(files) if name.endswith(".ipynb"))


def _of_notebooks(notebooks: Iterable[Path]) -> Path:
    """The Python of the kernel that all of them ask for; ours, where none asks."""
    from beambook.environment import kernel_python

    names = {name: path for path in notebooks if (name := _kernel_name(path))}
    if len(names) > 1:
        asked = ", ".join(f"{path.name}: {name}" for name, path in sorted(names.items())[:3])
        raise EnvironmentProblem(
            f"The notebooks ask for {len(names)} kernels ({asked})",
            hint="Freeze them one by one, or say which: --python KERNEL",
        )
    return kernel_python(next(iter(names))) if names else Path(sys.executable)


def _kernel_name(notebook: Path) -> str:
    try:
        document = json.loads(notebook.read_bytes())
        return str(document["metadata"].get("kernelspec", {}).get("name", ""))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise EnvironmentProblem(f"{shown(notebook)} is no notebook") from error
