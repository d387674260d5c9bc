"""Exact versions that satisfy requirements, as an environment."""

from __future__ import annotations

import platform
import re
import shutil
import tempfile
import time
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet

from beambook.environment._capture.index import lock
from beambook.environment._environment import WHEELS, Environment
from beambook.environment._package import Package, canonical
from beambook.environment._recreate.interpreters import (
    Interpreter,
    find_python,
    installed,
    own_version,
)
from beambook.environment._uv import run_uv
from beambook.environment._write import fresh_folder, write_lock
from beambook.errors import EnvironmentProblem
from beambook.events import Progress, Reporter, Silent

__all__ = ["Wanted", "freeze"]

NEEDED = "ipykernel"
_PIN = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;]+)", re.MULTILINE)
_UNKNOWN = re.compile(
    r"([A-Za-z0-9][\w.-]*) (?:was|were) not found in the (?:package registry|cache)"
)
_NO_VERSION = re.compile(
    r"(?:there (?:is|are) no versions? of |Because only )([A-Za-z0-9][A-Za-z0-9._-]*)"
)
_NO_WHEEL = re.compile(r"([A-Za-z0-9][\w.-]*)(?:==\S+)? (?:has|have) no usable wheels")


@dataclass(frozen=True)
class Pin:
    """A package at the version that was found.

    Attributes
    ----------
    name, version : str
    """

    name: str
    version: str

    @property
    def pin(self) -> str:
        """``name==version``."""
        return f"{self.name}=={self.version}"


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


def freeze(wanted: Wanted, into: Path, *, reporter: Reporter | None = None) -> Environment:
    """Resolve, and write the environment's folder.

    Raises
    ------
    EnvironmentProblem
        When the Python is not here, or no versions satisfy everything.
    """
    begin = time.perf_counter()
    tell = reporter or Silent()
    tell(Progress("lock", 0, 2, "find versions"))
    python, notes = choose_python(wanted)
    asked, added = _asked(wanted)
    pins, lost = _resolve(wanted, asked, python)
    tell(Progress("lock", 1, 2, f"{len(pins)} packages", time.perf_counter() - begin))
    own = {package.name: package for package in wanted.carried}
    locked = lock([pin for pin in pins if pin.name not in own], python.path)
    roots = {canonical(_name(each)) for each in asked}
    packages = tuple(
        own.get(p.name)
        or Package(p.name, p.version, locked.hashes[p.name], top_level=p.name in roots)
        for p in sorted(pins, key=lambda p: p.name)
        if p.name in locked.hashes or p.name in own
    )
    with fresh_folder(into) as folder:
        _carry(wanted, folder / WHEELS)
        environment = Environment(
            path=folder,
            python=python.version,
            implementation="cpython",
            platform=f"linux-{platform.machine()}, {' '.join(platform.libc_ver())}",
            packages=packages,
            notes=(*wanted.notes, *notes, *added, *lost),
        )
        write_lock(environment, locked.files)
    tell(Progress("lock", 2, 2, "", time.perf_counter() - begin))
    return replace(environment, path=into)


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


def _asked(wanted: Wanted) -> tuple[list[str], tuple[str, ...]]:
    """Requirements, and what was added to them."""
    asked = [_bare(each) if wanted.newest else each for each in wanted.requirements]
    asked += [package.pin for package in wanted.carried]
    if any(canonical(_name(each)) == NEEDED for each in asked):
        return asked, ()
    return [*asked, NEEDED], (f"{NEEDED} was added: it was not asked for",)


def _name(requirement: str) -> str:
    try:
        return Requirement(requirement).name
    except InvalidRequirement:
        return requirement


def _bare(requirement: str) -> str:
    """Without its version."""
    wanted = Requirement(requirement)
    wanted.specifier = SpecifierSet()
    return str(wanted)


def _resolve(
    wanted: Wanted, asked: list[str], python: Interpreter
) -> tuple[list[Pin], tuple[str, ...]]:
    """Pins of everything; what may be left out is, when it cannot be had, and said."""
    lost: list[str] = []
    optional = {canonical(name) for name in wanted.optional}
    while True:
        try:
            text = _compile(wanted, asked, python)
        except EnvironmentProblem as problem:
            changed, said = _without_missing(asked, optional, str(problem))
            if not said:
                raise _explained(problem, wanted) from problem
            asked[:], lost = changed, [*lost, *said]
            continue
        return [Pin(canonical(n), v) for n, v in _PIN.findall(text)], tuple(lost)


def _without_missing(
    asked: list[str], optional: set[str], problem: str
) -> tuple[list[str], list[str]]:
    """The same without names that no index has, and without versions that it does not have."""
    message = " ".join(problem.split())
    unknown = {canonical(name) for name in _UNKNOWN.findall(message)} & optional
    unknown |= {canonical(name) for name in _NO_WHEEL.findall(message)} & optional
    no_version = ({canonical(name) for name in _NO_VERSION.findall(message)} & optional) - unknown
    kept, said = [], []
    for each in asked:
        name = canonical(_name(each))
        if name in unknown:
            said.append(f"{each}: no index has it ready to be installed; left out")
        elif name in no_version and _bare(each) != each:
            kept.append(_bare(each))
            said.append(f"{each}: no index has this version; another was taken")
        else:
            kept.append(each)
    return kept, said


def _compile(wanted: Wanted, asked: list[str], python: Interpreter) -> str:
    options: list[str | Path] = ["--python", python.path, "--no-header", "--no-annotate", "-q"]
    options += [] if wanted.build else ["--no-build"]
    options += ["--offline"] if wanted.offline else []
    if wanted.before is not None:
        options += ["--exclude-newer", str(wanted.before + timedelta(days=1))]
    with tempfile.TemporaryDirectory(prefix="beambook-lock-") as folder:
        if wanted.carried:
            _carry(wanted, Path(folder) / WHEELS)
            options += ["--find-links", Path(folder) / WHEELS]
        if wanted.constraints:
            constraints = Path(folder) / "constraints.txt"
            constraints.write_text("\n".join(wanted.constraints) + "\n", encoding="utf-8")
            options += ["-c", constraints]
        text = "\n".join(asked) + "\n"
        what = "find versions that satisfy all requirements"
        return run_uv("pip", "compile", *options, "-", what=what, stdin=text)


def _carry(wanted: Wanted, into: Path) -> None:
    """The wheels that are carried along, and no others."""
    for package in wanted.carried:
        into.mkdir(exist_ok=True)
        shutil.copyfile((wanted.wheels or Path()) / package.wheel, into / package.wheel)


def _explained(problem: EnvironmentProblem, wanted: Wanted) -> EnvironmentProblem:
    if _NO_WHEEL.search(" ".join(str(problem).split())) and not wanted.build:
        return EnvironmentProblem(
            problem.message, hint="build=True builds it from its source, which executes its code"
        )
    return problem
