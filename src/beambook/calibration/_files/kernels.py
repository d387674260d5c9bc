"""Machine code for what is done with each corrected frame besides correcting it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from beambook.machine_code import compiled

__all__ = ["STATISTICS", "shuffle", "statistics"]

STATISTICS = 5  # numbers of a frame, see `statistics`


@compiled(boundscheck=False)
def shuffle(values: NDArray[np.uint32], out: NDArray[np.uint8]) -> None:
    """The first bytes of all values (pixels,), then the second ones … (4, pixels)."""
    for place in range(4):
        shift = np.uint32(8 * place)
        plane = out[place]
        for i in range(len(values)):
            plane[i] = np.uint8(values[i] >> shift)


@compiled(boundscheck=False, fastmath={"reassoc", "nsz"})
def statistics(data: Any, gain: Any, mask: Any, out: Any) -> None:
    """Five numbers of each frame, in one pass while it is in the processor's cache.

    The order of the sum is the compiler's, and the same for every frame: what comes out does
    not depend on blocks or threads.

    Parameters
    ----------
    data : ndarray of float32, (frames, pixels)
    gain : ndarray of uint8, (frames, pixels)
    mask : ndarray of uint32, (frames, pixels)
    out : ndarray of float64, (frames, 5)
        Good pixels in high, medium and low gain, bad ones, and the sum of good values.
    """
    for frame in range(data.shape[0]):
        d, g, m = data[frame], gain[frame], mask[frame]
        total, good, medium, low = 0.0, 0, 0, 0
        for i in range(len(d)):
            fine = m[i] == np.uint32(0)
            total += np.float64(d[i]) if fine else 0.0
            good += int(fine)
            medium += int(fine and g[i] == np.uint8(1))
            low += int(fine and g[i] == np.uint8(2))
        out[frame, 0] = good - medium - low
        out[frame, 1], out[frame, 2] = medium, low
        out[frame, 3], out[frame, 4] = len(d) - good, total
