"""Recorded results, and any other JSON, compared value by value."""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from collections.abc import Mapping
from typing import Any

import numpy as np

from beambook.recipe._arrays import Packed, compare_arrays
from beambook.recipe._numbers import Number
from beambook.recipe._record import show
from beambook.recipe._stated import MOST, of_error, own_tolerance
from beambook.recipe._tally import Tally, Tolerance
from beambook.recipe._text import Context, compare_texts

__all__ = ["compare_json", "compare_results", "compare_shown_arrays"]

Document = Mapping[str, Any]


def compare_results(value: Document, reference: Document, tally: Tally, context: Context) -> None:
    """Compare two recorded results; the reference's tolerance holds, else the value's."""
    name = str(reference.get("name"))
    tally.word("name of the result", value.get("name"), reference.get("name"))
    tally.word(f"{name}: unit", value.get("unit", ""), reference.get("unit", ""))
    tolerance = own_tolerance(reference) or own_tolerance(value) or context.tolerance
    _Values(tally, tolerance).compare(value.get("value"), reference.get("value"), name)
    if "error" in value or "error" in reference:
        given = value.get("error"), reference.get("error")
        _Values(tally, of_error(tolerance)).compare(*given, f"{name}: error")


class _Values:
    """Recorded values: numbers, words, dates, arrays, and lists and dicts of them."""

    def __init__(self, tally: Tally, tolerance: Tolerance) -> None:
        self.tally, self.tolerance = tally, tolerance

    def compare(self, a: Any, b: Any, where: str) -> None:
        kinds = _kind(a), _kind(b)
        if a == b and type(a) is type(b):
            self.tally.same(precise=int("array" in kinds or isinstance(a, float)))
        elif kinds[0] != kinds[1]:
            self.tally.differ(where, show(a), show(b))
        else:
            getattr(self, f"_{kinds[1]}")(a, b, where)

    def _word(self, a: Any, b: Any, where: str) -> None:
        self.tally.word(where, _plain(a), _plain(b))

    def _number(self, a: float, b: float, where: str) -> None:
        self.tally.number(where, a, b, self.tolerance)

    def _float(self, a: Document, b: Document, where: str) -> None:
        self.tally.word(where, a.get("value"), b.get("value"))

    def _complex(self, a: Document, b: Document, where: str) -> None:
        pair = complex(*map(_finite, a["value"])), complex(*map(_finite, b["value"]))
        step = abs(pair[0] - pair[1])
        if step <= self.tolerance.atol + self.tolerance.rtol * max(map(abs, pair)):
            self.tally.within()
        else:
            self.tally.differ(where, show(a), show(b), tolerance=self.tolerance)

    def _duration(self, a: Document, b: Document, where: str) -> None:
        self._number(a["seconds"], b["seconds"], where)

    def _array(self, a: Document, b: Document, where: str) -> None:
        compare_arrays(a, b, self.tally, self.tolerance, where)

    def _mapping(self, a: Document, b: Document, where: str) -> None:
        one, two = dict(a["items"]), dict(b["items"])
        for name in (*two, *(name for name in one if name not in two)):
            if name in one and name in two:
                self.compare(one[name], two[name], f"{where}[{name!r}]")
            else:
                found = [show(d[name]) if name in d else "" for d in (one, two)]
                self.tally.differ(f"{where}[{name!r}]", *found)

    def _list(self, a: list[Any], b: list[Any], where: str) -> None:
        if len(a) != len(b):
            self.tally.differ(f"{where}: length", len(a), len(b))
        for i, (one, two) in enumerate(zip(a, b, strict=False)):
            self.compare(one, two, f"{where}[{i}]")


def _kind(value: Any) -> str:
    if isinstance(value, Mapping):
        kind = str(value.get("type"))
        return kind if kind in ("array", "complex", "duration", "float", "mapping") else "word"
    if isinstance(value, list):
        return "list"
    return "number" if isinstance(value, (int, float)) and not isinstance(value, bool) else "word"


def _plain(value: Any) -> Any:
    return value.get("value", value) if isinstance(value, Mapping) else value


def _finite(value: Any) -> float:
    return float(_plain(value))


