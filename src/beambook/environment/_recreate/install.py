"""Packages of a lock into a virtual environment, their hashes always checked."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from beambook.environment._uv import run_uv
from beambook.errors import EnvironmentProblem

if TYPE_CHECKING:
    from beambook.environment._environment import Environment

__all__ = ["compile_bytecode", "install", "make_venv"]

NOT_IMPORTED = r"[/\\]tests?[/\\]"  # a third of all files; nobody's notebook imports them


def make_venv(python: Path, into: Path) -> Path:
    """An empty virtual environment that may be moved; returns its Python."""
    run_uv("venv", "-q", "--relocatable", "--python", python, into, what=f"make {into.name}")
    return into / "bin" / "python"


def install(
    environment: Environment, python: Path, *, offline: bool
) -> tuple[str, tuple[str, ...]]:
    """Install exactly what is locked; say from where, and what is to note.

    Parameters
    ----------
    environment : Environment
    python : Path
        Of the virtual environment.
    offline : bool
        Use nothing but the wheels beside the lock and what uv has in its cache.

    Raises
    ------
    EnvironmentProblem
        When a package cannot be had, or is not what the lock says.
    """
    wheels = environment.wheels
    if wheels is not None and environment.complete:
        if damaged := environment.damaged():
            raise EnvironmentProblem("; ".join(damaged))
        _sync(environment, python, ["--offline", "--no-index", "--find-links", wheels])
        return "wheels", ()
    sources: list[str | Path] = ["--find-links", wheels] if wheels else []
    if offline:
        _sync(environment, python, [*sources, "--offline"])
        return "index", ("taken from what uv had in its cache",)
    try:
        _sync(environment, python, [*sources, "--no-build"])
    except EnvironmentProblem as problem:
        if "--no-build" not in str(problem) and "no usable wheel" not in str(problem):
            raise
        # what has no wheel was built from its source when it was frozen, too
        _sync(environment, python, sources)
        return "index", ("built from source where there is no wheel",)
    return "index", ()


def compile_bytecode(python: Path, tree: Path, *, without: str = NOT_IMPORTED) -> None:
    """Compile what notebooks import, so that kernels in a read-only sandbox start quickly.

    The same packages give the same bytes anywhere: no path, no time of a source and no order
    of a set made by chance is in them. Python does not look at the sources then, which is as
    well: they are read-only and checked. The environment's own start-up files (``.pth``) are
    not executed (``-S``).
    """
    command = [str(python), "-s", "-S", "-m", "compileall", "-qf", "-j", "0", "-x", without]
    options = ["--invalidation-mode", "unchecked-hash", "-d", "/environment/lib", "lib"]
    # what the compiler imports itself is not to be written as its import would
    env = {"PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1", "PATH": os.defpath}
    # some packages hold files for other versions of Python, which do not compile
    subprocess.run(  # noqa: S603 the interpreter just made
        [*command, *options], cwd=tree, env=env, capture_output=True, check=False
    )


def _sync(environment: Environment, python: Path, sources: Sequence[str | Path]) -> None:
    # as the packages have it: a requirements file could name another index or another folder
    text = "".join(
        f"{p.pin} {' '.join(f'--hash={each}' for each in p.hashes)}\n"
        for p in environment.packages
        if p.origin != "absent"
    )
    run_uv(
        *("pip", "sync", "-q", "--require-hashes", "--allow-empty-requirements"),
        *("--python", python, *sources, "-"),
        stdin=text,
        what="install what is locked",
        hint="Without a network wheels/ must hold it all" if "--offline" in sources else "",
    )
