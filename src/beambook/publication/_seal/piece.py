"""A piece of data: what the publication says of it, and where it is on the author's machine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from beambook.publication._contents import DataReference

__all__ = ["Piece"]


@dataclass(frozen=True)
class Piece:
    """Data that is referred to, and where it is now.

    Attributes
    ----------
    reference : DataReference
        Without sizes and checksums, until it is `settled`.
    base : Path or None
        Folder that names of `files` start in; None for what is elsewhere.
    files : mapping of str to Path
        Name in the reference to the file.
    urls : mapping of str to str
        Name in the reference to where it can be fetched.
    carry : bool
        Whether it may be carried, if it is small.
    carried : bool
    """

    reference: DataReference
    base: Path | None = None
    files: Mapping[str, Path] = field(default_factory=dict)
    urls: Mapping[str, str] = field(default_factory=dict)
    carry: bool = True
    carried: bool = False
