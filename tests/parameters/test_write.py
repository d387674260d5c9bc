"""Values in the text of the cell; everything else untouched, nothing breaks out."""

from __future__ import annotations

import ast
import copy
import datetime
import json
import math
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from IPython.core.inputtransformer2 import TransformerManager

from beambook.errors import NotebookError, ParameterError, ParameterNotFound
from beambook.parameters import Parameters

ROUND = """\
%matplotlib inline
# ünïcödé above
run = 487     # the run [s], required
mode  =  "a"   ;  other=5  # two on a line
bins: list[int] = [  # energy bins [eV]
    1,   # first
    2,
]   # 0..99
a = b = c = 5  # shared
left, right = 1, ( 2 )   # pair
text = '''x
%time
''' # long
total = run * 2   # computed
!echo "done
"""


def notebook_of(cell: str) -> dict[str, Any]:
    return {
        "cells": [
            {"cell_type": "code", "metadata": {}, "source": cell},
            {"cell_type": "code", "metadata": {"x": [1]}, "source": "run = 1\n", "outputs": [{}]},
        ],
        "metadata": {"kernelspec": {"name": "python3"}, "other": None},
        "nbformat": 4,
        "nbformat_minor": 5,
    }


def written(cell: str, values: dict[str, Any]) -> str:
    notebook = notebook_of(cell)
    return str(Parameters.of(notebook).write(notebook, values)["cells"][0]["source"])


def executed(cell: str) -> dict[str, Any]:
    names: dict[str, Any] = {}
    exec(compile(cell, "cell", "exec"), names)
    names.pop("__builtins__")
    return names


def test_each_value_is_replaced_and_no_other_byte(rewritten):
    lines = ROUND.splitlines()

    def changed(**values: Any) -> dict[int, str]:
        new = rewritten(ROUND, run=487, **values).splitlines()
        if len(new) != len(lines):
            return {-1: "\n".join(new)}
        return {
            i: line for i, (line, old) in enumerate(zip(new, lines, strict=True)) if line != old
        }

    assert changed() == {}
    assert changed(bins=[1, 2], a=5, text="x\n%time\n", mode="a") == {}
    assert changed(mode="b") == {3: "mode  =  'b'   ;  other=5  # two on a line"}
    assert changed(other=6) == {3: 'mode  =  "a"   ;  other=6  # two on a line'}
    assert changed(b=6) == {8: "a = 5; b = 6; c = 5  # shared"}
    assert changed(a=6, b=6, c=6) == {8: "a = b = c = 6  # shared"}
    assert changed(right=3) == {9: "left, right = 1, ( 3 )   # pair"}
    assert changed(left=7, right=8) == {9: "left, right = 7, ( 8 )   # pair"}
    assert "text = 'y' # long" in changed(text="y")[-1]
    assert rewritten(ROUND, run=9).splitlines()[2] == "run = 9     # the run [s], required"


def test_comments_within_a_value_survive_its_change(read, rewritten):
    new = rewritten(ROUND, run=1, bins=[3])
    assert "bins: list[int] = (  # energy bins [eV]\n    # first\n    [3]\n)   # 0..99\n" in new
    again = read(new)
    assert again["bins"].default == [3]
    assert (again["bins"].unit, again["bins"].range) == ("eV", "0..99 eV")
    assert rewritten(new, run=1, bins=[4, 5]).count("# first") == 1
    cell = "x = ('a'  # one\n     'b')  # two\ny = Path(  # root\n  '/a')\nz = (2 *  # s\n 60)"
    new = rewritten(cell, x="c", y="/b", z=5)
    assert read(new).defaults == {"x": "c", "y": Path("/b"), "z": 5}
    assert [new.count(word) for word in ("# one", "# two", "# root", "# s")] == [1, 1, 1, 1]


def test_the_rest_of_the_notebook_is_untouched(tmp_path, make_notebook):
    notebook = make_notebook("x = 1  # é\n")
    notebook["cells"][0]["attachments"] = {"a.png": {"image/png": "abc"}}
    notebook["metadata"]["beambook"] = {"outputs": ["a.csv"]}
    before = copy.deepcopy(notebook)
    new = Parameters.of(notebook).write(notebook, {"x": 2})
    assert notebook == before
    assert new["cells"][1]["source"] == "x = 2  # é\n"
    new["cells"][1]["source"] = "x = 1  # é\n"
    assert new == before
    path = tmp_path / "n.ipynb"
    path.write_text(json.dumps(before))
    node = Parameters.of(path).write(path, {"x": 2})
    node["cells"][1]["source"] = "x = 1  # é\n"
    assert node == nbformat.from_dict(before)
    assert json.loads(path.read_text()) == before


