"""The software that a publication was made with."""

from __future__ import annotations

import re
import shutil
import sys
import tempfile
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from beambook.environment import Environment, capture, fetch_wheels
from beambook.errors import PublicationError
from beambook.events import Reporter
from beambook.publication._seal.named import imported_modules
from beambook.publication._seal.source import Source
from beambook.publication._secrets import Leak, find_secrets
from beambook.recipe import Execution

__all__ = ["WITHOUT", "leaks_of_wheels", "sealed_software"]

WITHOUT = "none"
DOCUMENT = "environment.json"
SECRET = ("token", "key", "password")


def sealed_software(
    wanted: Environment | str | Path | None,
    into: Path,
    source: Source,
    *,
    wheels: bool,
    reporter: Reporter | None = None,
) -> tuple[dict[str, Any] | None, list[str]]:
    """Put the frozen software into a folder.

    Parameters
    ----------
    wanted : Environment, str, Path or None
        An Environment or its folder; a Python, whose packages are frozen now; ``"none"``; None
        for what ``beambook freeze`` wrote beside the notebooks, else the Python that executed
        them, else this one.
    into : Path
        Must not exist.
    source : Source
    wheels : bool
        Carry the wheels of all packages, so that no index is needed.
    reporter : Reporter, optional

    Returns
    -------
    dict or None, list of str
        What the record says of it, and notes.

    Raises
    ------
    PublicationError
        If what is wanted is neither.
    EnvironmentProblem
        If the software cannot be frozen.
    """
    if wanted == WITHOUT:
        return None, ["no software was sealed: who verifies has to guess it"]
    if wanted is None:
        beside = (folder / into.name for folder in (source.root, source.origin))
        wanted = next((each for each in beside if _is_frozen(each)), None)
    if isinstance(wanted, Environment) or _is_frozen(wanted):
        environment = wanted if isinstance(wanted, Environment) else Environment.load(str(wanted))
        shutil.copytree(environment.path, into)
        environment = Environment.load(into)
        if wheels:
            environment = fetch_wheels(environment, reporter=reporter)
    else:
        python = _python(wanted, source.executions.values())
        environment = capture(python, into=into, wheels=wheels, reporter=reporter)
    notes = [*environment.notes, *_disagreements(environment, source)]
    return _document(environment, into), notes


def leaks_of_wheels(folder: Path) -> tuple[Leak, ...]:
    """Tokens, keys and passwords in the packages that no index has: nobody has seen these before.

    Parameters
    ----------
    folder : Path
        Of the frozen software.
    """
    if not _is_frozen(folder):
        return ()
    own = [each.wheel for each in Environment.load(folder).packages if each.origin == "wheel"]
    found: list[Leak] = []
    for wheel in filter(None, own):
        with tempfile.TemporaryDirectory(prefix="beambook-wheel-") as scratch:
            with zipfile.ZipFile(folder / "wheels" / wheel) as archive:
                archive.extractall(scratch)  # it keeps all within
            files = sorted(path for path in Path(scratch).rglob("*") if path.is_file())
            named = {f"{wheel}/{path.relative_to(scratch)}": path for path in files}
            found += [leak for leak in find_secrets(named) if leak.kind in SECRET]
    return tuple(found)


def _is_frozen(wanted: Any) -> bool:
    return isinstance(wanted, str | Path) and (Path(wanted) / DOCUMENT).is_file()


def _python(wanted: Any, executions: Iterable[Execution]) -> Path:
    if wanted is not None:
        path = Path(str(wanted)).expanduser()
        python = path / "bin" / "python" if path.is_dir() else path
        if not python.is_file():
            raise PublicationError(
                f"{str(wanted)!r} is neither a frozen environment nor a Python",
                hint="Give a folder of beambook freeze, a virtual environment or its Python",
            )
        return python.absolute()
    used = [str(each.record.get("kernel", {}).get("executable") or "") for each in executions]
    there = [Path(each) for each in dict.fromkeys(used) if each and Path(each).is_file()]
    return there[0] if there else Path(sys.executable)


def _disagreements(environment: Environment, source: Source) -> Iterator[str]:
    """Packages that a notebook imports and was executed with, which the sealed software has not.

    Only those whose package is called as their module is: of the others nobody can be sure.
    """
    sealed = {_canonical(package.name): package.version for package in environment.packages}
    for name, execution in source.executions.items():
        had = execution.record.get("kernel", {}).get("packages") or {}
        used = {_canonical(module) for module in imported_modules(source.path(name))}
        for package, version in had.items():
            key = _canonical(str(package))
            if key in used and sealed.get(key) != version:
                has = f"has {sealed[key]}" if key in sealed else "has not"
                yield f"{name} was executed with {package} {version}; the sealed software {has}"


def _canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _document(environment: Environment, folder: Path) -> dict[str, Any]:
    return {
        "path": folder.name,
        "digest": environment.digest,
        "python": environment.python,
        "platform": environment.platform,
        "packages": len(environment.packages),
    }
