"""Carry all wheels along: fetched at once, each with its checksum compared."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from beambook.environment._capture.downloads import fetch_all
from beambook.environment._capture.fetch import File
from beambook.environment._environment import WHEELS, Environment
from beambook.environment._package import Package, canonical, is_wheel_name
from beambook.environment._write import write_lock
from beambook.errors import EnvironmentProblem
from beambook.events import Reporter, Silent

__all__ = ["carry", "fetch_wheels"]


def fetch_wheels(
    environment: Environment, *, reuse: Path | None = None, reporter: Reporter | None = None
) -> Environment:
    """Put the wheel of every package into ``wheels/``, so that no index is needed any more.

    Parameters
    ----------
    environment : Environment
    reuse : Path, optional
        A folder of wheels; what is right in there is not fetched again.
    reporter : Reporter, optional

    Returns
    -------
    Environment
        The same software, and the same digest.

    Raises
    ------
    EnvironmentProblem
        If a file cannot be had, or is another than was locked.

    Examples
    --------
    >>> from beambook.environment import Environment, fetch_wheels
    >>> fetch_wheels(Environment.load("environment")).complete  # doctest: +SKIP
    True
    """
    files = _read(environment.pylock)
    folder = environment.path / WHEELS
    packages = carry(
        environment.packages, files, folder, reuse=reuse, reporter=reporter or Silent()
    )
    complete = replace(environment, packages=packages)
    write_lock(complete, files)
    return complete


def carry(
    packages: Sequence[Package],
    files: Mapping[str, Mapping[str, Any]],
    folder: Path,
    *,
    reporter: Reporter,
    reuse: Path | None = None,
) -> tuple[Package, ...]:
    """Fetch the wheels of those packages that have none yet.

    Parameters
    ----------
    packages : sequence of Package
    files : mapping
        For each name the ``wheels`` that uv has found, each with its address and checksum.
    folder : Path
    reporter : Reporter
    reuse : Path, optional
        A folder that may have some of them.

    Returns
    -------
    tuple of Package
        The same, each with its wheel.

    Raises
    ------
    EnvironmentProblem
        If a file cannot be had, or is another than was locked.
    """
    wanted = [_best(p, files) for p in packages if not p.wheel and p.origin != "absent"]
    folder.mkdir(parents=True, exist_ok=True)
    fetch_all(wanted, folder, reuse, reporter)
    fetched = {file.package: file for file in wanted}
    return tuple(_with_wheel(package, fetched.get(package.name)) for package in packages)


def _read(pylock: Path) -> dict[str, dict[str, Any]]:
    try:
        entries = tomllib.loads(pylock.read_text(encoding="utf-8"))["packages"]
        return {canonical(str(entry["name"])): _offered(entry) for entry in entries}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise EnvironmentProblem(f"{pylock} is damaged: {error!r}") from error


def _offered(entry: Mapping[str, Any]) -> dict[str, Any]:
    return {kind: entry[kind] for kind in ("sdist", "wheels") if kind in entry}


def _with_wheel(package: Package, file: File | None) -> Package:
    if file is None:
        return package
    source = {**package.source, "sha256": file.sha256, "size": file.size}
    return replace(package, wheel=file.name, source=source)


def _best(package: Package, files: Mapping[str, Mapping[str, Any]]) -> File:
    """The one wheel that is for this platform most of all; uv names only those that fit."""
    offered: Sequence[Mapping[str, Any]] = files.get(package.name, {}).get("wheels", ())
    if not offered:
        raise EnvironmentProblem(f"{package.pin} has no wheel for this platform")
    ranked = sorted(offered, key=lambda said: (_name(said).endswith("-any.whl"), _name(said)))
    said, name = ranked[0], _name(ranked[0])
    sha256 = str((said.get("hashes") or {}).get("sha256", ""))
    if f"sha256:{sha256}" not in package.hashes:
        raise EnvironmentProblem(f"The two locks have different checksums of {package.pin}")
    if not is_wheel_name(name):  # it becomes a path
        raise EnvironmentProblem(f"{package.pin} has a wheel that is called {name!r}")
    url = str(said.get("url") or Path(said["path"]).absolute().as_uri())
    return File(package.name, name, url, sha256, int(said.get("size", 0)))


def _name(said: Mapping[str, Any]) -> str:
    address = str(said.get("name") or said.get("url") or said["path"])
    return unquote(urlsplit(address).path.rpartition("/")[2])
