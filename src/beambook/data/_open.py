"""Opening runs and files."""

from __future__ import annotations

import os
import re
import weakref
from collections.abc import Mapping, Sequence
from dataclasses import replace
from fnmatch import fnmatch
from functools import partial
from pathlib import Path
from typing import Any, overload

from beambook.data._aliases import Aliases
from beambook.data._euxfel.format import Euxfel
from beambook.data._findings import Finding, summary, warn
from beambook.data._format import Format, Part
from beambook.data._hdf5 import pool
from beambook.data._health import opening_findings
from beambook.data._inputs import note
from beambook.data._layout import alias_files, find_proposal, find_runs, proposal_above, proposal_of
from beambook.data._live.run import live_parts
from beambook.data._nexus.entry import open_entry
from beambook.data._nexus.foreign import is_foreign
from beambook.data._origin import Origin
from beambook.data._reading.chunks import shelves
from beambook.data._run import Run
from beambook.data._sidecar.layouts import Layouts
from beambook.data._sidecar.part import IndexedPart
from beambook.data._sidecar.sidecar import Sidecar
from beambook.data._store import Store
from beambook.errors import DamagedFile, DataError, RunNotFound

__all__ = ["FORMATS", "open_file", "open_files", "open_run"]

FORMATS: tuple[Format, ...] = (Euxfel(),)
shelves.append(Layouts())
WORTH_A_WARNING = {"unreadable file", "missing sequence", "duplicated trains"}
KINDS = {"default": ("proc", "raw"), "all": ("raw", "proc")}
RUN_FOLDER = re.compile(r"r\d{4,}")
NEXUS = {".nxs", ".nx", ".nx5", ".nxspe", ".hdf", ".hdf5", ".h5"}
SHOWN = 100  # files that are looked at to say what they are
AliasSource = Mapping[str, Any] | str | Path | None


@overload
def open_run(
    proposal: int | str | Path,
    run: int | str,
    *,
    data: str | Sequence[str] = ...,
    include: str = ...,
    roots: str | Path | Sequence[str | Path] | None = ...,
    aliases: AliasSource = ...,
    inc_suspect_trains: bool = ...,
    live: bool = ...,
) -> Run: ...
@overload
def open_run(
    proposal: str | Path,
    *,
    include: str = ...,
    aliases: AliasSource = ...,
    inc_suspect_trains: bool = ...,
    live: bool = ...,
) -> Run: ...
def open_run(
    proposal: int | str | Path,
    run: int | str | None = None,
    *,
    data: str | Sequence[str] = "default",
    include: str = "*",
    roots: str | Path | Sequence[str | Path] | None = None,
    aliases: AliasSource = None,
    inc_suspect_trains: bool = True,
    live: bool = False,
) -> Run:
    """Open a run, by proposal and number or by its folder.

    Parameters
    ----------
    proposal : int, str or Path
        ``900074``, ``"p900074"``, the proposal's folder; or, without `run`, the run's folder.
    run : int or str, optional
        ``487`` or ``"r0487"``.
    data : str or sequence of str
        ``"raw"``, ``"proc"`` or another folder of the proposal; several, of which the last wins
        where sources have the same name; ``"default"``: proc (if there is any) and raw;
        ``"all"``: raw and proc, where proc wins. As EXtra-data.
    include : str
        Pattern of file names.
    roots : path or sequence of path, optional
        Where proposals are (above ``INSTRUMENT/CYCLE/pPPPPPP``); ``$BEAMBOOK_DATA`` by default.
    aliases : mapping, str or Path, optional
        Short names, see `Run.with_aliases`; by default ``usr/beambook-aliases.yml`` of the
        proposal, else ``usr/extra-data-aliases.yml``; ``{}`` for none.
    inc_suspect_trains : bool
        Whether to take trains whose id the file itself doubts.
    live : bool
        The run may still be being written: take the trains that are complete in their file,
        lock nothing, and let `Run.refresh` find what comes later. Files that cannot be read yet
        and trains held back are in ``run.problems``. See the explanation "How a run is read".

    Returns
    -------
    Run

    Warns
    -----
    DataWarning
        Files could not be read or are missing, or trains occur twice: see ``run.problems``.

    Raises
    ------
    RunNotFound
        Says what there is.
    DamagedFile
        None of the files can be read.

    Examples
    --------
    ::

        run = bb.open_run(900074, 487)
        run = bb.open_run("/gpfs/exfel/exp/MID/202631/p900074/raw/r0487", include="*DA*")
    """
    again = partial(
        open_run, _absolute(proposal), run, data=data, include=include, roots=roots,
        aliases=aliases, inc_suspect_trains=inc_suspect_trains, live=live,
    )  # fmt: skip
    if run is None:
        opened = _open_path(proposal, include, aliases, suspect=inc_suspect_trains, live=live)
        return replace(opened, reopen=(again,))
    kinds = KINDS.get(data, (data,)) if isinstance(data, str) else tuple(data)
    folder, found = find_runs(find_proposal(proposal, roots), run, kinds)
    optional = isinstance(data, str) and data in KINDS
    if not optional and (gone := [kind for kind in kinds if kind not in found]):
        raise RunNotFound(
            f"No run {run} in {folder / gone[0]}", hint=f"It is in {', '.join(found)}."
        )
    runs = [
        _open_folder(found[kind], include, suspect=inc_suspect_trains, live=live)
        for kind in kinds
        if kind in found
    ]
    whole = runs[0]
    for later in runs[1:]:
        same = whole.all_sources & later.all_sources
        whole = later.union(whole.deselect(dict.fromkeys(same)))
    number = next(iter(found.values())).name
    name = f"{folder.name} {number}"
    return replace(whole, name=name, aliases=_aliases(aliases, folder), reopen=(again,))


