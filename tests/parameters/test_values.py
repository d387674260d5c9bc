"""Values given as text and as Python objects: what is taken, what is refused and how."""

from __future__ import annotations

import datetime
import enum
import math
from collections import OrderedDict
from pathlib import Path, PurePosixPath

import numpy as np
import pandas as pd
import pytest

from beambook.errors import ParameterError, ParameterNotFound

DATE = datetime.date(2026, 5, 31)
WHEN = datetime.datetime(2026, 5, 31, 14, 0)  # noqa: DTZ001 a cell's own time has no zone
UTC = datetime.datetime(2026, 5, 31, 14, 0, tzinfo=datetime.UTC)


@pytest.mark.parametrize(
    ("declared", "text", "value"),
    [
        ("x = 1", "9", 9),
        ("x = 1", " -9 ", -9),
        ("x = 1", "1e3", 1000),
        ("x = 1", "1.0", 1),
        ("x = 1", "1e23", 10**23),
        ("x = 1", "1_000", 1000),
        ("x = 1", "0xff", 255),
        ("x = 1", "007", 7),
        ("x = 1.0", "9", 9.0),
        ("x = 1.0", "1e-3", 1e-3),
        ("x = 1.0", "-inf", -math.inf),
        ("x = True", "false", False),
        ("x = True", "NO", False),
        ("x = False", "1", True),
        ("x = False", "Yes", True),
        ("x = 'a'", "007", "007"),
        ("x = 'a'", " a b ", " a b "),
        ("x = 'a'", "", ""),
        ("x = 'a'", "none", "none"),
        ("x = 'a'", "'quoted'", "quoted"),
        ("x = 'a'", '"it\'s"', "it's"),
        ("x = 'a'", "it's", "it's"),
        ("x = 'a'", "'unclosed", "'unclosed"),
        ("x = 'a'", "a=b", "a=b"),
        ("x = 'a'", "true", "true"),
        ("x: Path = 'a'", "~/data", Path("~/data")),
        ("x: Path = 'a'", "'/a b'", Path("/a b")),
        ("x: str | None = None", "none", None),
        ("x: str | None = None", "Null", None),
        ("x: str | None = None", "'none'", "none"),
        ("x: int | None = 5", "none", None),
        ("x: int | None = 5", "6", 6),
        ("x: int | str = 5", "6", 6),
        ("x: int | str = 5", "all", "all"),
        ("x: float | list[float] = 5", "1,2", [1.0, 2.0]),
        ("x: Literal['a', 'b', None] = 'a'", "b", "b"),
        ("x: Literal['a', 'b', None] = 'a'", "none", None),
        ("x: Literal[1, 2, True] = 1", "2", 2),
        ("x: datetime.date = '2026-01-01'", "2026-05-31", DATE),
        ("x: datetime.date = '2026-01-01'", "'2026-05-31'", DATE),
        ("x: datetime.datetime = '2026-01-01'", "2026-05-31T14:00:00", WHEN),
        ("x: datetime.datetime = '2026-01-01'", "2026-05-31 14:00Z", UTC),
        ("x = [1]", "0-5,8", [0, 1, 2, 3, 4, 5, 8]),
        ("x = [1]", "[0-2, 8,]", [0, 1, 2, 8]),
        ("x = [1]", "1..3", [1, 2, 3]),
        ("x = [1]", "-1", [-1]),
        ("x = [1]", "-5--2,-1-1", [-5, -4, -3, -2, -1, 0, 1]),
        ("x = [1]", "(1, 2)", [1, 2]),
        ("x = [1]", "", []),
        ("x = [1]", "[]", []),
        ("x = [1]", "5-5", [5]),
        ("x = (1, 2)", "3-5", (3, 4, 5)),
        ("x = {1, 2}", "3-5", {3, 4, 5}),
        ("x = {1, 2}", "{3, 4}", {3, 4}),
        ("x = {1, 2}", "set()", set()),
        ("x = [1.5]", "1,2e3", [1.0, 2000.0]),
        ("x = ['a']", "a, 'b, c', it's", ["a", "b, c", "it's"]),
        ("x = ['a']", '["a", "[b]"]', ["a", "[b]"]),
        ("x = ['a']", "r'x'", ["r'x'"]),
        ("x = ['a']", r"'a\\','b'", ["a\\", "b"]),
        ("x = [True]", "yes,no", [True, False]),
        ("x: list[Path] = []", "/a,'/b c'", [Path("/a"), Path("/b c")]),
        ("x: list[int | None] = []", "1-3,none", [1, 2, 3, None]),
        ("x = [[1, 2], [3]]", "[1-3],[4]", [[1, 2, 3], [4]]),
        ("x = [[1, 2], [3]]", "[[1, 2], [4]]", [[1, 2], [4]]),
        ("x: tuple[int, str] = (1, 'a')", "5,b", (5, "b")),
        ("x: tuple[int, str] = (1, 'a')", "(5, 'b,')", (5, "b,")),
        ("x = {'a': 1}", "a=5,b=6", {"a": 5, "b": 6}),
        ("x = {'a': 1}", '{"a": 5, "b:c": 6}', {"a": 5, "b:c": 6}),
        ("x = {'a': 1}", "{}", {}),
        ("x = {1: [2]}", "{1: [3, 4], 2: []}", {1: [3, 4], 2: []}),
        ("x: dict[str, Any] = {}", '{"a": null, "b": [true, "x"]}', {"a": None, "b": [True, "x"]}),
        ("x = None", "none", None),
        ("x = None", "5", 5),
        ("x = None", "5e0", 5.0),
        ("x = None", "007", "007"),
        ("x = None", "True", True),
        ("x = None", "abc", "abc"),
        ("x = None", "'5'", "5"),
        ("x = None", "[1, 'a', [2, none]]", [1, "a", [2, None]]),
        ("x = None", "(1,)", (1,)),
        ("x = None", "{'a': {1, 2}}", {"a": {1, 2}}),
        ("x = None", "__import__('os').system('x')", "__import__('os').system('x')"),
        ("x = -1  # 7000..9000", "-1", -1),
        ("x = [-1]  # 0..15", "-1", [-1]),
        ("x = ''  # one of: a, b", "", ""),
    ],
)
def test_text(read, declared, text, value):
    found = read(declared).parse([f"x={text}"])["x"]
    assert (found, type(found)) == (value, type(value))


