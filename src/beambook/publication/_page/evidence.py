"""The outputs that a verdict speaks of, published and new, side by side."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from beambook.errors import BeambookError
from beambook.publication._verify.leg import CellOutcome, NotebookVerdict
from beambook.recipe._cells import Cell, Output, cells_of, matched
from beambook.recipe._notebook import read_notebook
from beambook.recipe._outputs import paired
from beambook.recipe._verdict import CellVerdict, OutputVerdict

__all__ = ["CellEvidence", "Evidence", "evidence_of"]


@dataclass(frozen=True)
class Evidence:
    """One output.

    Attributes
    ----------
    verdict : OutputVerdict or None
        None where it was not compared.
    value, reference : Output or None
        What came out, and what was published.
    """

    verdict: OutputVerdict | None
    value: Output | None
    reference: Output | None


@dataclass(frozen=True)
class CellEvidence:
    """One cell.

    Attributes
    ----------
    outcome : CellOutcome
    outputs : tuple of Evidence
    rtol, atol : float
        Tolerance of numbers that bring none of their own.
    """

    outcome: CellOutcome
    outputs: tuple[Evidence, ...]
    rtol: float = 1e-6
    atol: float = 0.0


def evidence_of(notebook: NotebookVerdict) -> tuple[CellEvidence, ...]:
    """The cells of a notebook with their outputs; without, where the files are gone."""
    verdict = notebook.verdict
    judged = {cell.number: cell for cell in verdict.cells} if verdict is not None else {}
    outputs = _outputs(notebook)
    tolerance = (verdict.rtol, verdict.atol) if verdict is not None else (1e-6, 0.0)
    return tuple(
        CellEvidence(
            cell,
            _evidence(outputs.get(cell.number, ()), judged.get(cell.number)),
            *tolerance,
        )
        for cell in notebook.cells
    )


OutputPair = tuple["Output | None", "Output | None"]


def _evidence(
    pairs: tuple[OutputPair, ...] | list[OutputPair], cell: CellVerdict | None
) -> tuple[Evidence, ...]:
    verdicts = cell.outputs if cell is not None else ()
    if pairs and len(verdicts) == len(pairs):
        return tuple(Evidence(v, *pair) for v, pair in zip(verdicts, pairs, strict=True))
    if pairs:
        return tuple(Evidence(None, *pair) for pair in pairs)
    return tuple(Evidence(verdict, None, None) for verdict in verdicts)


def _outputs(notebook: NotebookVerdict) -> Mapping[int, list[OutputPair]]:
    """Pairs of outputs by the number of their cell, as the comparison pairs them."""
    mine = _cells(notebook.execution and notebook.execution / "notebook.ipynb")
    theirs = _cells(notebook.reference)
    found: dict[int, list[OutputPair]] = {}
    for value, reference in matched(mine, theirs):
        if value is not None and reference is not None:
            found[reference.number] = paired(value.outputs, reference.outputs)
        elif reference is not None:
            found[reference.number] = [(None, output) for output in reference.outputs]
        elif value is not None:
            found.setdefault(value.number, [(output, None) for output in value.outputs])
    return found


@lru_cache(maxsize=4)  # two legs have the same reference
def _read(path: Path, changed: int) -> tuple[Cell, ...]:
    del changed
    return tuple(cells_of(read_notebook(path)))


def _cells(path: Path | None) -> list[Cell]:
    try:
        return list(_read(path, path.stat().st_mtime_ns)) if path is not None else []
    except (BeambookError, OSError, AttributeError, TypeError, ValueError):
        return []  # it is gone, or was no notebook: the verdict has said so
