"""The claims: numbers, tables and figures that the author marked, published and new."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from beambook.publication._page.choice import chosen
from beambook.publication._page.evidence import CellEvidence, Evidence
from beambook.publication._page.model import (
    Block,
    Cell,
    Fold,
    Heading,
    Mark,
    Named,
    Paragraph,
    Table,
)
from beambook.publication._page.pictures import Album, has_picture
from beambook.publication._page.views import differences, views
from beambook.publication._page.words import count, cut, shown
from beambook.recipe._cells import Output
from beambook.recipe._record import show
from beambook.recipe._tally import Tolerance, relative

__all__ = ["Claimed", "claim_blocks", "heading", "is_number", "value_of"]

NUMBERS_MOST = 60
OTHERS_MOST = 24
_ADDRESS = re.compile(r"\[?<[^<>\n]* at 0x[0-9a-fA-F]+>\]?")
NUMBER_COLUMNS = ("what", "published", "executed again", "relative difference", "allowed", "result")


@dataclass(frozen=True)
class Claimed:
    """One cell that is a claim, in one leg."""

    notebook: str
    leg: str
    cell: CellEvidence

    @property
    def outputs(self) -> tuple[Evidence, ...]:
        """Those that are claims; all, where the whole cell is one."""
        marked = tuple(each for each in self.cell.outputs if _marked(each))
        return marked or self.cell.outputs

    @property
    def where(self) -> str:
        """Notebook, cell and heading."""
        return f"{self.notebook}, {self.cell.outcome.where}"


def _marked(evidence: Evidence) -> bool:
    sides = (evidence.value, evidence.reference)
    said = any(bool(side.result.get("claim")) for side in sides if side is not None)
    return said or (evidence.verdict is not None and evidence.verdict.claim)


def claim_blocks(claims: Sequence[Claimed], album: Album, *, legs: int) -> list[Block]:
    """Numbers in one table; then each table, figure and text by itself."""
    each = [(claim, evidence) for claim in claims for evidence in _telling(claim) or (None,)]
    rows = [item for item in each if _in_row(item[1])]
    others = [item for item in each if not _in_row(item[1])]
    blocks: list[Block] = []
    if rows:
        shown_rows = [
            _row_without(claim, legs=legs)
            if evidence is None
            else _number_row(claim, evidence, legs=legs)
            for claim, evidence in chosen(rows, NUMBERS_MOST, calm=_calm)
        ]
        blocks.append(
            Table(NUMBER_COLUMNS, shown_rows, "Numbers and values", "", frozenset({1, 2}))
        )
    for claim, evidence in chosen(others, OTHERS_MOST, calm=_calm):
        assert evidence is not None  # noqa: S101 those without are rows
        blocks.append(_other(claim, evidence, album, legs=legs))
    left_out = max(0, len(rows) - NUMBERS_MOST) + max(0, len(others) - OTHERS_MOST)
    if left_out:
        text = f"{count(left_out, 'more claim')} left out here; verdict.json has all of them."
        blocks.append(Paragraph(text, "left out"))
    return blocks


def _telling(claim: Claimed) -> tuple[Evidence, ...]:
    """Without what says nothing but where something was in memory, beside a figure."""
    kept = tuple(each for each in claim.outputs if not _is_address(each))
    return kept or claim.outputs


def _is_address(evidence: Evidence) -> bool:
    sides = (evidence.reference, evidence.value)
    texts = [side.get("text/plain") for side in sides if side is not None]
    bare = all(isinstance(text, str) and _ADDRESS.fullmatch(text.strip()) for text in texts)
    return bare and len(texts) == 2 and not has_picture(evidence)


def _in_row(evidence: Evidence | None) -> bool:
    return evidence is None or is_number(evidence)


def _calm(item: tuple[Claimed, Evidence | None]) -> bool:
    """Whether it came out, so that it can be left out sooner than another."""
    claim, evidence = item
    outcome = claim.cell.outcome.status
    status = outcome if evidence is None else _status(evidence, claim.cell)
    return status in ("same", "within tolerance")


def is_number(evidence: Evidence) -> bool:
    """Whether it is a recorded value that fits into a row."""
    return any(side is not None and side.result for side in (evidence.value, evidence.reference))


def _number_row(claim: Claimed, evidence: Evidence, *, legs: int) -> list[Cell]:
    published, new = values_of(evidence)
    return [
        Named(shown(_name(evidence), 80), _place(claim, legs=legs)),
        published,
        new,
        _relative(evidence),
        _allowed(evidence, claim.cell),
        Mark(_status(evidence, claim.cell)),
    ]


def _row_without(claim: Claimed, *, legs: int) -> list[Cell]:
    """A claim of which nothing is stored on either side."""
    name = claim.cell.outcome.heading or f"cell {claim.cell.outcome.number}"
    mark = Mark(claim.cell.outcome.status)
    return [Named(shown(name, 80), _place(claim, legs=legs)), "—", "—", "", "", mark]


def _place(claim: Claimed, *, legs: int) -> str:
    said = f"{claim.cell.outcome.said}; " if claim.cell.outcome.said else ""
    return shown(said + claim.where + (f", {claim.leg} software" if legs > 1 else ""), 160)


def _name(evidence: Evidence) -> str:
    sides = (evidence.reference, evidence.value)
    names = [str(side.result.get("name", "")) for side in sides if side is not None and side.result]
    return names[0] if names else ""


def values_of(evidence: Evidence) -> tuple[str, str]:
    """The published and the new value, with as many digits as tell them apart."""
    sides = (evidence.reference, evidence.value)
    values = [side.result.get("value") if side is not None else None for side in sides]
    for short in (True, False):
        one, two = (value_of(side, short=short) for side in sides)
        if one != two or values[0] == values[1]:
            return one, two
    return shown(repr(values[0]), 160), shown(repr(values[1]), 160)


def value_of(output: Output | None, *, short: bool = False) -> str:
    """A recorded value with its uncertainty and unit.

    Examples
    --------
    >>> result = {"value": 8331.317372, "error": 0.48337, "unit": "eV"}
    >>> from beambook.recipe._record import RESULT
    >>> value_of(Output("display", {RESULT: result}), short=True)
    '8331.317 ± 0.483 eV'
    """
    if output is None or not output.result:
        return "—"
    result = output.result
    value, error = result.get("value"), result.get("error")
    text = _show(value)
    if short and isinstance(value, float) and isinstance(error, float) and 0 < error < 1e5:
        digits = max(0, 2 - math.floor(math.log10(error)))
        text = f"{value:.{digits}f} ± {error:.{digits}f}" if digits < 12 else text
    elif "error" in result:
        text += f" ± {_show(error)}"
    return shown(f"{text} {result.get('unit', '')}", 160)


def _show(value: Any) -> str:
    try:
        return str(show(value))
    except (AttributeError, KeyError, TypeError, ValueError):  # anybody can write there
        return cut(str(value), 80)


def _relative(evidence: Evidence) -> str:
    if evidence.value is None or evidence.reference is None:
        return "—"
    a, b = (side.result.get("value") for side in (evidence.value, evidence.reference))
    if a == b:
        return "none"
    if all(isinstance(each, (int, float)) and not isinstance(each, bool) for each in (a, b)):
        return f"{relative(a, b):.2g}"  # type: ignore[arg-type]
    worst = evidence.verdict.worst if evidence.verdict is not None else 0.0
    return f"up to {worst:.2g}" if worst else ""


def _allowed(evidence: Evidence, cell: CellEvidence) -> str:
    """The tolerance that was applied: the reference's own, else the new one's, else the common."""
    for side in (evidence.reference, evidence.value):
        if side is not None and ("tol" in side.result or "rtol" in side.result):
            return _own(side.result)
    return _tolerance(Tolerance(cell.rtol, cell.atol))


def _own(result: Mapping[str, Any]) -> str:
    try:
        own = Tolerance(float(result.get("rtol", 0.0)), float(result.get("tol", 0.0)))
    except (TypeError, ValueError):
        return ""
    return _tolerance(own, unit=shown(result.get("unit", ""), 20))


def _tolerance(tolerance: Tolerance, unit: str = "") -> str:
    absolute = f"± {tolerance.atol:g} {unit}".rstrip() if tolerance.atol else ""
    parts = [absolute, f"{tolerance.rtol:g} relative" if tolerance.rtol else ""]
    return " + ".join(part for part in parts if part) or "nothing"


def _status(evidence: Evidence, cell: CellEvidence) -> str:
    """The output's own verdict, but not for a cell that did not come so far."""
    if evidence.value is None and cell.outcome.status in ("not reached", "missing software"):
        return cell.outcome.status
    return evidence.verdict.status if evidence.verdict is not None else cell.outcome.status


