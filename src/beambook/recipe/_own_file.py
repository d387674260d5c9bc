"""Files of ours in a folder that the notebook may change, too: no trick leads us elsewhere.

A notebook in a sandbox cannot write to your home; but it could put a link to a file of yours
where we are about to write. So no link is followed, and nothing but a plain file is touched.
"""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import IO

__all__ = ["links_out", "open_own", "read_own"]

LINKS_LOOKED_AT = 200_000


def open_own(path: Path, *, append: bool = False) -> IO[bytes]:
    """Open a plain file for writing, without a buffer.

    Parameters
    ----------
    path : Path
        In a folder that is a folder and no link.
    append : bool
        Keep what is there.

    Raises
    ------
    OSError
        If the file or its folder is a link, a pipe or the like, or cannot be written.
    """
    flags = os.O_WRONLY | os.O_CREAT | (os.O_APPEND if append else os.O_TRUNC)
    return os.fdopen(_plain(path, flags), "wb", buffering=0)


def read_own(path: Path, most: int) -> bytes:
    """Content of a plain file, as far as `most` bytes.

    Raises
    ------
    OSError
        If the file or its folder is a link, a pipe or the like, or cannot be read.
    """
    with os.fdopen(_plain(path, os.O_RDONLY), "rb") as file:
        return file.read(most)


def links_out(folder: Path) -> dict[Path, str]:
    """Links below `folder` that lead out of it, and where to."""
    inside = folder.resolve()
    found = {}
    looked = 0
    for parent, folders, files in os.walk(folder):
        looked += len(folders) + len(files)
        for name in (*folders, *files):
            path = Path(parent, name)
            if path.is_symlink() and not path.resolve().is_relative_to(inside):
                found[path] = os.readlink(path)
        if looked > LINKS_LOOKED_AT:
            break
    return found


def _plain(path: Path, flags: int) -> int:
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:  # not to wait for ever where somebody has put a pipe
        handle = os.open(path.name, flags | os.O_NOFOLLOW | os.O_NONBLOCK, 0o666, dir_fd=folder)
    finally:
        os.close(folder)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise OSError(errno.EINVAL, "not a plain file", str(path))
    os.set_blocking(handle, True)
    return handle
