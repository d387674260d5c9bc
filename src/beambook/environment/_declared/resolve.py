"""Exact versions that satisfy requirements; what may be left out is, when it cannot be had."""

from __future__ import annotations

import re
import shutil
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from beambook.environment._build import Builder
from beambook.environment._declared.wanted import OF_A_KERNEL, Wanted, bare, name_of
from beambook.environment._environment import WHEELS
from beambook.environment._package import canonical
from beambook.environment._recreate.interpreters import Interpreter
from beambook.environment._uv import run_uv
from beambook.errors import EnvironmentProblem

__all__ = ["Pin", "Resolution", "carry_along", "resolve"]

_PIN = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;]+)", re.MULTILINE)
_UNKNOWN = re.compile(
    r"([A-Za-z0-9][\w.-]*) (?:was|were) not found in the (?:package registry|cache)"
)
_NO_VERSION = re.compile(
    r"(?:there (?:is|are) no versions? of |Because only )([A-Za-z0-9][A-Za-z0-9._-]*)"
)
_NO_WHEEL = re.compile(r"([A-Za-z0-9][\w.-]*)(?:==\S+)? (?:has|have) no usable wheels")


_NOT_BUILT = re.compile(
    r"[Ff]ailed to (?:download and )?build `?([A-Za-z0-9][A-Za-z0-9._-]*?)(?:==|`|@| )"
)


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
class Resolution:
    """What was found.

    Attributes
    ----------
    pins : tuple of Pin
    roots : frozenset of str
        Names that were asked for.
    lost : tuple of str
        What was left out or relaxed.
    """

    pins: tuple[Pin, ...]
    roots: frozenset[str]
    lost: tuple[str, ...] = ()


def resolve(wanted: Wanted, asked: list[str], python: Interpreter, builder: Builder) -> Resolution:
    """Pins of everything that is asked for and of what that needs.

    Sources are looked into only where there is no wheel, and in the builder's sandbox.

    Raises
    ------
    EnvironmentProblem
        When no versions satisfy everything.
    """
    lost: list[str] = []
    optional = {canonical(name) for name in wanted.optional}
    building = False
    while True:
        try:
            text = _compile(wanted, asked, python, builder if building else None)
        except EnvironmentProblem as problem:
            message = " ".join(str(problem).split())
            if not building and builder.possible and _NO_WHEEL.search(message):
                building = True
                continue
            asked, said = _without_missing(asked, optional, message)
            if not said:
                raise _explained(problem, builder) from problem
            lost += said
            continue
        pins = tuple(Pin(canonical(n), v) for n, v in _PIN.findall(text))
        return Resolution(pins, frozenset(map(name_of, asked)), tuple(lost))


def _without_missing(
    asked: list[str], optional: set[str], message: str
) -> tuple[list[str], list[str]]:
    """The same without names that no index has, and without versions that it does not have."""
    found = {
        name
        for rule in (_UNKNOWN, _NO_WHEEL, _NOT_BUILT)
        for name in map(canonical, rule.findall(message))
    }
    unknown = found & optional
    no_version = (set(map(canonical, _NO_VERSION.findall(message))) & optional) - unknown
    kept, said = [], []
    for each in asked:
        if name_of(each) in unknown:
            said.append(f"{each}: no index has it ready to be installed; left out")
        elif name_of(each) in no_version and bare(each) != each:
            kept.append(bare(each))
            said.append(f"{each}: no index has this version; another was taken")
        else:
            kept.append(each)
    return kept, said


def _compile(wanted: Wanted, asked: list[str], python: Interpreter, builder: Builder | None) -> str:
    options: list[str | Path] = ["--python", python.path, "--no-header", "--no-annotate", "-q"]
    options += ["--offline"] if wanted.offline else []
    options += until(wanted)
    if wanted.before is not None:
        today = datetime.now(UTC).date() + timedelta(days=1)
        free = set(OF_A_KERNEL) - {name_of(each) for each in wanted.requirements}
        options += [f"--exclude-newer-package={name}={today}" for name in sorted(free)]
    work = builder.work if builder else None
    with tempfile.TemporaryDirectory(prefix="beambook-lock-", dir=work) as folder:
        if wanted.carried:
            carry_along(wanted, Path(folder) / WHEELS)
            options += ["--find-links", Path(folder) / WHEELS]
        if wanted.constraints:
            constraints = Path(folder) / "constraints.txt"
            constraints.write_text("\n".join(wanted.constraints) + "\n", encoding="utf-8")
            options += ["-c", constraints]
        text = "\n".join(asked) + "\n"
        what = "find versions that satisfy all requirements"
        words = ("pip", "compile", *options, "-")
        if builder:
            return builder.uv(*words, what=what, stdin=text)
        return run_uv(*words, "--no-build", what=what, stdin=text)


def until(wanted: Wanted) -> list[str]:
    """Uv's option for the day after which nothing counts."""
    if wanted.before is None:
        return []
    return ["--exclude-newer", str(wanted.before + timedelta(days=1))]


def carry_along(wanted: Wanted, into: Path) -> None:
    """Copy the wheels that no index has, and no others."""
    for package in wanted.carried:
        into.mkdir(exist_ok=True)
        shutil.copyfile((wanted.wheels or Path()) / package.wheel, into / package.wheel)


def _explained(problem: EnvironmentProblem, builder: Builder) -> EnvironmentProblem:
    if _NO_WHEEL.search(" ".join(str(problem).split())) and not builder.possible:
        return EnvironmentProblem(
            problem.message,
            hint="Without a sandbox nothing is built from source; build=True does it anyhow",
        )
    return problem
