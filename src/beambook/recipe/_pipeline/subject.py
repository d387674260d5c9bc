"""What the report of a performance is about: all its notebooks, and its first page."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from beambook.errors import BeambookError
from beambook.jobs import TaskState
from beambook.parameters import Parameters
from beambook.recipe._execution import Execution
from beambook.recipe._pipeline.chapters import Chapters
from beambook.recipe._pipeline.document import DOCUMENT
from beambook.recipe._pipeline.outcome import Outcome
from beambook.recipe._pipeline.performance import Performance
from beambook.recipe._pipeline.values import ASKED
from beambook.recipe._report_elements import Document
from beambook.recipe._report_facts import duration, moment, one_line, result_text, short, size
from beambook.recipe._report_front import Front, FrontTable, inputs_of, provenance_of
from beambook.recipe._report_images import Images
from beambook.recipe._report_subject import Attachment, Subject

__all__ = ["PerformanceSubject"]

ROWS_MOST = 300
PROBLEMS_MOST = 60
INPUTS_MOST = 12


@dataclass(frozen=True)
class PerformanceSubject(Subject):
    """All notebooks of a performance as one document.

    Attributes
    ----------
    performance : Performance
    outcomes : tuple of Outcome
    states : tuple of TaskState
    chapters : Chapters
    """

    performance: Performance
    outcomes: tuple[Outcome, ...]
    states: tuple[TaskState, ...]
    chapters: Chapters

    @classmethod
    def of(cls, performance: Performance) -> PerformanceSubject:
        """Read what there is now."""
        states = performance.task_states()
        outcomes = performance.outcomes(states)
        chapters = Chapters.of(performance, outcomes)
        record = _record(performance, outcomes)
        path = performance.path / DOCUMENT
        return cls(path, chapters.notebook, record, path, performance, outcomes, states, chapters)

    @property
    def title(self) -> str:
        """Title of the recipe."""
        return self.performance.title

    @property
    def kicker(self) -> str:
        """What stands above the title."""
        return "Report of a pipeline"

    def document(self, *, code: bool) -> Document:
        """The elements that the report shows."""
        chapters = self.chapters
        made = Document(
            self.notebook, Images(()), code, chapters.places, chapters.folders, chapters.scales
        )
        made.cell = 0
        for text in chapters.left_out:
            made.note(text)
        return made

    def attachments(self) -> list[Attachment]:
        """The record, and the notebooks before and after."""
        found = [Attachment(self.path, DOCUMENT, "source", "application/json", "what was asked")]
        table = self.path.parent / "parts" / "parts.json"
        if table.is_file():
            what = "how each part ended"
            found.append(Attachment(table, table.name, "supplement", "application/json", what))
        for role in ("before", "after"):
            execution: Execution | None = getattr(self.performance, role)
            if execution is not None and execution.notebook_path.is_file():
                kind = "application/x-ipynb+json"
                path, what = execution.notebook_path, f"executed notebook {execution.recipe}"
                found.append(Attachment(path, f"{role}.ipynb", "supplement", kind, what))
        return found

    def front(self, document: Document, title: str) -> Front:
        """The first page: status in words, problems, parts and their jobs, parameters."""
        problems = self.performance.problems(self.outcomes)
        sentence = self.performance.sentence(self.outcomes)
        sentence = f"{sentence[:1].upper()}{sentence[1:]}."
        if noted := len(problems) - sum(not o.is_done for o in self.outcomes):
            sentence += f" {noted} problem{'s' * (noted > 1)} noted." if noted > 0 else ""
        return Front(
            title=self.title,
            author=one_line(self.performance.asked.notebooks["recipe"].get("author") or ""),
            status=self.status,
            time=self.time,
            summary=sentence,
            results=_results(self.performance),
            parameters=_parameters(self.performance, self.outcomes),
            provenance=provenance_of(self),
            inputs=_by_folder(inputs_of(_inputs(self._executions()))),
            problems=_most(problems),
            tables=[self._jobs()] if self.outcomes else [],
            details_last=True,
        )

    def _executions(self) -> Iterable[Execution]:
        found = [self.performance.before, *(o.execution for o in self.outcomes)]
        return [e for e in [*found, self.performance.after] if e is not None]

    def _jobs(self) -> FrontTable:
        shown = list(self.outcomes)
        if len(shown) > ROWS_MOST:  # those with something to say, then as many as there is room
            ill = [o for o in shown if not o.is_done or o.attempts > 1][:ROWS_MOST]
            kept = {id(o) for o in [*ill, *shown[: ROWS_MOST - len(ill)]]}
            shown = [o for o in shown if id(o) in kept]
        rows = [self._row(outcome) for outcome in shown]
        if left := len(self.outcomes) - len(shown):
            rows.append([f"… {left} more, see parts.json", "", "", "", "", "", "", ""])
        columns = ["part", "task", "state", "node", "start", "time", "memory", "attempts"]
        return FrontTable("Jobs", "jobs", columns, rows)

    def _row(self, o: Outcome) -> list[str]:
        state = self.states[o.task] if 0 <= o.task < len(self.states) else None
        start = moment(o.started) if o.started else None
        tries = max(o.attempts, state.attempts if state is not None else 0)
        return [
            o.part.name,
            (state.slurm_id if state is not None and state.slurm_id else str(o.task)),
            o.status,
            o.node,
            f"{start:%m-%d %H:%M:%S}" if start else "",
            duration(o.seconds) if o.seconds else "",
            size(o.peak_memory) if o.peak_memory else "",
            str(tries) if tries else "",
        ]


def _most(problems: list[str]) -> list[str]:
    left = len(problems) - PROBLEMS_MOST
    more = [f"… and {left} more problems, see the parts"] if left > 0 else []
    return [*problems[:PROBLEMS_MOST], *more]


def _record(performance: Performance, outcomes: tuple[Outcome, ...]) -> dict[str, Any]:
    """As the record of an execution, for all of them."""
    executions = [performance.before, *(o.execution for o in outcomes), performance.after]
    there = [e for e in executions if e is not None]
    who = performance.asked.who
    ends = [end for e in there if (end := moment(e.record.get("ended")))]
    created = moment(who["created"]) or dt.datetime.fromtimestamp(0, dt.UTC)
    ended = max([*ends, created])
    fine = performance.succeeded()
    return {
        "id": performance.id,
        "status": "done" if fine else "failed",
        "recipe": dict(performance.asked.notebooks["recipe"]),
        "created": created.isoformat(),
        "started": created.isoformat(),
        "ended": ended.isoformat(),
        "seconds": (ended - created).total_seconds(),
        "peak_memory": max((int(e.record["peak_memory"] or 0) for e in there), default=0),
        "host": who.get("host"),
        "user": who.get("user"),
        "beambook": who.get("beambook"),
        "kernel": dict(there[0].record["kernel"]) if there else {},
    }


def _results(performance: Performance) -> list[list[str]]:
    return [
        [one_line(name), result_text(result), one_line(result.get("unit") or "")]
        for name, result in performance.results().items()
    ]


def _parameters(performance: Performance, outcomes: tuple[Outcome, ...]) -> list[list[str]]:
    """Every parameter of all notebooks once, with the value that it had."""
    part = next((o.execution for o in outcomes if o.execution is not None), None)
    executions = [e for e in (performance.before, part, performance.after) if e is not None]
    own = {name for o in outcomes for name in o.part.values} if len(outcomes) > 1 else set()
    rows: dict[str, list[str]] = {}
    for execution in executions:
        about = {p.name: p for p in _declared(execution)}
        for name, value in execution.values.items():
            if name in rows or name == ASKED:  # which has the same ones again
                continue
            value = performance.asked.shared.get(name, value)  # as the parts were told
            given = "its own in each part" if name in own and execution is part else short(value)
            unit, text = (about[name].unit, about[name].help) if name in about else ("", "")
            shown = "none" if value is None else given
            rows[name] = [name, shown, one_line(unit or ""), one_line(text or "")]
    return list(rows.values())


def _declared(execution: Execution) -> list[Any]:
    try:
        return list(Parameters.of(execution.notebook_path))
    except BeambookError:
        return []


def _inputs(executions: Iterable[Execution]) -> list[Any]:
    found: dict[str, Any] = {}
    for execution in executions:
        for entry in execution.inputs:
            path = str(entry.get("path", entry)) if isinstance(entry, dict) else str(entry)
            found.setdefault(path, entry)
    return list(found.values())


def _by_folder(rows: list[list[str]]) -> list[list[str]]:
    """Many files as a row for each folder; each execution's record has them one by one."""
    if len(rows) <= INPUTS_MOST:
        return rows
    files: Counter[str] = Counter()
    whole: dict[str, list[str]] = {}
    for row in rows:
        if row[1] == "1":
            files[str(Path(row[0]).parent)] += 1
        else:
            whole[row[0]] = row  # a run, whose files are perhaps read one by one, too
    apart = [
        [folder, str(count), "", "of each file: in the records"]
        for folder, count in files.items()
        if folder not in whole
    ]
    return [*whole.values(), *apart]