def open_file(
    path: str | Path,
    *,
    entry: str | None = None,
    aliases: AliasSource = None,
    inc_suspect_trains: bool = True,
    live: bool = False,
) -> Run:
    """Open one file as a run; one of another facility (NeXus or any HDF5) as an `Entry`.

    Parameters
    ----------
    path : str or Path
    entry : str, optional
        Which entry of a NeXus file; the default one else.
    aliases, inc_suspect_trains, live
        See `open_run`.

    Raises
    ------
    RunNotFound
        There is no such file.
    DamagedFile
        It cannot be read.
    """
    file = Path(path).expanduser()
    if not file.is_file():
        raise RunNotFound(f"There is no file {file}", hint=_close_files(file))
    known = _aliases(aliases, proposal_above(file.absolute()))
    foreign = is_foreign(file, live=live)
    if live and foreign:
        raise DataError(
            f"{file.name} is not of the European XFEL; live=True is for its files only",
            hint="Open it without live=True.",
        )
    if entry is not None or foreign:
        return open_entry(file.absolute(), entry, aliases=known)
    parts, found = live_parts([file]) if live else ([read_part(file)], [])
    name = _file_name(parts, file)
    run = _run(parts, name, file, suspect=inc_suspect_trains, unreadable=found)
    again = partial(
        open_file, file.absolute(), aliases=aliases, inc_suspect_trains=inc_suspect_trains,
        live=live,
    )  # fmt: skip
    return replace(run, aliases=known, reopen=(again,))


def _file_name(parts: Sequence[Part], file: Path) -> str:
    """The run that a file is of, if that is known, and the file's name."""
    name = Origin.of_parts(parts).run
    if not name or name == file.stem:
        return file.name
    return name if file.name in name else f"{name} ({file.name})"


def _absolute(proposal: int | str | Path) -> int | str | Path:
    """A path that means the same wherever the process goes later."""
    named = isinstance(proposal, Path) or os.sep in str(proposal)
    return Path(str(proposal)).expanduser().absolute() if named else proposal


def read_part(path: Path) -> Part:
    """Read the index of a file with the first format that can.

    Raises
    ------
    DamagedFile
        None can.
    """
    problem: DamagedFile | None = None
    for each in FORMATS:
        try:
            return each.read_part(path.absolute())  # wherever the process goes later
        except DamagedFile as error:
            problem = problem or error
    raise problem or DamagedFile(f"{path.name} is of no known format")


def _open_path(
    where: int | str | Path, include: str, aliases: AliasSource, *, suspect: bool, live: bool
) -> Run:
    path = Path(str(where)).expanduser()
    if path.is_file():
        return open_file(path, aliases=aliases, inc_suspect_trains=suspect, live=live)
    if not path.is_dir():
        hint = (
            _close_files(path) if os.sep in str(where) else "Did you mean open_run(proposal, run)?"
        )
        raise RunNotFound(f"There is no run folder {where}", hint=hint)
    run = _open_folder(path, include, suspect=suspect, live=live)
    proposal = proposal_of(path.absolute())
    name = Origin.of_parts(run.parts).run or path.absolute().name
    return replace(run, name=name, aliases=_aliases(aliases, proposal))


