"""Landlock: where namespaces are forbidden (as in most containers), rights can be given away."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from beambook.environment._bubblewrap import ALSO, ETC, SYSTEM
from beambook.environment._confine import version
from beambook.environment._interpreter import folders_of
from beambook.environment._private import make_private, private_env

__all__ = ["Landlock", "landlock_version"]

PROGRAM = Path(__file__).with_name("_confine.py")
ENOUGH = 3  # before that, any file could be cut to nothing
TCP_SINCE, SCOPES_SINCE = 4, 6
DEVICES = ("null", "zero", "full", "random", "urandom", "tty", "ptmx", "pts", "shm", "fd")
USERS = ("/etc/passwd", "/etc/group", "/etc/hosts")


@dataclass(frozen=True)
class Landlock:
    """A sandbox of rights that are given away: what is not named can be neither read nor written.

    Attributes
    ----------
    work : Path
    readable : tuple of Path
    network : bool
    why : str
        Why it is not bubblewrap.
    """

    work: Path
    readable: tuple[Path, ...] = ()
    network: bool = False
    why: str = ""

    kind = "landlock"
    confines = True
    watched: ClassVar[tuple[Path, ...]] = ()

    @property
    def lets(self) -> tuple[str, ...]:
        """What it does not prevent."""
        known = version()
        found = [
            "filling the disk of the work folder and the shared memory",
            "using all cores and memory",
            "changing permissions and dates of this user's files",
            "talking to programs of this machine through sockets in the file system",
        ]
        found += [] if known >= SCOPES_SINCE else ["ending other processes of this user"]
        no_tcp = known >= TCP_SINCE and not self.network
        return (*found, "network other than TCP" if no_tcp else "network")

    def argv(
        self,
        command: Sequence[str],
        *,
        cwd: Path,
        private: Path,
        writable: Sequence[Path] = (),
        readable: Sequence[Path] = (),
    ) -> list[str]:
        """The command line that gives the rights away and then becomes `command`."""
        del cwd
        make_private(private)
        seen = [*folders_of(Path(command[0])), *self.readable, *readable]
        system = ["/usr", *SYSTEM, *(f"/etc/{each}" for each in ETC), *USERS, *ALSO, "/proc"]
        system += ["/etc/resolv.conf"] if self.network else []
        changed = [self.work, private, *writable]
        rules = {
            "readable": [*system, *map(str, seen)],
            "writable": [*(f"/dev/{each}" for each in DEVICES), *map(str, changed)],
            "network": self.network,
        }
        return [sys.executable, "-I", "-S", str(PROGRAM), json.dumps(rules), *command]

    def env(self, private: Path) -> dict[str, str]:
        """A clean environment, with home and temporary files in `private`."""
        return private_env(private)


def landlock_version() -> int:
    """Of Landlock, if it is good enough to keep files as they are; else 0."""
    known = version() if sys.platform == "linux" else 0
    return known if known >= ENOUGH else 0
