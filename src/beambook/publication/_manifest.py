"""The checksum of every file of a publication, in the form that ``sha256sum -c`` reads."""

from __future__ import annotations

import os
import re
import stat
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from beambook.checksum import sha256_of
from beambook.errors import PublicationError
from beambook.events import Progress, Reporter
from beambook.publication._names import why_unsafe

__all__ = [
    "MANIFEST",
    "Problem",
    "checksums",
    "files_below",
    "manifest_text",
    "problems",
    "read_manifest",
]

MANIFEST = "manifest-sha256.txt"
MOST_BYTES = 64 << 20
_LINE = re.compile(r"([0-9a-f]{64})  (.+)")


@dataclass(frozen=True)
class Problem:
    """What is wrong with a file of a publication."""

    path: str
    what: str

    def __str__(self) -> str:
        return f"{self.path}: {self.what}"


def files_below(folder: Path) -> Iterator[str]:
    """Relative names of all files, sorted; links, devices and hostile names are refused.

    Raises
    ------
    PublicationError
        If something below is no plain file or folder, or has a hostile name.
    """
    for name, why in sorted(_walk(folder, "")):
        if why:
            raise PublicationError(f"Refused: {name!r} {why}")
        yield name


def _walk(folder: Path, prefix: str) -> Iterator[tuple[str, str]]:
    """Each file, or what else there is, with why it is refused."""
    with os.scandir(folder) as entries:
        for entry in entries:
            name = prefix + entry.name
            mode = entry.stat(follow_symlinks=False).st_mode
            if why := why_unsafe(name):
                yield name, why
            elif stat.S_ISDIR(mode):
                yield from _walk(Path(entry.path), f"{name}/")
            elif stat.S_ISREG(mode):
                yield name, ""
            else:
                kind = "is a link" if stat.S_ISLNK(mode) else "is a device, pipe or socket"
                yield name, f"{kind}; only files and folders may be"


def checksums(folder: Path, *, reporter: Reporter | None = None) -> dict[str, str]:
    """Checksum of every file below but the manifest, by name.

    Raises
    ------
    PublicationError
        As `files_below`.
    """
    return _sums(folder, list(files_below(folder)), reporter)


def _sums(folder: Path, names: list[str], reporter: Reporter | None) -> dict[str, str]:
    began = time.monotonic()
    found = {}
    for done, name in enumerate(names, 1):
        if name != MANIFEST:
            found[name] = sha256_of(folder / name)
        if reporter is not None:
            reporter(Progress("checksums", done, len(names), name, time.monotonic() - began))
    return found


def manifest_text(sums: Mapping[str, str]) -> bytes:
    r"""The manifest.

    Examples
    --------
    >>> manifest_text({"b": "22", "a": "11"})
    b'11  a\n22  b\n'
    """
    return "".join(f"{sums[name]}  {name}\n" for name in sorted(sums)).encode()


def read_manifest(folder: Path) -> dict[str, str]:
    """Read what `manifest_text` wrote.

    Raises
    ------
    PublicationError
        If there is none, it is huge, or a line of it is none.
    """
    path = folder / MANIFEST
    if path.is_symlink() or not path.is_file():
        raise PublicationError(f"There is no {MANIFEST} in {str(folder)!r}")
    if path.stat().st_size > MOST_BYTES:
        raise PublicationError(f"{MANIFEST} is larger than {MOST_BYTES >> 20} MiB; nobody reads it")
    sums: dict[str, str] = {}
    for number, line in enumerate(path.read_bytes().decode(errors="replace").split("\n"), 1):
        found = _LINE.fullmatch(line)
        if found is None and line:
            raise PublicationError(f"{MANIFEST}: line {number} is no checksum and name")
        if found is not None and (found[2] in sums or why_unsafe(found[2])):
            why = "is there twice" if found[2] in sums else why_unsafe(found[2])
            raise PublicationError(f"{MANIFEST}: line {number}: {found[2]!r} {why}")
        if found is not None:
            sums[found[2]] = found[1]
    return sums


def problems(folder: Path, *, reporter: Reporter | None = None) -> tuple[Problem, ...]:
    """Files that were changed, that are missing, and that nobody sealed."""
    try:
        sealed = read_manifest(folder)
    except PublicationError as error:
        return (Problem(MANIFEST, str(error)),)
    entries = sorted(_walk(folder, ""))
    refused = [Problem(name, why) for name, why in entries if why]
    there = _sums(folder, [name for name, why in entries if not why], reporter)
    odd = {problem.path for problem in refused}
    found = [Problem(n, "is missing") for n in sealed if n not in there and n not in odd]
    found += [Problem(name, "was not sealed") for name in there if name not in sealed]
    changed = (name for name in sealed if there.get(name, sealed[name]) != sealed[name])
    found += [Problem(name, "was changed") for name in changed]
    return tuple(sorted([*refused, *found], key=lambda problem: problem.path))
