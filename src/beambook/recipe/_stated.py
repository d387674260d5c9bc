"""Recorded results found again in what a notebook prints, so that their own tolerance holds.

An author who records ``edge`` with a tolerance of 0.5 eV, and prints it as well, has said once how
well it is known. A printed number counts as the result only where both notebooks show, to their
printed digits, what they themselves recorded: a number that somebody changed in a text alone, or
that only happens to be near, is compared as any other. Small whole numbers are alike too often:
they count where the result's name stands beside them, or nothing else does.
"""

from __future__ import annotations

import re
from base64 import b64decode
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any

import numpy as np

from beambook.recipe._cells import Cell
from beambook.recipe._numbers import Number
from beambook.recipe._tally import Tally, Tolerance, relative

__all__ = ["MOST", "Stated", "of_error", "own_tolerance", "shown_by", "stated_by", "words_of"]

MOST = 100  # numbers of one result that are sought in texts
LARGEST = 1e300  # integers beyond this are no floats
HALF = 0.501  # of the last printed digit
DIGITS = 2  # with fewer, many a number looks like many another …
WHOLE_DIGITS = 3  # … and counts of peaks and runs even more so

_BY_REFERENCE = attrgetter("reference")

Document = Mapping[str, Any]


@dataclass(frozen=True)
class Stated:
    """A number that both notebooks recorded under one name, with a tolerance.

    Attributes
    ----------
    name : str
    value, reference : float or int
    tolerance : Tolerance
        The author's own.
    count : int
        Numbers of the result that this is one of.
    words : frozenset of str
        Of its name.
    """

    name: str
    value: float
    reference: float
    tolerance: Tolerance
    count: int = 1
    words: frozenset[str] = field(init=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "words", words_of(self.name))

    def shown(self, a: Number, b: Number, beside: frozenset[str] | int) -> bool:
        """Whether `a` prints what was recorded here, and `b` what the reference recorded."""
        digits = max(a.digits, b.digits)  # %g writes 49 995 as 5e+04
        whole = a.whole or b.whole
        enough = digits >= (WHOLE_DIGITS if whole else DIGITS)
        return all(
            number.value == recorded or (enough and _rounds_to(number, recorded))
            for number, recorded in ((a, self.value), (b, self.reference))
        ) and (enough or not whole or self._named(beside))

    def _named(self, beside: frozenset[str] | int) -> bool:
        if isinstance(beside, int):
            return beside == self.count
        return bool(beside & self.words)

    @property
    def agrees(self) -> bool:
        """Whether the recorded numbers differ by no more than their author allows."""
        return self.tolerance.near(self.value, self.reference)

    def compare(self, a: Number, b: Number, tally: Tally, where: str) -> None:
        """Judge the recorded numbers, which are known better than the printed ones."""
        if self.agrees:
            tally.within(relative(a.value, b.value), noise=0.0)  # a tolerance shows no noise
            note = f"{b.value:.12g} is the recorded {self.name!r}: its tolerance holds"
            note = f"{note} ({self.tolerance})"
            tally.notes += [note] if note not in tally.notes else []
            return
        place = f"{where}, recorded {self.name!r}" if where else f"recorded {self.name!r}"
        change = relative(a.value, b.value)
        numbers = f"{a.value:.12g}", f"{b.value:.12g}"
        tally.differ(place, *numbers, relative=change, tolerance=self.tolerance)


def _rounds_to(number: Number, recorded: float) -> bool:
    half = HALF * number.unit
    return recorded - half <= number.value <= recorded + half


def words_of(text: str) -> frozenset[str]:
    """The words of a text, by which a result's name is known again.

    Examples
    --------
    >>> sorted(words_of("n_peaks = 3 Peak(s)"))
    ['n', 'peak']
    """
    found = (word.removesuffix("s") for word in re.findall(r"[^\W\d_]+", text.lower()))
    return frozenset(filter(None, found))


