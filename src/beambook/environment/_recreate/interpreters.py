"""Pythons on this machine, of the version that an environment was frozen with."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from beambook.environment._uv import run_uv
from beambook.errors import EnvironmentProblem

__all__ = ["Interpreter", "find_python", "installed", "minor", "own_version"]


@dataclass(frozen=True)
class Interpreter:
    """A Python on this machine.

    Attributes
    ----------
    path : Path
    version : str
        ``"3.11.7"``.
    """

    path: Path
    version: str

    @property
    def minor(self) -> str:
        """``"3.11"``: what compiled packages are made for."""
        return minor(self.version)


def minor(version: str) -> str:
    """``"3.11"`` of ``"3.11.7"``."""
    return ".".join(version.split(".")[:2])


def find_python(version: str, *, closest: bool = False) -> tuple[Interpreter, tuple[str, ...]]:
    """A Python of this minor version, this very one if it is here, and what is to note.

    Parameters
    ----------
    version : str
        ``"3.11.7"`` or ``"3.11"``.
    closest : bool
        Take the nearest minor version where the wanted one is not here.

    Raises
    ------
    EnvironmentProblem
        When no such Python is here; says which ones are.
    """
    known = installed()
    fitting = [each for each in known if each.minor == minor(version)]
    if not fitting and not closest:
        here = ", ".join(sorted({each.minor for each in known}, key=_numbers)) or "none"
        raise EnvironmentProblem(
            f"Python {minor(version)} is needed and not here (found: {here})",
            hint=f"Install it, e.g. uv python install {minor(version)}",
        )
    wanted = _numbers(version)
    found = min(fitting or known, key=lambda each: _distance(_numbers(each.version), wanted))
    exact = found.version == version or version.count(".") < 2
    return found, () if exact else (f"Python {found.version} instead of {version}",)


@cache
def installed() -> tuple[Interpreter, ...]:
    """CPythons on this machine: this one, those on PATH, uv's, pyenv's; virtual ones are not.

    Raises
    ------
    EnvironmentProblem
        When uv cannot be started.
    """
    with_uv = run_uv(
        "python", "list", "--only-installed", "--output-format", "json", what="list Pythons"
    )
    listed = [
        Interpreter(Path(each["path"]), str(each["version"]))
        for each in json.loads(with_uv or "[]")
        if each.get("implementation") == "cpython" and each.get("variant") == "default"
    ]
    this = Interpreter(Path(_own()), own_version())
    by_path = {each.path: each for each in (this, *listed, *_of_pyenv())}
    return tuple(by_path.values())


def own_version() -> str:
    """Of the Python that runs this: ``3.11.7``."""
    return ".".join(map(str, sys.version_info[:3]))


def _own() -> str:
    """The Python that this environment was made of."""
    return str(getattr(sys, "_base_executable", None) or sys.executable)


def _of_pyenv() -> Iterator[Interpreter]:
    """Pyenv puts only the versions of its choice on PATH; the others are there as well."""
    root = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    try:
        names = sorted(os.listdir(root))
    except OSError:  # there is none, or it is somebody else's
        return
    for name in names:
        python = root / name / "bin" / "python3"
        if re.fullmatch(r"3\.\d+\.\d+", name) and os.access(python, os.X_OK):
            yield Interpreter(python, name)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part.isdigit())


def _distance(version: tuple[int, ...], wanted: tuple[int, ...]) -> tuple[int, int, int]:
    """How far a version is from the wanted one; of equally far ones the newer is nearer."""
    minors = abs(version[1] - wanted[1])
    patch = version[2] if len(version) > 2 else 0
    near = abs(patch - wanted[2]) if len(wanted) > 2 and not minors else -patch
    return minors, -version[1], near
