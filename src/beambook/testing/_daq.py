"""The DAQ: sources of several aggregators become the files of a run folder."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from beambook.errors import ParameterError
from beambook.events import Progress, Reporter
from beambook.testing._exdf import FileHeader, TrainIndex, write_file
from beambook.testing._faults import Fault, damage_files, damage_ids, lost_trains
from beambook.testing._sources import Source

__all__ = ["Recording", "appearing", "record_run"]

TRAIN_NS = 100_000_000


@dataclass(frozen=True)
class Recording:
    """Numbers and times of a run.

    Attributes
    ----------
    version : str
        Format version.
    proposal, run : int
    trains : int
    sequences : int
        Files per aggregator.
    start : datetime
    first_train : int
        Train id of the first train.
    """

    version: str
    proposal: int
    run: int
    trains: int
    sequences: int
    start: datetime
    first_train: int

    @property
    def train_ids(self) -> NDArray[np.uint64]:
        """Ids of all trains."""
        return np.arange(self.trains, dtype=np.uint64) + np.uint64(self.first_train)

    def sequence_edges(self, aggregator: int) -> list[int]:
        """Trains at which the files of the n-th aggregator begin, and the end.

        Aggregators fill their files at different rates: they break at different trains.
        """
        shift = (aggregator % 5 - 2) * max(1, self.trains // (20 * self.sequences))
        inner = [
            min(max(i, self.trains * i // self.sequences + shift), self.trains - self.sequences + i)
            for i in range(1, self.sequences)
        ]
        return [0, *inner, self.trains]

    def index(self, positions: NDArray[np.intp]) -> TrainIndex:
        """The trains at these positions as INDEX tells them."""
        begin = int(self.start.timestamp()) * 1_000_000_000
        stamps = np.uint64(begin) + positions.astype(np.uint64) * np.uint64(TRAIN_NS)
        valid = np.ones(len(positions), bool)
        return TrainIndex(self.train_ids[positions], valid, stamps, positions)


def record_run(
    folder: Path,
    recording: Recording,
    aggregators: Mapping[str, Sequence[Source]],
    faults: Sequence[Fault],
    reporter: Reporter,
) -> None:
    """Write all files into `folder`, then do to them what the faults say."""
    task = f"r{recording.run:04d}"
    total = len(aggregators) * recording.sequences
    files: dict[tuple[str, int], Path] = {}
    for number, (name, sources) in enumerate(aggregators.items()):
        edges = recording.sequence_edges(number)
        kept = lost_trains(faults, name, recording.trains)
        for sequence, (begin, end) in enumerate(pairwise(edges)):
            reporter(Progress(task, len(files), total, f"{name}-S{sequence:05d}"))
            index = recording.index(kept[(kept >= begin) & (kept < end)])
            header = FileHeader(
                recording.version,
                recording.proposal,
                recording.run,
                name,
                sequence,
                recording.start,
            )
            index = damage_ids(index, faults, name, recording.trains)
            files[name, sequence] = write_file(folder, header, index, sources)
    damage_files(files, faults)
    reporter(Progress(task, total, total))


@contextmanager
def appearing(path: Path) -> Iterator[Path]:
    """A folder beside `path` that becomes `path` at the end, or goes away on an error.

    Raises
    ------
    ParameterError
        If there is something at `path`: what exists is never written over.
    """
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise ParameterError(
            f"{str(path)!r} exists and is not empty", hint="Remove it, or choose another folder"
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
    temporary.chmod(0o755)
    try:
        yield temporary
        temporary.rename(path)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
