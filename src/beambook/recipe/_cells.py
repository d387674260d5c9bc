"""Code cells of two notebooks, brought together."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from typing import Any

from beambook.recipe._notebook import heading_above
from beambook.recipe._record import RESULT
from beambook.recipe._scripts import VEGA, is_loader, vega_in
from beambook.recipe._volatile import PROGRESS

__all__ = ["Cell", "Output", "cells_of", "matched"]

_SKIP_TAGS = {"volatile", "nondeterministic", "nbval-ignore-output", "nbval-skip"}
_SKIP_COMMENT = re.compile(
    r"^\s*#\s*(?:NBVAL_IGNORE_OUTPUT|NBVAL_SKIP|PYTEST_VALIDATE_IGNORE_OUTPUT)\b", re.M
)
_CHECK = re.compile(r"^\s*#\s*(?:NBVAL_CHECK_OUTPUT|PYTEST_VALIDATE_CHECK_OUTPUT)\b", re.M)
ALIKE = 0.6  # of two sources that are taken for the same cell, edited


@dataclass(frozen=True)
class Output:
    """What one output holds, by MIME type.

    Attributes
    ----------
    kind : str
        ``stdout``, ``display`` or ``error``.
    data : dict
        MIME type to content; texts joined.
    """

    kind: str
    data: dict[str, Any] = field(default_factory=dict)

    @property
    def result(self) -> Mapping[str, Any]:
        """The recorded result; empty where there is none."""
        found = self.data.get(RESULT)
        return found if isinstance(found, Mapping) else {}

    def get(self, mime: str) -> Any:
        """Content of a MIME type, or None."""
        return self.data.get(mime)


@dataclass(frozen=True)
class Cell:
    """A code cell with what its outputs hold.

    Attributes
    ----------
    number : int
        Position among all cells of the notebook, from 1.
    id, source, heading : str
    tags : frozenset of str
    outputs : tuple of Output
        What was printed first, then what was displayed, in order.
    stderr : str
    executed : bool
        It has been run: it has a count or an output.
    """

    number: int
    id: str
    source: str
    heading: str
    tags: frozenset[str]
    outputs: tuple[Output, ...]
    stderr: str
    executed: bool

    @property
    def claim(self) -> bool:
        """The author marked the cell as one that the publication rests on."""
        return "claim" in self.tags

    @property
    def skipped(self) -> str:
        """Why the outputs are not to be compared; empty when they are."""
        if "nbval-check-output" in self.tags or _CHECK.search(self.source):
            return ""
        if tags := sorted(self.tags & _SKIP_TAGS):
            return f"tagged {tags[0]}"
        found = _SKIP_COMMENT.search(self.source)
        return found[0].strip() if found else ""


def cells_of(notebook: Any) -> list[Cell]:
    """The code cells of a notebook."""
    return [
        _cell(notebook, i, cell)
        for i, cell in enumerate(notebook.cells)
        if cell.cell_type == "code"
    ]


def _cell(notebook: Any, position: int, cell: Any) -> Cell:
    outputs = list(cell.get("outputs", ()))
    metadata = cell.get("metadata", {})
    return Cell(
        number=position + 1,
        id=str(cell.get("id", "")),
        source="".join(cell.source),
        heading=heading_above(notebook, position),
        tags=frozenset(map(str, metadata.get("tags", ()))),
        outputs=tuple(_outputs(outputs)),
        stderr=_stream(outputs, "stderr"),
        executed=bool(outputs) or cell.get("execution_count") is not None,
    )


def _stream(outputs: list[Any], name: str) -> str:
    found = (o for o in outputs if o.get("output_type") == "stream" and o.get("name") == name)
    return "".join("".join(o.get("text", "")) for o in found)


def _outputs(outputs: list[Any]) -> Iterator[Output]:
    if printed := _stream(outputs, "stdout"):
        yield Output("stdout", {"text/plain": printed})
    for output in outputs:
        kind = output.get("output_type")
        if kind == "error":
            yield Output("error", {name: str(output.get(name, "")) for name in ("ename", "evalue")})
        elif kind in ("display_data", "execute_result", "pyout"):
            data = {mime: _joined(content) for mime, content in output.get("data", {}).items()}
            if data and not _is_progress(data) and not is_loader(data):
                chart = vega_in(str(data.get("text/html", "")))
                yield Output("display", {**data, VEGA: chart} if chart else data)


def _joined(content: Any) -> Any:
    whole = isinstance(content, list) and all(isinstance(line, str) for line in content)
    return "".join(content) if whole else content


def _is_progress(data: dict[str, Any]) -> bool:
    """A progress bar, as a widget or in text: it says how the time went, not what came out."""
    text = str(data.get("text/plain", ""))
    return set(data) <= {"text/plain", "application/vnd.jupyter.widget-view+json"} and bool(
        PROGRESS.search(text)
    )


Pair = tuple["Cell | None", "Cell | None"]


def matched(mine: list[Cell], theirs: list[Cell]) -> list[Pair]:
    """Cells of both notebooks that belong together, in the reference's order.

    By id; then by equal source in the same order; then, between these, by similar source.
    Cells that are left have no partner.
    """
    partner = _by_id(mine, theirs)
    _by_source(mine, theirs, partner)
    _by_likeness(mine, theirs, partner)
    taken = set(partner.values())
    pairs: list[Pair] = [
        (mine[partner[j]] if j in partner else None, cell) for j, cell in enumerate(theirs)
    ]
    added: list[Pair] = [(cell, None) for i, cell in enumerate(mine) if i not in taken]
    return [*pairs, *added]


def _by_id(mine: list[Cell], theirs: list[Cell]) -> dict[int, int]:
    places = {cell.id: i for i, cell in enumerate(mine) if cell.id}
    return {
        j: places[cell.id]
        for j, cell in enumerate(theirs)
        if cell.id in places and _could_be(mine[places[cell.id]], cell)
    }


def _could_be(a: Cell, b: Cell) -> bool:
    """Ids that count the cells (``cell-3``) say nothing when the sources are strangers."""
    counting = re.fullmatch(r"(?:cell|id)?[-_]?\d+", b.id)
    return not counting or _likeness(a, b) >= ALIKE


def _by_source(mine: list[Cell], theirs: list[Cell], partner: dict[int, int]) -> None:
    free, wanted = _left(mine, theirs, partner)
    sources = [mine[i].source.strip() for i in free], [theirs[j].source.strip() for j in wanted]
    matcher = SequenceMatcher(None, sources[0], sources[1], autojunk=False)
    for block in matcher.get_matching_blocks():
        for k in range(block.size):
            partner[wanted[block.b + k]] = free[block.a + k]
    free, wanted = _left(mine, theirs, partner)
    for j in wanted:  # moved cells
        same = [i for i in free if mine[i].source.strip() == theirs[j].source.strip()]
        if same:
            partner[j] = same[0]
            free.remove(same[0])


def _by_likeness(mine: list[Cell], theirs: list[Cell], partner: dict[int, int]) -> None:
    free, wanted = _left(mine, theirs, partner)
    for j in wanted:
        scores = [(_likeness(mine[i], theirs[j]), -abs(i - j), i) for i in free]
        if scores and max(scores)[0] >= ALIKE:
            partner[j] = max(scores)[2]
            free.remove(max(scores)[2])


def _left(
    mine: list[Cell], theirs: list[Cell], partner: dict[int, int]
) -> tuple[list[int], list[int]]:
    taken = set(partner.values())
    free = [i for i in range(len(mine)) if i not in taken]
    return free, [j for j in range(len(theirs)) if j not in partner]


def _likeness(a: Cell, b: Cell) -> float:
    if a.source.strip() == b.source.strip():
        return 1.0
    return SequenceMatcher(None, a.source[:2000], b.source[:2000], autojunk=False).quick_ratio()
