"""Sealing: what goes along, in which order, the same each time; what is changed is named."""

import hashlib
import json
import os
import re
import shutil
import subprocess
import zipfile
from dataclasses import replace
from pathlib import Path

import nbformat
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from beambook.environment import Environment, Package
from beambook.environment._lock import requirements
from beambook.errors import ParameterError, PublicationError, RunNotFound
from beambook.publication import Publication, seal
from beambook.publication._declaration import read_declaration
from beambook.publication._seal.data import Limits
from beambook.publication._verify.outcome import not_reached
from beambook.publication._verify.subject import sealed as subject
from beambook.recipe import execute

from .frozen import empty_environment

WIDGETS = {"application/vnd.jupyter.widget-state+json": {"state": {"m": {"value": 7}}}}


def notebook(path, *sources, title="Made", claim=(), outputs=True, widgets=None):
    cells = [new_markdown_cell(f"# {title}"), *(new_code_cell(source) for source in sources)]
    for number, cell in enumerate(cells):
        cell["id"] = f"cell-{number}"
        if number in claim:
            cell.metadata["tags"] = ["claim"]
        if outputs and number:
            cell.outputs = [new_output("stream", text=f"{number}\n")]
            cell.execution_count = number
    made = new_notebook(cells=cells)
    if widgets:
        made.metadata["widgets"] = widgets
    path.parent.mkdir(exist_ok=True, parents=True)
    nbformat.write(made, path)
    return path


@pytest.fixture
def paper(tmp_path):
    """A folder of two notebooks, a module, data, and what does not belong to it."""
    source = tmp_path / "paper"
    notebook(
        source / "10-use.ipynb", "import helper\nopen('line.json')", claim=[1], widgets=WIDGETS
    )
    notebook(
        source / "2-make.ipynb",
        "slope = 0.5  # of the line\ntable = 'data/table.csv'",
        "with open('line.json', 'w') as f: f.write(str(slope))",
    )
    (source / "helper.py").write_text("TOP = 1\n")
    (source / "data").mkdir()
    (source / "data" / "table.csv").write_text("1,2\n")
    (source / "requirements.txt").write_text("numpy\n")
    for left in (".git-credentials", "__pycache__/x.pyc", ".ipynb_checkpoints/10-use.ipynb"):
        (source / left).parent.mkdir(exist_ok=True)
        (source / left).write_text("no part of it")
    return source


def sealed(source, into, **options):
    return seal(source, into, **{"environment": "none", "date": "2026-11-23", **options})


def names(publication, folder="work"):
    found = (publication.path / folder).rglob("*")
    return {str(p.relative_to(publication.path / folder)) for p in found if p.is_file()}


