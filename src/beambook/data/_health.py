"""Faults that show when a run is opened, without reading any data."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from beambook.data._event_ids import repeated, rising
from beambook.data._findings import Finding
from beambook.data._format import Part
from beambook.data._store import Store

__all__ = ["conflicts", "opening_findings"]


def opening_findings(
    store: Store, *, whole_run: bool, unreadable: Iterable[str] = ()
) -> Iterator[Finding]:
    """Doubtful, repeated and disordered trains, and gaps in the numbering of files.

    Parameters
    ----------
    store : Store
    whole_run : bool
        Whether the parts are meant to be all of a run.
    unreadable : iterable of str
        Names of files that are there but could not be read.
    """
    for part in store.parts:
        yield from part.findings
        yield from _of_part(part)
    if whole_run:
        yield from _missing_sequences(store.parts, tuple(unreadable))
    yield from _in_two_files(store)


def _of_part(part: Part) -> Iterator[Finding]:
    name, ids = part.file.path.name, part.event_ids
    if number := int(np.count_nonzero(part.suspect)):
        example = f"e.g. {ids[part.suspect][0]}"
        yield Finding("suspect train ids", name, number, example)
    if rising(ids):
        return
    unique, counts = np.unique(ids, return_counts=True)
    if number := int((counts - 1).sum()):
        yield Finding("duplicated trains", name, number, f"e.g. {unique[counts > 1][0]}")
    back = np.flatnonzero(ids[1:] < ids[:-1])
    if len(back):
        example = f"e.g. {ids[back[0] + 1]} after {ids[back[0]]}"
        yield Finding("disordered trains", name, len(back), example)


def _missing_sequences(parts: Iterable[Part], unreadable: tuple[str, ...]) -> Iterator[Finding]:
    numbers: dict[tuple[str, str], set[int]] = {}
    for part in parts:
        if part.sequence is not None:
            folder = os.path.dirname(part.file.path)  # of a thousand: Path.parent takes longer
            numbers.setdefault((folder, part.writer), set()).add(part.sequence)
    for (_, writer), found in sorted(numbers.items()):
        names = [f"S{number:05d}" for number in range(max(found) + 1) if number not in found]
        ending = writer.rpartition(" ")[2]
        gone = [n for n in names if not any(f"{ending}-{n}" in file for file in unreadable)]
        if gone:
            yield Finding("missing sequence", writer, len(gone), ", ".join(gone))


def _in_two_files(store: Store) -> Iterator[Finding]:
    """Trains that several files have for the same sources."""
    for numbers in sorted(set(store.sources.values())):
        parts = [store.parts[number] for number in numbers]
        found = repeated([store.ids_of(part) for part in parts])
        if len(found):
            names = ", ".join(_names_with(parts, found[0]))
            yield Finding("duplicated trains", names, len(found), f"e.g. {found[0]}")


def _names_with(parts: Sequence[Part], event_id: np.uint64) -> Iterator[str]:
    return (part.file.path.name for part in parts if event_id in part.event_ids)


def conflicts(one: Store, other: Store, sources: Iterable[str]) -> list[str]:
    """Sources of which different files in the two stores have the same event."""
    seen: dict[tuple[tuple[int, ...], tuple[int, ...]], bool] = {}
    clash = []
    for source in sorted(sources):
        pair = one.sources[source], other.sources[source]
        if pair not in seen:
            seen[pair] = _overlap(
                [one.parts[n] for n in pair[0]], [other.parts[n] for n in pair[1]]
            )
        if seen[pair]:
            clash.append(source)
    return clash


def _overlap(one: Sequence[Part], other: Sequence[Part]) -> bool:
    shared = {p.file.path for p in one} & {p.file.path for p in other}
    mine = [p.event_ids for p in one if p.file.path not in shared]
    theirs = [p.event_ids for p in other if p.file.path not in shared]
    if not mine or not theirs:
        return False
    return bool(np.isin(np.concatenate(mine), np.concatenate(theirs)).any())
