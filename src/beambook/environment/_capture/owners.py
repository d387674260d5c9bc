"""Which package of the operating system a file belongs to: dpkg or rpm knows."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

__all__ = ["answer", "owners"]

SECONDS = 60.0
DPKG_FORM = "${binary:Package}\t${Package} ${Version}\n"
RPM_FORM = "%{NAME} %{VERSION}-%{RELEASE}\n"


def owners(paths: Sequence[Path]) -> dict[Path, str]:
    """The package and version of each file that has one.

    Parameters
    ----------
    paths : sequence of Path

    Returns
    -------
    dict
        Path to ``zlib1g 1:1.2.13.dfsg-1``; empty where neither dpkg nor rpm is.
    """
    return _of_dpkg(paths) or _of_rpm(paths)


def _of_dpkg(paths: Sequence[Path]) -> dict[Path, str]:
    # /lib is a link to /usr/lib today; dpkg may know a file by either name.
    names = {form: path for path in paths for form in _forms(path)}
    found: dict[Path, str] = {}
    for line in answer("dpkg-query", "-S", *sorted(names)).splitlines():
        owner, _, name = line.rpartition(": ")
        if name in names and owner:
            found.setdefault(names[name], owner.split(",")[0])
    if not found:
        return {}
    said = answer("dpkg-query", "-W", "-f", DPKG_FORM, *sorted(set(found.values())))
    shown = dict(line.split("\t", 1) for line in said.splitlines() if "\t" in line)
    return {path: shown.get(owner, owner) for path, owner in found.items()}


def _forms(path: Path) -> set[str]:
    forms = {str(path), str(path.resolve())}
    forms |= {f"/usr{form}" for form in forms if form.startswith("/lib")}
    return forms | {form.removeprefix("/usr") for form in forms if form.startswith("/usr/lib")}


def _of_rpm(paths: Sequence[Path]) -> dict[Path, str]:
    if not paths:
        return {}
    lines = answer("rpm", "-qf", "--qf", RPM_FORM, *(str(p.resolve()) for p in paths)).splitlines()
    if len(lines) != len(paths):
        return {}
    return {path: line for path, line in zip(paths, lines, strict=True) if "not owned" not in line}


def answer(*command: str) -> str:
    """What a program of the system says; nothing where it is not, or does not know."""
    env = {**os.environ, "LC_ALL": "C"}
    try:
        done = subprocess.run(  # noqa: S603
            command, capture_output=True, text=True, timeout=SECONDS, check=False, env=env
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout  # dpkg-query ends with 1 when it knows only some of them
