"""In which order notebooks are executed, and which needs which."""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any

from beambook.errors import PublicationError, close_names
from beambook.publication._declaration import DECLARATION, Declaration
from beambook.publication._order.traffic import Traffic, traffic_of

__all__ = ["Order", "in_order", "order_of", "requirements_of", "unmet"]

_DIGITS = re.compile(r"(\d+)")
EMPTY: Mapping[str, Iterable[str]] = {}
Needs = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class Order:
    """Notebooks in the order in which they are executed.

    Attributes
    ----------
    needs : mapping of str to tuple of str
        Each notebook, in its turn, with those that must have come to their end before.
    circles : tuple of (str, str)
        Pairs that need each other; the first comes first all the same.
    traffic : mapping of str to Traffic
        Files that each notebook writes and reads, as far as its code says.
    """

    needs: Needs
    circles: tuple[tuple[str, str], ...] = ()
    traffic: Mapping[str, Traffic] = field(default_factory=dict)

    def notes(self, wrote: Mapping[str, Iterable[str]] = EMPTY) -> tuple[str, ...]:
        """Which notebooks need each other, come too early, or write the same file.

        Parameters
        ----------
        wrote : mapping of str to iterable of str
            Files that notebooks were seen to write, besides what their code says.
        """
        circles = (
            f"{first} and {second} need each other, as their code says: {first} is executed "
            f"first; order: in {DECLARATION} decides"
            for first, second in self.circles
        )
        writes = {name: {*self.traffic[name].writes, *wrote.get(name, ())} for name in self.needs}
        shared = (
            f"{file} is written by {' and by '.join(names)}: what the last one writes stays"
            for file, names in _writers(writes).items()
            if len(names) > 1
        )
        return (*circles, *self._early(writes), *shared)

    def _early(self, writes: Mapping[str, Iterable[str]]) -> Iterator[str]:
        """Notebooks that look for files which are only written after them."""
        names = list(self.needs)
        for place, name in enumerate(names):
            for other in names[place + 1 :]:
                new = sorted({*writes[other]} - {*writes[name]})
                found = filter(None, map(self.traffic[name].looks_for, new))
                if pattern := next(found, ""):
                    yield (
                        f"{name} looks for {pattern}, and {other}, which is executed after it, "
                        f"writes such files: order: in {DECLARATION} decides"
                    )


def in_order(root: Path, paths: Sequence[Path], declared: Declaration | None = None) -> Order:
    """The order of notebooks that were not executed before.

    Parameters
    ----------
    root : Path
        The folder that they have in common.
    paths : sequence of Path
    declared : Declaration, optional

    Raises
    ------
    PublicationError
        As `order_of` does.
    """
    places = {path: path.relative_to(root) for path in paths}
    return order_of(
        {place.as_posix(): traffic_of(path, place.parent) for path, place in places.items()},
        declared,
    )


def order_of(traffic: Mapping[str, Traffic], declared: Declaration | None = None) -> Order:
    """The order of notebooks that write and read files.

    What the author declares wins. Else a notebook needs the one that writes a file which it
    reads; where nothing says so they are in the order of their names, numbers in them counted
    (``2-fit`` before ``10-plot``).

    Parameters
    ----------
    traffic : mapping of str to Traffic
        By the notebook's path.
    declared : Declaration, optional

    Raises
    ------
    PublicationError
        If the declaration names a notebook that is not there, or goes round in a circle.
    """
    declared = declared or Declaration()
    by_name = {name: traffic[name] for name in sorted(traffic, key=_natural)}
    first = _known([*declared.order, *declared.notebooks], by_name)
    guessed, circles = requirements_of(by_name)
    decided = {n for n, facts in declared.notebooks.items() if "requires" in facts}
    needs = _declared(guessed, declared, by_name)
    names = _sorted(list(dict.fromkeys([*first, *by_name])), needs)
    return Order(
        {name: needs[name] for name in names},
        tuple(c for c in circles if not {*c} <= {*declared.order} and c[0] not in decided),
        by_name,
    )


def requirements_of(
    traffic: Mapping[str, Traffic],
) -> tuple[dict[str, tuple[str, ...]], tuple[tuple[str, str], ...]]:
    """Which notebooks each notebook needs; and what was left out, because it closes a circle.

    Where two need each other, as far as their code says, the one that is named first comes first.
    """
    needs: dict[str, tuple[str, ...]] = dict.fromkeys(traffic, ())
    circles = []
    for name, other in _pairs(traffic):
        if _circle({**needs, name: (*needs[name], other)}):
            circles.append((name, other))
        else:
            needs[name] = (*needs[name], other)
    return needs, tuple(circles)


def _pairs(traffic: Mapping[str, Traffic]) -> list[tuple[str, str]]:
    """A notebook and one that it needs; first those that are in the order of their names."""
    places = {name: place for place, name in enumerate(traffic)}
    pairs = [
        (name, other)
        for name, mine in traffic.items()
        for other, theirs in traffic.items()
        if other != name and ((theirs.writes & mine.reads) or other in mine.reads)
    ]
    return sorted(pairs, key=lambda pair: places[pair[1]] > places[pair[0]])


def unmet(needed: Iterable[str], failed: Container[str]) -> str:
    """Why a notebook is not executed: what it needs has failed. Empty if nothing it needs has."""
    broken = next((name for name in needed if name in failed), "")
    return f"needs {broken}, which did not come to its end" if broken else ""


def _writers(writes: Mapping[str, Iterable[str]]) -> dict[str, tuple[str, ...]]:
    writers: dict[str, tuple[str, ...]] = {}
    for name, files in writes.items():
        for file in sorted(files):
            writers[file] = (*writers.get(file, ()), name)
    return writers


def _declared(
    guessed: Needs, declared: Declaration, known: Iterable[str]
) -> dict[str, tuple[str, ...]]:
    """A declared order is not contradicted by a guess; what is required is what is declared."""
    needs = dict(guessed)
    places = {name: place for place, name in enumerate(declared.order)}
    for name in places:
        before = (n for n in needs[name] if places.get(n, len(needs)) < places[name])
        needs[name] = tuple(before)
    for name, facts in declared.notebooks.items():
        if "requires" in facts:
            needs[name] = _known(_listed(facts["requires"]), known)
    return needs


def _known(names: Sequence[str], known: Iterable[str]) -> tuple[str, ...]:
    there = list(known)
    for name in names:
        if name not in there:
            close = close_names(name, there) or sorted(there)[:3]
            hint = f"Did you mean {' or '.join(close)}?"
            raise PublicationError(f"{DECLARATION} names no notebook {name!r} here", hint=hint)
    return tuple(dict.fromkeys(names))


def _listed(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(map(str, value or []))


def _sorted(names: list[str], needs: Needs) -> list[str]:
    """Of those that can be next always the first."""
    if circle := _circle(needs):
        raise PublicationError(f"The notebooks require each other: {' → '.join(circle)}")
    done: list[str] = []
    while len(done) < len(names):
        done.append(next(n for n in names if n not in done and set(needs[n]) <= set(done)))
    return done


def _circle(needs: Needs) -> tuple[str, ...]:
    try:
        TopologicalSorter(needs).prepare()
    except CycleError as error:
        return tuple(map(str, error.args[1]))
    return ()


def _natural(name: str) -> list[tuple[bool, int, str]]:
    """A key by which ``10`` comes after ``2``."""
    parts = _DIGITS.split(name.lower())
    return [(not part.isdigit(), int(part) if part.isdigit() else 0, part) for part in parts]
