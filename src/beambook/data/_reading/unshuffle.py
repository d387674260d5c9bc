"""Machine code that puts the bytes of elements together again. Importing this file loads numba."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from beambook.machine_code import compiled

__all__ = ["combine"]


@compiled(boundscheck=False)
def _two(planes: NDArray[np.uint8], out: NDArray[np.uint16]) -> None:
    a, b = planes[0], planes[1]
    for i in range(len(out)):
        out[i] = np.uint16(a[i]) | np.uint16(b[i]) << np.uint16(8)


@compiled(boundscheck=False)
def _four(planes: NDArray[np.uint8], out: NDArray[np.uint32]) -> None:
    a, b, c, d = planes[0], planes[1], planes[2], planes[3]
    for i in range(len(out)):
        low = np.uint32(a[i]) | np.uint32(b[i]) << np.uint32(8)
        out[i] = low | np.uint32(c[i]) << np.uint32(16) | np.uint32(d[i]) << np.uint32(24)


@compiled(boundscheck=False)
def _eight(planes: NDArray[np.uint8], out: NDArray[np.uint64]) -> None:
    for i in range(len(out)):
        value = np.uint64(0)
        for place in range(8):
            value |= np.uint64(planes[place, i]) << np.uint64(8 * place)
        out[i] = value


KERNELS: dict[int, Any] = {2: _two, 4: _four, 8: _eight}


def combine(planes: NDArray[np.uint8], out: NDArray[Any]) -> None:
    """Elements from their bytes.

    Parameters
    ----------
    planes : ndarray of uint8 (2, 4 or 8, elements)
        First bytes of all elements, then second ones …
    out : ndarray of uint16, uint32 or uint64 (elements,)
    """
    kernel = KERNELS[len(planes)]
    kernel(planes, out)
