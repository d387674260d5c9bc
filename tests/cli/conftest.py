"""A proposal on disk and a command line to type at."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import nbformat
import pytest

from beambook.cli import main
from beambook.testing import make_proposal


@pytest.fixture(scope="session")
def proposal_root(tmp_path_factory):
    root = tmp_path_factory.mktemp("facility")
    make_proposal(root, trains=60)
    return root


@dataclass
class Answer:
    code: int
    out: str
    err: str

    @property
    def json(self):
        return json.loads(self.out)


@pytest.fixture
def beambook(capsys, tmp_path, monkeypatch, proposal_root):
    """Type ``beambook …`` in an empty folder, with $BEAMBOOK_DATA set."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BEAMBOOK_DATA", str(proposal_root))

    def type_in(*words: object) -> Answer:
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main([str(word) for word in words])
        out, err = capsys.readouterr()
        return Answer(ended.value.code or 0, out, err)

    return type_in


def write_notebook(path: Path, *cells: str) -> Path:
    """A notebook of code cells; one that begins with ``#`` and a blank is Markdown."""
    made = [
        nbformat.v4.new_markdown_cell(text)
        if text.startswith("# ")
        else nbformat.v4.new_code_cell(text)
        for text in cells
    ]
    nbformat.write(nbformat.v4.new_notebook(cells=made), path)
    return path


@pytest.fixture
def notebook(tmp_path):
    """A small notebook with two parameters and one result."""
    return write_notebook(
        tmp_path / "ramp.ipynb",
        "# Ramp",
        "steps: int = 3  # how many, 1..100\nslope = 0.5",
        "import beambook as bb\n\nbb.record('top', steps * slope)\nprint('top', steps * slope)",
    )