def refused(read, declared, given):
    parameters = read(declared)
    with pytest.raises(ParameterError) as caught:
        parameters.parse([f"x={given}"]) if isinstance(given, str) else parameters.validate(given)
    line = str(caught.value)
    assert "\n" not in line
    return line


@pytest.mark.parametrize(
    ("declared", "text", "line"),
    [
        ("x = 1", "abc", "x: 'abc' is not an integer"),
        ("x = 1", "1.5", "x: '1.5' is not an integer"),
        ("x = 1", "1e-1", "x: '1e-1' is not an integer"),
        ("x = 1", "1e999999999", "x: '1e999999999' is not an integer"),
        ("x = 1", "nan", "x: 'nan' is not an integer"),
        ("x = 1", "", "x: '' is not an integer"),
        ("x = 1", "none", "x: 'none' is not an integer"),
        ("x = 1", "true", "x: 'true' is not an integer"),
        ("x = 1.0", "8,3", "x: '8,3' is not a number"),
        ("x = 1.0", "1e999", "x: '1e999' is too large a number"),
        ("x = 1.0", "2*3", "x: '2*3' is not a number"),
        ("x = True", "maybe", "x: 'maybe' is not true or false"),
        ("x = True", "2", "x: '2' is not true or false"),
        ("x: Path = 'a'", "", "x: is empty; the folder you are in is '.'"),
        ("x: Path = 'a'", "a\0b", "x: 'a\\x00b' has a null byte"),
        ("x = [1]", "0-", "x: '0-' is a range with an open end; write both, e.g. 0-5"),
        ("x = [1]", "..5", "x: '..5' is a range with an open end; write both, e.g. 0-5"),
        ("x = [1]", "1,-", "x: '-' is a range with an open end; write both, e.g. 0-5"),
        ("x = [1]", "5-1", "x: '5-1' ends before it begins"),
        ("x = [1]", "0-99999999999", "x: '0-99999999999' is a range of over 1,000,000 values"),
        ("x = [1]", ",".join(["0-900000"] * 2), "x: is a list of over 1,000,000 values"),
        ("x = [1]", "1,,2", "x: '1,,2' has nothing between two commas"),
        ("x = [1]", "1-2-3", "x: '1-2-3' is not an integer"),
        ("x = [1]", "a-b", "x: 'a-b' is not an integer"),
        ("x = [1.5]", "1-3", "x: '1-3' is not a number"),
        ("x: tuple[int, int] = (1, 2)", "1", "x: '1' has 1 values, not 2"),
        ("x = {'a': 1}", "5", "x: '5' is not key: value"),
        (
            "x: Literal['transmission', 'tey'] = 'tey'",
            "transmision",
            "did you mean 'transmission'?",
        ),
        ("x: int | None = None", "abc", "x: 'abc' is not an integer"),
        ("x: datetime.date = '2026-01-01'", "31.5.2026", "x: '31.5.2026' is not a date, e.g."),
        ("x: datetime.date = '2026-01-01'", "2026-02-30", "x: '2026-02-30' is not a date, e.g."),
        ("x: datetime.datetime = '2026-01-01'", "noon", "x: 'noon' is not a date and time"),
        ("x = 8000.0  # [eV], 7000..9000", "9500", "x: 9500.0 is above 9000 eV (7000..9000 eV)"),
        ("x = 8000.0  # 7000..9000", "6999.9", "x: 6999.9 is below 7000 (7000..9000)"),
        ("x = 8000.0  # 7000..", "nan", "x: nan is not within 7000.."),
        ("x = [1]  # 0..15", "0-20", "x: 16 is above 15 (0..15)"),
        ("x = {'a': 1}  # 0..15", "a=16", "x: 16 is above 15 (0..15)"),
        ("x = 2  # one of: 0, 1, 2", "3", "x: '3' is not one of 0, 1, 2"),
    ],
)
def test_text_that_is_refused(read, declared, text, line):
    assert line in refused(read, declared, text)


