"""The home, the temporary files and the variables of a command that gets nothing of its user's."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["HOME", "clean_env", "make_private", "private_env"]

HOME = "/home/user"
KEPT = (
    "TZ",
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
)
FILES = {
    "passwd": f"root:x:0:0:root:/:/bin/false\nuser:x:1000:1000:user:{HOME}:/bin/sh\n",
    "group": "root:x:0:\nuser:x:1000:\n",
    "hosts": "127.0.0.1 localhost sandbox\n::1 localhost\n",
}


def clean_env() -> dict[str, str]:
    """Variables for a command that is not trusted: none of the caller's that say who he is."""
    kept = {name: os.environ[name] for name in KEPT if name in os.environ}
    return {
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "LANG": "C.UTF-8",
        "PYTHONNOUSERSITE": "1",
        **kept,
    }


def private_env(folder: Path) -> dict[str, str]:
    """Variables for a command that sees the folders of this machine under their own names."""
    own = {"HOME": str(folder / "home"), "TMPDIR": str(folder / "tmp")}
    return {**clean_env(), **own, "USER": os.environ.get("USER", "user")}


def make_private(folder: Path) -> None:
    """Make a home, a folder for temporary files, and what ``/etc`` says of users and hosts."""
    for name in ("home", "tmp", "etc"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    for name, text in FILES.items():
        (folder / "etc" / name).write_text(text, encoding="utf-8")
