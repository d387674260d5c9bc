"""The cells of a notebook that hold its parameters, understood."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from beambook.errors import NotebookError
from beambook.parameters._constant import Names
from beambook.parameters._declare import NOTHING, Declaration, Statement, find_statements
from beambook.parameters._notebook import code_cells, language_of, parameter_cells, source_of
from beambook.parameters._rewrite import rewrite
from beambook.parameters._source import Source, read_source

__all__ = ["Cell", "read_cells"]


@dataclass(frozen=True)
class Cell:
    """A parameters cell.

    Attributes
    ----------
    cell : mapping
        As it stands in the notebook.
    source : Source
    statements : tuple of Statement
    """

    cell: Any
    source: Source
    statements: tuple[Statement, ...]

    @property
    def declarations(self) -> dict[str, Declaration]:
        """What is declared, by name.

        The last constant wins, as it does in Python, unless all it adds to an earlier
        line is the value: ``run: int`` and then ``run = 5`` is an annotated 5.
        """
        found: dict[str, Declaration] = {}
        for each in (d for statement in self.statements for d in statement.declarations):
            before = found.get(each.name)
            if before and before.value is NOTHING and each.annotation is None:
                comment = each.comment or before.comment
                each = Declaration(each.name, each.value, each.span, before.annotation, comment)
            found[each.name] = each
        return found

    @property
    def computed(self) -> dict[str, int]:
        """Names that only get a value that needs a kernel, with their line."""
        bound = {name: each.line for each in self.statements for name in each.targets}
        return {name: line for name, line in bound.items() if name not in self.declarations}

    def write(self, values: Mapping[str, Any]) -> None:
        """Put values into the cell itself; lines stay a list if they are one."""
        text = rewrite(self.source, self.statements, values)
        if isinstance(self.cell["source"], list):
            self.cell["source"] = text.splitlines(keepends=True)
        else:
            self.cell["source"] = text


def read_cells(notebook: Mapping[str, Any]) -> list[Cell]:
    """Read the cell that declares, and the cells that papermill put on top of it.

    Parameters
    ----------
    notebook : mapping

    Returns
    -------
    list of Cell

    Raises
    ------
    NotebookError
        If there is none, or it is not Python; the message completes "no parameters: …".
    """
    if (language := language_of(notebook)) != "python":
        raise NotebookError(f"its language is {language}; parameters are read from Python")
    cells = parameter_cells(notebook)
    if not cells:
        raise NotebookError("it has no code cell")
    names = _imports_above(notebook, cells[0])
    return [_understand(cell, names) for cell in cells]


def _understand(cell: Any, names: Names) -> Cell:
    source = read_source(source_of(cell))
    return Cell(cell, source, tuple(find_statements(source, names)))


def _imports_above(notebook: Mapping[str, Any], chosen: Any) -> Names:
    names = Names()
    for cell in code_cells(notebook):
        if cell is chosen:
            break
        if "import" in source_of(cell):
            try:
                names.read(read_source(source_of(cell)).tree.body)
            except NotebookError:  # a cell in another language imports nothing for us
                continue
    return names
