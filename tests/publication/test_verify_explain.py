"""What the sentences say: the first cause, two legs together, classes of errors, data, traces."""

import os
import time
from pathlib import Path

import nbformat
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nbformat.v4 import new_code_cell, new_notebook, new_output

from beambook.publication import Verification
from beambook.publication._contents import DataFile, DataReference
from beambook.publication._verify.data import find_data
from beambook.publication._verify.explain import pair_of, why_no_software
from beambook.publication._verify.leg import (
    CellOutcome,
    Leg,
    NotebookVerdict,
    Software,
    worst_answer,
)
from beambook.publication._verify.outcome import judged
from beambook.publication._verify.subject import Item, Subject
from beambook.publication._verify.traces import changed_since
from beambook.recipe import Execution

ANSWERS = ("same", "within tolerance", "different", "not verified")


def leg(name, status, *, cell=2, ran=True, problem="", packages=(), what="1 instead of 2"):
    bad = "error" if status == "not verified" else status
    outcome = CellOutcome(cell, "Fit", bad, what)
    notebook = NotebookVerdict(
        "fit.ipynb", status, cells=(outcome,), execution=Path("/x/run") if ran else None
    )
    software = Software("index", "3.11.7", packages=dict(packages))
    return Leg(name, software, "bubblewrap", (notebook,), problem)


def verification(*legs, **facts):
    return Verification("n", "N", "folder", "/s", Path("/x"), "2026-11-23", legs=legs, **facts)


def test_the_first_cause_is_one_of_the_answer():
    """Not of the notebook before it, that only could not be verified."""
    books = (
        NotebookVerdict("a.ipynb", "not verified", "it has no stored outputs to compare with"),
        *leg("preserved", "different").notebooks,
    )
    found = Leg("preserved", Software("index", "3.11.7"), "bubblewrap", books)
    assert (found.status, found.cause) == ("different", "fit.ipynb, cell 2 (Fit): 1 instead of 2")


# --- two legs ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("first", "second", "said"),
    [
        ("same", "same", "neither the science nor the software"),
        ("same", "different", "the software has changed, not the science"),
        ("within tolerance", "not verified", "the software has changed, not the science"),
        ("different", "same", "not made with the preserved software"),
        ("different", "different", "it is the notebook, its data or the stored results"),
    ],
)
def test_two_legs_tell_the_software_from_the_science(first, second, said):
    assert said in pair_of((leg("preserved", first), leg("newest", second)))


def test_other_cells_in_the_two_legs_mean_both():
    legs = leg("preserved", "different", cell=2), leg("newest", "different", cell=9)
    assert "both the notebook" in pair_of(legs)


def test_the_packages_that_changed_most_are_named():
    old = {"numpy": "1.21.0", "aaa": "1.0", "bbb": "1.0", "ccc": "1", "scipy": "1.12.0"}
    new = {"numpy": "2.4.6", "aaa": "2.0", "bbb": "2.0", "ccc": "2", "scipy": "1.12.1"}
    legs = leg("preserved", "same", packages=old), leg("newest", "different", packages=new)
    said = pair_of(legs)
    assert "aaa 1.0 → 2.0, bbb 1.0 → 2.0, ccc 1 → 2 and 1 more" in said
    assert "scipy" not in said
    blamed = leg("newest", "different", packages=new, what="no attribute in 'numpy'")
    assert "(changed: numpy 1.21.0 → 2.4.6, aaa" in pair_of((legs[0], blamed))


def test_a_leg_that_could_not_begin_does_not_judge():
    first = leg("preserved", "not verified", ran=False, problem="the software could not be had: x")
    found = verification(first, leg("newest", "same"))
    assert (found.status, found.exit_status, found.cause) == ("same", 0, "")
    assert found.pair == (
        "Only the newest leg could be executed (preserved: the software could not be had: x)"
    )
    alone = verification(first)
    assert (alone.status, alone.exit_status) == ("not verified", 1)
    assert alone.cause == "the software could not be had: x"


def test_the_first_leg_judges_when_both_ran():
    found = verification(leg("preserved", "same"), leg("newest", "different"))
    assert (found.status, found.exit_status) == ("same", 0)


def test_one_leg_needs_no_explanation():
    assert pair_of((leg("preserved", "same"),)) == ""


@given(st.lists(st.sampled_from(ANSWERS)), st.lists(st.sampled_from(ANSWERS)))
def test_a_part_never_makes_the_whole_better(some, others):
    rank = {answer: number for number, answer in enumerate(("same", "within tolerance"))}
    whole, part = worst_answer([*some, *others]), worst_answer(some)
    if some:
        assert rank.get(whole, 2) >= rank.get(part, 2)
    assert worst_answer(reversed([*some, *others])) == whole


