"""Gives rights away, then becomes another program: the part of Landlock that runs inside.

Run as a program of its own, ``python _confine.py RULES COMMAND…``; imports nothing of beambook.
RULES is JSON: ``readable`` and ``writable`` paths, and whether there is a ``network``. What is
given away cannot be had back, neither by the command nor by what it starts.
"""

from __future__ import annotations

import ctypes
import json
import os
import stat
import struct
import sys

CREATE, ADD, RESTRICT = 444, 445, 446
PATH_BENEATH = 1
VERSION = 1
EXECUTE, WRITE_FILE, READ_FILE, READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
TRUNCATE, IOCTL = 1 << 14, 1 << 15
OF_FILES = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | IOCTL
READING = EXECUTE | READ_FILE | READ_DIR
TCP = 0b11
SCOPES = 0b11  # sockets without a name in the file system, and signals
CAPABILITIES = 64
PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS = 24, 38

libc = ctypes.CDLL(None, use_errno=True)


def version() -> int:
    """What this system's Landlock can do; 0 if it has none."""
    found: int = libc.syscall(CREATE, None, ctypes.c_size_t(0), VERSION)
    return max(0, found)


def main(rules: dict[str, list[str] | bool], command: list[str]) -> None:
    """Confine this process, and become `command`."""
    known = version()
    rights = (1 << (16 if known >= 5 else 15)) - 1
    ruleset = _ruleset(rights, known, network=bool(rules["network"]))
    for name, allowed in (("readable", READING), ("writable", rights)):
        paths = rules[name]
        assert isinstance(paths, list)  # noqa: S101
        for path in paths:
            _allow(ruleset, path, allowed)
    for capability in range(CAPABILITIES):  # of root's; the others have none
        libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)
    libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    _checked(libc.syscall(RESTRICT, ruleset, 0))
    os.execvp(command[0], command)  # noqa: S606 the command is what it is there for


def _ruleset(rights: int, known: int, *, network: bool) -> int:
    words = [rights, 0 if network else TCP, SCOPES]
    attributes = struct.pack("<3Q", *words)[: 24 if known >= 6 else 16 if known >= 4 else 8]
    return _checked(libc.syscall(CREATE, attributes, ctypes.c_size_t(len(attributes)), 0))


def _allow(ruleset: int, path: str, allowed: int) -> None:
    try:
        handle = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:  # of the system's folders not every system has all
        return
    if not stat.S_ISDIR(os.fstat(handle).st_mode):
        allowed &= OF_FILES
    rule = struct.pack("<Qi", allowed, handle)
    _checked(libc.syscall(ADD, ruleset, PATH_BENEATH, rule, 0))
    os.close(handle)


def _checked(result: int) -> int:
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), "Landlock")
    return result


if __name__ == "__main__":
    main(json.loads(sys.argv[1]), sys.argv[2:])
