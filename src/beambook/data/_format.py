"""What a file format has to say about a file so that the rest needs to know nothing of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from beambook.data._findings import Finding
from beambook.data._hdf5 import StoredFile

__all__ = ["Format", "Part", "Rows", "Signal"]


@dataclass(frozen=True, slots=True)
class Signal:
    """One key of one source in one file.

    Attributes
    ----------
    dataset : str
        Where the rows are.
    group : str
        Which of the source's indexes says to what event a row belongs.
    dtype : numpy.dtype
        ``object`` for strings.
    shape : tuple of int
        Of the data set: rows, then the shape of an entry. There may be more rows than
        events use.
    dims : tuple of str
        Names of the axes of an entry.
    units : str
        As the file says; empty when it says nothing.
    pulse_key : str
        The key beside this one that has the pulse id of each row; empty when rows are not
        pulses.
    virtual : bool
        Whether rows are in other files, so that what is there depends on these, too.
    """

    dataset: str
    group: str
    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    dims: tuple[str, ...]
    units: str = ""
    pulse_key: str = ""
    virtual: bool = False


@dataclass(frozen=True, eq=False)
class Rows:
    """Which rows belong to each event of a part.

    Attributes
    ----------
    first, count : ndarray of int64, (events,)
        The rows of event ``i`` are ``first[i] : first[i] + count[i]``; `first` means nothing
        where `count` is 0. Values are as stored and may point outside the data.
    """

    first: NDArray[np.int64]
    count: NDArray[np.int64]


class Part(Protocol):
    """One file: its events and its sources. Holds nothing open."""

    @property
    def file(self) -> StoredFile:
        """The file, as it was when this was read."""

    @property
    def event_ids(self) -> NDArray[np.uint64]:
        """Ids of the events (trains) in stored order; may repeat or go back."""

    @property
    def suspect(self) -> NDArray[np.bool_]:
        """Whether the id of each event is doubtful, by the format's own rule."""

    @property
    def times(self) -> NDArray[np.datetime64]:
        """When each event was, in UTC; NaT where unknown."""

    @property
    def sources(self) -> Mapping[str, str]:
        """Name of each source: ``"control"`` or ``"instrument"``."""

    @property
    def legacy(self) -> Mapping[str, str]:
        """Old name of a source: its name now. Old names are in `sources`, too."""

    @property
    def modules(self) -> Mapping[str, tuple[str, str]]:
        """Sources that are modules of an area detector: its name, and the module's."""

    @property
    def writer(self) -> str:
        """Who wrote it; the parts of one writer are consecutive."""

    @property
    def sequence(self) -> int | None:
        """Number of the part among those of its writer."""

    @property
    def facts(self) -> Mapping[str, str | int]:
        """What the file says about the run."""

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What was wrong when the file was read."""

    def names(self, source: str, *, constant: bool = False) -> frozenset[str]:
        """Keys of a source; with `constant` those that have one value for the run."""

    def signal(self, source: str, name: str, *, constant: bool = False) -> Signal | None:
        """One key, or None where the file does not have it."""

    def rows(self, source: str, group: str) -> Rows | None:
        """Which rows belong to each event, or None where the file has no such index."""


class Format(Protocol):
    """A file format."""

    @property
    def name(self) -> str:
        """Short name, e.g. ``"euxfel"``."""

    def read_part(self, path: Path) -> Part:
        """Read events and sources of a file, in as few calls as possible.

        Raises
        ------
        DamagedFile
            The file cannot be read or is not of this format.
        """
