"""Kernels forked from the zygote, as a Jupyter kernel provisioner.

Any Jupyter program can use it: put this into a ``kernel.json``::

    "metadata": {"kernel_provisioner": {"provisioner_name": "beambook-fork"}}
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

from jupyter_client.provisioning.local_provisioner import LocalProvisioner
from traitlets import Bool, List, Unicode

from beambook.recipe._forked import Forked, readable
from beambook.recipe._zygote import ForkFailed, Zygote, why_no_fork

__all__ = ["STACK", "ForkProvisioner"]

# Not matplotlib_inline: it connects itself to the kernel when it is imported.
STACK = (
    "numpy",
    "scipy",
    "h5py",
    "pandas",
    "xarray",
    "matplotlib",
    "matplotlib.pyplot",
    "matplotlib.font_manager",
    "matplotlib.backends.backend_agg",
    "dask.array",
    "numba",
    "yaml",
)
LAUNCHERS = ("ipykernel_launcher", "ipykernel")


class ForkProvisioner(LocalProvisioner):
    """Starts a Python kernel by forking; starts any other as Jupyter does.

    Attributes
    ----------
    preload : list of str
        Modules that the zygote imports before it forks; those that are not installed are skipped.
    fork : bool
        False: start every kernel as Jupyter does.
    private : str
        A folder that is removed if the one who started the kernel dies before it.
    origin : str
        How the kernel came to be: ``"forked"`` or ``"started: <why it was not forked>"``.
    returncode : int or None
        The kernel's exit status, kept after its end; negative when a signal ended it.
    peak : int
        Highest resident memory in bytes of a forked kernel, known after its end, else 0.
    """

    preload = List(Unicode(), default_value=list(STACK), config=True)
    fork = Bool(True, config=True)  # noqa: FBT003 traitlets takes the default so
    private = Unicode("")
    process: Any = None
    origin = ""
    returncode: int | None = None
    peak = 0

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> Any:
        """Fork a kernel that runs `cmd`, else start it."""
        reason = self.why_not(cmd)
        if not reason:
            try:
                return await self._launch_fork(cmd, **kwargs)
            except ForkFailed as error:
                reason = str(error)
        self.origin = f"started: {reason}"
        self.log.debug("Kernel not forked: %s", reason)
        return await super().launch_kernel(cmd, **kwargs)

    def why_not(self, cmd: Sequence[str]) -> str:
        """Why a kernel with this command line is not forked, or an empty string."""
        if not self.fork:
            return "forking is switched off"
        if reason := why_no_fork():
            return reason
        if not _is_this_python(cmd[0]):
            return f"the kernel is of another environment ({cmd[0]})"
        if cmd[1:2] != ["-m"] or cmd[2] not in LAUNCHERS:
            return f"the kernel is not a plain ipykernel ({' '.join(cmd[1:3])})"
        return ""

    async def _launch_fork(self, cmd: list[str], **kwargs: Any) -> Any:
        forked = await asyncio.to_thread(self._fork, cmd[3:], **kwargs)
        self.process = forked
        self.pid = self.pgid = forked.pid
        self.cwd = kwargs.get("cwd") or os.getcwd()
        self.origin = "forked"
        return self.connection_info

    def _fork(self, arguments: list[str], *, env: dict[str, str], **kwargs: Any) -> Forked:
        return Zygote.shared(env).fork(
            arguments,
            env=env,
            cwd=kwargs.get("cwd") or os.getcwd(),
            log=_descriptor(kwargs.get("stdout")),
            modules=self.preload,
            private=self.private,
        )

    async def wait(self) -> int | None:
        """Wait for the end, without the 0.1 s between two looks of `LocalProvisioner`."""
        if self.process is None:
            return self.returncode
        await self.ended()
        self.returncode = self.process.wait()
        self.peak = getattr(self.process, "peak", 0)
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            if stream:
                stream.close()
        self.process = None
        return self.returncode

    async def ended(self) -> None:
        """Wait for the kernel's end; its exit status stays to be asked for."""
        process = self.process
        if isinstance(process, Forked):
            await process.ended()
        elif process is not None:
            await _ended(process)

    async def send_signal(self, signum: int) -> None:
        """Signal the kernel and what it started; nothing happens to one that has ended."""
        if self.process is not None and self.process.poll() is None:
            await super().send_signal(signum)


def _is_this_python(executable: str) -> bool:
    """Whether it is the Python that runs this; all virtual environments link to one binary."""
    try:
        same = os.path.samefile(executable, sys.executable)
    except OSError:
        return False
    folders = {os.path.realpath(os.path.dirname(path)) for path in (executable, sys.executable)}
    return same and len(folders) == 1


def _descriptor(stream: Any) -> int:
    """Where a kernel's own stdout goes: to a file that was given, else to this stderr."""
    if isinstance(stream, int) and stream >= 0:
        return stream
    return int(stream.fileno()) if hasattr(stream, "fileno") else 2


async def _ended(process: subprocess.Popen[bytes]) -> None:
    if not hasattr(os, "pidfd_open"):
        while process.poll() is None:
            await asyncio.sleep(0.05)
        return
    try:
        pidfd = os.pidfd_open(process.pid)
    except ProcessLookupError:
        return
    try:
        await readable(pidfd)
    finally:
        os.close(pidfd)
