"""One declaration, many forms: JSON schema, JSON, command-line flags, card."""

from __future__ import annotations

import json
from typing import Any

import click
import jsonschema
import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from beambook.errors import ParameterError
from beambook.parameters import Parameter, Parameters, Type

CELL = """\
run: int  # run number
energy = 8333.0  # photon energy [eV], 7000..9000
gain = -1  # gain stage, 0..2
mode = "a"  # mode, one of: a, b
scale: float | None = None  # factor
bins = [-1]  # bins, 0..99
pair: tuple[int, str] = (1, "a")
ids = {1, 2}
table: dict[str, list[float]] = {}
verbose = False
folder: Path = "/data"
day: datetime.date = "2026-05-01"
noise = float("nan")
anything = None
gone: int = "wrong"
"""


@pytest.fixture
def parameters(read) -> Parameters:
    return read(CELL)


def valid(schema: dict[str, Any], document: Any) -> bool:
    return jsonschema.Draft202012Validator(schema).is_valid(document)


def test_schema_is_one_and_takes_the_defaults(parameters):
    schema = parameters.schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    assert json.loads(json.dumps(schema, allow_nan=False)) == schema
    document = parameters.to_json(parameters.validate({"run": 1}))
    assert valid(schema, json.loads(json.dumps(document, allow_nan=False)))
    assert schema["required"] == ["run"]
    assert schema["properties"]["energy"] == {
        "type": "number",
        "minimum": 7000,
        "maximum": 9000,
        "default": 8333.0,
        "description": "photon energy",
        "unit": "eV",
    }
    assert schema["properties"]["mode"]["enum"] == ["a", "b"]


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-3, 101)
    | st.integers(-(10**400), 10**400)
    | st.sampled_from([8000.0, 8000, 1.5, 2.0, 1e6])
    | st.sampled_from(["a", "b", "", "nan", "inf", "/x", "2026-05-01", "1"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("ab1"), inner),
    max_leaves=5,
)
FORMATS = {"day", "noise"}  # a format is an annotation; "nan" is admitted everywhere by us


@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(value=JSON, data=st.data())
def test_schema_and_validation_agree(parameters, value, data):
    names = [name for name in parameters.names if name not in FORMATS]
    name = data.draw(st.sampled_from(names))
    document = {"run": 1, name: value}
    try:
        parameters.validate(document)
        refusal = ""
    except ParameterError as error:
        refusal = str(error)
    if valid(parameters.schema(), document) == bool(refusal):  # only what a schema cannot say
        if refusal:
            assert "too large" in refusal or "too many digits" in refusal
        else:
            assert name == "ids" or "nan" in json.dumps(value) or "inf" in json.dumps(value)


def test_json_goes_there_and_back(parameters):
    values = parameters.validate({"run": 1, "pair": (2, "b"), "table": {"a": [1, float("inf")]}})
    document = json.loads(json.dumps(parameters.to_json(values), allow_nan=False))
    assert document["noise"] == "nan"
    assert document["ids"] == [1, 2]
    back = parameters.from_json(document)
    assert repr(back) == repr(values)
    assert parameters.from_json({"bins": [5]}) == {"bins": [5]}
    with pytest.raises(ParameterError):
        parameters.from_json({"bins": ["5"]})


def command(parameters: Parameters) -> click.Command:
    def work(**given: Any) -> None:
        values = parameters.validate(parameters.parse(given))
        click.echo(json.dumps(parameters.to_json(values)))

    return click.Command("work", params=list(parameters.options()), callback=work)


def test_flags_of_a_command_line(parameters):
    tool = command(parameters)
    done = CliRunner().invoke(
        tool, ["--run", "9", "--bins", "0-2,8", "--verbose", "--scale", "none", "--mode=b"]
    )
    assert done.exit_code == 0, done.output
    values = json.loads(done.output)
    assert values["run"] == 9
    assert values["bins"] == [0, 1, 2, 8]
    assert values["verbose"] is True
    assert values["mode"] == "b"
    assert values["energy"] == 8333.0
    done = CliRunner().invoke(tool, ["--run", "x", "--energy", "1"])
    assert isinstance(done.exception, ParameterError)
    assert len(str(done.exception).splitlines()) == 2


def test_help_of_the_flags(parameters):
    text = " ".join(CliRunner().invoke(command(parameters), ["--help"]).output.split())
    assert "--energy float photon energy [eV]; 7000..9000; default 8333.0" in text
    assert "--run int run number; required" in text
    assert "--verbose / --no-verbose default False" in text


def test_odd_names_make_flags(read):
    parameters = read("_x = 1\nx = 2\nin_folder = 'a'\nhelp = 'h'\nÜ = 3\nclass_ = True")
    done = CliRunner().invoke(
        command(parameters),
        ["--_x", "5", "--x", "6", "--in-folder", "b", "--help", "i", "--Ü", "7", "--no-class-"],
    )
    assert json.loads(done.output) == {
        "_x": 5, "x": 6, "in_folder": "b", "help": "i", "Ü": 7, "class_": False,
    }  # fmt: skip


def test_card_shows_what_was_declared(parameters):
    card = parameters.card()
    rows = {row[0]: row for row in card.tables[0].rows}
    assert rows["energy"] == ("energy", "float", "8333.0", "eV", "7000..9000", "photon energy")
    assert rows["run"][2] == "required"
    assert card.facts == {"parameters": "15", "required": "run"}
    assert "<td>photon energy</td>" in parameters._repr_html_()
    assert json.loads(card.json())["name"] == "the notebook"
    one = parameters["energy"].card()
    assert one.facts == {
        "type": "float",
        "default": "8333.0",
        "unit": "eV",
        "range": "7000..9000",
        "help": "photon energy",
    }
    assert repr(parameters["energy"]).startswith("<Parameter energy: type float")


def test_card_of_none_and_of_long_values(read):
    assert read("%%bash\nx=1").card().facts == {"parameters": "0 (the cell is for %%bash)"}
    row = read(f"x = {'a' * 500!r}").card().tables[0].rows[0]
    assert len(row[2]) == 40


def test_html_is_escaped(read):
    html = read("x = '<script>'  # <b>help</b>")._repr_html_()
    assert "<script>" not in html
    assert "<b>help" not in html


def test_parameters_are_a_sequence_with_names(parameters):
    assert [each.name for each in parameters][:2] == ["run", "energy"]
    assert len(parameters) == 15
    assert "energy" in parameters
    assert parameters["energy"] is list(parameters)[1]


def test_parameters_need_no_notebook():
    energy = Parameter("energy", Type("float"), 8333.0, unit="eV", minimum=7000)
    parameters = Parameters((energy,), where="the form")
    assert parameters.validate({"energy": 7500}) == {"energy": 7500.0}
    with pytest.raises(ParameterError, match="below 7000 eV"):
        parameters.validate({"energy": 1})
    with pytest.raises(AttributeError):
        energy.name = "other"  # type: ignore[misc]
