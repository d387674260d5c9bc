"""The result of a dark characterisation: constants of one module, and how they came about."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from beambook.calibration._bad_pixels import BadPixels

__all__ = ["Dark"]


@dataclass(frozen=True, eq=False)
class Dark(Mapping[str, NDArray[Any]]):
    """Constants of a module by name, in the order (gain, cell, slow, fast).

    ``dict(dark)`` gives the arrays alone.

    Attributes
    ----------
    constants : mapping of str to ndarray
        Offset and Noise in float32, ADU; ThresholdsDark (AGIPD), float32, ADU; BadPixelsDark in
        uint32. Of a JUNGFRAU they are called Offset10Hz, Noise10Hz, BadPixelsDark10Hz.
    cells : ndarray of int, (cells,)
        Numbers of the memory cells.
    frames : ndarray of int, (gain, cells)
        How many frames were used.
    missing : ndarray of int, (gain,)
        Frames that should be in the files and are not.
    wrong_gain : ndarray of int, (gain, cells)
        Values that were left out because their gain bits are not those of the run.
    """

    constants: Mapping[str, NDArray[Any]]
    cells: NDArray[np.int64]
    frames: NDArray[np.int64]
    missing: NDArray[np.int64]
    wrong_gain: NDArray[np.int64]

    def __getitem__(self, name: str) -> NDArray[Any]:
        return self.constants[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.constants)

    def __len__(self) -> int:
        return len(self.constants)

    @property
    def bad_pixels(self) -> NDArray[np.uint32]:
        """The mask, whatever it is called: uint32 (gain, cell, slow, fast)."""
        return next(a for name, a in self.constants.items() if name.startswith("BadPixels"))

    def bad_shares(self) -> dict[str, NDArray[np.float64]]:
        """Which share of the pixels is bad, in each gain stage: all of them, and by reason."""
        mask = self.bad_pixels
        reasons = [bit for bit in BadPixels if mask.any() and (mask & np.uint32(bit)).any()]
        shares = {"any": (mask != 0).mean(axis=(1, 2, 3))}
        for bit in reasons:
            shares[str(bit.name)] = ((mask & np.uint32(bit)) != 0).mean(axis=(1, 2, 3))
        return shares
