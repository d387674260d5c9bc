"""One kernel from its start to its end: forked if it can be, and ready without blind waits."""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from queue import Empty
from typing import Any

import zmq
import zmq.asyncio
from jupyter_client.asynchronous.client import AsyncKernelClient
from jupyter_client.manager import AsyncKernelManager
from nbclient.exceptions import DeadKernelError

from beambook.recipe._foreign import PythonKernel
from beambook.recipe._guarded import GuardedProvisioner
from beambook.recipe._provisioner import ForkProvisioner

__all__ = ["Kernel", "beginning", "kernel_env"]

READY_SECONDS = 120.0
ASK_AGAIN_SECONDS = 0.5
STOP_SECONDS = 15.0
SOCKET_PATH_MOST = 80
QUICK = ["--HistoryManager.enabled=False"]
INLINE = "module://matplotlib_inline.backend_inline"
ENDING = "__import__('_beambook_session').end()"
OWN_PROVISIONER = "beambook-fork"
KERNEL_SIDE = ("_session.py", "_fingerprint.py", "_reads.py")


class ReadyClient(AsyncKernelClient):
    """Knows a kernel is ready from its answers, not from a pause in them."""

    def _context_default(self) -> zmq.asyncio.Context:
        self._created_context = True
        context = zmq.asyncio.Context()
        context.setsockopt(zmq.RECONNECT_IVL, 10)  # ms; the kernel binds a moment after we connect
        context.setsockopt(zmq.RCVHWM, 0)  # a full queue would make the kernel drop outputs
        return context

    async def ready(self, manager: AsyncKernelManager) -> dict[str, Any]:
        """Wait until both the shell and the output channel answer; gives the kernel's info."""
        end = time.monotonic() + READY_SECONDS
        while time.monotonic() < end:
            asked = self.kernel_info()
            info = await self._info(asked)
            if info and await self._idle(asked):
                return info
            if not await manager.is_alive():
                raise DeadKernelError("The kernel died before it was ready")
        raise DeadKernelError(f"The kernel did not answer within {READY_SECONDS:.0f} s")

    async def _info(self, asked: str) -> dict[str, Any] | None:
        try:
            while True:
                message = await self.shell_channel.get_msg(timeout=ASK_AGAIN_SECONDS)
                if message["parent_header"].get("msg_id") == asked:
                    return dict(message["content"])
        except Empty:
            return None

    async def _idle(self, asked: str) -> bool:
        try:
            while True:
                message = await self.iopub_channel.get_msg(timeout=ASK_AGAIN_SECONDS / 5)
                if message["parent_header"].get("msg_id") == asked and _is_idle(message):
                    return True
        except Empty:
            return False


