"""What stays on a page of bounded size: first what did not come out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

__all__ = ["chosen"]

T = TypeVar("T")


def chosen(items: Sequence[T], most: int, *, calm: Callable[[T], bool]) -> list[T]:
    """At most so many of the items, in their order; those that are calm give way first.

    Examples
    --------
    >>> chosen(["same", "same", "different"], 2, calm=lambda item: item == "same")
    ['same', 'different']
    """
    places = sorted(range(len(items)), key=lambda i: (calm(items[i]), i))[:most]
    return [items[i] for i in sorted(places)]
