"""Which files a notebook has read: told by Python itself, for what no library tells.

Executed silently in the kernel from its text, like `_session`: standard library of Python 3.8
only. What is opened past Python (HDF5 by h5py) is told by the library that opens it.
"""

from __future__ import annotations

import os
import sys
from typing import Any

MOST = 1000
# Code, and what is kept of it or of data to be faster.
CODE = (".py", ".pyc", ".pyi", ".so", ".pth", ".ipynb", ".nbc", ".nbi", ".index")
SYSTEM = ("/proc", "/sys", "/dev", "/etc", "/usr", "/lib", "/bin", "/sbin", "/run", "/var/lib")
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT
_read: dict[str, None] = {}
_written: set[str] = set()


def install() -> None:
    """Listen from now on; Python has no way to stop listening."""
    sys.addaudithook(_heard)


def __beambook_inputs__() -> list[dict[str, Any]]:  # noqa: N807 the name that is asked for
    """Files that were read and not written before, by folder; those that are still there."""
    folders: dict[str, list[dict[str, Any]]] = {}
    for path in list(_read):
        if path in _written or _is_ours(path):
            continue
        try:
            told = os.stat(path)
        except OSError:
            continue
        file = {"name": os.path.basename(path), "size": told.st_size, "mtime_ns": told.st_mtime_ns}
        folders.setdefault(os.path.dirname(path), []).append(file)
    return [
        {
            "path": folder,
            "seen": "opened",
            "files": sorted(files, key=lambda file: str(file["name"])),
        }
        for folder, files in sorted(folders.items())
    ]


def _heard(event: str, arguments: Any) -> None:
    if event != "open" or len(_read) >= MOST:
        return
    try:
        path, _, flags = arguments
        if type(path) is bytes:
            path = os.fsdecode(path)
        if type(path) is str and not path.endswith(CODE):
            path = os.path.abspath(path)
            if flags & _WRITES:
                _written.add(path)
            else:
                _read[path] = None
    except Exception:  # noqa: S110 a notebook must not feel that it is listened to
        pass


def _is_ours(path: str) -> bool:
    """Part of the software, of the system, of caches and settings, or of the working folder."""
    if not os.path.isfile(path):
        return True
    software = {sys.prefix, sys.base_prefix, *(f for f in sys.path if "site-packages" in f)}
    home = os.path.expanduser("~")
    within = os.path.relpath(path, home) if path.startswith(home + os.sep) else ""
    return path.startswith(
        tuple(folder + os.sep for folder in (*SYSTEM, *software, os.getcwd()))
    ) or within.startswith(".")
