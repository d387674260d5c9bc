"""Files of the European XFEL (EXDF), formats 0.5, 1.0, 1.1 and 1.2.

The format in short: ``INDEX/trainId`` lists the trains of a file, with zeros as padding;
``INDEX/<source>[/<group>]/{first,count}`` gives the rows of each train, by position in that
list; ``CONTROL/<source>/<a>/<b>/{value,timestamp}`` has one row per train,
``INSTRUMENT/<device>:<channel>/<group>/<key>`` any number; ``RUN`` holds values at the start
of the run; ``METADATA`` says which sources there are.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from beambook.data._cached_property import cached_property
from beambook.data._euxfel.names import MODULE, FileName, entry_dims, is_text, units
from beambook.data._findings import Finding
from beambook.data._format import Rows, Signal
from beambook.data._hdf5 import StoredFile, digest, pool
from beambook.data._reading.read import open_dataset, read_index
from beambook.data._reading.virtual import is_virtual, pieces_of, whole_rows
from beambook.errors import DamagedFile

__all__ = ["SECTIONS", "Euxfel", "EuxfelPart", "entries_of", "read_open_part"]

DEEPEST = 64  # groups in each other; HDF5 takes minutes to go through thousands
MOST_KEYS = 1_000_000
MOST_ENTRIES, MOST_BYTES = 100_000, 64 << 20  # in one list of METADATA
SECTIONS = {
    "control": "CONTROL",
    "instrument": "INSTRUMENT",
    "reduction": "REDUCTION",
    "errata": "ERRATA",
}


@dataclass(frozen=True)
class Euxfel:
    """The format of the European XFEL."""

    name: str = "euxfel"

    def read_part(self, path: Path) -> EuxfelPart:
        """Read INDEX and the list of sources of a file."""
        stored = StoredFile.of(path)
        with pool.open(stored) as file:
            try:
                return read_open_part(stored, file)
            except (OSError, KeyError, RuntimeError, UnicodeDecodeError) as error:
                if isinstance(error, DamagedFile):
                    raise
                raise DamagedFile(f"{path.name} has no readable index ({error})") from error


@dataclass(frozen=True, eq=False)
class EuxfelPart:
    """One EXDF file. See `beambook.data._format.Part` for what the attributes mean.

    Attributes
    ----------
    version : str
        Of the format; ``"0.5"`` where the file states none.
    slots : ndarray of intp, (events,)
        Position of each event in ``INDEX``: zeros are dropped wherever they are, and what
        belongs to an event is looked up at its position, not at its rank.
    stored_names : mapping of str to str
        What sources are called in the file, where that is not the name they have here.
    """

    file: StoredFile
    version: str
    event_ids: NDArray[np.uint64]
    slots: NDArray[np.intp]
    suspect: NDArray[np.bool_]
    sources: Mapping[str, str]
    legacy: Mapping[str, str]
    findings: tuple[Finding, ...]
    stored_names: Mapping[str, str] = field(default_factory=dict)

    @property
    def modules(self) -> Mapping[str, tuple[str, str]]:
        """By name: ``MID_DET_AGIPD1M-1/DET/0CH0:xtdf``."""
        found = {s: MODULE.match(s) for s in self.sources if s not in self.legacy}
        return {s: (m["detector"], m["module"]) for s, m in found.items() if m}

    @property
    def writer(self) -> str:
        """The aggregator, e.g. ``DA01`` or ``AGIPD07``, with the kind of data where not raw."""
        name = FileName.of(self.file.path)
        if name is None:
            return self.file.path.stem
        return name.aggregator if name.category == "RAW" else f"{name.category} {name.aggregator}"

    @property
    def sequence(self) -> int | None:
        """From the file name."""
        name = FileName.of(self.file.path)
        return name.sequence if name else None

    @cached_property
    def times(self) -> NDArray[np.datetime64]:
        """From ``INDEX/timestamp``; NaT in format 0.5."""
        with self._opened("INDEX/timestamp") as file:
            stored = read_index(file, "INDEX/timestamp")
        nanoseconds = np.zeros(0, np.int64) if stored is None else stored.astype(np.int64)
        times = at_slots(nanoseconds, self.slots).astype("M8[ns]")
        times[times.astype("i8") == 0] = np.datetime64("NaT")
        return times

    @cached_property
    def facts(self) -> Mapping[str, str | int]:
        """Contents of ``METADATA`` except the sources."""
        with self._opened("METADATA") as file:
            stored = file["METADATA"].items() if self.version != "0.5" else ()
            values = {
                name: item[0]
                for name, item in stored
                if isinstance(item, h5py.Dataset) and _small(item.id)
                if item.shape and item.shape[0]
            }
        return {"dataFormatVersion": "0.5"} | {name: _plain(v) for name, v in values.items()}

    def names(self, source: str, *, constant: bool = False) -> frozenset[str]:
        """Keys below the source's group, with dots for slashes."""
        names: list[str] = []

        def add(name: bytes, info: h5py.h5o.ObjInfo) -> bool | None:
            if info.type == h5py.h5o.TYPE_DATASET:
                names.append(name.decode(errors="surrogateescape").replace("/", "."))
            return name.count(b"/") >= DEEPEST or len(names) > MOST_KEYS or None

        with self._opened(source) as file:
            group = file.get(self._group(source, constant=constant))
            if isinstance(group, h5py.Group) and h5py.h5o.visit(group.id, add, info=True):
                raise DamagedFile(
                    f"{source} in {self.file.path.name} has keys nested deeper than {DEEPEST} "
                    f"levels, or more than {MOST_KEYS} of them"
                )
        return frozenset(names)

    def signal(self, source: str, name: str, *, constant: bool = False) -> Signal | None:
        """One key, under exactly this name."""
        base = self._group(source, constant=constant)
        path = f"{base}/{name.replace('.', '/')}"
        with self._opened(path) as file:
            stored = open_dataset(file, path)
            if stored is None or not (is_virtual(stored) or stored.rank):
                return None
            slow = constant or self.sources[source] == "control"
            group = "" if slow else name.partition(".")[0]
            beside = f"{base}/{group}/pulseId"
            by_pulse = bool(group) and open_dataset(file, beside) is not None
            rows = whole_rows(stored)  # before HDF5 is asked for anything that is elsewhere
            shape = (rows, *stored.shape[1:])
            return Signal(
                path,
                group,
                np.dtype(object) if is_text(stored.dtype) else stored.dtype,
                shape,
                entry_dims(source, name, stored.shape[1:], by_pulse=by_pulse),
                units(file, stored, path),
                f"{group}.pulseId" if by_pulse else "",
                is_virtual(stored),
            )

    def rows(self, source: str, group: str) -> Rows | None:
        """From ``INDEX/<source>/<group>``; ``first, last, status`` in very old files."""
        path = f"INDEX/{self.stored_names.get(source, source)}/{group}".rstrip("/")
        with self._opened(path) as file:
            first = _whole(read_index(file, f"{path}/first"))
            count = _whole(read_index(file, f"{path}/count"))
            if first is not None and count is None:
                last, status = (_whole(read_index(file, f"{path}/{n}")) for n in ("last", "status"))
                count = _count(first, last, status)
        if first is None or count is None:
            return None
        return Rows(at_slots(first, self.slots), at_slots(count, self.slots))

    @contextmanager
    def _opened(self, what: str) -> Iterator[h5py.File]:
        """The file; what HDF5 cannot read of it is a `DamagedFile`."""
        with pool.open(self.file) as file:
            try:
                yield file
            except (OSError, LookupError, RuntimeError, TypeError, ValueError) as error:
                if isinstance(error, DamagedFile):
                    raise
                name = self.file.path.name
                raise DamagedFile(f"{what} in {name} cannot be read ({error})") from error

    def _group(self, source: str, *, constant: bool) -> str:
        section = "RUN" if constant else SECTIONS[self.sources[source]]
        return f"{section}/{self.stored_names.get(source, source)}"


