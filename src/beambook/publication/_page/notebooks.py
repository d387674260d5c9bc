"""Every notebook with every cell's verdict, and differences in detail."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from beambook.publication._page.choice import chosen
from beambook.publication._page.evidence import CellEvidence, evidence_of
from beambook.publication._page.model import Block, Cell, Fold, Mark, Paragraph, Table
from beambook.publication._page.pictures import Album
from beambook.publication._page.views import differences, views
from beambook.publication._page.words import count, duration, listed, ranges, shown
from beambook.publication._verify.leg import CellOutcome, Leg, NotebookVerdict
from beambook.recipe._tally import Difference

__all__ = ["Details", "notebook_blocks", "overview", "tally"]

CELLS_MOST = 500  # on the page; with more, neighbours that came out alike share a row
ROWS_MOST = 200  # of one notebook
DETAILS_MOST = 40
OUTPUTS_MOST = 4  # of one cell
DETAILED = ("different", "error", "missing software", "not comparable")
QUIET = ("same", "no output", "not reached")
ORDER = (
    "different", "error", "missing software", "not reached", "not comparable",
    "within tolerance", "same", "no output",
)  # fmt: skip


@dataclass
class Details:
    """What has been shown in detail, of which there is a largest number."""

    album: Album
    shown: int = 0
    left_out: list[str] = field(default_factory=list)


def tally(cells: Sequence[CellOutcome]) -> str:
    """How many cells came out how.

    Examples
    --------
    >>> tally([CellOutcome(2, "", "same"), CellOutcome(3, "", "error"), CellOutcome(4, "", "same")])
    '1 error, 2 same'
    """
    found = [(sum(cell.status == status for cell in cells), status) for status in ORDER]
    return ", ".join(f"{number:,} {status}" for number, status in found if number)


def overview(legs: Sequence[Leg]) -> list[Block]:
    """One row for each notebook in each leg."""
    rows: list[list[Cell]] = [
        [
            shown(notebook.path, 120) + (f", {leg.name} software" if len(legs) > 1 else ""),
            Mark(notebook.status),
            tally(notebook.cells),
            duration(notebook.seconds) if notebook.execution is not None else "not executed",
            shown(notebook.cause),
        ]
        for leg in legs
        for notebook in leg.notebooks
    ]
    return [Table(("notebook", "result", "cells", "time", "first cause"), rows)] if rows else []


def notebook_blocks(legs: Sequence[Leg], album: Album) -> list[Block]:
    """Each notebook of each leg: its cells, then those that differ in detail."""
    details = Details(album)
    total = sum(len(notebook.cells) for leg in legs for notebook in leg.notebooks)
    blocks: list[Block] = []
    if total > CELLS_MOST:
        text = (
            f"The {total:,} cells are too many for a row each: neighbours that came out alike "
            "share one."
        )
        blocks.append(Paragraph(text, "note"))
    for leg in legs:
        blocks += [
            _notebook(leg, each, details, several=len(legs) > 1, crowded=total > CELLS_MOST)
            for each in leg.notebooks
        ]
    if details.left_out:
        text = (
            f"Details of {count(len(details.left_out), 'more cell')} are left out: "
            f"{listed(details.left_out[:8])}{' …' if len(details.left_out) > 8 else ''}. "
            "verdict.json has them."
        )
        blocks.append(Paragraph(text, "left out"))
    return blocks


def _notebook(
    leg: Leg, notebook: NotebookVerdict, details: Details, *, several: bool, crowded: bool
) -> Fold:
    title = shown(notebook.path, 120) + (f", {leg.name} software" if several else "")
    blocks: list[Block] = []
    if notebook.problem:
        blocks.append(Paragraph(f"Why: {shown(notebook.problem)}"))
    blocks += [Paragraph(shown(note), "note") for note in notebook.notes[:5]]
    blocks += _cells_table(notebook, crowded=crowded)
    if any(cell.status in DETAILED for cell in notebook.cells):
        blocks += _detailed(notebook, details)
    calm = notebook.status in ("same", "within tolerance")
    return Fold(title, notebook.status, blocks, opened=not calm)


def _cells_table(notebook: NotebookVerdict, *, crowded: bool) -> list[Block]:
    runs = list(_runs(notebook.cells, crowded=crowded or len(notebook.cells) > ROWS_MOST))
    kept = chosen(runs, ROWS_MOST, calm=lambda run: run[0].status in QUIET)
    if not runs:
        return [Paragraph("It has no cell with code.", "note")]
    columns = ("cell", "heading", "result", "compared", "what")
    blocks: list[Block] = [Table(columns, [_row(run) for run in kept], "", "cells")]
    if len(runs) > ROWS_MOST:
        text = f"{count(len(runs) - ROWS_MOST, 'more row')} left out; verdict.json has all cells."
        blocks.append(Paragraph(text, "left out"))
    return blocks


def _runs(cells: Sequence[CellOutcome], *, crowded: bool) -> Iterator[list[CellOutcome]]:
    """Cells one by one, or those drawn together that are next to each other and alike."""
    run: list[CellOutcome] = []
    for cell in cells:
        alike = run and cell.status == run[0].status and not (cell.claim or run[0].claim)
        if crowded and alike and cell.status in QUIET:
            run.append(cell)
            continue
        if run:
            yield run
        run = [cell]
    if run:
        yield run


def _row(run: list[CellOutcome]) -> list[Cell]:
    first = run[0]
    if len(run) > 1:
        return [ranges(each.number for each in run), "", Mark(first.status), "", ""]
    heading = shown(first.heading, 80) + (" (claim)" if first.claim else "")
    compared = "" if first.status in ("not reached", "error") else first.evidence
    what = first.what if first.status != "not reached" else ""
    return [str(first.number), heading.strip(), Mark(first.status), compared, shown(what)]


def _detailed(notebook: NotebookVerdict, details: Details) -> Iterator[Block]:
    for cell in evidence_of(notebook):
        outcome = cell.outcome
        if outcome.status not in DETAILED or outcome.claim:  # claims are shown above
            continue
        if details.shown >= DETAILS_MOST:
            details.left_out.append(f"{shown(notebook.path, 60)} {outcome.where}")
            continue
        details.shown += 1
        blocks = list(_cell(cell, details.album))
        yield Fold(shown(outcome.where[:1].upper() + outcome.where[1:]), outcome.status, blocks)


def _says(difference: Difference) -> bool:
    """Whether it tells more than the two texts beside each other."""
    return bool(difference.where) or difference.relative is not None


def _cell(cell: CellEvidence, album: Album) -> Iterator[Block]:
    if cell.outcome.what:
        yield Paragraph(shown(cell.outcome.what))
    apart = [each for each in cell.outputs if each.verdict is None or each.verdict.status != "same"]
    for evidence in apart[:OUTPUTS_MOST]:
        yield from views(evidence, cell.outcome.heading or cell.outcome.where, album)
        verdict = evidence.verdict
        if (
            verdict is not None
            and verdict.evidence not in ("error", "picture")
            and any(map(_says, verdict.differences))
        ):
            yield differences(verdict.differences, verdict.differing)
    if len(apart) > OUTPUTS_MOST:
        yield Paragraph(
            f"{count(len(apart) - OUTPUTS_MOST, 'more output')} of this cell left out.", "left out"
        )
