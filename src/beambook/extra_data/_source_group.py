"""Names of sources that differ in one place, written as one: ``SPB/MOTOR/{X, Y}``."""

from __future__ import annotations

import re
from collections.abc import Iterable

__all__ = ["SourceGroup"]

PIECE = re.compile(r"(\d+|[a-zA-Z]+)")
ONE_LONG_WORD = re.compile(r"[^a-zA-Z0-9]*[a-zA-Z]{3,}")


class SourceGroup:
    """Names of sources that differ in one word or number.

    Examples
    --------
    >>> group = SourceGroup()
    >>> [group.add(f"FXE_SMS_USR/MOTOR/UM{n}") for n in ("01", "02", "03", "08")]
    [True, True, True, True]
    >>> group.add("FXE_SMS_USR/CAM/UM01")
    False
    >>> str(group)
    'FXE_SMS_USR/MOTOR/UM{01-03, 08}'
    """

    def __init__(self) -> None:
        self._names: list[list[str]] = []

    def __bool__(self) -> bool:
        return bool(self._names)

    @staticmethod
    def split_name(name: str) -> list[str]:
        """Cut a name where it may differ from others of a group.

        Returns
        -------
        list of str
            In turn what has to be the same and what may differ, beginning and ending with the
            first kind. A part between slashes that is one long word has to be the same: two
            devices of different classes are no group.
        """
        device, _, channel = name.partition(":")
        first, *others = device.split("/")
        pieces = PIECE.split(first)
        for text in others:
            long_word = ONE_LONG_WORD.fullmatch(text)
            pieces = _joined(pieces, "/", [text] if long_word else PIECE.split(text))
        return _joined(pieces, ":", PIECE.split(channel)) if channel else pieces

    def add(self, name: str) -> bool:
        """Add a name if it differs from the others in the place where they do.

        Returns
        -------
        bool
            Whether it was added.
        """
        pieces = self.split_name(name)
        if self._names:
            places = _different([*self._names, pieces])
            if len(places) != 1 or places[0] % 2 == 0:
                return False
        self._names.append(pieces)
        return True

    def __str__(self) -> str:
        if not self._names:
            return ""
        pieces = list(self._names[0])
        for place in _different(self._names):
            varying = sorted({name[place] for name in self._names})
            numbers = all(text.isdigit() for text in varying)
            pieces[place] = "{" + ", ".join(_ranges(varying) if numbers else varying) + "}"
        return "".join(pieces)


def _joined(before: list[str], separator: str, after: list[str]) -> list[str]:
    return [*before[:-1], before[-1] + separator + after[0], *after[1:]]


def _different(names: list[list[str]]) -> list[int]:
    """Where not all names are the same; nowhere, said as an even place, if of other lengths."""
    if len({len(name) for name in names}) > 1:
        return [0]
    return [place for place, pieces in enumerate(zip(*names, strict=True)) if len(set(pieces)) > 1]


def _ranges(numbers: Iterable[str]) -> list[str]:
    """``01 02 03 08`` as ``01-03`` and ``08``."""
    ranges: list[list[str]] = []
    for number in sorted(numbers, key=int):
        if ranges and int(number) == int(ranges[-1][-1]) + 1:
            ranges[-1].append(number)
        else:
            ranges.append([number])
    return [run[0] if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in ranges]
