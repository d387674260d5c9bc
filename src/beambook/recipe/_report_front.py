"""The first page of a report: what was done, with which values, what came out, where and when."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from beambook.errors import BeambookError
from beambook.parameters import Parameters
from beambook.recipe._report_elements import RESULT, Document
from beambook.recipe._report_facts import (
    duration,
    is_number,
    moment,
    one_line,
    result_text,
    short,
    size,
)

if TYPE_CHECKING:
    from beambook.recipe._report_subject import Subject

__all__ = ["Front", "FrontTable", "inputs_of", "provenance_of"]

PACKAGES = (
    "beambook numpy scipy pandas xarray h5py dask matplotlib numba scikit-learn "
    "EXtra-data pyFAI lmfit ipykernel"
).split()


@dataclass(frozen=True)
class FrontTable:
    """A table of the first page that only some reports have.

    Attributes
    ----------
    title, kind : str
        What stands above it; the class of its style.
    columns : list of str
    rows : list of list of str
    """

    title: str
    kind: str
    columns: list[str]
    rows: list[list[str]]


@dataclass
class Front:
    """Everything on the first page, as text.

    Attributes
    ----------
    results : list of (name, value, unit)
    parameters : list of (name, value, unit, help)
    provenance : list of (what, value)
    inputs : list of (path, files, size, checksum)
    problems : list of str
        What went wrong, first of all.
    details_last : bool
        Whether parameters, inputs and provenance come behind the chapters: those of a pipeline
        fill pages.
    summary : str
        How it went, in words.
    tables : list of FrontTable
        What some reports have besides; shown after the results.
    """

    title: str
    author: str
    status: str
    time: dt.datetime
    results: list[list[str]] = field(default_factory=list)
    parameters: list[list[str]] = field(default_factory=list)
    provenance: list[list[str]] = field(default_factory=list)
    inputs: list[list[str]] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    details_last: bool = False
    summary: str = ""
    tables: list[FrontTable] = field(default_factory=list)

    @classmethod
    def of(cls, subject: Subject, document: Document, title: str = "") -> Front:
        """Collect the first page of `subject`; `title` is the notebook's first heading."""
        return cls(
            title=title or subject.title,
            author=subject.author,
            status=subject.status,
            time=subject.time,
            results=_results(subject.notebook),
            parameters=_parameters(subject),
            provenance=provenance_of(subject),
            inputs=inputs_of(subject.find("inputs")),
            problems=_problems(subject, document),
        )

    @property
    def date(self) -> str:
        """Day of the execution, in words."""
        return f"{self.time.day} {self.time:%B %Y}"


def _problems(subject: Subject, document: Document) -> list[str]:
    errors = subject.errors()
    problems = [
        f"{_place(document, cell)}: {text.splitlines()[0] if text else 'error'}"
        for cell, text in errors
    ]
    if subject.status in {"failed", "killed"}:
        stated = _stated_error(subject.find("error"), subject.status, document)
        problems += [stated] if not errors or subject.status == "killed" else []
    if (skipped := subject.not_run()) and subject.status != "done":
        problems.append(f"Not executed: cell{'s' * (len(skipped) > 1)} {_ranges(skipped)}")
    return [text[:400] for text in problems]


def _stated_error(error: Any, status: str, document: Document) -> str:
    """The error that the record tells: a kernel that died leaves none in the notebook."""
    if not isinstance(error, dict):
        return one_line(error or f"The execution {'was ' if status == 'killed' else ''}{status}")
    cell = error.get("cell")
    where = f"{_place(document, cell + 1)}: " if isinstance(cell, int) else ""
    words = [one_line(error[key]) for key in ("name", "value") if error.get(key)]
    return where + ": ".join(words or [status])


def _place(document: Document, cell: int) -> str:
    known = 0 < cell <= len(document.notebook.cells)
    heading = document.heading(cell) if known else ""
    return f"Cell {cell}" + (f" ({one_line(heading)})" if heading else "")


def _ranges(numbers: list[int]) -> str:
    parts: list[list[int]] = []
    for each in numbers:
        if parts and each - parts[-1][1] <= 1:
            parts[-1][1] = each
        else:
            parts.append([each, each])
    return ", ".join(str(a) if a == b else f"{a}–{b}" for a, b in parts)


