"""The publication as a Workflow Run RO-Crate: ``ro-crate-metadata.json``, written by ourselves.

Profiles: RO-Crate 1.1, Process Run Crate 0.5, Workflow Run Crate 0.5, Workflow RO-Crate 1.0.
A notebook is a workflow, its parameters are formal parameters, its execution is an action whose
results are the executed notebook, the files that it wrote and the results that it has on record.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from beambook.publication._author import Author
from beambook.publication._contents import DataReference
from beambook.publication._crate.entity import Entity, file_id, identifier, reference, references
from beambook.publication._crate.run import Run, run_entities
from beambook.publication._declaration import Declaration

__all__ = ["METADATA", "Facts", "crate"]

METADATA = "ro-crate-metadata.json"
CRATE = "https://w3id.org/ro/crate/1.1"
PROFILES = (
    ("https://w3id.org/ro/wfrun/process/0.5", "Process Run Crate", "0.5"),
    ("https://w3id.org/ro/wfrun/workflow/0.5", "Workflow Run Crate", "0.5"),
    ("https://w3id.org/workflowhub/workflow-ro-crate/1.0", "Workflow RO-Crate", "1.0"),
)
LISTED = 2000  # files that are listed one by one; beyond, their folders are
TYPES = {
    ".ipynb": "application/x-ipynb+json",
    ".json": "application/json",
    ".md": "text/markdown",
    ".py": "text/x-python",
    ".txt": "text/plain",
    ".def": "text/plain",
    ".csv": "text/csv",
    ".yml": "application/yaml",
    ".yaml": "application/yaml",
    ".toml": "application/toml",
    ".cff": "application/yaml",
    ".h5": "application/x-hdf5",
    ".nxs": "application/x-hdf5",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".whl": "application/zip",
    ".sqfs": "application/vnd.squashfs",
}


@dataclass(frozen=True)
class Facts:
    """What the writers of metadata are given.

    Attributes
    ----------
    declaration : Declaration
        Complete: title, licence and authors are those of the publication.
    date : str
    runs : tuple of Run
        The notebooks with their executions, in order.
    data : tuple of DataReference
    files : mapping of str to int
        Name and size of every file of the publication.
    software : mapping or None
    code : mapping
        ``commit``, ``dirty``, ``remote``.
    """

    declaration: Declaration
    date: str
    runs: tuple[Run, ...]
    data: tuple[DataReference, ...]
    files: Mapping[str, int]
    software: Mapping[str, Any] | None
    code: Mapping[str, Any]

    @property
    def main(self) -> str:
        """The notebook that the others lead to: as declared, else the last that was executed."""
        names = [run.notebook.path for run in self.runs]
        if self.declaration.main in names:
            return self.declaration.main
        executed = [run.notebook.path for run in self.runs if run.notebook.reference]
        return (executed or names)[-1]

    @property
    def profiles(self) -> tuple[tuple[str, str, str], ...]:
        """Those of runs ask for an execution of the main notebook."""
        executed = {run.notebook.path for run in self.runs if run.notebook.reference}
        return PROFILES if self.main in executed else PROFILES[-1:]


def crate(facts: Facts) -> dict[str, Any]:
    """The JSON-LD document.

    Parameters
    ----------
    facts : Facts

    Returns
    -------
    dict
    """
    people = [*_people(facts.declaration.authors)]
    agents = [person for person in people if person["@type"] == "Person"]
    remote = {each.name: _data(each, listed=len(facts.files) <= LISTED) for each in facts.data}
    sizes = {file_id(name): size for name, size in facts.files.items() if size is not None}
    runs = [
        _measured(entity, sizes)
        for entity in run_entities(facts.runs, remote.values(), agents, _requirements(facts))
    ]
    known = {str(entity["@id"]) for entity in runs}
    files = [entity for entity in _files(facts) if entity["@id"] not in known]
    graph = [
        _descriptor(),
        _root(facts, agents, [*runs, *files], list(remote.values())),
        *runs,
        *files,
        *remote.values(),
        *people,
        *_contexts(facts),
    ]
    return {
        "@context": [f"{CRATE}/context", "https://w3id.org/ro/terms/workflow-run/context"],
        "@graph": _once(graph),
    }


def _measured(entity: Entity, sizes: Mapping[str, int]) -> Entity:
    """A file of a run with its size and format."""
    name = str(entity["@id"])
    if name not in sizes:
        return entity
    return {"contentSize": str(sizes[name]), "encodingFormat": _format(name)} | entity


def _once(entities: Iterable[Entity]) -> list[Entity]:
    """Each entity once; a list of one is that one, as RO-Crate 1.1 recommends."""
    found = {str(entity["@id"]): entity for entity in reversed([*entities])}
    return [{k: _compact(v) for k, v in found[each].items()} for each in reversed(found)]


def _compact(value: Any) -> Any:
    return value[0] if isinstance(value, list) and len(value) == 1 else value


def _descriptor() -> Entity:
    return {
        "@id": METADATA,
        "@type": "CreativeWork",
        "about": {"@id": "./"},
        "conformsTo": references([CRATE, PROFILES[-1][0]]),
    }


def _root(
    facts: Facts, agents: Sequence[Entity], files: Sequence[Entity], remote: Sequence[Entity]
) -> Entity:
    declared = facts.declaration
    parts = [e for e in files if _is_part(e)] + [e for e in remote if _is_part(e)]
    root: Entity = {
        "@id": "./",
        "@type": "Dataset",
        "name": declared.title,
        "description": declared.description or declared.title,
        "datePublished": facts.date,
        "license": reference(licence_url(declared.licence)),
        "author": references(agents),
        "creator": references(agents),
        "keywords": ", ".join(declared.keywords),
        "version": declared.version,
        "publisher": reference(_publisher(declared)) if _publisher(declared) else None,
        "conformsTo": references(url for url, _, _ in facts.profiles),
        "mainEntity": reference(file_id(f"work/{facts.main}")),
        "hasPart": references(parts),
        "mentions": references(
            [e for e in files if e["@type"] == "CreateAction"]
            + [e for e in remote if not _is_part(e)]
        ),
        "identifier": f"https://doi.org/{declared.doi}" if declared.doi else "",
        "isBasedOn": references(each.url for each in declared.related),
    }
    return {key: value for key, value in root.items() if value}


def _is_part(entity: Entity) -> bool:
    types = entity["@type"] if isinstance(entity["@type"], list) else [entity["@type"]]
    return bool({"File", "Dataset"} & set(types)) and not str(entity["@id"]).startswith("#")


def licence_url(spdx: str) -> str:
    """Where a licence is explained; of an expression, its first licence."""
    return f"https://spdx.org/licenses/{spdx.split()[0]}"


def _publisher(declared: Declaration) -> str:
    return identifier("publisher", declared.publisher) if declared.publisher else ""


def _people(authors: Sequence[Author]) -> Iterator[Entity]:
    for author in authors:
        person: Entity = {
            "@id": _person_id(author),
            "@type": "Person",
            "name": author.name,
            "givenName": author.given,
            "familyName": author.family,
        }
        if author.affiliation or author.ror:
            where = f"https://ror.org/{author.ror}" if author.ror else ""
            home = where or identifier("organization", author.affiliation)
            person["affiliation"] = reference(home)
            organization = {
                "@id": home, "@type": "Organization",
                "name": author.affiliation or where, "url": where,
            }  # fmt: skip
            yield {key: value for key, value in organization.items() if value}
        yield {key: value for key, value in person.items() if value}


def _person_id(author: Author) -> str:
    if author.orcid:
        return f"https://orcid.org/{author.orcid}"
    return identifier("person", author.name)


def _data(data: DataReference, *, listed: bool) -> Entity:
    address = {"doi": f"https://doi.org/{data.where}", "url": data.where}.get(data.kind, "")
    if data.kind == "carried":
        address = file_id(data.where.rstrip("/")) + "/"
    entity: Entity = {
        "@id": address or identifier("data", data.name),
        "@type": "Dataset",
        "name": data.name,
        "description": _described(data),
        "contentSize": str(data.size) if data.size else "",
        "identifier": ""
        if data.kind == "doi"
        else ", ".join(f"https://doi.org/{doi}" for doi in data.dois),
    }
    if data.kind == "carried" and listed:
        entity["hasPart"] = references(file_id(f"{data.where}/{file.path}") for file in data.files)
    return {key: value for key, value in entity.items() if value}


def _described(data: DataReference) -> str:
    places = {
        "carried": "Data that the notebooks read, carried in this crate",
        "run": f"Data of {data.where} at the facility",
        "doi": f"Published data, doi:{data.where}",
        "url": f"Data at {data.where}",
        "folder": "Data that is not in this crate; sizes and checksums are in publication.json",
    }
    return places[data.kind]


def _requirements(facts: Facts) -> Entity | None:
    """The lock file, which stands for the software."""
    if not facts.software:
        return None
    folder = str(facts.software["path"])
    names = [f"{folder}/requirements.txt", f"{folder}/pylock.toml", f"{folder}/environment.json"]
    lock = next((name for name in names if name in facts.files), "")
    return (
        _file(lock, facts.files[lock], "Locked software: exact versions and checksums")
        if lock
        else None
    )


def _files(facts: Facts) -> Iterator[Entity]:
    names = sorted(facts.files)
    if len(names) > LISTED:
        for folder in sorted({name.rpartition("/")[0] for name in names if "/" in name}):
            yield {"@id": f"{file_id(folder)}/", "@type": "Dataset", "name": folder}
        names = [name for name in names if "/" not in name]
    for name in names:
        yield _file(name, facts.files[name], _ABOUT.get(name, name.rpartition("/")[2]))


_ABOUT = {
    "README.md": "What this is, and what to type",
    "CITATION.cff": "How to cite it",
    "datacite.json": "Metadata for registering a DOI",
    "publication.json": "What beambook knows of it: notebooks, values, data, claims",
    "manifest-sha256.txt": "Checksum of every file",
}


def _file(name: str, size: int | None, about: str) -> Entity:
    entity: Entity = {"@id": file_id(name), "@type": "File", "name": about}
    if size is not None:
        entity["contentSize"] = str(size)
    entity["encodingFormat"] = _format(name)
    if name == "README.md":
        entity["about"] = {"@id": "./"}
    return entity


def _format(name: str) -> str:
    suffix = "." + name.rpartition(".")[2].lower()
    if name.rpartition("/")[2] == "Dockerfile":
        return "text/plain"
    return TYPES.get(suffix, "application/octet-stream")


def _contexts(facts: Facts) -> Iterator[Entity]:
    declared = facts.declaration
    url = licence_url(declared.licence)
    yield {"@id": url, "@type": "CreativeWork", "name": declared.licence, "url": url}
    for address, name, version in facts.profiles:
        yield {"@id": address, "@type": "CreativeWork", "name": name, "version": version}
    if declared.publisher:
        yield {"@id": _publisher(declared), "@type": "Organization", "name": declared.publisher}
    for each in declared.related:
        yield {"@id": each.url, "@type": "CreativeWork", "name": each.identifier}
