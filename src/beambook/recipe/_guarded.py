"""A kernel of another Python as Jupyter sees it: behind a guard, and perhaps in a sandbox."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from beambook.recipe._foreign import PythonKernel
from beambook.recipe._provisioner import ForkProvisioner

__all__ = ["GuardedProvisioner"]

GUARD = Path(__file__).with_name("_guard.py")
END_SECONDS = 5.0
SHELL_SIGNAL = 128
WRAPPERS = ("bwrap",)


class GuardedProvisioner(ForkProvisioner):
    """Starts the kernel of a `PythonKernel`, which is in `software`.

    Attributes
    ----------
    left : tuple of str
        Names of processes that the kernel left behind and that were ended.
    """

    software: PythonKernel
    shared: Path
    report: Path
    left: tuple[str, ...] = ()

    def guard(self, software: PythonKernel, shared: Path, report: Path) -> None:
        """Say what is to be started.

        Parameters
        ----------
        software : PythonKernel
        shared : Path
            The folder of the connection, which the kernel may change.
        report : Path
            Where the guard says how it ended; not in reach of a kernel in a sandbox.
        """
        self.software, self.shared, self.report = software, shared, report

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> Any:
        """Start `cmd` behind the guard."""
        cwd = Path(kwargs["cwd"])
        inner = self.software.command(cmd, cwd=cwd, private=self.shared)
        guard = [sys.executable, "-I", "-S", str(GUARD), str(os.getpid()), str(self.report)]
        self.origin = f"started: {self.why_not(cmd)}"
        return await super(ForkProvisioner, self).launch_kernel([*guard, *inner], **kwargs)

    def why_not(self, cmd: Sequence[str]) -> str:
        """Why the kernel is not forked."""
        kind = self.software.sandbox.kind if self.software.sandbox else "no sandbox"
        return f"the kernel is of {cmd[0]} ({kind})"

    def find_kernel(self) -> None:
        """Look for the process of the kernel itself, once it answers."""
        if self.process is not None:
            self.pid = _innermost(self.process.pid)

    async def send_signal(self, signum: int) -> None:
        """Interrupt the kernel, which is in a session of its own; let the guard end it."""
        if self.process is None or self.process.poll() is not None:
            return
        if signum == signal.SIGINT:
            _interrupt(_innermost(self.process.pid))
        else:
            self.process.send_signal(signal.SIGTERM)

    async def kill(self, restart: bool = False) -> None:  # noqa: FBT001, FBT002 as inherited
        """End the kernel and all that it has started."""
        del restart
        await self.send_signal(signal.SIGKILL)
        try:
            await asyncio.wait_for(self.ended(), END_SECONDS)
        except TimeoutError:
            self.process.kill()

    async def wait(self) -> int | None:
        """Wait for the end; the guard knows how the kernel ended."""
        before = self.process
        await super().wait()
        if before is not None:
            self._read_report()
        return self.returncode

    def _read_report(self) -> None:
        try:
            said = json.loads(self.report.read_bytes())
        except (OSError, ValueError):
            return
        self.peak = int(said["peak"])
        if not self.software.is_wrapped:  # of a sandbox it is the sandbox, about to end
            self.left = tuple(said["left"])
        code = os.waitstatus_to_exitcode(said["status"])
        if self.software.is_wrapped and SHELL_SIGNAL < code < SHELL_SIGNAL + signal.NSIG:
            code = SHELL_SIGNAL - code
        self.returncode = code


def _innermost(pid: int) -> int:
    """The kernel's process, below the guard and the sandbox; `pid` while there is none."""
    while True:
        children = _children(pid)
        if not children:
            return pid
        pid = children[0]
        if not _is_wrapper(pid):
            return pid


def _is_wrapper(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip() in WRAPPERS
    except OSError:
        return False


def _children(pid: int) -> list[int]:
    import psutil

    try:
        return [child.pid for child in psutil.Process(pid).children()]
    except psutil.Error:
        return []


def _interrupt(pid: int) -> None:
    try:
        os.killpg(os.getpgid(pid), signal.SIGINT)
    except OSError:  # it has just ended
        return