def _results(notebook: Any) -> list[list[str]]:
    rows = {}
    outputs = (output for cell in notebook.cells for output in cell.get("outputs", []))
    for output in outputs:
        result = (output.get("data") or {}).get(RESULT)
        if isinstance(result, Mapping) and "name" in result:
            name, unit = one_line(result["name"]), one_line(result.get("unit") or "")
            rows[name] = [name, result_text(result), unit]
    return list(rows.values())


def _parameters(subject: Subject) -> list[list[str]]:
    values = subject.find("values")
    values = dict(values) if isinstance(values, dict) else {}
    rows = []
    for parameter in _declared(subject.notebook):
        value = values.pop(parameter.name, parameter.default)
        unit, about = one_line(parameter.unit or ""), one_line(parameter.help or "")
        rows.append([parameter.name, _given(value), unit, about])
    return [*rows, *([one_line(name), _given(value), "", ""] for name, value in values.items())]


def _given(value: Any) -> str:
    return "none" if value is None else short(value)


def _declared(notebook: Any) -> list[Any]:
    try:
        return list(Parameters.of(notebook))
    except BeambookError:  # another language, or no cell of parameters
        return []


def provenance_of(subject: Subject) -> list[list[str]]:
    """Recipe, time, place, memory, kernel and versions, as far as the record has them."""
    find, recipe = subject.find, subject.find("recipe")
    recipe = recipe if isinstance(recipe, dict) else {"name": recipe}
    rows = [
        ("recipe", recipe.get("name")),
        ("git", _git(recipe.get("git") or find("git"))),
        ("execution", subject.record.get("id")),
        ("when", _when(subject.record)),
        ("where", _where(find("host"), find("user"))),
        ("peak memory", _memory(find("peak_memory"))),
        ("kernel", _kernel(subject)),
        ("versions", _versions(subject)),
    ]
    return [[name, short(value)] for name, value in rows if value]


def _when(record: Mapping[str, Any]) -> str:
    started = moment(record.get("started") or record.get("created"))
    ended = moment(record.get("ended") or record.get("finished"))
    seconds = record.get("seconds")
    if not is_number(seconds) and started and ended:
        seconds = (ended - started).total_seconds()
    begin = f"{started:%Y-%m-%d %H:%M:%S %Z}" if started else ""
    return f"{begin}, for {duration(float(seconds))}" if is_number(seconds) and begin else begin


def _where(host: Any, user: Any) -> str:
    return one_line(f"{host or ''}, by {user}" if user else host or "").lstrip(", ")


def _memory(count: Any) -> str:
    return size(int(count)) if is_number(count) and count else ""


def _kernel(subject: Subject) -> str:
    spec = subject.notebook.metadata.get("kernelspec") or {}
    info = subject.notebook.metadata.get("language_info") or {}
    name = str(spec.get("display_name") or info.get("name") or "")
    version = str(info.get("version") or "")
    return name if version in name else f"{name} ({version})"


def _git(git: Any) -> str:
    if not isinstance(git, dict):
        return one_line(git or "")
    commit = one_line(git.get("commit") or "")
    return f"{commit}, with changes not committed" if commit and git.get("dirty") else commit


def _versions(subject: Subject) -> str:
    """Python and the packages of the field; the record has all of them."""
    packages = subject.find("packages", "versions")
    packages = packages if isinstance(packages, dict) else {}
    known = {str(name).lower().replace("_", "-"): version for name, version in packages.items()}
    first = {"python": known.pop("python", None) or subject.find("python")}
    named = first | {name: known.get(name.lower()) for name in PACKAGES}
    named |= {"beambook": known.get("beambook") or subject.find("beambook")}
    shown = [f"{name} {version}" for name, version in named.items() if isinstance(version, str)]
    others = len(set(known) - {name.lower() for name in PACKAGES})
    return ", ".join(shown) + (f" and {others} more packages" if others and shown else "")


def inputs_of(inputs: Any) -> list[list[str]]:
    """A row for each input: path, files, size, checksum."""
    return [_input(each) for each in (inputs if isinstance(inputs, list) else [])]


def _input(entry: Any) -> list[str]:
    if not isinstance(entry, dict):
        return [one_line(entry), "", "", ""]
    files = [f for f in entry.get("files") or [] if isinstance(f, dict)]
    total = sum(f["size"] for f in files if is_number(f.get("size")))
    count = str(len(files)) if files else ""
    shown = size(int(total)) if total else ""
    return [one_line(entry.get("path", "")), count, shown, one_line(entry.get("sha256") or "")]