class TestWhatGoesAlong:
    def test_files_at_their_places_without_those_of_tools(self, paper, tmp_path):
        made = sealed(paper, tmp_path / "out")
        assert names(made) == {
            "10-use.ipynb", "2-make.ipynb", "helper.py", "data/table.csv", "requirements.txt",
        }  # fmt: skip
        assert names(made, "reference") == {"10-use.ipynb", "2-make.ipynb"}
        assert made.check() == ()

    def test_author_s_file_is_not_touched_and_widgets_are_carried(self, paper, tmp_path):
        made = sealed(paper, tmp_path / "out")
        original = (paper / "10-use.ipynb").read_bytes()
        assert (made.work / "10-use.ipynb").read_bytes() == original
        reference = json.loads((made.path / made.notebooks[1].reference).read_bytes())
        assert reference["metadata"]["widgets"] == WIDGETS

    def test_order_values_claims(self, paper, tmp_path):
        made = sealed(paper, tmp_path / "out")
        first, second = made.notebooks
        assert (first.path, second.path) == ("2-make.ipynb", "10-use.ipynb")
        assert second.requires == ("2-make.ipynb",)
        assert first.values == {"slope": 0.5, "table": "data/table.csv"}
        (claim,) = made.claims
        assert (claim.notebook, claim.cell, claim.kind) == ("10-use.ipynb", 2, "text")

    def test_order_of_the_author_wins(self, paper, tmp_path):
        (paper / "publication.yml").write_text("order: [10-use.ipynb]\n")
        made = sealed(paper, tmp_path / "out")
        assert [each.path for each in made.notebooks] == ["10-use.ipynb", "2-make.ipynb"]
        assert made.notebooks[0].requires == ()

    def test_one_notebook_takes_what_it_names_and_imports(self, paper, tmp_path):
        notebook(paper / "one.ipynb", "import helper\nopen(f'data/{helper.TOP}.csv')")
        (paper / "data" / "1.csv").write_text("1\n")
        (paper / "unrelated.csv").write_text("1\n")
        made = sealed(paper / "one.ipynb", tmp_path / "out")
        assert names(made) == {
            "one.ipynb", "helper.py", "data/1.csv", "data/table.csv", "requirements.txt",
        }  # fmt: skip

    def test_values_of_one_notebook_can_be_given_and_are_checked(self, paper, tmp_path):
        path = paper / "2-make.ipynb"
        made = sealed(path, tmp_path / "out", values={"slope": 2.5})
        assert made.notebooks[0].values["slope"] == 2.5
        with pytest.raises(ParameterError):
            sealed(path, tmp_path / "out2", values={"slope": "steep"})
        with pytest.raises(PublicationError, match=r"publication\.yml"):
            sealed(paper, tmp_path / "out3", values={"slope": 2.5})

    def test_notebook_without_outputs_is_said(self, paper, tmp_path):
        notebook(paper / "empty.ipynb", "1 + 1", outputs=False)
        made = sealed(paper, tmp_path / "out")
        assert made.notebooks[-1].reference is None
        assert any("empty.ipynb has no outputs" in note for note in made.notes)

    def test_pointer_of_git_lfs_is_said(self, paper, tmp_path):
        (paper / "x.h5").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\n")
        made = sealed(paper, tmp_path / "out")
        assert any("x.h5 only points to a file" in note for note in made.notes)

    def test_declared_claims_and_titles(self, paper, tmp_path):
        (paper / "publication.yml").write_text(
            "title: Slope\nauthors: Jane Doe\nclaims:\n"
            "- {notebook: 2-make.ipynb, cell: 3, text: It is steep}\n"
        )
        made = sealed(paper, tmp_path / "out", authors=["Josiah Carberry"])
        assert made.title == "Slope"
        assert not any("claim" in note for note in made.notes)
        judged = {item.path: item.claims for item in subject(made).items}
        assert judged["2-make.ipynb"] == {3: "It is steep"}
        lost = not_reached("2-make.ipynb", made.work / "2-make.ipynb", "gone", {3: "It is steep"})
        assert [(cell.number, cell.said) for cell in lost.claims] == [(3, "It is steep")]
        assert [each["name"] for each in made.record["authors"]] == ["Josiah Carberry"]
        assert ("2-make.ipynb", 3, "It is steep") in {
            (c.notebook, c.cell, c.text) for c in made.claims
        }

    def test_claims_that_can_never_come_out_are_said(self, paper, tmp_path):
        notebook(paper / "2-make.ipynb", "1 + 1", outputs=False)
        (paper / "publication.yml").write_text(
            "claims:\n- {notebook: 2-make.ipynb, cell: 2}\n- {notebook: 10-use.ipynb, cell: 9}\n"
            "- {notebook: 10-use.ipynb, name: edge}\n"
        )
        said = "\n".join(sealed(paper, tmp_path / "out").notes)
        assert "2-make.ipynb, cell 2 is a claim, but has no output to compare" in said
        assert "10-use.ipynb has no cell with code 9" in said
        assert "10-use.ipynb has no result edge" in said

    def test_licence_is_written_as_spdx_writes_it(self, paper, tmp_path):
        (paper / "publication.yml").write_text("licence: cc-by-4.0 OR mit\n")
        assert sealed(paper, tmp_path / "out").record["licence"] == "CC-BY-4.0 OR MIT"

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("titel: x", "title"),
            ("licence: my own", "SPDX"),
            ("licence: CC-BY-4", "mean CC-BY-4.0"),
            ("licence: MIT OR MINE", "SPDX"),
            ("order: [nosuch.ipynb]", "nosuch"),
            ("related: [{identifier: 10.1/x}]", "no DOI"),
            ("data: [nowhere]", "neither there"),
            ("data: [{adress: x}]", "unknown 'adress'"),
            ("- a\n- b", "names with values"),
            ("a: [", "no YAML"),
            ("notebooks: [{path: 2-make.ipynb, requires: [2-make.ipynb]}]", "each other"),
        ],
    )
    def test_mistake_in_the_declaration_says_what_to_do(self, paper, tmp_path, text, message):
        (paper / "publication.yml").write_text(text)
        with pytest.raises(PublicationError, match=message):
            sealed(paper, tmp_path / "out")
        assert not (tmp_path / "out").exists()

    def test_what_git_ignores_stays_unless_a_notebook_names_it(self, paper, tmp_path):
        (paper / ".gitignore").write_text("data/\nprivate.txt\n")
        (paper / "private.txt").write_text("mine")
        git(paper, "init", "-q")
        git(paper, "add", ".")
        git(paper, "commit", "-q", "-m", "All")
        git(paper, "remote", "add", "origin", "https://me:secret@git.example.org/lab/paper.git")
        made = sealed(paper, tmp_path / "out", date=None)
        assert "data/table.csv" in names(made)
        assert "private.txt" not in names(made)
        assert made.code.commit
        assert made.code.dirty  # table.csv is in no commit
        assert made.code.remote == "https://git.example.org/lab/paper.git"
        assert made.record["date"] == "2026-07-01"

    def test_code_at_its_commit_is_clean(self, paper, tmp_path):
        git(paper, "init", "-q")
        git(paper, "add", "*.ipynb", "*.py", "*.csv", "*.txt")
        git(paper, "commit", "-q", "-m", "All")
        assert not sealed(paper, tmp_path / "out").code.dirty
        (paper / "helper.py").write_text("TOP = 2\n")
        assert sealed(paper, tmp_path / "out2").code.dirty


