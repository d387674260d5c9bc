"""Which cell, which lines of it, in which notebooks."""

from __future__ import annotations

import copy
import json
import subprocess
import sys

import nbformat
import pytest

from beambook.errors import NotebookError, ParameterNotFound, RunNotFound
from beambook.parameters import Parameters

EVERYTHING = '''%matplotlib inline
%load_ext autoreload
!ls -l "unbalanced (
files = !ls *.h5
home = %env HOME
np.mean?
?help
pip install numpy
import numpy as np, datetime as dt
from pathlib import Path
if True:
    %time
    !echo indented
run = 487  # run number
seconds = 2 * 60
folder = Path("/data") / "raw"
nothing = None
pair = (1, 2)
names = {"a", "b"}
nested = [1, None, (2, 3)]
not_a_number = np.nan
endless = float("-inf")
day = dt.date(2026, 5, 1)
first = second = 5
left, right = 1, "r"
raw = r"\\d"
constant = f"abc"
text = """
%not a magic
!rm -rf /
"""
annotated: "list[int] | None" = None
bare: int
mapping = {1: {"a": [True]}}
huge = 10**6
result = folder / "x"
total = run + 1
more = np.linspace(0, 1)
z = 1 + 2j
data[0] = 5
run.x = 5
run += 0
for i in range(3):
    inner = 5
def function(run):
    local = 5
'''


def cell(source: object, *, tags: object = None, kind: str = "code") -> dict[str, object]:
    metadata = {} if tags is None else {"tags": tags}
    return {"cell_type": kind, "metadata": metadata, "source": source}


def of(*cells: dict[str, object], **metadata: object) -> Parameters:
    return Parameters.of({"cells": list(cells), "metadata": metadata, "nbformat": 4})


def test_all_kinds_of_constants_are_found_and_magics_are_passed_over(read):
    parameters = read(EVERYTHING)
    assert parameters.reason == ""
    found = {each.name: (str(each.type), each.default) for each in parameters}
    nan = found.pop("not_a_number")
    assert nan[0] == "float"
    assert nan[1] != nan[1]
    assert {name: kind for name, (kind, _) in found.items()} == {
        "run": "int",
        "seconds": "int",
        "folder": "Path",
        "nothing": "any",
        "pair": "tuple[int, ...]",
        "names": "set[str]",
        "nested": "list[any]",
        "endless": "float",
        "day": "date",
        "first": "int",
        "second": "int",
        "left": "int",
        "right": "str",
        "raw": "str",
        "constant": "str",
        "text": "str",
        "annotated": "list[int] | None",
        "bare": "int",
        "mapping": "dict[int, dict[str, list[bool]]]",
        "huge": "int",
    }
    assert found["seconds"][1] == 120
    assert str(found["folder"][1]) == "/data/raw"
    assert found["raw"][1] == "\\d"
    assert found["text"][1] == "\n%not a magic\n!rm -rf /\n"
    assert found["endless"][1] == float("-inf")


def test_names_that_are_computed_say_so(read):
    parameters = read(EVERYTHING)
    assert {"result", "total", "more", "z"} <= set(parameters.computed)
    line = EVERYTHING.splitlines().index("total = run + 1") + 1
    with pytest.raises(ParameterNotFound, match=f"Line {line} of the cell works it out"):
        parameters.parse(["total=5"])


def test_tagged_cell_in_any_case_wins_over_the_first():
    parameters = of(cell("a = 1"), cell("b = 2", tags=["x", "Parameters"]), cell("c = 3"))
    assert parameters.names == ("b",)


def test_first_code_cell_that_holds_something():
    markdown = cell("x = 1", tags=["parameters"], kind="markdown")
    assert of(markdown, cell("  \n"), cell("a = 1"), cell("b = 2")).names == ("a",)


def test_lines_may_come_as_a_list():
    assert of(cell(["a = 1\n", "b = 'ä'\n"])).defaults == {"a": 1, "b": "ä"}


