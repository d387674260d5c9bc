"""A file of named sections, each compressed and with its checksum, read as far as needed.

``magic · size and digest of the table of contents · table of contents · sections``
"""

from __future__ import annotations

import json
import os
import struct
import tempfile
import zlib
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from stat import S_ISREG
from typing import Any

__all__ = ["BAD", "Archive", "Packed"]

MAGIC = b"beambook index 1\n"
HEAD = struct.Struct("<QQ16s")  # stored size, plain size and digest of the table of contents
MOST_STORED = 64 << 20  # bytes of the file
MOST_PLAIN = 32 << 20  # bytes of a section
BAD = (
    *(ArithmeticError, AttributeError, LookupError, MemoryError, RecursionError),
    *(TypeError, ValueError, struct.error, zlib.error),
)  # what damaged contents raise


@dataclass(frozen=True, slots=True)
class Packed:
    """A section as stored.

    Attributes
    ----------
    stored : bytes
        Compressed.
    plain : int
        Size before.
    digest : str
        Of the stored bytes.
    """

    stored: bytes
    plain: int
    digest: str

    @classmethod
    def of(cls, document: Any) -> Packed:
        """Pack what JSON can hold; raises ValueError where it is too much."""
        plain = json.dumps(document, separators=(",", ":")).encode("ascii")
        if len(plain) > MOST_PLAIN:
            raise ValueError("size")
        stored = zlib.compress(plain, 3)
        return cls(stored, len(plain), _digest(stored))

    def document(self) -> Any:
        """Unpack; raises one of `BAD` when it is not what was packed."""
        if _digest(self.stored) != self.digest:
            raise ValueError("checksum")
        return json.loads(_plain(self.stored, self.plain))


@dataclass(frozen=True)
class Archive:
    """Sections by name.

    Attributes
    ----------
    sections : mapping of str to Packed
    """

    sections: Mapping[str, Packed]

    @classmethod
    def read(cls, path: Path, trust: Callable[[os.stat_result], bool]) -> Archive | None:
        """Read a file; None where there is none, or one that is damaged or not trusted."""
        try:
            content = _content(path, trust)
            return None if content is None else cls(_sections(content))
        except (OSError, *BAD):
            return None

    def document(self, name: str) -> Any:
        """Contents of a section; None where there is none, or a damaged one."""
        try:
            return self.sections[name].document()
        except BAD:
            return None

    def write(self, path: Path) -> None:
        """Write a file under another name, and rename it: others see all of it or nothing.

        Raises
        ------
        OSError
            It cannot be written, or is too large.
        """
        blocks = self._blocks()
        if sum(map(len, blocks)) > MOST_STORED:
            raise OSError(f"{path} would be too large")
        fd, name = tempfile.mkstemp(".tmp", f".{path.name[:80]}.", path.parent)
        try:
            with os.fdopen(fd, "wb") as file:
                file.writelines(blocks)
                os.fchmod(file.fileno(), 0o644)
            os.replace(name, path)
        except BaseException:
            with suppress(OSError):
                os.unlink(name)
            raise

    def _blocks(self) -> list[bytes]:
        table, at = {}, 0
        for name, packed in self.sections.items():
            table[name] = at, len(packed.stored), packed.plain, packed.digest
            at += len(packed.stored)
        contents = Packed.of(table)
        sizes = len(contents.stored), contents.plain, bytes.fromhex(contents.digest)
        stored = (packed.stored for packed in self.sections.values())
        return [MAGIC, HEAD.pack(*sizes), contents.stored, *stored]


def _content(path: Path, trust: Callable[[os.stat_result], bool]) -> bytes | None:
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)  # a pipe would wait for ever
    with os.fdopen(fd, "rb") as file:
        stat = os.fstat(fd)
        if not S_ISREG(stat.st_mode) or stat.st_size > MOST_STORED or not trust(stat):
            return None
        return file.read(MOST_STORED)


def _sections(content: bytes) -> dict[str, Packed]:
    if not content.startswith(MAGIC):
        raise ValueError("magic")
    stored, plain, digest = HEAD.unpack_from(content, len(MAGIC))
    begin = len(MAGIC) + HEAD.size
    base = begin + stored
    table = Packed(content[begin:base], plain, digest.hex()).document()
    return {
        name: Packed(content[base + at : base + at + size], long, seen)
        for name, (at, size, long, seen) in table.items()
        if min(at, size, long) >= 0
    }


def _plain(stored: bytes, size: int) -> bytes:
    """Decompress to exactly so many bytes: a small file may hold a very large one."""
    if size > MOST_PLAIN:
        raise ValueError("size")
    machine = zlib.decompressobj()
    plain = machine.decompress(stored, size + 1)
    if len(plain) != size:
        raise ValueError("size")
    return plain


def _digest(stored: bytes) -> str:
    return blake2b(stored, digest_size=16).hexdigest()
