"""One notebook as it is sealed: its values, its executed reference, its claims."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

from beambook.errors import ParameterError
from beambook.publication._contents import Claim, SealedNotebook, written_in
from beambook.publication._seal.data import portable
from beambook.publication._seal.piece import Piece
from beambook.publication._seal.source import Source
from beambook.recipe import Execution, Recipe
from beambook.recipe._cells import Cell, cells_of
from beambook.recipe._notebook import read_notebook

__all__ = ["Sealed", "sealed_notebook"]

REFERENCE = "reference"
BOOKS = ("notebook.ipynb", "execution.json", "log.txt", "report.html", "report.pdf")
_KINDS = (
    ("table", ("application/vnd.dataresource+json", "application/vnd.beambook.values+json")),
    (
        "figure",
        ("application/vnd.beambook.figure+json", "image/png", "image/svg+xml", "image/jpeg"),
    ),
)


@dataclass(frozen=True)
class Sealed:
    """A notebook for the record, and the files that come along with it.

    Attributes
    ----------
    record : SealedNotebook
    claims : tuple of Claim
    results : mapping
        What the reference has on record, by name.
    files : mapping of str to Path
        Name in the publication to where the content is.
    notes : tuple of str
    """

    record: SealedNotebook
    claims: tuple[Claim, ...]
    results: Mapping[str, Any]
    files: Mapping[str, Path]
    notes: tuple[str, ...]


def sealed_notebook(
    source: Source, name: str, requires: tuple[str, ...], pieces: list[Piece], *, most: int
) -> Sealed:
    """Look at a notebook of the source and its execution.

    Raises
    ------
    NotebookError
        If it is no notebook.
    ParameterError, ParameterNotFound
        If the values that are declared do not fit it.
    """
    execution = source.executions.get(name)
    executed = execution.notebook_path if execution else source.path(name)
    notebook = read_notebook(executed)
    cells = cells_of(notebook)
    has_outputs = any(cell.executed for cell in cells)
    reference = f"{REFERENCE}/{name}" if has_outputs else None
    files = {reference: executed} if reference else {}
    claims = tuple(_claims(source, name, cells))
    notes = [*_notes(name, cells, has_outputs=has_outputs), *_silent(source, name, cells, claims)]
    if execution:
        written, unsaid = _written(execution, Path(name), most)
        files |= written
        notes += unsaid
    recipe = Recipe(source.path(name), Path(name).stem)
    record = SealedNotebook(
        path=name,
        title=_title(source, name, recipe),
        values=_values(source, name, recipe, pieces),
        reference=reference,
        kernel=recipe.kernel_name,
        language=recipe.language,
        requires=requires,
        outputs=tuple(sorted(each for each in files if each != reference)),
        **_when(source, name),
    )
    recorded = (out.result for cell in cells for out in cell.outputs if out.result)
    results = {str(result["name"]): result for result in recorded}
    return Sealed(record, claims, results, files, tuple(notes))


def _written(execution: Execution, name: Path, most: int) -> tuple[dict[str, Path], list[str]]:
    """What the execution wrote besides its own books: by name, and what is too large.

    Outputs that did not fit into the notebook stay where it looks for them.
    """
    files, notes = {}, []
    for path in sorted(p for p in execution.path.rglob("*") if p.is_file() and not p.is_symlink()):
        rest = path.relative_to(execution.path)
        if rest.parts[0] in BOOKS or rest.name.startswith("."):
            continue
        if path.stat().st_size > most:
            notes.append(f"{name}: {rest}, which it wrote, is too large to be carried")
            continue
        beside = rest.parts[0] == "outputs" and rest.name.startswith("cell-")
        folder = PurePath(REFERENCE, name.parent) if beside else PurePath(written_in(str(name)))
        files[(folder / rest).as_posix()] = path
    return files, notes


def _title(source: Source, name: str, recipe: Recipe) -> str:
    return str(source.declaration.notebooks.get(name, {}).get("title") or recipe.title)


def _when(source: Source, name: str) -> dict[str, Any]:
    execution = source.executions.get(name)
    if execution is None:
        return {}
    record = execution.record
    return {
        "started": record["started"],
        "ended": record["ended"],
        "seconds": execution.seconds,
        "python": str(record.get("kernel", {}).get("python") or ""),
    }


def _values(source: Source, name: str, recipe: Recipe, pieces: list[Piece]) -> dict[str, Any]:
    """Of the execution; else as declared; else as the notebook has them."""
    values = dict(source.declaration.notebooks.get(name, {}).get("values") or {})
    if execution := source.executions.get(name):
        values = dict(execution.values)
    elif recipe.language == "python":
        parameters = recipe.parameters
        try:
            values = parameters.to_json(parameters.validate(parameters.defaults | values))
        except ParameterError as error:
            hint = f"Say values in publication.yml: notebooks: [{{path: {name}, values: …}}]"
            raise ParameterError(f"{name}: {error.message}", hint=hint) from error
    folder = (source.root / name).parent
    return {
        k: portable(v, root=source.root, folder=folder, pieces=pieces) for k, v in values.items()
    }


def _claims(source: Source, name: str, cells: list[Cell]) -> Iterator[Claim]:
    declared = [c for c in source.declaration.claims if c.get("notebook", name) == name]
    texts = {str(c.get("name") or c.get("cell")): str(c.get("text") or "") for c in declared}
    for cell in cells:
        recorded = {str(out.result["name"]): out for out in cell.outputs if out.result}
        wanted = [n for n, out in recorded.items() if out.result.get("claim") or n in texts]
        for each in wanted:
            text = texts.get(each, "") or recorded[each].data.get("text/plain", "")
            yield Claim(name, cell.number, each, _kind_of_result(recorded[each].result), str(text))
        if (cell.claim or str(cell.number) in texts) and not wanted:
            yield Claim(
                name, cell.number, "", _kind(cell), texts.get(str(cell.number), cell.heading)
            )


def _kind_of_result(result: Mapping[str, Any]) -> str:
    value = result.get("value")
    kind = value.get("type") if isinstance(value, Mapping) else type(value).__name__
    if kind in ("array", "mapping", "list"):
        return "table"
    return "text" if kind == "str" else "number"


def _kind(cell: Cell) -> str:
    types = {mime for out in cell.outputs for mime in out.data}
    return next((kind for kind, mimes in _KINDS if types & set(mimes)), "text")


def _silent(
    source: Source, name: str, cells: list[Cell], claims: tuple[Claim, ...]
) -> Iterator[str]:
    """Claims that cannot come out: without outputs, or declared and not here."""
    shown = {cell.number for cell in cells if cell.outputs}
    for claim in claims:
        if claim.cell not in shown:
            yield f"{name}, cell {claim.cell} is a claim, but has no output to compare"
    known = {*(claim.name for claim in claims), *(str(claim.cell) for claim in claims)}
    for each in source.declaration.claims:
        wanted = str(each.get("name") or each.get("cell"))
        if each.get("notebook", name) == name and "notebook" in each and wanted not in known:
            kind = "result" if each.get("name") else "cell with code"
            yield f"publication.yml: {name} has no {kind} {wanted}, which is said to be a claim"


def _notes(name: str, cells: list[Cell], *, has_outputs: bool) -> Iterator[str]:
    if not has_outputs and cells:
        yield f"{name} has no outputs: nothing can be compared with it; execute it before"
    for cell in cells:
        if any(out.kind == "error" for out in cell.outputs) and "raises-exception" not in cell.tags:
            yield f"{name}, cell {cell.number} ended with an error"
