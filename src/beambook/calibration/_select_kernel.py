"""Machine code that all corrections share: choose a constant by gain stage, check the value.

A choice ``a if stage else b`` becomes a branch, and is then never vectorised. So stages are whole
words of ones or zeros, and the choice is made between the bits of the constants: ``high``,
``above`` (ones where the stage is medium or low) and ``low`` (ones where it is low) give
``h ^ ((h ^ m) & above)``, then the same with the low stage's constant. Each pass is short, and
reads and writes few arrays: beyond about eight pairs that could overlap, the compiler
gives up proving that they do not.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from beambook.machine_code import compiled

__all__ = [
    "LARGEST",
    "check_values",
    "mark_stages",
    "multiply",
    "round_to_photons",
    "select",
    "subtract_from",
    "zero_bad_values",
]

LARGEST = np.float32(1e7)  # what lies beyond is no signal
_LARGEST_BITS = 0x4B189680  # of 1e7; the bits of positive floats sort like the floats
_INFINITY_BITS = 0x7F800000
_WITHOUT_SIGN = 0x7FFFFFFF
_IS_NAN = 1 << 11
_OUT_OF_RANGE = 1 << 12


@compiled(boundscheck=False)
def select(high: Any, medium: Any, low: Any, above: Any, lowest: Any, out: Any) -> None:
    """Bits of the constant of each pixel's stage; all arrays int32."""
    for i in range(len(out)):
        bits = high[i] ^ ((high[i] ^ medium[i]) & above[i])
        out[i] = bits ^ ((bits ^ low[i]) & lowest[i])


@compiled(boundscheck=False)
def subtract_from(raw: Any, data: Any) -> None:
    """`data` holds offsets, and becomes ``raw − offset``."""
    for i in range(len(data)):
        data[i] = np.float32(raw[i]) - data[i]


@compiled(boundscheck=False)
def multiply(factor: Any, data: Any) -> None:
    """Multiply in place."""
    for i in range(len(data)):
        data[i] *= factor[i]


@compiled(boundscheck=False)
def mark_stages(above: Any, low: Any, gain: Any) -> None:
    """Stage 0, 1 or 2 from words of ones."""
    for i in range(len(gain)):
        gain[i] = np.uint8(-(above[i] + low[i]))


@compiled(boundscheck=False)
def check_values(bits: Any, mask: Any) -> None:
    """Set VALUE_IS_NAN or VALUE_OUT_OF_RANGE by the bits of the value; all arrays int32."""
    for i in range(len(mask)):
        size = bits[i] & np.int32(_WITHOUT_SIGN)
        beyond = -np.int32(size > _LARGEST_BITS)
        nan = -np.int32(size > _INFINITY_BITS)
        mask[i] |= (beyond & np.int32(_OUT_OF_RANGE)) ^ (nan & np.int32(_OUT_OF_RANGE ^ _IS_NAN))


@compiled(boundscheck=False)
def zero_bad_values(bits: Any, which: Any) -> None:
    """Put 0 for NaN, and for what is out of range, if `which` has that bit; all int32.

    The mask is not asked: a constant may have these bits where the value is a good one.
    """
    nans = np.int32((which & _IS_NAN) != 0)
    far = np.int32((which & _OUT_OF_RANGE) != 0)
    for i in range(len(bits)):
        size = bits[i] & np.int32(_WITHOUT_SIGN)
        nan = np.int32(size > _INFINITY_BITS)
        beyond = np.int32(size > _LARGEST_BITS) ^ nan
        bits[i] &= (nan & nans | beyond & far) - np.int32(1)


@compiled(boundscheck=False)
def round_to_photons(data: Any, energy: Any, threshold: Any) -> None:
    """Whole photons, not fewer than none; NaN stays."""
    up = np.float32(1) - threshold
    for i in range(len(data)):
        photons = np.floor(data[i] / energy + up)
        data[i] = np.float32(0) if photons < 0 else photons
