"""Options that both commands for sending trains have."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import click

__all__ = ["add_options", "options", "until_stopped"]


def add_options(parser: ArgumentParser) -> None:
    """Add what is said about the sending as such."""
    parser.add_argument(
        "--append-detector-modules",
        action="store_true",
        help="send the modules of a detector as one source",
    )
    parser.add_argument(
        "--dummy-timestamps", action="store_true", help="make up times where there are none"
    )
    parser.add_argument(
        "--use-infiniband", action="store_true", help="bind a port to InfiniBand, if there is any"
    )
    parser.add_argument(
        "-z",
        "--socket-type",
        choices=["PUB", "PUSH", "REP"],
        default="REP",
        help="kind of ZeroMQ socket",
    )


def options(args: Namespace) -> dict[str, Any]:
    """The same as arguments of `beambook.extra_data.export.serve_data`."""
    return {
        "append_detector_modules": args.append_detector_modules,
        "dummy_timestamps": args.dummy_timestamps,
        "use_infiniband": args.use_infiniband,
        "sock": args.socket_type,
    }


def until_stopped(work: Callable[[], None]) -> None:
    """Work until it is done or somebody presses Ctrl-C."""
    with suppress(KeyboardInterrupt):
        work()
    click.echo("\nStopped.")
