"""Where dCache has files: on disk, only on tape, or out of reach.

Reading a file that is only on tape takes hours. dCache answers without reading, through files
with special names: ``.(get)(NAME)(locality)``.
"""

from __future__ import annotations

import os
import sys
from argparse import ArgumentParser
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import click

__all__ = [
    "ANY",
    "ONDISK",
    "ONTAPE",
    "UNAVAIL",
    "check_dir",
    "get_locality",
    "lc_any",
    "lc_avail",
    "lc_match",
    "lc_ondisk",
    "list_locality",
    "main",
    "partition",
]

UNAVAIL, ONTAPE, ONDISK = 1, 2, 4
ANY = UNAVAIL | ONTAPE | ONDISK
ELSEWHERE = "NOT_ON_DCACHE"
CODES = {
    "UNAVAILABLE": UNAVAIL,
    "NEARLINE": ONTAPE,
    "ONLINE": ONDISK,
    "ONLINE_AND_NEARLINE": ONTAPE | ONDISK,
    ELSEWHERE: ONDISK,
}
MEANINGS = {UNAVAIL: "unavailable", ONTAPE: "only on tape"}
THREADS = 8

Places = Mapping[str, list[str]]


def get_locality(path: str) -> tuple[str, str]:
    """Ask dCache where a file is.

    Parameters
    ----------
    path : str

    Returns
    -------
    (str, str)
        The path, and the answer: a key of `CODES`, or what dCache will say in future.
    """
    folder, name = os.path.split(path)
    try:
        answer = Path(folder, f".(get)({name})(locality)").read_text()
    except FileNotFoundError:
        return path, ELSEWHERE
    return path, answer.strip()


def list_locality(files: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Ask dCache where files are, several at once."""
    with ThreadPoolExecutor(THREADS) as pool:
        yield from pool.map(get_locality, map(str, files))


def partition(files: Iterable[str], cb_disp: Callable[[Places], None] | None = None) -> Places:
    """Files by where they are.

    Parameters
    ----------
    files : iterable of str
    cb_disp : callable, optional
        Is given what is known after each file.

    Returns
    -------
    mapping of str to list of str
        Paths by dCache's answer.
    """
    found: defaultdict[str, list[str]] = defaultdict(list)
    for path, answer in list_locality(files):
        found[answer].append(path)
        if cb_disp is not None:
            cb_disp(found)
    return found


def lc_match(files: Iterable[str], accept: int = ONDISK) -> list[str]:
    """Files that are where they may be; says on stderr which are not.

    Parameters
    ----------
    files : iterable of str
    accept : int
        `ONDISK`, `ONTAPE` and `UNAVAIL` in any combination (``|``).
    """
    chosen = []
    for path, answer in list_locality(files):
        code = CODES.get(answer, 0)
        if code & accept:
            chosen.append(path)
        else:
            reason = MEANINGS.get(code, f"dCache says {answer}")
            click.echo(f"Skipping file {path}\n  ({reason})", err=True)
    return chosen


def lc_any(files: Iterable[str]) -> Iterable[str]:
    """All files, without asking."""
    return files


def lc_ondisk(files: Iterable[str]) -> list[str]:
    """Files that are on disk."""
    return lc_match(files, ONDISK)


def lc_avail(files: Iterable[str]) -> list[str]:
    """Files that are on disk or on tape."""
    return lc_match(files, ONTAPE | ONDISK)


def check_dir(basedir: str) -> int:
    """Say where the files of a folder are.

    Parameters
    ----------
    basedir : str
        A folder, or one file.

    Returns
    -------
    int
        0 if all are on disk; else 1 for some on tape, plus 2 for some unavailable, plus 4
        for answers that are not understood.
    """
    path = Path(basedir)
    found = sorted(path.iterdir()) if path.is_dir() else [path]
    files = [str(file) for file in found if file.is_file()]
    click.echo(f"Checking {len(files)} files in {basedir}")
    places = partition(files, _echo_counts)
    click.echo()
    for answer, title in (("NEARLINE", "Only on tape:"), ("UNAVAILABLE", "Unavailable:")):
        if answer in places:
            click.echo("\n  ".join([title, *sorted(places[answer])]))
    if strange := sorted(places.keys() - CODES.keys()):
        click.echo(f"dCache says what is not understood: {', '.join(strange)}")
    return ("NEARLINE" in places) | ("UNAVAILABLE" in places) << 1 | bool(strange) << 2


def _echo_counts(places: Places) -> None:
    numbers = {answer: len(paths) for answer, paths in places.items()}
    on_disk = sum(number for answer, number in numbers.items() if CODES.get(answer, 0) & ONDISK)
    tape, gone = numbers.get("NEARLINE", 0), numbers.get("UNAVAILABLE", 0)
    click.echo(f"{on_disk} on disk, {tape} only on tape, {gone} unavailable", nl=False)
    click.echo("\r", nl=False)


def main(argv: Sequence[str] | None = None) -> int:
    """Say where the files of a run are, from the command line."""
    parser = ArgumentParser("extra-data-locality", description="Where the files of a run are.")
    parser.add_argument("path", help="the folder of a run")
    path = parser.parse_args(argv).path
    if not Path(path).exists():
        click.echo(f"There is no {path}")
        return 255
    return check_dir(path)


if __name__ == "__main__":
    sys.exit(main())
