"""Telling files of other facilities from damaged files of the European XFEL, by what is in them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from beambook.data._euxfel.names import FileName
from beambook.data._hdf5 import StoredFile, pool
from beambook.data._nexus.links import FAULTS

__all__ = ["is_foreign"]

OURS = {"INDEX", "METADATA", "CONTROL", "INSTRUMENT"}


def is_foreign(path: Path, *, live: bool = False) -> bool:
    """Whether a file is not one of the European XFEL, not even a damaged one.

    Parameters
    ----------
    path : Path
    live : bool
        It may still be being written: lock nothing, and take nothing that is still empty, nor
        one that has a name of ours, for foreign.
    """
    if live and FileName.of(path) is not None:
        return False
    path = path.absolute()  # as it is opened later: one file, one handle
    try:
        stored = replace(
            StoredFile.of(path), live=live
        )  # refuses a pipe, which would wait for ever
        with path.open("rb") as file:
            if file.read(64).lstrip().startswith((b"\x0e\x03\x13\x01", b"<?xml")):
                return True  # NeXus, in a form that is not read; its own message says so
        with pool.open(stored) as opened:
            names = set(opened)
            return not OURS & names and (bool(names) or not live)
    except FAULTS:
        return False