class Colour(enum.Enum):
    RED = "red"


class Level(enum.IntEnum):
    LOW = 1


class Name(str):
    __slots__ = ()

    def __repr__(self):
        return "__import__('os').system('true')"


class Number(float):
    __slots__ = ()

    def __repr__(self):
        return "boom"


@pytest.mark.parametrize(
    ("declared", "given", "value"),
    [
        ("x = 1", np.int64(5), 5),
        ("x = 1", 5.0, 5),
        ("x = 1", np.float64(5.0), 5),
        ("x = 1", Level.LOW, 1),
        ("x = 1", np.array(5), 5),
        ("x = 1.0", 5, 5.0),
        ("x = 1.0", np.float32(0.5), 0.5),
        ("x = 1.0", Number(2.5), 2.5),
        ("x = 1.0", "inf", math.inf),
        ("x = True", np.bool_(False), False),
        ("x = 'a'", Path("/a"), "/a"),
        ("x = 'a'", np.str_("b"), "b"),
        ("x = 'a'", Colour.RED, "red"),
        ("x = 'a'", Name("b"), "b"),
        ("x: Path = 'a'", "/b", Path("/b")),
        ("x: Path = 'a'", PurePosixPath("/b"), Path("/b")),
        ("x = [1.5]", np.array([1, 2]), [1.0, 2.0]),
        ("x = [1]", (1, 2), [1, 2]),
        ("x = [1]", range(3), [0, 1, 2]),
        ("x = [1]", pd.Series([1, 2]), [1, 2]),
        ("x = [[1]]", np.eye(2, dtype=int), [[1, 0], [0, 1]]),
        ("x = (1, 2)", [3], (3,)),
        ("x = {1}", [3, 3], {3}),
        ("x = {1}", frozenset({4}), {4}),
        ("x = {'a': 1.0}", OrderedDict(b=np.int8(2)), {"b": 2.0}),
        ("x = {1: 'a'}", {"2": "b"}, {2: "b"}),
        ("x: datetime.date = '2026-01-01'", WHEN.replace(hour=0), DATE),
        ("x: datetime.date = '2026-01-01'", pd.Timestamp("2026-05-31"), DATE),
        ("x: datetime.date = '2026-01-01'", np.datetime64("2026-05-31"), DATE),
        ("x: datetime.datetime = '2026-01-01'", np.datetime64("2026-05-31T14:00:00.0", "ns"), WHEN),
        ("x: datetime.datetime = '2026-01-01'", pd.Timestamp(UTC), UTC),
        ("x = None", [Path("/a"), {"b": np.float64(1)}], ["/a", {"b": 1.0}]),
        ("x = None", DATE, "2026-05-31"),
        ("x: int | str = 1", "5", "5"),
        ("x: float | str = 1.0", "nan", "nan"),
        ("x: int | float = 1", 2.0, 2.0),
        ("x: Literal[1, 2] = 1", 2.0, 2),
        ("x = -1  # 7000..9000", -1, -1),
        ("x: int = 'wrong'", "wrong", "wrong"),
    ],
)
def test_objects_are_made_plain(read, declared, given, value):
    found = read(declared).validate({"x": given})["x"]
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(
    ("declared", "given", "line"),
    [
        ("x = 1", "5", "x: '5' is not an integer"),
        ("x = 1", True, "x: True is not an integer"),
        ("x = 1", None, "x: None is not an integer"),
        ("x = 1", 1.5, "x: 1.5 is not an integer"),
        ("x = 1", math.nan, "x: nan is not an integer"),
        ("x = 1.0", "5", "x: '5' is not a number"),
        ("x = 1.0", True, "x: True is not a number"),
        ("x = 1.0", 10**400, "x: is too large a number"),
        ("x = 1.0", 1 + 2j, "x: (1+2j) is not a number"),
        ("x = True", 1, "x: 1 is not true or false"),
        ("x = 'a'", 5, "x: 5 is not a text"),
        ("x = 'a'", b"abc", "x: b'abc' is not a text"),
        ("x: Path = 'a'", 5, "x: 5 is not a path"),
        ("x = [1]", 5, "x: 5 is not a list"),
        ("x = [1]", "1,2", "x: '1,2' is not a list"),
        ("x = [1]", {1, 2}, "x: {1, 2} is not a list"),
        ("x = [1]", [1, "a"], "x: [1] 'a' is not an integer"),
        ("x = [[1]]", [[1], [2, None]], "x: [1] [1] None is not an integer"),
        ("x = [1]", range(10**12), "x: is a range of over a million values"),
        ("x = {'a': 1}", {"b": "c"}, "x: ['b'] 'c' is not an integer"),
        ("x = {1: 1}", {"b": 1}, "x: ['b'] 'b' is not of type int"),
        ("x = {'a': 1}", [1], "x: [1] is not a dict"),
        ("x: set[Any] = set()", [[1]], "x: [[1]] holds lists; a set cannot"),
        ("x: tuple[int, int] = (1, 2)", (1, 2, 3), "x: (1, 2, 3) has 3 values, not 2"),
        ("x: datetime.date = '2026-01-01'", WHEN, "is not a date: it has a time of day"),
        ("x: datetime.date = '2026-01-01'", 5, "x: 5 is not a date"),
        ("x: datetime.datetime = '2026-01-01'", pd.NaT, "x: 'NaT' is not a date and time"),
        ("x: Literal[1, 2] = 1", True, "x: True is not one of 1, 2"),
        ("x: int | None = None", "5", "x: '5' is not an integer"),
        ("x: int | list[int] = 5", "a", "x: 'a' is not an integer, and 'a' is not a list"),
        ("x = None", object, "x: a type cannot be written into a notebook"),
        ("x = None", [lambda: 5], "x: [0] a function cannot be written into a notebook"),
    ],
)
def test_objects_that_are_refused(read, declared, given, line):
    assert line in refused(read, declared, {"x": given})


