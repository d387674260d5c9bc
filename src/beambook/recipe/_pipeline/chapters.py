"""The notebooks of a performance as one: what comes after, what came before, then the parts.

Of the first part everything is shown; of the others pictures, recorded numbers and errors.
Pictures are bounded in number and bytes. Parts that failed are shown first of all, the others
so that each value of what parts differ in (each module) has its turn before one has two.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from beambook.errors import BeambookError
from beambook.recipe._execution import Execution
from beambook.recipe._pipeline.outcome import Outcome
from beambook.recipe._pipeline.performance import Performance
from beambook.recipe._report_elements import PICTURES, RESULT, cell_options
from beambook.recipe._report_facts import duration, short, size

__all__ = ["OURS", "Chapters"]

OURS = ("parts", "shared", "problems")  # results that are said to the pipeline, not to people
PICTURES_MOST = 150
PICTURE_BYTES = 30_000_000
FAILED_SHOWN = 40
SMALL = 0.65  # pictures of all parts but the first
HEADING = re.compile(r"^(#{1,6})(?=[ \t])", re.M)
FENCE = re.compile(r"((?:^|\n)(?:```|~~~).*?\n(?:```|~~~))", re.S)


@dataclass
class Chapters:
    """A notebook made of many, which knows where each of its cells is from.

    Attributes
    ----------
    notebook : nbformat.NotebookNode
    places : dict of int to str
        What the origin of a cell (from 1) is called.
    folders : dict of int to tuple of Path
        Where the pictures that its text names may lie.
    scales : dict of int to float
        How large the pictures of a cell are shown.
    left_out : list of str
        What is not shown, and where it is.
    """

    notebook: Any = field(default_factory=lambda: new_notebook())  # type: ignore[no-untyped-call]
    places: dict[int, str] = field(default_factory=dict)
    folders: dict[int, tuple[Path, ...]] = field(default_factory=dict)
    scales: dict[int, float] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)
    _place: str = ""
    _folders: tuple[Path, ...] = ()

    @classmethod
    def of(cls, performance: Performance, outcomes: tuple[Outcome, ...]) -> Chapters:
        """Read all executed notebooks that are shown."""
        made = cls()
        made._text(f"# {performance.title}")
        for execution in (performance.after, performance.before):
            if execution is not None:
                made._whole(execution, execution.title, level=2)
        if outcomes:
            made._parts(performance, outcomes)
        for execution in made._kernels(performance, outcomes):
            metadata = _read(execution).metadata
            kept = {k: metadata[k] for k in ("kernelspec", "language_info") if k in metadata}
            made.notebook.metadata.update(kept)
        return made

    def _kernels(
        self, performance: Performance, outcomes: tuple[Outcome, ...]
    ) -> Iterator[Execution]:
        found = [performance.before, *(o.execution for o in outcomes if o.is_done)]
        yield from [each for each in found if each is not None][:1]

    def _parts(self, performance: Performance, outcomes: tuple[Outcome, ...]) -> None:
        chosen = _chosen(outcomes)
        left = [o.part.name for i, o in enumerate(outcomes) if i not in chosen and o.is_done]
        self._text(f"## Parts\n\n{_what_is_shown(performance, outcomes, len(left))}")
        first = next((o for o in outcomes if o.is_done), None)
        failed = 0
        for i, outcome in enumerate(outcomes):
            if outcome is first and outcome.execution is not None:
                self._whole(outcome.execution, outcome.part.name, level=3, facts=_facts(outcome))
                continue
            failed += not outcome.is_done
            if i in chosen or (not outcome.is_done and failed <= FAILED_SHOWN):
                self._short(outcome)
        if left:
            where = performance.path / "parts"
            self.left_out.append(
                f"pictures of {len(left)} parts are left out to keep this short; their executed "
                f"notebooks are in {where}: {', '.join(left[:100])}"
                + (" …" if len(left) > 100 else "")
            )
        if failed > FAILED_SHOWN:
            self.left_out.append(
                f"{failed - FAILED_SHOWN} more parts that are not done are in the table only"
            )

    def _whole(self, execution: Execution, title: str, *, level: int, facts: str = "") -> None:
        """A notebook with all its cells, its headings below ours."""
        self._from(execution, title)
        self._text(f"{'#' * level} {title}\n\n{facts}")
        own_title = f"# {execution.title}"
        for cell in _read(execution).cells:
            if cell.cell_type == "markdown":
                source = cell.source.strip()
                if source.split("\n", 1)[0].rstrip(" #") == own_title:
                    source = source.partition("\n")[2]
                cell.source = _lowered(source, level - 1)
            elif cell.cell_type == "code":
                cell.outputs = [out for out in cell.outputs if not _is_ours(out)]
            self._add(cell)

    def _short(self, outcome: Outcome) -> None:
        """Pictures, recorded numbers and the error of a part."""
        title = outcome.part.name
        if outcome.execution is None:
            self._place = title
            self._text(f"### {title}\n\n{_facts(outcome)}")
            return
        self._from(outcome.execution, title)
        self._text(f"### {title}\n\n{_facts(outcome)}")
        for cell in _read(outcome.execution).cells:
            if cell.cell_type != "code":
                continue
            failed = any(out.output_type == "error" for out in cell.outputs)
            outputs = [out for out in cell.outputs if failed or _is_shown(out)]
            if outputs:
                made = new_code_cell(outputs=outputs)  # type: ignore[no-untyped-call]
                made.metadata.update({"caption": cell_options(cell)["caption"]})
                if isinstance(tags := cell.metadata.get("tags"), list):
                    made.metadata["tags"] = tags
                self._add(made)
                self.scales[len(self.notebook.cells)] = SMALL

    def _from(self, execution: Execution, place: str) -> None:
        self._place = place
        origin = Path(str(execution.record["recipe"]["path"])).parent
        self._folders = (execution.path, *([origin] if _is_ours_too(origin, execution) else []))

    def _text(self, source: str) -> None:
        self._add(new_markdown_cell(source))  # type: ignore[no-untyped-call]

    def _add(self, cell: Any) -> None:
        self.notebook.cells.append(cell)
        number = len(self.notebook.cells)
        cell.id = f"cell-{number}"  # ids of chance would not be the same twice
        if self._place:
            self.places[number], self.folders[number] = self._place, self._folders


def _read(execution: Execution) -> Any:
    try:
        return execution.notebook()
    except BeambookError as error:  # it ended before its notebook was written
        text = f"*There is no executed notebook: {error}*"
        cells = [new_markdown_cell(text)]  # type: ignore[no-untyped-call]
        return new_notebook(cells=cells)  # type: ignore[no-untyped-call]


def _is_ours_too(origin: Path, execution: Execution) -> bool:
    """A record can name any folder: it counts if its notebook has our owner, or root."""
    path = Path(str(execution.record["recipe"]["path"]))
    try:
        return path.is_file() and path.stat().st_uid in {execution.path.stat().st_uid, 0}
    except OSError:
        return False


def _lowered(source: str, by: int) -> str:
    """Markdown with its headings `by` levels lower; code stays as it is."""
    pieces = FENCE.split(source)
    return "".join(
        piece if k % 2 else HEADING.sub(lambda m: "#" * min(6, len(m[1]) + by), piece)
        for k, piece in enumerate(pieces)
    )


def _is_ours(output: Any) -> bool:
    result = (output.get("data") or {}).get(RESULT)
    return isinstance(result, Mapping) and result.get("name") in OURS


def _is_shown(output: Any) -> bool:
    data = output.get("data") or {}
    told = RESULT in data and not _is_ours(output) and not _is_long(data[RESULT])
    return told or any(kind in data for kind in PICTURES)


def _is_long(result: Any) -> bool:
    """Lists and mappings, such as all options: of each part they would hide the numbers."""
    value = result.get("value") if isinstance(result, Mapping) else None
    return isinstance(value, list) or (isinstance(value, Mapping) and "items" in value)


def _what_is_shown(performance: Performance, outcomes: tuple[Outcome, ...], left: int) -> str:
    if len(outcomes) == 1:
        return ""
    some = f"{len(outcomes) - left} of {len(outcomes)} parts are shown here. " if left else ""
    return some + (
        "Of the first part everything is shown, of the others pictures, recorded numbers and "
        f"errors. The executed notebooks are in `{performance.path / 'parts'}`."
    )


def _facts(outcome: Outcome) -> str:
    """A line of Markdown under the heading of a part."""
    words = [f"**{outcome.status}**"]
    if outcome.node:
        words.append(f"on {outcome.node}")
    if outcome.seconds:
        words.append(f"in {duration(outcome.seconds)}")
    if outcome.peak_memory:
        words.append(f"with {size(outcome.peak_memory)}")
    if outcome.attempts > 1:
        words.append(f"at attempt {outcome.attempts}")
    values = ", ".join(f"`{name} = {short(v)}`" for name, v in outcome.part.values.items())
    error = f"\n\n{_plain(outcome.error_line)}" if outcome.error_line else ""
    return f"{' '.join(words)}{f'; {values}' if values else ''}{error}"


def _plain(text: str) -> str:
    """Text as Markdown that says nothing else."""
    return re.sub(r"([\\`*_{}\[\]<>$#|~])", r"\\\1", text)


def _chosen(outcomes: tuple[Outcome, ...]) -> set[int]:
    """Parts whose pictures are shown."""
    seen: Counter[str] = Counter()
    ranks = []
    for i, outcome in enumerate(outcomes):
        kind = str(next(iter(outcome.part.values.values()), ""))
        ranks.append((outcome.is_done, seen[kind], i))
        seen[kind] += 1
    chosen: set[int] = set()
    count = total = 0
    for _, _, i in sorted(ranks):
        pictures, weight = _pictures(outcomes[i])
        if chosen and (count + pictures > PICTURES_MOST or total + weight > PICTURE_BYTES):
            continue
        chosen.add(i)
        count, total = count + pictures, total + weight
    return chosen


def _pictures(outcome: Outcome) -> tuple[int, int]:
    """How many pictures a part has, and their characters."""
    if outcome.execution is None:
        return 0, 0
    outputs = [
        output.get("data") or {}
        for cell in _read(outcome.execution).cells
        for output in cell.get("outputs", [])
    ]
    sizes = [len(str(data[k])) for data in outputs for k in PICTURES[:1] + PICTURES if k in data]
    return sum(any(k in data for k in PICTURES) for data in outputs), sum(sizes)
