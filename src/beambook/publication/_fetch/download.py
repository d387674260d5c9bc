"""One file from the web: never more bytes than were sealed, continued, and checked."""

from __future__ import annotations

import http.client
import re
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import BinaryIO

from beambook.errors import DataError
from beambook.publication._contents import DataFile
from beambook.publication._fetch.web import Interrupted, ask, host_of
from beambook.publication._manifest import sha256_of

__all__ = ["PAUSES_S", "download"]

PAUSES_S = (0.0, 1.0, 4.0)
BLOCK = 1 << 20
_RANGE = re.compile(r"bytes (\d+)-")


def download(
    url: str,
    file: DataFile,
    target: Path,
    *,
    tell: Callable[[int], None],
    pauses: Sequence[float] = PAUSES_S,
) -> None:
    """Put a file at its place, complete and with the checksum that was sealed, or not at all.

    What was there of it when a download was interrupted is kept as ``….part``, and continued.

    Parameters
    ----------
    url : str
        Of the web.
    file : DataFile
        With its checksum.
    target : Path
    tell : callable
        Takes how many bytes are here.
    pauses : sequence of float
        How long to wait (s) before asking again, when nothing more than before has come.

    Raises
    ------
    DataError
        If it cannot be had, or is not what was sealed.
    """
    part = target.with_name(f"{target.name}.part")
    continued = part.exists()
    _fill(url, file, part, tell, pauses)
    if sha256_of(part) == file.sha256:
        part.chmod(0o444)
        part.replace(target)
        return
    part.unlink()
    if not continued:
        raise DataError(f"what {host_of(url)} has is not what was sealed: another checksum")
    # what an earlier attempt left may have been wrong
    download(url, file, target, tell=tell, pauses=pauses)


def _fill(
    url: str, file: DataFile, part: Path, tell: Callable[[int], None], pauses: Sequence[float]
) -> None:
    most, left = 0, list(pauses)
    while True:
        try:
            return _go_on(url, file, part, tell)
        except Interrupted as error:
            came = part.stat().st_size if part.exists() else 0
            if came > most:  # a long way with many breaks is a way
                most, left = came, list(pauses)
            elif not left:
                raise DataError(str(error)) from error
            else:
                time.sleep(left.pop(0))


def _go_on(url: str, file: DataFile, part: Path, tell: Callable[[int], None]) -> None:
    """Fetch what is missing; what is more than was sealed is not read."""
    done = part.stat().st_size if part.exists() else 0
    if done == file.size:
        part.touch()
        return
    with ask(url, begin=done if done < file.size else 0) as answer:
        done = done if _begins(answer) == done else 0
        _refuse_other_size(answer, done, file, host_of(url))
        with part.open("r+b" if part.exists() else "xb") as out:
            out.truncate(done)
            out.seek(done)
            done = _copied(answer, out, done, file.size, tell)
        more = done == file.size and _read(answer, 1)
    if done < file.size:
        raise Interrupted(f"{host_of(url)} ended after {done:,} of {file.size:,} bytes")
    if more:
        part.unlink()
        raise DataError(f"{host_of(url)} sends more than the {file.size:,} bytes that were sealed")


def _begins(answer: http.client.HTTPResponse) -> int:
    """Where what is sent begins: a server need not leave out what it was asked to."""
    found = _RANGE.match(answer.headers.get("Content-Range", ""))
    return int(found[1]) if answer.status == http.client.PARTIAL_CONTENT and found else 0


def _refuse_other_size(
    answer: http.client.HTTPResponse, done: int, file: DataFile, host: str
) -> None:
    if answer.length is not None and done + answer.length != file.size:
        raise DataError(
            f"{host} has {done + answer.length:,} bytes, not the {file.size:,} that were sealed"
        )


def _copied(
    answer: http.client.HTTPResponse,
    out: BinaryIO,
    done: int,
    size: int,
    tell: Callable[[int], None],
) -> int:
    """Write what comes, until `size`; how many bytes there are then."""
    while done < size and (block := _read(answer, min(BLOCK, size - done))):
        out.write(block)
        done += len(block)
        tell(done)
    return done


def _read(answer: http.client.HTTPResponse, most: int) -> bytes:
    """What comes next; nothing where the connection broke: what came is kept."""
    try:
        return answer.read(most)
    except http.client.IncompleteRead as error:
        return error.partial[:most]
    except (OSError, http.client.HTTPException):
        return b""
