"""Overview files: a run as one file of virtual data sets, which opens at once.

They are in the run's folder (``overview.h5``) or in the proposal's ``usr/.extra_data``. One is used
as long as names and sizes of the run's files are those that it was made of.
"""

from __future__ import annotations

import os
import re
import sys
from argparse import ArgumentParser
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

import click
import h5py
import numpy as np

from beambook.data._open import data_files
from beambook.data._write.run_file import write_rows
from beambook.data._write.virtual import put_virtual
from beambook.events import Silent
from beambook.extra_data._collection import DataCollection
from beambook.extra_data.file_access import FileAccess
from beambook.extra_data.read_machinery import data_root_dir
from beambook.extra_data.writer import VirtualFileWriter

__all__ = [
    "VOVIEW_VERSION",
    "VirtualOverviewFileWriter",
    "check_sources",
    "find_file_read",
    "find_file_valid",
    "find_file_write",
    "main",
    "voview_paths_for_run",
    "write_atomic",
]

VOVIEW_VERSION = 1  # files of later versions are not read
FORMAT = "1.0"  # of which later formats are extensions
NAME = "overview.h5"
TEXT = h5py.special_dtype(vlen=bytes)
RUN_FOLDERS = (
    re.compile(r".+/(?P<kind>raw|proc)/(?P<place>\w+/\w+/p\d+)/(?P<run>r\d+)"),  # as stored
    re.compile(r".+/(?P<place>\w+/\w+/p\d+)/(?P<kind>raw|proc)/(?P<run>r\d+)"),  # as shown
)


class VirtualOverviewFileWriter(VirtualFileWriter):
    """Writes the overview file of a run.

    Parameters
    ----------
    path : path
        Replaced if it exists.
    data : DataCollection
        The whole run.
    """

    def write(self) -> None:
        """Write the file; it appears under its name when it is complete."""
        target = Path(self.path)
        unfinished = target.with_name(f".{target.name}.{os.getpid()}.new")
        try:
            put = partial(put_virtual, relative=False)  # EXtra-data finds no others
            run = self.data.__beambook__()
            write_rows(run, unfinished, put, overwrite=True, reporter=Silent())
            with h5py.File(unfinished, "r+") as file:
                file.attrs["virtual_overview_version"] = VOVIEW_VERSION
                self._state_files(file)
                _state_facts(file, self.data.run_metadata())
            unfinished.replace(target)
        finally:
            unfinished.unlink(missing_ok=True)

    def _state_files(self, file: h5py.File) -> None:
        """Say which files it was made of, and each source."""
        paths = [Path(each.filename) for each in self.data.files]
        names = np.array([os.fsencode(path.name) for path in paths], object)
        file.create_dataset(".source_files/names", data=names, dtype=TEXT)
        file[".source_files/sizes"] = np.array([path.stat().st_size for path in paths], "u8")
        for source, section in _groups(self.data):
            if (group := file.get(f"{section}/{source}")) is not None:
                of_source = self.data._sources_data[source].files
                group.attrs["source_files"] = sorted(each.filename for each in of_source)


def _groups(data: DataCollection) -> Iterator[tuple[str, str]]:
    """Each source and the section it is in."""
    control = data.control_sources
    for source in sorted(data.all_sources - data.legacy_sources.keys()):
        yield source, "CONTROL" if source in control else "INSTRUMENT"


def _state_facts(file: h5py.File, facts: Mapping[str, str | int]) -> None:
    """Let ``METADATA`` say of the run what its own files do."""
    metadata = file["METADATA"]
    for name in [name for name in metadata if isinstance(metadata[name], h5py.Dataset)]:
        del metadata[name]
    if facts.get("dataFormatVersion") == "0.5":  # which has no facts, and no flags
        for name in metadata["dataSources"]:
            metadata.move(f"dataSources/{name}", name)
        del metadata["dataSources"], file["INDEX/flag"], file["INDEX/origin"]
        return
    for name, value in {**facts, "dataFormatVersion": FORMAT}.items():
        number = isinstance(value, int)
        stored = value if number else str(value).encode("utf-8", "surrogateescape")
        metadata.create_dataset(name, data=[stored], dtype="u4" if number else TEXT)


def write_atomic(path: str | os.PathLike[str], data: DataCollection) -> None:
    """Write the overview file of a run; see `VirtualOverviewFileWriter`."""
    VirtualOverviewFileWriter(path, data).write()


