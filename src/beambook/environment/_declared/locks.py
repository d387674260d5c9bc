"""Lock files of other tools: their exact versions, to be locked again with our hashes."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

from beambook.environment._declared.found import Found, entries, mapping, read_text, texts
from beambook.environment._declared.pip_file import of_lines
from beambook.environment._declared.project import of_poetry, toml_of
from beambook.errors import EnvironmentProblem

__all__ = ["read_packages", "read_pipfile", "read_pipfile_lock", "top_level_of_uv"]

KINDS: dict[type, str] = {
    str: "a text",
    bool: "a truth value",
    int: "a number",
    float: "a number",
    list: "a list",
    dict: "a table",
}
K = TypeVar("K")


def read_packages(path: Path, root: Path) -> Found:
    """``uv.lock``, ``pylock.toml``, ``poetry.lock``: their packages, but not the project itself.

    Raises
    ------
    EnvironmentProblem
        When it is no TOML, or what is read of it is of another type than in such a file.
    """
    said = toml_of(path)
    packages = [*_packages(said, "package", path), *_packages(said, "packages", path)]
    python = _typed(said, "requires-python", str, str(path)) or ""
    found = Found(files=(path.name,), python=python)
    for entry in packages:
        found += _entry(entry, path.parent, root)
    return found


def _packages(said: Mapping[str, Any], key: str, path: Path) -> Iterator[Mapping[str, Any]]:
    """The tables of packages; a tool has written them, so that what is none is damage."""
    for number, entry in enumerate(_typed(said, key, list, str(path)) or (), start=1):
        where = f"{path}, {key} {number}"
        if not isinstance(entry, Mapping) or "name" not in entry:
            raise EnvironmentProblem(f"{where}: it is no table with a name")
        for name in ("name", "version", "marker"):
            _typed(entry, name, str, where)
        _typed(entry, "source", dict, where)
        yield entry


def _typed(table: Mapping[str, Any], key: str, kind: type[K], where: str) -> K | None:
    """What a table has there; None if nothing.

    Raises
    ------
    EnvironmentProblem
        If it is of another type.
    """
    value = table.get(key)
    if value is None or isinstance(value, kind):
        return value
    raise EnvironmentProblem(
        f"{where}: {key} is {KINDS.get(type(value), type(value).__name__)}, not {KINDS[kind]}",
        hint="The lock file is damaged: make it again",
    )


def _entry(entry: Mapping[str, Any], folder: Path, root: Path) -> Found:
    name, version = entry.get("name"), entry.get("version")
    source = mapping(entry.get("source"))
    if {"virtual", "editable"} & source.keys():
        return Found()  # the project of which this is the lock
    own = {"git", "directory", "vcs", "archive", "url"} & {*source.keys(), *entry.keys()}
    if own or not isinstance(version, str):
        return Found(unhonoured=(f"{name}: not from a package index",))
    marker = entry.get("marker")
    suffix = f" ; {marker}" if isinstance(marker, str) and marker else ""
    # a lock for all platforms holds what this one has no use for: versions, not wishes
    constraint = of_lines(f"{name}=={version}{suffix}", folder, root)
    return Found(constraints=constraint.requirements, unhonoured=constraint.unhonoured)


def top_level_of_uv(path: Path) -> tuple[str, ...]:
    """What the project of a ``uv.lock`` asks for itself.

    Raises
    ------
    EnvironmentProblem
        When it is no TOML.
    """
    names: list[str] = []
    for number, entry in enumerate(entries(toml_of(path).get("package")), start=1):
        if {"virtual", "editable"} & mapping(entry.get("source")).keys():
            asked = _typed(entry, "dependencies", list, f"{path}, package {number}")
            names += [str(e["name"]) for e in entries(asked) if "name" in e]
    return tuple(names)


def read_pipfile(path: Path) -> Found:
    """``Pipfile``: names and versions.

    Raises
    ------
    EnvironmentProblem
        When it is no TOML.
    """
    said = toml_of(path)
    found = Found(files=(path.name,), python=_required(said.get("requires")))
    return found + of_poetry(said.get("packages"))


def read_pipfile_lock(path: Path, root: Path) -> Found:
    """``Pipfile.lock``: exact versions.

    Raises
    ------
    EnvironmentProblem
        When it is no JSON, or what is read of it is of another type than in such a file.
    """
    try:
        said = {path.name: json.loads(read_text(path))}
    except (ValueError, RecursionError) as error:
        raise EnvironmentProblem(f"{path} is no JSON: {error}") from error
    lock = _typed(said, path.name, dict, str(path.parent)) or {}
    meta = _typed(lock, "_meta", dict, str(path)) or {}
    found = Found(files=(path.name,), python=_required(_typed(meta, "requires", dict, str(path))))
    packages = _typed(lock, "default", dict, str(path)) or {}
    for name in packages:
        wanted = _typed(packages, name, dict, str(path)) or {}
        version = _typed(wanted, "version", str, f"{path}, {name}")
        if version is None:
            found += Found(unhonoured=(f"{name}: not from a package index",))
            continue
        marker = _typed(wanted, "markers", str, f"{path}, {name}")
        suffix = f" ; {marker}" if marker else ""
        found += of_lines(f"{name}{version}{suffix}", path.parent, root)
    return found


def _required(requires: Any) -> str:
    said = mapping(requires)
    return next(iter(texts(said.get("python_full_version") or said.get("python_version"))), "")
