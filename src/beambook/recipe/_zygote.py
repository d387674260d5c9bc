"""The process that kernels are forked from, seen from the side that asks."""

from __future__ import annotations

import atexit
import json
import os
import socket
import subprocess
import sys
import sysconfig
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import IO, ClassVar

from beambook.recipe._forked import Forked, read_message

__all__ = ["ForkFailed", "Zygote", "why_no_fork"]

# pyarrow, which pandas imports, would start a thread that outlives a fork of its process.
QUIET = {"JE_ARROW_MALLOC_CONF": "background_thread:false"}
PROGRAM = Path(__file__).with_name("_zygote_main.py")
AT_IMPORT = (
    "BLIS_", "DASK_", "GOTO_", "HDF5_", "HOME", "IPYTHONDIR", "KMP_", "LANG", "LC_", "LD_",
    "MALLOC_", "MKL_", "MPL", "NUMBA_", "OMP_", "OPENBLAS_", "PYTHON", "VECLIB_", "XDG_",
)  # fmt: skip
START_SECONDS = 300.0  # a first import from a cluster's file system takes its time
END_SECONDS = 2.0
DEATHS_MOST = 1


_Key = tuple[int, tuple[int, ...], frozenset[tuple[str, str]]]


class ForkFailed(RuntimeError):
    """The zygote could not make a kernel; the message says why."""


def why_no_fork() -> str:
    """Why this system cannot fork kernels, or an empty string."""
    if not sys.platform.startswith("linux"):
        return f"kernels are forked on Linux only, not on {sys.platform}"
    if not hasattr(os, "pidfd_open"):
        return "this Python has no os.pidfd_open"
    return ""


class Zygote:
    """A process that has imported the science stack and is forked for each kernel.

    It lives as long as the process that uses it: it ends when the socket to
    that process closes, however that process ended.

    Parameters
    ----------
    env : mapping of str to str
        Environment in which the libraries are imported.
    """

    _shared: ClassVar[dict[_Key, Zygote]] = {}
    _deaths: ClassVar[Counter[_Key]] = Counter()
    _lock: ClassVar = threading.Lock()

    def __init__(self, env: Mapping[str, str]) -> None:
        self.refusal = ""
        self._errors: IO[bytes] = tempfile.TemporaryFile()
        self._control, remote = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with remote:
            self._process = subprocess.Popen(  # noqa: S603 our own program
                [sys.executable, str(PROGRAM), str(remote.fileno())],
                pass_fds=[remote.fileno()],
                env={**QUIET, **env},
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=self._errors,
                stderr=self._errors,
                start_new_session=True,  # Ctrl-C in the terminal is not for the kernels
            )

    @classmethod
    def shared(cls, env: Mapping[str, str]) -> Zygote:
        """The zygote of this process for kernels with environment `env`.

        Variables that libraries read when they are imported, and a change of
        the installed packages, each ask for a zygote of their own.

        Parameters
        ----------
        env : mapping of str to str

        Returns
        -------
        Zygote

        Raises
        ------
        ForkFailed
            If it has died more than once.
        """
        mine = (os.getpid(), _packages_stamp())
        key = (*mine, frozenset(_read_at_import(env)))
        with cls._lock:
            for old in [other for other in cls._shared if other[:2] != mine]:
                cls._shared.pop(old).retire()
            found = cls._shared.get(key)
            if found is not None and found._process.poll() is not None:
                cls._deaths[key] += 1
                found = None
            if cls._deaths[key] > DEATHS_MOST:
                raise ForkFailed(f"the zygote has died {cls._deaths[key]} times")
            if found is None:
                found = cls._shared[key] = cls(env)
                atexit.register(found.close)
            return found

    @property
    def pid(self) -> int:
        """Process id."""
        return self._process.pid

    def fork(
        self,
        arguments: Sequence[str],
        *,
        env: Mapping[str, str],
        cwd: str | Path,
        log: int,
        modules: Iterable[str] = (),
        private: str = "",
        program: str = "ipykernel_launcher.py",
    ) -> Forked:
        """Fork a kernel; blocks while modules are imported for the first time.

        Parameters
        ----------
        arguments : sequence of str
            Of ipykernel, e.g. ``["-f", connection_file]``.
        env : mapping of str to str
            The kernel's environment.
        cwd : str or Path
            The kernel's folder.
        log : int
            File descriptor that becomes its stdout and stderr.
        modules : iterable of str
            Imported in the zygote first, if they are not yet.
        private : str
            A folder that is removed if this process dies before the kernel.
        program : str
            ``sys.argv[0]`` of the kernel.

        Returns
        -------
        Forked

        Raises
        ------
        ForkFailed
            If the zygote has died or refuses.
        """
        if self.refusal:
            raise ForkFailed(self.refusal)
        request = {
            "arguments": list(arguments),
            "program": program,
            "env": dict(env),
            "cwd": str(cwd),
            "modules": list(modules),
            "private": private,
            "umask": _umask(),
        }
        channel, remote = socket.socketpair()
        try:
            with remote:
                socket.send_fds(self._control, [b"k"], [remote.fileno(), log])
            channel.settimeout(START_SECONDS)
            channel.sendall(json.dumps(request).encode() + b"\n")
            message, fds = read_message(channel)
        except OSError as error:
            channel.close()
            raise ForkFailed(f"the zygote does not answer ({error}){self._last_words()}") from error
        if "pid" not in message or not fds:
            channel.close()
            self.refusal = message.get("refused", "")
            raise ForkFailed(self.refusal or f"the zygote died{self._last_words()}")
        channel.settimeout(None)
        return Forked(channel, message["pid"], fds[0], message["notes"])

    def retire(self) -> None:
        """Take no more requests; the zygote ends with its last kernel."""
        try:
            self._control.send(b"r")
        except OSError:  # it has ended, or belongs to the process that this one was forked from
            pass

    def close(self) -> None:
        """End the zygote and all of its kernels."""
        atexit.unregister(self.close)
        self._control.close()
        try:
            self._process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._errors.close()

    def _last_words(self) -> str:
        if self._errors.closed:
            return ""
        time.sleep(0.05)  # a traceback comes a moment after the end of the socket
        self._errors.seek(0)
        lines = self._errors.read().decode(errors="replace").strip().splitlines()
        return f": {lines[-1]}" if lines else ""


def _read_at_import(env: Mapping[str, str]) -> list[tuple[str, str]]:
    return [(name, value) for name, value in env.items() if name.startswith(AT_IMPORT)]


def _packages_stamp() -> tuple[int, ...]:
    """Changes when a package is installed or removed."""
    paths = sysconfig.get_paths()
    folders = sorted({paths["purelib"], paths["platlib"]})
    return tuple(os.stat(folder).st_mtime_ns for folder in folders if os.path.isdir(folder))


def _umask() -> int:
    """The umask, without changing it even for a moment where Linux tells it."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("Umask:"):
            return int(line.split()[1], 8)
    return 0o022
