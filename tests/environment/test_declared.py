"""Requirement files of all kinds, as people have left them; nothing in them is executed."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from beambook.environment import guess_requirements, read_declared
from beambook.environment._declared.conda import from_spec
from beambook.errors import EnvironmentProblem


@pytest.fixture
def folder(tmp_path):
    """Writes files; returns their folder."""

    def write(**files: str) -> Path:
        for name, text in files.items():
            path = tmp_path / name.replace("__", "/")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return tmp_path

    return lambda files: write(**files)


def notebook(*sources: str, python: str = "", executed: str = "") -> str:
    execution = {"execution": {"iopub.execute_input": executed}} if executed else {}
    cells = [
        {"cell_type": "code", "source": source.splitlines(keepends=True), "metadata": execution}
        for source in sources
    ]
    info = {"language_info": {"name": "python", "version": python}} if python else {}
    return json.dumps({"cells": cells, "metadata": info, "nbformat": 4, "nbformat_minor": 5})


def requirements(declared) -> list[str]:
    return sorted(declared.requirements)


def test_requirements_txt_as_people_write_it(folder):
    text = """\
# our paper
numpy == 1.19.5   # pinned
scipy>=1.5,\\
  <2
Pandas[hdf5] ; python_version < "3.12"
-r more/extra.txt
-c versions.txt
--index-url https://evil.example/simple
--pre
-e .
git+https://github.com/someone/thing.git@main#egg=thing
mine @ https://example.org/mine-1.0-py3-none-any.whl
certifi @ file:///croot/certifi_1671487769961/work/certifi
h5py==3.1.0 --hash=sha256:abc
==what
"""
    here = folder(
        {
            "requirements.txt": text,
            "more__extra.txt": "lmfit\n-r ../requirements.txt\n-r ../../elsewhere.txt\n-r gone.txt",
            "versions.txt": "uncertainties<3.2",
        }
    )
    declared = read_declared(here)
    assert set(declared.requirements) == {
        "numpy==1.19.5", "scipy<2,>=1.5", 'Pandas[hdf5]; python_version < "3.12"', "lmfit",
        "certifi", "h5py==3.1.0",
    }  # fmt: skip
    assert declared.constraints == ("uncertainties<3.2",)
    said = "\n".join(declared.unhonoured)
    for what in ("evil.example", "-e .", "thing.git", "mine @", "croot", "==what",
                 "outside of the folder", "no such file", "includes itself"):  # fmt: skip
        assert what in said
    assert set(declared.files) >= {"requirements.txt", "more/extra.txt", "versions.txt"}


def test_requirements_of_a_windows_shell(tmp_path):
    (tmp_path / "requirements.txt").write_bytes("numpy==1.19.5\r\n".encode("utf-16"))
    assert read_declared(tmp_path).requirements == ("numpy==1.19.5",)


def test_a_link_out_of_the_folder_is_not_followed(tmp_path):
    (tmp_path / "secret.txt").write_text("secret-package")
    paper = tmp_path / "paper"
    paper.mkdir()
    (paper / "requirements.txt").write_text("-r linked.txt\nnumpy")
    (paper / "linked.txt").symlink_to(tmp_path / "secret.txt")
    declared = read_declared(paper)
    assert declared.requirements == ("numpy",)
    assert "outside" in declared.unhonoured[0]


def test_conda_list_export_in_a_requirements_txt(folder):
    here = folder(
        {"requirements.txt": "# platform: linux-64\nnumpy=1.19.2=py38h54aff64_0\nmkl=2020.2=256\n"}
    )
    declared = read_declared(here)
    assert declared.requirements == ("numpy==1.19.2",)
    assert declared.unhonoured == ("mkl=2020.2=256: a package of conda only",)


ENVIRONMENT_YML = """\
name: paper
channels: [conda-forge, defaults]
dependencies:
  - python=3.8
  - conda-forge::pytables=3.6
  - numpy =1.19.*
  - scipy>=1.5,<2
  - "dask-core[version='>=2021.1']"
  - hdf5
  - r-base=4.0
  - gcc_linux-64
  - pip
  - pip:
    - lmfit==1.0.2
    - -r requirements.txt
