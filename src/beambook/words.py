"""Lists of names in messages."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["few"]


def few(names: Sequence[str], most: int) -> str:
    """The first names of a list, and how many more there are.

    Parameters
    ----------
    names : sequence of str
    most : int
        How many are named.

    Returns
    -------
    str

    Examples
    --------
    >>> few(["numpy", "scipy", "xarray"], 2)
    'numpy, scipy and 1 more'
    """
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more} more" if more > 0 else "")
