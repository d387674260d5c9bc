"""From an Execution and its comparison to an outcome for each cell."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from beambook.errors import BeambookError
from beambook.publication._verify.leg import (
    SILENT,
    Answer,
    CellOutcome,
    CellStatus,
    NotebookVerdict,
)
from beambook.publication._verify.notebook import (
    code_cells,
    has_error,
    python_of,
    source_of,
    tags_of,
    was_executed,
)
from beambook.recipe import Execution, Verdict, compare
from beambook.recipe._verdict import CellVerdict
from beambook.words import few

__all__ = ["judged", "not_reached", "plain"]

ABSENT = ("ModuleNotFoundError", "PackageNotFoundError", "ExecutableNotFound")
_OTHER_VERSION = re.compile(r"cannot import name")
_REASONS = tuple(
    (re.compile(pattern), why)
    for pattern, why in (
        (
            "URLError|ConnectionError|gaierror|NewConnectionError|MaxRetryError|ConnectTimeout"
            "|name resolution|Network is unreachable|Name or service not known",
            "it needs the network, which a verification does not have",
        ),
        ("Read-only file system", "it wants to write outside of its folder"),
        ("FileNotFoundError", "if that is data, give --data"),
    )
)
_INSTALL = re.compile(
    r"[!%]\s*(?:\S*python\S*|\{sys\.executable\})?\s*(?:-m\s+)?"
    r"(?:pip3?|conda|mamba|apt|apt-get|uv pip)\s+(?:-\S+\s+)*(?:install|update|upgrade)\b"
)
_NO_COMMAND = re.compile(r"\b(?:ba|da|z)?sh: (?:line )?\d+: (\S+?): (?:command )?not found")
_OF_PYTHON_2 = "of Python 2, which is not here"
_NO_PROGRAM = re.compile(r"No such file or directory: '([\w.+-]+)'$")
WHAT_MOST = 300
ERROR_MOST = 160  # of an error that is explained: libraries say the same thing several times
SHOWN = 5
_SEEN = {
    "wrote": "it wrote outside of its folder",
    "changed": "it changed what must stay as it is",
    "links": "it made links that lead out of its folder, which were removed",
    "called": "it used the network",
    "started": "it started programs, which nobody watched",
    "left": "it left programs running, which were ended",
}
NOTHING_STORED = "it has no stored outputs to compare with"


def judged(
    path: str, execution: Execution, reference: Path, *, claims: Mapping[Any, str] | None = None
) -> NotebookVerdict:
    """The verdict of a notebook that was executed.

    Parameters
    ----------
    path : str
        The notebook, relative to the folder that is verified.
    execution : Execution
    reference : Path
        The notebook with the outputs that were published.
    claims : mapping of int or str to str, optional
        Cells (numbers from 1) and recorded names that the publication rests on, besides those
        that the notebook itself says, and what the authors say of them.

    Returns
    -------
    NotebookVerdict
    """
    try:
        verdict: Verdict | None = compare(execution, reference)
        problem = ""
    except BeambookError as error:  # e.g. a reference that is no notebook
        verdict, problem = None, f"cannot be compared: {error}"
    cells = _outcomes(execution, verdict, reference, claims or {})
    problem = problem or _end(execution, cells) or _nothing(reference, cells)
    return NotebookVerdict(
        path=path,
        status=_status(cells, verdict, problem),
        problem=problem,
        cells=cells,
        execution=execution.path,
        reference=reference,
        verdict=verdict,
        seconds=execution.seconds,
        notes=(*(verdict.notes if verdict is not None else ()), *_beyond(execution)),
    )


def _beyond(execution: Execution) -> Iterator[str]:
    """What the sandbox has seen that the notebook did beyond its folder."""
    seen = execution.record.get("sandbox") or {}
    for kind, said in _SEEN.items():
        if found := seen.get(kind):
            names = [plain(str(each)) for each in found]
            yield f"{said}: {few(names, SHOWN)}"


def not_reached(
    path: str, notebook: Path, problem: str, claims: Mapping[Any, str] | None = None
) -> NotebookVerdict:
    """The verdict of a notebook that was not executed, with the reason."""
    said = claims or {}
    cells = tuple(
        CellOutcome(
            number,
            heading,
            "not reached",
            claim="claim" in tags_of(cell) or number in said,
            said=said.get(number, ""),
        )
        for number, heading, cell in code_cells(notebook)
    )
    return NotebookVerdict(path, "not verified", problem, cells, reference=notebook)


def _nothing(reference: Path, cells: tuple[CellOutcome, ...]) -> str:
    """Said of a notebook that was never executed, unless it fails anyhow; or that shows nothing."""
    stored = [cell for _, _, cell in code_cells(reference)]
    if not stored or any(map(was_executed, stored)):
        return SILENT if all(cell.status == "no output" for cell in cells) else ""
    failed = any(cell.status in ("error", "missing software") for cell in cells)
    return NOTHING_STORED + (", and it fails" if failed else "")


def _status(cells: tuple[CellOutcome, ...], verdict: Verdict | None, problem: str) -> Answer:
    found = {cell.status for cell in cells}
    if "missing software" in found or verdict is None or problem.startswith(NOTHING_STORED):
        return "not verified"
    if "different" in found or ("error" in found and not problem):
        return "different"
    if problem or verdict.status == "not comparable":
        return "not verified"
    return "within tolerance" if "within tolerance" in found else "same"


def _outcomes(
    execution: Execution, verdict: Verdict | None, reference: Path, claims: Mapping[Any, str]
) -> tuple[CellOutcome, ...]:
    compared = {cell.number: cell for cell in verdict.cells} if verdict is not None else {}
    expected = {n for n, _, cell in code_cells(reference) if has_error(cell)}
    sources = {n: cell for n, _, cell in code_cells(execution.notebook_path)}
    old = python_of(reference).startswith("2")
    outcomes = []
    for run in execution.cells:
        number = run.index + 1
        source, cell = sources.get(number, {}), compared.get(number)
        ran = "pending" if run.status == "killed" and _stopped(execution) else run.status
        status, what = _cell(ran, source, cell, expected=number in expected)
        if old and status == "error" and "SyntaxError" in what:
            status, what = "missing software", f"{what} (the notebook is {_OF_PYTHON_2})"
        outcomes.append(
            CellOutcome(
                number=number,
                heading=run.heading,
                status=status,
                what=_cut(plain(what), WHAT_MOST),
                evidence=cell.evidence if cell is not None else "",
                claim=_is_claim(number, source, cell, claims),
                said=_said(number, cell, claims),
            )
        )
    return tuple(outcomes)


def _stopped(execution: Execution) -> bool:
    """Whether the kernel was ended by whoever had asked for it, which is no error of a cell."""
    return execution.error is not None and execution.error["name"] == "Interrupted"


def _is_claim(
    number: int, source: Mapping[str, Any], cell: CellVerdict | None, claims: Mapping[Any, str]
) -> bool:
    """By its tag, by a result that it records, or because the publication says so."""
    if "claim" in tags_of(source) or number in claims:
        return True
    return cell is not None and (cell.claim or any(out.name in claims for out in cell.outputs))


def _said(number: int, cell: CellVerdict | None, claims: Mapping[Any, str]) -> str:
    names = [out.name for out in cell.outputs] if cell is not None else []
    return next((said for each in (number, *names) if (said := claims.get(each))), "")


def _cell(
    ran: str, cell: Mapping[str, Any], compared: CellVerdict | None, *, expected: bool
) -> tuple[CellStatus, str]:
    if ran in ("pending", "running"):
        return "not reached", ""
    if ran == "killed":
        return "error", "the kernel died"
    if ran == "error" and not expected:
        return _error(cell)
    if compared is None:
        return ("not reached" if ran == "skipped" else "no output"), ""
    if _only_installs(source_of(cell)):
        return "not comparable", "it installs software: what that prints is no result"
    line = compared.line()
    if compared.status == "different" and (match := _NO_COMMAND.search(line)):
        return "missing software", f"the program {match[1]!r} is not here"
    return compared.status, line


def _only_installs(source: str) -> bool:
    lines = [line.strip() for line in source.splitlines()]
    told = [line for line in lines if line and not line.startswith("#")]
    return bool(told) and all(_INSTALL.match(line) for line in told)


def _error(cell: Mapping[str, Any]) -> tuple[CellStatus, str]:
    """What an unexpected error amounts to."""
    outputs = [out for out in cell.get("outputs", ()) if out.get("output_type") == "error"]
    if not outputs:
        return "error", "it ended with an error"
    name, value = str(outputs[-1].get("ename", "")), str(outputs[-1].get("evalue", ""))
    line = " ".join(f"raised {name}: {value}".split())
    program = _NO_PROGRAM.search(value) if name == "FileNotFoundError" else None
    if name in ABSENT or (name == "ImportError" and not _OTHER_VERSION.search(value)):
        return "missing software", line
    if program and _is_command(program[1], cell):
        return "missing software", f"the program {program[1]!r} is not here ({line})"
    for pattern, why in _REASONS:
        if pattern.search(f"{name}: {value}"):
            return "error", f"{_cut(line, ERROR_MOST)} ({why})"
    return "error", line


def _is_command(name: str, cell: Mapping[str, Any]) -> bool:
    """Whether a file that is not there was to be executed, not read."""
    trace = "\n".join(
        "".join(out.get("traceback", ())) for out in cell.get("outputs", ()) if "traceback" in out
    )
    return "subprocess" in trace and "Popen" in trace and bool(name)


def _end(execution: Execution, cells: tuple[CellOutcome, ...]) -> str:
    """What ended the execution before its last cell, where no cell's error says it."""
    error = execution.error
    if error is None or (error["name"] not in ("TimeLimit", "KernelDied", "Interrupted") and cells):
        known = any(cell.status in ("error", "missing software") for cell in cells)
        return "" if error is None or known else execution.error_line
    return execution.error_line


def _cut(text: str, most: int) -> str:
    """At most so many letters, and a sign where there were more."""
    return text if len(text) <= most else f"{text[: most - 2].rstrip()} …"


def plain(text: str) -> str:
    r"""Without control characters: what a notebook says is shown in terminals.

    Examples
    --------
    >>> plain("raised \x1b[31mError")
    'raised [31mError'
    """
    return "".join(letter for letter in text if letter.isprintable())
