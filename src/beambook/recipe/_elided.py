"""Shown texts that were cut short: ``/tmp/a/run-2...`` for a path of sixty characters.

pandas, xarray and others cut what is longer than a column. What was cut depends on the folder
that somebody works in, and says less than the data stored beside it.
"""

from __future__ import annotations

import html
import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from beambook.recipe._volatile import GONE

__all__ = ["CUT", "without_elided"]

CUT = re.compile(r"(?:(?<=\S)|(?<=\S ))(?:\.\.\.|…)")  # the mark of a cut
_BORDER = re.compile(r"(?:^|(?<=[\s>'\"(\[{=,;]))(?=\S)", re.M)  # where a value may begin
REACH = 400  # characters before the mark in which the value begins
MANY = 20_000  # stored texts; nobody shows more


def without_elided(a: str, b: str, stored: tuple[Any, Any]) -> tuple[str, str]:
    """Both texts, without those stored values of which one of them shows only the beginning.

    Parameters
    ----------
    a, b : str
        What is shown of the value and of the reference: plain or HTML.
    stored : tuple
        The data that stand beside them, as JSON, which were found to agree.

    Examples
    --------
    >>> data = ["/tmp/somewhere/r1.h5"], ["/data/r1.h5"]
    >>> without_elided("0  /tmp/some...  1.5", "0  /data/r1.h5  1.5", data)
    ('0  ⟨volatile⟩  1.5', '0  ⟨volatile⟩  1.5')
    """
    if not (CUT.search(a) or CUT.search(b)):
        return a, b
    pairs = set(islice(zip(*map(_texts, stored), strict=False), MANY))
    shown = [_beginnings(text, sorted(names)) for text, names in _by_side((a, b), pairs)]
    cut = [p for p in pairs if any(_begins(w, s) for w, s in zip(p, shown, strict=True))]
    one, two = (_masked(text, shown[i], [pair[i] for pair in cut]) for i, text in enumerate((a, b)))
    return one, two


def _by_side(
    texts: tuple[str, str], pairs: Iterable[tuple[str, str]]
) -> Iterator[tuple[str, set[str]]]:
    for i, text in enumerate(texts):
        yield text, {form for pair in pairs for form in _forms(pair[i])}


def _forms(text: str) -> tuple[str, str]:
    return text, html.escape(text, quote=False)


def _texts(document: Any) -> Iterator[str]:
    """All texts of some JSON, in an order that its content gives."""
    if isinstance(document, str):
        yield document
    elif isinstance(document, Mapping):
        for name in sorted(document, key=str):
            yield from _texts(document[name])
    elif isinstance(document, (list, tuple)):
        for each in document:
            yield from _texts(each)


def _beginnings(text: str, names: Sequence[str]) -> set[str]:
    """What stands before a mark of omission and begins one of the sorted `names`."""
    found: set[str] = set()
    for mark in CUT.finditer(text):
        start = max(0, mark.start() - REACH)
        borders = (each.start() for each in _BORDER.finditer(text, start, mark.start()))
        parts = (text[border : mark.start()] for border in borders)
        found.update(islice((part for part in parts if _begun(part, names)), 1))
    return found


def _begun(part: str, names: Sequence[str]) -> bool:
    place = bisect_right(names, part)
    return place < len(names) and names[place].startswith(part)


def _begins(whole: str, beginnings: set[str]) -> bool:
    return any(form.startswith(each) for each in beginnings for form in _forms(whole))


def _masked(text: str, beginnings: Iterable[str], wholes: Iterable[str]) -> str:
    forms = {form for whole in wholes for form in _forms(whole) if form}
    names = sorted(forms, key=len, reverse=True)
    parts = sorted(beginnings, key=len, reverse=True)
    patterns = [re.escape(name) for name in names]
    patterns += [rf"{re.escape(part)}(?:\.\.\.|…)" for part in parts]
    return re.sub("|".join(patterns), GONE, text) if patterns else text
