"""One performance of a pipeline: a folder that says all about it."""

from __future__ import annotations

import socket
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from beambook.card import Card, Described, Table
from beambook.errors import RunNotFound, close_names
from beambook.events import Reporter, Silent
from beambook.jobs import Job, TaskState
from beambook.recipe._execution import Execution, is_gone
from beambook.recipe._pipeline.document import DOCUMENT, Asked
from beambook.recipe._pipeline.outcome import FINAL, Outcome
from beambook.recipe._pipeline.recorded import decoded
from beambook.recipe._pipeline.stage import Stage
from beambook.recipe._pipeline.wait import Teller
from beambook.recipe._report_facts import duration, one_line, size
from beambook.words import few

__all__ = ["BATCH", "Performance"]

BATCH = "batch"
PROBLEMS_SHOWN = 20
NAMES_SHOWN = 6


@dataclass(frozen=True, repr=False)
class Performance(Described):
    """A recipe performed on all its parts, with what came before and after.

    Where an Execution is one notebook once, a Performance is a pipeline once: the notebook
    before, an Execution of the recipe for each part, the notebook after, and one report.
    Everything is in its folder; it can be looked at while others work on it.

    Attributes
    ----------
    path : Path
        The folder.
    asked : Asked
        Content of ``pipeline.json``.
    """

    path: Path
    asked: Asked
    _done: dict[int, Outcome] = field(default_factory=dict, compare=False)

    @classmethod
    def load(cls, name: str | Path, root: str | Path = "executions") -> Performance:
        """Read a performance back.

        Parameters
        ----------
        name : str or Path
            Its folder, its id below `root`, or the beginning of the id if only one begins so.
        root : str or Path
            Folder of executions.

        Returns
        -------
        Performance

        Raises
        ------
        RunNotFound
            If there is none, or several begin so.
        DamagedFile
            If its record cannot be read.
        """
        folder = Path(name)
        if folder.name == DOCUMENT:
            folder = folder.parent
        if not (folder / DOCUMENT).is_file():
            folder = Path(root) / _full_id(str(name), Path(root))
        folder = folder.absolute()
        return cls(folder, Asked.load(folder))

    @property
    def id(self) -> str:
        """Recipe, time and four digits that make it unique."""
        return self.path.name

    @property
    def title(self) -> str:
        """Title of the recipe."""
        return self.asked.title()

    @property
    def before(self) -> Execution | None:
        """The notebook that stated the parts."""
        return Stage(self.path / "before").execution()

    @property
    def after(self) -> Execution | None:
        """The notebook that looked at all parts in the end."""
        return Stage(self.path / "after").execution()

    @property
    def job(self) -> Job | None:
        """The tasks, where they have been submitted."""
        folder = self.path / BATCH
        return Job.load(folder) if (folder / "batch.json").is_file() else None

    def wait(self, reporter: Reporter | None = None) -> Performance:
        """Wait for the end of all tasks and of what comes after; gives what there is then.

        An interrupt (Ctrl-C) stops work that runs here in the foreground; on a cluster it
        goes on.

        Parameters
        ----------
        reporter : Reporter, optional
            Takes progress: parts done of all, what the others do, an estimate of the time left.
        """
        if (job := self.job) is not None:
            job.wait(Teller(self, reporter or Silent()))
        return Performance.load(self.path)

    def task_states(self) -> tuple[TaskState, ...]:
        """State of each task, without the one that finishes; empty before there are any."""
        job = self.job
        return tuple(s for s in job.states() if not s.is_finish) if job is not None else ()

    def outcomes(self, states: tuple[TaskState, ...] | None = None) -> tuple[Outcome, ...]:
        """Where each part is, in the order in which they were stated."""
        states = self.task_states() if states is None else states
        tasks = {i: k for k, group in enumerate(self.asked.groups) for i in group}
        found = []
        for i, part in enumerate(self.asked.parts or ()):
            if i not in self._done:
                k = tasks.get(i, -1)
                state = states[k] if 0 <= k < len(states) else None
                attempts = Stage(self.path / "parts" / part.folder).attempts()
                outcome = Outcome.of(
                    part, k, attempts,
                    ended=state is not None and state.is_final,
                    reason=state.reason if state is not None else "",
                )  # fmt: skip
                if outcome.is_done:  # which it stays
                    self._done[i] = outcome
                found.append(outcome)
            else:
                found.append(self._done[i])
        return tuple(found)

    @property
    def status(self) -> str:
        """``queued``, ``running``, ``done``, ``failed`` or ``killed``; interrupted is killed."""
        if self.asked.error or self.asked.parts == ():
            return "failed"
        job = self.job
        if job is None:
            return "running" if self._is_tended else "killed"
        states = job.states()
        if not all(state.is_final for state in states):
            return "queued" if all(state.state == "queued" for state in states) else "running"
        if any(state.state == "stopped" for state in states):
            return "killed"
        return "done" if self.succeeded() else "failed"

    def succeeded(self) -> bool:
        """Whether every part is done, and the notebook after if there is one."""
        parts = self.outcomes()
        after = self.asked.notebooks["after"] is None or _is_done(self.after)
        return bool(parts) and all(part.is_done for part in parts) and after

    @property
    def _is_tended(self) -> bool:
        """Whether the process that was asked still lives; on another machine nobody knows."""
        who = self.asked.who
        return who.get("host") != socket.gethostname() or not is_gone(who)

    def sentence(self, outcomes: tuple[Outcome, ...] | None = None) -> str:
        """How it went, in words: ``61 of 64 parts done; 3 failed: AGIPD07 S00002, …``."""
        if self.asked.error:
            return "failed before any part was started"
        outcomes = self.outcomes() if outcomes is None else outcomes
        if self.asked.parts is None:
            return "its parts are not known yet"
        if not outcomes:
            return "there are no parts: nothing was done"
        return _in_words(outcomes)

    def problems(self, outcomes: tuple[Outcome, ...] | None = None) -> list[str]:
        """What went wrong, a line each; what notebooks have recorded as problems comes last."""
        outcomes = self.outcomes() if outcomes is None else outcomes
        lines = [one_line(self.asked.error)] if self.asked.error else []
        if self.asked.parts == ():
            lines.append(f"{self.asked.title('before')} found no parts: nothing was done")
        lines += _errors(outcomes)
        if (after := self.after) is not None and after.error_line:
            lines.append(f"{after.recipe}: {after.error_line}")
        lines += self._changed(outcomes)
        lines += self._noted(outcomes)
        return [one_line(line)[:400] for line in dict.fromkeys(lines)]

    def _noted(self, outcomes: tuple[Outcome, ...]) -> list[str]:
        """What notebooks have recorded as problems: once, however many of them say it."""
        who: dict[str, list[str]] = {}
        for name, execution in self._named_executions(outcomes):
            for text in _recorded(execution):
                who.setdefault(text, []).append(name)
        return [_said_by(text, names) for text, names in who.items()]

    def _changed(self, outcomes: tuple[Outcome, ...]) -> list[str]:
        """Notebooks that are not those any more that were asked for."""
        expected = self.asked.notebooks["recipe"]["sha256"]
        other = [
            o.part.name for o in outcomes
            if o.execution is not None and o.execution.record["recipe"]["sha256"] != expected
        ]  # fmt: skip
        if not other:
            return []
        named = few(other, NAMES_SHOWN)
        return [f"The notebook was changed before these parts were executed: {named}"]

    def _named_executions(self, outcomes: tuple[Outcome, ...]) -> list[tuple[str, Execution]]:
        found = [("", self.before), *((o.part.name, o.execution) for o in outcomes)]
        return [(name, e) for name, e in [*found, ("", self.after)] if e is not None]

    def results(self) -> Mapping[str, Mapping[str, Any]]:
        """What the notebooks before and after have recorded, without what is for us."""
        found: dict[str, Mapping[str, Any]] = {}
        for execution in (self.before, self.after):
            if execution is not None:
                found |= execution.results
        return {k: v for k, v in found.items() if k not in ("parts", "shared", "problems")}

    def to_json(self) -> dict[str, Any]:
        """For machines: status, values, problems, and every part."""
        outcomes = self.outcomes()
        return {
            "id": self.id,
            "status": self.status,
            "sentence": self.sentence(outcomes),
            "folder": str(self.path),
            "recipe": self.asked.notebooks["recipe"]["name"],
            "values": dict(self.asked.values),
            "shared": dict(self.asked.shared),
            "problems": self.problems(outcomes),
            "results": dict(self.results()),
            "parts": [outcome.to_json() for outcome in outcomes],
        }

    def card(self) -> Card:
        """Status in words, values, time, problems; a table of the parts."""
        outcomes, status = self.outcomes(), self.status
        ended = self._ended() if status == "killed" else ""
        facts = {"recipe": self.title, "status": f"{status}{ended}: {self.sentence(outcomes)}"}
        if self.asked.values:
            facts["values"] = ", ".join(f"{name}={v}" for name, v in self.asked.values.items())
        facts["began"] = f"{self.asked.who['created']} on {self.asked.who['host']}"
        facts["runs on"] = f"{self.asked.on}, in {_counted(len(self.asked.groups), 'task')}"
        facts["folder"] = str(self.path)
        problems = self.problems(outcomes)
        if (more := len(problems) - PROBLEMS_SHOWN) > 0:
            problems[PROBLEMS_SHOWN:] = [f"… and {more} more, which the report has"]
        lines = tuple((line,) for line in problems)
        tables = [Table(("problem",), lines, "problems")] if problems else []
        tables += [overview(outcomes)] if outcomes else []
        return Card("Performance", self.id, facts, tuple(tables), self._hints(status))

    def _ended(self) -> str:
        """By whom it was stopped, if that is known."""
        states = self.job.states() if self.job is not None else ()
        reasons = sorted({state.reason for state in states if state.state == "stopped"} - {""})
        return f" ({', '.join(reasons)})" if reasons else ""

    def _hints(self, status: str) -> tuple[str, ...]:
        if self.asked.error:  # the same values would fail again
            recipe = self.asked.notebooks["recipe"]["name"]
            return (
                f"beambook run {recipe} NAME=VALUE …   again, with what is put right",
                f"beambook run --resume {self.id}   once the data is there",
            )
        if status in ("failed", "killed"):
            hint = f"beambook run --resume {self.id}   only what is not done"
            reported = (self.path / "report.html").is_file()
            return (hint,) if reported else (hint, f"beambook report {self.id} --pdf")
        if status in ("queued", "running"):
            return (f"beambook show {self.id}", f"beambook stop {self.id}")
        return ()


