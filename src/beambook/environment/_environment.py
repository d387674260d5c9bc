"""Frozen software: a folder that says exactly which packages, and often brings them along."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from beambook.card import Card, Described, Table
from beambook.checksum import sha256_of
from beambook.environment._lock import digest_of, disagreements, requirements
from beambook.environment._package import Library, Package
from beambook.errors import EnvironmentProblem

__all__ = ["FORMAT", "RECORD", "Environment"]

FORMAT = 1
RECORD = "environment.json"
REQUIREMENTS = "requirements.txt"
PYLOCK = "pylock.toml"
WHEELS = "wheels"
IMAGE = "image.sqfs"
_PYTHON = re.compile(r"\d+\.\d+(\.\d+)?")


@dataclass(frozen=True, repr=False)
class Environment(Described):
    """Software that was frozen, as a folder.

    Attributes
    ----------
    path : Path
        Absolute. Holds ``environment.json``, ``requirements.txt`` (exact, with every hash),
        ``pylock.toml`` (PEP 751), ``Dockerfile``, ``apptainer.def``, and perhaps ``wheels/`` and
        ``image.sqfs``.
    python : str
        ``3.11.7``.
    implementation : str
        ``cpython``.
    platform : str
        ``linux-x86_64, glibc 2.36``.
    packages : tuple of Package
        By name.
    system : tuple of Library
        Libraries of the machine that no wheel brings.
    distribution : str
        The operating system: ``Debian GNU/Linux 12 (bookworm)``.
    conda : tuple of str
        Packages that conda had installed, as addresses with checksums.
    kernel : mapping or None
        What ipykernel's kernelspec says, without any path of the machine.
    notes : tuple of str
        What could not be frozen, or should be known.

    Examples
    --------
    >>> from beambook.environment import Environment
    >>> software = Environment(Path("environment"), "3.11.7", "cpython", "linux-x86_64", ())
    >>> software.minor
    '3.11'
    """

    path: Path
    python: str
    implementation: str
    platform: str
    packages: tuple[Package, ...]
    system: tuple[Library, ...] = ()
    distribution: str = ""
    conda: tuple[str, ...] = ()
    kernel: Mapping[str, Any] | None = field(default=None, hash=False)
    notes: tuple[str, ...] = ()

    @classmethod
    def load(cls, path: str | Path) -> Environment:
        """Open a frozen environment.

        Parameters
        ----------
        path : str or Path
            Its folder.

        Returns
        -------
        Environment

        Raises
        ------
        EnvironmentProblem
            If the folder has none, it was written by a newer beambook, or its files do not say
            the same.

        Examples
        --------
        >>> Environment.load("nowhere")
        Traceback (most recent call last):
        beambook.errors.EnvironmentProblem: No frozen environment in ...nowhere. Make one: ...
        """
        folder = Path(path).absolute()  # uv works in a folder of its own
        environment = _from_json(folder, _read(folder))
        lock = folder / REQUIREMENTS
        stated = lock.read_text(encoding="utf-8") if lock.is_file() else ""
        if stated != requirements(environment.packages):
            raise EnvironmentProblem(
                f"{lock} is not what {RECORD} says: one of them was changed after the freezing"
            )
        return environment

    @cached_property
    def digest(self) -> str:
        """One checksum for the software: the same for the same Python, packages and hashes."""
        return digest_of(self.python, self.packages)

    @property
    def minor(self) -> str:
        """``3.11``: the Python that the wheels are for."""
        return ".".join(self.python.split(".")[:2])

    @property
    def requirements(self) -> Path:
        """The exact pins with their hashes."""
        return self.path / REQUIREMENTS

    @property
    def pylock(self) -> Path:
        """The same as PEP 751 has it."""
        return self.path / PYLOCK

    @property
    def wheels(self) -> Path | None:
        """The folder of wheels that are carried along, if there is one."""
        folder = self.path / WHEELS
        return folder if folder.is_dir() else None

    @property
    def image(self) -> Path | None:
        """The single-file image, if there is one."""
        file = self.path / IMAGE
        return file if file.is_file() else None

    @property
    def complete(self) -> bool:
        """Whether every package's wheel is carried, so that no index is needed."""
        installed = [package for package in self.packages if package.origin != "absent"]
        return all(p.wheel and (self.path / WHEELS / p.wheel).is_file() for p in installed)

    def package(self, name: str) -> Package | None:
        """The package of this name, if it is there."""
        return next((package for package in self.packages if package.name == name), None)

    def damaged(self) -> tuple[str, ...]:
        """Wheels that are missing, changed or not of it, and a pylock that says something else.

        Returns
        -------
        tuple of str
            A line for each; empty when all is well.
        """
        named = {package.wheel: package for package in self.packages if package.wheel}
        there = {file.name for file in self.wheels.iterdir()} if self.wheels else set()
        stated = self.pylock.read_text(encoding="utf-8") if self.pylock.is_file() else ""
        lines = disagreements(stated, self.packages)
        lines += [f"wheels/{name} is not in the lock" for name in sorted(there - set(named))]
        lines += [f"wheels/{name} is missing" for name in sorted(set(named) - there)]
        for name in sorted(set(named) & there):
            if f"sha256:{sha256_of(self.path / WHEELS / name)}" not in named[name].hashes:
                lines.append(f"wheels/{name} was changed: its checksum is not in the lock")
        return tuple(lines)

    def to_json(self) -> dict[str, Any]:
        """Content of ``environment.json``: no time, no path, nothing of who froze it."""
        return {
            "format": FORMAT,
            "python": self.python,
            "implementation": self.implementation,
            "platform": self.platform,
            "distribution": self.distribution,
            "digest": self.digest,
            "packages": [package.to_json() for package in self.packages],
            "system": [asdict(library) for library in self.system],
            "conda": list(self.conda),
            "kernel": dict(self.kernel) if self.kernel else None,
            "notes": list(self.notes),
        }

    def card(self) -> Card:
        """Python, packages, what is carried along."""
        carried = [package for package in self.packages if package.wheel]
        made = sum(package.origin == "wheel" for package in self.packages)
        facts = {
            "python": f"{self.implementation} {self.python}",
            "platform": self.platform,
            "packages": f"{len(self.packages)}" + (f", {made} of them in no index" if made else ""),
            "wheels": f"{len(carried)} carried" + (", all" if self.complete else ""),
            "libraries of the system": str(len(self.system)),
            "digest": self.digest[:12],
        }
        if self.image:
            facts["image"] = f"{self.image.stat().st_size / 1e6:,.0f} MB"
        rows = tuple((p.name, p.version, _whence(p)) for p in self.packages)
        libs = tuple((lib.name, lib.file, lib.package) for lib in self.system)
        notes = tuple((note,) for note in self.notes)
        tables = (
            *((Table(("note",), notes, "notes"),) if notes else ()),
            Table(("package", "version", "from"), rows, "packages"),
            Table(("library", "file", "package"), libs, "libraries of the system"),
        )
        return Card("Environment", self.path.absolute().name, facts, tables)


