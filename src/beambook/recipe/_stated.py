"""Recorded results found again in what a notebook prints, so that their own tolerance holds.

An author who records ``edge`` with a tolerance of 0.5 eV, and prints it as well, has said once how
well it is known. A printed number counts as the result only where both notebooks show, to their
printed digits, what they themselves recorded: a number that somebody changed in a text alone, or
that only happens to be near, is compared as any other.
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from beambook.recipe._cells import Cell
from beambook.recipe._numbers import Number
from beambook.recipe._tally import Tally, Tolerance, relative

__all__ = ["MOST", "Stated", "of_error", "own_tolerance", "shown_by", "stated_by"]

MOST = 100  # numbers of one result that are sought in texts
LARGEST = 1e300  # integers beyond this are no floats
HALF = 0.501  # of the last printed digit
DIGITS = 2  # with fewer, many a number looks like many another …
WHOLE_DIGITS = 3  # … and counts of peaks and runs even more so

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
    """

    name: str
    value: float
    reference: float
    tolerance: Tolerance

    def shown(self, a: Number, b: Number) -> bool:
        """Whether `a` prints what was recorded here, and `b` what the reference recorded."""
        digits = max(a.digits, b.digits)  # %g writes 49 995 as 5e+04
        enough = digits >= (WHOLE_DIGITS if a.whole or b.whole else DIGITS)
        return all(
            number.value == recorded or (enough and _rounds_to(number, recorded))
            for number, recorded in ((a, self.value), (b, self.reference))
        )

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


def shown_by(stated: Iterable[Stated], a: Number, b: Number) -> Stated | None:
    """The recorded result that `a` and `b` print, the strictest of several; None: it is none."""
    found = (each for each in stated if each.shown(a, b))
    return min(found, key=lambda s: s.tolerance.allowed(s.value, s.reference), default=None)


def stated_by(mine: Iterable[Cell], theirs: Iterable[Cell]) -> tuple[Stated, ...]:
    """What both notebooks recorded under the same name and unit, with the author's tolerance."""
    here, there = _results(mine), _results(theirs)
    return tuple(
        each
        for name, references in there.items()
        if len(here.get(name, ())) == len(references)
        for value, reference in zip(here[name], references, strict=True)
        for each in _numbers(name, value, reference)
    )


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
            (list(_flat(d.get("value"))), list(_flat(d.get("error")))) for d in (value, reference)
        ]
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError):
        return  # damaged, which is said where the result itself is compared
    if tolerance is None:
        return
    (values, errors), (references, of_references) = both
    yield from _pairs(name, values, references, tolerance)
    yield from _pairs(f"{name}: error", errors, of_references, of_error(tolerance))


def _pairs(
    name: str, values: list[float], references: list[float], tolerance: Tolerance
) -> Iterator[Stated]:
    if len(values) == len(references) <= MOST:
        for a, b in zip(values, references, strict=True):
            yield Stated(name, a, b, tolerance)


def _flat(value: Any) -> Iterator[float]:
    """The numbers of a recorded value, in order."""
    if isinstance(value, Mapping):
        if value.get("type") == "array" and "f8" in value:
            yield from np.frombuffer(b64decode(value["f8"]), "<f8").tolist()
        elif value.get("type") == "mapping":
            for _, item in value["items"]:
                yield from _flat(item)
    elif isinstance(value, list):
        for item in value:
            yield from _flat(item)
    elif isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < LARGEST:
        yield value


def own_tolerance(result: Document) -> Tolerance | None:
    """The tolerance that a result was recorded with; None where its author gave none."""
    if "tol" not in result and "rtol" not in result:
        return None
    return Tolerance(float(result.get("rtol", 0.0)), float(result.get("tol", 0.0)))


def of_error(tolerance: Tolerance) -> Tolerance:
    """That of a result's uncertainty, of which nobody needs more than two digits."""
    return Tolerance(max(tolerance.rtol, 1e-2), tolerance.atol)
