"""Packages that come from a folder or a repository: their wheel is made here and carried along."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from fnmatch import fnmatch
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit

from beambook.environment._capture.probe import Installed, Probed
from beambook.environment._capture.repack import repack
from beambook.environment._capture.wheel_file import rewrite_wheel
from beambook.environment._package import Package, is_version
from beambook.environment._uv import run_uv
from beambook.errors import EnvironmentProblem

__all__ = ["carried", "folder_of", "is_local"]

GIT_SECONDS = 10.0
CONDA = "conda"
EPOCH = {"SOURCE_DATE_EPOCH": "315532800"}  # 1980: the same files make the same wheel
LITTER = ("build", "*.egg-info")


def is_local(package: Installed) -> bool:
    """Whether it was installed from somewhere else than an index.

    conda's packages say that they come from a folder: that of the machine that built them.
    """
    elsewhere = package.direct_url is not None and package.installer != CONDA
    return elsewhere or _develop_folder(package) is not None


def carried(package: Installed, probed: Probed, into: Path, *, why: str = "") -> Package:
    """Make the wheel of a package that no index has.

    Parameters
    ----------
    package : Installed
    probed : Probed
    into : Path
        Folder of wheels.
    why : str
        Said in `source`, when it is not from a folder or repository.

    Returns
    -------
    Package
        Of origin ``wheel``.

    Raises
    ------
    EnvironmentProblem
        If an editable package does not build, or the files of an installed one are not there.
    """
    folder = folder_of(package)
    if package.installer == CONDA and not all(tag.endswith("-any") for tag in package.tags):
        raise EnvironmentProblem(f"{package.pin} was compiled by conda for conda's own libraries")
    if folder is None and not is_version(package.version):
        raise EnvironmentProblem(f"{package.version!r} is no version that an index could have")
    into.mkdir(parents=True, exist_ok=True)
    if folder is not None:
        wheel, source = _build(package, folder, probed, into), _checkout(folder)
    else:
        wheel, source = repack(package, probed, into), _origin(package, why)
    content = wheel.read_bytes()
    sha256 = hashlib.sha256(content).hexdigest()
    return Package(
        name=package.name,
        version=wheel.name.split("-")[1].replace("_", "-"),
        hashes=(f"sha256:{sha256}",),
        origin="wheel",
        wheel=wheel.name,
        source={**source, "sha256": sha256, "size": len(content)},
    )


def folder_of(package: Installed) -> Path | None:
    """The folder whose files are imported directly, when it is installed so that one can edit."""
    said = package.direct_url or {}
    if package.installer != CONDA and (said.get("dir_info") or {}).get("editable"):
        return Path(unquote(urlsplit(str(said["url"])).path))
    return _develop_folder(package)


def _develop_folder(package: Installed) -> Path | None:
    """Of ``setup.py develop``: its ``.egg-info`` lies in the project itself."""
    if package.metadata.suffix != ".egg-info" or package.folder.name.endswith("-packages"):
        return None
    above = (package.folder, *package.folder.parents[:2])
    return next((f for f in above if any((f / n).is_file() for n in _PROJECT)), None)


_PROJECT = ("pyproject.toml", "setup.py")


def _build(package: Installed, folder: Path, probed: Probed, into: Path) -> Path:
    if not folder.is_dir():
        raise EnvironmentProblem(f"{package.pin} is installed from {folder}, which is not there")
    before = {name for rule in LITTER for name in folder.glob(rule)}
    with tempfile.TemporaryDirectory(prefix="beambook-build-") as built:
        try:
            run_uv(
                *("build", "--wheel", "--python", probed.executable, "--out-dir", built, folder),
                what=f"build {package.pin} from {folder}",
                hint=f"Install a wheel of {package.name} instead of the folder, or mend its build",
                env=EPOCH,
            )
        finally:
            _tidy({name for rule in LITTER for name in folder.glob(rule)} - before)
        made = next(Path(built).glob("*.whl"))
        rewrite_wheel(made, into / made.name)
        return into / made.name


def _tidy(litter: set[Path]) -> None:
    """Some build tools leave folders in the project; those that were not there before go."""
    for path in litter:
        shutil.rmtree(path, ignore_errors=True)


def _checkout(folder: Path) -> dict[str, Any]:
    commit = _git(folder, "rev-parse", "HEAD")
    source: dict[str, Any] = {"how": "built from its folder"}
    if commit:
        changes = _git(folder, "status", "--porcelain", "--untracked-files=normal", "--", ".")
        source |= {"commit": commit, "dirty": changes is None or _matters(changes)}
    if remote := _git(folder, "config", "--get", "remote.origin.url"):
        source["remote"] = _without_secrets(remote)
    return {key: value for key, value in source.items() if value != ""}


def _matters(changes: str) -> bool:
    """Whether a change is more than what build tools leave behind."""
    names = [line[3:].rstrip("/").rpartition("/")[2] for line in changes.splitlines()]
    return any(not any(fnmatch(name, rule) for rule in LITTER) for name in names)


def _origin(package: Installed, why: str) -> dict[str, Any]:
    said: Mapping[str, Any] = package.direct_url or {}
    source: dict[str, Any] = {"how": why or "made of the installed files"}
    if commit := (said.get("vcs_info") or {}).get("commit_id"):
        source["commit"] = str(commit)
    url = str(said.get("url", ""))
    if url and not url.startswith("file:"):  # a path of this machine tells nobody anything
        source["remote"] = _without_secrets(url)
    return source


def _without_secrets(url: str) -> str:
    """An address without user name, password or token; one without a scheme as it is."""
    parts = urlsplit(url)
    if not parts.scheme or not parts.netloc:
        return "" if os.path.isabs(url) else url
    host = parts.netloc.rpartition("@")[2]
    return "" if parts.scheme == "file" else urlunsplit((parts.scheme, host, parts.path, "", ""))


def _git(folder: Path, *words: str) -> str | None:
    # A repository can name a program as its fsmonitor; looking must not run it.
    command = ["git", "-C", str(folder), "-c", "core.fsmonitor=false", *words]
    env = {**os.environ, "GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0"}
    try:
        done = subprocess.run(  # noqa: S603
            command, capture_output=True, text=True, timeout=GIT_SECONDS, check=False, env=env
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.rstrip() if done.returncode == 0 else None
