"""Two sequences brought together by what their members are recognised by."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from difflib import SequenceMatcher
from typing import TypeVar

__all__ = ["aligned", "opcodes"]

MANY = 5000  # members from which on popular ones are not sought everywhere

H = TypeVar("H", bound=Hashable)


def opcodes(mine: Sequence[H], theirs: Sequence[H]) -> Sequence[tuple[str, int, int, int, int]]:
    """As `difflib.SequenceMatcher.get_opcodes`."""
    many = max(len(mine), len(theirs)) > MANY
    return SequenceMatcher(a=mine, b=theirs, autojunk=many).get_opcodes()


def aligned(mine: Sequence[H], theirs: Sequence[H]) -> list[tuple[int | None, int | None]]:
    """Positions that belong together, in order; None where one side has nothing.

    Examples
    --------
    >>> aligned("abd", "abcd")
    [(0, 0), (1, 1), (None, 2), (2, 3)]
    """
    pairs: list[tuple[int | None, int | None]] = []
    for _, i, i2, j, j2 in opcodes(mine, theirs):
        count = min(i2 - i, j2 - j)
        pairs += [(i + k, j + k) for k in range(count)]
        pairs += [(None, k) for k in range(j + count, j2)]
        pairs += [(k, None) for k in range(i + count, i2)]
    return pairs
