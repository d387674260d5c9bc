"""One file from the web: never more bytes than were sealed, continued, and checked."""

from __future__ import annotations

import http.client
import re
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import BinaryIO

from beambook.checksum import sha256_of
from beambook.errors import DataError
from beambook.publication._contents import DataFile
from beambook.publication._fetch.web import Interrupted, ask, host_of

__all__ = ["PAUSES_S", "download"]

PAUSES_S = (0.0, 1.0, 4.0)
BLOCK = 1 << 20
SLOWEST = 1000  # bytes per second, over PATIENCE_S: a server that drips would keep us for ever
PATIENCE_S = 60.0
_RANGE = re.compile(r"bytes (\d{1,18})-")


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


class _Pace:
    """Whether enough has come lately, also where it comes in many small pieces."""

    def __init__(self, host: str) -> None:
        self._host, self._since, self._came = host, time.monotonic(), 0

    def came(self, more: int) -> None:
        """Note that so many bytes came.

        Raises
        ------
        DataError
            If it is too slow; what came is kept.
        """
        self._came += more
        seconds = time.monotonic() - self._since
        if seconds < PATIENCE_S:
            return
        if self._came < SLOWEST * seconds:
            raise DataError(
                f"{self._host} sent {self._came:,} bytes in {seconds:.0f} s: given up; "
                "a next time goes on from there"
            )
        self._since, self._came = time.monotonic(), 0


def _fill(
    url: str, file: DataFile, part: Path, tell: Callable[[int], None], pauses: Sequence[float]
) -> None:
    most, left, pace = 0, list(pauses), _Pace(host_of(url))
    while True:
        try:
            return _go_on(url, file, part, tell, pace)
        except Interrupted as error:
            came = part.stat().st_size if part.exists() else 0
            if came > most:  # a long way with many breaks is a way
                most, left = came, list(pauses)
            elif not left:
                raise DataError(str(error)) from error
            else:
                time.sleep(left.pop(0))


def _go_on(url: str, file: DataFile, part: Path, tell: Callable[[int], None], pace: _Pace) -> None:
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
            done = _copied(answer, out, range(done, file.size), tell, pace)
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
    missing: range,
    tell: Callable[[int], None],
    pace: _Pace,
) -> int:
    """Write what comes of the bytes that are missing; how many there are then."""
    done, told = missing.start, missing.start
    while done < missing.stop and (block := _read(answer, min(BLOCK, missing.stop - done))):
        out.write(block)
        done += len(block)
        pace.came(len(block))
        if done - told >= BLOCK or done == missing.stop:
            tell(done)
            told = done
    return done


def _read(answer: http.client.HTTPResponse, most: int) -> bytes:
    """What came next, without waiting for all of it; nothing where the connection broke."""
    try:
        return answer.read1(most)[:most]  # more only of one whose lengths are wrong
    except (OSError, ValueError, http.client.HTTPException):
        return b""
