"""A folder's notebooks, executed in their order by real kernels, sealed and verified."""

import hashlib
import json
import os
import shutil
import subprocess

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from beambook.cli import main
from beambook.errors import DamagedFile, RunNotFound
from beambook.publication import ExecutedFolder, execute_folder, seal, verify
from beambook.publication._verify.files import with_files
from beambook.publication._verify.leg import SILENT, Leg, NotebookVerdict

from .frozen import empty_environment


def write(path, *cells):
    made = [new_markdown_cell(c) if c.startswith("# ") else new_code_cell(c) for c in cells]
    for number, cell in enumerate(made):
        cell["id"] = f"cell-{number}"
    path.parent.mkdir(exist_ok=True, parents=True)
    nbformat.write(new_notebook(cells=made), path)


def checksums(folder):
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {path: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


CLAIM = """from IPython.display import publish_display_data as show
show({'application/vnd.beambook.result+json': {'version': 1, 'name': 'total', 'value': total,
 'unit': '', 'claim': True}, 'text/plain': f'total = {total}'})"""


def paper(folder):
    """By their names these three would be executed the wrong way round."""
    (folder / "raw").mkdir(parents=True)
    (folder / "raw" / "counts.csv").write_text("1\n2\n3\n")
    (folder / "old.csv").write_text("4\n")
    write(
        folder / "a" / "figure.ipynb",
        "# Figure",
        "from pathlib import Path\nfit = Path('../fit.txt')",
        "total = float(fit.read_text())",
        CLAIM,
    )
    write(
        folder / "b-fit.ipynb",
        "# Fit",
        "scale: float = 1.0  # 0..10",
        "numbers = [float(line) for line in open('clean.csv')]\n"
        "with open('fit.txt', 'w') as file:\n    print(scale * sum(numbers), file=file)\n"
        "with open('log.txt', 'w') as file:\n    print('fitted', file=file)\nsum(numbers)",
    )
    write(
        folder / "c-load.ipynb",
        "# Load",
        "from pathlib import Path\ntable = Path('raw/counts.csv')\nscale = 1",
        "text = table.read_text()\nopen('clean.csv', 'w').write(text)\nprint(table, scale)",
    )
    write(
        folder / "d-export.ipynb",  # it shows nothing: its files are what it is judged by
        "with open('clean.csv') as clean, open('copy.csv', 'w') as copy:\n"
        "    copy.write(clean.read())",
    )
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return paper(tmp_path_factory.mktemp("mine") / "paper")


@pytest.fixture(scope="module")
def executed(folder):
    """Executed with a value that two of them know, and one that only one does."""
    before = checksums(folder)
    values = {"scale": 2, "table": folder / "old.csv"}
    made = execute_folder(folder, values, into=folder.parent / "executions")
    assert checksums(folder) == before
    return made


@pytest.fixture(scope="module")
def publication(executed, tmp_path_factory):
    return seal(executed.path, tmp_path_factory.mktemp("sealed") / "s", environment="none")


class TestAFolder:
    def test_all_are_executed_in_their_order_each_with_its_values(self, executed):
        assert [(n.path, n.status, n.requires, n.wrote) for n in executed.notebooks] == [
            ("c-load.ipynb", "done", (), ("clean.csv",)),
            ("b-fit.ipynb", "done", ("c-load.ipynb",), ("fit.txt", "log.txt")),
            ("a/figure.ipynb", "done", ("b-fit.ipynb",), ()),
            ("d-export.ipynb", "done", ("c-load.ipynb",), ("copy.csv",)),
        ]
        assert dict(executed.execution("c-load.ipynb").values) == {"table": "old.csv", "scale": 2}
        assert dict(executed.execution("b-fit.ipynb").values) == {"scale": 2.0}
        assert dict(executed.execution("a/figure.ipynb").values) == {"fit": "../fit.txt"}
        assert executed.execution("a/figure.ipynb").results["total"]["value"] == 8.0
        assert (executed.ok, executed.notes) == (True, ())

    def test_the_record_says_what_was_written_and_read_and_names_no_folder_that_is_gone(
        self, executed, folder
    ):
        fit = executed.execution("b-fit.ipynb")
        # The log of the execution itself has that name, too.
        assert [each["name"] for each in fit.outputs] == ["fit.txt", "files/log.txt"]
        assert (fit.path / "files" / "log.txt").read_text() == "fitted\n"
        assert "process" in fit.log_path.read_text()
        figure = executed.execution("a/figure.ipynb")
        (read,) = [each for each in figure.inputs if each.get("seen")]
        assert (read["path"], read["files"][0]["name"]) == ("..", "fit.txt")
        for each in executed.executions:
            assert ".work" not in (each.path / "execution.json").read_text()
            assert str(folder) not in each.notebook_path.read_text()
        assert not list(executed.path.rglob(".work"))

    def test_it_can_be_read_back(self, executed):
        assert ExecutedFolder.load(executed.path) == executed
        with pytest.raises(RunNotFound, match="not executed"):
            executed.execution("nosuch.ipynb")

    @pytest.mark.parametrize("text", ["{", "[]", '{"origin": 1}'], ids=range(3))
    def test_a_damaged_record_is_said(self, tmp_path, text):
        (tmp_path / "executions").mkdir()
        (tmp_path / "executions" / "folder.json").write_text(text)
        with pytest.raises(DamagedFile, match="cannot be read"):
            ExecutedFolder.load(tmp_path)
        with pytest.raises(RunNotFound):
            ExecutedFolder.load(tmp_path / "executions")


class TestPublished:
    def test_it_is_sealed_as_it_is(self, publication, executed):
        assert publication.title == "paper"
        assert [n.path for n in publication.notebooks] == [n.path for n in executed.notebooks]
        assert all(n.reference for n in publication.notebooks)
        assert [(c.notebook, c.name) for c in publication.claims] == [("a/figure.ipynb", "total")]
        there = {str(p.relative_to(publication.path)) for p in publication.path.rglob("*.*")}
        assert there >= {
            "work/old.csv", "reference/c-load-files/clean.csv", "reference/b-fit-files/fit.txt",
            "reference/b-fit-files/files/log.txt",
        }  # fmt: skip
        # What they write is no part of what one begins with.
        assert not {"work/clean.csv", "work/fit.txt", "work/log.txt"} & there

    def test_all_come_out_the_same(self, publication, tmp_path):
        verification = verify(publication, environment="here", into=tmp_path / "v")
        statuses = {n.path: n.status for n in verification.legs[0].notebooks}
        assert statuses == dict.fromkeys((n.path for n in publication.notebooks), "same")
        assert len(statuses) == 4
        assert (verification.status, verification.exit_status) == ("same", 0)

    def test_a_copy_that_was_moved_gives_the_same_publication(
        self, executed, publication, tmp_path
    ):
        moved = shutil.copytree(executed.path, tmp_path / "elsewhere" / "moved")
        again = seal(moved, tmp_path / "s", environment="none")
        assert again.checksum == publication.checksum


class TestFilesThatWereWritten:
    """What is the same byte for byte is the same; what is not may only hold another time."""

    @pytest.mark.parametrize(
        ("problem", "now", "status", "note"),
        [
            (SILENT, "1,2", "same", "it shows nothing; what it wrote is the same byte for byte"),
            (SILENT, "1,3", "not verified", "not the same byte for byte: files/log.txt"),
            (SILENT, None, "not verified", "it did not write files/log.txt"),
            ("", "1,3", "not verified", "not the same byte for byte: files/log.txt"),
            ("it fails", "1,3", "not verified", ""),
        ],
        ids=range(5),
    )
    def test_they_prove_a_notebook_that_shows_nothing(self, tmp_path, problem, now, status, note):
        (tmp_path / "sealed.txt").write_text("1,2")
        (tmp_path / "work" / "a").mkdir(parents=True)
        if now is not None:
            (tmp_path / "work" / "a" / "log.txt").write_text(now)
        verdict = NotebookVerdict("a/n.ipynb", "not verified", problem)
        sealed = {"files/log.txt": tmp_path / "sealed.txt"}
        found = with_files(verdict, sealed, tmp_path / "work")
        assert (found.status, *found.notes) == (status, *filter(None, [note]))
        assert found.problem == ("" if status == "same" else problem)

    def test_others_decide_where_one_shows_nothing(self):
        silent = NotebookVerdict("1.ipynb", "not verified", SILENT)
        assert Leg("here", notebooks=(silent,)).status == "not verified"
        assert SILENT in Leg("here", notebooks=(silent,)).cause
        for status in ("same", "within tolerance", "different"):
            other = NotebookVerdict("2.ipynb", status, "" if status != "different" else "why")
            leg = Leg("here", notebooks=(silent, other))
            assert (leg.status, leg.cause) == (status, "2.ipynb, why" * (status == "different"))


class TestFailures:
    def test_what_needs_it_is_not_executed_and_the_rest_is(self, tmp_path, capsys, monkeypatch):
        monkeypatch.chdir(tmp_path)
        write(tmp_path / "p" / "1-make.ipynb", "open('a.txt', 'w').write('1')\n1 / 0")
        write(tmp_path / "p" / "2-use.ipynb", "text = open('a.txt').read()\nopen('b.txt', 'w')")
        write(tmp_path / "p" / "3-last.ipynb", "open('b.txt')")
        write(tmp_path / "p" / "4-alone.ipynb", "'alone'")
        code, out, _ = typed(capsys, "run", "p", "--json")
        found = json.loads(out)
        assert (code, found["status"]) == (1, "failed")
        told = [(n["status"], n["problem"]) for n in found["notebooks"]]
        assert told == [
            ("failed", "cell 1: ZeroDivisionError: division by zero"),
            ("not executed", "needs 1-make.ipynb, which did not come to its end"),
            ("not executed", "needs 2-use.ipynb, which did not come to its end"),
            ("done", ""),
        ]
        # Nothing is hidden when it is published all the same.
        made = seal(found["path"], tmp_path / "s", environment="none")
        assert [n.path for n in made.notebooks if n.reference] == ["4-alone.ipynb"]
        assert any("1-make.ipynb was executed, which is failed" in note for note in made.notes)

    def test_notebooks_that_need_each_other_or_write_the_same_are_said(self, tmp_path):
        write(tmp_path / "p" / "1-a.ipynb", "open('a.txt', 'w')\nprint(open.__name__, 'b.txt')")
        write(tmp_path / "p" / "2-b.ipynb", "open('a.txt')\nopen('b.txt', 'w')")
        write(tmp_path / "p" / "3-c.ipynb", "open('.'.join('bt').replace('t', 'txt'), 'w')")
        made = execute_folder(tmp_path / "p", into=tmp_path / "e")
        assert made.ok
        circle, shared = made.notes
        assert "1-a.ipynb and 2-b.ipynb need each other" in circle
        assert "1-a.ipynb is executed first; order: in publication.yml decides" in circle
        assert shared.startswith("b.txt is written by 2-b.ipynb and by 3-c.ipynb")

    def test_executions_in_the_folder_are_no_change_of_it_and_who_looks_too_early_is_said(
        self, tmp_path
    ):
        look = "import glob\nlen(glob.glob('parts/*.txt'))"
        write(tmp_path / "p" / "a.ipynb", look)
        act = "import os; os.mkdir('parts')\nfor i in '12':\n    open(f'parts/{i}.txt', 'w')"
        write(tmp_path / "p" / "z.ipynb", act)
        (tmp_path / "link").symlink_to(tmp_path / "p")
        (note,) = execute_folder(tmp_path / "link", into=tmp_path / "link" / "mine").notes
        assert note.startswith(
            "a.ipynb looks for parts/*.txt, and z.ipynb, which is executed after"
        )

    def test_what_is_written_elsewhere_is_kept_and_said(self, tmp_path):
        away = tmp_path / "p" / "away.txt"
        act = "import os; os.mkdir('../far')\nopen('../far/x.txt', 'w').write('x')"
        act += f"\nopen({str(away)!r}, 'w')"
        write(tmp_path / "p" / "1.ipynb", act)
        made = execute_folder(tmp_path / "p", into=tmp_path / "e")
        assert (made.execution("1.ipynb").path / "far" / "x.txt").read_text() == "x"
        assert made.notes == (
            "1.ipynb wrote ../far/x.txt, outside of the folder: who verifies it cannot",
            f"changed in {tmp_path / 'p'} meanwhile, by a notebook or by another program: away.txt",
        )

    def test_what_was_done_before_it_was_stopped_is_on_record(self, tmp_path):
        write(tmp_path / "p" / "1.ipynb", "open('made.txt', 'w').write('1')")
        write(tmp_path / "p" / "2.ipynb", "2")
        write(tmp_path / "p" / "3.ipynb", "3")

        def stop(progress):
            if progress.task == "2":  # its kernel starts
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt, match="stopped after 1 of 3 notebooks, which are in"):
            execute_folder(tmp_path / "p", into=tmp_path / "e", reporter=stop)
        (path,) = (tmp_path / "e").iterdir()
        made = ExecutedFolder.load(path)
        assert [(n.status, n.problem) for n in made.notebooks] == [
            ("done", ""), ("killed", "it was stopped"), ("not executed", "it was stopped"),
        ]  # fmt: skip
        assert (made.execution("1.ipynb").path / "made.txt").read_text() == "1"