def _whole(values: NDArray[Any] | None) -> NDArray[np.int64] | None:
    return None if values is None else values.astype(np.int64)


def _count(
    first: NDArray[np.int64], last: NDArray[np.int64] | None, status: NDArray[np.int64] | None
) -> NDArray[np.int64] | None:
    if last is None or status is None:
        return None
    short = min(len(first), len(last), len(status))
    return np.where(status[:short] > 0, last[:short] - first[:short] + 1, 0)


def at_slots(values: NDArray[np.int64], slots: NDArray[np.intp]) -> NDArray[np.int64]:
    """Values at these positions; 0 (no rows) where the stored array is too short."""
    there = slots < len(values)
    taken = np.zeros(len(slots), np.int64)
    taken[there] = values[slots[there]]
    return taken


def read_open_part(stored: StoredFile, file: h5py.File) -> EuxfelPart:
    """Read INDEX and the list of sources of an open file.

    Raises
    ------
    DamagedFile
        There is no list of trains or of sources. HDF5's own errors are not changed.
    """
    stored_ids = read_index(file, "INDEX/trainId")
    if stored_ids is None:
        raise DamagedFile(f"{stored.path.name} has no INDEX/trainId that is a list of train ids")
    ids = stored_ids.astype(np.uint64)
    slots = np.flatnonzero(ids)
    version = _version(file)
    event_ids = ids[slots]
    listed = _sources(file, version)
    return EuxfelPart(
        replace(stored, guard=("INDEX/trainId", _used(slots), digest(ids[: _used(slots)]))),
        version,
        event_ids,
        slots,
        _suspect(file, version, event_ids, slots),
        listed.sources,
        listed.legacy,
        (*listed.findings, *_zeros_inside(stored.path.name, slots)),
    )


