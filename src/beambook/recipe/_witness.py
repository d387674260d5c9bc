"""Sees what a notebook does outside of its folders, where nothing keeps it from that.

The text of this file is executed in kernels of any environment, so it imports nothing but the
standard library; Python 3.7 has nothing to see with. It is no lock: what compiled libraries and
other programs do is not seen, but it is seen that programs were started.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

ALLOWED: list[str] = []  # folders; set when this text is sent
REPORT = ""  # a file that gets one line of JSON for each thing that was done

MOST = 200
TEXT = 200
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
CHANGES = {  # which arguments of the event name what is changed
    "os.chmod": (0,),
    "os.chown": (0,),
    "os.link": (1,),
    "os.mkdir": (0,),
    "os.remove": (0,),
    "os.rename": (0, 1),
    "os.rmdir": (0,),
    "os.symlink": (1,),
    "os.truncate": (0,),
    "os.utime": (0,),
}
PROGRAMS = ("os.exec", "os.posix_spawn", "os.system", "subprocess.Popen")
CALLS = ("socket.connect", "socket.sendto")
HARMLESS = ("/dev/", "/proc/self/", f"/proc/{os.getpid()}/")
HERE = ("127.", "::1", "localhost")


class Witness:
    """Writes one line for each thing that was done outside, the first time."""

    def __init__(self, report: str, allowed: list[str]) -> None:
        self.handle = os.open(report, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self.allowed = tuple(os.path.realpath(each) + os.sep for each in allowed) + HARMLESS
        self.seen: set[tuple[str, str]] = set()

    def hook(self, event: str, args: tuple[Any, ...]) -> None:
        """Take an audit event; whatever is wrong with it, the notebook goes on."""
        try:
            self.hear(event, args)
        except Exception:
            return

    def hear(self, event: str, args: tuple[Any, ...]) -> None:
        """Tell of an event that is of interest."""
        if event == "open":
            if args[2] & WRITING:
                self.change(args[0])
        elif event in CHANGES:
            for number in CHANGES[event]:
                self.change(args[number])
        elif event in PROGRAMS:
            self.tell("started", as_text(args[0])[:TEXT])
        elif event in CALLS:
            self.call(args[1])

    def change(self, path: Any) -> None:
        """Tell of a file or folder, unless it may be changed; a number was a path before."""
        if not isinstance(path, int):
            place = os.path.realpath(as_text(path))
            if not (place + os.sep).startswith(self.allowed):
                self.tell("wrote", place)

    def call(self, address: Any) -> None:
        """Tell of another machine."""
        if isinstance(address, tuple) and not str(address[0]).startswith(HERE):
            self.tell("called", f"{address[0]}:{address[1]}")

    def tell(self, kind: str, what: str) -> None:
        """Write a line."""
        if (kind, what) not in self.seen and len(self.seen) < MOST:
            self.seen.add((kind, what))
            os.write(self.handle, (json.dumps({"kind": kind, "what": what}) + "\n").encode())


def as_text(thing: Any) -> str:
    """A path or a command as text."""
    if isinstance(thing, (list, tuple)):
        return " ".join(map(as_text, thing))
    return str(os.fsdecode(thing))


def install() -> None:
    """Begin to look."""
    if hasattr(sys, "addaudithook"):
        sys.addaudithook(Witness(REPORT, ALLOWED).hook)
