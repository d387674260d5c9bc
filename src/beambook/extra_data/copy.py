"""Copies of files without their data: for trying things out, and for reports of bugs."""

from __future__ import annotations

import os
import sys
from argparse import ArgumentParser
from collections.abc import Sequence
from pathlib import Path

import click
import h5py

from beambook.errors import DamagedFile, DataError, RunNotFound

__all__ = ["copy_structure", "main"]


def copy_structure(
    input: str | Path,
    output: str | Path,
    *,
    run_data: bool = False,
    control_data: bool = False,
    term_progress: bool = False,
) -> None:
    """Copy files with all their groups, links and attributes, but without the data.

    ``INDEX`` and ``METADATA`` are copied whole, so that the copy opens as a run does.

    Parameters
    ----------
    input : str or Path
        A file, or a folder of files.
    output : str or Path
        Another folder, which exists.
    run_data, control_data : bool
        Copy the values in ``RUN`` and in ``CONTROL``, too.
    term_progress : bool
        Show a bar on stderr.

    Raises
    ------
    DataError
        `input` is no HDF5 file, or in the folder `output`.
    DamagedFile
        A file cannot be read.
    RunNotFound
        There is no folder `output`.
    """
    source, folder = Path(input).expanduser(), Path(output).expanduser()
    if not folder.is_dir():
        raise RunNotFound(f"There is no folder {folder}", hint="Make it first.")
    files = _files(source)
    if folder.resolve() == files[0].parent.resolve():
        raise DataError(f"{folder} has the files themselves", hint="Give another folder.")
    empty = {"INSTRUMENT"} | {
        section for section, wanted in (("RUN", run_data), ("CONTROL", control_data)) if not wanted
    }
    with click.progressbar(files, file=sys.stderr, hidden=not term_progress) as bar:
        for file in bar:
            _copy_file(file, folder / file.name, frozenset(empty))


def _files(source: Path) -> list[Path]:
    found = sorted(source.iterdir()) if source.is_dir() else [source]
    files = [file for file in found if file.is_file() and h5py.is_hdf5(file)]
    if not files:
        raise DataError(f"There is no HDF5 file at {source}")
    return files


def _copy_file(source: Path, target: Path, empty: frozenset[str]) -> None:
    unfinished = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        with h5py.File(source) as old, h5py.File(unfinished, "w") as new:
            _copy_attributes(old, new)
            _copy_group(old, new, {}, empty)
        unfinished.replace(target)
    except (OSError, KeyError, RuntimeError) as error:
        raise DamagedFile(f"{source.name} cannot be copied to {target} ({error})") from error
    finally:
        unfinished.unlink(missing_ok=True)


def _copy_group(
    old: h5py.Group, new: h5py.Group, seen: dict[int, str], empty: frozenset[str]
) -> None:
    """Copy what is in a group; `seen` has the addresses of objects that have a copy."""
    for name in old:
        link = old.get(name, getlink=True)
        if not isinstance(link, h5py.HardLink):
            new[name] = link
            continue
        item = old[name]
        address = h5py.h5o.get_info(item.id).addr
        if address in seen:
            new[name] = new.file[seen[address]]
            continue
        seen[address] = item.name
        if isinstance(item, h5py.Group):
            copied = new.create_group(name)
            _copy_group(item, copied, seen, empty)
        elif isinstance(item, h5py.Dataset):
            section = item.name.split("/")[1]
            data = None if section in empty else item[()]
            copied = new.create_dataset_like(name, item, data=data)
        else:
            continue  # a named type: data sets have their own copy of it
        _copy_attributes(item, copied)


def _copy_attributes(old: h5py.HLObject, new: h5py.HLObject) -> None:
    for name, value in old.attrs.items():
        new.attrs.create(name, value)


def main(argv: Sequence[str] | None = None) -> None:
    """Copy from the command line."""
    parser = ArgumentParser(description="Copy HDF5 files of the European XFEL without their data.")
    parser.add_argument("input", help="a file or a folder")
    parser.add_argument("output", help="the folder for the copies")
    parser.add_argument(
        "--copy-run-data", "-cr", action="store_true", help="copy the values in RUN, too"
    )
    parser.add_argument(
        "--copy-control-data", "-cc", action="store_true", help="copy the values in CONTROL, too"
    )
    args = parser.parse_args(argv)
    copy_structure(
        args.input,
        args.output,
        run_data=args.copy_run_data,
        control_data=args.copy_control_data,
        term_progress=True,
    )
    click.echo(f"The copies are in {args.output}.")


if __name__ == "__main__":
    main()