@pytest.mark.parametrize("answer", ANSWERS)
def test_only_what_came_out_ends_with_zero(answer):
    found = verification(leg("preserved", answer))
    assert found.exit_status == (0 if answer in ("same", "within tolerance") else 1)
    changed = verification(leg("preserved", answer), integrity=(("work/a", "was changed"),))
    assert (changed.status, changed.exit_status) == ("not verified", 2)
    assert changed.cause == "changed since it was sealed: work/a was changed"


@pytest.mark.parametrize(
    ("said", "short"),
    [
        ("Because a==1.2 has no usable wheels and", "a==1.2 has no wheel for this Python"),
        ("Because a-b was not found in the package registry and", "no index has a-b"),
        ("Because there is no version of a==9 and you", "there is no a==9"),
        ("Python 3.7 is needed and not here", "Python 3.7 is needed and not here"),
    ],
    ids=range(4),
)
def test_what_a_resolver_says_is_shortened(said, short):
    assert why_no_software(said) == short


# --- cells -------------------------------------------------------------------


def executed(folder, source, *outputs, ran="error"):
    """An execution of one cell as its folder would have it."""
    folder.mkdir()
    cell = new_code_cell(source, outputs=list(outputs), execution_count=1)
    nbformat.write(new_notebook(cells=[cell]), folder / "notebook.ipynb")
    cells = [{"index": 0, "heading": "", "status": ran, "seconds": 0.0}]
    error = {"name": "E", "value": "v", "cell": 0, "heading": ""} if ran == "error" else None
    return Execution(folder, {"cells": cells, "error": error, "seconds": 1.0, "status": "failed"})


def error(name, value, *trace):
    return new_output("error", ename=name, evalue=value, traceback=list(trace))


@pytest.mark.parametrize(
    ("raised", "status", "said"),
    [
        (error("ModuleNotFoundError", "No module named 'x'"), "missing software", "'x'"),
        (error("ImportError", "libGL.so.1: cannot open"), "missing software", "libGL"),
        (error("ImportError", "Missing optional dependency 'y'"), "missing software", "'y'"),
        (error("ImportError", "cannot import name 'z' from 'w'"), "error", "cannot import"),
        (error("FileNotFoundError", "[Errno 2] No such file or directory: 'dot'",
               "subprocess.py in Popen"), "missing software", "program 'dot'"),
        (error("FileNotFoundError", "[Errno 2] No such file or directory: 'd.csv'"),
         "error", "--data"),
        (error("URLError", "<urlopen error [Errno -3] Temporary failure>"), "error", "network"),
        (error("ConnectionError", "HTTPSConnectionPool(host='example.org'): " + "again " * 99),
         "error", "… (it needs the network, which a verification does not have)"),
        (error("OSError", "[Errno 30] Read-only file system: '/x'"), "error", "outside"),
        (error("KeyError", "'edge'"), "error", "raised KeyError: 'edge'"),
    ],
    ids=range(10),
)  # fmt: skip
def test_errors_are_told_apart(tmp_path, raised, status, said):
    cell = new_code_cell("f()", outputs=[new_output("stream", text="1\n")], execution_count=1)
    nbformat.write(new_notebook(cells=[cell]), tmp_path / "reference.ipynb")
    found = judged("a", executed(tmp_path / "run", "f()", raised), tmp_path / "reference.ipynb")
    assert [each.status for each in found.cells] == [status]
    assert said in found.cause
    assert found.status == ("not verified" if status == "missing software" else "different")


def test_an_error_that_was_published_is_compared(tmp_path):
    cell = new_code_cell("1/0", outputs=[error("ZeroDivisionError", "x")], execution_count=1)
    nbformat.write(new_notebook(cells=[cell]), tmp_path / "reference.ipynb")
    done = executed(tmp_path / "run", "1/0", error("ZeroDivisionError", "x"))
    assert judged("a", done, tmp_path / "reference.ipynb").cells[0].status == "same"


@pytest.mark.parametrize(
    ("source", "printed", "status", "said"),
    [
        ("!pip install a", "Collecting a", "not comparable", "installs software"),
        ("# need this\n%pip -q install a b\n!{sys.executable} -m pip install c", "ok",
         "not comparable", "installs software"),
        ("!pip install a\nprint(f())", "2", "different", "instead of"),
        ("!dot -V", "/usr/bin/sh: 1: dot: not found", "missing software", "'dot'"),
        ("%%bash\ndot -V", "bash: line 1: dot: command not found", "missing software", "'dot'"),
    ],
    ids=range(5),
)  # fmt: skip
def test_commands_are_told_from_results(tmp_path, source, printed, status, said):
    stored = new_output("stream", text="1 of the author's\n")
    cell = new_code_cell(source, outputs=[stored], execution_count=1)
    nbformat.write(new_notebook(cells=[cell]), tmp_path / "reference.ipynb")
    run = executed(tmp_path / "run", source, new_output("stream", text=printed), ran="done")
    (found,) = judged("a", run, tmp_path / "reference.ipynb").cells
    assert found.status == status
    assert said in found.what


