"""A notebook and its execution as entities: a workflow, its parameters, an action."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from beambook.publication._contents import SealedNotebook
from beambook.publication._crate.entity import Entity, file_id, identifier, reference, references

__all__ = ["Run", "run_entities"]

BIOSCHEMAS = "https://bioschemas.org/profiles"
PARAMETER = f"{BIOSCHEMAS}/FormalParameter/1.0-RELEASE"
WORKFLOW = f"{BIOSCHEMAS}/ComputationalWorkflow/1.0-RELEASE"
DONE = "http://schema.org/CompletedActionStatus"
JUPYTER: Entity = {
    "@id": "#jupyter",
    "@type": "ComputerLanguage",
    "name": "Jupyter Notebook",
    "alternateName": "ipynb",
    "identifier": {"@id": "https://jupyter.org/"},
    "url": {"@id": "https://jupyter.org/"},
}
_TYPES = {bool: "Boolean", int: "Integer", float: "Float", str: "Text"}


@dataclass(frozen=True)
class Run:
    """A sealed notebook with what its execution has on record.

    Attributes
    ----------
    notebook : SealedNotebook
    results : mapping
        Recorded results, by name: ``value``, ``unit``.
    date : str
        When the reference was made, if nothing better is known.
    licence : str
        Address of the licence.
    version, repository : str
        Of the code.
    """

    notebook: SealedNotebook
    results: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    date: str = ""
    licence: str = ""
    version: str = ""
    repository: str = ""


def run_entities(
    runs: Iterable[Run],
    data: Iterable[Entity],
    agents: Sequence[Entity],
    requirements: Entity | None,
) -> Iterator[Entity]:
    """All entities of notebooks and their executions."""
    yield JUPYTER
    yield {"@id": PARAMETER, "@type": "CreativeWork", "name": "FormalParameter", "version": "1.0"}
    yield {
        "@id": WORKFLOW,
        "@type": "CreativeWork",
        "name": "ComputationalWorkflow",
        "version": "1.0",
    }
    if requirements is not None:
        yield requirements
    read = [*data]
    for run in runs:
        yield from _entities(run, read, agents, requirements)


def _entities(
    run: Run, data: Sequence[Entity], agents: Sequence[Entity], requirements: Entity | None
) -> Iterator[Entity]:
    book = run.notebook
    given = [*_given(book)]
    found = [*_found(run)]
    workflow: Entity = {
        "@id": file_id(f"work/{book.path}"),
        "@type": ["File", "SoftwareSourceCode", "ComputationalWorkflow"],
        "name": book.title or book.path,
        "description": f"Jupyter notebook {book.path}",
        "encodingFormat": "application/x-ipynb+json",
        "programmingLanguage": reference(JUPYTER),
        "conformsTo": reference(WORKFLOW),
        "version": run.version or "1",
        "license": reference(run.licence) if run.licence else None,
        "creator": references(agents),
        "dateCreated": run.date,
        "url": run.repository,
        "input": references(parameter for parameter, _ in given),
        "output": references(parameter for parameter, _ in found),
        "softwareRequirements": reference(requirements) if requirements is not None else None,
    }
    yield {key: value for key, value in workflow.items() if value}
    for pair in (*given, *found):
        yield from pair
    yield from _execution(run, [value for _, value in given], [v for _, v in found], data, agents)


def _given(book: SealedNotebook) -> Iterator[tuple[Entity, Entity]]:
    """Each parameter, and its value in the execution."""
    for name, value in book.values.items():
        value_id = identifier("value", book.path, name)
        yield _pair(identifier("input", book.path, name), value_id, name, value)


def _found(run: Run) -> Iterator[tuple[Entity, Entity]]:
    """Each recorded result, and its value in the execution."""
    for name, result in run.results.items():
        path = run.notebook.path
        pair = _pair(
            identifier("output", path, name),
            identifier("result", path, name),
            name,
            result["value"],
        )
        if unit := result.get("unit"):
            pair[1]["unitText"] = str(unit)
        yield pair


def _pair(parameter: str, example: str, name: str, value: Any) -> tuple[Entity, Entity]:
    return {
        "@id": parameter,
        "@type": "FormalParameter",
        "additionalType": _TYPES.get(type(value), "Text"),
        "name": name,
        "description": f"{name} of the notebook",
        "conformsTo": reference(PARAMETER),
        "workExample": {"@id": example},
    }, {
        "@id": example,
        "@type": "PropertyValue",
        "name": name,
        "value": _plain(value),
        "exampleOfWork": {"@id": parameter},
    }


def _plain(value: Any) -> Any:
    """A value that JSON-LD takes for one: a number, a text; what is more, as text."""
    if isinstance(value, bool | int | float | str):
        return value
    text = json.dumps(value, ensure_ascii=False, sort_keys=True)
    return text if len(text) < 1000 else f"{text[:1000]}…"


def _execution(
    run: Run,
    given: Sequence[Entity],
    found: Sequence[Entity],
    data: Sequence[Entity],
    agents: Sequence[Entity],
) -> Iterator[Entity]:
    """The action, and the files that came of it. A notebook without outputs has none."""
    book = run.notebook
    if book.reference is None:
        return
    executed: Entity = {
        "@id": file_id(book.reference),
        "@type": "File",
        "name": f"{book.title or book.path}, executed",
        "encodingFormat": "application/x-ipynb+json",
    }
    yield executed
    files: list[Entity] = [
        {"@id": file_id(name), "@type": "File", "name": name.rpartition("/")[2]}
        for name in book.outputs
    ]
    yield from files
    action: Entity = {
        "@id": identifier("execution", book.path),
        "@type": "CreateAction",
        "name": f"Execution of {book.title or book.path}",
        "description": f"The notebook {book.path} was executed with the values that it has here",
        "instrument": {"@id": file_id(f"work/{book.path}")},
        "agent": references(agents[:1]),
        "object": references([*given, *data]),
        "result": references([executed, *files, *found]),
        "startTime": book.started,
        "endTime": book.ended or run.date,
        "actionStatus": DONE,
    }
    yield {key: value for key, value in action.items() if value}
