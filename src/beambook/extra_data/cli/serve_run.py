"""``karabo-bridge-serve-run``: send the trains of a run of a proposal."""

from __future__ import annotations

import re
import sys
from argparse import ArgumentParser
from collections.abc import Iterable, Sequence

from beambook.extra_data.cli._reason import ends_with_reason
from beambook.extra_data.cli._serving import add_options, options, until_stopped
from beambook.extra_data.export import serve_data
from beambook.extra_data.reader import open_run

__all__ = ["main"]


@ends_with_reason
def main(argv: Sequence[str] | None = None) -> None:
    """Send trains until they are all sent."""
    parser = ArgumentParser("karabo-bridge-serve-run", description=__doc__)
    parser.add_argument("proposal", help="number of the proposal")
    parser.add_argument("run", help="number of the run")
    parser.add_argument("--port", default="0", help="TCP port, or address of ZeroMQ; else any port")
    parser.add_argument(
        "--include", action="append", help="pattern of sources, or of sources[keys]; many times"
    )
    parser.add_argument(
        "--allow-partial", action="store_true", help="send trains where a source is missing, too"
    )
    add_options(parser)
    args = parser.parse_args(argv)
    run = open_run(args.proposal, args.run, data="all")
    if not args.include:
        names = "\n  ".join(["Available sources:", *sorted(run.all_sources)])
        sys.exit(f"{names}\nSay with --include which to send.")
    selected = run.select(
        list(_patterns(args.include)),
        require_all=not args.allow_partial,
        require_any=args.allow_partial,
    )
    until_stopped(lambda: serve_data(selected, args.port, **options(args)))


def _patterns(included: Iterable[str]) -> Iterable[str | tuple[str, str]]:
    for pattern in included:
        found = re.fullmatch(r"([^\[]+)(?:\[(.*)\])?", pattern)
        if found is None:
            sys.exit(f"{pattern!r} is not SOURCES or SOURCES[KEYS]")
        yield (found[1], found[2]) if found[2] else found[1]


if __name__ == "__main__":
    main()
