"""Sentences: the first cause, and what two legs say together."""

from __future__ import annotations

import re
from collections.abc import Sequence

from beambook.publication._verify.leg import Answer, Leg
from beambook.words import few

__all__ = ["answer_of", "cause_of", "pair_of", "why_no_software"]

NAMED = 3
_REASONS = (
    (re.compile(r"(\S+) has no (?:usable )?wheels"), "{} has no wheel for this Python"),
    (re.compile(r"(\S+) was not found in the package registry"), "no index has {}"),
    (
        re.compile(r"(\S+) was not found in the cache"),
        "{} is not here (offline)",
    ),
    (re.compile(r"there (?:is|are) no versions? of ([^\s,]+)"), "there is no {}"),
)


def why_no_software(message: str) -> str:
    """What a resolver says in a paragraph, in a few words; else as it is.

    Examples
    --------
    >>> why_no_software("No solution: Because numpy==1.21.0 has no usable wheels and you ask …")
    'numpy==1.21.0 has no wheel for this Python'
    """
    text = " ".join(message.split())
    found = (words.format(m[1]) for pattern, words in _REASONS if (m := pattern.search(text)))
    return next(found, text)


def answer_of(legs: Sequence[Leg]) -> Answer:
    """The answer of the first leg that could be executed."""
    return next((leg.status for leg in legs if leg.ran), "not verified")


def cause_of(legs: Sequence[Leg]) -> str:
    """Why it did not come out, of the first leg that says so; empty when it came out.

    A leg that could not even begin is named before those that could.
    """
    if not legs:
        return "there was nothing to execute"
    judging = next((leg for leg in legs if leg.ran), legs[0])
    return "" if judging.ok else judging.cause


def pair_of(legs: Sequence[Leg]) -> str:
    """What two legs say together; empty unless there are two.

    The same notebooks in the software they were made with and in the newest: where only the
    newest is different, the software has changed what comes out; where both are, it is the
    notebook, its data, or that it was never so.
    """
    if len(legs) != 2:
        return ""
    first, second = legs
    for leg, other in ((first, second), (second, first)):
        if not leg.ran:
            return f"Only the {other.name} leg could be executed ({leg.name}: {leg.cause})"
    return _both_ran(first, second)


def _both_ran(first: Leg, second: Leg) -> str:
    if first.ok and second.ok:
        return (
            f"It comes out in the {first.name} software and in the {second.name}: "
            "neither the science nor the software has changed what comes out"
        )
    if first.ok:
        return (
            f"It comes out in the {first.name} software and not in the {second.name}: "
            f"the software has changed, not the science{_suspects(first, second)}"
        )
    if second.ok:
        return (
            f"It comes out in the {second.name} software and not in the {first.name}: the "
            f"stored results were not made with the {first.name} software{_suspects(first, second)}"
        )
    if _bad_cells(first) == _bad_cells(second):
        return (
            "The same cells do not come out in either software: it is the notebook, its data or "
            "the stored results, not the versions of packages"
        )
    return (
        "It does not come out in either software, and not in the same cells: both the notebook "
        f"(or its data) and the software have a part in it{_suspects(first, second)}"
    )


def _bad_cells(leg: Leg) -> set[tuple[str, int]]:
    return {
        (notebook.path, cell.number)
        for notebook in leg.notebooks
        for cell in notebook.cells
        if cell.status in ("different", "error", "missing software")
    }


def _suspects(first: Leg, second: Leg) -> str:
    """Packages with another major version, those that the cause names first."""
    old, new = first.software.packages, second.software.packages
    changed = [n for n in old if n in new and _major(old[n]) != _major(new[n])]
    changed.sort(key=lambda name: (name not in f"{first.cause} {second.cause}", name))
    shown = [f"{name} {old[name]} → {new[name]}" for name in changed]
    return f" (changed: {few(shown, NAMED)})" if shown else ""


def _major(version: str) -> str:
    return version.partition(".")[0]