class Kernel:
    """One kernel from its start to its end, with a private folder for its connection.

    Parameters
    ----------
    spec : jupyter_client.kernelspec.KernelSpec
    name : str
        Of the kernelspec.
    fork : bool
        Whether a Python kernel of this environment may be forked.
    preload : tuple of str
        Modules to be imported before the fork.
    software : PythonKernel, optional
        The Python to start, if it is not one that Jupyter knows.
    """

    def __init__(
        self,
        spec: Any,
        name: str,
        *,
        fork: bool,
        preload: tuple[str, ...],
        software: PythonKernel | None = None,
    ) -> None:
        self.private = Path(tempfile.mkdtemp(prefix="bb-", dir=_short_folder()))
        self.folder = self.private
        if software is not None:  # what the kernel may change is not all that we keep there
            self.folder = self.private / "k"
            self.folder.mkdir()
        python = spec.language.lower() == "python"
        self.is_python = python
        self.manager = AsyncKernelManager(
            kernel_name=name,
            connection_file=str(self.folder / "kernel.json"),
            transport="ipc" if python else "tcp",
            client_class=f"{__name__}.ReadyClient",
            **({"ip": str(self.folder / "k")} if python else {}),
        )
        self.provisioner: Any = None
        of_kernel = {"kernel_id": self.private.name, "kernel_spec": spec}
        if software is not None:
            self.manager._kernel_spec = spec  # nobody has installed it
            self.provisioner = GuardedProvisioner(**of_kernel)
            self.provisioner.guard(software, self.folder, self.private / "end.json")
        elif _provisioner_name(spec) in ("", OWN_PROVISIONER):
            self.provisioner = ForkProvisioner(**of_kernel, fork=fork, preload=list(preload))
        if self.provisioner is not None:
            self.provisioner.private = str(self.private)
            self.provisioner.parent = self.manager
            self.manager.provisioner = self.provisioner
        self.client: Any = None
        self.has_session = False
        self.info: dict[str, Any] = {}

    async def start(self, *, cwd: Path, env: dict[str, str], log: int) -> None:
        """Start the kernel and wait until it answers."""
        quick = QUICK if self.is_python else []
        await self.manager.start_kernel(
            cwd=str(cwd), env=env, stdout=log, stderr=log, extra_arguments=quick
        )
        self.provisioner = self.manager.provisioner
        self.client = self.manager.client()
        self.client.start_channels(hb=False, stdin=False, control=False)
        self.info = await self.client.ready(self.manager)
        if isinstance(self.provisioner, GuardedProvisioner):
            self.provisioner.find_kernel()

    async def begin_session(self, code: str) -> str:
        """Execute what `beginning` gives; gives the error, e.g. of a Python before 3.7."""
        error = await self.run_silently(code)
        self.has_session = not error
        return error

    async def run_silently(self, code: str) -> str:
        """Execute code that no notebook sees; gives the error, or an empty string."""
        reply = await self.client.execute(
            code, silent=True, store_history=False, reply=True, timeout=READY_SECONDS
        )
        content = reply["content"]
        return f"{content['ename']}: {content['evalue']}" if content["status"] == "error" else ""

    @property
    def pid(self) -> int:
        """Process id, or 0 when nobody knows."""
        return int(getattr(self.provisioner, "pid", 0) or 0)

    @property
    def origin(self) -> str:
        """How the kernel came to be."""
        return str(getattr(self.provisioner, "origin", "") or "started by its own provisioner")

    @property
    def notes(self) -> list[str]:
        """What the zygote had to say."""
        return list(getattr(getattr(self.provisioner, "process", None), "notes", []))

    @property
    def returncode(self) -> int | None:
        """Exit status after the end; negative when a signal ended it."""
        code: int | None = getattr(self.provisioner, "returncode", None)
        return code

    @property
    def peak(self) -> int:
        """Highest memory in bytes after the end, or 0 when nobody knows."""
        return int(getattr(self.provisioner, "peak", 0))

    @property
    def left(self) -> list[str]:
        """Names of processes that the kernel left behind, and that were ended with it."""
        return list(getattr(self.provisioner, "left", []))

    async def ended(self) -> None:
        """Wait for the kernel's own end."""
        if hasattr(self.provisioner, "ended"):
            await self.provisioner.ended()
            return
        while await self.manager.is_alive():
            await asyncio.sleep(0.2)

    async def interrupt(self) -> None:
        """Raise KeyboardInterrupt at the line that runs."""
        await self.manager.interrupt_kernel()

    async def kill(self) -> None:
        """End the kernel and what it started at once."""
        if self.manager.has_kernel:
            await self.provisioner.kill()
            await self.provisioner.wait()

    async def stop(self) -> None:
        """Let the kernel end by itself (files get closed, atexit runs); kill it if it does not."""
        ways = [self.manager.request_shutdown]
        if self.has_session:
            ways.insert(0, self._end_session)
        for ask in ways:
            if self.manager.has_kernel:
                await ask()
                if await self._has_ended_within(STOP_SECONDS):
                    return
        await self.kill()

    async def _end_session(self) -> None:
        self.client.execute(ENDING, silent=True, store_history=False)

    async def _has_ended_within(self, seconds: float) -> bool:
        try:
            await asyncio.wait_for(self.ended(), seconds)
        except TimeoutError:
            return False
        await self.provisioner.wait()
        return True

    async def close(self) -> None:
        """Make sure that the kernel has ended and that nothing of it is left."""
        try:
            await self.kill()
        finally:
            if self.client is not None:
                self.client.stop_channels()
                self.client.context.destroy(linger=0)
            await self.manager.cleanup_resources()
            shutil.rmtree(self.private, ignore_errors=True)


def beginning(facts: Path, notebook: Path, witness: str = "") -> str:
    """One line of code that starts the session in a kernel and leaves no name behind.

    Parameters
    ----------
    facts : Path
        Where the kernel writes what it knows about itself.
    notebook : Path
        Modules beside it can be imported.
    witness : str
        Code that sees what the notebook does outside of its folders.

    Returns
    -------
    str
    """
    folder = Path(__file__).parent
    session, fingerprint, reads = (folder / name for name in KERNEL_SIDE)
    extras = {"_beambook_witness": witness} if witness else {}
    if fingerprint.is_file():
        extras["_beambook_fingerprint"] = fingerprint.read_text(encoding="utf-8")
    extras["_beambook_reads"] = reads.read_text(encoding="utf-8")
    arguments = (str(facts), str(notebook.parent), extras)
    code = (session.read_text(encoding="utf-8"), "<beambook>", "exec")
    return (
        "exec('import sys, types; module = types.ModuleType(\"_beambook_session\"); '"
        "'sys.modules[module.__name__] = module; exec(compile(*code), module.__dict__); '"
        f"'module.begin(*arguments)', {{'code': {code!r}, 'arguments': {arguments!r}}})"
    )


def kernel_env(*, python: bool, of: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Environment for a kernel, made from the caller's or another one."""
    env = dict(of)
    env.pop("PYTEST_CURRENT_TEST", None)  # ipykernel would take the kernel for a test of its own
    if python:
        env["MPLBACKEND"] = INLINE  # what a person has set for scripts would lose the figures
    if roots := env.get("BEAMBOOK_DATA"):  # relative to where the caller stands, not the kernel
        stated = filter(None, roots.split(os.pathsep))
        env["BEAMBOOK_DATA"] = os.pathsep.join(str(Path(root).absolute()) for root in stated)
    return env


def _provisioner_name(spec: Any) -> str:
    stanza = spec.metadata.get("kernel_provisioner") or {}
    return str(stanza.get("provisioner_name", ""))


def _is_idle(message: dict[str, Any]) -> bool:
    state = message["content"].get("execution_state")
    return bool(message["msg_type"] == "status" and state == "idle")


def _short_folder() -> str | None:
    """A folder for sockets: their paths must stay below 108 bytes."""
    return "/tmp" if len(os.fsencode(tempfile.gettempdir())) > SOCKET_PATH_MOST else None  # noqa: S108