def _close_files(path: Path) -> str:
    folder = path.parent
    if not folder.is_dir():
        return f"There is no folder {folder} either."
    names = sorted(p.name for p in folder.iterdir())
    return f"In {folder} there is {', '.join(names[:6]) or 'nothing'}."


def _open_folder(folder: Path, include: str, *, suspect: bool, live: bool) -> Run:
    files = data_files(folder)
    chosen = [p for p in files if fnmatch(p.name, include)]
    if live:  # there may be none yet
        parts, found = live_parts(chosen)
        return _run(parts, folder.name, folder, suspect=suspect, unreadable=found)
    if not chosen:
        hint = f"{len(files)} others are there, e.g. {files[0].name}." if files else _others(folder)
        raise RunNotFound(f"No HDF5 file {include!r} in {folder}", hint=hint)
    return open_files(chosen, folder, suspect=suspect)


def open_files(paths: Sequence[Path], folder: Path | None = None, *, suspect: bool = True) -> Run:
    """Open these files as a run.

    Parameters
    ----------
    paths : sequence of Path
    folder : Path, optional
        The run's folder that they are all in, if they are of one run.
    suspect : bool
        Whether to take trains whose id the file itself doubts.

    Raises
    ------
    DamagedFile
        None of the files can be read.
    """
    parts, unreadable = (
        read_parts(paths) if folder is None else Sidecar(folder.absolute(), read_part).parts(paths)
    )
    where = folder or paths[0]
    if not parts:
        first = unreadable[0].detail
        hint = _how_to_open(paths[0]) if is_foreign(paths[0]) else ""
        raise DamagedFile(
            f"None of the {len(paths)} files in {where} can be read: {first}", hint=hint
        )
    return _run(parts, where.name, where, suspect=suspect, unreadable=unreadable)


def _how_to_open(file: Path) -> str:
    return f"It is no run's. One by one: beambook show {file}, or bb.open_file({str(file)!r})."


def _others(folder: Path) -> str:
    """How to open what is there instead: runs, or NeXus files, which no run consists of."""
    if runs := sorted(p.name for p in folder.iterdir() if RUN_FOLDER.fullmatch(p.name)):
        shown = f"{', '.join(runs[:6])}{' …' if len(runs) > 6 else ''}"
        return f"It holds the runs {shown}; open one: bb.open_run({str(folder / runs[0])!r})."
    for file in sorted(folder.iterdir())[:SHOWN]:
        if file.suffix.lower() in NEXUS and file.is_file() and is_foreign(file):
            return _how_to_open(file)
    return ""


def data_files(folder: Path) -> list[Path]:
    """The files of a run, by name."""
    names = sorted(entry.name for entry in os.scandir(folder))
    return [folder / n for n in names if n.endswith(".h5") and n.lower() != "overview.h5"]


def read_parts(paths: Sequence[Path]) -> tuple[list[Part], list[Finding]]:
    """Read the indexes of files, and say which cannot be read."""
    parts, unreadable = [], []
    for path in paths:
        try:
            parts.append(read_part(path))
        except DamagedFile as error:
            unreadable.append(Finding("unreadable file", path.name, 1, error.message))
    return parts, unreadable


def _run(
    parts: Sequence[Part],
    name: str,
    path: Path,
    *,
    suspect: bool,
    unreadable: Sequence[Finding] = (),
) -> Run:
    for part in parts:
        if not isinstance(part, IndexedPart):  # which has a lease
            weakref.finalize(part, pool.release, part.file.path).atexit = False
    store = Store.of(parts, suspect=suspect)
    names = [finding.where for finding in unreadable]
    others = opening_findings(store, whole_run=path.is_dir(), unreadable=names)
    found = (*unreadable, *others)
    note(path, parts)
    serious = [f for f in found if f.what in WORTH_A_WARNING]
    if serious:
        warn(f"{path}: {summary(serious)}; see run.problems")
    return Run.of(replace(store, findings=found), name)


def _aliases(given: AliasSource, proposal: Path | None) -> Aliases:
    if given is not None:
        return Aliases.of(given)
    aliases = Aliases()
    for file in alias_files(proposal):
        try:
            aliases = aliases.and_(Aliases.of(file))
        except DataError as error:  # somebody else's mistake must not keep the data from you
            warn(f"No aliases: {error}")
    return aliases
