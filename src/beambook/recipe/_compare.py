"""An executed notebook compared with its reference, cell by cell."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import nbformat

from beambook.errors import NotebookError, ParameterError, RunNotFound
from beambook.recipe._cells import Cell, cells_of, matched
from beambook.recipe._notebook import read_notebook, title_of
from beambook.recipe._outputs import compare_outputs, paired
from beambook.recipe._paths import learned_folders
from beambook.recipe._source import Reading, read_sources
from beambook.recipe._stated import stated_by
from beambook.recipe._tally import Tally, Tolerance
from beambook.recipe._text import Context
from beambook.recipe._verdict import CellVerdict, OutputVerdict, Verdict, worst

__all__ = ["compare"]

PRECISE = 3  # numbers that agree to their last digit and so speak against rounding noise
AMPLIFIED = 1e3  # times the noise that was seen may another number have …
RARE = 1e-2  # … and more than this share of the last digit, to be rounded otherwise


def compare(executed: Any, reference: Any, *, rtol: float = 1e-6, atol: float = 0.0) -> Verdict:
    """Compare an executed notebook with its reference, by the best evidence that both hold.

    Recorded results come first, then tables by their data, figures by the numbers drawn,
    arrays, texts with their numbers, and pictures by their looks where there is nothing else.
    Times, addresses, temporary names and the like do not count. See
    ``docs/explanation/comparison.md``.

    Parameters
    ----------
    executed, reference : Execution, str, Path or nbformat.NotebookNode
        A notebook, its file, the folder of an execution (with ``notebook.ipynb``), or
        anything that has such a ``path`` or ``notebook``.
    rtol, atol : float
        Numbers agree when |a − b| ≤ atol + rtol · max(|a|, |b|); recorded results may bring
        tolerances of their own. Integers from a million on (train ids) ignore `rtol`.

    Returns
    -------
    Verdict

    Raises
    ------
    RunNotFound, NotebookError
        If one of the two is not there, or is no notebook.
    ParameterError
        If a tolerance is negative.

    Examples
    --------
    >>> from nbformat.v4 import new_code_cell, new_notebook, new_output
    >>> def printed(text):
    ...     output = new_output("stream", text=text)
    ...     return new_notebook(cells=[new_code_cell("edge", outputs=[output])])
    >>> compare(printed("E0 = 8333.1234 eV"), printed("E0 = 8333.1235 eV")).status
    'within tolerance'
    >>> compare(printed("E0 = 8333.1 eV"), printed("E0 = 8338.1 eV")).status
    'different'
    """
    if not (0 <= rtol < math.inf and 0 <= atol < math.inf):
        raise ParameterError(f"Tolerances are zero or more, not rtol {rtol} and atol {atol}")
    mine, theirs = _Side.of(executed), _Side.of(reference)
    context = Context(
        tolerance=Tolerance(rtol, atol),
        times=(*mine.times, time.time()),
        reference_times=(*theirs.times, time.time()),
        guess=not mine.times,
        words=tuple(zip(mine.names, theirs.names, strict=False)),
        folders=mine.folders,
        reference_folders=theirs.folders,
    )
    cells = cells_of(mine.notebook), cells_of(theirs.notebook)
    context = replace(_located(*cells, context), stated=stated_by(*cells))
    drafts = _drafts(*cells, context)
    _judge_roundings(drafts)
    verdicts = tuple(draft.verdict() for draft in drafts if draft.counts)
    return Verdict(
        status=worst(verdict.status for verdict in verdicts),
        executed=mine.name,
        reference=theirs.name,
        cells=verdicts,
        rtol=rtol,
        atol=atol,
        notes=tuple(_notes(drafts, verdicts)),
    )


@dataclass(frozen=True)
class _Side:
    """One of the two notebooks, with what is known of its execution."""

    notebook: Any
    name: str
    times: tuple[float, ...]
    names: tuple[str, ...]
    folders: tuple[str, ...]

    @classmethod
    def of(cls, thing: Any) -> _Side:
        path = None
        given = thing if isinstance(thing, Mapping) else getattr(thing, "notebook", None)
        if isinstance(given, Mapping) and "cells" in given:
            notebook = nbformat.from_dict(given)  # type: ignore[no-untyped-call]
        else:
            path = _path_of(thing)
            notebook = read_notebook(path)
        times = _times(notebook)
        if path is not None:
            times = (*times, path.stat().st_mtime)
        name = str(path) if path else title_of(notebook, "notebook")
        record = _record_beside(path)
        return cls(notebook, name, times, _names(record), _folders(path, record))


def _path_of(thing: Any) -> Path:
    given = thing if isinstance(thing, (str, Path)) else getattr(thing, "path", None)
    if not isinstance(given, (str, Path)):
        raise NotebookError(
            f"A {type(thing).__name__} is nothing to compare",
            hint="Give a notebook, its path, or an execution",
        )
    path = Path(given)
    if path.is_dir():
        path = path / "notebook.ipynb"
        if not path.is_file():
            raise RunNotFound(f"No notebook.ipynb in {str(path.parent)!r}")
    return path


def _times(notebook: Any) -> tuple[float, ...]:
    """When the cells were run, as nbclient and papermill wrote it down; s since the epoch."""
    found: set[float] = set()
    for part in (notebook, *notebook.cells):
        metadata = part.get("metadata", {})
        for name in ("execution", "papermill"):
            record = metadata.get(name)
            found.update(_moments(record.values() if isinstance(record, dict) else ()))
    return (min(found), max(found)) if found else ()


def _moments(values: Iterable[Any]) -> Iterable[float]:
    for value in values:
        try:
            moment = datetime.fromisoformat(str(value))
        except ValueError:
            continue
        yield moment.timestamp()


def _record_beside(path: Path | None) -> Mapping[str, Any]:
    """The ``execution.json`` beside a notebook; empty where there is none."""
    try:
        record = json.loads((path.parent / "execution.json").read_bytes()) if path else {}
    except (OSError, ValueError, RecursionError):
        return {}
    return record if isinstance(record, dict) else {}


def _names(record: Mapping[str, Any]) -> tuple[str, ...]:
    """Host and user of an execution."""
    return tuple(str(record.get(name, "")) for name in ("host", "user")) if record else ()


def _folders(path: Path | None, record: Mapping[str, Any]) -> tuple[str, ...]:
    """Where the kernel may have worked: longest first, for one may be within another."""
    recipe = record.get("recipe")
    source = recipe.get("path") if isinstance(recipe, dict) else None
    files = [file for file in (path and path.absolute(), source and Path(str(source))) if file]
    folders = {str(file.parent) for file in files if len(file.parts) > 2}
    return tuple(sorted(folders, key=len, reverse=True))


@dataclass
class _Draft:
    """The verdict of a cell before the roundings are judged."""

    cell: Cell
    tallies: list[tuple[Tally, str, bool]]
    notes: list[str]

    @property
    def counts(self) -> bool:
        """Whether there is anything to say: outputs, or an absent cell that had some."""
        return bool(self.tallies or self.cell.outputs)

    def verdict(self) -> CellVerdict:
        outputs = tuple(OutputVerdict.of(t, name=n, claim=c) for t, n, c in self.tallies)
        status = worst(output.status for output in outputs)
        if status != "different" and any(map(_unseen, outputs)):
            status = "not comparable"  # what is printed beside a picture does not speak for it
        return CellVerdict(
            number=self.cell.number,
            heading=self.cell.heading,
            status=status,
            outputs=outputs,
            notes=tuple(self.notes),
            claim=self.cell.claim or any(output.claim for output in outputs),
        )


def _unseen(output: OutputVerdict) -> bool:
    return output.status == "not comparable" and output.evidence in ("figure", "picture")


def _drafts(mine: list[Cell], theirs: list[Cell], context: Context) -> list[_Draft]:
    readings = {
        id(cell): reading
        for cells in (mine, theirs)
        for cell, reading in zip(cells, read_sources(c.source for c in cells), strict=True)
    }
    pairs = matched(mine, theirs)
    moved = _moved(pairs)
    ran = any(cell.executed for cell in theirs)
    drafts = []
    for value, reference in pairs:
        draft = _draft(value, reference, context, readings, ran=ran)
        if reference is not None and reference.number in moved:
            draft.notes.append("the cell was moved")
        drafts.append(draft)
    return drafts


def _located(mine: list[Cell], theirs: list[Cell], context: Context) -> Context:
    """The context with folders of the reference that its own outputs betray."""
    lines = (
        (a, b)
        for cell, other in matched(mine, theirs)
        if cell is not None and other is not None
        for one, two in zip(cell.outputs, other.outputs, strict=False)
        for mime in one.data.keys() & two.data.keys()
        if any(folder in str(one.data[mime]) for folder in context.folders)
        for a, b in zip(
            str(one.data[mime]).split("\n"), str(two.data[mime]).split("\n"), strict=False
        )
    )
    found = {*context.reference_folders, *learned_folders(lines, context.folders)}
    return replace(context, reference_folders=tuple(sorted(found, key=len, reverse=True)))


def _moved(pairs: list[tuple[Cell | None, Cell | None]]) -> set[int]:
    """Numbers of the reference's cells that stand elsewhere among their like."""
    both = [(a.number, b.number) for a, b in pairs if a and b]
    in_order = sorted(both)
    return {b for (_, b), (_, expected) in zip(both, in_order, strict=True) if b != expected}