def git(folder, *words):
    # Everything of the commit is fixed; the user's own settings (signing …) do not reach here.
    date = "2026-07-01T12:00:00+0000"
    who = {
        f"GIT_{w}_{k}": "a@example.org" for w in ("AUTHOR", "COMMITTER") for k in ("NAME", "EMAIL")
    }
    env = {**os.environ, **who, "GIT_AUTHOR_DATE": date, "GIT_COMMITTER_DATE": date,
           "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_SYSTEM": "/dev/null"}  # fmt: skip
    subprocess.run(["git", "-C", folder, *words], check=True, env=env)


def test_secrets_in_packages_that_no_index_has_are_found(paper, tmp_path):
    frozen = empty_environment(tmp_path / "frozen")
    wheel = frozen / "wheels" / "mine-1-py3-none-any.whl"
    wheel.parent.mkdir()
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr(
            "mine/login.py", "# me\npassword = 'hunter22xyz'\nhome = '/home/schmidt'\n"
        )
    digest = "sha256:" + hashlib.sha256(wheel.read_bytes()).hexdigest()
    mine = Package("mine", "1", (digest,), "wheel", wheel.name)
    software = replace(Environment.load(frozen), packages=(mine,))
    (frozen / "environment.json").write_text(json.dumps(software.to_json()))
    (frozen / "requirements.txt").write_text(requirements((mine,)))
    with pytest.raises(PublicationError, match=r"mine-1.*whl/mine/login.py \(line 2\): password"):
        sealed(paper, tmp_path / "out", environment=frozen)
    assert not (tmp_path / "out").exists()
    assert sealed(paper, tmp_path / "out", environment=frozen, allow=["password"]).check() == ()