def typed(capsys, *words):
    capsys.readouterr()
    with pytest.raises(SystemExit) as ended:
        main(list(map(str, words)))
    return (ended.value.code or 0, *capsys.readouterr())


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ("paper", "scal=2"),
            "'scal' in the notebooks of paper; did you mean 'scale'",
        ),
        (("paper", "scale=11"), "b-fit.ipynb: scale: 11.0 is above 10"),
        (("paper", "scale=1", "scale=2"), "is given twice"),
        (("paper", "scale"), "'scale' is not NAME=VALUE"),
        (("paper", "text=2"), "No parameter 'text'"),
        (("paper", "--each", "scale=1..2"), "--each is for one notebook"),
        (("paper", "--on", "slurm"), "--on is for one notebook"),
        (("paper", "--kernel", "nosuch"), "There is no kernel 'nosuch'"),
        (("declared", "scale=2"), "scale=2.0 is given, and publication.yml declares 3.0"),
        (("required",), "1.ipynb: run: a value is required"),
        (("broken",), "is not a Jupyter notebook"),
        (("empty",), "There is no notebook in"),
        (("circle",), "The notebooks require each other"),
        (("sealed",), "beambook rerun executes its notebooks"),
        (("twins",), "'1.CSV' and '1.csv' are one file where case does not count"),
        (("odd",), "The file name '1?.csv' has '?' in it"),
        (("paper", "--into", "paper/b-fit.ipynb"), "is a file, and no folder of executions"),
    ],
    ids=range(17),
)
def test_mistakes_are_a_line_before_anything_is_executed(
    tmp_path, capsys, monkeypatch, publication, words, said
):
    monkeypatch.chdir(tmp_path)
    name = words[0]
    if name == "sealed":
        shutil.copytree(publication.path, tmp_path / name)
    elif name in ("required", "broken", "empty", "twins", "odd"):
        (tmp_path / name).mkdir()
    else:
        paper(tmp_path / name)
    if name == "required":
        write(tmp_path / name / "1.ipynb", "run: int = 1  # required")
    if name == "broken":
        (tmp_path / name / "1.ipynb").write_text("none")
    declaration = tmp_path / name / "publication.yml"
    if name in ("twins", "odd"):
        write(tmp_path / name / "1.ipynb", "1")
        for each in ("1.csv", "1.CSV") if name == "twins" else ("1?.csv",):
            (tmp_path / name / each).touch()
    if name == "declared":
        declaration.write_text("notebooks: [{path: b-fit.ipynb, values: {scale: 3}}]")
    if name == "circle":
        one, two = (
            "{path: b-fit.ipynb, requires: c-load.ipynb}",
            "{path: c-load.ipynb, requires: b-fit.ipynb}",
        )
        declaration.write_text(f"notebooks: [{one}, {two}]")
    code, _, err = typed(capsys, "run", *words)
    assert (code, said in err) == (2, True), err
    assert "Traceback" not in err
    assert not (tmp_path / "executions").exists()