def _draft(
    value: Cell | None,
    reference: Cell | None,
    context: Context,
    readings: dict[int, Reading],
    *,
    ran: bool,
) -> _Draft:
    if value is None or reference is None:
        return _alone(value, reference)
    draft = _Draft(reference, [], _remarks(value, reference))
    if reason := reference.skipped or value.skipped:
        draft.notes.append(f"not compared: {reason}")
    elif not reference.executed:
        draft.notes.append("the reference was not executed" if ran or value.outputs else "")
        _keep_errors(value, draft)
    else:
        reading = readings[id(value)]
        here = replace(
            context,
            unordered=reading.unordered,
            racing=reading.racing,
            columns=reading.columns,
        )
        for a, b in paired(value.outputs, reference.outputs):
            name, claim = _result_of(b or a)
            draft.tallies.append((compare_outputs(a, b, here, reading), name, claim))
    draft.notes = [note for note in draft.notes if note]
    return _Draft(draft.cell if draft.cell.outputs else value, draft.tallies, draft.notes)


def _keep_errors(value: Cell, draft: _Draft) -> None:
    """An error is one, whatever the reference says."""
    for output in value.outputs:
        if output.kind == "error":
            tally = compare_outputs(output, None, Context(), Reading())
            draft.tallies.append((tally, "", False))


