"""What a task finds in its environment, wherever it runs: nothing of its submitter's."""

from __future__ import annotations

import os
import pwd
import sys
from pathlib import Path

__all__ = ["clean_environment"]

SYSTEM_PATH = ("/usr/local/bin", "/usr/bin", "/bin")


def clean_environment(python: str = sys.executable) -> dict[str, str]:
    """PATH (the environment's own programs first), HOME, USER, LANG; the same on each machine.

    Examples
    --------
    >>> sorted(clean_environment())
    ['HOME', 'LANG', 'LOGNAME', 'PATH', 'USER']
    """
    try:
        entry = pwd.getpwuid(os.getuid())
        name, home = entry.pw_name, entry.pw_dir
    except KeyError:  # a user id that nobody knows, as in containers
        name, home = str(os.getuid()), os.environ.get("HOME", "/")
    return {
        "HOME": home,
        "LANG": "C.UTF-8",
        "LOGNAME": name,
        "PATH": os.pathsep.join([str(Path(python).parent), *SYSTEM_PATH]),
        "USER": name,
    }
