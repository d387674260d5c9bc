"""A forked kernel's process, seen from the side that asked for it."""

from __future__ import annotations

import asyncio
import json
import os
import select
import signal
import socket
import subprocess
from typing import Any

__all__ = ["Forked", "read_message", "readable"]


class Forked:
    """A forked kernel's process, with the interface of `subprocess.Popen`.

    Its parent is the zygote, which reports the exit status through `channel`.

    Attributes
    ----------
    pid : int
    returncode : int or None
        As Popen's: negative when a signal ended it; None while it lives.
    peak : int
        Highest resident memory in bytes, known at the end.
    notes : list of str
        What the zygote has to say, e.g. a module that did not import.
    """

    stdin = stdout = stderr = None

    def __init__(self, channel: socket.socket, pid: int, pidfd: int, notes: list[str]) -> None:
        self.pid = pid
        self.notes = notes
        self.returncode: int | None = None
        self.peak = 0
        self._channel = channel
        self._pidfd = pidfd

    def poll(self) -> int | None:
        """Exit status, or None while the process lives."""
        if self.returncode is None and _is_readable(self._channel, 0):
            self._hear()
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the end."""
        if self.returncode is None:
            if not _is_readable(self._channel, timeout):
                raise subprocess.TimeoutExpired("kernel", timeout or 0.0)
            self._hear()
        assert self.returncode is not None  # noqa: S101
        return self.returncode

    async def ended(self) -> None:
        """Wait for the end without blocking the event loop."""
        if self.poll() is not None:
            return
        await readable(self._channel.fileno())
        self.poll()

    def send_signal(self, signum: int) -> None:
        """Send a signal; nothing happens to a process that has ended."""
        if self.poll() is None:
            try:
                signal.pidfd_send_signal(self._pidfd, signum)
            except ProcessLookupError:
                pass

    def kill(self) -> None:
        """End it at once."""
        self.send_signal(signal.SIGKILL)

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(signal.SIGTERM)

    def _hear(self) -> None:
        message = read_message(self._channel)[0]
        # A zygote that dies takes its kernels with it (PR_SET_PDEATHSIG).
        self.returncode = message.get("exit", -signal.SIGKILL)
        self.peak = message.get("peak", 0)
        self.close()

    def close(self) -> None:
        """Let go of the process; the zygote kills it if it still lives."""
        self._channel.close()
        if self._pidfd >= 0:
            os.close(self._pidfd)
            self._pidfd = -1

    def __del__(self) -> None:
        self.close()


def read_message(channel: socket.socket) -> tuple[dict[str, Any], list[int]]:
    """One message and the file descriptors that came with it; both empty at the end."""
    data, fds = b"", list[int]()
    while not data.endswith(b"\n"):
        try:
            part, new, _, _ = socket.recv_fds(channel, 1 << 16, 4)
        except ConnectionResetError:
            break
        if not part:
            break
        data += part
        fds += new
    for fd in fds:
        os.set_inheritable(fd, False)  # noqa: FBT003
    message: dict[str, Any] = json.loads(data) if data.endswith(b"\n") else {}
    return message, fds


async def readable(fd: int) -> None:
    """Wait until `fd` can be read, beside anybody else who waits for it."""
    own = os.dup(fd)
    ready = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_reader(own, ready.set)
    try:
        await ready.wait()
    finally:
        loop.remove_reader(own)
        os.close(own)


def _is_readable(channel: socket.socket, timeout: float | None) -> bool:
    poll = select.poll()  # select.select knows the first 1024 file descriptors only
    poll.register(channel, select.POLLIN)
    return bool(poll.poll(None if timeout is None else timeout * 1000))
