"""``extra-data-make-virtual-cxi``: the detector of a run as one array in a CXI file."""

from __future__ import annotations

import os
import re
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from beambook.extra_data.cli._reason import ends_with_reason
from beambook.extra_data.components import identify_multimod_detectors
from beambook.extra_data.reader import RunDirectory

__all__ = ["main"]

RUN_FOLDER = re.compile(r"(?P<proposal>.+)/(?P<kind>raw|proc)/(?P<run>r\d{4})")


@ends_with_reason
def main(argv: Sequence[str] | None = None) -> None:
    """Write the file."""
    args = _parser().parse_args(argv)
    folder, output = _places(args)
    if not os.access(folder, os.R_OK):
        sys.exit(f"ERROR: {folder} cannot be read")
    if not os.access(output.absolute().parent, os.W_OK):
        sys.exit(f"ERROR: {output.absolute().parent} cannot be written to")
    run = RunDirectory(str(folder), inc_suspect_trains=not args.exc_suspect_trains)
    _, kind = identify_multimod_detectors(run, single=True)
    modules = kind.n_modules or args.n_modules
    options: dict[str, Any] = {} if kind.n_modules else {"n_modules": modules}
    least = args.min_modules
    if least is None:
        least = modules // 2 + 1 if modules else 1
    detector = kind(run, min_modules=least, **options)
    fill = {name: _number(value) for name, value in args.fill_value}
    detector.write_virtual_cxi(str(output), fill or None)
    click.echo(str(output))


def _parser() -> ArgumentParser:
    parser = ArgumentParser(
        "extra-data-make-virtual-cxi", description="The detector of a run as one array, in CXI."
    )
    parser.add_argument("run_dir", help="the folder of a run; or of a proposal, before a number")
    parser.add_argument("run_number", nargs="?", help="number of the run in a proposal")
    parser.add_argument("-o", "--output", type=Path, help="the file; by default in scratch/")
    parser.add_argument(
        "--min-modules", type=int, metavar="N", help="so many have data in a train; half and one"
    )
    parser.add_argument(
        "--n-modules", type=int, metavar="N", help="modules of a JUNGFRAU, where not all have data"
    )
    parser.add_argument(
        "--fill-value", action="append", nargs=2, default=[], metavar=("DS", "V"),
        help="for what is missing in data (NaN, or 0 in raw data), gain (0) or mask (0xffffffff)",
    )  # fmt: skip
    parser.add_argument(
        "--exc-suspect-trains", action="store_true", help="leave out trains with a doubtful id"
    )
    return parser


def _places(args: Namespace) -> tuple[Path, Path]:
    """The folder of the run, and the file to write."""
    folder = Path(args.run_dir).absolute()
    if args.run_number:
        folder = folder / "proc" / f"r{int(args.run_number):04d}"
    if args.output is not None:
        return folder, args.output
    found = RUN_FOLDER.fullmatch(str(folder))
    if found is None:
        sys.exit(f"ERROR: {folder} is not …/proc/r0123; say with --output what to write")
    kind = "" if args.run_number else f"_{found['kind']}"
    name = f"{found['run']}{kind}_detectors_virt.cxi"
    return folder, Path(found["proposal"], "scratch", name)


def _number(text: str) -> float:
    """A fill value: ``nan``, ``1.5`` or ``0xffffffff``."""
    try:
        return int(text, 0)
    except ValueError:
        return float(text)


if __name__ == "__main__":
    main()
