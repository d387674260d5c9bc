"""Which run data is from."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from beambook.data._euxfel.names import FileName
from beambook.data._layout import folder_name, proposal_of
from beambook.errors import DataError, RunNotFound

if TYPE_CHECKING:
    from beambook.data._format import Part

__all__ = ["Origin"]


@dataclass(frozen=True)
class Origin:
    """Where data is from: everything that is read knows it.

    Attributes
    ----------
    run : str
        For people, and the same wherever the files are: ``p900074 r0487``; with the file's name
        where one file was put elsewhere, ``p900074 r0487 (part.h5)``; several runs are joined
        with ``+``.
    folders : tuple of Path
        Of the files, in the order of the run's.
    """

    run: str
    folders: tuple[Path, ...]

    @classmethod
    def of(cls, files: Iterable[Path]) -> Origin:
        """Read it off the paths; opens nothing.

        Parameters
        ----------
        files : iterable of Path

        Examples
        --------
        >>> Origin.of([Path("/exp/MID/202631/p900074/raw/r0487/RAW-R0487-DA01-S00000.h5")]).run
        'p900074 r0487'
        """
        folders = tuple(dict.fromkeys(file.parent for file in files))
        return cls(" + ".join(dict.fromkeys(map(_name, folders))), folders)

    @classmethod
    def of_parts(cls, parts: Iterable[Part]) -> Origin:
        """By where the files are in a proposal; elsewhere, by what they say themselves.

        Parameters
        ----------
        parts : iterable of Part
            Files in no run's folder of a proposal are asked for what they say about their run,
            one of those that have a facility's name in each folder, and all others.
        """
        folders: dict[Path, str | None] = {}
        names: dict[str, set[str]] = {}
        for part in parts:
            file = part.file.path
            own = FileName.of(file) is None
            known = folders.setdefault(file.parent, _of_folder(file.parent, own=own))
            if known is None:
                known = _stated(part, file.stem if own else _name(file.parent))
                if not own:
                    folders[file.parent] = known
            elsewhere = own and folders[file.parent] is None and file.stem not in known
            names.setdefault(known, set()).add(f" ({file.name})" if elsewhere else "")
        each = (name + (min(of) if len(of) == 1 else "") for name, of in names.items())
        return cls(" + ".join(each), tuple(folders))


def _name(folder: Path) -> str:
    whole = folder.absolute()
    proposal = proposal_of(whole)
    return f"{proposal.name} {whole.name}" if proposal else whole.name


def _of_folder(folder: Path, *, own: bool) -> str | None:
    """The run by a folder's name: in a proposal, or elsewhere if the file's name is no own one."""
    whole = folder.absolute()
    proposal = proposal_of(whole)
    if re.fullmatch(r"r\d{4,}", whole.name) is None or (own and proposal is None):
        return None
    return f"{proposal.name} {whole.name}" if proposal else whole.name


def _stated(part: Part, otherwise: str) -> str:
    """What the file says which run it is of; a file of another facility names its entry."""
    if label := getattr(part, "label", ""):
        return str(label)
    try:
        facts = part.facts
        numbers = facts["proposalNumber"], facts["runNumber"]
        return f"{folder_name(numbers[0], 'p', 6)} {folder_name(numbers[1], 'r', 4)}"
    except (DataError, RunNotFound, KeyError):
        return otherwise
