"""What conda has installed: as its own explicit lists have it, address and checksum."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

__all__ = ["conda_packages"]

_TOKEN = re.compile(r"/t/[^/]+/")


def conda_packages(prefix: str) -> tuple[str, ...]:
    """One line for each package of a conda environment.

    Parameters
    ----------
    prefix : str
        Of the environment; empty if it is none.

    Returns
    -------
    tuple of str
        ``https://conda.anaconda.org/conda-forge/linux-64/libfoo-1.2-0.conda#checksum``, or
        ``libfoo=1.2=0`` where the address is of this machine only.
    """
    records = sorted((Path(prefix) / "conda-meta").glob("*.json")) if prefix else []
    return tuple(_line(record) for record in records)


def _line(record: Path) -> str:
    try:
        said = json.loads(record.read_text(encoding="utf-8"))
        address = _public(str(said.get("url") or "")) or _named(said, record)
    except (OSError, ValueError, AttributeError):
        return f"{record.stem} (its record is damaged)"
    checksum = said.get("sha256") or said.get("md5") or ""
    return f"{address}#{checksum}" if checksum else address


def _named(said: Mapping[str, Any], record: Path) -> str:
    words = [str(said[key]) for key in ("name", "version", "build") if said.get(key)]
    return "=".join(words) or record.stem


def _public(url: str) -> str:
    """The address without a token or password; nothing for one of this machine."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https"):
        return ""
    path = _TOKEN.sub("/", parts.path)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], path, "", ""))