def _used(slots: NDArray[np.intp]) -> int:
    return int(slots[-1]) + 1 if len(slots) else 0


def _zeros_inside(name: str, slots: NDArray[np.intp]) -> tuple[Finding, ...]:
    zeros = _used(slots) - len(slots)
    return (Finding("zeros among train ids", name, zeros),) if zeros else ()


def _version(file: h5py.File) -> str:
    stored = entries_of(file, "METADATA/dataFormatVersion")
    if stored is None:
        return "0.5"
    if not stored:
        raise DamagedFile(f"{Path(file.filename).name} states no format version")
    return str(_plain(stored[0]))


def entries_of(file: h5py.File, path: str) -> list[Any] | None:
    """What METADATA lists under a name, be it one thing or many; None where there is nothing."""
    stored = open_dataset(file, path)
    if stored is None or not _small(stored):
        return None
    return list(np.ravel(file[path][()]))


def _small(dataset: h5py.h5d.DatasetID) -> bool:
    """Whether it may be what METADATA holds, and not a bomb."""
    if is_virtual(dataset):
        pieces_of(dataset)  # refuses what HDF5 would follow without end
    size = float(np.prod(dataset.shape, dtype=float))
    return size <= MOST_ENTRIES and size * dataset.dtype.itemsize <= MOST_BYTES


@dataclass(frozen=True)
class _Listed:
    """What METADATA says: kinds of sources, old names, and what was not understood."""

    sources: dict[str, str]
    legacy: dict[str, str]
    findings: tuple[Finding, ...]


def _sources(file: h5py.File, version: str) -> _Listed:
    where = "METADATA/dataSourceId" if version == "0.5" else "METADATA/dataSources/dataSourceId"
    name_of_file = Path(file.filename).name
    listed = entries_of(file, where)
    if listed is None or not all(isinstance(entry, bytes) for entry in listed):
        raise DamagedFile(f"{name_of_file} has no list of sources ({where})")
    sources: dict[str, str] = {}
    strange = []
    for entry in filter(None, listed):
        section, _, name = entry.decode().partition("/")
        if section == "CONTROL":
            sources[name] = "control"
        elif section == "INSTRUMENT":
            device, _, channel = name.partition(":")
            sources[f"{device}:{channel.partition('/')[0]}"] = "instrument"
        elif section != "Karabo_TimerServer":  # only in 1.1, no source of data
            strange.append(entry.decode())
    fast = (name for name, kind in sources.items() if kind == "instrument")
    targets = {name: _link_target(file, f"INSTRUMENT/{name}") for name in fast}
    legacy = {name: new for name, new in targets.items() if new not in ("", name)}
    findings = (
        (Finding("unknown kind of source", name_of_file, len(strange), f"e.g. {strange[0]}"),)
        if strange
        else ()
    )
    return _Listed(sources, legacy, findings)


def _link_target(file: h5py.File, path: str) -> str:
    link = file.get(path, getlink=True)
    return link.path.strip("/").partition("/")[2] if isinstance(link, h5py.SoftLink) else ""


def _suspect(
    file: h5py.File, version: str, ids: NDArray[np.uint64], slots: NDArray[np.intp]
) -> NDArray[np.bool_]:
    if version == "0.5":
        return out_of_sequence(ids)
    flags = read_index(file, "INDEX/flag")
    if flags is None:
        return np.zeros(len(ids), bool)
    there = slots < len(flags)
    known = flags[slots[there]]
    suspect = np.ones(len(ids), bool)
    # 1.1 stores which source gave the id (0: the time server), the others whether it did.
    suspect[there] = (known != 0) if version == "1.1" else (known == 0)
    return suspect


def out_of_sequence(ids: NDArray[np.uint64]) -> NDArray[np.bool_]:
    """Which ids break the rising order, so that as few as possible are doubted.

    Format 0.5 has no flags. At each step that does not rise, either all ids before it that
    are not smaller than the next one, or all ids after it that are not larger than the last
    one, are wrong; the smaller group is doubted (EXtra-data's rule).

    Parameters
    ----------
    ids : ndarray of uint64, (events,)

    Returns
    -------
    ndarray of bool, (events,)

    Examples
    --------
    >>> out_of_sequence(np.array([10, 11, 900, 13, 14], np.uint64)).tolist()
    [False, False, True, False, False]
    """
    suspect = np.zeros(len(ids), bool)
    for step in np.flatnonzero(ids[1:] <= ids[:-1]):
        before = ids[: step + 1] >= ids[step + 1]
        after = ids[step + 1 :] <= ids[step]
        if np.count_nonzero(before) < np.count_nonzero(after):
            suspect[: step + 1] |= before
        else:
            suspect[step + 1 :] |= after
    return suspect


def _plain(value: object) -> str | int:
    if isinstance(value, bytes):
        return value.decode("utf-8", "surrogateescape")
    return int(value) if isinstance(value, np.integer) else str(value)
