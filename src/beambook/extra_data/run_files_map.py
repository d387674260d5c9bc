"""EXtra-data's map of the files of a run, for programs that share it.

beambook does not need it: opening a run neither reads nor writes one. The map is a list in JSON
with the trains and sources of each file, in the run's folder or in the proposal's ``scratch``.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

import numpy as np

from beambook.extra_data.file_access import FileAccess

__all__ = ["SCRATCH_ROOT_DIR", "RunFilesMap", "atomic_dump"]

SCRATCH_ROOT_DIR = "/gpfs/exfel/exp/"
OFFLINE = re.compile(r".+/(?P<kind>raw|proc|red|open)/(?P<place>\w+/\w+/p\d+)/(?P<run>r\d+)/?$")
ONLINE = re.compile(r".+/(?P<place>\w+/\w+/p\d+)/(?P<kind>raw|proc)/(?P<run>r\d+)/?$")
NEEDED = {
    "filename",
    "mtime",
    "size",
    "train_ids",
    "control_sources",
    "instrument_sources",
    "suspect_train_indices",
    "legacy_sources",
}

Entry = dict[str, Any]


class RunFilesMap:
    """What is known about the files of a run without opening them.

    Parameters
    ----------
    directory : path
        The run's folder.

    Attributes
    ----------
    candidate_paths : list of str
        Where the map may be.
    cache_file : str or None
        Where it was.
    files_data : dict of str to dict
        Entries of files that have not changed since, by name.
    """

    def __init__(self, directory: str | os.PathLike[str]) -> None:
        self.directory = os.path.abspath(directory)
        self.candidate_paths = self.map_paths_for_run(directory)
        self.cache_file: str | None = None
        self.files_data: dict[str, Entry] = {}
        self.load()

    def map_paths_for_run(self, directory: str | os.PathLike[str]) -> list[str]:
        """Where the map of a run may be, the first choice first."""
        paths = [os.path.join(directory, "karabo_data_map.json")]
        real = os.path.realpath(directory)
        if found := OFFLINE.match(real) or ONLINE.match(real):
            scratch = Path(SCRATCH_ROOT_DIR, found["place"], "scratch")
            if scratch.is_dir():
                name = f"{found['kind']}_{found['run']}.json"
                paths.append(str(scratch / ".karabo_data_maps" / name))
        return paths

    def load(self) -> None:
        """Read the newest map that is there; entries that are out of date are left out."""
        there = [path for path in self.candidate_paths if os.path.isfile(path)]
        for path in sorted(there, key=os.path.getmtime, reverse=True):
            try:
                entries = json.loads(Path(path).read_text(encoding="utf-8"))
            except (OSError, ValueError):
                continue
            self.cache_file = path
            self.files_data = {e["filename"]: e for e in entries if self._is_valid(e)}
            return

    def _is_valid(self, entry: Any) -> bool:
        if not isinstance(entry, dict) or not entry.keys() >= NEEDED:
            return False
        try:
            found = os.stat(os.path.join(self.directory, entry["filename"]))
        except OSError:
            return False
        return (found.st_mtime, found.st_size) == (entry["mtime"], entry["size"])

    def is_my_directory(self, dir_path: str | os.PathLike[str]) -> bool:
        """Whether a folder is the run's, by whatever path."""
        return os.path.samefile(dir_path, self.directory)

    def get(self, path: str | os.PathLike[str]) -> Mapping[str, Any] | None:
        """What is known about a file, or None."""
        folder, name = os.path.split(os.path.abspath(path))
        if name not in self.files_data or not self.is_my_directory(folder):
            return None
        entry = self.files_data[name]
        flag = np.ones(len(entry["train_ids"]), bool)
        flag[entry["suspect_train_indices"]] = False
        return {
            "train_ids": np.array(entry["train_ids"], np.uint64),
            "control_sources": frozenset(entry["control_sources"]),
            "instrument_sources": frozenset(entry["instrument_sources"]),
            "legacy_sources": dict(entry["legacy_sources"]),
            "flag": flag,
        }

    def save(self, files: Iterable[FileAccess]) -> None:
        """Write the map where that is allowed, if it does not know all of these files yet."""
        new = dict(self._new_entries(files))
        if not new:
            return
        self.files_data |= new
        entries = [entry for _, entry in sorted(self.files_data.items())]
        for path in self.candidate_paths:
            try:
                os.makedirs(os.path.dirname(path), exist_ok=True)
                atomic_dump(entries, path, indent=2)
            except PermissionError:
                continue
            return

    def _new_entries(self, files: Iterable[FileAccess]) -> Iterator[tuple[str, Entry]]:
        for file in files:
            folder, name = os.path.split(file.filename)
            if name not in self.files_data and self.is_my_directory(folder):
                yield name, _entry(file)


def _entry(file: FileAccess) -> Entry:
    stat = os.stat(file.filename)
    return {
        "filename": os.path.basename(file.filename),
        "mtime": stat.st_mtime,
        "size": stat.st_size,
        "train_ids": file.train_ids.tolist(),
        "control_sources": sorted(file.control_sources),
        "instrument_sources": sorted(file.instrument_sources),
        "legacy_sources": dict(sorted(file.legacy_sources.items())),
        "suspect_train_indices": np.flatnonzero(~file.validity_flag).tolist(),
    }


def atomic_dump(obj: Any, path: str | os.PathLike[str], **kwargs: Any) -> None:
    """Write JSON under a temporary name, then rename it.

    Parameters
    ----------
    obj : object
    path : path
    **kwargs
        Passed to `json.dump`.
    """
    folder, name = os.path.split(path)
    with NamedTemporaryFile("w", dir=folder or ".", prefix=name, delete=False) as file:
        try:
            json.dump(obj, file, **kwargs)
            file.close()
            os.replace(file.name, path)
        except BaseException:
            os.unlink(file.name)
            raise
