"""``beambook verify`` and ``beambook rerun`` as they are typed."""

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output


def stored(path, source, text):
    """A notebook of one cell with the output that its author has seen."""
    output = new_output("stream", text=text)
    cell = new_code_cell(source, outputs=[output], execution_count=1)
    path.parent.mkdir(exist_ok=True)
    nbformat.write(new_notebook(cells=[cell]), path)
    return path


def test_verify_answers_and_names_every_file_it_wrote(beambook, tmp_path):
    stored(tmp_path / "mine" / "a.ipynb", "print('edge 8333.1')", "edge 8333.1\n")
    answer = beambook("verify", "mine", "--environment", "here")
    assert answer.code == 0
    assert "answer    same" in answer.out
    written = answer.out.splitlines()[-1].removeprefix("Wrote ").split(", ")
    assert all((tmp_path / file).is_file() for file in written)
    assert {"verdict.json", "verdict.txt", "notebook.ipynb"} <= {f.split("/")[-1] for f in written}
    (page,) = [line for line in answer.out.splitlines() if line.startswith("See ")]
    assert (tmp_path / page.removeprefix("See ")).name == "verdict.html"
    assert answer.err == ""


def test_verify_ends_with_one_where_it_does_not_come_out(beambook, tmp_path):
    file = stored(tmp_path / "mine" / "a.ipynb", "print('edge 8333.1')", "edge 8338.1\n")
    answer = beambook("verify", file, "--environment", "here", "--into", "v", "--json")
    assert answer.code == 1
    assert answer.json["status"] == "different"
    assert answer.json["cause"].startswith("cell 1: 8333.1 instead of 8338.1")
    assert [path.name for path in tmp_path.iterdir() if path.name == "verifications"] == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["verify"], "PUBLICATION"),
        (["verify", "nowhere"], "nowhere"),
        (["verify", "empty"], "*.ipynb"),
        (["verify", "empty", "--environment", "newset"], "newest"),
        (["verify", "empty", "--data", "nowhere"], "nowhere"),
        (["verify", "broken.zip"], "broken.zip"),
        (["rerun", "empty"], "beambook publish"),
        (["rerun", "empty", "a=1", "two", "three"], "three"),
        (["rerun", "nowhere", "a=1"], "nowhere"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, list) else None,
)
def test_mistakes_are_one_line_and_end_with_two(beambook, tmp_path, words, said):
    (tmp_path / "empty").mkdir()
    (tmp_path / "broken.zip").write_bytes(b"PK no zip at all")
    answer = beambook(*words)
    assert answer.code == 2
    (line,) = answer.err.splitlines()
    assert said in line
    assert not (tmp_path / "verifications").exists()
    assert not (tmp_path / "executions").exists()
