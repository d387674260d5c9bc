"""Opening files and runs, under EXtra-data's names."""

# ruff: noqa: N802  functions that are named as classes are EXtra-data's
from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from fnmatch import filter as matching
from pathlib import Path

from beambook.data._aliases import Aliases
from beambook.data._findings import warn
from beambook.data._layout import folder_name
from beambook.data._open import open_files
from beambook.errors import DataError, RunNotFound
from beambook.extra_data import locality, voview
from beambook.extra_data._collection import DataCollection
from beambook.extra_data.exceptions import PropertyNameError, SourceNameError
from beambook.extra_data.file_access import FileAccess
from beambook.extra_data.read_machinery import by_id, by_index, find_proposal, sw_root_dir

__all__ = [
    "DataCollection",
    "FileAccess",
    "H5File",
    "PropertyNameError",
    "RunDirectory",
    "SourceNameError",
    "by_id",
    "by_index",
    "open_run",
]

DEFAULT_ALIASES_FILE = "{}/usr/extra-data-aliases.yml"
OUR_ALIASES_FILE = "usr/beambook-aliases.yml"
TEMPLATE = "extra-data-aliases-default.yml"
FOR_EVERYBODY = 0o666
ORIGINS = {"default": ("proc", "raw"), "all": ("raw", "proc")}
Filter = Callable[[list[str]], Iterable[str]]


def H5File(path: str | os.PathLike[str], *, inc_suspect_trains: bool = True) -> DataCollection:
    """Open one file.

    Parameters
    ----------
    path : path
    inc_suspect_trains : bool
        Whether to take trains whose id the file itself doubts.

    Raises
    ------
    FileNotFoundError, FileStructureError
    ValueError
        A source has the same train twice.
    """
    return DataCollection.from_path(path, inc_suspect_trains=inc_suspect_trains)


def RunDirectory(
    path: str | os.PathLike[str],
    include: str = "*",
    file_filter: Filter = locality.lc_any,
    *,
    inc_suspect_trains: bool = True,
    parallelize: bool = True,
    _use_voview: bool = True,
) -> DataCollection:
    """Open the folder of a run.

    Parameters
    ----------
    path : path
    include : str
        Pattern of file names.
    file_filter : callable
        Takes paths and gives those to open.
    inc_suspect_trains : bool
        Whether to take trains whose id the file itself doubts.
    parallelize : bool
        Has no effect: opening takes no helpers.

    Raises
    ------
    FileNotFoundError
        There is no such folder, or no such file in it.
    ValueError
        A source has the same train twice.
    """
    names = [n for n in os.listdir(path) if n.endswith(".h5") and n.lower() != "overview.h5"]
    paths = [os.path.join(path, name) for name in sorted(matching(names, include))]
    chosen = list(file_filter(paths))
    if not chosen:
        raise RunNotFound(f"No HDF5 files in {path} match {include!r}")
    if _use_voview and chosen == paths and inc_suspect_trains:
        overview = voview.find_file_valid(path)
        if overview is not None:
            return DataCollection([overview], ctx_closes=True, is_single_run=True)
    run = open_files([Path(p) for p in chosen], Path(path), suspect=inc_suspect_trains)
    return DataCollection.opened(run)


RunHandler = RunDirectory


def open_run(
    proposal: int | str | os.PathLike[str],
    run: int | str,
    data: str | Sequence[str] = "default",
    include: str = "*",
    file_filter: Filter = locality.lc_any,
    *,
    inc_suspect_trains: bool = True,
    parallelize: bool = True,
    aliases: str | os.PathLike[str] | None = DEFAULT_ALIASES_FILE,
    _use_voview: bool = True,
) -> DataCollection:
    """Open a run by proposal and number.

    Parameters
    ----------
    proposal : int, str or Path
        ``2012``, ``"p002012"``, or the proposal's folder.
    run : int or str
        ``243`` or ``"r0243"``.
    data : str or sequence of str
        ``"raw"``, ``"proc"`` or another folder of the proposal; several, of which the last wins
        where sources have the same name; ``"default"``: proc (if there is any) and raw;
        ``"all"``: raw and proc.
    include, file_filter, inc_suspect_trains, parallelize
        See `RunDirectory`.
    aliases : str or Path, optional
        File of short names; ``{}`` in it stands for the proposal's folder. Those of
        ``usr/beambook-aliases.yml`` are there, too, where they are in no conflict with it; None
        for none at all.

    Raises
    ------
    FileNotFoundError
        Says what there is.
    """
    folder = Path(os.fspath(proposal) if isinstance(proposal, os.PathLike) else _found(proposal))
    name = folder_name(run, "r", 4)
    several = ORIGINS.get(data, (data,)) if isinstance(data, str) else tuple(data)
    opened: DataCollection | None = None
    for origin in several:
        try:
            found = RunDirectory(
                folder / origin / name,
                include,
                file_filter,
                inc_suspect_trains=inc_suspect_trains,
                parallelize=parallelize,
                _use_voview=_use_voview,
            )
        except FileNotFoundError:
            if data == "default" and origin == "proc":
                continue
            if opened is None:
                raise
            warn(f"No data available for this run at origin {origin}", UserWarning)
            continue
        opened = found if opened is None else _over(found, opened)
    if opened is None:
        raise RunNotFound(f"No run {name} in {folder}", hint=f"Searched {', '.join(several)}.")
    named = _with_aliases(opened, folder, aliases)
    whole = replace(named.__beambook__(), name=f"{folder.absolute().name} {name}")
    return DataCollection.of_run(whole, ctx_closes=True, is_single_run=opened.is_single_run)


def _found(proposal: int | str) -> str:
    return find_proposal(proposal)


def _over(later: DataCollection, earlier: DataCollection) -> DataCollection:
    """Both, where the later one has the sources that both have."""
    rest = earlier.deselect([(s, "*") for s in earlier.all_sources & later.all_sources])
    if not rest.all_sources:
        return later
    both = later.union(rest)
    both.is_single_run = True
    return both


def _with_aliases(
    data: DataCollection, folder: Path, aliases: str | os.PathLike[str] | None
) -> DataCollection:
    if aliases is None:
        return data
    if (ours := folder / OUR_ALIASES_FILE).is_file():
        data = _with_defaults(data, ours)
    path = Path(aliases.format(folder)) if isinstance(aliases, str) else Path(aliases)
    if path != Path(DEFAULT_ALIASES_FILE.format(folder)):
        return data.with_aliases(path)
    if not path.is_file():
        _copy_template(folder, path)
    if not path.is_file():
        return data
    try:
        return data.with_aliases(path)
    except DataError as error:  # somebody else's mistake must not keep the data from you
        warn(f"No aliases: {error}")
        return data


def _with_defaults(data: DataCollection, path: Path) -> DataCollection:
    try:
        found = Aliases.of(path).as_defaults()
    except DataError as error:  # as with EXtra-data's file
        warn(f"No aliases: {error}")
        return data
    return data.with_aliases(found)


def _copy_template(folder: Path, path: Path) -> None:
    """Give the proposal the alias file of its instrument, which everybody may then edit."""
    template = sw_root_dir() / folder.absolute().parts[-3] / TEMPLATE
    if not os.path.isfile(template):
        return
    with suppress(OSError):
        shutil.copyfile(template, path)
        path.chmod(FOR_EVERYBODY)
