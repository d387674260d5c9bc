"""Which run data is from."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from beambook.data._layout import proposal_of

__all__ = ["Origin"]


@dataclass(frozen=True)
class Origin:
    """Where data is from: everything that is read knows it.

    Attributes
    ----------
    run : str
        For people, and the same wherever the files are: ``p900074 r0487``; several runs are
        joined with ``+``.
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


def _name(folder: Path) -> str:
    whole = folder.absolute()
    proposal = proposal_of(whole)
    return f"{proposal.name} {whole.name}" if proposal else whole.name
