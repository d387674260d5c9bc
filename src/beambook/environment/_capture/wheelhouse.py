"""Carry all wheels along: fetched at once, each with its checksum compared."""

from __future__ import annotations

import hashlib
import time
import tomllib
import urllib.request
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from beambook.environment._environment import WHEELS, Environment, sha256_of
from beambook.environment._package import Package, canonical
from beambook.environment._write import write_lock
from beambook.errors import EnvironmentProblem
from beambook.events import Progress, Reporter, Silent

__all__ = ["carry", "fetch_wheels"]

AT_ONCE = 8
SECONDS = 120.0
TRIES = 3
BLOCK = 1 << 18


@dataclass(frozen=True)
class _File:
    """A wheel that is to be fetched."""

    package: str
    name: str
    url: str
    sha256: str
    size: int


def fetch_wheels(environment: Environment, *, reporter: Reporter | None = None) -> Environment:
    """Put the wheel of every package into ``wheels/``, so that no index is needed any more.

    Parameters
    ----------
    environment : Environment
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
    packages = carry(environment.packages, files, folder, reporter=reporter or Silent())
    complete = replace(environment, packages=packages)
    write_lock(complete, files)
    return complete


def carry(
    packages: Sequence[Package],
    files: Mapping[str, Mapping[str, Any]],
    folder: Path,
    *,
    reporter: Reporter,
) -> tuple[Package, ...]:
    """Fetch the wheels of those packages that have none yet.

    Parameters
    ----------
    packages : sequence of Package
    files : mapping
        For each name the ``wheels`` that uv has found, each with its address and checksum.
    folder : Path
    reporter : Reporter

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
    _fetch_all(wanted, folder, reporter)
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


def _with_wheel(package: Package, file: _File | None) -> Package:
    if file is None:
        return package
    source = {**package.source, "sha256": file.sha256, "size": file.size}
    return replace(package, wheel=file.name, source=source)


def _best(package: Package, files: Mapping[str, Mapping[str, Any]]) -> _File:
    """The one wheel that is for this platform most of all; uv names only those that fit."""
    offered: Sequence[Mapping[str, Any]] = files.get(package.name, {}).get("wheels", ())
    if not offered:
        raise EnvironmentProblem(f"{package.pin} has no wheel for this platform")
    ranked = sorted(offered, key=lambda said: (_name(said).endswith("-any.whl"), _name(said)))
    said = ranked[0]
    sha256 = str(said["hashes"]["sha256"])
    if f"sha256:{sha256}" not in package.hashes:
        raise EnvironmentProblem(f"The two locks have different checksums of {package.pin}")
    url = str(said.get("url") or Path(said["path"]).absolute().as_uri())
    return _File(package.name, _name(said), url, sha256, int(said.get("size", 0)))


def _name(said: Mapping[str, Any]) -> str:
    address = str(said.get("name") or said.get("url") or said["path"])
    return unquote(urlsplit(address).path.rpartition("/")[2])


def _fetch_all(wanted: Sequence[_File], folder: Path, reporter: Reporter) -> None:
    began = time.monotonic()
    total = max(1, sum(file.size for file in wanted) // 1_000_000)
    done = 0
    with ThreadPoolExecutor(AT_ONCE) as pool:
        tasks = {pool.submit(_fetch, file, folder): file for file in wanted}
        try:
            for task in as_completed(tasks):
                task.result()
                done += tasks[task].size
                at = min(done // 1_000_000, total)
                seconds = time.monotonic() - began
                reporter(Progress("wheels (MB)", at, total, tasks[task].name, seconds))
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def _fetch(file: _File, folder: Path) -> None:
    path = folder / file.name
    if path.is_file() and sha256_of(path) == file.sha256:
        return
    part = path.with_name(f".{file.name}.part")
    for left in reversed(range(TRIES)):
        try:
            _download(file, part)
            break
        except (OSError, ValueError) as error:
            part.unlink(missing_ok=True)
            if not left:
                raise EnvironmentProblem(
                    f"{file.name} cannot be fetched from {urlsplit(file.url).netloc}: {error}"
                ) from error
    part.replace(path)


def _download(file: _File, part: Path) -> None:
    if urlsplit(file.url).scheme not in ("https", "http", "file"):
        raise EnvironmentProblem(f"{file.name} is at {file.url}, which is no address of the web")
    digest = hashlib.sha256()
    with (
        urllib.request.urlopen(file.url, timeout=SECONDS) as answer,  # noqa: S310 checked above
        part.open("wb") as out,
    ):
        while block := answer.read(BLOCK):
            digest.update(block)
            out.write(block)
    if digest.hexdigest() != file.sha256:
        part.unlink()
        raise EnvironmentProblem(
            f"{file.name} is not the file that was locked: its checksum is another"
        )