def test_lines_stay_a_list(make_notebook):
    notebook = make_notebook("")
    notebook["cells"][1]["source"] = ["x = 1\n", "y = 2  # é"]
    new = Parameters.of(notebook).write(notebook, {"x": 3})
    assert new["cells"][1]["source"] == ["x = 3\n", "y = 2  # é"]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_line_ends(end):
    cell = end.join(["x = 1  # é", "y = [1,  # one", "     2]", "z = '''", "'''", "w = 5"])
    new = written(cell, {"x": 7, "w": 8, "y": [1, 2]})
    assert new == cell.replace("x = 1", "x = 7").replace("w = 5", "w = 8")


def test_form_feeds_and_odd_separators_do_not_shift_lines():
    cell = "a = '\x0c\x1c\u2028'\nb = 1\n"
    assert written(cell, {"b": 2}) == cell.replace("b = 1", "b = 2")


def test_no_parameters_no_change(make_notebook):
    notebook = make_notebook("print(1)")
    assert Parameters.of(notebook).write(notebook, {}) == notebook
    notebook["metadata"] = {"kernelspec": {"language": "julia"}}
    assert Parameters.of(notebook).write(notebook, {}) == notebook
    with pytest.raises(NotebookError, match="julia"):
        Parameters.of(notebook).write(notebook, {"x": 1})


def test_values_are_validated_first(make_notebook):
    notebook = make_notebook("x = 1  # required\ny = 2")
    with pytest.raises(ParameterError, match="x: a value is required"):
        Parameters.of(notebook).write(notebook, {"y": 5})
    with pytest.raises(ParameterNotFound):
        Parameters.of(notebook).write(notebook, {"x": 1, "z": 5})
    with pytest.raises(ParameterNotFound, match="'y'"):
        Parameters.of(notebook).write(make_notebook("x = 1"), {"x": 1, "y": 5})


@pytest.mark.parametrize(
    ("imports", "line", "value", "code"),
    [
        ("from pathlib import Path", "p: Path = '/a'", "/b", "Path('/b')"),
        ("import pathlib", "p = pathlib.Path('/a')", "/b", "pathlib.Path('/b')"),
        ("import pathlib as pl", "p = pl.Path('/a') / 'x'", "/b", "pl.Path('/b')"),
        ("from pathlib import *", "p = Path('/a')", "/b", "Path('/b')"),
        ("", "p: 'Path' = '/a'", "/b", "'/b'"),
        ("import datetime", "p = datetime.date(2026, 1, 1)", "2026-05-31", None),
        ("import datetime as dt", "p: 'dt.date' = '2026-01-01'", "2026-05-31", None),
        ("from datetime import date", "p = date(2026, 1, 1)", "2026-05-31", None),
        ("from datetime import *", "p = date(2026, 1, 1)", "2026-05-31", None),
        ("", "p: 'datetime.date' = '2026-01-01'", "2026-05-31", "'2026-05-31'"),
        ("from datetime import datetime", "p = datetime(2026, 1, 1)", "2026-05-31T10:00", None),
        ("import datetime as dt", "p = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)", "2026-05-31", None),
        ("Path = 'shadow'", "p: 'Path' = '/a'", "/b", "'/b'"),
    ],
)
def test_paths_and_dates_are_code_that_works_there(imports, line, value, code):
    new = written(f"{imports}\n{line}", {"p": value})
    if code:
        assert new.splitlines()[-1].endswith(f"= {code}")
    names = executed(new)
    assert str(names["p"]).startswith(value.replace("T", " "))
    parameter = Parameters.of(notebook_of(new))["p"]
    assert parameter.default == Parameters.of(notebook_of(f"{imports}\n{line}"))["p"].parse(value)


def test_imports_of_earlier_cells_count_and_later_ones_do_not():
    def cells(*sources: str) -> dict[str, Any]:
        made = [{"cell_type": "code", "metadata": {}, "source": each} for each in sources]
        made[1]["metadata"] = {"tags": ["parameters"]}
        return {"cells": made, "metadata": {}}

    early = cells("%time\nfrom pathlib import Path as P", "p: 'Path' = '/a'")
    late = cells("1", "p: 'Path' = '/a'", "from pathlib import Path")
    broken = cells("x = = 1; import pathlib", "p: 'Path' = '/a'")
    for notebook, code in ((early, "P('/b')"), (late, "'/b'"), (broken, "'/b'")):
        new = Parameters.of(notebook).write(notebook, {"p": "/b"})
        assert new["cells"][1]["source"] == f"p: 'Path' = {code}"