class TestExecutions:
    def test_execution_beside_the_notebooks_is_the_reference(self, paper, tmp_path):
        source = paper / "2-make.ipynb"
        notebook(
            source,
            "slope = 0.5",
            "import sys\nprint('slope is', slope)\n"
            "from IPython.display import publish_display_data as show\n"
            "show({'application/vnd.beambook.result+json': {'version': 1, 'name': 'slope',"
            " 'value': slope, 'unit': '', 'claim': True}, 'text/plain': 'slope'})",
            "import os\nopen('line.txt', 'w').write('x')\nos.symlink('/etc/passwd', 'users')\n"
            "print('y' * 5000)",
            outputs=False,
        )
        execution = execute(source, {"slope": 3.5}, into=paper / "executions", output_limit=1000)
        assert execution.status == "done", execution.error_line
        made = sealed(paper, tmp_path / "out", date=None, allow=["path"])
        book = made.notebooks[0]
        assert book.values["slope"] == 3.5
        assert "slope is 3.5" in (made.path / book.reference).read_text()
        assert "slope is" in (made.work / book.path).read_text()
        assert "slope is 3.5" not in (made.work / book.path).read_text()
        assert [c.name for c in made.claims if c.notebook == book.path] == ["slope"]
        assert made.record["date"] == execution.record["ended"][:10]
        assert names(made, "reference") >= {
            "2-make-files/line.txt", "outputs/cell-04-stdout.txt", "2-make.ipynb",
        }  # fmt: skip
        assert "reference/2-make-files/users" not in book.outputs
        # A folder that was copied or moved brings its executions along.
        copy = shutil.copytree(paper, tmp_path / "moved", symlinks=True)
        moved = sealed(copy, tmp_path / "out3", allow=["path"])
        assert moved.notebooks[0].reference == book.reference
        direct = sealed(execution.path, tmp_path / "direct", date=None, allow=["path"])
        assert direct.notebooks[0].values == book.values
        # Software that lacks what the notebook was executed with is sealed, but not in silence.
        frozen = empty_environment(tmp_path / "frozen")
        lacking = sealed(paper, tmp_path / "lacking", environment=frozen, allow=["path"])
        assert any("2-make.ipynb was executed with ipython" in note for note in lacking.notes)
        # A notebook that was changed since is not sealed with outputs that it did not make.
        notebook(source, "slope = 0.25", outputs=False)
        changed = sealed(paper, tmp_path / "out2", allow=["path"])
        assert changed.notebooks[0].reference is None
        why = "2-make.ipynb was changed (or saved) since it was executed"
        assert f"{why}: the outputs of {execution.id} are not taken" in changed.notes
        stands = sealed(execution.path, tmp_path / "stands", allow=["path"])
        assert any("was changed since it was executed" in note for note in stands.notes)


