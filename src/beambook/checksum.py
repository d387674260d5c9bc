"""The checksum by which a file's content is known again."""

from __future__ import annotations

import hashlib
from pathlib import Path

__all__ = ["sha256_of"]


def sha256_of(path: Path) -> str:
    """SHA-256 of a file's content, in hexadecimal digits.

    Parameters
    ----------
    path : Path

    Raises
    ------
    OSError
        If it cannot be read.

    Examples
    --------
    >>> sha256_of(Path("/dev/null"))[:12]
    'e3b0c44298fc'
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
