"""Freeze what is installed in a Python."""

from __future__ import annotations

import json
import shutil
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from beambook.environment._capture.index import Locked, lock
from beambook.environment._capture.libraries import system_libraries
from beambook.environment._capture.local import carried, is_local
from beambook.environment._capture.notes import notes_on
from beambook.environment._capture.probe import Installed, Probed, probe
from beambook.environment._capture.wheelhouse import carry, fetch_wheels
from beambook.environment._environment import WHEELS, Environment
from beambook.environment._package import Package
from beambook.environment._write import fresh_folder, write_lock
from beambook.errors import EnvironmentProblem
from beambook.events import Progress, Reporter, Silent

__all__ = ["capture"]

NOT_THE_INDEXS = "no index has this version; made of the installed files"
FROM_A_FOLDER = "copied from a folder of wheels"
ONLY_SOURCE = "the index has only its source; made of the installed files"


def capture(
    python: str | Path = sys.executable,
    *,
    into: str | Path = "environment",
    wheels: bool = False,
    reporter: Reporter | None = None,
) -> Environment:
    """Freeze exactly what is installed in a Python.

    Every package is pinned to its version and to the sha256 of its files. What no index has
    (editable, local, from a repository, no longer there) is carried along as a wheel.

    Parameters
    ----------
    python : str or Path
        The executable: of a virtual environment, a kernel, a conda environment.
    into : str or Path
        Folder to be written; an environment that is there is replaced when all went well.
    wheels : bool
        Carry the wheels of all packages, so that no index is needed later.
    reporter : Reporter, optional

    Returns
    -------
    Environment

    Raises
    ------
    EnvironmentProblem
        If the Python does not answer, an editable package does not build, or no index can be
        reached.

    Examples
    --------
    >>> from beambook.environment import capture
    >>> software = capture(into="environment", wheels=True)  # doctest: +SKIP
    >>> software.package("numpy").pin  # doctest: +SKIP
    'numpy==2.4.6'
    """
    say = _Steps(reporter or Silent())
    say("what is installed")
    probed = probe(_executable(python))
    with fresh_folder(Path(into)) as folder:
        say("the package index")
        local = [package for package in probed.packages if is_local(package)]
        others = [package for package in probed.packages if not is_local(package)]
        locked = lock(others, probed.executable)
        say(f"wheels of {', '.join(p.name for p in local) or 'what no index has'}")
        packages, notes = _packages(local, others, locked, probed, folder / WHEELS)
        say("libraries of the system")
        environment = _environment(probed, packages, notes, folder)
        write_lock(environment, locked.files)
        if wheels:
            environment = fetch_wheels(environment, reporter=reporter)
    say.end()
    return replace(environment, path=Path(into))


def _packages(
    local: Sequence[Installed],
    others: Sequence[Installed],
    locked: Locked,
    probed: Probed,
    wheels: Path,
) -> tuple[tuple[Package, ...], list[str]]:
    """All packages by name; and what is to be said of those that could not be frozen."""
    found = [carried(package, probed, wheels) for package in local]
    notes: list[str] = []
    for package in others:
        if "wheels" in locked.files.get(package.name, {}):
            found.append(_of_an_index(package, locked, wheels))
            continue
        own, note = _not_of_an_index(package, locked, probed, wheels)
        found.append(own)
        notes += [note] if note else []
    roots = _roots(probed.packages)
    ordered = sorted(found, key=lambda package: package.name)
    return tuple(replace(p, top_level=p.name in roots) for p in ordered), notes


def _of_an_index(package: Installed, locked: Locked, wheels: Path) -> Package:
    """A package that an index has; a folder of wheels on this machine is none for others."""
    pinned = Package(package.name, package.version, locked.hashes[package.name])
    if not locked.is_here(package.name):
        return pinned
    here = replace(pinned, origin="wheel", source={"how": FROM_A_FOLDER})
    return carry([here], locked.files, wheels, reporter=Silent())[0]


def _not_of_an_index(
    package: Installed, locked: Locked, probed: Probed, wheels: Path
) -> tuple[Package, str]:
    """A package that no index has as a wheel: made of its files, else its source, else absent."""
    known = locked.hashes.get(package.name, ())
    try:
        made = carried(package, probed, wheels, why=ONLY_SOURCE if known else NOT_THE_INDEXS)
    except EnvironmentProblem as error:
        if known:
            note = f"{package.pin}: only its source is to be had, which must be built ({error})"
            return Package(package.name, package.version, known), note
        note = f"{package.pin} cannot be frozen: no index has it, and {error}"
        return Package(package.name, package.version, origin="absent"), note
    return replace(made, hashes=tuple(sorted({*made.hashes, *known}))), ""


def _roots(packages: Sequence[Installed]) -> set[str]:
    """Packages that no other asks for: what a person has wanted."""
    asked = {name for package in packages for name in package.requires if name != package.name}
    return {package.name for package in packages} - asked


def _environment(
    probed: Probed, packages: tuple[Package, ...], notes: Sequence[str], folder: Path
) -> Environment:
    libraries, missing = system_libraries(probed)
    lost = [f"Libraries that are asked for and not found: {', '.join(missing)}"] if missing else []
    return Environment(
        path=folder,
        python=probed.python,
        implementation=probed.implementation,
        platform=probed.platform,
        packages=packages,
        system=libraries,
        distribution=probed.system,
        conda=_conda(probed),
        kernel=_kernel(probed.kernel),
        notes=(*notes, *notes_on(probed, packages), *lost),
    )


def _conda(probed: Probed) -> tuple[str, ...]:
    """What conda has installed, as its own explicit lists have it: address and checksum."""
    if not probed.conda:
        return ()
    records = sorted((Path(probed.conda) / "conda-meta").glob("*.json"))
    return tuple(_explicit(json.loads(record.read_text(encoding="utf-8"))) for record in records)


def _explicit(said: Mapping[str, Any]) -> str:
    address = said.get("url") or f"{said.get('name')}={said.get('version')}={said.get('build')}"
    checksum = said.get("sha256") or said.get("md5") or ""
    return f"{address}#{checksum}" if checksum else str(address)


def _kernel(spec: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """A kernelspec that names no path of this machine."""
    if spec is None:
        return None
    kept = ("display_name", "language", "metadata", "interrupt_mode", "kernel_protocol_version")
    argv = ["python", *map(str, spec.get("argv", ())[1:])]
    return {"argv": argv, **{key: spec[key] for key in kept if key in spec}}


def _executable(python: str | Path) -> Path:
    found = shutil.which(str(python))
    if found is None:
        raise EnvironmentProblem(
            f"There is no Python {str(python)!r}", hint="Name the executable of a Python"
        )
    return Path(found).absolute()


class _Steps:
    """Says the steps of a freeze one after another."""

    TOTAL = 4

    def __init__(self, reporter: Reporter) -> None:
        self._reporter = reporter
        self._began = time.monotonic()
        self._done = 0

    def __call__(self, label: str) -> None:
        seconds = time.monotonic() - self._began
        self._reporter(Progress("freeze", self._done, self.TOTAL, label, seconds))
        self._done += 1

    def end(self) -> None:
        seconds = time.monotonic() - self._began
        self._reporter(Progress("freeze", self.TOTAL, self.TOTAL, "frozen", seconds))
