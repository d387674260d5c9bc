"""Where the rows of data sets are, kept in the index of the run."""

from __future__ import annotations

from dataclasses import dataclass

from beambook.data._hdf5 import StoredFile
from beambook.data._reading.chunks import Layout
from beambook.data._sidecar.sidecar import Sidecar
from beambook.data._sidecar.sight import Sight

__all__ = ["Layouts"]

LEVELS = 4  # of a data set's path say what it is stored with: mostly its source
MOST_PIECES = 20_000  # an irregular table takes up to 32 bytes for each piece


@dataclass(frozen=True)
class Layouts:
    """The shelf for layouts of files that are in an index."""

    def find(self, file: StoredFile, dataset: str) -> Layout | None:
        """The layout in a file that is as `file` says, if it is kept."""
        known = Sidecar.of_file(file)
        if known is None or Sight.of(file.path) != known[1].sight:
            return None
        sidecar, entry = known
        found = sidecar.recall(entry, _question(dataset), Layout.from_json)
        return found[0] if found else None

    def keep(self, file: StoredFile, dataset: str, layout: Layout) -> None:
        """Keep it, if the file is in an index and it is not too large."""
        known = Sidecar.of_file(file)
        if known is not None and len(layout.number) <= MOST_PIECES:
            sidecar, entry = known
            sidecar.remember(entry, file.path, _question(dataset), layout.to_json)


def _question(dataset: str) -> tuple[str, str, str]:
    place = "/".join(dataset.split("/")[:LEVELS])
    return f"layouts {place}", "layout", dataset