class TestData:
    def test_small_is_carried_and_large_goes_by_reference(self, paper, tmp_path):
        outside = tmp_path / "measured"
        outside.mkdir()
        (outside / "small.bin").write_bytes(b"x" * 10)
        large = tmp_path / "large"
        large.mkdir()
        (large / "big.bin").write_bytes(b"x" * 2000)
        (paper / "data" / "huge.bin").write_bytes(b"y" * 2000)
        made = sealed(paper, tmp_path / "out", data=[outside, large], limits=Limits(1000, 100_000))
        kinds = {each.name: each.kind for each in made.data}
        assert kinds == {"measured": "carried", "large": "folder", "data-huge.bin": "folder"}
        carried, reference, own = made.data
        assert (made.path / carried.where / "small.bin").is_file()
        assert [(f.path, f.size) for f in reference.files] == [("big.bin", 2000)]
        assert len(reference.files[0].sha256) == 64
        assert (own.target, [f.path for f in own.files]) == ("data", ["huge.bin"])
        assert "data/huge.bin" not in names(made)
        assert any("large" in note and "not carried" in note for note in made.notes)
        assert made.check() == ()

    def test_what_lies_with_the_notebooks_may_be_elsewhere_for_others(self, paper, tmp_path):
        (paper / "data" / "huge.bin").write_bytes(b"y" * 2000)
        (paper / "tiny.bin").write_bytes(b"z")
        (paper / "publication.yml").write_text(
            "data:\n"
            "- {folder: data, name: raw, doi: 10.5281/zenodo.7}\n"
            "- {folder: tiny.bin, url: 'https://x.org/tiny.bin', carry: no}\n"
        )
        made = sealed(paper, tmp_path / "out", limits=Limits(1000, 100_000))
        raw, tiny = made.data
        assert (raw.kind, raw.where, raw.target) == ("doi", "10.5281/zenodo.7", "data")
        assert [f.url for f in raw.files] == ["doi:10.5281/zenodo.7/huge.bin"]  # table.csv is along
        assert (tiny.kind, tiny.target, tiny.files[0].url) == ("url", "", "https://x.org/tiny.bin")
        assert {"data/table.csv"} == {n for n in names(made) if n.endswith(("csv", "bin"))}
        assert any("tiny.bin" in note and "publication.yml says so" in note for note in made.notes)
        (paper / "data" / "huge.bin").unlink()
        outside = tmp_path / "outside.bin"
        outside.write_bytes(b"o")
        also = {"folder": str(outside), "doi": "10.5281/zenodo.8"}
        small = sealed(paper, tmp_path / "small", data=[also])
        assert small.data[-1].kind == "carried"
        datacite = json.loads((small.path / "datacite.json").read_text())
        derived = [each["relatedIdentifier"] for each in datacite["relatedIdentifiers"]]
        assert derived == ["10.5281/zenodo.7", "10.5281/zenodo.8", "https://x.org/tiny.bin"]
        assert (small.data[0].kind, small.data[0].files) == ("doi", ())

    def test_runs_of_a_proposal_are_referred_to_as_they_lie(self, paper, tmp_path, monkeypatch):
        run = tmp_path / "exp" / "SCS" / "202631" / "p900074" / "raw" / "r0487"
        run.mkdir(parents=True)
        (run / "RAW-R0487-DA01-S00000.h5").write_bytes(b"h" * 100)
        monkeypatch.setenv("BEAMBOOK_DATA", str(tmp_path / "exp"))
        made = sealed(paper, tmp_path / "out", data=["900074 487"], limits=Limits(10, 100_000))
        (data,) = [each for each in made.data if each.kind == "run"]
        assert data.where == "p900074 r0487"
        assert data.files[0].path == "SCS/202631/p900074/raw/r0487/RAW-R0487-DA01-S00000.h5"

    def test_run_that_is_not_here_is_said(self, paper, tmp_path, monkeypatch):
        monkeypatch.delenv("BEAMBOOK_DATA", raising=False)
        made = sealed(paper, tmp_path / "out", data=["900074 487"])
        assert any("was not found here" in note for note in made.notes)

    def test_link_that_leads_out_becomes_data(self, paper, tmp_path):
        outside = tmp_path / "elsewhere"
        outside.mkdir()
        (outside / "x.csv").write_text("1\n")
        (paper / "linked").symlink_to(outside)
        (paper / "one.csv").symlink_to(outside / "x.csv")
        made = sealed(paper, tmp_path / "out")
        (data,) = made.data
        assert (data.kind, data.target) == ("carried", "linked")
        assert (made.work / "one.csv").read_text() == "1\n"
        assert sum("is a link out of the folder" in note for note in made.notes) == 2
        assert (made.path / data.where / "x.csv").read_text() == "1\n"
        assert not any(p.is_symlink() for p in made.path.rglob("*"))

    def test_paths_in_values_do_not_name_this_machine(self, paper, tmp_path):
        outside = tmp_path / "measured"
        outside.mkdir()
        (outside / "x.csv").write_text("1\n")
        inside = paper / "data" / "table.csv"
        notebook(paper / "deep" / "n.ipynb", f"a = {str(inside)!r}\nb = {str(outside / 'x.csv')!r}")
        made = sealed(paper, tmp_path / "out", data=[outside], allow=["path"])
        (book,) = [each for each in made.notebooks if each.path == "deep/n.ipynb"]
        assert book.values == {"a": "../data/table.csv", "b": "data:measured/x.csv"}


