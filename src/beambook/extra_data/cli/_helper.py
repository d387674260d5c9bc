"""A process that tries things which may hang, one after another."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from time import monotonic
from typing import IO, cast

__all__ = ["Helper"]

TO_START = 60.0  # seconds that Python may need on a busy machine
READ = 4096  # bytes


class Helper:
    """A process that tries files, one after another.

    It says ``["mark", "state"]`` in JSON, one a line, ``["", "ready"]`` when it has started and
    ``["", "done"]`` after each file.

    Parameters
    ----------
    code : str
        What Python shall do.
    """

    def __init__(self, code: str) -> None:
        self._process = subprocess.Popen(  # noqa: S603 our own Python
            [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        self._in = cast("IO[bytes]", self._process.stdin)
        self._out = cast("IO[bytes]", self._process.stdout)
        self._rest = b""
        self._until("ready", TO_START)

    def try_(self, path: Path, timeout: float) -> tuple[str, str]:
        """The last mark and state that were said; the mark is ``T`` if the time was up."""
        self._in.write(json.dumps(str(path)).encode() + b"\n")
        self._in.flush()
        return self._until("done", timeout)

    def _until(self, last: str, timeout: float) -> tuple[str, str]:
        """What was said before the last word, or before the time was up."""
        found, end = ("T", "nothing is known, the check said nothing"), monotonic() + timeout
        while True:
            line = self._line(end)
            if not line:
                return found
            mark, state = json.loads(line)
            if state == last:
                return found
            found = mark, state

    def _line(self, end: float) -> bytes:
        number = self._out.fileno()
        while b"\n" not in self._rest:
            ready, _, _ = select.select([number], [], [], max(0, end - monotonic()))
            found = os.read(number, READ) if ready else b""
            if not found:
                return b""
            self._rest += found
        line, _, self._rest = self._rest.partition(b"\n")
        return line

    def stop(self) -> None:
        """End it; without waiting long, because a process that hangs in the kernel does not end."""
        self._process.kill()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(1)
        self._in.close()
        self._out.close()
