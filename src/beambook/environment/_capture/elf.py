"""Which shared libraries a compiled file asks for: read from its ELF header, nothing is loaded.

``ldd`` would answer, too, by letting the loader of the system load the file: five times slower
for an environment, and not what one does with a file from elsewhere.
"""

from __future__ import annotations

import mmap
import struct
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Asked", "asked_by"]

MAGIC = b"\x7fELF"
LOAD, DYNAMIC = 1, 2
NEEDED, STRTAB, RPATH, RUNPATH = 1, 5, 15, 29
MOST = 4096  # entries; a damaged file must not keep us


@dataclass(frozen=True)
class Asked:
    """What a compiled file asks the loader for.

    Attributes
    ----------
    names : tuple of str
        Libraries: ``("libz.so.1", "libc.so.6")``.
    folders : tuple of Path
        Where it wants them to be looked for first.
    """

    names: tuple[str, ...] = ()
    folders: tuple[Path, ...] = ()


def asked_by(path: Path) -> Asked:
    """Read what a compiled file asks for.

    Parameters
    ----------
    path : Path

    Returns
    -------
    Asked
        Empty for a file that is not compiled, or a damaged one.
    """
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            texts = _texts(data) if data[:4] == MAGIC else []
    except (OSError, ValueError, IndexError, OverflowError, struct.error):
        return Asked()
    own = str(path.resolve().parent)
    stated = [text for tag, text in texts if tag in (RPATH, RUNPATH)]
    folders = [_placed(each, own) for text in stated for each in text.split(":") if each]
    return Asked(tuple(text for tag, text in texts if tag == NEEDED), tuple(map(Path, folders)))


def _placed(folder: str, own: str) -> str:
    return folder.replace("$ORIGIN", own).replace("${ORIGIN}", own)


def _texts(data: mmap.mmap) -> list[tuple[int, str]]:
    wide, order = data[4] == 2, "<" if data[5] == 1 else ">"
    entry = struct.Struct(order + ("qQ" if wide else "iI"))
    segments = _segments(data, order, wide=wide)
    dynamic = next(((at, size) for kind, at, _, size in segments if kind == DYNAMIC), (0, 0))
    count = min(dynamic[1] // entry.size, MOST)
    tags = [entry.unpack_from(data, dynamic[0] + i * entry.size) for i in range(count)]
    strings = next((value for tag, value in tags if tag == STRTAB), -1)
    held = (
        strings - memory + start
        for kind, start, memory, size in segments
        if kind == LOAD and memory <= strings < memory + size
    )
    at = next(held, None)
    if at is None:
        return []
    wanted = (NEEDED, RPATH, RUNPATH)
    return [(tag, _text(data, at + value)) for tag, value in tags if tag in wanted]


def _segments(data: mmap.mmap, order: str, *, wide: bool) -> list[tuple[int, int, int, int]]:
    """Kind, place in the file, place in memory and size of each part of the program."""
    (table,) = struct.unpack_from(order + ("Q" if wide else "I"), data, 32 if wide else 28)
    size, count = struct.unpack_from(order + "HH", data, 54 if wide else 42)
    form, pick = ("IIQQQQ", (0, 2, 3, 5)) if wide else ("IIIII", (0, 1, 2, 4))
    rows = (struct.unpack_from(order + form, data, table + i * size) for i in range(count))
    return [(row[pick[0]], row[pick[1]], row[pick[2]], row[pick[3]]) for row in rows]


def _text(data: mmap.mmap, at: int) -> str:
    return data[at : data.find(b"\0", at)].decode("utf-8", "replace")
