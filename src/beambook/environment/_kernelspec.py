"""A frozen environment as a kernel that JupyterLab offers."""

from __future__ import annotations

import json
import re
import shutil
import sys
import tempfile
from os import PathLike
from pathlib import Path
from typing import Any

from jupyter_core.paths import jupyter_data_dir

from beambook.environment._environment import Environment
from beambook.environment._recreate import Recreated, recreate
from beambook.errors import EnvironmentProblem, ParameterError
from beambook.events import Reporter

__all__ = ["install_kernel"]

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]*", re.IGNORECASE)


def install_kernel(
    what: Environment | Recreated,
    name: str,
    *,
    title: str = "",
    user: bool = True,
    replace: bool = False,
    cache: str | PathLike[str] | None = None,
    reporter: Reporter | None = None,
) -> Path:
    """Let Jupyter start notebooks in a frozen environment.

    Parameters
    ----------
    what : Environment or Recreated
        An environment is recreated first.
    name : str
        Of the kernel: letters, digits, ``.``, ``_``, ``-``.
    title : str
        What Jupyter shows; says name, Python and digest if not given.
    user : bool
        For this user, else for all who use this Python installation.
    replace : bool
        Take the place of another kernel of this name.
    cache : path, optional
        As for `recreate`.
    reporter : Reporter, optional

    Returns
    -------
    Path
        The kernelspec's folder.

    Raises
    ------
    EnvironmentProblem
        When the environment has no ipykernel, cannot be recreated, or its kernel's name is taken.
    ParameterError
        When the name is none that Jupyter takes.

    Examples
    --------
    >>> install_kernel(Environment.load("environment"), "paper-2026")   # doctest: +SKIP
    PosixPath('/home/me/.local/share/jupyter/kernels/paper-2026')
    """
    if not _NAME.fullmatch(name):
        raise ParameterError(
            f"{name!r} is no name of a kernel", hint="Use letters, digits, '.', '_' and '-'"
        )
    environment = what if isinstance(what, Environment) else what.environment
    if environment.package("ipykernel") is None:
        raise EnvironmentProblem(
            "The environment has no ipykernel, so no notebook can run in it",
            hint="Install ipykernel where it was frozen, and freeze it again",
        )
    data = Path(jupyter_data_dir()) if user else Path(sys.prefix) / "share" / "jupyter"
    folder = data / "kernels" / name.lower()
    _refuse_another(folder, environment, replace=replace)
    if isinstance(what, Environment):
        what = recreate(what, cache=cache, reporter=reporter)
    return _write(folder, _spec(what, title or f"{name} (Python {environment.minor}, frozen)"))


def _spec(here: Recreated, title: str) -> dict[str, Any]:
    return {
        "argv": [str(here.python), "-m", "ipykernel_launcher", "-f", "{connection_file}"],
        "display_name": title,
        "language": "python",
        "env": {"PYTHONNOUSERSITE": "1"},
        "metadata": {"debugger": True, "beambook": {"environment": here.environment.digest}},
    }


def _refuse_another(folder: Path, environment: Environment, *, replace: bool) -> None:
    if replace or not folder.exists():
        return
    try:
        known = json.loads((folder / "kernel.json").read_text(encoding="utf-8"))
        digest = known["metadata"]["beambook"]["environment"]
    except (OSError, ValueError, KeyError, TypeError):
        digest = None
    if digest != environment.digest:
        raise EnvironmentProblem(
            f"There is another kernel {folder.name!r} in {folder.parent}",
            hint="Give another name, or replace=True",
        )


def _write(folder: Path, spec: dict[str, Any]) -> Path:
    folder.parent.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        (fresh / "kernel.json").write_text(json.dumps(spec, indent=1) + "\n", encoding="utf-8")
        fresh.chmod(0o755)
        if folder.exists():
            shutil.rmtree(folder)
        fresh.rename(folder)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    return folder
