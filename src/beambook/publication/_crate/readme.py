"""What somebody reads who finds the publication: what it is, and what to type."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator

from beambook.publication._contents import Claim, DataReference
from beambook.publication._crate.crate import Facts, licence_url
from beambook.recipe._memory import as_size

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
    yield "In this folder, or with the name of the zip for the dot:\n"
    yield f"```sh\npip install beambook   {_other_way(facts)}".rstrip()
    yield "beambook verify .       # in the software it was made with\n```\n"
    yield (
        "The notebooks are executed in a copy, in their order, with the values below, and "
        "compared with what was published: numbers, tables and figures. The answer is a page, "
        f"`verdict.html`. {_effort(facts)}\n"
    )
    if example := _example(facts):
        yield f"`beambook rerun . {example}` executes with another value.\n"
    if facts.software:
        yield "Without beambook:\n"
        yield f"```sh\npython{_minor(facts)} -m venv venv"
        yield f"venv/bin/pip install {_options(facts)}"
        yield "venv/bin/python -m ipykernel install --user --name as-published\n```\n"
        yield "Then open the notebooks in `work/` in Jupyter, with the kernel `as-published`.\n"
    yield (
        f"`sha256sum -c {_MANIFEST}` checks every file; `sha256sum {_MANIFEST}` gives the checksum "
        "of the publication: compare it with the one in the paper, or give that to `--checksum`.\n"
    )


def _other_way(facts: Facts) -> str:
    """The tool itself may be among the packages that are carried."""
    found = [name for name in facts.files if name.rpartition("/")[2].startswith("beambook-")]
    wheels = [name for name in found if name.endswith(".whl")]
    return f"# or, where no index has it: pip install ./{wheels[0]}" if wheels else ""


def _effort(facts: Facts) -> str:
    """How long it may take, and what is downloaded for it."""
    took = sum(run.notebook.seconds or 0.0 for run in facts.runs)
    said = f"The executions took {_duration(took)} when they were published" if took else ""
    if not facts.software:
        return f"{said}; the software was not sealed." if said else "The software was not sealed."
    packages, carried = facts.software["packages"], len(_wheels(facts))
    where = (
        "is carried"
        if carried >= packages
        else f"is downloaded from a package index, but for {carried} that {_are(carried)} carried"
        if carried
        else "is downloaded from a package index"
    )
    software = f"the software ({packages} packages) {where}"
    return f"{said}; {software}." if said else f"{software[:1].upper()}{software[1:]}."


def _are(number: int) -> str:
    return "is" if number == 1 else "are"


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} minutes"


def _example(facts: Facts) -> str:
    """A notebook with the first of its values, as it would be typed."""
    for run in facts.runs:
        for name, value in run.notebook.values.items():
            if isinstance(value, bool | int | float):
                return f"{shlex.quote(run.notebook.path)} {name}={value}"
    return ""


def _options(facts: Facts) -> str:
    """Where pip finds what no index has; the index itself only if it is needed."""
    software = facts.software or {}
    folder = software["path"]
    carried = _wheels(facts)
    words = ["--no-index"] if len(carried) >= software["packages"] else []
    words += [f"--find-links {folder}/wheels"] if carried else []
    return " ".join([*words, "--require-hashes", f"-r {folder}/requirements.txt"])


def _wheels(facts: Facts) -> list[str]:
    folder = (facts.software or {}).get("path", "")
    return [name for name in facts.files if name.startswith(f"{folder}/wheels/")]


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
    data = tuple(data)
    rows = [
        f"| {d.name} | {d.kind} | {d.where or d.target} | {len(d.files)} | {as_size(d.size)} |"
        for d in data
    ]
    if rows:
        yield "## Data\n"
        yield "\n".join(
            ["| name | kind | where | files | size |", "|---|---|---|---|---|", *rows, ""]
        )
        there = any(file.url for each in data if each.kind != "carried" for file in each.files)
        fetched = ", or downloaded by `beambook verify . --fetch`" if there else ""
        yield f"What is not carried is given with `--data DIR`{fetched}.\n"


def _weight(facts: Facts, name: str) -> str:
    """What a folder has; of a file nobody asks."""
    sizes = [size for file, size in facts.files.items() if file.startswith(name)]
    if not name.endswith("/"):
        return ""
    files = f"{len(sizes)} file{'' if len(sizes) == 1 else 's'}"
    return f" ({files}, {as_size(sum(sizes))})"


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
            yield f"- `{name}`{_weight(facts, name)}: {what}"
    licence = facts.declaration.licence
    yield f"\nLicence: [{licence}]({licence_url(licence)})"
    if commit := facts.code.get("commit"):
        dirty = ", with changes that were not committed" if facts.code.get("dirty") else ""
        yield f"\nCode: commit `{commit}`{dirty} {facts.code.get('remote', '')}".rstrip()
