"""Chosen frames."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

if TYPE_CHECKING:
    from beambook.data._detector import Detector

__all__ = ["write_frames"]


def write_frames(
    detector: Detector, path: Path, trains: NDArray[Any], pulses: NDArray[Any]
) -> None:
    """Write them."""
    raise NotImplementedError
