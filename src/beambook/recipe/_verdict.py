"""What a comparison of two notebooks says."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

from beambook.card import Card, Described, Table
from beambook.recipe._tally import EXAMPLES, Difference, Tally

__all__ = ["CellVerdict", "OutputVerdict", "Status", "Verdict"]

Status = Literal["same", "within tolerance", "different", "not comparable"]

_ORDER: tuple[Status, ...] = ("not comparable", "same", "within tolerance", "different")


def worst(statuses: Iterable[Status]) -> Status:
    """The status of a whole from those of its parts; what cannot be compared does not count."""
    return max(statuses, key=_ORDER.index, default="not comparable")


@dataclass(frozen=True)
class OutputVerdict:
    """What the comparison of one output says.

    Attributes
    ----------
    status : str
        ``same``, ``within tolerance``, ``different`` or ``not comparable``.
    evidence : str
        What was compared: ``result``, ``table``, ``figure``, ``values``, ``data``,
        ``table as shown``, ``text``, ``geometry``, ``picture``, ``error``, ``bytes``.
    name : str
        Name of a recorded result.
    claim : bool
        The publication rests on it.
    compared, ignored, differing : int
        Numbers and words compared, volatile parts left out, differences.
    differences : tuple of Difference
        The first three.
    worst : float
        Largest relative difference of any number.
    notes : tuple of str
    picture : bytes or None
        Difference picture (PNG), where the evidence was a picture.
    """

    status: Status
    evidence: str
    name: str = ""
    claim: bool = False
    compared: int = 0
    ignored: int = 0
    differing: int = 0
    differences: tuple[Difference, ...] = ()
    worst: float = 0.0
    notes: tuple[str, ...] = ()
    picture: bytes | None = field(default=None, repr=False)

    @classmethod
    def of(cls, tally: Tally, *, name: str = "", claim: bool = False) -> OutputVerdict:
        """The verdict that a finished tally amounts to."""
        notes = [*tally.notes, *([tally.cannot] if tally.cannot else [])]
        return cls(
            status=_status(tally),
            evidence=tally.evidence,
            name=name,
            claim=claim,
            compared=tally.compared,
            ignored=tally.ignored,
            differing=tally.count,
            differences=tuple(tally.differences[:EXAMPLES]),
            worst=tally.worst,
            notes=tuple(notes),
            picture=tally.picture,
        )


def _status(tally: Tally) -> Status:
    if tally.count:
        return "different"
    if tally.cannot:
        return "not comparable"
    if tally.noisy:
        return "within tolerance"
    return "same" if tally.compared or tally.ignored else "not comparable"


@dataclass(frozen=True)
class CellVerdict:
    """What the comparison of one code cell says.

    Attributes
    ----------
    number : int
        Position of the cell in the reference (in the executed notebook for a cell that only it
        has), from 1, counting all cells.
    heading : str
        Nearest heading above.
    status : str
        The worst of its outputs; ``not comparable`` when none could be compared.
    outputs : tuple of OutputVerdict
    notes : tuple of str
        Skipped, moved, edited, stderr …
    claim : bool
        The cell is tagged ``claim`` or records a claim.
    """

    number: int
    heading: str
    status: Status
    outputs: tuple[OutputVerdict, ...] = ()
    notes: tuple[str, ...] = ()
    claim: bool = False

    @property
    def evidence(self) -> str:
        """Kinds of evidence, e.g. ``figure, text``."""
        return ", ".join(dict.fromkeys(output.evidence for output in self.outputs))

    @property
    def where(self) -> str:
        """``cell 7 (Edge position)``."""
        return f"cell {self.number}" + (f" ({self.heading})" if self.heading else "")

    @property
    def differences(self) -> tuple[Difference, ...]:
        """At most three examples."""
        found = [d for output in self.outputs for d in output.differences]
        return tuple(found[:EXAMPLES])

    @property
    def pictures(self) -> tuple[bytes, ...]:
        """Difference pictures (PNG)."""
        return tuple(o.picture for o in self.outputs if o.picture is not None)

    def line(self) -> str:
        """What is different, or why nothing is known, in one line."""
        if self.differences:
            more = sum(o.differing for o in self.outputs) - 1
            rest = f", and {more} more" if more > 0 else ""
            return self.differences[0].line() + rest
        worst = max((output.worst for output in self.outputs), default=0.0)
        change = [f"numbers differ by up to {worst:.2g}"] if worst else []
        notes = [note for output in self.outputs for note in output.notes]
        return "; ".join([*change, *notes, *self.notes])


@dataclass(frozen=True, repr=False)
class Verdict(Described):
    """Whether an executed notebook came out as its reference.

    Attributes
    ----------
    status : str
        ``different`` when any cell is; else ``within tolerance`` when any cell is; else
        ``same``; ``not comparable`` when nothing could be compared.
    executed, reference : str
        What was compared, as a person would call it.
    cells : tuple of CellVerdict
        Code cells that have outputs on either side.
    rtol, atol : float
        Tolerance of numbers that bring none of their own.
    notes : tuple of str
    """

    status: Status
    executed: str
    reference: str
    cells: tuple[CellVerdict, ...]
    rtol: float = 1e-6
    atol: float = 0.0
    notes: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """The same, or within tolerance."""
        return self.status in ("same", "within tolerance")

    @property
    def exit_status(self) -> int:
        """What a command ends with: 0 when it came out, 1 when not, or when nobody can say."""
        return 0 if self.ok else 1

    @property
    def claims(self) -> tuple[CellVerdict, ...]:
        """Cells that the publication rests on."""
        return tuple(cell for cell in self.cells if cell.claim)

    def count(self, status: Status) -> int:
        """Number of cells of a status."""
        return sum(cell.status == status for cell in self.cells)

    def card(self) -> Card:
        """The answer, the counts, and a row for each cell that is not the same."""
        outputs = [output for cell in self.cells for output in cell.outputs]
        counts = [f"{self.count(s)} {s}" for s in reversed(_ORDER) if self.count(s)]
        facts = {
            "verdict": self.status,
            "cells": ", ".join(counts) or "none with outputs",
            "evidence": _evidence(outputs),
            "largest difference": _largest(outputs),
            "tolerance": f"rtol {self.rtol:g}, atol {self.atol:g}",
            "reference": self.reference,
            "remarks": "; ".join(self.notes),
        }
        facts = {name: fact for name, fact in facts.items() if fact}
        return Card("Verdict", self.executed, facts, self._tables())

    def _tables(self) -> tuple[Table, ...]:
        shown = [cell for cell in self.cells if cell.status != "same" or cell.claim]
        shown.sort(key=lambda cell: (-_ORDER.index(cell.status) % 4, cell.number))
        if not shown:
            return ()
        rows = tuple((_place(cell), cell.status, cell.evidence, cell.line()) for cell in shown)
        return (Table(("cell", "status", "evidence", "what"), rows),)

    def json(self, *, pictures: bool = False) -> str:
        """The verdict as JSON; difference pictures (base64) on request.

        Parameters
        ----------
        pictures : bool

        Returns
        -------
        str
        """
        return json.dumps(self._document(pictures=pictures), ensure_ascii=False)

    def _document(self, *, pictures: bool) -> dict[str, Any]:
        return {
            "status": self.status,
            "exit_status": self.exit_status,
            "executed": self.executed,
            "reference": self.reference,
            "tolerance": {"rtol": self.rtol, "atol": self.atol},
            "notes": list(self.notes),
            "cells": [_cell_document(cell, pictures=pictures) for cell in self.cells],
        }


def _place(cell: CellVerdict) -> str:
    return f"{cell.number} {cell.heading}".rstrip()


def _evidence(outputs: list[OutputVerdict]) -> str:
    counts: dict[str, int] = {}
    for output in outputs:
        counts[output.evidence] = counts.get(output.evidence, 0) + 1
    return ", ".join(f"{count} {name}" for name, count in counts.items())


def _largest(outputs: list[OutputVerdict]) -> str:
    largest = max((output.worst for output in outputs), default=0.0)
    return f"{largest:.2g} relative" if largest else ""


def _cell_document(cell: CellVerdict, *, pictures: bool) -> dict[str, Any]:
    return {
        "cell": cell.number,
        "heading": cell.heading,
        "status": cell.status,
        "evidence": cell.evidence,
        "claim": cell.claim,
        "notes": list(cell.notes),
        "outputs": [_output_document(output, pictures=pictures) for output in cell.outputs],
    }


def _output_document(output: OutputVerdict, *, pictures: bool) -> dict[str, Any]:
    document = {
        "status": output.status,
        "evidence": output.evidence,
        "name": output.name,
        "claim": output.claim,
        "compared": output.compared,
        "ignored": output.ignored,
        "differing": output.differing,
        "largest_relative_difference": output.worst,
        "differences": [vars(difference) for difference in output.differences],
        "notes": list(output.notes),
        "has_picture": output.picture is not None,
    }
    if pictures and output.picture is not None:
        document["picture"] = b64encode(output.picture).decode("ascii")
    return document
