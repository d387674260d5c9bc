"""Virtual CXI files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from beambook.data._detector import Detector

__all__ = ["write_cxi"]


def write_cxi(detector: Detector, path: Path, fill: Mapping[str, float]) -> None:
    """Write one."""
    raise NotImplementedError