class TestTheSameEachTime:
    def test_twice_and_as_zip_and_from_another_folder(self, paper, tmp_path):
        first = sealed(paper, tmp_path / "out")
        again = sealed(paper, tmp_path / "other" / "name")
        zipped = sealed(paper, tmp_path / "out.zip")
        moved = paper.rename(tmp_path / "moved") and tmp_path / "moved" / "paper"
        shutil.move(tmp_path / "moved", moved.parent.with_name("deeper"))
        elsewhere = sealed((tmp_path / "deeper").rename(tmp_path / "paper"), tmp_path / "third")
        assert {p.checksum for p in (again, zipped, elsewhere)} == {first.checksum}
        assert first.zip(tmp_path / "a.zip").read_bytes() == (tmp_path / "out.zip").read_bytes()

    def test_source_date_epoch(self, paper, tmp_path, monkeypatch):
        monkeypatch.setenv("SOURCE_DATE_EPOCH", "86400")
        assert sealed(paper, tmp_path / "out", date=None).record["date"] == "1970-01-02"

    def test_today_is_said(self, paper, tmp_path, monkeypatch):
        monkeypatch.delenv("SOURCE_DATE_EPOCH", raising=False)
        made = sealed(paper, tmp_path / "out", date=None)
        assert any("dated today" in note for note in made.notes)

    def test_seals_over_an_older_publication_but_over_nothing_else(self, paper, tmp_path):
        out = tmp_path / "out"
        old = sealed(paper, out).checksum
        (paper / "helper.py").write_text("TOP = 5\n")
        assert sealed(paper, out).checksum != old
        assert Publication.open(out).check() == ()
        mine = tmp_path / "mine"
        mine.mkdir()
        (mine / "thesis.txt").write_text("years of work")
        with pytest.raises(PublicationError, match="is no publication"):
            sealed(paper, mine)
        assert (mine / "thesis.txt").is_file()

    def test_into_its_own_source_does_not_swallow_itself(self, paper):
        first = sealed(paper, paper / "sealed")
        assert sealed(paper, paper / "sealed").checksum == first.checksum
        assert not (first.work / "sealed").exists()


class TestIntegrity:
    @given(data=st.data())
    def test_one_changed_byte_anywhere_is_named(self, data, tampered):
        publication, intact = tampered
        name = data.draw(st.sampled_from(sorted(intact)))
        content = intact[name]
        place = data.draw(st.integers(0, len(content) - 1))
        flipped = bytes([content[place] ^ data.draw(st.integers(1, 255))])
        path = publication.path / name
        path.write_bytes(content[:place] + flipped + content[place + 1 :])
        try:
            found = publication.check()
        finally:
            path.write_bytes(content)
        assert [(each.path, each.what) for each in found] == [(name, "was changed")]

    def test_missing_and_extra_files_are_named(self, paper, tmp_path):
        made = sealed(paper, tmp_path / "out")
        (made.work / "helper.py").rename(made.work / "helfer.py")
        assert [str(each) for each in made.check()] == [
            "work/helfer.py: was not sealed",
            "work/helper.py: is missing",
        ]

    def test_another_publication_is_refused_by_its_checksum(self, paper, tmp_path):
        made = sealed(paper, tmp_path / "out")
        assert Publication.open(made.path, checksum=made.checksum[:12]).title == made.title
        with pytest.raises(PublicationError, match="has the checksum"):
            Publication.open(made.path, checksum="0" * 64)

    def test_manifest_is_read_by_sha256sum(self, paper, tmp_path):
        made = sealed(paper, tmp_path / "out")
        if shutil.which("sha256sum") is None:
            pytest.skip("no sha256sum here")
        command = ["sha256sum", "-c", "--strict", "--quiet", "manifest-sha256.txt"]
        assert subprocess.run(command, cwd=made.path, check=False).returncode == 0


