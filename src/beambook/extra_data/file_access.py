"""One file: its trains, sources and keys; and how many files are open."""

# ruff: noqa: FBT001, FBT002  EXtra-data's parameters are positional
from __future__ import annotations

import os
import re
import weakref
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np
from numpy.typing import NDArray

from beambook.data._auxiliary import auxiliary_part
from beambook.data._cached_property import cached_property
from beambook.data._format import Part
from beambook.data._hdf5 import pool
from beambook.data._open import read_part
from beambook.errors import DamagedFile, DataError
from beambook.extra_data.exceptions import FileStructureError, SourceNameError

__all__ = ["FileAccess", "OpenFilesLimiter", "file_access_registry", "open_files_limiter"]

EXP_PATH = re.compile(
    r"/gpfs/exfel/exp/(?P<instrument>\w+)/(?P<cycle>\d{6})/p(?P<proposal>\d{6})"
    r"/(?P<storage>[a-z]+)/(?:r(?P<run>\d{4})|\.extra_data)"
)
DIRECT_PATH = re.compile(
    r"/(?:gpfs/exfel/[du]|pnfs/xfel\.eu/exfel/archive/XFEL)/(?P<storage>[a-z]+)"
    r"/(?P<instrument>\w+)/(?P<cycle>\d{6})/p(?P<proposal>\d{6})/(?:r(?P<run>\d{4})|\.extra_data)"
)
FILE_NAME = re.compile(
    r"(?P<category>[A-Z]+)-R(?P<run>\d{4})-(?P<aggregator>\w+)(?:-S(?P<sequence>\d{5}))?\.h5"
)
MOST_HELD = 64  # files that users hold open by `FileAccess.file`
OVERVIEW = "OVERVIEW"


class OpenFilesLimiter:
    """How many files beambook holds open; the one unused for longest is closed first.

    There is one pool of open files in a process. A new limiter sets its limit.
    """

    def __init__(self, maxfiles: int = 128) -> None:
        self.maxfiles = maxfiles

    @property
    def maxfiles(self) -> int:
        """The limit."""
        return pool.most

    @maxfiles.setter
    def maxfiles(self, maxfiles: int) -> None:
        pool.limit(maxfiles)

    @property
    def _cache(self) -> tuple[Path, ...]:
        return pool.paths

    def n_open_files(self) -> int:
        """Number of files that are open now."""
        return len(pool)

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[int]]:
        return OpenFilesLimiter, (self.maxfiles,)


open_files_limiter = OpenFilesLimiter(pool.most)
file_access_registry: weakref.WeakValueDictionary[str, FileAccess] = weakref.WeakValueDictionary()
_held: OrderedDict[str, None] = OrderedDict()


class _Place(NamedTuple):
    """What the folder of a file says about it, where it is the facility's."""

    storage_class: str | None = None
    instrument: str | None = None
    cycle: str | None = None
    proposal: int | None = None
    run: int | None = None


class _Known(type):
    """There is one `FileAccess` for a file."""

    def __call__(cls, filename: str | os.PathLike[str], _cache_info: Any = None) -> Any:
        path = os.path.abspath(filename)
        if (known := file_access_registry.get(path)) is None:
            known = file_access_registry[path] = super().__call__(path, _cache_info)
        return known


