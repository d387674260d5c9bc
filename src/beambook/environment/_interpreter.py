"""Folders that a Python needs to run, found without running it: its own code is not trusted."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

from beambook.errors import EnvironmentProblem

__all__ = ["added_folders", "folders_of"]

LINKS_MOST = 40
MOST_BYTES = 1 << 20
LOCAL = "file://"
SYSTEM = ("/usr", "/bin", "/lib", "/lib64", "/sbin")


def folders_of(python: Path) -> tuple[Path, ...]:
    """Every folder that the Python at `python` is spread over, besides the system's.

    A virtual environment is a link to a Python elsewhere, often through further links.

    Parameters
    ----------
    python : Path
        An executable, or a link to one.

    Returns
    -------
    tuple of Path

    Raises
    ------
    EnvironmentProblem
        If there is no such Python, or if one of the folders would be somebody's whole home.

    Examples
    --------
    >>> folders_of(Path("/usr/bin/env"))
    ()
    """
    if not python.is_file():
        raise EnvironmentProblem(f"There is no Python {str(python)!r}")
    found: dict[Path, None] = {}
    for executable in _links(python.absolute()):
        prefix = executable.parent.parent
        for folder in (prefix, *_base_of(prefix)):
            if not _is_of_system(folder):
                _refuse_home(folder, python)
                found |= {folder: None, folder.resolve(): None}
    return tuple(found)


def added_folders(python: Path) -> tuple[Path, ...]:
    """Folders elsewhere that a Python imports from: packages that were installed as editable.

    Whoever made the environment chooses them, so this is for a Python of one's own only.

    Parameters
    ----------
    python : Path
        An executable, or a link to one.

    Returns
    -------
    tuple of Path

    Examples
    --------
    >>> added_folders(Path("/usr/bin/env"))
    ()
    """
    found: dict[Path, None] = {}
    for site in python.absolute().parent.parent.glob("lib/python*/site-packages"):
        for named in (*site.glob("*.pth"), *site.glob("*.dist-info/direct_url.json")):
            for folder in _named_in(named):
                if folder.is_dir() and not Path.home().is_relative_to(folder):
                    found[folder] = None
    return tuple(found)


def _named_in(file: Path) -> list[Path]:
    try:
        text = file.read_text(encoding="utf-8")
        if file.suffix == ".pth":
            return [Path(line) for line in text.splitlines() if line.startswith("/")]
        stated = json.loads(text)
        if stated.get("dir_info", {}).get("editable") and stated["url"].startswith(LOCAL):
            return [Path(unquote(stated["url"].removeprefix(LOCAL)))]
    except (OSError, ValueError, AttributeError, KeyError):
        return []
    return []


def _links(path: Path) -> Iterator[Path]:
    """`path`, and all that it leads to through links."""
    for _ in range(LINKS_MOST):
        yield path
        if not path.is_symlink():
            break
        path = Path(os.path.normpath(path.parent.resolve() / os.readlink(path)))
    yield path.resolve()


def _base_of(prefix: Path) -> list[Path]:
    """Where the Python of a virtual environment comes from, as its pyvenv.cfg says."""
    path = prefix / "pyvenv.cfg"
    try:
        if not path.is_file() or path.stat().st_size > MOST_BYTES:  # a device, a pipe
            return []
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError):
        return []
    stated = dict(line.split("=", 1) for line in lines if "=" in line)
    homes = [value.strip() for name, value in stated.items() if name.strip() == "home"]
    return [Path(home).parent for home in homes if Path(home).is_absolute()]


def _is_of_system(folder: Path) -> bool:
    return str(folder) == "/" or any(folder.is_relative_to(system) for system in SYSTEM)


def _refuse_home(folder: Path, python: Path) -> None:
    home = Path.home()
    if home.is_relative_to(folder) or folder in (Path("/home"), Path("/root"), Path("/tmp")):  # noqa: S108
        raise EnvironmentProblem(
            f"{str(python)!r} has no folder of its own: the notebook would see all of {folder}",
            hint="Give the Python of a virtual environment",
        )
