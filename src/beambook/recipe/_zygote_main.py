"""The program that runs in the zygote: import once, fork for every kernel.

It is started by its path (see `beambook.recipe._zygote`) and imports nothing
of beambook. It is single-threaded, has no ZeroMQ context and no open data
file, so that a fork of it is a clean Python process that has already imported
what its notebook needs. Its file descriptors are plain numbers: a Python
object that is collected in a child could close a number that was used again.

What goes through the sockets is described in ``docs/explanation/execution.md``.
"""

from __future__ import annotations

import ctypes
import gc
import importlib
import json
import os
import random
import select
import shutil
import signal
import socket
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from typing import Any

INLINE = "module://matplotlib_inline.backend_inline"
PR_SET_PDEATHSIG = 1
REQUEST_BYTES = 1 << 16
PARENT_CHECK_MS = 1000
_sent_home: dict[str, int] = {}  # how many threads a library had


@dataclass
class Child:
    """One kernel: its process, the socket to who asked for it, its pidfd, a folder of its own."""

    pid: int
    channel: int
    pidfd: int
    private: str
    orphan: bool = False


@dataclass
class Zygote:
    """Forks a kernel for each request on `control` until that is closed."""

    control: int
    parent: int = field(default_factory=os.getppid)
    children: dict[int, Child] = field(default_factory=dict)
    frozen: bool = False
    retired: bool = False

    def serve(self) -> tuple[dict[str, Any], int] | None:
        """Answer requests; returns in each child (its request and log) and once at the end."""
        while os.getppid() == self.parent and (self.children or not self.retired):
            for ready in self._wait():
                if ready != self.control:
                    self._attend(ready)
                    continue
                word, fds = _receive(ready)
                if not word:
                    self._end()
                    return None
                if word == b"r":
                    self.retired = True
                elif (request := self._fork(*fds)) is not None:
                    return request, fds[1]
        self._end()
        return None

    def _wait(self) -> list[int]:
        poll = select.poll()
        poll.register(self.control, select.POLLIN)
        for child in self.children.values():
            poll.register(child.pidfd, select.POLLIN)
            if not child.orphan:
                poll.register(child.channel, select.POLLIN)
        return [fd for fd, _ in poll.poll(PARENT_CHECK_MS)]

    def _attend(self, ready: int) -> None:
        for child in list(self.children.values()):
            if ready == child.pidfd:
                self._reap(child)
            elif ready == child.channel:  # it sends nothing: whoever asked has gone
                child.orphan = True
                _kill_group(child.pid)

    def _reap(self, child: Child) -> None:
        _kill_group(child.pid)  # what the kernel started; before the pid can be used again
        _, status, usage = os.wait4(child.pid, 0)
        code = os.waitstatus_to_exitcode(status)
        _answer(child.channel, {"exit": code, "peak": usage.ru_maxrss * 1024})
        if child.orphan and child.private:
            shutil.rmtree(child.private, ignore_errors=True)
        _close(child.channel, child.pidfd)
        del self.children[child.pid]

    def _end(self) -> None:
        for child in list(self.children.values()):
            child.orphan = True
            _kill_group(child.pid)
            self._reap(child)

    def _fork(self, channel: int, log: int) -> dict[str, Any] | None:
        """Fork; the child gets its request, the parent None."""
        request = _read_request(channel)
        if request is None:
            _close(channel, log)
            return None
        notes = self._prepare(request["modules"])
        if threads := _foreign_threads():
            _answer(channel, {"refused": f"{threads} threads run in the zygote"})
            _close(channel, log)
            return None
        pid = os.fork()
        if not pid:
            self._forget(channel)
            return request
        _set_group(pid)
        os.close(log)
        child = Child(pid, channel, os.pidfd_open(pid), request["private"])
        self.children[pid] = child
        _answer(channel, {"pid": pid, "notes": notes}, [child.pidfd])
        return None

    def _prepare(self, modules: list[str]) -> list[str]:
        """Import what the notebook will; what does not import is for the notebook to say."""
        notes = []
        missing = [name for name in modules if name not in sys.modules]
        for name in missing:
            try:
                importlib.import_module(name)
            except ModuleNotFoundError:
                continue
            except Exception as error:
                notes.append(f"could not import {name}: {error!r}")
        if missing or not self.frozen:
            gc.collect()
            gc.freeze()  # the collector would write to, and so copy, every shared page
            self.frozen = True
        return notes

    def _forget(self, channel: int) -> None:
        """In a child: close what belongs to the zygote."""
        _close(self.control, channel)
        for child in self.children.values():
            _close(child.channel, child.pidfd)


