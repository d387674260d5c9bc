"""A wheel made of an installed package: the same files, where no index has them any more.

What an installer adds (byte code, launchers, its own notes) is left out, so that the wheel of a
package is the same whoever installed it.
"""

from __future__ import annotations

import csv
import os
import re
from collections.abc import Iterator
from configparser import ConfigParser
from pathlib import Path, PurePosixPath

from beambook.environment._capture.probe import Installed, Probed
from beambook.environment._capture.wheel_file import Member, write_wheel
from beambook.errors import EnvironmentProblem

__all__ = ["repack"]

OF_THE_INSTALLER = {
    "INSTALLER", "RECORD", "REQUESTED", "direct_url.json", "uv_cache.json", "uv_build.json",
}  # fmt: skip
LAUNCHERS = ("console_scripts", "gui_scripts")


def repack(package: Installed, probed: Probed, into: Path) -> Path:
    """Make a wheel of what is installed.

    Parameters
    ----------
    package : Installed
    probed : Probed
        The Python that it is installed in.
    into : Path
        A folder.

    Returns
    -------
    Path
        The wheel.

    Raises
    ------
    EnvironmentProblem
        If the list of its files is not there, or one of them is not.
    """
    if not package.recorded or package.metadata.suffix != ".dist-info":
        raise EnvironmentProblem(f"{package.pin} has no list of its files")
    members = [_member(package, name, probed) for name in _recorded(package)]
    kept = {m.name: m for m in members if m is not None}
    if not package.tags:
        raise EnvironmentProblem(f"{package.pin} does not say for which platform it is")
    stem = package.metadata.name.removesuffix(".dist-info")
    path = into / f"{stem}-{_joined(package.tags)}.whl"
    write_wheel(path, f"{package.metadata.name}/RECORD", kept.values())
    return path


def _recorded(package: Installed) -> Iterator[str]:
    text = (package.metadata / "RECORD").read_text(encoding="utf-8")
    for row in csv.reader(text.splitlines()):
        if row and not row[0].endswith((".pyc", ".jws", ".p7s")):
            yield row[0]


def _member(package: Installed, name: str, probed: Probed) -> Member | None:
    """The file as the wheel has it; None for what an installer makes by itself."""
    file = package.folder / name
    place = _place(package, file, probed)
    if place is None:
        return None
    try:
        content = file.read_bytes()
    except OSError as error:
        raise EnvironmentProblem(f"{package.pin} is damaged: {name} cannot be read") from error
    script = place.split("/")[0].endswith(".data") and "/scripts/" in place
    if script:
        content = re.sub(rb"\A#![^\n]*python[^\n]*", b"#!python", content)
    return Member(place, content, executable=script or os.access(file, os.X_OK))


def _place(package: Installed, file: Path, probed: Probed) -> str | None:
    path = Path(os.path.normpath(file))
    folder = Path(os.path.normpath(package.folder))
    if path.is_relative_to(folder):
        inside = path.relative_to(folder).as_posix()
        own = inside.startswith(f"{package.metadata.name}/")
        return None if own and path.name in OF_THE_INSTALLER else inside
    data = f"{package.metadata.name.removesuffix('.dist-info')}.data"
    for prefix in probed.prefixes:
        if path.is_relative_to(prefix):
            inside = path.relative_to(prefix).as_posix()
            if PurePosixPath(inside).parent.as_posix() != "bin":
                return f"{data}/data/{inside}"
            return None if path.name in _launchers(package) else f"{data}/scripts/{path.name}"
    raise EnvironmentProblem(f"{package.pin} has installed {path}, outside of its environment")


def _launchers(package: Installed) -> set[str]:
    """Commands that an installer writes from the entry points."""
    parser = ConfigParser(delimiters=("=",), strict=False, interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    points = package.metadata / "entry_points.txt"
    if points.is_file():
        parser.read_string(points.read_text(encoding="utf-8"))
    return {name for part in LAUNCHERS if parser.has_section(part) for name in parser[part]}


def _joined(tags: tuple[str, ...]) -> str:
    """Tags as a file name has them: ``py2.py3-none-any``."""
    parts = [tag.split("-", 2) for tag in tags]
    return "-".join(".".join(dict.fromkeys(column)) for column in zip(*parts, strict=True))
