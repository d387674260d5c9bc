"""Whether files are of one run, and what they say about it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from pathlib import Path

from beambook.data._euxfel.names import FileName
from beambook.data._format import Part

__all__ = ["metadata_of", "one_run"]

SAME = ("proposalNumber", "runNumber")


def one_run(parts: Sequence[Part]) -> bool:
    """Whether all files are of one run: in one folder, or with the same proposal and run number.

    Opens at most one file of each folder.
    """
    firsts = _first_of_each(parts)
    if len(firsts) < 2:
        return True
    numbers = {tuple(part.facts.get(name) for name in SAME) for part in firsts}
    return len(numbers) == 1 and None not in next(iter(numbers))


def metadata_of(parts: Sequence[Part]) -> dict[str, str | int]:
    """What the first file says; of several runs, what the first files of all agree on."""
    firsts = _first_of_each(parts)
    if not firsts:
        return {}
    if one_run(parts):
        return dict(firsts[0].facts)
    facts = [set(part.facts.items()) for part in firsts]
    common = reduce(set.__and__, facts)
    return {name: value for name, value in firsts[0].facts.items() if (name, value) in common}


def _first_of_each(parts: Sequence[Part]) -> list[Part]:
    found: dict[tuple[Path, int | None], Part] = {}
    for part in parts:
        name = FileName.of(part.file.path)
        found.setdefault((part.file.path.parent, name.run if name else None), part)
    return list(found.values())