@pytest.fixture(scope="module")
def tampered(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tampered")
    notebook(folder / "paper" / "a.ipynb", "x = 1")
    (folder / "paper" / "data.csv").write_text("1,2\n")
    environment = folder / "software"
    (environment / "wheels").mkdir(parents=True)
    (folder / "paper" / "wheels").mkdir()
    (folder / "paper" / "wheels" / "x-1-py3-none-any.whl").write_bytes(bytes(range(256)))
    publication = sealed(folder / "paper", folder / "out")
    manifest = publication.path / "manifest-sha256.txt"
    files = [p for p in publication.path.rglob("*") if p.is_file() and p != manifest]
    return publication, {str(p.relative_to(publication.path)): p.read_bytes() for p in files}


def test_declaration_in_the_documentation_is_one(tmp_path):
    page = Path(__file__).parents[2] / "docs" / "how-to" / "publish.md"
    block, *_ = re.findall(r"^```yaml\n(.*?)^```", page.read_text(encoding="utf-8"), re.M | re.S)
    (tmp_path / "publication.yml").write_text(block, encoding="utf-8")
    declared = read_declaration(tmp_path)
    empty = [name for name in declared.__dataclass_fields__ if not getattr(declared, name)]
    assert empty == ["repository", "date", "order"]
    assert declared.notebooks["fit.ipynb"]["values"] == {"run": 487}
    assert declared.related[1].relation == "IsDocumentedBy"


def test_what_is_not_there_and_what_is_no_notebook(tmp_path):
    with pytest.raises(RunNotFound, match="nowhere"):
        sealed(tmp_path / "nowhere", tmp_path / "out")
    (tmp_path / "text.txt").write_text("x")
    with pytest.raises(PublicationError, match="no notebook"):
        sealed(tmp_path / "text.txt", tmp_path / "out")
    (tmp_path / "empty").mkdir()
    with pytest.raises(PublicationError, match="no notebook"):
        sealed(tmp_path / "empty", tmp_path / "out")


def test_card_tells_what_is_carried_how_large_it_is_and_what_to_type(paper, tmp_path, monkeypatch):
    frozen = empty_environment(tmp_path / "frozen")
    made = sealed(paper, tmp_path / "to send" / "out", environment=frozen)
    monkeypatch.chdir(tmp_path)
    card = made.card()
    assert card.facts["software"].endswith("0 packages, all carried")
    assert re.search(r"out \(\d+ files, [\d.]+ kB\)$", card.facts["folder"])
    assert card.hints[0].startswith("beambook verify 'to send/out' ")


def test_publication_is_not_sealed_again(paper, tmp_path):
    made = sealed(paper, tmp_path / "out")
    with pytest.raises(PublicationError, match="is a publication already"):
        sealed(made.path, tmp_path / "again")


def test_software_of_the_notebooks_goes_along(paper, tmp_path):
    frozen = tmp_path / "frozen"
    frozen.mkdir()
    with pytest.raises(PublicationError, match="neither a frozen environment nor a Python"):
        sealed(paper, tmp_path / "out", environment=Path(frozen))
    empty_environment(frozen)
    shutil.copytree(frozen, paper / "environment")
    beside = sealed(paper, tmp_path / "beside", environment=None)
    assert not (beside.work / "environment").exists()
    shutil.rmtree(paper / "environment")
    made = sealed(paper, tmp_path / "out", environment=frozen)
    assert made.checksum == beside.checksum
    assert made.environment.digest == Environment.load(frozen).digest
    assert made.record["environment"]["python"] == "3.11.7"
