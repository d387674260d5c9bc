"""Packages of a lock into a virtual environment, their hashes always checked."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from beambook.environment._build import Builder, only_sources
from beambook.environment._capture.index import lock
from beambook.environment._lock import installable
from beambook.environment._package import Package
from beambook.environment._recreate.interpreters import Interpreter
from beambook.environment._uv import run_uv
from beambook.errors import EnvironmentProblem
from beambook.events import Reporter

if TYPE_CHECKING:
    from beambook.environment._environment import Environment

__all__ = ["compile_bytecode", "install", "make_venv"]

NOT_IMPORTED = r"[/\\]tests?[/\\]"  # a third of all files; nobody's notebook imports them


def make_venv(python: Path, into: Path) -> Path:
    """An empty virtual environment that may be moved; returns its Python."""
    run_uv("venv", "-q", "--relocatable", "--python", python, into, what=f"make {into.name}")
    return into / "bin" / "python"


def start_of(python: Path) -> tuple[str, bytes]:
    """What decides which Python a virtual environment starts: no package may change it.

    A wheel can put files anywhere in its environment, and a sandbox lets a Python read the
    folder that its ``pyvenv.cfg`` names.
    """
    return str(python.resolve()), (python.parent.parent / "pyvenv.cfg").read_bytes()


def install(
    environment: Environment,
    python: Path,
    base: Interpreter,
    *,
    offline: bool,
    reporter: Reporter | None = None,
) -> tuple[str, tuple[str, ...]]:
    """Install exactly what is locked; say from where, and what is to note.

    Wheels are unpacked, which executes nothing; what has none is built in a sandbox.

    Parameters
    ----------
    environment : Environment
    python : Path
        Of the virtual environment.
    base : Interpreter
        That it was made of.
    offline : bool
        Use nothing but the wheels beside the lock and what uv has in its cache.
    reporter : Reporter, optional

    Raises
    ------
    EnvironmentProblem
        When a package cannot be had, is not what the lock says, or changes which Python starts.
    """
    start = start_of(python)
    done = _installed(environment, python, base, offline=offline, reporter=reporter)
    if start_of(python) != start:
        raise EnvironmentProblem(
            "A package of the lock changes the pyvenv.cfg or the Python of its environment: refused"
        )
    return done


def _installed(
    environment: Environment,
    python: Path,
    base: Interpreter,
    *,
    offline: bool,
    reporter: Reporter | None,
) -> tuple[str, tuple[str, ...]]:
    wheels, packages = environment.wheels, installable(environment.packages)
    if wheels is not None and environment.complete:
        if damaged := environment.damaged():
            raise EnvironmentProblem("; ".join(damaged))
        _sync(packages, python, ["--offline", "--no-index", "--find-links", wheels])
        return "wheels", ()
    sources: list[str | Path] = ["--find-links", wheels] if wheels else []
    if offline:
        _sync(packages, python, [*sources, "--offline"])
        return "index", ("taken from what uv had in its cache",)
    try:
        _sync(packages, python, sources)
    except EnvironmentProblem as problem:
        if "--no-build" not in str(problem) and "no usable wheel" not in str(problem):
            raise
        return "index", _built(packages, python, base, sources, problem, reporter)
    return "index", ()


def _built(
    packages: Sequence[Package],
    python: Path,
    base: Interpreter,
    sources: Sequence[str | Path],
    problem: EnvironmentProblem,
    reporter: Reporter | None,
) -> tuple[str, ...]:
    """Install them with wheels that are built for those that have none; what is to note."""
    pins = [package for package in packages if not package.wheel]
    locked = lock(pins, base.path)
    needed = only_sources(pins, locked.files)
    with closing(Builder(base, anywhere=False, reporter=reporter)) as builder:
        if not needed or not builder.possible:
            hint = "Without a sandbox nothing is built from source" if needed else ""
            raise EnvironmentProblem(problem.message, hint=hint) from problem
        into = builder.work / "wheels"
        hashes = {package.name: package.hashes for package in needed}
        made = {each.name: each for each in builder.wheels(needed, hashes, locked.files, into)}
        all_of_them = [made.get(package.name, package) for package in packages]
        _sync(all_of_them, python, [*sources, "--find-links", into])
        return tuple(f"{each.pin} was built from its source ({builder.kind})" for each in needed)


def compile_bytecode(python: Path, tree: Path, *, without: str = NOT_IMPORTED) -> None:
    """Compile what notebooks import, so that kernels in a read-only sandbox start quickly.

    The same packages give the same bytes anywhere: no path, no time of a source and no order
    of a set made by chance is in them. Python does not look at the sources then, which is as
    well: they are read-only and checked.

    Nothing of the tree is executed: a package can put modules beside ``lib``, or a
    ``pyvenv.cfg``, so `python` is the one that the tree was made of, and it works in a folder
    that has nothing to import. Start-up files (``.pth``) are not looked at (``-S``).
    """
    command = [str(python), "-s", "-S", "-m", "compileall", "-qf", "-j", "0", "-x", without]
    options = ["--invalidation-mode", "unchecked-hash", "-d", "/environment/lib", "lib"]
    # what the compiler imports itself is not to be written as its import would
    env = {"PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1", "PATH": os.defpath}
    with tempfile.TemporaryDirectory(prefix="beambook-compile-") as empty:
        (Path(empty) / "lib").symlink_to((tree / "lib").absolute())
        # some packages hold files for other versions of Python, which do not compile
        subprocess.run(  # noqa: S603 an interpreter of this machine
            [*command, *options], cwd=empty, env=env, capture_output=True, check=False
        )


def _sync(packages: Sequence[Package], python: Path, sources: Sequence[str | Path]) -> None:
    # as the packages have it: a requirements file could name another index or another folder
    text = "".join(f"{p.pin} {' '.join(f'--hash={each}' for each in p.hashes)}\n" for p in packages)
    run_uv(
        *("pip", "sync", "-q", "--require-hashes", "--allow-empty-requirements", "--no-build"),
        "--no-compile-bytecode",  # it would start what was just installed
        *("--python", python, *sources, "-"),
        stdin=text,
        what="install what is locked",
        hint="Without a network wheels/ must hold it all" if "--offline" in sources else "",
    )