def _whence(package: Package) -> str:
    how = str(package.source.get("how", package.origin))
    commit = str(package.source.get("commit", ""))[:8]
    dirty = ", changed since" if package.source.get("dirty") else ""
    return f"{how} at {commit}{dirty}" if commit else how


def _read(folder: Path) -> dict[str, Any]:
    record = folder / RECORD
    if not record.is_file():
        raise EnvironmentProblem(
            f"No frozen environment in {folder}",
            hint=f"Make one: beambook freeze --into {folder.name}",
        )
    try:
        said = json.loads(record.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise EnvironmentProblem(f"{record} is damaged: {error}") from error
    if not isinstance(said, dict) or said.get("format") != FORMAT:
        kind = said.get("format") if isinstance(said, dict) else None
        raise EnvironmentProblem(
            f"{record} has format {kind!r}; this beambook reads {FORMAT}",
            hint="A newer beambook may read it",
        )
    return said


def _from_json(folder: Path, said: Mapping[str, Any]) -> Environment:
    try:
        environment = Environment(
            path=folder,
            python=str(said["python"]),
            implementation=str(said["implementation"]),
            platform=str(said["platform"]),
            packages=tuple(Package.from_json(each) for each in said["packages"]),
            system=tuple(Library.from_json(each) for each in said["system"]),
            distribution=str(said["distribution"]),
            conda=tuple(map(str, said["conda"])),
            kernel=dict(said["kernel"]) if said["kernel"] is not None else None,
            notes=tuple(map(str, said["notes"])),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise EnvironmentProblem(f"{folder / RECORD} is damaged: {error!r}") from error
    if not _PYTHON.fullmatch(environment.python):
        raise EnvironmentProblem(f"{folder / RECORD} says Python {environment.python!r}")
    if environment.digest != said.get("digest"):
        raise EnvironmentProblem(
            f"{folder / RECORD} was changed after the freezing: its digest is another"
        )
    return environment
