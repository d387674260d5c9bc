"""What a written file says about itself: INDEX and METADATA."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np
from numpy.typing import NDArray

from beambook.data._trains import TrainIds

if TYPE_CHECKING:
    from beambook.data._run import Run

__all__ = ["write_metadata", "write_trains"]

VERSION = "1.2"
EPOCH_DIGITS = 11  # until the year 5138
TEXT = h5py.special_dtype(vlen=bytes)
FROM_TIME_SERVER = -1


def write_trains(out: h5py.File, run: Run) -> None:
    """Write the list of trains, their times, and which ids were doubtful."""
    index = out.create_group("INDEX")
    index["trainId"] = run.train_ids.astype(np.uint64)
    times = np.asarray(run.train_timestamps())
    index["timestamp"] = np.where(np.isnat(times), 0, times.astype("i8")).astype(np.uint64)
    trusted = _trusted(run)
    index["flag"] = trusted.astype(np.int32)
    # Which source gave a doubtful id is lost with the order of sources; it was not the server.
    index["origin"] = np.where(trusted, FROM_TIME_SERVER, 0).astype(np.int32)


def _trusted(run: Run) -> NDArray[np.bool_]:
    """Trains that some file does not doubt."""
    ids: list[TrainIds] = [part.event_ids[~part.suspect] for part in run.parts]
    return np.isin(run.train_ids, np.concatenate([np.zeros(0, np.uint64), *ids]))


def write_metadata(
    out: h5py.File, run: Run, listed: Sequence[str], auxiliary: Sequence[str]
) -> None:
    """Write the lists of sources, and what is known of the run."""
    from beambook import __version__

    out.attrs["writer"] = f"beambook {__version__}"
    sources = out.create_group("METADATA/dataSources")
    entries = [entry.encode(errors="surrogateescape") for entry in sorted(listed)]
    _texts(sources, "dataSourceId", entries)
    _texts(sources, "root", [entry.partition(b"/")[0] for entry in entries])
    _texts(sources, "deviceId", [entry.partition(b"/")[2] for entry in entries])
    for section in ("REDUCTION", "ERRATA") if auxiliary else ():
        found = [e.encode() for e in sorted(auxiliary) if e.startswith(f"{section}/")]
        _texts(out.require_group("METADATA/auxiliarySources"), section, found)
    now = _now().strftime("%Y%m%dT%H%M%SZ")
    facts = {"creationDate": now, **run.run_metadata()}
    facts |= {"dataFormatVersion": VERSION, "updateDate": now, "sequenceNumber": 0}
    for name, value in facts.items():
        _fact(out["METADATA"], name, value)


def _now() -> datetime:
    """Now; or when ``SOURCE_DATE_EPOCH`` says, so that the same content makes the same file."""
    epoch = os.environ.get("SOURCE_DATE_EPOCH", "")
    given = epoch.isdigit() and len(epoch) <= EPOCH_DIGITS
    return datetime.fromtimestamp(int(epoch), UTC) if given else datetime.now(UTC)


def _texts(group: h5py.Group, name: str, values: Sequence[bytes]) -> None:
    group.create_dataset(name, (len(values),), TEXT, maxshape=(None,))
    if values:
        group[name][:] = list(values)


def _fact(group: h5py.Group, name: str, value: Any) -> None:
    if isinstance(value, int):
        group[name] = np.array([value], "u4" if 0 <= value < 2**32 else "i8")
    else:
        group[name] = np.array([str(value).encode("utf-8", "surrogateescape")], TEXT)
