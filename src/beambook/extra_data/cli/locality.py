"""``extra-data-locality``: say where dCache has the files of a run."""

from __future__ import annotations

import sys

from beambook.extra_data.locality import main

__all__ = ["main"]

if __name__ == "__main__":
    sys.exit(main())
