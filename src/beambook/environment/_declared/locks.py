"""Lock files of other tools: their exact versions, to be locked again with our hashes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from beambook.environment._declared.found import Found, entries, mapping, read_text, texts
from beambook.environment._declared.pip_file import of_lines
from beambook.environment._declared.project import of_poetry, toml_of
from beambook.errors import EnvironmentProblem

__all__ = ["read_packages", "read_pipfile", "read_pipfile_lock", "top_level_of_uv"]


def read_packages(path: Path, root: Path) -> Found:
    """``uv.lock``, ``pylock.toml``, ``poetry.lock``: their packages, but not the project itself.

    Raises
    ------
    EnvironmentProblem
        When it is no TOML.
    """
    said = toml_of(path)
    packages = entries(said.get("package")) or entries(said.get("packages"))
    python = said.get("requires-python")
    found = Found(files=(path.name,), python=python if isinstance(python, str) else "")
    for entry in packages:
        found += _entry(entry, path.parent, root)
    return found


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
    for entry in entries(toml_of(path).get("package")):
        if {"virtual", "editable"} & mapping(entry.get("source")).keys():
            names += [str(e["name"]) for e in entries(entry.get("dependencies")) if "name" in e]
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
        When it is no JSON.
    """
    try:
        said = mapping(json.loads(read_text(path)))
    except (ValueError, RecursionError) as error:
        raise EnvironmentProblem(f"{path} is no JSON: {error}") from error
    found = Found(files=(path.name,), python=_required(mapping(said.get("_meta")).get("requires")))
    for name, wanted in mapping(said.get("default")).items():
        version = mapping(wanted).get("version")
        if not isinstance(version, str):
            found += Found(unhonoured=(f"{name}: not from a package index",))
            continue
        marker = mapping(wanted).get("markers")
        suffix = f" ; {marker}" if isinstance(marker, str) and marker else ""
        found += of_lines(f"{name}{version}{suffix}", path.parent, root)
    return found


def _required(requires: Any) -> str:
    said = mapping(requires)
    return next(iter(texts(said.get("python_full_version") or said.get("python_version"))), "")