"""


def test_environment_yml_by_the_names_of_pypi(folder):
    declared = read_declared(
        folder({"environment.yml": ENVIRONMENT_YML, "requirements.txt": "emcee", "setup.py": ""})
    )
    assert requirements(declared) == [
        "dask>=2021.1", "emcee", "lmfit==1.0.2", "numpy==1.19.*", "scipy>=1.5,<2", "tables==3.6.*",
    ]  # fmt: skip
    assert declared.python == "3.8"
    said = "\n".join(declared.unhonoured)
    assert all(name in said for name in ("hdf5", "r-base", "gcc_linux-64"))
    assert "setup.py: environment.yml counts" in said


@pytest.mark.parametrize(
    ("spec", "requirement"),
    [
        ("numpy", "numpy"),
        ("numpy=1.16", "numpy==1.16.*"),
        ("numpy==1.16.4", "numpy==1.16.4"),
        ("numpy=1.16.4=py37h7e9f1db_0", "numpy==1.16.4"),
        ("numpy 1.16*", "numpy==1.16.*"),
        ("numpy>=1.16,1.19.*", "numpy==1.19.*,>=1.16"),
        ("numpy >=1.16", "numpy>=1.16"),
        ("numpy!=1.17", "numpy!=1.17"),
        ("pytorch", "torch"),
        ("matplotlib-base=3.3", "matplotlib==3.3.*"),
        ("conda-forge/linux-64::msgpack-python", "msgpack"),
    ],
)
def test_condas_specifications(spec, requirement):
    (found,) = from_spec(spec).requirements
    assert Requirement(found) == Requirement(requirement)


@given(
    st.lists(st.integers(0, 99), min_size=1, max_size=3),
    st.lists(st.integers(0, 99), min_size=0, max_size=2),
)
def test_a_fuzzy_version_allows_what_conda_allows(asked, more):
    version = ".".join(map(str, asked))
    (requirement,) = from_spec(f"numpy={version}").requirements
    allowed = Requirement(requirement).specifier
    assert allowed.contains(".".join(map(str, [*asked, *more])))
    assert not allowed.contains(".".join(map(str, [asked[0] + 1, *asked[1:], *more])))


@given(st.text(max_size=30))
def test_no_text_breaks_the_reading_of_a_specification(text):
    found = from_spec(text)
    for each in found.requirements:
        Requirement(each)
    if found.python:
        SpecifierSet(found.python if found.python[0] in "<>=!~" else f"=={found.python}")


def test_binder_folder_is_all_that_counts(folder):
    declared = read_declared(
        folder(
            {
                "requirements.txt": "from-root",
                ".binder__requirements.txt": "numpy",
                ".binder__runtime.txt": "python-3.9",
                ".binder__apt.txt": "graphviz",
                ".binder__postBuild": "touch /tmp/executed",
                "Dockerfile": "FROM scratch",
            }
        )
    )
    assert declared.requirements == ("numpy",)
    assert declared.files == (".binder/requirements.txt",)
    assert declared.python == "3.9"
    assert [line.split(":")[0] for line in declared.unhonoured] == [
        ".binder/apt.txt", ".binder/postBuild"
    ]  # fmt: skip


def test_pyproject(folder):
    text = """\
[project]
name = "paper"
requires-python = ">=3.9,<3.13"
dependencies = ["numpy>=1.20", "xarray[io]"]
"""
    declared = read_declared(folder({"pyproject.toml": text}))
    assert declared.requirements == ("numpy>=1.20", "xarray[io]")
    assert declared.python == ">=3.9,<3.13"


def test_a_pyproject_of_a_linter_is_no_declaration(folder):
    text = "[tool.ruff]\nline-length = 100\n"
    declared = read_declared(
        folder({"pyproject.toml": text, "a.ipynb": notebook("import numpy"), "setup.cfg": "[x]\n"})
    )
    assert declared.guessed
    assert declared.requirements == ("numpy",)


def test_poetry_and_pipfile(folder):
    poetry = """\