def shown_by(
    stated: Sequence[Stated], a: Number, b: Number, beside: frozenset[str] | int
) -> Stated | None:
    """The recorded result that two numbers print, the strictest of several.

    Parameters
    ----------
    stated : sequence of Stated
        In the order of their references, for there may be thousands.
    a, b : Number
        The value and the reference.
    beside : frozenset of str, or int
        The words beside the numbers; where there are none, how many numbers are shown together.
    """
    if abs(b.value) > LARGEST:
        return None
    half = HALF * b.unit
    first = bisect_left(stated, b.value - half, key=_BY_REFERENCE)
    last = bisect_right(stated, b.value + half, key=_BY_REFERENCE)
    found = (each for each in stated[first:last] if each.shown(a, b, beside))
    return min(found, key=lambda s: s.tolerance.allowed(s.value, s.reference), default=None)


def stated_by(mine: Iterable[Cell], theirs: Iterable[Cell]) -> tuple[Stated, ...]:
    """What both notebooks recorded under the same name and unit, with the author's tolerance.

    In the order of the references, as `shown_by` takes them.
    """
    here, there = _results(mine), _results(theirs)
    found = (
        each
        for name, references in there.items()
        if len(here.get(name, ())) == len(references)
        for value, reference in zip(here[name], references, strict=True)
        for each in _numbers(name, value, reference)
    )
    return tuple(sorted(found, key=_BY_REFERENCE))


def _results(cells: Iterable[Cell]) -> dict[str, list[Document]]:
    """Recorded results by name, in order; those that are not compared say nothing."""
    found: dict[str, list[Document]] = {}
    for cell in cells:
        for output in () if cell.skipped else cell.outputs:
            if output.result:
                found.setdefault(str(output.result.get("name")), []).append(output.result)
    return found


def _numbers(name: str, value: Document, reference: Document) -> Iterator[Stated]:
    if value.get("unit", "") != reference.get("unit", ""):
        return
    try:
        tolerance = own_tolerance(reference) or own_tolerance(value)
        both = [
            (dict(_flat(d.get("value"), name)), dict(_flat(d.get("error"), f"{name}: error")))
            for d in (value, reference)
        ]
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError):
        return  # damaged, which is said where the result itself is compared
    if tolerance is None:
        return
    (values, errors), (references, of_references) = both
    yield from _pairs(values, references, tolerance)
    yield from _pairs(errors, of_references, of_error(tolerance))


def _pairs(
    values: Mapping[str, float], references: Mapping[str, float], tolerance: Tolerance
) -> Iterator[Stated]:
    if values.keys() == references.keys() and len(values) <= MOST:
        for name, reference in references.items():
            yield Stated(name, values[name], reference, tolerance, len(values))


def _flat(value: Any, name: str) -> Iterator[tuple[str, float]]:
    """The numbers of a recorded value by their places in it."""
    if isinstance(value, Mapping):
        if value.get("type") == "array" and "f8" in value:
            yield from _flat(np.frombuffer(b64decode(value["f8"]), "<f8").tolist(), name)
        elif value.get("type") == "mapping":
            for key, item in value["items"]:
                yield from _flat(item, f"{name}[{key!r}]")
    elif isinstance(value, list):
        for place, item in enumerate(value):
            yield from _flat(item, f"{name}[{place}]")
    elif isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < LARGEST:
        yield name, value


def own_tolerance(result: Document) -> Tolerance | None:
    """The tolerance that a result was recorded with; None where its author gave none."""
    if "tol" not in result and "rtol" not in result:
        return None
    return Tolerance(float(result.get("rtol", 0.0)), float(result.get("tol", 0.0)))


def of_error(tolerance: Tolerance) -> Tolerance:
    """That of a result's uncertainty, of which nobody needs more than two digits."""
    return Tolerance(max(tolerance.rtol, 1e-2), tolerance.atol)