def test_a_notebook_of_python_2_lacks_software(tmp_path):
    cell = new_code_cell("print 1", outputs=[new_output("stream", text="1")], execution_count=1)
    book = new_notebook(
        cells=[cell], metadata={"language_info": {"name": "python", "version": "2.7.12"}}
    )
    nbformat.write(book, tmp_path / "reference.ipynb")
    run = executed(tmp_path / "run", "print 1", error("SyntaxError", "Missing parentheses"))
    found = judged("a", run, tmp_path / "reference.ipynb")
    assert found.cells[0].status == "missing software"
    assert "Python 2" in found.cause


def test_what_was_never_executed_cannot_be_verified(tmp_path):
    nbformat.write(new_notebook(cells=[new_code_cell("1")]), tmp_path / "reference.ipynb")
    found = judged("a", executed(tmp_path / "run", "1", ran="done"), tmp_path / "reference.ipynb")
    assert (found.status, found.cause) == (
        "not verified", "it has no stored outputs to compare with",
    )  # fmt: skip


# --- data --------------------------------------------------------------------


def subject(root, *data, values=None):
    item = Item("a.ipynb", root / "a.ipynb", values=values or {})
    return Subject("publication", root, "s", "S", root, (item,), data=data)


def quiet(progress):
    """Take progress."""


def test_data_is_found_where_it_lies_deeper(tmp_path, monkeypatch):
    monkeypatch.delenv("BEAMBOOK_DATA", raising=False)
    file = tmp_path / "facility" / "SA1" / "202601" / "p000001" / "raw" / "r0009" / "f.h5"
    file.parent.mkdir(parents=True)
    file.write_bytes(b"12345")
    name = "SA1/202601/p000001/raw/r0009/f.h5"
    run = DataReference("r0009", "run", "p000001 r0009", files=(DataFile(name, 5),))
    values = {"folder": "data:r0009/SA1", "other": ["data:r0009", "plain"]}
    found = find_data(subject(tmp_path / "work", run), tmp_path, reporter=quiet)
    assert found.problem == ""
    assert found.env == {"BEAMBOOK_DATA": os.pathsep.join([f"{tmp_path}/facility", str(tmp_path)])}
    assert found.readable == (file.parent,)
    assert found.value(values, tmp_path) == {
        "folder": f"{tmp_path}/facility/SA1", "other": [f"{tmp_path}/facility", "plain"],
    }  # fmt: skip


def test_a_citation_is_no_missing_data(tmp_path):
    cited = DataReference("raw data", "doi", "10.22003/XFEL.EU-DATA-000000-00")
    found = find_data(subject(tmp_path, cited), None, reporter=quiet)
    assert found.problem == ""
    assert found.notes == ("data raw data is cited, and not read",)
    needed = find_data(subject(tmp_path, cited, values={"f": "data:raw data/x"}), None,
                       reporter=quiet)  # fmt: skip
    assert "download it and give its folder with --data" in needed.problem


def test_data_is_put_where_notebooks_look_for_it(tmp_path):
    (tmp_path / "given").mkdir()
    (tmp_path / "given" / "x.txt").write_text("x")
    reference = DataReference("given", "folder", "", "in/put", (DataFile("x.txt", 1),))
    found = find_data(subject(tmp_path / "root", reference), tmp_path, reporter=quiet)
    for link in (True, False):
        work = tmp_path / f"work-{link}"
        found.place(work, link=link)
        assert (work / "in" / "put" / "x.txt").read_text() == "x"
        assert (work / "in" / "put" / "x.txt").is_symlink() is link


# --- traces ------------------------------------------------------------------


def test_traces_name_what_was_written_and_removed(tmp_path):
    kept, ours = tmp_path / "kept", tmp_path / "ours"
    for folder in (kept / "deep", kept / "lost", ours):
        folder.mkdir(parents=True)
    (kept / "old.txt").write_text("old")
    (kept / "lost" / "gone.txt").write_text("old")
    time.sleep(0.05)
    began = time.time()
    assert changed_since(began, {tmp_path: 5}, [ours]) == ()
    (kept / "deep" / "new.txt").write_text("new")
    (kept / "lost" / "gone.txt").unlink()
    (ours / "mine.txt").write_text("mine")
    (note,) = changed_since(began, {tmp_path: 5}, [ours])
    assert f"{kept}/deep/new.txt" in note
    assert f"{kept}/lost/ (something was removed)" in note
    assert "mine.txt" not in note
    assert "old.txt" not in note