def test_papermill_values_win_as_they_do_when_executed():
    injected = cell("a = 5\nother = 3", tags=["injected-parameters"])
    notebook = {"cells": [cell("a = 1  # [s]\nb = 2", tags=["parameters"]), injected]}
    parameters = Parameters.of(notebook)
    assert parameters.defaults == {"a": 5, "b": 2}
    assert parameters["a"].unit == "s"
    new = parameters.write(notebook, {"a": 7})
    assert new["cells"][0]["source"] == "a = 7  # [s]\nb = 2"
    assert new["cells"][1]["source"] == "a = 7\nother = 3"


@pytest.mark.parametrize(
    "metadata",
    [
        {"kernelspec": {"language": "R", "name": "ir"}},
        {"kernelspec": {"name": "julia-1.10"}},
        {"language_info": {"name": "bash"}},
        {"kernelspec": {"name": "bash"}},
    ],
)
def test_other_languages_have_none_and_say_so_only_when_values_are_given(metadata):
    parameters = of(cell("x = 5"), **metadata)
    assert len(parameters) == 0
    assert parameters.validate({}) == {}
    assert parameters.parse([]) == {}
    with pytest.raises(NotebookError, match="language"):
        parameters.validate({"x": 6})
    with pytest.raises(NotebookError, match="language"):
        parameters.parse(["x=6"])


@pytest.mark.parametrize("language", ["python", "Python", "ipython"])
def test_python_by_any_name(language):
    assert of(cell("x = 5"), kernelspec={"language": language, "name": "mine"}).names == ("x",)
    assert of(cell("x = 5"), kernelspec={"name": "xfel (current)"}).names == ("x",)


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("%%bash\nx=5", "%%bash"),
        ("x = 5\ny = = 3", "line 2"),
        ("x = 08", "line 1"),
        ("x = 5\n\0", "null"),
        ("x = '\ud800'", "surrogates"),
        ("x = (" * 300, "line"),
    ],
)
def test_cells_that_are_not_python(source, reason):
    parameters = of(cell(source))
    assert parameters.names == ()
    assert reason in parameters.reason
    with pytest.raises(NotebookError, match="has no parameters"):
        parameters.validate({"x": 1})


def test_time_magic_belongs_to_python():
    assert of(cell("%%time\nx = 5")).names == ("x",)
    assert of(cell("%%capture out\n%%time\nx = 5")).names == ("x",)


def test_no_cell_at_all():
    assert of().reason == "it has no code cell"
    with pytest.raises(NotebookError, match="no code cell"):
        of().validate({"x": 1})


def test_huge_expressions_do_not_hang():
    parameters = of(cell("a = 9**9**9\nb = [0] * 10**9\nc = 1 << 10**9\nd = 'x' * 10**10\ne = 5"))
    assert parameters.names == ("e",)


def test_results_that_no_parameter_can_have():
    parameters = of(
        cell(
            "import datetime as dt\n"
            "a = (-8) ** 0.5\nb = [dt.timedelta(1)]\nc = {1: [(-1) ** 0.5]}\nd = 1 / 0\n"
            "h = [*range(3)]; i = {**{}}; j = f'{a}'; k = Path(*['a']); l = Path(**{})\n"
            "m = np.linspace; n = float(dt.date(2026, 1, 1)); o = b'x'; p = ...\n"
            "e = dt.date(2026, 1, 1) + dt.timedelta(days=1)\nf = 'a' - 'b'\ng = dt.date(0, 0, 0)"
        )
    )
    assert parameters.names == ("e",)
    assert str(parameters["e"].default) == "2026-01-02"


def test_a_second_assignment_wins_and_an_annotation_stays():
    parameters = of(cell("run: float  # [s]\nrun = 5\nx = 1\nx = 'b'"))
    assert parameters.defaults == {"run": 5.0, "x": "b"}
    assert parameters["run"].unit == "s"


