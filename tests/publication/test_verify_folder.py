"""A folder that nobody sealed, executed in a real kernel and judged by a truth made by hand."""

import hashlib
import json
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from beambook.errors import NotebookError, ParameterError, RunNotFound
from beambook.publication import Verification, verify
from beambook.publication._verify import verify as verify_file


def printed(text):
    return new_output("stream", text=text)


def shown(text):
    return new_output("execute_result", {"text/plain": text}, execution_count=1)


def raised(name, value):
    return new_output("error", ename=name, evalue=value, traceback=[])


def code(source, *outputs, tags=()):
    cell = new_code_cell(source, outputs=list(outputs), execution_count=1)
    if tags:
        cell.metadata["tags"] = list(tags)
    return cell


def write(folder, name, *cells, **metadata):
    """A notebook as its author left it: the outputs are written by hand."""
    path = Path(folder, name)
    path.parent.mkdir(parents=True, exist_ok=True)
    cells = [new_markdown_cell(cell) if isinstance(cell, str) else cell for cell in cells]
    nbformat.write(new_notebook(cells=cells, metadata=metadata), path)
    return path


def checksums(folder):
    return {
        path.relative_to(folder): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


# What each cell is, by hand: path → number → status. Numbers count all cells from 1.
TRUTH = {
    "1-make.ipynb": {2: "same", 3: "same", 4: "within tolerance", 5: "no output"},
    "2-use.ipynb": {1: "same", 2: "different", 3: "same"},
    "3-errors.ipynb": {1: "same", 2: "same", 3: "error", 4: "not reached"},
    "4-lacks.ipynb": {1: "missing software", 2: "not reached"},
    "5-after-errors.ipynb": {1: "not reached"},
    "deeper/6-outside.ipynb": {1: "same", 2: "same"},
    "7-never-run.ipynb": {1: "not comparable"},
}
ANSWERS = {
    "1-make.ipynb": "within tolerance",
    "2-use.ipynb": "different",
    "3-errors.ipynb": "different",
    "4-lacks.ipynb": "not verified",
    "5-after-errors.ipynb": "not verified",
    "deeper/6-outside.ipynb": "same",
    "7-never-run.ipynb": "not verified",
}
OUTSIDE = """
from pathlib import Path
try:
    Path(PLACE).write_text("here I was")
    print("written")
except OSError as error:
    print("refused")
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("checkout")
    write(
        folder, "1-make.ipynb", "# Make",
        code("edge = 8333.123\nprint('edge', edge, 'eV')", printed("edge 8333.123 eV\n"),
             tags=["claim"]),
        code("with open('table.csv', 'w') as f:\n    print(f.write('1,2\\n'))", printed("4\n")),
        code("1 / 3.0000000003", shown("0.33333333333")),
        code("x = 1"),
    )  # fmt: skip
    write(
        folder, "2-use.ipynb",
        code("open('table.csv').read()", shown("'1,2\\n'")),
        code("print('peak', 5.25)", printed("peak 5.5\n"), tags=["claim"]),
        code("import helper\nhelper.answer()", shown("42")),
    )  # fmt: skip
    write(
        folder, "3-errors.ipynb",
        code("1 / 0", raised("ZeroDivisionError", "division by zero")),
        code("'went on'", shown("'went on'")),
        code("open('made.txt', 'w').write({}['key'])", shown("3")),
        code("'last'", shown("'last'")),
    )  # fmt: skip
    write(
        folder,
        "4-lacks.ipynb",
        code(
            "import nobody_has_this",
        ),
        code("1", shown("1")),
    )
    write(folder, "5-after-errors.ipynb", code("open('made.txt').read()", shown("'abc'")))
    place = folder / "trace.txt"
    write(
        folder, "deeper/6-outside.ipynb",
        code("import sys; sys.path.insert(0, '..'); import helper; helper.answer()", shown("42")),
        code(OUTSIDE.replace("PLACE", repr(str(place))), printed("refused\n")),
    )  # fmt: skip
    never = new_code_cell("print(1)")
    write(folder, "7-never-run.ipynb", never)
    (folder / "helper.py").write_text("def answer():\n    return 42\n")
    (folder / "executions").mkdir()
    write(folder, "executions/old.ipynb", code("1", shown("1")))
    return folder


@pytest.fixture(scope="module")
def before(folder):
    return checksums(folder)


@pytest.fixture(scope="module")
def verification(folder, before, tmp_path_factory):
    return verify(folder, environment="here", into=tmp_path_factory.mktemp("verifications"))


@pytest.fixture
def leg(verification):
    return verification.legs[0]


def needs_bubblewrap(leg):
    if leg.sandbox != "bubblewrap":
        pytest.skip(leg.sandbox)


def test_each_cell_is_judged_as_by_hand(leg):
    judged = {n.path: {c.number: c.status for c in n.cells} for n in leg.notebooks}
    if leg.sandbox != "bubblewrap":
        del judged["deeper/6-outside.ipynb"]
    assert judged == {path: TRUTH[path] for path in judged}


def test_each_notebook_has_its_answer_and_the_whole_the_worst(verification, leg):
    needs_bubblewrap(leg)
    assert {n.path: n.status for n in leg.notebooks} == ANSWERS
    assert verification.status == "different"
    assert verification.exit_status == 1


def test_the_first_cause_is_said(verification, leg):
    assert verification.cause == "2-use.ipynb, cell 2: 5.25 instead of 5.5 (relative 0.045)"
    causes = {n.path: n.cause for n in leg.notebooks}
    assert causes["3-errors.ipynb"] == "cell 3: raised KeyError: 'key'"
    assert "No module named 'nobody_has_this'" in causes["4-lacks.ipynb"]
    assert causes["5-after-errors.ipynb"] == "needs 3-errors.ipynb, which did not come to its end"
    assert causes["1-make.ipynb"] == ""


def test_claims_are_listed_whatever_came_out(verification):
    found = {(c.notebook, c.number): dict(c.statuses) for c in verification.claims}
    assert found == {
        ("1-make.ipynb", 2): {"here": "same"},
        ("2-use.ipynb", 2): {"here": "different"},
    }


def test_the_original_stays_as_it_was(verification, folder, before):
    assert checksums(folder) == before


def test_a_notebook_cannot_write_outside(leg, folder):
    needs_bubblewrap(leg)
    assert not (folder / "trace.txt").exists()


def test_it_can_be_read_back(verification):
    again = Verification.load(verification.path)
    assert again == verification
    assert again.document(pictures=True) == verification.document(pictures=True)
    assert json.loads(verification.json())["status"] == "different"


def test_all_its_files_are_named_and_there(verification):
    names = {file.name for file in verification.files}
    assert {"verdict.json", "verdict.txt", "notebook.ipynb"} <= names
    assert all(file.is_file() for file in verification.files)
    assert "answer" in (verification.path / "verdict.txt").read_text()


def test_files_made_on_the_way_are_in_the_copy(verification):
    assert (verification.path / "here" / "work" / "table.csv").read_text() == "1,2\n"


@pytest.mark.parametrize(
    ("given", "error", "said"),
    [
        ("nowhere", RunNotFound, "nowhere"),
        ("empty", RunNotFound, "No notebook in"),
        ("text.txt", NotebookError, "neither a notebook nor a publication: it is text, not JSON"),
        (
            "page.ipynb",
            NotebookError,
            r"page\.ipynb' is neither .*: it is an HTML page \('Sign in'",
        ),
    ],
)
def test_what_cannot_be_verified_is_refused(tmp_path, given, error, said):
    (tmp_path / "empty").mkdir()
    (tmp_path / "text.txt").write_text("hello")
    (tmp_path / "page.ipynb").write_text("<!-- 1 -->\n<html><title>Sign in</title></html>")
    with pytest.raises(error, match=said):
        verify(tmp_path / given, into=tmp_path / "verifications")
    assert not (tmp_path / "verifications").exists()


def test_a_choice_that_is_none_names_those_there_are(tmp_path):
    write(tmp_path, "a.ipynb", code("1", shown("1")))
    with pytest.raises(ParameterError, match="preserved, recreated"):
        verify(tmp_path, environment="oldest", into=tmp_path / "v")
    with pytest.raises(ParameterError, match="no folder"):
        verify(tmp_path, data=tmp_path / "none", into=tmp_path / "v")


SLOW = "import time\ntime.sleep(60)\n2"


def stopping_at(label, *, done=0):
    """A reporter that presses Ctrl-C at a step."""

    def stop(progress):
        if progress.label == label and progress.done >= done:
            raise KeyboardInterrupt

    return stop


def test_nothing_remains_when_it_is_stopped_before_anything_was_executed(tmp_path):
    write(tmp_path / "mine", "a.ipynb", code("1", shown("1")))
    stop = stopping_at("a.ipynb")
    with pytest.raises(KeyboardInterrupt):
        verify(tmp_path / "mine", environment="here", into=tmp_path / "v", reporter=stop)
    assert list((tmp_path / "v").iterdir()) == []


@pytest.mark.parametrize(("value", "answer"), [("1", "not verified"), ("2", "different")])
def test_what_was_verified_is_kept_when_it_is_stopped(tmp_path, value, answer):
    write(tmp_path / "mine", "a.ipynb", code(value, shown("1"), tags=["claim"]))
    write(tmp_path / "mine", "b.ipynb", code("1", shown("1")), "# Stop", code(SLOW, shown("2")))
    write(tmp_path / "mine", "c.ipynb", code("3", shown("3")))
    with pytest.raises(KeyboardInterrupt, match=r"verdict\.html") as stopped:
        verify(
            tmp_path / "mine",
            environment="here",
            into=tmp_path / "v",
            reporter=stopping_at("Stop"),
        )
    found = Verification.load(next((tmp_path / "v").iterdir()))
    assert found.document() == stopped.value.verification.document()
    assert (found.stopped, found.status, found.exit_status) == (True, answer, 1)
    statuses = [[cell.status for cell in notebook.cells] for notebook in found.legs[0].notebooks]
    assert statuses == [
        ["same" if value == "1" else "different"],
        ["same", "not reached"],
        ["not reached"],
    ]
    page = (found.path / "verdict.html").read_text()
    assert "This page is incomplete" in page
    assert ("It was stopped before its end." in page) == (answer == "not verified")


def test_a_leg_that_was_stopped_leaves_those_before_it(tmp_path, monkeypatch):
    write(tmp_path / "mine", "a.ipynb", code("1", shown("1")))
    monkeypatch.setattr(verify_file, "leg_names", lambda _: ("here", "here again"))
    monkeypatch.setattr(verify_file, "software_for", once(verify_file.software_for))
    with pytest.raises(KeyboardInterrupt) as stopped:
        verify(tmp_path / "mine", environment="here", into=tmp_path / "v")
    found = stopped.value.verification
    assert [(leg.name, leg.status) for leg in found.legs] == [
        ("here", "same"),
        ("here again", "not verified"),
    ]
    assert (found.status, found.pair) == ("not verified", "")


def once(make):
    """The same, which is stopped the second time."""
    names = []

    def software_for(name, *words, **options):
        names.append(name)
        if len(names) > 1:
            raise KeyboardInterrupt
        return make(name, *words, **options)

    return software_for


def test_another_language_is_a_verdict(tmp_path):
    kernel = {"name": "ir", "display_name": "R", "language": "R"}
    write(tmp_path, "r.ipynb", code("1 + 1", shown("[1] 2")), kernelspec=kernel)
    found = verify(tmp_path / "r.ipynb", environment="here", into=tmp_path / "v")
    assert (found.status, found.exit_status) == ("not verified", 1)
    assert "is a notebook in r" in found.cause


def test_a_notebook_cannot_change_those_after_it(tmp_path):
    """It puts links in place of one, and of the folder of another; both are had anew."""
    folder, outside = tmp_path / "hostile", tmp_path / "outside"
    outside.mkdir()
    (outside / "target.txt").write_text("mine")
    attack = (
        "import os, shutil\nname = '2-' + 'next' + '.ipynb'\nos.remove(name)\n"
        f"os.symlink({str(outside / 'target.txt')!r}, name)\n"
        f"shutil.rmtree('sub')\nos.symlink({str(outside)!r}, 'sub')\nprint('done')"
    )
    write(folder, "1-attack.ipynb", code(attack, printed("done\n")))
    write(folder, "2-next.ipynb", code("print('pure')", printed("pure\n")))
    write(folder, "sub/3-deep.ipynb", code("print('deep')", printed("deep\n")))
    (folder / "4-none.ipynb").write_text("no notebook")
    found = verify(folder, environment="here", into=tmp_path / "v")
    none = "is no Jupyter notebook: it is text, not JSON"
    causes = {n.path: (n.status, n.cause) for n in found.legs[0].notebooks}
    assert causes == {
        "1-attack.ipynb": ("same", ""),
        "2-next.ipynb": ("same", ""),
        "4-none.ipynb": ("not verified", f"4-none.ipynb {none}"),
        "sub/3-deep.ipynb": ("same", ""),
    }
    assert [path.name for path in outside.iterdir()] == ["target.txt"]
    assert (outside / "target.txt").read_text() == "mine"


def test_time_limit_is_a_verdict_and_the_sandbox_can_be_left_out(tmp_path):
    write(tmp_path, "slow.ipynb", code("import time; time.sleep(60)"), code("1", shown("1")))
    found = verify(
        tmp_path / "slow.ipynb", environment="here", into=tmp_path / "v", sandbox=False,
        time_limit=0.5,
    )  # fmt: skip
    (leg,) = found.legs
    assert [cell.status for cell in leg.notebooks[0].cells] == ["error", "not reached"]
    assert (found.status, "0.5 s" in found.cause) == ("not verified", True)
    assert "plain folder" in leg.sandbox
    assert "writing everywhere" in leg.sandbox


def test_what_a_notebook_does_elsewhere_is_told_without_a_sandbox(tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "elsewhere").mkdir()
    act = f"open('{tmp_path}/elsewhere/new', 'w').write('x'); open('own', 'w').write('x')"
    write(tmp_path / "folder", "acts.ipynb", code(act, shown("1")))
    found = verify(tmp_path / "folder", environment="here", into=tmp_path / "v", sandbox=False)
    told = f"it wrote outside of its folder: {tmp_path}/elsewhere/new"
    assert told in found.legs[0].notebooks[0].notes


def test_packages_of_ones_own_that_are_being_written_can_be_imported(tmp_path):
    read = "import beambook\nlen(beambook.__version__.split('.'))"
    write(tmp_path / "folder", "own.ipynb", code(read, shown("3")))
    found = verify(tmp_path / "folder", environment="here", into=tmp_path / "v")
    assert found.legs[0].notebooks[0].status == "same"
