"""Fetched data on this machine: each content once, whoever asks for it, and looked at each time."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from beambook.checksum import sha256_of
from beambook.errors import DataError
from beambook.publication._contents import DataFile, DataReference
from beambook.user_cache import locked, user_cache

__all__ = ["DataCache"]


@dataclass(frozen=True)
class DataCache:
    """A folder of file contents by their checksums, and of links to them under their names.

    Attributes
    ----------
    folder : Path
        ``files/<sha256>``, and ``sets/<digest>/<names of a publication>``.
    """

    folder: Path

    @classmethod
    def of_user(cls) -> DataCache:
        """The one beside the environments."""
        return cls(user_cache("data"))

    def place(self, file: DataFile) -> Path:
        """Where the content of a file is, if it is here."""
        return self.folder / "files" / str(file.sha256)

    def has(self, file: DataFile) -> bool:
        """Whether it is here, and still what was sealed."""
        path = self.place(file)
        try:
            return path.stat().st_size == file.size and sha256_of(path) == file.sha256
        except OSError:
            return False

    def locked(self, file: DataFile) -> AbstractContextManager[None]:
        """Keep other processes from fetching the same; the lock ends with its process.

        Raises
        ------
        DataError
            If the folder cannot be written.
        """
        return locked(
            self.place(file),
            lambda error: DataError(
                f"cannot keep data in {self.folder}: {error.strerror}", hint="Set XDG_CACHE_HOME"
            ),
        )

    def laid_out(self, reference: DataReference) -> Path:
        """A folder with all its files under their names; they must be here."""
        listed = "".join(f"{file.sha256}  {file.path}\n" for file in reference.files)
        folder = self.folder / "sets" / hashlib.sha256(listed.encode()).hexdigest()
        for file in reference.files:
            _link(self.place(file), folder / file.path)
        return folder


def _link(content: Path, place: Path) -> None:
    """A second name of the content, which takes no room; a copy where there are no such links."""
    if place.is_file() and not place.is_symlink() and place.samefile(content):
        return
    place.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".link-", dir=place.parent) as folder:
        temporary = Path(folder) / "content"
        try:
            os.link(content, temporary)
        except OSError:
            shutil.copyfile(content, temporary)
        temporary.replace(place)