def test_names_are_read_as_python_reads_them():
    parameters = of(cell("µ = 5"))  # U+00B5, which Python makes U+03BC
    assert parameters.parse(["µ=6"]) == {"μ": 6}
    assert parameters.validate({"μ": 6}) == {"μ": 6}
    assert of(cell("in_folder = 'x'")).parse(["in-folder=y"]) == {"in_folder": "y"}


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'{"cells": 5}',
        b'{"cells": [5]}',
        b'{"cells": null}',
        b"\x89PNG\r\n",
        b"[" * 100_000,
        b'{"worksheets": 5, "nbformat": 3}',
    ],
)
def test_files_that_are_no_notebooks(tmp_path, content):
    path = tmp_path / "bad.ipynb"
    path.write_bytes(content)
    with pytest.raises(NotebookError) as caught:
        Parameters.of(path)
    assert "\n" not in str(caught.value)


def test_missing_file_and_folder(tmp_path):
    for path in (tmp_path / "none.ipynb", tmp_path):
        with pytest.raises(RunNotFound, match="No notebook"):
            Parameters.of(path)


@pytest.mark.parametrize(
    "broken",
    [
        {"metadata": None},
        {"metadata": {"kernelspec": None, "language_info": 5, "parameterise": [1]}},
        {"metadata": {"beambook": {"parameters": "x"}, "parameterise": {"x": None}}},
    ],
)
def test_odd_metadata_are_passed_over(broken):
    notebook = {"cells": [{"cell_type": "code", "metadata": None, "source": "x = 5"}], **broken}
    assert Parameters.of(notebook).defaults == {"x": 5}
    notebook["cells"][0]["metadata"] = {"tags": None}
    assert Parameters.of(notebook).defaults == {"x": 5}


def test_old_notebook_formats(tmp_path):
    old = nbformat.v3.new_notebook(
        worksheets=[
            nbformat.v3.new_worksheet(
                cells=[nbformat.v3.new_code_cell(input="x = 5  # [s]", language="python")]
            )
        ]
    )
    path = tmp_path / "old.ipynb"
    path.write_text(json.dumps(old))
    parameters = Parameters.of(path)
    assert parameters["x"].unit == "s"
    assert parameters.write(path, {"x": 6})["cells"][0]["source"] == "x = 6  # [s]"
    cell = old["worksheets"][0]["cells"][0]
    cell["input"] = ["y = 1\n", "x = 5  # [s]"]  # as IPython wrote it to disk
    cell["outputs"] = [{"output_type": "stream", "stream": "stdout", "text": ["hello\n"]}]
    path.write_text(json.dumps(old))
    assert Parameters.of(path).defaults == {"y": 1, "x": 5}


def test_node_path_and_dict_are_the_same(tmp_path, make_notebook):
    notebook = make_notebook("x = 5\ny = 'a'")
    path = tmp_path / "n.ipynb"
    path.write_text(json.dumps(notebook), encoding="utf-8-sig")
    node = nbformat.from_dict(copy.deepcopy(notebook))
    assert (
        Parameters.of(path).parameters
        == Parameters.of(str(path)).parameters
        == Parameters.of(node).parameters
        == Parameters.of(notebook).parameters
    )
    assert isinstance(Parameters.of(node).write(node, {"x": 6}), nbformat.NotebookNode)
    assert isinstance(Parameters.of(path).write(path, {"x": 6}), nbformat.NotebookNode)


def test_reading_imports_nothing_heavy(tmp_path, make_notebook):
    path = tmp_path / "n.ipynb"
    path.write_text(json.dumps(make_notebook(EVERYTHING)))
    code = (
        "import sys\n"
        "from beambook.parameters import Parameters\n"
        "parameters = Parameters.of(sys.argv[1])\n"
        "parameters.card().text(); parameters.schema(); parameters.parse(['run=5', 'bare=1'])\n"
        "heavy = {'nbformat', 'nbparameterise', 'numpy', 'click', 'jsonschema', 'IPython'}\n"
        "print(sorted(heavy & set(sys.modules)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
