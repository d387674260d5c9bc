"""Write a wheel so that the same files give the same bytes, whoever built it."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Member", "rewrite_wheel", "write_wheel"]

DATE = (1980, 1, 1, 0, 0, 0)
EXECUTABLE = 0o111 << 16


@dataclass(frozen=True)
class Member:
    """One file of a wheel."""

    name: str
    content: bytes
    executable: bool


def rewrite_wheel(path: Path, into: Path) -> None:
    """Write a wheel anew: not every build tool leaves out the time of day.

    Parameters
    ----------
    path, into : Path
    """
    with zipfile.ZipFile(path) as archive:
        files = [info for info in archive.infolist() if not info.is_dir()]
        members = [
            Member(info.filename, archive.read(info), bool(info.external_attr & EXECUTABLE))
            for info in files
        ]
    record = next(m.name for m in members if m.name.endswith(".dist-info/RECORD"))
    write_wheel(into, record, [member for member in members if member.name != record])


def write_wheel(path: Path, record: str, members: Iterable[Member]) -> None:
    """Write a wheel with its RECORD: sorted, dated 1980.

    Parameters
    ----------
    path : Path
    record : str
        Name of its RECORD.
    members : iterable of Member
        All files but that.
    """
    rows = []
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for member in sorted(members, key=lambda m: (".dist-info/" in m.name, m.name)):
            _add(archive, member)
            digest = base64.urlsafe_b64encode(hashlib.sha256(member.content).digest())
            rows.append((member.name, f"sha256={digest.decode().rstrip('=')}", len(member.content)))
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows([*rows, (record, "", "")])
        _add(archive, Member(record, text.getvalue().encode(), executable=False))


def _add(archive: zipfile.ZipFile, member: Member) -> None:
    info = zipfile.ZipInfo(member.name, DATE)
    info.compress_type = zipfile.ZIP_DEFLATED
    info.external_attr = (0o100755 if member.executable else 0o100644) << 16
    archive.writestr(info, member.content)