def _other(claim: Claimed, evidence: Evidence, album: Album, *, legs: int) -> Block:
    verdict = evidence.verdict
    kind = verdict.evidence if verdict is not None else claim.cell.outcome.evidence
    said, number = claim.cell.outcome.said, claim.cell.outcome.number
    where = f"{shown(said, 80)}; {claim.notebook}, cell {number}" if said else claim.where
    title = f"{_kind(kind, evidence)}: {where}"
    title += f", {claim.leg} software" if legs > 1 else ""
    return Fold(
        shown(title, 160),
        _status(evidence, claim.cell),
        list(_shown(claim, evidence, album, leg=claim.leg if legs > 1 else "")),
    )


def _kind(evidence: str, output: Evidence) -> str:
    if has_picture(output):
        return "Figure"
    return {"table": "Table", "table as shown": "Table", "data": "Data"}.get(evidence, "Text")


def _shown(claim: Claimed, evidence: Evidence, album: Album, *, leg: str) -> Iterator[Block]:
    if evidence.value is None and claim.cell.outcome.what:
        yield Paragraph(shown(claim.cell.outcome.what))
    if evidence.verdict is not None:
        yield Paragraph(_compared(evidence, claim.cell))
    yield from views(evidence, claim.cell.outcome.heading or claim.where, album, leg=leg)
    verdict = evidence.verdict
    if verdict is not None and verdict.differences and verdict.evidence != "picture":
        yield differences(verdict.differences, verdict.differing)


def _compared(evidence: Evidence, cell: CellEvidence) -> str:
    """How much was compared, by what, and how far it was apart."""
    verdict = evidence.verdict
    assert verdict is not None  # noqa: S101 asked for only where there is one
    compared = count(verdict.compared, "value")
    apart = f"; the largest relative difference is {verdict.worst:.2g}" if verdict.worst else ""
    allowed = _tolerance(Tolerance(cell.rtol, cell.atol))
    if verdict.evidence == "picture":
        looks = [shown(each.value) for each in verdict.differences]
        said = ": ".join(["Only the pictures could be compared, no numbers", *looks[:1]])
    else:
        said = f"{compared} compared ({verdict.evidence}){apart}; allowed: {allowed}"
    notes = "; ".join(shown(note) for note in verdict.notes)
    return f"{said}. {notes[:1].upper()}{notes[1:]}".strip()


def heading(number: int) -> Heading:
    """The heading of this part."""
    return Heading(f"Claims ({number})" if number else "Claims")
