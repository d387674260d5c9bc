"""Pixels that the correction marked as bad."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from functools import reduce
from operator import or_
from typing import Any

import numpy as np
from numpy.typing import NDArray

from beambook.errors import DataError

__all__ = ["Mask"]


@dataclass(frozen=True)
class Mask:
    """Which pixels are bad, and what they become.

    Attributes
    ----------
    key : str
        Where the reasons are stored, a bit for each.
    bits : int or None
        Reasons that count; None for any.
    value : float
        What bad pixels become.
    """

    key: str
    bits: int | None
    value: float

    @classmethod
    def of(cls, key: str, bits: int | Collection[int] | None, value: float) -> Mask:
        """From one or several bits."""
        if bits is None or isinstance(bits, int | np.integer):
            return cls(key, bits if bits is None else int(bits), value)
        return cls(key, reduce(or_, map(int, bits), 0), value)

    def apply(self, values: NDArray[Any], reasons: NDArray[Any]) -> None:
        """Replace bad pixels.

        Raises
        ------
        DataError
            The value cannot be stored in an array of this type.
        """
        bad = reasons != 0 if self.bits is None else (reasons & reasons.dtype.type(self.bits)) != 0
        try:
            values[bad] = self.value
        except (ValueError, OverflowError) as error:
            raise DataError(
                f"Masked {values.dtype} values cannot be {self.value}",
                hint="Give masked_value, or astype=float.",
            ) from error