def check_sources(overview_file: h5py.File, run_dir: str | os.PathLike[str]) -> bool:
    """Whether the files of a run are those that an overview file was made of."""
    now = {file.name: file.stat().st_size for file in data_files(Path(run_dir))}
    names, sizes = (overview_file[f".source_files/{what}"] for what in ("names", "sizes"))
    if not names.shape == sizes.shape == (len(now),) or _is_elsewhere(overview_file, run_dir):
        return False
    return dict(zip(map(os.fsdecode, names[:]), sizes[:].tolist(), strict=True)) == now


def _is_elsewhere(overview_file: h5py.File, run_dir: str | os.PathLike[str]) -> bool:
    """Whether it stands for files of another folder, from which the run was copied or moved.

    HDF5 gives fill values without a word where the files are gone.
    """

    def stated(_: str, item: h5py.HLObject) -> str | None:
        return next(iter(item.attrs.get("source_files", ())), None)

    for section in ("CONTROL", "INSTRUMENT"):
        if section in overview_file and (path := overview_file[section].visititems(stated)):
            folder = Path(path).parent
            return not (folder.is_dir() and folder.samefile(run_dir))
    return False


def voview_paths_for_run(directory: str | os.PathLike[str]) -> list[str]:
    """Where the overview file of a run may be, the first choice first."""
    paths = [os.path.join(directory, NAME)]
    folder = os.path.realpath(directory)
    found = next(filter(None, (known.fullmatch(folder) for known in RUN_FOLDERS)), None)
    if found is None:
        return paths
    usr = data_root_dir() / found["place"] / "usr"
    if usr.is_dir():
        name = f"{found['kind'].upper()}-{found['run'].upper()}-OVERVIEW.h5"
        paths.append(str(usr / ".extra_data" / name))
    return paths


def find_file_read(run_dir: str | os.PathLike[str]) -> str | None:
    """The overview file of a run, outdated or not; None if there is none."""
    return next(filter(os.path.isfile, voview_paths_for_run(run_dir)), None)


def find_file_valid(run_dir: str | os.PathLike[str]) -> FileAccess | None:
    """The overview file of a run if it may be used, else None."""
    for path in filter(h5py.is_hdf5, voview_paths_for_run(run_dir)):
        try:
            access = FileAccess(path)
            version = int(access.file.attrs.get("virtual_overview_version", 0))
            if version <= VOVIEW_VERSION and check_sources(access.file, run_dir):
                return access
        except (OSError, KeyError, RuntimeError, ValueError, TypeError):
            continue  # it cannot be believed; the run itself is read
    return None


def find_file_write(run_dir: str | os.PathLike[str]) -> str:
    """Where to write the overview file of a run.

    Raises
    ------
    PermissionError
        None of the places can be written to.
    """
    paths = voview_paths_for_run(run_dir)
    for path in paths:
        folder = Path(path).parent
        try:
            folder.mkdir(exist_ok=True)
        except PermissionError:
            continue
        if os.access(folder, os.W_OK):
            return path
    raise PermissionError(f"Nobody may write any of {', '.join(paths)} here")


def main(argv: Sequence[str] | None = None) -> int:
    """Write the overview file of a run, or see whether it may be used.

    Returns
    -------
    int
        1 if it may not be used, else 0.
    """
    parser = ArgumentParser("voview", description="Write or check the overview file of a run.")
    parser.add_argument("--check", action="store_true", help="see whether it may be used")
    parser.add_argument("run_dir", help="the folder of the run")
    parser.add_argument("--overview-file", help="the file; where it is looked for by default")
    args = parser.parse_args(argv)
    if args.check:
        return _check(args.overview_file or find_file_read(args.run_dir), args.run_dir)
    path = args.overview_file or find_file_write(args.run_dir)
    click.echo(f"Opening {args.run_dir}")
    run = DataCollection.from_paths(data_files(Path(args.run_dir)), is_single_run=True)
    click.echo(f"Creating {path} from {len(run.files)} files...")
    write_atomic(path, run)
    return 0


def _check(path: str | None, run_dir: str) -> int:
    if path is None:
        click.echo(f"{run_dir} has no overview file")
        return 1
    click.echo(f"Checking {path} ...")
    with h5py.File(path, "r") as file:
        fits = check_sources(file, run_dir)
    click.echo("The files match, it can be used" if fits else "The files differ, it is outdated")
    return int(not fits)


if __name__ == "__main__":
    sys.exit(main())
