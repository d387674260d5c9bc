"""One command: ``beambook``."""

from beambook.cli._main import main

__all__ = ["main"]
