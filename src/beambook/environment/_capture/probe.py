"""What a Python says of itself: it is asked once, isolated, by a script of ours."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from beambook.environment._capture import probe_script
from beambook.environment._package import canonical
from beambook.errors import EnvironmentProblem

__all__ = ["Installed", "Probed", "probe"]

SECONDS = 120.0


@dataclass(frozen=True)
class Installed:
    """One package as it is installed.

    Attributes
    ----------
    name, version : str
    metadata : Path
        Its ``.dist-info`` or ``.egg-info``.
    folder : Path
        Where its modules are.
    installer : str
        ``pip``, ``uv``, ``conda`` …
    direct_url : mapping or None
        Where it comes from, when that is no index (PEP 610).
    recorded : bool
        Whether the list of its files is there.
    tags : tuple of str
        Which platforms its wheel was for: ``cp311-cp311-manylinux_2_28_x86_64``.
    requires : tuple of str
        Names of the packages that it asks for.
    """

    name: str
    version: str
    metadata: Path
    folder: Path
    installer: str
    direct_url: Mapping[str, Any] | None
    recorded: bool
    tags: tuple[str, ...]
    requires: tuple[str, ...]

    @property
    def pin(self) -> str:
        """``name==version``."""
        return f"{self.name}=={self.version}"


@dataclass(frozen=True)
class Probed:
    """A Python and what is installed in it; paths are of this machine and go into no lock."""

    python: str
    implementation: str
    platform: str
    system: str
    executable: Path
    prefixes: tuple[Path, ...]
    standard: Path
    sites: tuple[Path, ...]
    outside: tuple[Path, ...]
    user_site: str
    conda: str
    kernel: Mapping[str, Any] | None
    packages: tuple[Installed, ...]
    odd: tuple[str, ...]


def probe(python: Path) -> Probed:
    """Ask a Python what it is and what is installed in it.

    Parameters
    ----------
    python : Path
        The executable of an interpreter, of a virtual environment, or of a kernel.

    Returns
    -------
    Probed

    Raises
    ------
    EnvironmentProblem
        If there is none, or it does not answer as a Python 3.8 or newer does.
    """
    script = Path(probe_script.__file__).read_text(encoding="utf-8")
    try:
        done = subprocess.run(  # noqa: S603
            [str(python), "-I", "-"],
            input=script,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise EnvironmentProblem(
            f"Python {python} does not run: {error}", hint="Name the executable of a Python"
        ) from error
    _, mark, answer = done.stdout.rpartition(f"\n{probe_script.MARK}\n")
    if done.returncode != 0 or not mark:
        said = " ".join(done.stderr.split())[-300:] or "it said nothing"
        raise EnvironmentProblem(
            f"{python} does not answer as a Python 3.8 or newer does: {said}",
        )
    return _probed(json.loads(answer))


def _probed(said: Mapping[str, Any]) -> Probed:
    libc = " ".join(said["libc"]).strip()
    return Probed(
        python=said["python"],
        implementation=said["implementation"],
        platform=", ".join(filter(None, (said["platform"], libc))),
        system=said["system"],
        executable=Path(said["executable"]),
        prefixes=tuple(map(Path, said["prefixes"])),
        standard=Path(said["standard"]),
        sites=tuple(map(Path, said["sites"])),
        outside=tuple(map(Path, said["outside"])),
        user_site=said["user_site"],
        conda=said["conda"],
        kernel=said["kernel"],
        packages=tuple(_installed(each) for each in said["packages"]),
        odd=tuple(said["odd"]),
    )


def _installed(said: Mapping[str, Any]) -> Installed:
    return Installed(
        name=canonical(said["name"]),
        version=said["version"],
        metadata=Path(said["metadata"]),
        folder=Path(said["folder"]),
        installer=said["installer"],
        direct_url=said["direct_url"],
        recorded=said["recorded"],
        tags=tuple(said["tags"]),
        requires=tuple(canonical(_name(each)) for each in said["requires"] if _always(each)),
    )


def _name(requirement: str) -> str:
    """The name that a requirement begins with: ``numpy>=1.26; …`` asks for ``numpy``."""
    end = next((i for i, c in enumerate(requirement) if not (c.isalnum() or c in "-_.")), None)
    return requirement[:end]


def _always(requirement: str) -> bool:
    """Whether it is asked for without one of the extras."""
    return "extra ==" not in requirement.replace("extra==", "extra ==")
