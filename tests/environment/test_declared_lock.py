"""Requirements become exact versions, of an index of our own."""

from __future__ import annotations

import json
import os
import subprocess
import tarfile
import tempfile
import time
from dataclasses import replace
from datetime import date

import psutil
import pytest

from beambook.environment import (
    Declared,
    Environment,
    capture,
    newest,
    read_declared,
    recreate,
    sandbox,
)
from beambook.environment import _build as build
from beambook.environment._recreate.interpreters import installed, own_version
from beambook.errors import EnvironmentProblem

from .conftest import make_venv, project, serving

FILTER = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}  # Python 3.11.4


@pytest.fixture(scope="module", autouse=True)
def index(tmp_path_factory):
    with serving(tmp_path_factory.mktemp("served")) as index:
        index.add("ipykernel", "5.0")
        index.add("ipykernel", "6.0")
        index.add("matplotlib_inline", "0.1.7")
        for version in ("1.0", "1.5", "2.0"):
            index.add("alpha", version)
            index.add("beta", version, requires=["alpha"])
        index.add_source("old", "1.0")
        yield index


def pins(environment: Environment) -> list[str]:
    return [package.pin for package in environment.packages]


def test_versions_that_satisfy_what_is_declared(tmp_path):
    (tmp_path / "requirements.txt").write_text("beta<2\nalpha<2\n")
    frozen = read_declared(tmp_path).lock(tmp_path / "environment")
    assert pins(frozen) == ["alpha==1.5", "beta==1.5", "ipykernel==6.0"]
    assert frozen.notes == (
        "Requirements of requirements.txt",
        "ipykernel was added: it was not asked for",
    )
    again = Environment.load(tmp_path / "environment")
    assert again.digest == frozen.digest
    assert recreate(again, cache=tmp_path / "cache", compiled=False).how == "index"


def test_constraints_hold_for_what_comes_with_it(tmp_path):
    declared = Declared(requirements=("beta",), constraints=("alpha==1.0", "unused==9"))
    assert pins(declared.lock(tmp_path / "e")) == ["alpha==1.0", "beta==2.0", "ipykernel==6.0"]


def test_an_old_kernel_gets_what_figures_need(tmp_path):
    frozen = Declared(requirements=("ipykernel<6",)).lock(tmp_path / "e")
    assert pins(frozen) == ["ipykernel==5.0", "matplotlib-inline==0.1.7"]
    assert frozen.notes == ("matplotlib-inline was added: figures need it",)


def test_newest_forgets_versions(tmp_path):
    declared = Declared(requirements=("beta==1.0",), constraints=("alpha==1.0",))
    frozen = newest(replace(declared, python="3.6"), tmp_path / "e")
    assert pins(frozen) == ["alpha==2.0", "beta==2.0", "ipykernel==6.0"]
    assert frozen.python == own_version()
    then = Declared(requirements=("beta==1.0",), constraints=("alpha==1.0",)).lock(
        tmp_path / "then"
    )
    assert pins(then) == ["alpha==1.0", "beta==1.0", "ipykernel==6.0"]
    assert pins(newest(then, tmp_path / "now")) == pins(frozen)


def test_newest_keeps_what_no_index_has(index, tmp_path):
    made = make_venv(tmp_path / "venv")
    made.install("alpha==1.0", "ipykernel", project(tmp_path / "mine", "mine", "0.1"))
    then = capture(made.python, into=tmp_path / "then")
    now = newest(then, tmp_path / "now")
    assert pins(now) == ["alpha==2.0", "ipykernel==6.0", "mine==0.1"]
    assert now.package("mine").wheel
    assert not now.damaged()
    python = recreate(now, cache=tmp_path / "cache", compiled=False).python
    assert python.exists()


@pytest.fixture
def no_sandbox(monkeypatch):
    """A machine on which nothing keeps a build from the user's files."""
    monkeypatch.setattr(build, "sandbox", lambda work, **_: sandbox(work, plain=True))


def test_what_was_translated_or_guessed_may_be_left_out_and_is_said(no_sandbox, tmp_path):
    text = "dependencies: [alpha=9.9, nosuchthing, old]\n"
    (tmp_path / "environment.yml").write_text(text)
    frozen = read_declared(tmp_path).lock(tmp_path / "e")
    assert pins(frozen) == ["alpha==2.0", "ipykernel==6.0"]
    said = "\n".join(frozen.notes)
    assert "nosuchthing: no index has it" in said
    assert "old: no index has it ready" in said
    assert "alpha==9.9.*: no index has this version" in said


@pytest.mark.parametrize(
    ("requirement", "said"),
    [("nosuchthing", "nosuchthing"), ("alpha==9.9", "alpha"), ("old", "build=True")],
)
def test_what_was_asked_for_by_name_is_an_error(requirement, said, no_sandbox, tmp_path):
    with pytest.raises(EnvironmentProblem, match=said):
        Declared(requirements=(requirement,)).lock(tmp_path / "e")
    assert not (tmp_path / "e").exists()


