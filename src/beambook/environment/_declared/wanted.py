"""What is to be found: requirements, and the Python for them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet

from beambook.environment._package import Package, canonical
from beambook.environment._recreate.interpreters import (
    Interpreter,
    find_python,
    installed,
    own_version,
)
from beambook.errors import EnvironmentProblem

__all__ = ["OF_A_KERNEL", "Wanted", "bare", "choose_python", "name_of", "with_kernel"]

NEEDED = "ipykernel"
KERNEL = f"{NEEDED}>=4.8"  # the first that runs in a Python of today; older ones need less
# what a kernel is made of: not the authors' choice, and of some there was no wheel for years
OF_A_KERNEL = (
    *(NEEDED, "ipython", "jupyter-client", "jupyter-core", "tornado", "pyzmq", "traitlets"),
    *("appnope", "argcomplete", "asttokens", "backcall", "comm", "debugpy", "entrypoints"),
    *("executing", "importlib-metadata", "jedi", "matplotlib-inline", "nest-asyncio", "packaging"),
    *("parso", "pexpect", "pickleshare", "platformdirs", "prompt-toolkit", "psutil", "ptyprocess"),
    *("pure-eval", "pygments", "stack-data", "typing-extensions", "wcwidth", "zipp"),
)


@dataclass(frozen=True)
class Wanted:
    """What is to be found.

    Attributes
    ----------
    requirements, constraints : tuple of str
    python, hint : str
        As declared, and as the outputs tell.
    optional : tuple of str
        Names that may be left out.
    notes : tuple of str
        What is known already not to be honoured.
    before : date or None
    newest, offline, build, closest : bool
        As for `Declared.lock`.
    carried : tuple of Package
        Packages that no index has: they stay as they are.
    wheels : Path or None
        Where their wheels lie.
    """

    requirements: tuple[str, ...]
    constraints: tuple[str, ...] = ()
    python: str = ""
    hint: str = ""
    optional: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    before: date | None = None
    newest: bool = False
    offline: bool = False
    build: bool = False
    closest: bool = False
    carried: tuple[Package, ...] = ()
    wheels: Path | None = None


def choose_python(wanted: Wanted) -> tuple[Interpreter, tuple[str, ...]]:
    """The Python that is declared; in a range that of the outputs, else the newest that fits."""
    if re.fullmatch(r"3\.\d+(\.\d+)?", wanted.python) and not wanted.newest:
        return find_python(wanted.python, closest=wanted.closest)
    allowed = _specifiers(wanted.python)
    likely = [own_version()] if wanted.newest else [wanted.hint, own_version()]
    for version in likely:
        if version and allowed.contains(version):
            closest = wanted.closest or version != wanted.hint
            found, notes = find_python(version, closest=closest)
            said = f"Python {version}, as the outputs tell" if version == wanted.hint else ""
            return found, (*((said,) if said else ()), *notes)
    fitting = [each for each in installed() if allowed.contains(each.version)]
    if not fitting:
        raise EnvironmentProblem(
            f"Python {wanted.python} is needed and not here", hint="Install it: uv python install"
        )
    return max(fitting, key=lambda each: tuple(map(int, each.version.split(".")))), ()


def _specifiers(text: str) -> SpecifierSet:
    exact = re.fullmatch(r"3\.\d+(\.\d+)?", text)
    try:
        return SpecifierSet(f">={text}" if exact else text)
    except InvalidSpecifier:
        return SpecifierSet()


def with_kernel(wanted: Wanted) -> tuple[list[str], tuple[str, ...]]:
    """Requirements, ipykernel among them, and what was added to them."""
    asked = [bare(each) if wanted.newest else each for each in wanted.requirements]
    asked += [package.pin for package in wanted.carried]
    if any(name_of(each) == NEEDED for each in asked):
        return asked, ()
    return [*asked, KERNEL], (f"{NEEDED} was added: it was not asked for",)


def name_of(requirement: str) -> str:
    """The name alone, as indexes compare it."""
    try:
        return canonical(Requirement(requirement).name)
    except InvalidRequirement:
        return canonical(requirement)


def bare(requirement: str) -> str:
    """Without its version."""
    wanted = Requirement(requirement)
    wanted.specifier = SpecifierSet()
    return str(wanted)
