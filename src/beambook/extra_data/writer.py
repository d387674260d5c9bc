"""Writing files, under EXtra-data's names; `beambook.Run` does the work."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Self

from beambook.data._write.run_file import write_run, write_virtual

if TYPE_CHECKING:
    from beambook.extra_data.reader import DataCollection

__all__ = ["FileWriter", "VirtualFileWriter"]


class FileWriter:
    """Copies selected data to a file; see `DataCollection.write`.

    Parameters
    ----------
    path : path
        Replaced if it exists.
    data : DataCollection
    """

    def __init__(self, path: str | os.PathLike[str], data: DataCollection) -> None:
        self.path = os.fspath(path)
        self.data = data

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing is open between writing."""

    def write(self) -> None:
        """Write the file."""
        write_run(self.data.__beambook__(), self.path, overwrite=True)


class VirtualFileWriter(FileWriter):
    """Writes a file with virtual data sets; see `DataCollection.write_virtual`."""

    def write(self) -> None:
        """Write the file."""
        write_virtual(self.data.__beambook__(), self.path, overwrite=True)