def overview(outcomes: tuple[Outcome, ...]) -> Table:
    """A row for each part; why one is not done is among the problems."""
    rows: tuple[tuple[Any, ...], ...] = tuple(
        (
            o.part.name,
            o.status,
            o.node,
            duration(o.seconds) if o.seconds else "",
            size(o.peak_memory) if o.peak_memory else "",
            o.attempts,
        )
        for o in outcomes
    )
    return Table(("part", "status", "node", "time", "memory", "attempts"), rows, "parts")


def _in_words(outcomes: tuple[Outcome, ...]) -> str:
    counts = Counter(o.status for o in outcomes)
    if counts["done"] == len(outcomes):
        only = len(outcomes) == 1
        return "the only part is done" if only else f"all {len(outcomes)} parts done"
    text = f"{counts['done']} of {len(outcomes)} parts done"
    for status in ("failed", "killed", "lost", "missing", "running", "queued"):
        if counts[status]:
            text += f"; {counts[status]} {status}"
            if status in FINAL:
                names = [o.part.name for o in outcomes if o.status == status]
                text += f": {few(names, NAMES_SHOWN)}"
    return text


def _errors(outcomes: tuple[Outcome, ...]) -> list[str]:
    """Why parts are not done: a reason once, with the names of all that it ended."""
    who: dict[str, list[str]] = {}
    for o in outcomes:
        if not _fine(o):
            who.setdefault(o.error_line, []).append(o.part.name)
    return [f"{few(names, NAMES_SHOWN)}: {why}" for why, names in who.items()]