def test_a_source_is_built_once_in_a_sandbox_and_carried_along(tmp_path):
    if not sandbox(tmp_path).confines:
        pytest.skip("no sandbox on this machine")
    frozen = Declared(requirements=("old",)).lock(tmp_path / "e")
    assert pins(frozen) == ["ipykernel==6.0", "old==1.0"]
    assert any("old==1.0 was built from its source (" in note for note in frozen.notes)
    assert frozen.package("old").wheel
    assert not Environment.load(tmp_path / "e").damaged()
    made = recreate(frozen, cache=tmp_path / "cache", compiled=False)
    assert made.notes == ()
    done = subprocess.run(
        [made.python, "-c", "import old; print(old.version)"], capture_output=True, check=True
    )
    assert done.stdout == b"1.0\n"


def test_the_code_of_a_source_can_change_nothing_here(index, tmp_path):
    if not sandbox(tmp_path).confines:
        pytest.skip("no sandbox on this machine")
    evil = tmp_path / "written"
    index.add_source("evil", "1.0")
    source = next(index.folder("evil").glob("*.tar.gz"))
    with tarfile.open(source) as archive:
        archive.extractall(tmp_path, **FILTER)
    backend = tmp_path / "evil-1.0" / "backend.py"
    backend.write_text(
        backend.read_text()
        + f"\ntry: open({str(evil)!r}, 'w').write('x')\nexcept OSError: pass\n"
        + f"\nimport os\nassert not os.path.exists({str(tmp_path / 'e')!r})\n"
    )
    with tarfile.open(source, "w:gz") as archive:
        archive.add(tmp_path / "evil-1.0", "evil-1.0")
    index.list("evil")
    frozen = Declared(requirements=("evil",)).lock(tmp_path / "e")
    assert "evil==1.0" in pins(frozen)
    assert not evil.exists()


def test_without_a_sandbox_sources_are_built_only_when_asked(no_sandbox, tmp_path):
    frozen = Declared(requirements=("old",)).lock(tmp_path / "e", build=True)
    assert any("old==1.0 was built from its source (folder)" in note for note in frozen.notes)
    assert frozen.package("old").origin == "wheel"


@pytest.fixture(scope="module")
def slow(index):
    """A package that takes ten minutes to build, in processes of its own; how to find these."""
    sign = f"600.{os.getpid()}"
    also = f"\nimport subprocess\nsubprocess.run(['sleep', {sign!r}])\n"
    index.add_source("slow", "1.0", also=also)

    def running():
        found = psutil.process_iter(["cmdline"])
        return [p.pid for p in found if sign in (p.info["cmdline"] or ())]

    return running


def test_a_build_is_heard_of_and_can_be_stopped(slow, tmp_path, monkeypatch):
    if not sandbox(tmp_path).confines:
        pytest.skip("no sandbox on this machine")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    heard = []

    def stop(progress):
        if progress.task == "sources" and slow():
            heard.append(progress)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Declared(requirements=("slow",)).lock(tmp_path / "e", reporter=stop)
    assert heard[0].seconds > 0
    assert "for at most 600 s" in heard[0].label
    assert gone(slow)
    assert list(tmp_path.iterdir()) == []


def test_a_build_that_takes_too_long_is_ended_with_all_that_it_started(
    no_sandbox, slow, tmp_path, monkeypatch
):
    monkeypatch.setattr(build, "PATIENCE_S", 3.0)
    seen = []
    with pytest.raises(EnvironmentProblem, match="within 3 s"):
        Declared(requirements=("slow",)).lock(
            tmp_path / "e", build=True, reporter=lambda _: seen.extend(slow())
        )
    assert seen
    assert gone(slow)


def gone(slow):
    """Whether no process is left; to be ended takes one a moment."""
    for _ in range(100):
        if not slow():
            return True
        time.sleep(0.05)
    return False


def test_the_python_of_the_outputs_is_taken_where_the_declaration_leaves_it_open(tmp_path):
    others = [each for each in installed() if each.minor >= "3.7" and each.version != own_version()]
    if not others:
        pytest.skip("no other Python on this machine")
    other = others[0]
    content = {"language_info": {"name": "python", "version": other.version}}
    notebook = {"cells": [], "metadata": content, "nbformat": 4, "nbformat_minor": 5}
    (tmp_path / "a.ipynb").write_text(json.dumps(notebook))
    (tmp_path / "requirements.txt").write_text("alpha")
    frozen = read_declared(tmp_path).lock(tmp_path / "e")
    assert frozen.python == other.version
    assert f"Python {other.version}, as the outputs tell" in frozen.notes


def test_a_python_that_is_not_here_is_an_error_or_the_closest(tmp_path):
    declared = Declared(requirements=("alpha",), python="3.99")
    with pytest.raises(EnvironmentProblem, match=r"Python 3\.99 is needed"):
        declared.lock(tmp_path / "e")
    assert "alpha==2.0" in pins(declared.lock(tmp_path / "e", closest=True))


def test_versions_of_a_day(tmp_path, monkeypatch):
    """Of the index of this machine, as ours does not tell when a file was published."""
    for name in ("UV_DEFAULT_INDEX", "UV_CACHE_DIR"):
        monkeypatch.delenv(name, raising=False)
    declared = Declared(requirements=("six",))
    try:
        frozen = declared.lock(tmp_path / "e", before=date(2020, 1, 1))
    except EnvironmentProblem as problem:
        pytest.skip(f"no index here that tells dates: {str(problem)[:100]}")
    assert frozen.package("six").version == "1.13.0"
    assert frozen.package("ipykernel").version.split(".")[0] > "5"