class FileAccess(metaclass=_Known):
    """One file, which is opened when it is needed.

    Parameters
    ----------
    filename : str or Path

    Attributes
    ----------
    filename : str
        Absolute path.
    train_ids : ndarray of uint64, (trains,)
        In stored order.
    validity_flag : ndarray of bool, (trains,)
        False where the train id is doubtful.
    control_sources, instrument_sources : frozenset of str
    legacy_sources : dict of str to str
        Old names of sources and the names they have now.

    Raises
    ------
    FileStructureError
        It cannot be read, or is no file of the European XFEL.
    """

    def __init__(
        self,
        filename: str | os.PathLike[str],
        _cache_info: Mapping[str, Any] | None = None,
        *,
        part: Part | None = None,
    ) -> None:
        self.filename = os.path.abspath(filename)
        self._file: h5py.File | None = None
        self._index_cache: dict[tuple[str, str], tuple[NDArray[Any], NDArray[Any]]] = {}
        self._keys_cache: dict[str, set[str]] = {}
        self._known_keys: defaultdict[str, set[str]] = defaultdict(set)
        if _cache_info is not None:
            self._state_sources(
                _cache_info["train_ids"],
                _cache_info["flag"],
                _cache_info["control_sources"],
                _cache_info["instrument_sources"],
                _cache_info["legacy_sources"],
            )
            return
        self._part = part or _read(self.filename)
        kinds = self._part.sources
        self._state_sources(
            self._part.event_ids,
            ~self._part.suspect,
            (s for s, kind in kinds.items() if kind == "control"),
            (s for s, kind in kinds.items() if kind == "instrument"),
            self._part.legacy,
        )

    def _state_sources(
        self,
        train_ids: NDArray[Any],
        flag: NDArray[Any],
        control: Iterable[str],
        instrument: Iterable[str],
        legacy: Mapping[str, str],
    ) -> None:
        self.train_ids = train_ids
        self.validity_flag = np.asarray(flag, bool)
        self.control_sources = frozenset(control)
        self.instrument_sources = frozenset(instrument)
        self.legacy_sources = dict(legacy)

    @classmethod
    def of_part(cls, part: Part) -> FileAccess:
        """The access to a file that beambook has opened."""
        path = os.path.abspath(part.file.path)
        known = file_access_registry.get(path)
        if known is None or known.__beambook__().file.stamp != part.file.stamp:
            known = cls.__new__(cls)
            known.__init__(path, part=part)  # type: ignore[misc]
            file_access_registry[path] = known
        return known

    def __beambook__(self) -> Part:
        """The same as beambook's own object."""
        return self._part

    @cached_property
    def _part(self) -> Part:
        return _read(self.filename)

    # --- the file as such -------------------------------------------------

    @property
    def file(self) -> h5py.File:
        """The open file; at most 64 are held, and opened again when needed."""
        _held[self.filename] = None
        _held.move_to_end(self.filename)
        if self._file is None:
            self._file = h5py.File(self.filename, "r")
        while len(_held) > MOST_HELD:
            oldest, _ = _held.popitem(last=False)
            if (other := file_access_registry.get(oldest)) is not None:
                other._file = None  # closes when nobody uses a data set of it any more
        return self._file

    def close(self) -> None:
        """Close the file; it is opened again when it is needed."""
        self._file = None
        _held.pop(self.filename, None)
        pool.release(Path(self.filename))

    @property
    def metadata_fstat(self) -> os.stat_result | None:
        """Size and times of the file."""
        return os.stat(self.filename) if os.path.exists(self.filename) else None

    def __hash__(self) -> int:
        return hash(self.filename)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, FileAccess) and other.filename == self.filename

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.filename!r})"

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return _unpickled, (self.filename, self._part)

    # --- what names say ---------------------------------------------------

    @cached_property
    def _place(self) -> _Place:
        folder = os.path.dirname(os.path.realpath(self.filename))
        found = EXP_PATH.match(folder) or DIRECT_PATH.match(folder)
        if found is None:
            return _Place()
        run = found["run"]
        return _Place(
            found["storage"],
            found["instrument"],
            found["cycle"],
            int(found["proposal"]),
            None if run is None else int(run),
        )

    @cached_property
    def _name(self) -> Mapping[str, str | None]:
        found = FILE_NAME.match(os.path.basename(self.filename))
        return found.groupdict() if found else {}

    @property
    def storage_class(self) -> str | None:
        """``"raw"``, ``"proc"`` … at the facility."""
        return self._place.storage_class

    @property
    def instrument(self) -> str | None:
        """E.g. ``"SPB"``."""
        return self._place.instrument

    @property
    def cycle(self) -> str | None:
        """E.g. ``"202301"``."""
        return self._place.cycle

    @property
    def proposal(self) -> int | None:
        """Number of the proposal."""
        return self._place.proposal

    @property
    def run(self) -> int | None:
        """Number of the run, by the file's name or its folder's."""
        stated = self._name.get("run")
        return self._place.run if stated is None else int(stated)

    @property
    def data_category(self) -> str | None:
        """Kind of data, by the name of the file: ``"RAW"``, ``"CORR"``."""
        return self._name.get("category")

    @property
    def aggregator(self) -> str | None:
        """E.g. ``"DA01"``."""
        return self._name.get("aggregator")

    @property
    def sequence(self) -> int | None:
        """Number of the file among its aggregator's."""
        if self.aggregator == OVERVIEW:
            return 0
        stated = self._name.get("sequence")
        return None if stated is None else int(stated)

    # --- what is in it ----------------------------------------------------

    @property
    def all_sources(self) -> frozenset[str]:
        """Control and instrument sources."""
        return self.control_sources | self.instrument_sources

    @cached_property
    def _auxiliary(self) -> Part:
        return auxiliary_part(self._part)

    def _beside(self, kind: str) -> frozenset[str]:
        return frozenset(s for s, its in self._auxiliary.sources.items() if its == kind)

    @property
    def reduction_sources(self) -> frozenset[str]:
        """Sources that say what was left out of the data."""
        return self._beside("reduction")

    @property
    def errata_sources(self) -> frozenset[str]:
        """Sources that say what went wrong."""
        return self._beside("errata")

    @property
    def valid_train_ids(self) -> NDArray[np.uint64]:
        """Train ids that are not doubtful."""
        return np.asarray(self.train_ids[self.validity_flag])

    def has_train_ids(self, tids: Any, inc_suspect: bool = False) -> bool:
        """Whether any of these trains is in the file."""
        mine = self.train_ids if inc_suspect else self.valid_train_ids
        return bool(np.isin(np.asarray(tids, np.uint64), mine).any())

    @cached_property
    def is_voview(self) -> bool:
        """Whether it is a virtual overview of the files of a run."""
        return ".source_files" in self.file

    def metadata(self) -> dict[str, str | int]:
        """What ``METADATA`` says, less the sources."""
        return dict(self._part.facts)

    @property
    def format_version(self) -> str:
        """Of the file format, e.g. ``"1.0"``."""
        return str(self._part.facts["dataFormatVersion"])

    def get_index(self, source: str, group: str) -> tuple[NDArray[Any], NDArray[Any]]:
        """First row and number of rows of each train.

        Raises
        ------
        KeyError
            There is no such index.
        """
        if (source, group) not in self._index_cache:
            rows = self._of(source).rows(source, group)
            if rows is None:
                raise KeyError(f"INDEX/{source}/{group} is not in {self.filename}")
            found = rows.first.astype(np.uint64), rows.count.astype(np.uint64)
            self._index_cache[source, group] = found
        return self._index_cache[source, group]

    def index_groups(self, source: str) -> set[str]:
        """The parts of a source that have rows of their own."""
        if source in self.control_sources:
            return {""}
        return {key.partition(".")[0] for key in self.get_keys(source)}

    def get_keys(self, source: str) -> set[str]:
        """Keys of a source."""
        if source not in self._keys_cache:
            self._keys_cache[source] = set(self._of(source).names(source))
        return self._keys_cache[source]

    def get_run_keys(self, source: str) -> set[str]:
        """Names of the values that are stored once for the run."""
        return set(self._of(source).names(source, constant=True))

    def has_source_key(self, source: str, key: str) -> bool:
        """Whether a source has a key, which is faster than asking for all keys."""
        if source in self._keys_cache:
            return key in self._keys_cache[source]
        if key not in self._known_keys[source]:
            if self._of(source).signal(source, key) is None:
                return False
            self._known_keys[source].add(key)
        return True

    def get_one_key(self, source: str, index_group: str | None = None) -> str | None:
        """Some key of a source, or of one of its index groups.

        Raises
        ------
        ValueError
            There is no such group.
        """
        start = f"{index_group}." if index_group else ""
        known = () if source in self._keys_cache else self._known_keys[source]
        for keys in filter(None, (known, self.get_keys(source))):
            for key in keys:
                if key.startswith(start):
                    return key
        if self.get_keys(source):
            raise DataError(f"{index_group!r} is no index group of {source}")
        return None

    def _of(self, source: str) -> Part:
        """The part of the file that a source is in: the data, or what is beside it."""
        if source in self.all_sources:
            return self._part
        if source not in self._auxiliary.sources:
            mine = self.all_sources | self._auxiliary.sources.keys()
            raise SourceNameError(source, existing=mine)
        return self._auxiliary


def _read(filename: str) -> Part:
    try:
        part = read_part(Path(filename))
    except DamagedFile as error:
        if not os.path.exists(filename):
            raise FileNotFoundError(str(error)) from error
        raise FileStructureError(error.message, hint=error.hint) from error
    weakref.finalize(part, pool.release, part.file.path).atexit = False
    return part


def _unpickled(filename: str, part: Part) -> FileAccess:
    known = file_access_registry.get(filename)
    return FileAccess.of_part(part) if known is None else known
