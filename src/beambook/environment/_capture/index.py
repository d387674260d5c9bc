"""Which files an index has for exactly what is installed: asked of uv, for all packages at once."""

from __future__ import annotations

import re
import tempfile
import tomllib
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit, urlunsplit

from beambook.environment._package import canonical, is_version
from beambook.environment._uv import run_uv
from beambook.errors import EnvironmentProblem

__all__ = ["Locked", "lock"]

PART = 16  # packages that are asked for together when some are missing
AT_ONCE = 4
_PIN = re.compile(r"^([A-Za-z0-9._-]+)==(\S+)", re.MULTILINE)
_HASH = re.compile(r"--hash=(\S+)")
_UNKNOWN = re.compile(
    r"([A-Za-z0-9][A-Za-z0-9._-]*)(?:==\S+)? (?:was|were) not found in the package registry"
)
_NO_VERSION = re.compile(r"there (?:is|are) no versions? of ([A-Za-z0-9][A-Za-z0-9._-]*)")


class Pinned(Protocol):
    """A package at one version, installed or to be."""

    @property
    def name(self) -> str:
        """As indexes compare it."""

    @property
    def version(self) -> str:
        """Which one."""

    @property
    def pin(self) -> str:
        """``name==version``."""


@dataclass(frozen=True)
class Locked:
    """What the index has.

    Attributes
    ----------
    hashes : mapping
        Name to the checksums of all its files at this version, for any platform.
    files : mapping
        Name to ``sdist`` and ``wheels`` (those for this platform), as in a ``pylock.toml``.
    missing : tuple of str
        Names that no index has at this version.
    """

    hashes: Mapping[str, tuple[str, ...]]
    files: Mapping[str, Mapping[str, Any]]
    missing: tuple[str, ...]

    def is_here(self, name: str) -> bool:
        """Whether its wheels lie on this machine, where nobody else finds them."""
        wheels = self.files[name].get("wheels", ())
        return all("path" in said or said["url"].startswith("file:") for said in wheels)


def lock(packages: Sequence[Pinned], python: Path) -> Locked:
    """Pin exactly these versions; nothing is resolved, so nothing comes in besides them.

    Parameters
    ----------
    packages : sequence of Pinned
    python : Path
        For which wheels are chosen.

    Returns
    -------
    Locked

    Raises
    ------
    EnvironmentProblem
        If no index answers.
    """
    pins = {package.name: package.pin for package in packages if is_version(package.version)}
    missing = [package.name for package in packages if package.name not in pins]
    try:
        return _compiled(pins, python, missing)
    except EnvironmentProblem as error:
        if not _named(str(error), pins):
            raise
    # uv names one package that is missing and ends; a conda environment can have many of them
    names = sorted(pins)
    parts = [{n: pins[n] for n in names[i : i + PART]} for i in range(0, len(names), PART)]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for gone in pool.map(lambda part: _missing(part, python), parts):
            missing += gone
    kept = {name: pin for name, pin in pins.items() if name not in missing}
    return _compiled(kept, python, missing)


def _missing(pins: Mapping[str, str], python: Path) -> list[str]:
    """Those that no index has."""
    left, missing = dict(pins), list[str]()
    while left:
        try:
            _compiled(left, python, ())
            break
        except EnvironmentProblem as error:
            gone = _named(str(error), left)
            if not gone:
                raise
            missing += gone
            left = {name: pin for name, pin in left.items() if name not in gone}
    return missing


def _compiled(pins: Mapping[str, str], python: Path, missing: Sequence[str]) -> Locked:
    """What the index has for these pins, in uv's two forms."""
    if not pins:
        return Locked({}, {}, tuple(sorted(missing)))
    with tempfile.TemporaryDirectory(prefix="beambook-lock-") as folder:
        wanted, exact, files = (Path(folder) / n for n in ("in.txt", "out.txt", "pylock.toml"))
        wanted.write_text("".join(f"{pin}\n" for pin in pins.values()), encoding="utf-8")
        words = ("pip", "compile", "--no-deps", "--python", python, "--no-header", "--no-annotate")
        what = "ask the package index for what is installed"
        hint = "Is the index reachable? uv takes it from UV_DEFAULT_INDEX or uv.toml"
        for more in ((*words, "--generate-hashes", "-o", exact), (*words, "-o", files)):
            run_uv(*more, wanted, what=what, hint=hint, cwd=Path(folder))
        hashes = _hashes(exact.read_text(encoding="utf-8"))
        entries = tomllib.loads(files.read_text(encoding="utf-8"))["packages"]
    known = {canonical(entry["name"]): _entry(entry) for entry in entries}
    return Locked(hashes, known, tuple(sorted(missing)))


def _hashes(text: str) -> dict[str, tuple[str, ...]]:
    starts = list(_PIN.finditer(text))
    ends = [*(match.start() for match in starts[1:]), len(text)]
    return {
        canonical(match[1]): tuple(sorted(set(_HASH.findall(text[match.end() : end]))))
        for match, end in zip(starts, ends, strict=True)
    }


def _entry(said: Mapping[str, Any]) -> dict[str, Any]:
    """What a lock keeps of it: not when a file was uploaded, and never a password."""
    entry: dict[str, Any] = {}
    if "sdist" in said:
        entry["sdist"] = _file(said["sdist"])
    if "wheels" in said:
        entry["wheels"] = [_file(each) for each in said["wheels"]]
    return entry


def _file(said: Mapping[str, Any]) -> dict[str, Any]:
    kept = {key: value for key, value in said.items() if key != "upload-time"}
    if "url" in kept:
        parts = urlsplit(str(kept["url"]))
        kept["url"] = urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
    return kept


def _named(message: str, pins: Mapping[str, str]) -> list[str]:
    """The packages of ours that uv says no index has."""
    text = " ".join(message.split())
    found = {canonical(name) for rule in (_UNKNOWN, _NO_VERSION) for name in rule.findall(text)}
    return sorted(found & set(pins))
