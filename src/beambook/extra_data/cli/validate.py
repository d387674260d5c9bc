"""``extra-data-validate``: see what is wrong with a file or a run."""

from __future__ import annotations

import sys

from beambook.extra_data.validation import main

__all__ = ["main"]

if __name__ == "__main__":
    sys.exit(main())
