"""Which data this process has read: what an execution is recorded with."""

from __future__ import annotations

import os
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

from beambook.data._format import Part

__all__ = ["inputs", "note"]

_noted: dict[tuple[str, str], dict[str, Any]] = {}


def note(path: Path, parts: Sequence[Part]) -> None:
    """Remember that a run or file was opened."""
    checksum = index_checksum(parts)
    _noted[str(path.absolute()), checksum] = {
        "path": str(path.absolute()),
        "files": [
            {"name": p.file.path.name, "size": p.file.stamp[1], "mtime_ns": p.file.stamp[2]}
            for p in parts
        ],
        "sha256": checksum,
    }


def inputs() -> list[dict[str, Any]]:
    """Runs and files opened so far: path, files (name, size, mtime_ns), sha256 of the index."""
    return [{**entry, "files": [dict(f) for f in entry["files"]]} for entry in _noted.values()]


def index_checksum(parts: Sequence[Part]) -> str:
    """SHA-256 over file names, sizes, trains and sources, whatever folder they are in."""
    digest = sha256()
    for name, number in sorted((part.file.path.name, n) for n, part in enumerate(parts)):
        part = parts[number]
        digest.update(os.fsencode(name) + f"\0{part.file.stamp[1]}\0".encode())
        digest.update(part.event_ids.astype("<u8", copy=False).tobytes())
        digest.update(part.suspect.tobytes())
        digest.update("\0".join(sorted(part.sources)).encode(errors="surrogateescape"))
    return digest.hexdigest()
