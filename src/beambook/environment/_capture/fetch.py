"""One file from an index, and only if it is the one that was locked."""

from __future__ import annotations

import hashlib
import http.client
import os
import shutil
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from urllib.parse import urlsplit

from beambook.checksum import sha256_of
from beambook.environment._capture.login import request
from beambook.errors import EnvironmentProblem

__all__ = ["File", "Unwanted", "fetch"]

SECONDS = 120.0
TRIES = 3
BLOCK = 1 << 18
SCHEMES = ("https", "http", "file")


@dataclass(frozen=True)
class File:
    """A wheel that is to be fetched.

    Attributes
    ----------
    package, name, url, sha256 : str
        `name` is that of the file.
    size : int
        In bytes; 0 when the index does not say.
    """

    package: str
    name: str
    url: str
    sha256: str
    size: int


class Unwanted(Exception):
    """Nobody waits for the file any more."""


def fetch(
    file: File, folder: Path, *, reuse: Path | None = None, stop: Event | None = None
) -> None:
    """Put a file into a folder, complete and checked, or not at all.

    Parameters
    ----------
    file : File
    folder : Path
        A file that is there already and is the right one stays.
    reuse : Path, optional
        Another folder that may have it.
    stop : Event, optional
        Set when nobody waits for it any more.

    Raises
    ------
    EnvironmentProblem
        If it cannot be had, or is another than was locked.
    Unwanted
        If `stop` was set meanwhile.
    """
    path = folder / file.name
    if _is(path, file):
        return
    part = path.with_name(f".{file.name}.part")
    try:
        if reuse is not None and _is(reuse / file.name, file):
            _link(reuse / file.name, part)
        else:
            _tried(file, part, stop or Event())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _is(path: Path, file: File) -> bool:
    return path.is_file() and not path.is_symlink() and sha256_of(path) == file.sha256


def _link(source: Path, part: Path) -> None:
    try:
        os.link(source, part)
    except OSError:  # another disk, or one that knows no links
        shutil.copyfile(source, part)


def _tried(file: File, part: Path, stop: Event) -> None:
    if urlsplit(file.url).scheme not in SCHEMES:
        raise EnvironmentProblem(f"{file.name} is at {file.url!r}, which is no address of the web")
    for left in reversed(range(TRIES)):
        try:
            return _download(file, part, stop)
        except (OSError, ValueError, http.client.HTTPException) as error:
            if not left or stop.is_set():
                where = urlsplit(file.url).netloc.rpartition("@")[2] or "this machine"
                raise EnvironmentProblem(
                    f"{file.name} cannot be fetched from {where}: {error}"
                ) from error
    return None


def _download(file: File, part: Path, stop: Event) -> None:
    digest = hashlib.sha256()
    with (
        urllib.request.urlopen(request(file.url), timeout=SECONDS) as answer,  # noqa: S310 checked
        part.open("wb") as out,
    ):
        while block := answer.read(BLOCK):
            if stop.is_set():
                raise Unwanted(file.name)
            digest.update(block)
            out.write(block)
    if digest.hexdigest() != file.sha256:
        raise EnvironmentProblem(
            f"{file.name} is not the file that was locked: its checksum is another"
        )
