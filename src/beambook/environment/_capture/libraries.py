"""The libraries of the machine that compiled packages and Python itself ask for."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from beambook.environment._capture.elf import Asked, asked_by
from beambook.environment._capture.owners import answer, owners
from beambook.environment._capture.probe import Probed
from beambook.environment._package import Library

__all__ = ["system_libraries"]

USUAL = ("/lib64", "/usr/lib64", "/lib", "/usr/lib", "/usr/local/lib")
LDCONFIG = ("ldconfig", "/sbin/ldconfig", "/usr/sbin/ldconfig")
WIDE = ("x86-64", "64bit", "AArch64")
_CACHED = re.compile(r"^\s*(\S+) \(([^)]*)\) => (\S+)$", re.MULTILINE)
_COMPILED = re.compile(r"\.so(\.[0-9.]+)?$")


def system_libraries(probed: Probed) -> tuple[tuple[Library, ...], tuple[str, ...]]:
    """What no wheel brings: libraries that are found outside of the environment.

    Parameters
    ----------
    probed : Probed

    Returns
    -------
    libraries : tuple of Library
        By name.
    missing : tuple of str
        Names that are asked for and found nowhere.
    """
    compiled = list(_compiled(probed))
    found, missing = _followed(compiled, probed)
    outside = {n: p for n, p in sorted(found.items()) if not _within(p, probed.prefixes)}
    packages = owners(tuple(outside.values()))
    libraries = (Library(n, p.resolve().name, packages.get(p, "")) for n, p in outside.items())
    return tuple(libraries), tuple(sorted(missing))


def _followed(compiled: list[Path], probed: Probed) -> tuple[dict[str, Path], set[str]]:
    """What they ask for, and what that asks for in turn."""
    bundled = {path.name for path in compiled}
    places = _Places(probed)
    todo = [asked_by(path) for path in (probed.executable.resolve(), *compiled)]
    found: dict[str, Path] = {}
    missing: set[str] = set()
    while todo:
        asked = todo.pop()
        for name in set(asked.names) - bundled - set(found):
            path = places.find(name, asked)
            if path is None:
                missing.add(name)
                continue
            found[name] = path
            todo.append(asked_by(path))
    return found, missing - set(found)


def _compiled(probed: Probed) -> Iterator[Path]:
    """Every compiled file of the environment and of Python's own modules."""
    for site in dict.fromkeys((*probed.sites, probed.standard / "lib-dynload")):
        for folder, _, files in os.walk(site):
            yield from (Path(folder, name) for name in files if _COMPILED.search(name))


class _Places:
    """Where the loader finds a library: the environment's own folders, stated ones, its list."""

    def __init__(self, probed: Probed) -> None:
        stated = filter(None, os.environ.get("LD_LIBRARY_PATH", "").split(os.pathsep))
        self._first = [*(prefix / "lib" for prefix in probed.prefixes), *map(Path, stated)]
        self._listed = {name: Path(path) for name, path in reversed(_listed())}
        self._last = [*{path.parent: None for path in self._listed.values()}, *map(Path, USUAL)]

    def find(self, name: str, asked: Asked) -> Path | None:
        first = (*asked.folders, *self._first)
        if (path := _in(first, name)) or (path := self._listed.get(name)):
            return path
        return _in(self._last, name)


def _in(folders: Iterable[Path], name: str) -> Path | None:
    return next((folder / name for folder in folders if (folder / name).is_file()), None)


def _listed() -> list[tuple[str, str]]:
    """The loader's own list, without libraries for another word size."""
    text = next(filter(None, (answer(program, "-p") for program in LDCONFIG)), "")
    wide = os.uname().machine.endswith("64")
    rows = _CACHED.findall(text)
    return [(n, path) for n, kind, path in rows if not wide or any(w in kind for w in WIDE)]


def _within(path: Path, prefixes: Iterable[Path]) -> bool:
    # A system Python's prefix is /usr, below which all libraries of the machine are.
    own = [prefix for prefix in prefixes if str(prefix) not in ("/usr", "/usr/local", "/")]
    return any(path.resolve().is_relative_to(prefix) for prefix in own)