def test_numbers_that_repr_writes_badly(rewritten):
    cell = "a = 1.0\nb = [1.0]\nc = None"
    new = rewritten(cell, a=np.float64(2.0), b=np.array([np.nan, -np.inf]), c={"x": np.nan})
    names = executed(new)
    assert names["a"] == 2.0
    assert math.isnan(names["b"][0])
    assert names["b"][1] == -math.inf
    assert math.isnan(names["c"]["x"])
    assert "np." not in new


NASTY = [
    *("'", '"', "'''", '"""', "\\", "\\'", "\n", "\r\n", "\\\n", "#", "# required", "!", "a?"),
    *("\n!rm -rf /", "\n%%bash\nrm", "\n%time", "{x}", "${x}", "%s", "'\nx = 1\n'"),
    *("\0", "\ud800", "\u2028", "\x0c", "\x85", "é", "𝔘", "\u202e", "\ufeff", "\\N{BULLET}"),
    "'); import os; os.system('true') #",
]


@pytest.mark.parametrize("text", NASTY)
@pytest.mark.parametrize(
    "old", ["'a'", '"""a\nb"""', "None", "('a'  # c\n'b')", "['a']", "{'a': 'b'}"]
)
def test_no_text_breaks_out_of_its_quotes(text, old):
    cell = f"before = 1\nx = {old}  # help\nafter = 2\n"
    value: Any = {"[": [text], "{": {text: text}}.get(old[0], text)
    new = written(cell, {"x": value})
    assert executed(new) == {"before": 1, "x": value, "after": 2}
    assert new.endswith("  # help\nafter = 2\n")
    assert len(ast.parse(new).body) == 3
    json.dumps(new).encode()
    assert Parameters.of(notebook_of(new)).defaults == {"before": 1, "x": value, "after": 2}


@pytest.mark.parametrize("text", NASTY)
def test_ipython_sees_no_magic_in_a_text(text):
    new = written("x = 'a'\ny = ['a',\n     'b']\n", {"x": text, "y": [text, text, text]})
    assert TransformerManager().transform_cell(new) == new


def test_ipython_passes_over_what_we_pass_over():
    cell = (
        "%time\nx = 1\nfiles = !ls \\\n  -l\nx?\n?x\n!!ls\n"
        "z = '''\n%t\n!rm\n'''\nif x:\n    %time\n    y = 5\ns = %env HOME\nw = 2\n"
    )
    transformed = ast.parse(TransformerManager().transform_cell(cell))
    constants = [
        node.targets[0].id
        for node in transformed.body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
    ]
    assert Parameters.of(notebook_of(cell)).names == tuple(constants) == ("x", "z", "w")


# ------------------------------------------------------------------------- properties

TEXTS = st.text(st.characters(), max_size=20) | st.sampled_from(NASTY)
ALONE = {
    "bool": st.booleans(),
    "int": st.integers(),
    "float": st.floats(),
    "str": TEXTS,
    "Path": st.text(st.characters(exclude_characters="\0"), min_size=1).map(Path),
    "datetime.date": st.dates(),
    "datetime.datetime": st.datetimes(timezones=st.none() | st.just(datetime.UTC)),
    "Any": st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | TEXTS,
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.lists(inner, max_size=3).map(tuple)
            | st.dictionaries(TEXTS | st.integers(), inner, max_size=3)
        ),
        max_leaves=8,
    ),
}
HASHABLE = ("bool", "int", "str", "datetime.date")


