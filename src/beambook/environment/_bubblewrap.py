"""bubblewrap: a command sees the system's libraries, its Python, its data, and one folder."""

from __future__ import annotations

import functools
import os
import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from beambook.environment._interpreter import folders_of
from beambook.environment._private import HOME, clean_env, make_private

__all__ = ["Bubblewrap", "why_not"]

TRY_SECONDS = 20.0
NUMBER = "1000"  # of the user inside: nobody is root there, whoever starts it
APART = (
    "--unshare-user", "--unshare-ipc", "--unshare-pid", "--unshare-uts", "--unshare-cgroup-try",
    "--uid", NUMBER, "--gid", NUMBER, "--hostname", "sandbox", "--die-with-parent",
    "--new-session", "--cap-drop", "ALL",
)  # fmt: skip
NO_NETWORK = ["--unshare-net"]
SYSTEM = ("/bin", "/lib", "/lib32", "/lib64", "/sbin")
# What libraries look up. Not the whole of /etc: passwords of services are in there.
ETC = (
    "alternatives", "ca-certificates", "ca-certificates.conf", "fonts", "host.conf", "ld.so.cache",
    "ld.so.conf", "ld.so.conf.d", "locale.alias", "localtime", "mime.types", "nsswitch.conf",
    "OpenCL", "pki/ca-trust", "pki/tls/cert.pem", "pki/tls/certs", "protocols", "services",
    "ssl/certs", "ssl/openssl.cnf", "terminfo", "timezone",
)  # fmt: skip
ALSO = ("/sys/devices/system", "/var/cache/fontconfig", "/run/current-system/sw")


@dataclass(frozen=True)
class Bubblewrap:
    """A sandbox that the kernel of the operating system keeps.

    Attributes
    ----------
    work : Path
    readable : tuple of Path
    network : bool
    program : str
        bwrap.
    """

    work: Path
    readable: tuple[Path, ...] = ()
    network: bool = False
    program: str = "bwrap"

    kind = "bubblewrap"
    why = ""
    confines = True
    watched: ClassVar[tuple[Path, ...]] = ()

    @property
    def lets(self) -> tuple[str, ...]:
        """What it does not prevent."""
        always = ("filling the disk of the work folder", "using all cores and memory")
        return (*always, "network") if self.network else always

    def argv(
        self,
        command: Sequence[str],
        *,
        cwd: Path,
        private: Path,
        writable: Sequence[Path] = (),
        readable: Sequence[Path] = (),
    ) -> list[str]:
        """The command line of bwrap."""
        make_private(private)
        visible = [*folders_of(Path(command[0])), *self.readable, *readable]
        words = [*_start(self.program, network=self.network), *_own(private)]
        words += _binds(visible, [self.work, private, *writable])
        words += ["--remount-ro", "/", "--chdir", str(cwd), "--"]
        return [*words, *command]

    def env(self, private: Path) -> dict[str, str]:
        """A clean environment, with a home that is the same for everybody."""
        del private
        names = {"HOME": HOME, "TMPDIR": "/tmp", "USER": "user", "LOGNAME": "user"}  # noqa: S108
        return {**clean_env(), **names}


@functools.cache
def why_not(program: str) -> str:
    """Why bubblewrap does not work here, or an empty string; tried once.

    Parameters
    ----------
    program : str
        bwrap; empty if there is none.
    """
    if not program:
        return "bubblewrap is not installed"
    command = [*_start(program, network=False), "--remount-ro", "/", "--", "/bin/sh", "-c", ":"]
    try:
        done = subprocess.run(  # noqa: S603
            command, capture_output=True, text=True, timeout=TRY_SECONDS, check=False
        )
    except (OSError, subprocess.SubprocessError) as error:
        return f"bubblewrap does not work here: {error}"
    if done.returncode == 0:
        return ""
    said = done.stderr.strip().splitlines() or [f"exit status {done.returncode}"]
    return f"bubblewrap does not work here: {said[-1].removeprefix('bwrap: ')}"


@functools.cache
def _knows(program: str, option: str) -> bool:
    """Whether this bubblewrap has an option: that of an older system has not all of them."""
    command = [program, "--help"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    return option in done.stdout + done.stderr


def _start(program: str, *, network: bool) -> list[str]:
    words = [program, *APART]
    words += ["--disable-userns"] * _knows(program, "--disable-userns")
    words += ["--ro-bind-try", "/etc/resolv.conf", "/etc/resolv.conf"] if network else NO_NETWORK
    words += ["--ro-bind", "/usr", "/usr"]
    for name in SYSTEM:
        if os.path.islink(name):
            words += ["--symlink", os.readlink(name), name]
        else:
            words += ["--ro-bind-try", name, name]
    for name in (*(f"/etc/{each}" for each in ETC), *ALSO):
        words += ["--ro-bind-try", name, name]
    # Of root's sandboxes, /proc/sys would be the machine's own switches.
    words += ["--proc", "/proc", "--remount-ro", "/proc", "--dev", "/dev"]
    words += ["--size", str(_shared_memory())] if _knows(program, "--size") else []
    return [*words, "--tmpfs", "/dev/shm", "--remount-ro", "/dev"]  # noqa: S108


def _shared_memory() -> int:
    """Bytes that may be put into /dev/shm: it is memory of the machine."""
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 4


def _own(private: Path) -> list[str]:
    words = ["--bind", str(private / "tmp"), "/tmp", "--bind", str(private / "home"), HOME]  # noqa: S108
    for each in sorted((private / "etc").iterdir()):
        words += ["--ro-bind", str(each), f"/etc/{each.name}"]
    return [*words, "--symlink", "../tmp", "/var/tmp"]  # noqa: S108


def _binds(readable: Iterable[Path], writable: Iterable[Path]) -> Iterator[str]:
    """Outer folders first, so that an inner one may be writable in one that is not."""
    how: Mapping[Path, str] = {
        **dict.fromkeys(_names(readable), "--ro-bind"),
        **dict.fromkeys(_names(writable), "--bind"),
    }
    for path in sorted(how, key=lambda path: len(path.parts)):
        yield from (how[path], str(path), str(path))


def _names(paths: Iterable[Path]) -> Iterator[Path]:
    """Each as it was named, and where that leads to: both may be written in a notebook."""
    for path in paths:
        yield path
        yield path.resolve()
