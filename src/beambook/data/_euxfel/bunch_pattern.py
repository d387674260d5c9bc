"""The bunch pattern of the European XFEL: which of the 2700 places of a train has a bunch.

The bits are those of the timing system's specification, version 2.2 (as in the package
``euxfel_bunch_pattern``): the destination in bits 18 to 21, and bit 27 for the soft kick that
sends a bunch of the north branch to SASE3.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["sase_mask"]

DESTINATION = 0xF << 18
T4D = 4 << 18  # dump of SASE1 and SASE3
T5D = 2 << 18  # dump of SASE2
DEFLECTED = 1 << 27


def sase_mask(table: NDArray[Any], sase: int) -> NDArray[np.bool_]:
    """Which places have a bunch that lases in an undulator.

    Parameters
    ----------
    table : ndarray of unsigned integers, (..., places)
        ``data.bunchPatternTable``. The place is the pulse id, in steps of 4.51 MHz.
    sase : {1, 2, 3}

    Returns
    -------
    ndarray of bool, (..., places)

    Raises
    ------
    ValueError
        Another number.

    Examples
    --------
    >>> table = np.array([0, 2 << 18, 4 << 18, 4 << 18 | 1 << 27])
    >>> [sase_mask(table, n).nonzero()[0].tolist() for n in (1, 2, 3)]
    [[2], [1], [3]]
    """
    if sase not in (1, 2, 3):
        raise ValueError(f"There are SASE1, SASE2 and SASE3, no SASE{sase}")
    table = table.astype(np.uint32, copy=False)
    reached = (table & DESTINATION) == (T5D if sase == 2 else T4D)
    if sase == 2:
        return np.asarray(reached)
    return np.asarray(reached & (((table & DEFLECTED) != 0) == (sase == 3)))