def typed() -> st.SearchStrategy[tuple[str, st.SearchStrategy[Any]]]:
    alone = st.sampled_from(sorted(ALONE)).map(lambda name: (name, ALONE[name]))

    def wrap(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
        return (
            inner.map(lambda t: (f"list[{t[0]}]", st.lists(t[1], max_size=4)))
            | inner.map(lambda t: (f"tuple[{t[0]}, ...]", st.lists(t[1], max_size=4).map(tuple)))
            | inner.map(lambda t: (f"tuple[{t[0]}, int]", st.tuples(t[1], st.integers())))
            | inner.map(lambda t: (f"dict[str, {t[0]}]", st.dictionaries(TEXTS, t[1], max_size=3)))
            | inner.map(lambda t: (f"{t[0]} | None", t[1] | st.none()))
        )

    sets = st.sampled_from(HASHABLE).map(lambda n: (f"set[{n}]", st.sets(ALONE[n], max_size=4)))
    return st.recursive(alone, wrap, max_leaves=3) | sets


IMPORTS = st.sampled_from(
    ["", "import datetime\nfrom pathlib import Path\n", "import datetime as dt, pathlib\n%time\n"]
)
LAYOUT = st.sampled_from(
    ["x: '{0}' = {1}  # help [eV]", "x: '{0}'=( {1} )", "x: '{0}' = (  # é\n  {1}\n)", "x: '{0}'"]
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data(), kind=typed(), imports=IMPORTS, layout=LAYOUT)
def test_what_is_written_is_what_is_read(data, kind, imports, layout):
    name, values = kind
    cell = f"{imports}before = 'ö'\n{layout.format(name, None)}\nafter = 2\n"
    notebook = notebook_of(cell)
    parameters = Parameters.of(notebook)
    value = parameters.validate({"x": data.draw(values)})
    new = parameters.write(notebook, value)
    again = Parameters.of(new)
    assert repr(sort(again.defaults)) == repr(sort(value))
    assert new["cells"][1:] == notebook["cells"][1:]
    assert repr(sort(again.validate(value))) == repr(sort(value))
    assert again.write(new, value) == new
    document = json.loads(json.dumps(parameters.to_json(value), allow_nan=False))
    if "Any" not in name:  # whose JSON does not say what was a tuple or nan
        assert repr(sort(again.from_json(document))) == repr(sort(value))


def sort(value: Any) -> Any:
    """Sets in an order, so that repr compares: it tells 1 from 1.0 and nan equals nan."""
    if isinstance(value, set):
        return ["set", *sorted(map(repr, value))]
    if isinstance(value, dict):
        return {key: sort(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(sort(each) for each in value)
    return value


PIECES = st.sampled_from(
    [
        *(
            "x{} = 5",
            "x{} = 'é'  # help",
            "x{} = [1,\n  2]  # é",
            "%time",
            "!ls 'x",
            "",
            "# comment",
        ),
        *("x{} = y{} = None", "x{}, y{} = (1, 2), 'a'", "x{} = {{1: 'é'}};z{} = 1.5", "np.mean?"),
        *("def f{}():\n    x = 5\n    return x", "x{} = '''\n%time\n'''  # t", "x{}: int"),
        *("x{} = 1 +\\\n 2", "pip install x", "if True:\n    !ls", "x{} = -5", "x{} = f(5)"),
        *("x{} = r'\\d'", "x{} = 1e5#c", "\tbad indent", 'x{} = "\\""', "for i in range(3): pass"),
        "x{} = {{'a': [None, (1,)]}} # #",
    ]
)


@settings(max_examples=150, deadline=None)
@given(pieces=st.lists(PIECES, max_size=8), end=st.sampled_from(["\n", "\r\n"]), data=st.data())
@example(pieces=["x{} = 5", "%time"], end="\n", data=None)
def test_a_cell_of_anything_changes_only_where_it_must(pieces, end, data):
    lines = [
        piece.replace("{}", str(i)).replace("{{", "{").replace("}}", "}")
        for i, piece in enumerate(pieces)
    ]
    cell = end.join(line.replace("\n", end) for line in lines)
    notebook = notebook_of(cell if cell.strip() else "0")
    parameters = Parameters.of(notebook)
    if parameters.reason or not parameters.names:
        return
    given = {each.name: 1 for each in parameters if not each.has_default}
    assert parameters.write(notebook, {**parameters.defaults, **given}) == parameters.write(
        notebook, given
    )
    name = data.draw(st.sampled_from(parameters.names)) if data else parameters.names[0]
    new_value = {"int": 77, "float": 7.5, "str": "n'e\nw"}.get(parameters[name].type.kind)
    if new_value is None:
        return
    new = parameters.write(notebook, given | {name: new_value})["cells"][0]["source"]
    again = Parameters.of(notebook_of(new))
    assert again.defaults == parameters.defaults | given | {name: new_value}
    assert sorted(again.names) == sorted(parameters.names)
    assert {each.name: each.help for each in again} == {each.name: each.help for each in parameters}
    if parameters[name].has_default and not given:
        index = int("".join(filter(str.isdigit, name)))
        for i, line in enumerate(lines):
            assert i == index or line.replace("\n", end) in new
