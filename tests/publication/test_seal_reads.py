"""What an execution has read beside its run goes with it; what lies elsewhere stays."""

import nbformat
from nbformat.v4 import new_code_cell, new_notebook

import beambook as bb
from beambook.publication import seal
from beambook.testing import make_proposal


def test_what_was_read_in_the_proposal_goes_with_its_run(tmp_path, monkeypatch):
    proposal = make_proposal(tmp_path / "exp", trains=20)
    root = proposal.parents[2]
    (proposal / "usr/truth/other.csv").write_text("a\n1\n")
    private = tmp_path / "private"
    private.mkdir()
    (private / "list.txt").write_text("1\n")
    notebook = tmp_path / "work/look.ipynb"
    notebook.parent.mkdir()
    monkeypatch.setenv("BEAMBOOK_DATA", str(root))
    cells = [
        new_code_cell(
            "from pathlib import Path\nproposal: Path = Path('.')  # where\n"
            "private: Path = Path('.')  # elsewhere",
            metadata={"tags": ["parameters"]},
        ),
        new_code_cell(
            "import beambook as bb\nrun = bb.open_run(proposal, 487)\n"
            "(proposal / 'usr/truth/other.csv').read_text()\n"
            "(private / 'list.txt').read_text()"
        ),
    ]
    nbformat.write(new_notebook(cells=cells), notebook)
    done = bb.execute(notebook, {"proposal": proposal, "private": private}, into=tmp_path / "e")
    assert done.status == "done", done.error_line
    made = seal(done, tmp_path / "out", environment="none", authors=["Jane Doe"], allow=["path"])
    (data,) = [each for each in made.data if each.kind == "carried"]
    carried = {file.path for file in data.files}
    below = proposal.relative_to(root)
    assert {f"{below}/usr/truth/other.csv", f"{below}/usr/beambook-aliases.yml"} <= carried
    assert sum(path.endswith(".h5") for path in carried) > 0
    assert not any("list.txt" in path for path in carried)
    assert any("list.txt was read" in note for note in made.notes)
