"""A place in the cache: complete or absent, and made by one process at a time."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import stat
import tempfile
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from beambook.environment._recreate.inventory import Changes, changes, take_inventory
from beambook.errors import EnvironmentProblem
from beambook.user_cache import locked, user_cache

__all__ = ["Slot", "cache_folder"]

FILES, RECORD = "files.txt", "recreated.json"


def cache_folder(given: str | os.PathLike[str] | None = None) -> Path:
    """Where environments are kept: what was given, else in the user's cache folder."""
    if given is not None:
        return Path(given).expanduser().absolute()
    return user_cache("environments")


class Slot:
    """One environment's folder in the cache.

    Parameters
    ----------
    folder : Path
        ``<cache>/<name>``; made in a temporary folder beside it, then renamed.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def record(self) -> dict[str, Any] | None:
        """What was noted when it was made; None if it is not here."""
        try:
            record = json.loads((self.folder / RECORD).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        return record if isinstance(record, dict) else None

    def locked(self) -> AbstractContextManager[None]:
        """Keep other processes out; those that were killed leave no lock behind.

        Raises
        ------
        EnvironmentProblem
            When the cache folder cannot be written.
        """
        return locked(
            self.folder,
            lambda error: EnvironmentProblem(
                f"Cannot keep environments in {self.folder.parent}: {error.strerror}",
                hint="Give another folder with cache=, or set XDG_CACHE_HOME",
            ),
        )

    def check(self) -> Changes | None:
        """What of it is not as it was made; None when it is not here."""
        record = self.record
        if record is None:
            return None
        try:
            listed = (self.folder / FILES).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            return Changes(missing=(FILES,))
        if _checksum(listed) != record.get("files"):
            return Changes(changed=(FILES,))
        try:
            found = changes(self.folder / "tree", listed)
        except ValueError:  # an earlier beambook wrote its list in another form
            return Changes(changed=(FILES,))
        return Changes(found.changed, found.missing, self._forget_bytecode(found.added))

    def make(self, build: Callable[[Path], Mapping[str, Any]]) -> None:
        """Fill it anew: `build` gets an empty folder and returns what to note. Call it locked."""
        self._sweep()
        prefix = f"{self.folder.name}."
        temporary = Path(tempfile.mkdtemp(prefix=prefix, suffix=".tmp", dir=self.folder.parent))
        try:
            noted = build(temporary / "tree")
            _without_writing(temporary / "tree")
            listed = take_inventory(temporary / "tree")
            (temporary / FILES).write_text(listed, encoding="utf-8")
            record = {"format": 1, **noted, "files": _checksum(listed)}
            (temporary / RECORD).write_text(json.dumps(record, indent=1), encoding="utf-8")
            temporary.chmod(0o755)
            self.remove()
            temporary.rename(self.folder)
        finally:
            self._sweep()  # also what uv went on to write after who had started it was killed

    def remove(self) -> None:
        """Take it away; what is half removed is not seen as an environment."""
        if self.folder.exists():
            gone = self.folder.with_name(f"{self.folder.name}.{os.getpid()}.tmp")
            self.folder.rename(gone)
            remove_tree(gone)

    def _sweep(self) -> None:
        """Remove what killed processes left; only who holds the lock builds, so it is theirs."""
        for left in self.folder.parent.glob(f"{self.folder.name}.*.tmp"):
            remove_tree(left)

    def _forget_bytecode(self, added: tuple[str, ...]) -> tuple[str, ...]:
        """Bytecode that somebody's Python left is removed, unread; the rest was added."""
        left = []
        for path in added:
            if path.endswith(".pyc") and "/__pycache__/" in path:
                file = self.folder / "tree" / path
                file.parent.chmod(0o755)
                file.unlink(missing_ok=True)
            else:
                left.append(path)
        return tuple(left)


def remove_tree(folder: Path) -> None:
    """Remove a folder, read-only ones in it included."""
    for here, _, _ in os.walk(folder):
        os.chmod(here, stat.S_IRWXU)
    shutil.rmtree(folder, ignore_errors=True)


def _without_writing(root: Path) -> None:
    """No file can be added or removed by accident (``pip install`` in a kernel).

    Only folders: uv's files are links to those in its own cache, whose mode they share.
    """
    for here, _, _ in os.walk(root):
        os.chmod(here, 0o555)  # noqa: S103 readable by all, writable by none


def _checksum(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