[tool.poetry.dependencies]
python = "^3.8"
numpy = "^1.19"
scipy = "~1.5.2"
small = "^0.2.3"
h5py = {version = "3.1.0", extras = ["fast"]}
mine = {git = "https://example.org/mine"}
"""
    declared = read_declared(folder({"pyproject.toml": poetry}))
    assert requirements(declared) == [
        "h5py[fast]==3.1.0", "numpy<2,>=1.19", "scipy<1.6,>=1.5.2", "small<0.3,>=0.2.3",
    ]  # fmt: skip
    assert declared.python == ">=3.8,<4"
    assert declared.unhonoured == ("mine: not from a package index",)
    pipfile = '[packages]\nnumpy = "*"\n[requires]\npython_version = "3.8"\n'
    lock = {
        "_meta": {"requires": {"python_version": "3.8"}},
        "default": {"numpy": {"version": "==1.19.5"}, "mine": {"git": "x"}},
    }
    declared = read_declared(folder({"Pipfile": pipfile}))
    assert (declared.requirements, declared.python) == (("numpy",), "3.8")
    declared = read_declared(folder({"Pipfile.lock": json.dumps(lock)}))
    assert (declared.requirements, declared.python) == (("numpy==1.19.5",), "3.8")


def test_setup_py_is_read_and_not_executed(folder):
    text = """\
from setuptools import setup
import pathlib
pathlib.Path("EXECUTED").touch()
NEEDS = ["numpy>=1.15", "scipy"]
setup(name="paper", install_requires=NEEDS, python_requires=">=3.6")
"""
    here = folder({"setup.py": text})
    declared = read_declared(here)
    assert declared.requirements == ("numpy>=1.15", "scipy")
    assert declared.python == ">=3.6"
    assert not (here / "EXECUTED").exists()
    declared = read_declared(folder({"setup.py": "setup(install_requires=open('x').read())"}))
    assert declared.unhonoured == ("setup.py computes what it needs",)
    cfg = "[options]\ninstall_requires =\n  numpy\n  h5py>3\n"
    assert read_declared(folder({"setup.cfg": cfg})).requirements == ("numpy", "h5py>3")


UV_LOCK = """\
version = 1
requires-python = ">=3.11"
[[package]]
name = "paper"
version = "0.1"
source = { virtual = "." }
dependencies = [{ name = "numpy" }]
[[package]]
name = "numpy"
version = "2.1.0"
source = { registry = "https://pypi.org/simple" }
[[package]]
name = "colorama"
version = "0.4.6"
source = { registry = "https://pypi.org/simple" }
"""


def test_lock_files_of_uv_and_of_pep_751(folder):
    declared = read_declared(folder({"uv.lock": UV_LOCK}))
    assert declared.requirements == ("numpy",)
    assert declared.constraints == ("numpy==2.1.0", "colorama==0.4.6")
    pylock = """\
