"""A folder's own requirement files decide in which software it is verified."""

import shutil
import subprocess
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output

from beambook.errors import EnvironmentProblem
from beambook.events import Silent
from beambook.publication import verify
from beambook.publication._verify.declared import declared_by, locked, locked_newest
from beambook.publication._verify.subject import unsealed


@pytest.fixture
def folder(tmp_path):
    """``folder("binder/requirements.txt", "six\\n")`` beside a notebook that imports idna."""

    def make(name=None, text="", *, notebook="a.ipynb"):
        root = tmp_path / "paper"
        if name is not None:
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text)
        path = root / notebook
        path.parent.mkdir(parents=True, exist_ok=True)
        shown = new_output("execute_result", {"text/plain": "1"}, execution_count=1)
        cell = new_code_cell("import idna\n1", outputs=[shown], execution_count=1)
        nbformat.write(new_notebook(cells=[cell]), path)
        return root

    return make


def test_files_are_taken_before_imports(folder):
    declared = declared_by(unsealed(folder("binder/requirements.txt", "six>=1.15\n")))
    assert declared.files == ("binder/requirements.txt",)
    assert declared.requirements == ("six>=1.15",)


def test_imports_are_a_guess_that_is_said(folder):
    declared = declared_by(unsealed(folder()))
    assert declared.guessed
    assert "idna" in declared.requirements


def test_a_notebook_deep_in_a_checkout_finds_the_files_above_it(folder):
    root = folder("requirements.txt", "six\n", notebook="figures/one/a.ipynb")
    (root.parent / "requirements.txt").write_text("beyond\n")
    (root / ".git").mkdir()
    subject = unsealed(root / "figures" / "one" / "a.ipynb")
    assert subject.root == root.resolve()
    assert [item.path for item in subject.items] == ["figures/one/a.ipynb"]
    assert declared_by(subject).requirements == ("six",)


def test_a_notebook_alone_does_not_take_the_files_above_it(folder):
    root = folder(notebook="one/a.ipynb")
    (root / "requirements.txt").write_text("beyond\n")
    assert declared_by(unsealed(root / "one" / "a.ipynb")).guessed


def versions(environment):
    return {package.name: package.version for package in environment.packages}


def test_two_legs_have_what_was_asked_for_and_the_newest(folder, tmp_path):
    subject = unsealed(folder("requirements.txt", "itsdangerous==2.0.1\n"))
    try:
        made, notes = locked(subject, tmp_path / "a", offline=False, reporter=Silent())
    except EnvironmentProblem as problem:
        pytest.skip(f"no package index: {problem}")
    latest, _ = locked_newest(subject, None, tmp_path / "b", offline=False, reporter=Silent())
    assert versions(made)["itsdangerous"] == "2.0.1"
    assert versions(latest)["itsdangerous"] > "2.0.1"
    assert "ipykernel" in versions(made)
    assert notes == ("nobody knows when the notebooks were executed: versions are today's",)


@pytest.mark.skipif(shutil.which("git") is None, reason="no git")
def test_a_checkout_tells_the_date_of_its_notebooks(folder, tmp_path):
    root = folder("requirements.txt", "itsdangerous\n")
    date = "2021-08-01T12:00:00+00:00"
    env = {"GIT_COMMITTER_DATE": date, "GIT_AUTHOR_DATE": date, "HOME": str(tmp_path),
           "PATH": str(Path(shutil.which("git")).parent)}  # fmt: skip
    for words in (["init", "-q"], ["add", "."], ["-c", "user.name=a", "-c", "user.email=a@b",
                  "commit", "-q", "-m", "x"]):  # fmt: skip
        subprocess.run(["git", "-C", root, *words], check=True, env=env)
    try:
        _, (note,) = locked(unsealed(root), tmp_path / "a", offline=False, reporter=Silent())
    except EnvironmentProblem as problem:
        pytest.skip(f"no package index: {problem}")
    assert "2021-08-01" in note


def test_software_that_nobody_has_is_the_verdict(folder, tmp_path):
    root = folder("requirements.txt", "numpy==0.0.99\nsix\n")
    found = verify(root, into=tmp_path / "v")
    assert (found.status, found.exit_status) == ("not verified", 1)
    assert found.cause.startswith("the software could not be had: ")
    assert "numpy" in found.cause
    assert [cell.status for cell in found.legs[0].notebooks[0].cells] == ["not reached"]


def test_a_file_that_is_none_is_the_verdict(folder, tmp_path):
    found = verify(folder("environment.yml", "dependencies: [:"), into=tmp_path / "v")
    assert found.status == "not verified"
    assert "environment.yml is no YAML" in found.cause
