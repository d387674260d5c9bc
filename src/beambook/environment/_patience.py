"""A program that may take minutes: heard of meanwhile, and ended with all that it has started."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress

__all__ = ["run_patiently"]

STEP_S = 1.0


def run_patiently(
    command: Sequence[str],
    *,
    env: Mapping[str, str],
    stdin: str,
    patience: float,
    tell: Callable[[float], None],
) -> subprocess.CompletedProcess[str]:
    """What a program prints, once it has ended.

    Parameters
    ----------
    command : sequence of str
    env : mapping
    stdin : str
    patience : float
        Seconds, after which it is ended.
    tell : callable
        Takes the seconds that it has lasted, about once a second.

    Raises
    ------
    TimeoutExpired
        If it has not ended by then.
    """
    began = time.monotonic()
    process = subprocess.Popen(  # noqa: S603 as the caller has it
        command,
        env=env,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        start_new_session=True,  # so that it can be ended as a whole
    )
    try:
        out, err = _communicated(process, stdin, began, patience, tell)
    finally:  # Ctrl-C as well; and what a build has left behind
        _end_group(process)
    return subprocess.CompletedProcess(command, process.returncode, out, err)


def _communicated(
    process: subprocess.Popen[str],
    stdin: str,
    began: float,
    patience: float,
    tell: Callable[[float], None],
) -> tuple[str, str]:
    given: str | None = stdin
    while True:
        left = began + patience - time.monotonic()
        try:
            return process.communicate(given, timeout=max(0.0, min(STEP_S, left)))
        except subprocess.TimeoutExpired:
            given = None  # is on its way
            if left <= STEP_S:
                raise
            tell(time.monotonic() - began)


def _end_group(process: subprocess.Popen[str]) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    for pipe in (process.stdin, process.stdout, process.stderr):
        if pipe is not None:
            with suppress(OSError, ValueError):
                pipe.close()