def become_kernel(request: dict[str, Any], log: int, zygote: int) -> None:
    """Turn a fresh fork into the process that `request` describes and run its kernel."""
    _set_group(0)
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != zygote:
        os._exit(1)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.close(log)
    os.environ.clear()
    os.environ.update(request["env"])
    time.tzset()
    os.umask(request["umask"])
    os.chdir(request["cwd"])
    tempfile.tempdir = None
    random.seed()
    if (numexpr := sys.modules.get("numexpr")) and _sent_home:
        numexpr.set_num_threads(_sent_home["numexpr"])
    if numpy := sys.modules.get("numpy"):
        numpy.random.seed()  # the legacy generator would otherwise be the same in all kernels
    if pandas := sys.modules.get("pandas"):
        as_in_a_kernel(pandas)
    from ipykernel import kernelapp

    arguments = [*request["arguments"], f"--IPKernelApp.parent_handle={zygote}"]
    sys.argv = [request["program"], *arguments]
    kernelapp.launch_new_instance(arguments)


def as_in_a_kernel(pandas: Any) -> None:
    """Wide tables are printed as in other kernels: at its import, pandas saw a terminal."""
    if pandas.get_option("display.max_columns") == 0:
        pandas.set_option("display.max_columns", 20)


def import_kernel() -> None:
    """Import what every kernel needs, without the debugger: a batch kernel has no use for it."""
    os.environ.setdefault("MPLBACKEND", INLINE)
    sys.modules["debugpy"] = None  # type: ignore[assignment]
    try:
        importlib.import_module("ipykernel.debugger")
    finally:
        del sys.modules["debugpy"]
    for name in ("ipykernel.ipkernel", "ipykernel.zmqshell", "IPython.core.completer", "psutil"):
        importlib.import_module(name)


def _foreign_threads() -> int:
    """Count threads besides this one that would be alive at a fork.

    OpenBLAS ends its own at a fork (``pthread_atfork``), so one fork is tried before counting.
    Those of numexpr, which pandas imports, are sent home; each kernel gets its own again.
    """
    if (numexpr := sys.modules.get("numexpr")) and not _sent_home:
        _sent_home["numexpr"] = numexpr.set_num_threads(1)
    if threading.active_count() == 1 and _threads() > 1:
        pid = os.fork()
        if not pid:
            os._exit(0)
        os.waitpid(pid, 0)
    return max(threading.active_count(), _threads()) - 1


def _threads() -> int:
    return len(os.listdir("/proc/self/task"))


def _receive(control: int) -> tuple[bytes, list[int]]:
    endpoint = socket.socket(fileno=control)
    try:
        word, fds, _, _ = socket.recv_fds(endpoint, 1, 2)
    finally:
        endpoint.detach()
    return word, fds


def _read_request(channel: int) -> dict[str, Any] | None:
    data = b""
    while not data.endswith(b"\n"):
        part = os.read(channel, REQUEST_BYTES)
        if not part:
            return None
        data += part
    request: dict[str, Any] = json.loads(data)
    return request


def _answer(channel: int, message: dict[str, Any], fds: list[int] | None = None) -> None:
    endpoint = socket.socket(fileno=channel)
    try:
        socket.send_fds(endpoint, [json.dumps(message).encode() + b"\n"], fds or [])
    except OSError:  # nobody listens any more
        pass
    finally:
        endpoint.detach()


def _kill_group(pid: int) -> None:
    try:
        os.killpg(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def _set_group(pid: int) -> None:
    """Both sides do it, so that neither can come too late."""
    try:
        os.setpgid(pid, pid)
    except (PermissionError, ProcessLookupError):
        pass


def _close(*fds: int) -> None:
    for fd in fds:
        os.close(fd)


def main() -> None:
    """Serve; in a child, run its kernel and end as any Python program does."""
    sys.path.pop(0)  # the folder of this file
    pid = os.getpid()
    import_kernel()
    request = Zygote(int(sys.argv[1])).serve()
    if request is not None:
        become_kernel(*request, pid)


if __name__ == "__main__":
    main()
