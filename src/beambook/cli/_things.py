"""From what a person types to the thing that is meant."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from beambook.card import Described
from beambook.cli._proposal import ProposalFolders, find_proposals
from beambook.cli._records import EXECUTION, FOLDER, PIPELINE, records
from beambook.errors import RunNotFound
from beambook.recipe import Execution, Performance, Recipe

if TYPE_CHECKING:
    from beambook.data import Run

__all__ = [
    "EXECUTIONS",
    "all_recipes",
    "find_executed",
    "find_execution",
    "find_performed",
    "find_recipe",
    "find_run",
    "find_thing",
]

EXECUTIONS = Path("executions")
NEWEST = "newest"
_PROPOSAL = re.compile(r"p?(\d{1,6})$")
_RUN = re.compile(r"r?(\d{1,4})$")
_FOLDER = re.compile(r"p\d{6}$")


def find_run(words: tuple[str, ...]) -> tuple[Run, tuple[str, ...]]:
    """The run that the words name, and the words that are left.

    A run is ``900074 487``, ``p900074 r0487``, ``PROPOSAL_FOLDER 487``, a run folder or a file.
    """
    from beambook.data import open_file, open_run  # pandas and xarray, for those who need them

    first, rest = words[0], words[1:]
    path = Path(first)
    if rest and _RUN.match(rest[0]) and (_PROPOSAL.match(first) or path.is_dir()):
        return open_run(path if path.is_dir() else first, rest[0]), rest[1:]
    if path.is_file():
        return open_file(path), rest
    if path.is_dir():
        return open_run(path), rest
    if _PROPOSAL.match(first):
        raise click.UsageError(f"Which run? beambook show {first} lists those of the proposal")
    raise RunNotFound(
        f"No run or file {first!r}",
        hint="Give a run folder, a file, or a proposal and a run number such as: 900074 487",
    )


def find_execution(name: str, *, root: Path = EXECUTIONS) -> Execution:
    """The execution with this id (or the start of it), ``newest``, or with this folder."""
    path = Path(name)
    if (path / EXECUTION).is_file():
        return Execution.load(path)
    if name == NEWEST and (found := records(root, EXECUTION)):
        return Execution.load(found[-1].parent)
    return Execution.load(name, root=root)


def find_executed(name: str, *, root: Path = EXECUTIONS) -> Path:
    """The folder of the execution with this id, of the folder that was executed, or the newest."""
    if name == NEWEST:
        found = records(root, EXECUTION, FOLDER)[-1:]
    else:
        found = records(root, FOLDER, begin=name)
    if len(found) == 1:
        return root / found[0].relative_to(root).parts[0]
    return find_execution(name, root=root).path


def find_performed(name: str, *, root: Path = EXECUTIONS) -> Execution | Performance:
    """The execution or the performance of a pipeline with this id, ``newest``, or this folder."""
    if name == NEWEST and (found := records(root, EXECUTION, PIPELINE)):
        name = str(found[-1].parent)
    folder = next((f for f in (Path(name), root / name) if (f / PIPELINE).is_file()), None)
    if folder is not None:
        return Performance.load(folder)
    try:
        return find_execution(name, root=root)
    except RunNotFound:
        if records(root, PIPELINE, begin=name):
            return Performance.load(name, root=root)
        raise


def find_thing(words: tuple[str, ...]) -> tuple[Described, tuple[str, ...]]:
    """Whatever the words name: a proposal, run, file, notebook, recipe, execution, publication."""
    first, rest = words[0], words[1:]
    if first == NEWEST and (found := records(EXECUTIONS)):
        first = str(EXECUTIONS / found[-1].relative_to(EXECUTIONS).parts[0])
    path = Path(first)
    if (path / EXECUTION).is_file() or (path / PIPELINE).is_file():
        return find_performed(first), rest
    if path.suffix == ".zip":
        return _publication(path), rest
    for record, load in _FOLDERS.items():
        if (path / record).is_file():
            return load(path), rest
    if path.suffix == ".ipynb" or (not path.exists() and _is_recipe(first)):
        return find_recipe(first), rest
    if not path.exists() and not _PROPOSAL.match(first):
        return _by_id(first), rest
    if not rest and (folders := find_proposals(first)):
        return ProposalFolders(folders), rest
    return find_run(words)


def _by_id(name: str) -> Execution | Performance:
    """What was executed under this id; or the words that no thing has this name."""
    try:
        return find_performed(name)
    except RunNotFound:
        if records(EXECUTIONS, EXECUTION, begin=name):
            raise  # several begin so
        recipes = ", ".join(recipe.name for recipe in all_recipes())
        raise RunNotFound(
            f"Nothing is called {name!r}",
            hint=f"It is no file, no execution in {EXECUTIONS}/ and no recipe ({recipes})",
        ) from None


def _environment(path: Path) -> Described:
    from beambook.environment import Environment

    return Environment.load(path)


def _executed_folder(path: Path) -> Described:
    from beambook.publication import ExecutedFolder

    return ExecutedFolder.load(path)


def _publication(path: Path) -> Described:
    from beambook.publication import Publication

    return Publication.open(path)


def _verification(path: Path) -> Described:
    from beambook.publication import Verification

    return Verification.load(path)


# What is in a folder tells what it is.
_FOLDERS: Mapping[str, Callable[[Path], Described]] = {
    FOLDER: _executed_folder,
    "publication.json": _publication,
    "environment.json": _environment,
    "verdict.json": _verification,
}


def _is_recipe(name: str) -> bool:
    return any(recipe.name == name for recipe in all_recipes())


def find_recipe(name: str) -> Recipe:
    """A recipe by name, of the proposal we are in or shipped, or a notebook by its path."""
    return Recipe.find(name, proposal=_proposal_here())


def all_recipes() -> tuple[Recipe, ...]:
    """Recipes that are shipped, and those of the proposal we are in."""
    return Recipe.all(_proposal_here())


def _proposal_here() -> Path | None:
    """The folder of the proposal that the current folder is in."""
    here = Path.cwd()
    return next((each for each in (here, *here.parents) if _FOLDER.match(each.name)), None)
