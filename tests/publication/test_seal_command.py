"""``beambook publish`` and ``beambook show`` of a publication, as one types them."""

import json

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from beambook.cli import main
from beambook.publication import Publication


@pytest.fixture
def beambook(capsys, tmp_path, monkeypatch):
    """Type ``beambook …`` in a folder with a notebook; gives exit code, stdout, stderr."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "paper").mkdir()
    write(tmp_path / "paper" / "fit.ipynb", "slope = 0.5  # of the line")

    def type_in(*words):
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main(list(map(str, words)))
        return (ended.value.code or 0, *capsys.readouterr())

    return type_in


def write(path, source, printed="1\n"):
    cell = new_code_cell(source, outputs=[new_output("stream", text=printed)], execution_count=1)
    nbformat.write(new_notebook(cells=[new_markdown_cell("# Fit"), cell]), path)


QUICK = ("--environment", "none", "--date", "2026-11-23")


def test_folder_zip_and_json_are_the_same_publication(beambook, tmp_path):
    code, out, _ = beambook("publish", "paper", "--into", "sealed", *QUICK)
    assert code == 0
    checksum = Publication.open(tmp_path / "sealed").checksum
    assert f"Checksum {checksum}" in out
    assert out.splitlines()[-1] == "Wrote sealed"
    code, out, _ = beambook("publish", "paper", "--into", "one", "--zip", "--json", *QUICK)
    assert (code, json.loads(out)["checksum"]) == (0, checksum)
    for name in ("sealed", "one.zip"):
        code, out, _ = beambook("show", name)
        assert code == 0
        assert checksum[:16] in out
        assert "fit.ipynb" in out
    assert json.loads(beambook("show", "one.zip", "--json")[1])["kind"] == "Publication"


def test_a_publication_that_was_changed_or_is_refused_is_shown_to_be_so(beambook, tmp_path):
    beambook("publish", "paper", "--into", "sealed", *QUICK)
    assert beambook("show", "sealed")[0] == 0
    file = tmp_path / "sealed" / "work" / "fit.ipynb"
    file.write_text(file.read_text().replace("0.5", "0.6"))
    code, out, err = beambook("show", "sealed")
    assert (code, err.splitlines()) == (
        2,
        ["beambook: changed since it was sealed: work/fit.ipynb was changed"],
    )
    assert "fit.ipynb" in out
    (tmp_path / "sealed" / "manifest-sha256.txt").unlink()
    code, out, err = beambook("show", "sealed")
    assert (code, out) == (2, "")
    (line,) = err.splitlines()
    assert "is no publication" in line


def test_values_authors_and_title_are_taken(beambook, tmp_path):
    words = (
        "--author",
        "Josiah Carberry 0000-0002-1825-0097",
        "--title",
        "Slope",
        "--licence",
        "MIT",
    )
    code, _, err = beambook("publish", "paper/fit.ipynb", "slope=2", "--into", "s", *words, *QUICK)
    assert code == 0, err
    record = Publication.open(tmp_path / "s").record
    assert record["authors"][0]["orcid"] == "0000-0002-1825-0097"
    assert (record["title"], record["licence"]) == ("Slope", "MIT")
    assert record["notebooks"][0]["values"] == {"slope": 2.0}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("nosuch", "--into", "s"), "No notebook, folder or execution 'nosuch'"),
        (("paper",), "--into"),
        (("paper/fit.ipynb", "slop=2", "--into", "s"), "did you mean 'slope'"),
        (("paper", "slope=2", "--into", "s"), "single notebook"),
        (("paper", "--most-data", "-5", "--into", "s"), "-5"),
        (("paper", "--author", "Jane Doe 0000-0002-1825-0098", "--into", "s"), "no ORCID"),
        (("paper", "--licence", "CC-BY", "--into", "s"), "CC-BY-4.0"),
        (("paper", "--date", "2026-99-99", *QUICK[:2], "--into", "s"), "no date"),
        (("paper", "--allow", "pth", "--into", "s"), "path"),
    ],
)
def test_mistakes_are_one_line(beambook, tmp_path, words, message):
    code, _, err = beambook("publish", *words)
    assert code == 2
    assert message in err
    assert len(err.splitlines()) == 1
    assert not (tmp_path / "s").exists()


def test_secrets_are_listed_a_line_each(beambook, tmp_path):
    write(tmp_path / "paper" / "leak.ipynb", "1", "wrote /home/schmidt/a and /home/schmidt/b")
    code, _, err = beambook("publish", "paper", "--into", "s", *QUICK)
    assert code == 1
    assert sum("home '/home/schmidt/" in line for line in err.splitlines()) == 2
    assert not (tmp_path / "s").exists()
    assert beambook("publish", "paper", "--into", "s", "--allow", "home", *QUICK)[0] == 0


def test_show_of_a_hostile_or_other_zip_is_refused_in_a_line(beambook, tmp_path):
    (tmp_path / "x.zip").write_bytes(b"PK\x03\x04 nothing")
    code, _, err = beambook("show", "x.zip")
    assert code in (1, 2)
    assert len(err.splitlines()) == 1
    assert "no zip that can be read" in err
