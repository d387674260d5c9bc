"""``lsxfel``: what is in runs, files and proposals."""

from __future__ import annotations

import re
import sys
from argparse import ArgumentParser, Namespace
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import click

from beambook.errors import DataError
from beambook.extra_data.cli._reason import ends_with_reason
from beambook.extra_data.read_machinery import FilenameInfo
from beambook.extra_data.reader import DataCollection, H5File, RunDirectory

__all__ = ["main", "summarise_file", "summarise_run"]

RUN = re.compile(r"r\d+")
SEQUENCE = re.compile(r"(.+)-S\d+\.h5")


def summarise_file(path: str | Path) -> None:
    """Say in a line what is in a file."""
    file = H5File(str(path))
    click.echo(f"{Path(path).name} : Data file")
    click.echo(f"  {len(file.train_ids)} trains, {len(file.all_sources)} sources")


def summarise_run(path: str | Path, indent: str = "") -> None:
    """Say in a line what is in a run, from the files of one aggregator.

    Raises
    ------
    DataError
        The folder has no files of a run.
    """
    sequences: dict[str, list[Path]] = defaultdict(list)
    for file in sorted(Path(path).iterdir()):
        if found := SEQUENCE.fullmatch(file.name):
            sequences[found[1]].append(file)
    if not sequences:
        raise DataError(f"{path} has no files of a run")
    files = [file for found in sequences.values() for file in found]
    detector = sum(FilenameInfo(file.name).is_detector for file in files)
    trains = {t for file in min(sequences.values(), key=len) for t in H5File(str(file)).train_ids}
    click.echo(
        f"{indent}{Path(path).name} : Run of {len(trains):>4} trains, with "
        f"{detector:>3} detector files and {len(files) - detector:>3} others"
    )


@ends_with_reason
def main(argv: Sequence[str] | None = None) -> int:
    """Say what is in runs, files and proposals.

    Returns
    -------
    int
        0; 2 if something is not there or is not known.
    """
    args = _parser().parse_args(argv)
    paths = [Path(path).absolute() for path in args.paths or ["."]]
    if len(paths) == 1:
        return _describe(paths[0], args)
    return max(_summarise(path) for path in paths)


def _parser() -> ArgumentParser:
    parser = ArgumentParser("lsxfel", description="What is in runs, files and proposals.")
    parser.add_argument("paths", nargs="*", help="files and folders; this folder by default")
    parser.add_argument(
        "--source", "-s", action="append", default=[], help="part of a name, or pattern, of sources"
    )
    parser.add_argument(
        "--detail", "-d", action="append", default=[], help="list the keys of these sources"
    )
    parser.add_argument("--counts", "-c", action="store_true", help="how much data sources have")
    parser.add_argument("--no-group", action="store_true", help="each source in a line of its own")
    parser.add_argument("--aggregators", "-g", action="store_true", help="who wrote each source")
    parser.add_argument("--auxiliary", "-x", action="store_true", help="reduction and errata, too")
    return parser


def _describe(path: Path, args: Namespace) -> int:
    """One file or folder at length."""
    kind = _kind(path)
    click.echo(f"{path.name} : {kind}")
    if kind == "Run directory":
        _info(RunDirectory(str(path)), args)
    elif kind == "Data file":
        _info(H5File(str(path)), args)
    elif "Proposal" in kind:
        click.echo()
        folder = path / "raw" if kind == "Proposal directory" else path
        if folder != path:
            click.echo(f"{path.name}/raw/")
        _summarise_runs(folder)
    return 0 if path.is_dir() or kind == "Data file" else 2


def _summarise(path: Path) -> int:
    """One of several files and folders in short."""
    kind = _kind(path)
    if kind == "Run directory":
        summarise_run(path)
    elif kind == "Data file":
        summarise_file(path)
    else:
        click.echo(f"{path.name} : {kind}")
        if kind != "Proposal data directory":
            return 2
        click.echo()
        _summarise_runs(path)
    return 0


def _kind(path: Path) -> str:
    if path.is_file():
        return "Data file" if path.suffix == ".h5" else "Unrecognised file"
    if not path.is_dir():
        return "File/folder not found"
    names = [file.name for file in path.iterdir()]
    if any(name.endswith(".h5") for name in names):
        return "Run directory"
    if any(map(RUN.match, names)):
        return "Proposal data directory"
    return "Proposal directory" if (path / "raw").is_dir() else "Unrecognised directory"


def _summarise_runs(folder: Path) -> None:
    for run in sorted(folder.iterdir()):
        if RUN.match(run.name) and run.is_dir():
            try:
                summarise_run(run, indent="  ")
            except DataError as error:
                click.echo(f"  {run.name} : {error.message}")


def _info(data: DataCollection, args: Namespace) -> None:
    selected, wanted = data, _patterns(args.source or args.detail)
    if wanted:
        try:
            selected = data.select(wanted)
        except ValueError as error:  # nothing matches
            sys.exit(str(error))
        click.echo(f"Showing {len(selected.all_sources)} / {len(data.all_sources)} sources")
    click.echo()
    selected.info(
        _patterns(args.detail),
        counts=args.counts,
        group_sources=not args.no_group,
        with_aggregators=args.aggregators,
        with_auxiliary=args.auxiliary,
    )


def _patterns(names: Sequence[str]) -> list[str]:
    """Parts of names as patterns."""
    return [name if re.search(r"[*?[]", name) else f"*{name}*" for name in names]


if __name__ == "__main__":
    sys.exit(main())
