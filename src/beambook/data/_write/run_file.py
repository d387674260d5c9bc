"""Writing runs: the selected trains, sources and keys as one file of the European XFEL's format.

A real copy (`write_run`), or a file of virtual data sets that stand for those of the run
(`write_virtual`). Format 1.2.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkstemp
from typing import TYPE_CHECKING

import h5py

from beambook.data._euxfel.format import SECTIONS
from beambook.data._interop.native import native
from beambook.data._write.content import Content, Put, RowsOf
from beambook.data._write.index import write_metadata, write_trains
from beambook.data._write.rows import group_rows, put_copy
from beambook.data._write.virtual import put_virtual
from beambook.errors import DataError
from beambook.events import Reporter, Silent

if TYPE_CHECKING:
    from beambook.data._run import Run

__all__ = ["new_file", "virtual_dataset", "write_rows", "write_run", "write_virtual"]


def write_run(
    run: Run, path: str | Path, *, overwrite: bool = False, reporter: Reporter | None = None
) -> Path:
    """Write what is selected of a run to one file, which can be opened like those of a run.

    Chunks are copied as they are stored, compressed or not, where they lie alike in both files.
    The file appears under its name when it is complete.

    Parameters
    ----------
    run : Run
    path : str or Path
    overwrite : bool
        Whether a file of this name may be replaced.
    reporter : Reporter, optional
        Is told the key that is written.

    Returns
    -------
    Path
        The file.

    Warns
    -----
    DataWarning
        Trains were left out of a source, because not all of its keys have their rows.

    Raises
    ------
    DataError
        The file exists, or is one of the run's; or the run's files disagree about a key.
    DamagedFile
        Rows cannot be read.

    Examples
    --------
    ::

        some = run.select(["*XGM*", ("*/DET/*", "image.data")])[:100]
        bb.write_run(some, "first-hundred.h5")
    """
    return write_rows(
        native(run), path, put_copy, overwrite=overwrite, reporter=reporter or Silent()
    )


def write_virtual(
    run: Run, path: str | Path, *, overwrite: bool = False, reporter: Reporter | None = None
) -> Path:
    """Write a file that stands for what is selected of a run: virtual data sets, no data.

    The run's files are named relative to the new file, so both can be moved together. What
    reads it needs HDF5, and the run's files in place: HDF5 itself gives fill values without a
    word where they are not.

    Parameters
    ----------
    run, path, overwrite, reporter
        See `write_run`.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    DataError
        As `write_run`.
    """
    return write_rows(
        native(run), path, put_virtual, overwrite=overwrite, reporter=reporter or Silent()
    )


def virtual_dataset(
    run: Run, source: str, key: str, path: str | Path | None = None, *, overwrite: bool = False
) -> h5py.Dataset:
    """One channel as an HDF5 data set that stands for the rows of the selected trains.

    Parameters
    ----------
    run : Run
    source, key : str
    path : str or Path, optional
        The file it is in; a temporary one by default, which is left to the system to remove.
    overwrite : bool
        Whether a file of this name may be replaced.

    Returns
    -------
    h5py.Dataset
        Open for reading.
    """
    channel = run.channel((source, key))
    if path is None:
        handle, path = mkstemp(suffix="-beambook-virtual.h5")
        os.close(handle)
        overwrite = True
    file = write_virtual(run.select({channel.source: {channel.key}}), path, overwrite=overwrite)
    section = SECTIONS[channel.store.kind(channel.source)]
    return h5py.File(file, "r")[f"{section}/{channel.source}/{channel.key.replace('.', '/')}"]


def write_rows(
    run: Run,
    path: str | Path,
    put: Put,
    rows_of: RowsOf = group_rows,
    *,
    overwrite: bool,
    reporter: Reporter = Silent(),  # noqa: B008 it has no state
) -> Path:
    """Write rows of all sources and groups of a run: which ones, and how, says the caller."""
    target = Path(path).expanduser()
    with new_file(run, target, overwrite=overwrite) as out:
        write_trains(out, run)
        content = Content(run, out, put, reporter, rows_of)
        content.write()
        write_metadata(out, run, content.listed, content.auxiliary)
    return target


@contextmanager
def new_file(run: Run, target: Path, *, overwrite: bool) -> Iterator[h5py.File]:
    """A file under a temporary name, which gets its own when everything has been written."""
    _refuse(run, target, overwrite=overwrite)
    if not target.parent.is_dir():
        raise DataError(f"There is no folder {target.parent} to write {target.name} in")
    temporary = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        with h5py.File(temporary, "w") as out:
            yield out
        _refuse(run, target, overwrite=overwrite)
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)


def _refuse(run: Run, target: Path, *, overwrite: bool) -> None:
    if not target.exists():
        return
    if any(part.file.path.exists() and part.file.path.samefile(target) for part in run.store.parts):
        raise DataError(f"{target} is one of the run's own files", hint="Choose another name.")
    if not overwrite:
        raise DataError(f"{target} exists", hint="Choose another name, or give overwrite=True.")
