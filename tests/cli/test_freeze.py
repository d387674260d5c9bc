"""Which Python is frozen, where it is written, and what is said of it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys

import nbformat
import pytest
from uv import find_uv_bin


@pytest.fixture(scope="module")
def bare(tmp_path_factory):
    """An environment with nothing in it: it is frozen without an index."""
    folder = tmp_path_factory.mktemp("bare") / "venv"
    subprocess.run([find_uv_bin(), "venv", "-q", "--python", sys.executable, folder], check=True)
    return folder


@pytest.fixture
def kernels(tmp_path, monkeypatch, bare):
    """Kernels of this user: one of the bare environment, one of bash, one whose Python is gone."""
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "jupyter"))
    for name, argv, language in (
        ("paper", [str(bare / "bin" / "python"), "-m", "ipykernel_launcher"], "python"),
        ("shell", ["bash", "-c", "true"], "bash"),
        ("wrapped", ["bash", "-c", "python"], "python"),
        ("gone", ["/nowhere/bin/python"], "python"),
    ):
        folder = tmp_path / "jupyter" / "kernels" / name
        folder.mkdir(parents=True)
        spec = {"argv": argv, "language": language, "display_name": name}
        (folder / "kernel.json").write_text(json.dumps(spec))


def notebook(path, kernel):
    path.parent.mkdir(parents=True, exist_ok=True)
    made = nbformat.v4.new_notebook()
    if kernel:
        made.metadata["kernelspec"] = {"name": kernel, "display_name": kernel}
    nbformat.write(made, path)
    return path


def python_of(folder):
    return json.loads((folder / "environment.json").read_text())


def test_a_notebook_freezes_the_python_of_its_kernel_beside_it(beambook, kernels, tmp_path):
    notebook(tmp_path / "work" / "paper.ipynb", "paper")
    answer = beambook("freeze", tmp_path / "work" / "paper.ipynb")
    assert answer.code == 0, answer.err
    assert "packages" in answer.out
    assert answer.out.splitlines()[-1] == "Wrote work/environment"
    said = python_of(tmp_path / "work" / "environment")
    assert said["packages"] == []
    assert "There is no ipykernel in it: notebooks cannot be executed with it" in said["notes"]


def test_json_is_what_the_file_says_and_where_it_is(beambook, bare, tmp_path):
    answer = beambook("freeze", "--python", bare / "bin" / "python", "--json")
    assert answer.json == python_of(tmp_path / "environment") | {
        "path": str(tmp_path / "environment")
    }


def test_a_folder_is_the_environment_in_it(beambook, bare, tmp_path):
    assert beambook("freeze", bare, "--into", "frozen").code == 0
    assert python_of(tmp_path / "frozen")["python"] == ".".join(map(str, sys.version_info[:3]))


def test_a_folder_of_notebooks_is_the_kernel_that_they_agree_on(beambook, kernels, tmp_path):
    notebook(tmp_path / "work" / "a.ipynb", "paper")
    notebook(tmp_path / "work" / "sub" / "b.ipynb", None)
    notebook(tmp_path / "work" / ".ipynb_checkpoints" / "c.ipynb", "shell")
    assert beambook("freeze", "work").code == 0
    assert (tmp_path / "work" / "environment" / "requirements.txt").is_file()
    notebook(tmp_path / "work" / "d.ipynb", "gone")
    answer = beambook("freeze", "work")
    assert answer.code == 2
    assert "2 kernels" in answer.err
    assert "--python" in answer.err


def test_a_proposals_software_lives_in_usr(beambook, bare, tmp_path):
    folder = tmp_path / "p900099"
    (folder / "raw").mkdir(parents=True)
    (folder / "usr").mkdir()
    os.symlink(bare, folder / "usr" / "venv")
    answer = beambook("freeze", folder)
    assert answer.code == 0, answer.err
    assert python_of(folder / "usr" / "environment")["packages"] == []


def test_what_is_frozen_gets_what_it_lacks(beambook, bare, tmp_path):
    assert beambook("freeze", bare, "--into", "frozen").code == 0
    assert not (tmp_path / "frozen" / "wheels").exists()
    answer = beambook("freeze", "frozen", "--wheels")
    assert answer.code == 0, answer.err
    assert (tmp_path / "frozen" / "wheels").is_dir()
    assert beambook("freeze", "frozen", "--into", "other").code == 2


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nothing-here"], "Nothing is called 'nothing-here'"),
        (["--python", "papre"], "paper"),
        (["--python", "shell"], "only Python"),
        (["--python", "wrapped"], "is no Python"),
        (["--python", "gone"], "is not there"),
        (["empty"], "neither a Python nor a notebook"),
        (["broken.ipynb"], "no notebook"),
        (["--before", "2021-06-30"], "--before goes with --declared"),
        (["empty", "--declared", "--python", "python3"], "--python without it"),
        (["--before", "yesterday", "--declared"], "yesterday"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_mistakes_are_one_line(beambook, kernels, tmp_path, words, said):
    (tmp_path / "empty").mkdir()
    (tmp_path / "broken.ipynb").write_text("{")
    answer = beambook("freeze", *words)
    assert answer.code == 2
    assert len(answer.err.splitlines()) == 1
    assert said in answer.err
    assert not (tmp_path / "environment").exists()


@pytest.mark.skipif(not shutil.which("mksquashfs"), reason="squashfs-tools are not installed")
def test_an_image_is_written_and_named(beambook, bare, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    answer = beambook("freeze", bare, "--into", "frozen", "--image")
    assert answer.code == 0, answer.err
    assert answer.out.splitlines()[-1] == "Wrote frozen, frozen/image.sqfs"
    assert (tmp_path / "frozen" / "image.sqfs").stat().st_size > 1_000_000


def test_show_says_what_is_frozen(beambook, bare):
    frozen = beambook("freeze", bare, "--into", "frozen")
    shown = beambook("show", "frozen")
    assert shown.code == 0, shown.err
    assert shown.out.splitlines()[0] == frozen.out.splitlines()[0] == "Environment frozen"


def test_a_kernel_needs_ipykernel(beambook, bare, kernels):
    assert beambook("freeze", bare, "--into", "frozen").code == 0
    answer = beambook("freeze", "frozen", "--kernel", "mine")
    assert answer.code == 1
    assert "ipykernel" in answer.err
    assert len(answer.err.splitlines()) == 1


def test_recipes_of_containers_are_written_beside_it(beambook, bare, tmp_path):
    assert beambook("freeze", bare, "--into", "frozen").code == 0
    assert {"Dockerfile", "apptainer.def"} <= {f.name for f in (tmp_path / "frozen").iterdir()}
