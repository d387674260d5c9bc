"""The index of a folder of constants: one small file for each version, never changed.

There is no common file that processes would have to lock: locks of SQLite and appending to one
file are not safe on network file systems (NFS appends are not atomic, its locks may be local to a
node). Creating a file exclusively and renaming it are atomic on NFS and on GPFS. Since a record
never changes, readers keep it and look only for new names.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from pathlib import Path
from secrets import token_hex
from typing import Any

from beambook.calibration._constants.constant import Constant
from beambook.data._findings import warn

__all__ = ["Index", "beside", "put"]

_TIMES = ("begin", "end", "created")


@dataclass(frozen=True, eq=False)
class Index:
    """The records of all versions.

    Attributes
    ----------
    root : Path
        The store; paths in records begin there.
    """

    root: Path
    _known: dict[str, Constant | None] = field(default_factory=dict)

    @property
    def folder(self) -> Path:
        """Where the records are."""
        return self.root / "index"

    def constants(self) -> list[Constant]:
        """All versions that there are now, in no order."""
        self._refresh()
        known = list(self._known.values())  # at once: another thread may be adding to it
        return [constant for constant in known if constant is not None]

    def unfinished(self) -> list[Path]:
        """Records of versions that are being written now, or of which the writing was cut off."""
        self._refresh()
        return sorted(p for p in self.folder.glob("*.json") if p.name not in self._known)

    def _refresh(self) -> None:
        try:
            found = os.listdir(self.folder)
        except FileNotFoundError:
            return
        new = [n for n in found if n not in self._known and n.endswith(".json")]
        unreadable = [name for name in new if not self._read(name)]
        if unreadable:
            warn(
                f"{len(unreadable)} of {len(found)} records in {self.folder} cannot be read and "
                f"their constants are not found, for instance {unreadable[0]}"
            )

    def _read(self, name: str) -> bool:
        """Take up a record; False if it cannot be read."""
        try:
            content = (self.folder / name).read_bytes()
            if content:  # else a name is reserved: the version is being written, or never was
                self._known[name] = _constant(json.loads(content), self.root)
        except FileNotFoundError:  # given back in the meantime
            return True
        except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
            self._known[name] = None
        return self._known.get(name, True) is not None

    def reserve(self) -> int:
        """A number that no other version has or will have: µs since 1970, as it is now or later."""
        self.folder.mkdir(parents=True, exist_ok=True)
        number = time.time_ns() // 1000
        while True:
            try:
                os.close(os.open(self._path(number), os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
            except FileExistsError:
                number += 1
            else:
                return number

    def release(self, number: int) -> None:
        """Give a reserved number back: nothing was written."""
        self._path(number).unlink(missing_ok=True)

    def add(self, constant: Constant) -> None:
        """Make a version known to everybody, at a reserved number."""
        record = json.dumps(_record(constant, self.root), indent=1)
        path = self._path(constant.id)
        put(path, record.encode())
        self._known[path.name] = constant

    def _path(self, number: int) -> Path:
        return self.folder / f"{number}.json"


def put(path: Path, content: bytes) -> None:
    """Write a file beside its place, then rename: it is there as a whole or not at all."""
    with beside(path) as temporary:
        temporary.write_bytes(content)


@contextmanager
def beside(path: Path) -> Iterator[Path]:
    """A name beside `path` to write to; what is there in the end is put in place, and kept.

    The data is on the disk before the name is there, and the name before this ends: after a power
    cut there is the old file or the new one.
    """
    temporary = path.with_name(f".{path.name}.{token_hex(4)}.partial")
    try:
        yield temporary
        _sync(temporary)
        os.replace(temporary, path)
        with suppress(OSError):  # some network file systems cannot do it with folders
            _sync(path.parent)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _record(constant: Constant, root: Path) -> dict[str, Any]:
    values = {f.name: getattr(constant, f.name) for f in fields(constant)}
    values["path"] = constant.path.relative_to(root).as_posix()
    for name in _TIMES:
        values[name] = values[name] and values[name].isoformat()
    return values


def _constant(record: dict[str, Any], root: Path) -> Constant:
    for name in _TIMES:
        record[name] = record[name] and datetime.fromisoformat(record[name]).astimezone(UTC)
    if record["begin"] is None or not isinstance(record["id"], int):
        raise ValueError("no record of a version")
    record["path"] = root / record["path"]
    record["deviations"] = {n: tuple(d) for n, d in record["deviations"].items()}
    return Constant(**record)