def compare_shown_arrays(
    value: Document, reference: Document, tally: Tally, context: Context
) -> None:
    """Compare ``application/vnd.beambook.values+json``: arrays and labelled arrays."""
    mine, theirs = value.get("arrays", {}), reference.get("arrays", {})
    for name in (*theirs, *(n for n in mine if n not in theirs)):
        where = f"array {name!r}" if name else "array"
        if name not in mine or name not in theirs:
            tally.differ(where, *("there" if name in d else "missing" for d in (mine, theirs)))
        else:
            tally.word(f"{where}: axes", mine[name].get("dims"), theirs[name].get("dims"))
            known = _with_results(mine[name], theirs[name], tally, context, where)
            compare_arrays(known, theirs[name], tally, context.tolerance, where)
    notes, expected = ("\n".join(d.get("attrs", ())) for d in (value, reference))
    compare_texts(notes, expected, tally, context, where="attributes")


def _with_results(
    value: Document, reference: Document, tally: Tally, context: Context, where: str
) -> Document:
    """The array with the reference's numbers where both show a recorded result that agrees."""
    a, b = Packed(value), Packed(reference)
    if not (context.stated and a.whole and b.whole and a.shape == b.shape):
        return value
    numbers, theirs = a.values.copy(), b.values
    finite = np.isfinite(numbers) & np.isfinite(theirs)
    for i in np.flatnonzero(finite & (numbers != theirs)) if len(theirs) <= MOST else ():
        one, two = (Number.of(each[i]) for each in (numbers, theirs))
        result = context.result(one, two, numbers.size)
        if result is not None and result.agrees:
            result.compare(one, two, tally, where)
            numbers[i] = theirs[i]
    return {**value, "f8": b64encode(numbers.astype("<f8").tobytes()).decode(), "crc": None}


_PASSING = {
    "id",
    "uid",
    "uuid",
    "root_ids",
    "roots",
    "docid",
    "render_items",
    "model_id",
}
_NAMED_BY_CHANCE = re.compile(r"\b(?:(?:data|view|layer)[-_][0-9a-f]{4,}|[0-9a-f]{32})\b")


def compare_json(value: Any, reference: Any, tally: Tally, context: Context, where: str) -> None:
    """Compare any JSON: plotly's figures, Vega's, maps. Names given by chance do not count."""
    if isinstance(value, Mapping) and isinstance(reference, Mapping):
        arrays = _numpy_in_json(value), _numpy_in_json(reference)
        if arrays[0] is not None and arrays[1] is not None:
            compare_json(arrays[0], arrays[1], tally, context, where)
            return
        one, two = _by_name(value), _by_name(reference)
        for name in sorted({*one, *two}):
            place = f"{where}.{name}" if where else name
            if name in one and name in two:
                compare_json(one[name], two[name], tally, context, place)
            else:
                tally.differ(place, *("there" if name in d else "missing" for d in (one, two)))
    elif isinstance(value, list) and isinstance(reference, list):
        if len(value) != len(reference):
            tally.differ(f"{where}: length", len(value), len(reference))
        for i, (a, b) in enumerate(zip(value, reference, strict=False)):
            compare_json(a, b, tally, context, f"{where}[{i}]")
    else:
        _compare_leaf(value, reference, tally, context, where)


def _by_name(document: Document) -> dict[str, Any]:
    kept = {str(k): v for k, v in document.items() if k not in _PASSING}
    return {_NAMED_BY_CHANCE.sub("…", name): v for name, v in kept.items()}


def _numpy_in_json(document: Document) -> list[Any] | None:
    """Numbers that plotly 6 writes as base64."""
    if set(document) - {"shape"} != {"dtype", "bdata"}:
        return None
    numbers: list[Any] = np.frombuffer(b64decode(document["bdata"]), document["dtype"]).tolist()
    return numbers


def _compare_leaf(a: Any, b: Any, tally: Tally, context: Context, where: str) -> None:
    if isinstance(a, str) and isinstance(b, str):
        one, two = (_NAMED_BY_CHANCE.sub("…", text) for text in (a, b))
        compare_texts(one, two, tally, context, where=where)
    elif _kind(a) == _kind(b) == "number":
        tally.number(where, a, b, context.tolerance)
    else:
        tally.word(where, a, b)