lock-version = "1.0"
requires-python = ">=3.11"
[[packages]]
name = "numpy"
version = "2.1.0"
[[packages]]
name = "pywin32"
version = "306"
marker = "sys_platform == 'win32'"
[[packages]]
name = "mine"
vcs = { type = "git", url = "https://example.org", commit-id = "0" }
"""
    declared = read_declared(folder({"pylock.toml": pylock}))
    assert declared.requirements == ("numpy==2.1.0", 'pywin32==306; sys_platform == "win32"')
    assert "mine: not from a package index" in declared.unhonoured
    assert "uv.lock: pylock.toml counts" in declared.unhonoured


def test_a_notebook_that_is_none_does_not_keep_others_from_being_guessed(folder):
    files = {"a.ipynb": "<!DOCTYPE html><title>Sign in</title>", "b.ipynb": notebook("import six")}
    declared = read_declared(folder(files))
    assert declared.requirements == ("six",)
    (said,) = declared.unhonoured
    assert said.startswith("a.ipynb: nothing is guessed from it")
    assert "it is an HTML page ('Sign in')" in said
    with pytest.raises(EnvironmentProblem, match=r"a\.ipynb is no notebook: it is an HTML page"):
        guess_requirements([folder(files) / "a.ipynb"])


def test_imports_of_notebooks_of_2013_are_guessed(folder):
    cell = {"cell_type": "code", "input": ["import cycler\n", "import numpy"], "outputs": []}
    old = {"worksheets": [{"cells": [cell]}], "nbformat": 3, "metadata": {}}
    declared = guess_requirements([folder({"a.ipynb": json.dumps(old)}) / "a.ipynb"])
    assert {"cycler", "numpy"} <= set(requirements(declared))


def test_guess_from_imports(folder):
    here = folder(
        {
            "a.ipynb": notebook(
                "%matplotlib inline\nimport numpy as np, os\nfrom sklearn.svm import SVC",
                "!pip install lmfit==1.0.2 -q\nimport lmfit\nimport helper, package.inside",
                "%%bash\nimport nothing",
                "import pandas as pd\nprint 'python 2'",
                "try:\n    import cv2\nexcept ImportError:\n    pass",
                "import pandas; pandas.read_hdf('x')",
                python="3.8.5",
                executed="2021-03-04T10:00:00.1Z",
            ),
            "helper.py": "",
            "package__inside.py": "",
        }
    )
    declared = guess_requirements([here / "a.ipynb"])
    assert requirements(declared) == [
        "lmfit==1.0.2", "numpy", "opencv-python-headless", "pandas", "scikit-learn", "tables",
    ]  # fmt: skip
    assert declared.guessed
    assert declared.python_hint == "3.8.5"
    assert declared.date == date(2021, 3, 4)
    assert "a guess from imports" in declared.card().text()
    assert read_declared(here).requirements == declared.requirements


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("environment.yml", "a: [", "no YAML"),
        ("uv.lock", "= 1", "no TOML"),
        ("Pipfile.lock", "{", "no JSON"),
        ("setup.cfg", "numpy", "cannot be read"),
    ],
)
def test_files_that_are_not_what_their_names_say(folder, name, text, said):
    with pytest.raises(EnvironmentProblem, match=said):
        read_declared(folder({name: text}))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("environment.yml", "[1, 2]"),
        ("environment.yml", "dependencies: {a: 1}"),
        ("environment.yml", "dependencies: [1, null, {pip: null}, {pip: [1, [2]]}]"),
        ("pyproject.toml", "project = 1"),
        ("pyproject.toml", "[project]\ndependencies = [1, {a = 2}]\nrequires-python = 3"),
        ("Pipfile", "packages = [1]\nrequires = 2"),
        ("setup.py", "setup(**{'install_requires': 1})\nsetup(install_requires=NOT)"),
        ("setup.py", "print 'two'"),
        ("runtime.txt", "r-4.0"),
        ("a.ipynb", '{"cells": [1, {"cell_type": "code", "source": null}], "metadata": 2}'),
    ],
)
def test_strange_content_of_what_people_write_is_no_traceback(folder, name, text):
    assert read_declared(folder({name: text})).requirements == ()


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("uv.lock", "package = 1", "package is a number, not a list"),
        ("uv.lock", "package = [1]", "package 1: it is no table with a name"),
        ("uv.lock", "[[package]]\nversion = '1'", "package 1: it is no table with a name"),
        (
            "uv.lock",
            "package = [{name = 'a'}, {name = 2}]",
            "package 2: name is a number, not a te",
        ),
        ("uv.lock", "[[package]]\nname = 'a'\nversion = 1.5", "version is a number, not a text"),
        ("uv.lock", "[[package]]\nname = 'a'\nsource = 'x'", "source is a text, not a table"),
        (
            "uv.lock",
            "[[package]]\nname = 'a'\nsource = {virtual = '.'}\ndependencies = 3",
            "dependencies is a number, not a list",
        ),
        ("pylock.toml", "requires-python = 3", "requires-python is a number, not a text"),
        ("pylock.toml", "packages = {a = 1}", "packages is a table, not a list"),
        ("poetry.lock", "[[package]]\nname = true", "name is a truth value, not a text"),
        ("Pipfile.lock", "[1]", "Pipfile.lock is a list, not a table"),
        ("Pipfile.lock", '{"_meta": 3}', "_meta is a number, not a table"),
        ("Pipfile.lock", '{"default": [1]}', "default is a list, not a table"),
        ("Pipfile.lock", '{"default": {"a": 1}}', "a is a number, not a table"),
        ("Pipfile.lock", '{"default": {"a": {"version": 1}}}', "version is a number, not a text"),
        (
            "Pipfile.lock",
            '{"default": {"a": {"version": "==1", "markers": []}}}',
            "markers is a li",
        ),
    ],
)
def test_a_damaged_lock_is_refused_in_a_line(folder, name, text, said):
    with pytest.raises(EnvironmentProblem, match=said) as refused:
        read_declared(folder({name: text}))
    assert name in str(refused.value)
    assert "\n" not in str(refused.value)


def test_no_folder_is_said(tmp_path):
    with pytest.raises(EnvironmentProblem, match="no folder"):
        read_declared(tmp_path / "gone")
