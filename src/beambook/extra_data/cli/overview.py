"""``python -m extra_data.voview``: write or check the overview file of a run."""

from __future__ import annotations

import sys

from beambook.extra_data.voview import main

__all__ = ["main"]

if __name__ == "__main__":
    sys.exit(main())