def _result_of(output: Any) -> tuple[str, bool]:
    return str(output.result.get("name", "")), bool(output.result.get("claim", False))


def _alone(value: Cell | None, reference: Cell | None) -> _Draft:
    if reference is None:
        assert value is not None  # noqa: S101 matched() makes no pair of two Nones
        draft = _Draft(value, [], ["the reference has no such cell"])
        _keep_errors(value, draft)
        return draft
    tally = Tally("outputs")
    if reference.outputs and not reference.skipped:
        tally.differ("the cell is missing", "", f"{len(reference.outputs)} outputs")
    return _Draft(reference, [(tally, "", False)] if tally.count else [], ["the cell is missing"])


def _remarks(value: Cell, reference: Cell) -> list[str]:
    notes = []
    if value.source.strip() != reference.source.strip():
        notes.append("its source was edited")
    if not value.executed and reference.executed:
        notes.append("the cell was not executed")
    if value.stderr != reference.stderr:
        lines = [len(cell.stderr.splitlines()) for cell in (value, reference)]
        notes.append(f"stderr not compared ({lines[0]} lines here, {lines[1]} in the reference)")
    return notes


def _judge_roundings(drafts: list[_Draft]) -> None:
    """Decide what one unit in the last printed digit is.

    Where other numbers differ within their tolerance, the two executions round otherwise, and
    so may this number, if their noise can reach its last digit. Where at least three others agree
    to seven digits or more, nothing rounds otherwise: it is a difference. Where nothing tells,
    it is rounding.
    """
    tallies = [tally for draft in drafts for tally, _, _ in draft.tallies]
    noise = max((tally.noise for tally in tallies), default=0.0)
    precise = sum(tally.precise for tally in tallies)
    for tally in tallies:
        for found in tally.roundings:
            reached = noise * AMPLIFIED >= RARE * (found.relative or 0.0)
            if precise >= PRECISE and not (noise and reached):
                tally.notes.append("one unit in the last digit, while other numbers agree")
                _, change = found.line(), found.relative
                tally.differ(
                    found.where,
                    found.value,
                    found.reference,
                    relative=change,
                    tolerance=found.tolerance,
                )
            else:
                tally.within(found.relative or 0.0)
                tally.notes.append(f"rounding in the last digit ({found.line()})")
        tally.roundings.clear()


def _notes(drafts: list[_Draft], cells: tuple[CellVerdict, ...]) -> Iterable[str]:
    unknown = sum(cell.status == "not comparable" for cell in cells)
    if drafts and not cells:
        yield "neither notebook has outputs"
    elif unknown == len(cells) and cells:
        yield "nothing could be compared"
    elif unknown:
        yield f"{unknown} of {len(cells)} cells could not be compared"
    skipped = sum(any(n.startswith("not compared:") for n in draft.notes) for draft in drafts)
    if skipped:
        yield f"{skipped} cells skipped on the author's wish"