def test_what_is_declared_holds_and_the_command_shows_and_publishes_it(
    tmp_path, capsys, monkeypatch
):
    """In a repository: what git ignores stays, and the commit is that of the author's folder."""
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "p" / "1.ipynb", "from pathlib import Path\nfrom_ = Path('x.csv')\nrun = 1",
          "print(run, from_.read_text())")  # fmt: skip
    write(tmp_path / "p" / "2.ipynb", "'two'")
    write(tmp_path / "p" / "draft.ipynb", "1 / 0")
    (tmp_path / "p" / "sub").mkdir()
    (tmp_path / "p" / "sub" / "y.csv").write_text("declared")
    (tmp_path / "p" / "publication.yml").write_text(
        "order: [2.ipynb]\nexclude: [draft.ipynb]\ndata: [{folder: ../beside}]\n"
        "notebooks: [{path: 1.ipynb, values: {run: 7, from_: sub/y.csv}}]\n"
    )
    empty_environment(tmp_path / "p" / "environment")  # as of beambook freeze
    (tmp_path / "beside").mkdir()
    (tmp_path / "beside" / "far.txt").write_text("far")
    (tmp_path / "p" / "private.txt").write_text("mine")
    (tmp_path / ".gitignore").write_text("executions/\nprivate.txt\n")
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-q", "-m", "All")
    code, out, err = typed(capsys, "run", "p/")
    assert code == 0, err
    assert [line.split()[0] for line in out.splitlines() if ".ipynb  " in line] == [
        "2.ipynb", "1.ipynb",
    ]  # fmt: skip
    (path,) = (tmp_path / "executions").iterdir()
    assert out.splitlines()[-1] == f"Wrote executions/{path.name}"
    assert f"beambook publish executions/{path.name} --into p-sealed" in out
    assert {p.name for p in path.iterdir() if p.is_file()} == {
        "1.ipynb", "2.ipynb", "publication.yml",
    }  # fmt: skip
    assert typed(capsys, "show", path)[1].startswith("Executed folder p-")
    code, out, err = typed(capsys, "publish", "newest", "--into", "s", "--json")
    assert code == 0, err
    record = json.loads((tmp_path / "s" / "publication.json").read_text())
    books = {n["path"]: n for n in record["notebooks"]}
    assert books["1.ipynb"]["values"] == {"from_": "sub/y.csv", "run": 7}
    assert (books["1.ipynb"]["reference"], len(books)) == ("reference/1.ipynb", 2)
    assert record["environment"]["packages"] == 0
    assert record["code"]["commit"]
    assert not record["code"]["dirty"]
    assert [(each["name"], each["kind"]) for each in record["data"]] == [("beside", "carried")]
    assert any("left out" in note and "private.txt" in note for note in record["notes"])


def git(folder, *words):
    who = {f"GIT_{w}_{k}": "a@b.org" for w in ("AUTHOR", "COMMITTER") for k in ("NAME", "EMAIL")}
    env = {**os.environ, **who, "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_SYSTEM": "/dev/null"}
    subprocess.run(["git", "-C", folder, *words], check=True, env=env)
