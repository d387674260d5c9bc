"""``extra-data-readable``: which files can be read, tried by other processes.

A process can be given up when a file system hangs; a thread could not.
"""

from __future__ import annotations

import json
import os
import sys
from argparse import ArgumentParser
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue
from time import monotonic

import click

from beambook.extra_data.cli._helper import Helper
from beambook.extra_data.file_access import FileAccess
from beambook.extra_data.locality import get_locality

__all__ = ["check_access", "main"]

READABLE = "readable"
SERVE = "from beambook.extra_data.cli.check_readable import serve; serve()"
PLACES = {"UNAVAILABLE": "dCache reports unavailable", "NEARLINE": "dCache reports tape only"}


def check_access(path: str | Path) -> Iterator[str]:
    """Try to read a file.

    Yields
    ------
    str
        Before each step what hangs if nothing follows; at last the result, which begins with
        ``readable`` if it is.
    """
    begun = monotonic()
    yield "any access hangs"
    _, place = get_locality(str(path))
    if place in PLACES:
        yield PLACES[place]
        return
    where = "file on GPFS but" if place == "NOT_ON_DCACHE" else "dCache reports on disk but"
    yield f"{where} stat hangs"
    Path(path).stat()
    yield f"{where} read attempt hangs"
    try:
        FileAccess(path).close()
    except Exception as error:  # whatever it is, it is the finding
        yield f"{where} read attempt raises {type(error).__name__}"
    else:
        yield f"{READABLE}_{monotonic() - begun}"


def serve() -> None:
    """Try the files that are named on standard input, and say so on standard output."""
    _say("", "ready")
    for line in sys.stdin:
        mark, state = "X", ""
        try:
            for state in check_access(json.loads(line)):
                _say("T", state)
        except Exception as error:
            mark, state = "E", f"{state}: raises {type(error).__name__}"
        _say("." if state.startswith(READABLE) else mark, state)
        _say("", "done")


def _say(mark: str, state: str) -> None:
    click.echo(json.dumps([mark, state]))


def main(argv: Sequence[str] | None = None) -> int:
    """Say which files can be read.

    Returns
    -------
    int
        0 if all can be.
    """
    parser = ArgumentParser("extra-data-readable", description="Which files can be read.")
    parser.add_argument("input", nargs="+", type=Path, metavar="INPUT", help="folder or file")
    parser.add_argument("--all", "-a", action="store_true", help="list readable files, too")
    parser.add_argument("--recursive", "-r", action="store_true", help="look into folders below")
    parser.add_argument(
        "--timeout", type=float, default=5.0, metavar="SECS", help="for one file; 5 s by default"
    )
    args = parser.parse_args(argv)
    paths = [path for given in args.input for path in _files(given, recursive=args.recursive)]
    if not paths:
        click.echo("No HDF5 files to check")
        return 0
    states = _ask(paths, args.timeout)
    click.echo()
    times = [float(s.partition("_")[2]) for s in states.values() if s.startswith(READABLE)]
    if times:
        mean = sum(times) / len(times)
        click.echo(f"average access time: {mean:.3g}s, max access time: {max(times):.3g}s")
    else:
        click.echo("no files are readable")
    for line in _listing(states, every=args.all):
        click.echo(line)
    return int(len(times) != len(paths))


def _files(given: Path, *, recursive: bool) -> list[Path]:
    if given.is_dir():
        return sorted(given.glob("**/*.h5" if recursive else "*.h5"))
    return [given] if given.is_file() else []


def _ask(paths: Sequence[Path], timeout: float) -> dict[Path, str]:
    """How far the reading of each file came."""
    number = min(2 * len(os.sched_getaffinity(0)), len(paths))
    helpers: SimpleQueue[Helper] = SimpleQueue()
    with ThreadPoolExecutor(number) as pool:
        for helper in pool.map(lambda _: Helper(SERVE), range(number)):
            helpers.put(helper)
        states = {}
        tried = pool.map(lambda path: _tried(path, timeout, helpers), paths)
        for path, (mark, state) in zip(paths, tried, strict=True):
            states[path] = state
            click.echo(mark, nl=False)
    while not helpers.empty():
        helpers.get().stop()
    return states


def _tried(path: Path, timeout: float, helpers: SimpleQueue[Helper]) -> tuple[str, str]:
    """Have a file tried by a helper, which is replaced if it does not come back."""
    helper = helpers.get()
    mark, state = helper.try_(path, timeout)
    if mark == "T":
        helper.stop()
        helper = Helper(SERVE)
    helpers.put(helper)
    return mark, state


def _listing(states: dict[Path, str], *, every: bool) -> Iterator[str]:
    shown = {str(p): s for p, s in states.items() if every or not s.startswith(READABLE)}
    if not shown:
        yield "all files readable"
    width = max(map(len, shown), default=0) + 3
    for path in sorted(shown):
        yield f"{path:<{width}} {shown[path].partition('_')[0]}"


if __name__ == "__main__":
    sys.exit(main())
