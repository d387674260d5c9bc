"""``python -m beambook``: the same as ``beambook``."""

from beambook.cli import main

main()
