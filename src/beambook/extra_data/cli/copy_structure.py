"""``python -m extra_data.copy``: copy files without their data."""

from __future__ import annotations

from beambook.extra_data.copy import main

__all__ = ["main"]

if __name__ == "__main__":
    main()