def _said_by(text: str, names: list[str]) -> str:
    if "" in names:  # said of all, by the notebook before or after
        return text
    return f"{names[0]}: {text}" if len(names) == 1 else f"{few(names, NAMES_SHOWN)}: {text}"


def _counted(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _fine(outcome: Outcome) -> bool:
    return outcome.status in ("done", "queued", "running")


def _is_done(execution: Execution | None) -> bool:
    return execution is not None and execution.status == "done"


def _recorded(execution: Execution) -> list[str]:
    """What a notebook has recorded as ``problems``: a text or a list of texts."""
    if "problems" not in execution.results:
        return []
    said = decoded(execution.results["problems"].get("value"))
    lines = said if isinstance(said, list) else [said]
    return [one_line(line) for line in lines if line]


def _full_id(name: str, root: Path) -> str:
    ids = [path.parent.name for path in root.glob(f"*/{DOCUMENT}")] if root.is_dir() else []
    found = [name] if name in ids else [each for each in ids if each.startswith(name)]
    if len(found) == 1 and name:
        return found[0]
    if len(found) > 1:
        hint = f"Say which: {', '.join(sorted(found)[-3:])}"
        raise RunNotFound(f"{len(found)} pipelines in {root} begin with {name!r}", hint=hint)
    close = close_names(name, ids) or sorted(ids)[-3:]
    hint = f"Others are {', '.join(close)}" if close else "There is none at all"
    raise RunNotFound(f"No pipeline {name!r} in {root}", hint=hint)
