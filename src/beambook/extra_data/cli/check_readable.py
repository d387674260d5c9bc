"""``extra-data-readable``: which files can be read, each asked by a process of its own.

A process can be given up when a file system hangs; a thread could not.
"""

from __future__ import annotations

import os
import subprocess
import sys
from argparse import ArgumentParser
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import monotonic

import click

from beambook.extra_data.locality import get_locality

__all__ = ["check_access", "main"]

READABLE = "readable"
AT_ONCE = 2 * len(os.sched_getaffinity(0))
PROBE = "import sys; from beambook.extra_data.cli.check_readable import check_access as c; "
PLACES = {"UNAVAILABLE": "dCache reports unavailable", "NEARLINE": "dCache reports tape only"}


def check_access(path: str | Path) -> int:
    """Try to read a file, and say before each step what hangs if nothing follows.

    Returns
    -------
    int
        1 if a step before reading failed, else 0.
    """
    begun = monotonic()
    click.echo("any access hangs")
    try:
        _, place = get_locality(str(path))
        if place in PLACES:
            click.echo(PLACES[place])
            return 0
        where = "file on GPFS but" if place == "NOT_ON_DCACHE" else "dCache reports on disk but"
        click.echo(f"{where} stat hangs")
        Path(path).stat()
    except OSError as error:
        click.echo(f"asking for the file raises {type(error).__name__}")
        return 1
    click.echo(f"{where} read attempt hangs")
    try:
        _read(path)
    except Exception as error:  # whatever it is, it is the finding
        click.echo(f"{where} read attempt raises {type(error).__name__}")
    else:
        click.echo(f"{READABLE}_{monotonic() - begun}")
    return 0


def _read(path: str | Path) -> None:
    from beambook.extra_data.file_access import FileAccess  # a file may hang before this is needed

    FileAccess(path).close()


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
    """The last words of each file's process."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        states: dict[Path, str] = {}
        for path, (mark, state) in zip(
            paths, pool.map(lambda path: _state(path, timeout), paths), strict=True
        ):
            states[path] = state
            click.echo(mark, nl=False)
        return states


def _state(path: Path, timeout: float) -> tuple[str, str]:
    """One letter for the row of dots, and how far the reading came."""
    command = [sys.executable, "-c", f"{PROBE}sys.exit(c({str(path)!r}))"]
    mark = ""
    try:
        done = subprocess.run(  # noqa: S603 our own Python
            command,
            timeout=timeout,
            capture_output=True,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )
        output, mark = done.stdout, "E" if done.returncode else "X"
    except subprocess.TimeoutExpired as error:
        output, mark = error.stdout or b"", "T"
    lines = output.decode().splitlines() or ["nothing is known, the check said nothing"]
    return "." if lines[-1].startswith(READABLE) else mark, lines[-1]


def _listing(states: dict[Path, str], *, every: bool) -> Iterator[str]:
    shown = {str(p): s for p, s in states.items() if every or not s.startswith(READABLE)}
    if not shown:
        yield "all files readable"
    width = max(map(len, shown), default=0) + 3
    for path in sorted(shown):
        yield f"{path:<{width}} {shown[path].partition('_')[0]}"


if __name__ == "__main__":
    sys.exit(main())
