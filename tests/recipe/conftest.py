"""Notebooks made in code, and executions of them with real kernels."""

from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from beambook.recipe import execute


@pytest.fixture
def make_notebook(tmp_path):
    """``make_notebook("md:# Title", "a = 1", name="x", beambook={...})`` writes a notebook."""

    def make(*cells, name="sample", tags=None, **metadata):
        notebook = new_notebook(metadata=metadata)
        for cell in cells:
            if cell.startswith("md:"):
                notebook.cells.append(new_markdown_cell(cell[3:]))
            else:
                notebook.cells.append(new_code_cell(cell))
        for index, words in (tags or {}).items():
            notebook.cells[index].metadata["tags"] = words
        path = tmp_path / f"{name}.ipynb"
        path.parent.mkdir(parents=True, exist_ok=True)
        nbformat.write(notebook, path)
        return path

    return make


@pytest.fixture
def run(make_notebook, tmp_path):
    """``run("print(1)", …)`` executes cells (after a title and a parameter): the outcome."""

    def run(*cells, values=None, metadata=None, **options):
        path = make_notebook("md:# Sample", "a = 1", "md:## Work", *cells, **(metadata or {}))
        into = options.pop("into", tmp_path / "executions")
        return execute(path, values or {}, into=Path(into), **options)

    return run
