"""Which of a folder's files says what software it needs: in repo2docker's order."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from os import PathLike
from pathlib import Path

from beambook.environment._declared.conda import read_conda
from beambook.environment._declared.declared import Declared
from beambook.environment._declared.found import Found, read_text
from beambook.environment._declared.hints import notebooks_in
from beambook.environment._declared.imports import guess_requirements
from beambook.environment._declared.locks import (
    read_packages,
    read_pipfile,
    read_pipfile_lock,
    top_level_of_uv,
)
from beambook.environment._declared.pip_file import of_lines, read_requirements
from beambook.environment._declared.project import read_pyproject, read_setup_cfg, read_setup_py
from beambook.errors import EnvironmentProblem

__all__ = ["read_declared"]

FOLDERS = ("binder", ".binder")
# files that ask for what only a container can have, or for code to be executed
NOT_HONOURED = {
    "Dockerfile": "a container is not built",
    "apt.txt": "packages of the system are not installed",
    "postBuild": "code that is not executed",
    "start": "code that is not executed",
    "install.R": "R",
    "DESCRIPTION": "R",
    "Project.toml": "Julia",
    "REQUIRE": "Julia",
    "default.nix": "Nix",
}


def read_declared(folder: str | PathLike[str]) -> Declared:
    """What software a folder of notebooks asks for; nothing in it is executed.

    As with repo2docker, ``binder/`` or ``.binder/`` is all that counts if it is there; then
    ``environment.yml``, ``Pipfile.lock``, ``Pipfile``, ``requirements.txt``; and beyond it
    ``pylock.toml``, ``uv.lock``, ``poetry.lock``, ``pyproject.toml``, ``setup.cfg``,
    ``setup.py``. Where nothing is declared, the imports of the notebooks are the guess.

    Parameters
    ----------
    folder : path

    Returns
    -------
    Declared

    Raises
    ------
    EnvironmentProblem
        When there is no such folder, or a file is not what its name says.

    Examples
    --------
    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> _ = (folder / "requirements.txt").write_text("numpy==1.26.4  # the last 1.x")
    >>> _ = (folder / "runtime.txt").write_text("python-3.11")
    >>> read_declared(folder).requirements, read_declared(folder).python
    (('numpy==1.26.4',), '3.11')
    """
    root = Path(folder)
    if not root.is_dir():
        raise EnvironmentProblem(f"There is no folder {root}")
    here = next((root / name for name in FOLDERS if (root / name).is_dir()), root)
    found, others = _first(here, root)
    notebooks = notebooks_in(root)
    if not found.files:
        guess = guess_requirements(notebooks)
        return _with(guess, _runtime(here), _unhonoured(here, root))
    declared = Declared(
        files=_relative(found.files, here, root),
        requirements=_once(found.requirements),
        constraints=_once(found.constraints),
        python=_runtime(here) or found.python or None,
        unhonoured=(*found.unhonoured, *_unhonoured(here, root), *others),
        optional=found.optional,
    )
    return declared.hinted(notebooks)


def _first(here: Path, root: Path) -> tuple[Found, tuple[str, ...]]:
    """What the file that counts says; and the files that it overrules."""
    readers: dict[str, Callable[[Path], Found]] = {
        "environment.yml": lambda path: _conda(path, root),
        "environment.yaml": lambda path: _conda(path, root),
        "Pipfile.lock": lambda path: read_pipfile_lock(path, root),
        "Pipfile": read_pipfile,
        "requirements.txt": lambda path: read_requirements(path, root),
        "pylock.toml": lambda path: _all_wanted(read_packages(path, root)),
        "uv.lock": lambda path: _of_uv(path, root),
        "poetry.lock": lambda path: _all_wanted(read_packages(path, root)),
        "pyproject.toml": lambda path: read_pyproject(path, root),
        "setup.cfg": lambda path: read_setup_cfg(path, root),
        "setup.py": lambda path: read_setup_py(path, root),
    }
    there = [name for name in readers if (here / name).is_file()]
    for at, name in enumerate(there):
        found = readers[name](here / name)
        # a pyproject.toml may hold nothing but the settings of a linter
        if found.requirements or found.unhonoured or at == len(there) - 1:
            said = tuple(f"{other}: {name} counts" for other in there[at + 1 :])
            return (found if _says(found) else Found()), said
    return Found(), ()


def _says(found: Found) -> bool:
    return bool(found.requirements or found.unhonoured or found.python)


def _conda(path: Path, root: Path) -> Found:
    found, pip = read_conda(path)
    return found + of_lines(pip, path.parent, root)


def _all_wanted(found: Found) -> Found:
    """A lock that does not say what was asked for: all of it is."""
    return Found(found.files, found.constraints, (), found.python, found.unhonoured)


def _of_uv(path: Path, root: Path) -> Found:
    found = read_packages(path, root)
    wanted = top_level_of_uv(path)
    return found + Found(requirements=wanted) if wanted else _all_wanted(found)


def _runtime(here: Path) -> str | None:
    """``runtime.txt`` says ``python-3.7``; ``.python-version`` says ``3.7``."""
    for name in ("runtime.txt", ".python-version"):
        if (here / name).is_file():
            match = re.match(r"\s*(?:python-)?(3\.\d+(?:\.\d+)?)\b", read_text(here / name))
            if match:
                return match[1]
    return None


def _unhonoured(here: Path, root: Path) -> tuple[str, ...]:
    names = [name for name in NOT_HONOURED if (here / name).is_file()]
    return tuple(
        f"{(here / name).relative_to(root).as_posix()}: {NOT_HONOURED[name]}" for name in names
    )


def _relative(files: tuple[str, ...], here: Path, root: Path) -> tuple[str, ...]:
    """Names of files as seen from the folder that was asked about."""
    inside = here.relative_to(root)
    return tuple(
        (inside / name).as_posix() if (here / name).is_file() else name for name in _once(files)
    )


def _once(texts: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(texts))


def _with(guess: Declared, python: str | None, unhonoured: tuple[str, ...]) -> Declared:
    return replace(guess, python=python, unhonoured=(*guess.unhonoured, *unhonoured))
