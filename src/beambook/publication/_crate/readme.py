"""What somebody reads who finds the publication: what it is, and what to type."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from beambook.publication._contents import Claim, DataReference
from beambook.publication._crate.crate import Facts, licence_url

__all__ = ["readme"]

_MANIFEST = "manifest-sha256.txt"


def readme(facts: Facts, claims: Iterable[Claim]) -> str:
    """The text of ``README.md``.

    Parameters
    ----------
    facts : Facts
    claims : iterable of Claim

    Returns
    -------
    str
    """
    blocks = [
        *_head(facts),
        *_typed(facts),
        *_notebooks(facts),
        *_claims(claims),
        *_data(facts.data),
        *_inside(facts),
    ]
    return "\n".join(blocks).rstrip() + "\n"


def _head(facts: Facts) -> Iterator[str]:
    declared = facts.declaration
    yield f"# {declared.title}\n"
    names = ", ".join(author.name for author in declared.authors)
    yield f"{names}{', ' if names else ''}{facts.date}\n"
    if declared.doi:
        yield f"<https://doi.org/{declared.doi}>\n"
    if declared.description:
        yield f"{declared.description}\n"


def _typed(facts: Facts) -> Iterator[str]:
    yield "## See for yourself whether it comes out again\n"
    yield "In this folder (or with the name of the zip):\n"
    yield "```sh\npip install beambook"
    yield "beambook verify .       # in the software it was made with\n```\n"
    yield (
        "The notebooks are executed in a copy, in their order, with the values below, and "
        "compared with what was published: numbers, tables and figures. "
        "`beambook rerun . NAME=VALUE` executes them with other values.\n"
    )
    if facts.software:
        yield "Without beambook:\n"
        yield f"```sh\npython{_minor(facts)} -m venv venv"
        yield f"venv/bin/pip install {_options(facts)}\n```\n"
    yield f"Then open the notebooks in `work/`. `sha256sum -c {_MANIFEST}` checks every file.\n"


def _options(facts: Facts) -> str:
    """Where pip finds what no index has; the index itself only if it is needed."""
    software = facts.software or {}
    folder = software["path"]
    carried = [name for name in facts.files if name.startswith(f"{folder}/wheels/")]
    words = ["--no-index"] if len(carried) >= software["packages"] else []
    words += [f"--find-links {folder}/wheels"] if carried else []
    return " ".join([*words, "--require-hashes", f"-r {folder}/requirements.txt"])


def _minor(facts: Facts) -> str:
    return ".".join(str((facts.software or {}).get("python", "")).split(".")[:2])


def _notebooks(facts: Facts) -> Iterator[str]:
    yield "## Notebooks, in their order\n"
    for number, run in enumerate(facts.runs, 1):
        book = run.notebook
        line = f"{number}. [{_cell(book.title or book.path)}](<work/{book.path}>)"
        if book.reference:
            line += f", [as executed](<{book.reference}>)"
        yield line
        if book.values:
            yield "   `" + " ".join(f"{k}={v}" for k, v in book.values.items()) + "`"
        if book.requires:
            yield f"   after {', '.join(book.requires)}"
    yield ""


def _claims(claims: Iterable[Claim]) -> Iterator[str]:
    rows = [
        f"| {_cell(c.text or c.name)} | {c.kind} | {c.notebook}, cell {c.cell} |" for c in claims
    ]
    if rows:
        yield "## What it rests on\n"
        yield "\n".join(["| claim | kind | where |", "|---|---|---|", *rows, ""])


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())[:200]


def _data(data: Iterable[DataReference]) -> Iterator[str]:
    rows = [
        f"| {d.name} | {d.kind} | {d.where or d.target} | {len(d.files)} | {d.size:,} |"
        for d in data
    ]
    if rows:
        yield "## Data\n"
        yield "\n".join(
            ["| name | kind | where | files | bytes |", "|---|---|---|---|---|", *rows, ""]
        )
        yield "What is not carried is given with `--data DIR`.\n"


def _inside(facts: Facts) -> Iterator[str]:
    yield "## What is inside\n"
    about = {
        "work/": "the author's files: notebooks, code, small data",
        "reference/": "the executed notebooks",
        "data/": "data that is carried",
        "environment/": "the software: exact versions, with checksums",
        "publication.json": "notebooks, values, data, claims",
        "ro-crate-metadata.json": "the same for other programs: a Workflow Run RO-Crate",
        "CITATION.cff": "how to cite it",
        "datacite.json": "metadata for a DOI",
        _MANIFEST: "the checksum of every file",
    }
    always = {
        _MANIFEST,
        "ro-crate-metadata.json",
        "CITATION.cff",
        "datacite.json",
        "publication.json",
    }
    for name, what in about.items():
        if name in always or any(file.startswith(name) for file in facts.files):
            yield f"- `{name}`: {what}"
    licence = facts.declaration.licence
    yield f"\nLicence: [{licence}]({licence_url(licence)})"
    if commit := facts.code.get("commit"):
        dirty = ", with changes that were not committed" if facts.code.get("dirty") else ""
        yield f"\nCode: commit `{commit}`{dirty} {facts.code.get('remote', '')}".rstrip()
