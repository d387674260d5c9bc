"""``karabo-bridge-serve-files``: send the trains of a file or a run."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Sequence

from beambook.extra_data.cli._reason import ends_with_reason
from beambook.extra_data.cli._serving import add_options, options, until_stopped
from beambook.extra_data.export import serve_files

__all__ = ["main"]


@ends_with_reason
def main(argv: Sequence[str] | None = None) -> None:
    """Send trains until they are all sent."""
    parser = ArgumentParser("karabo-bridge-serve-files", description=__doc__)
    parser.add_argument("path", help="a file, or the folder of a run")
    parser.add_argument("port", help="TCP port, or address of ZeroMQ")
    parser.add_argument("--source", default="*", help="pattern of sources")
    parser.add_argument("--key", default="*", help="pattern of keys")
    add_options(parser)
    args = parser.parse_args(argv)
    until_stopped(lambda: serve_files(args.path, args.port, args.source, args.key, **options(args)))


if __name__ == "__main__":
    main()