def test_huge_values(read):
    assert "too many digits" in refused(read, "x = 1", {"x": 10**5000})
    line = refused(read, "x = 1", "9" * 5000)
    assert "is not an integer" in line
    assert len(line) < 100
    for depth in (70, 5000):
        assert "nested too deeply" in refused(read, "x = None", "[" * depth + "]" * depth)


def test_a_list_that_holds_itself(read):
    loop: list[object] = []
    loop.append(loop)
    assert "nested too deeply" in refused(read, "x = None", {"x": loop})


def test_all_problems_at_once_in_a_line_each(read):
    parameters = read("run = 1  # required\nenergy = 8000.0  # 7000..9000\nmode = 'a'\nn = 2")
    with pytest.raises(ParameterError) as caught:
        parameters.validate({"enrgy": 1, "energy": 1e5, "n": "two"})
    assert str(caught.value).splitlines() == [
        "No parameter 'enrgy' in the notebook; did you mean 'energy'?",
        "energy: 100000.0 is above 9000 (7000..9000)",
        "n: 'two' is not an integer",
        "run: a value is required",
    ]
    assert caught.value.exit_code == 2
    with pytest.raises(ParameterError) as caught:
        parameters.parse(["enrgy=1", "energy=a", "n", "mode=b", "mode=c", "=5"])
    assert len(str(caught.value).splitlines()) == 5


def test_one_unknown_name_is_a_name_not_found(read):
    with pytest.raises(ParameterNotFound, match="did you mean 'energy'"):
        read("energy = 1").validate({"Enrgy": 1})
    with pytest.raises(KeyError):
        read("energy = 1")["energie"]


def test_required_example_is_a_value_when_it_is_given(read):
    parameters = read("run = 487  # required")
    with pytest.raises(ParameterError, match="run: a value is required"):
        parameters.validate()
    assert parameters.validate(parameters.defaults) == {"run": 487}


def test_bare_annotations(read):
    parameters = read("run: int\nname: str | None\nthing: Any")
    assert parameters.defaults == {}
    with pytest.raises(ParameterError) as caught:
        parameters.validate({})
    assert str(caught.value) == "run: a value is required\nthing: a value is required"
    assert parameters.validate({"run": 5, "thing": None}) == {
        "run": 5,
        "name": None,
        "thing": None,
    }


def test_defaults_are_nobodys_to_change(read):
    parameters = read("x = [1]\ny = {'a': [1]}")
    parameters.validate({})["x"].append(2)
    parameters.defaults["y"]["a"].append(2)
    assert parameters.validate({}) == {"x": [1], "y": {"a": [1]}}


def test_mapping_of_texts_and_values(read):
    parameters = read("run = 1\nflag = True\nname: str | None = 'a'")
    given = parameters.parse({"run": "5", "flag": False, "name": None})
    assert given == {"run": 5, "flag": False}
    with pytest.raises(ParameterError, match="given twice"):
        read("a_b = 1").validate({"a_b": 1, "a-b": 2})
