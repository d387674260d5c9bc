"""Telling files of other facilities from damaged files of the European XFEL, by what is in them."""

from __future__ import annotations

from pathlib import Path

from beambook.data._hdf5 import StoredFile, pool
from beambook.data._nexus.links import FAULTS

__all__ = ["is_foreign"]

OURS = {"INDEX", "METADATA", "CONTROL", "INSTRUMENT"}


def is_foreign(path: Path) -> bool:
    """Whether a file is not one of the European XFEL, not even a damaged one.

    Parameters
    ----------
    path : Path
    """
    path = path.absolute()  # as it is opened later: one file, one handle
    try:
        stored = StoredFile.of(path)  # refuses a pipe, which would wait for ever
        with path.open("rb") as file:
            if file.read(64).lstrip().startswith((b"\x0e\x03\x13\x01", b"<?xml")):
                return True  # NeXus, in a form that is not read; its own message says so
        with pool.open(stored) as opened:
            return not OURS & set(opened)
    except FAULTS:
        return False
