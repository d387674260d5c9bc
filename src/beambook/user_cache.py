"""The user's cache folder, and locks in it that end with their process."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from beambook.errors import BeambookError

__all__ = ["locked", "user_cache"]


def user_cache(name: str) -> Path:
    """A folder of ours below ``$XDG_CACHE_HOME``; it need not be there.

    Parameters
    ----------
    name : str

    Examples
    --------
    >>> user_cache("data").parts[-2:]
    ('beambook', 'data')
    """
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "beambook" / name


@contextmanager
def locked(place: Path, refusal: Callable[[OSError], BeambookError]) -> Iterator[None]:
    """Keep other processes from making `place`; one that was killed leaves no lock behind.

    Parameters
    ----------
    place : Path
        What is made; the lock is a file beside it, and the folder of both is made.
    refusal : callable
        Makes the error that is raised where the folder cannot be written.
    """
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(f"{place}.lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise refusal(error) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
