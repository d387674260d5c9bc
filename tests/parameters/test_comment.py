"""What comments, annotations and metadata declare, and what stays help."""

from __future__ import annotations

import pytest

from beambook.errors import NotebookError, ParameterError
from beambook.parameters import Parameters


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (
            "x = 8333.0  # photon energy [eV], required, 7000..9000",
            {"help": "photon energy", "unit": "eV", "required": True, "range": "7000..9000 eV"},
        ),
        ("x = 1.0  # width [mm] 0..5", {"help": "width", "unit": "mm", "range": "0..5 mm"}),
        ("x = 1.0  # width; 0..5 mm", {"help": "width", "unit": "mm", "range": "0..5 mm"}),
        ("x = 1  # required,0..,number", {"help": "number", "required": True, "range": "0.."}),
        ("x = -5  # offset, ..0", {"range": "..0"}),
        ("x = -5  # offset, -10..-1", {"minimum": -10, "maximum": -1}),
        ("x = 1e-3  # step, 1e-6..1e-2", {"minimum": 1e-6, "maximum": 1e-2}),
        ("x = 5  # trains, >= 1, <= 1000", {"help": "trains", "range": "1..1000"}),
        ("x = 5  # trains, min 1, max: 1000", {"help": "trains", "range": "1..1000"}),
        ("x = 5  # Folder to read. Required", {"help": "Folder to read", "required": True}),
        ("x = 5  # the run, (required)", {"help": "the run", "required": True}),
        ("x = 5  # REQUIRED", {"help": "", "required": True}),
        ("x = [0.1]  # steps [deg], 0..360", {"unit": "deg", "range": "0..360 deg"}),
        ("x = 'a'  # mode, one of: a, b", {"help": "mode", "choices": ("a", "b")}),
        ("x = 'a'  # mode (one of: a, b or c), required", {"choices": ("a", "b", "c")}),
        ("x = 'a'  # mode, one of: a, b or c.", {"choices": ("a", "b", "c")}),
        ("x = 'a'  # mode, choices: 'a', 'b c'; see docs", {"help": "mode; see docs"}),
        (
            "x = 'a'  # one of: a, b, required",
            {"help": "", "choices": ("a", "b"), "required": True},
        ),
        ("x = 2  # gain stage, one of: 0, 1, 2", {"choices": (0, 1, 2)}),
        ("x = ['a']  # one of: a, b", {"type": "list['a' | 'b']"}),
        ("x = None  # one of: 1, 2", {"choices": (1, 2)}),
        ("x = []  # trains, RANGE ALLOWED", {"type": "list[int]", "help": "trains"}),
        ("x = []  # type: List[float]  # steps [mm]", {"type": "list[float]", "unit": "mm"}),
        (
            "x = ['a',  # first\n]  # type: List[str] Nice",
            {"type": "list[str]", "help": "first; Nice"},
        ),
        ("x = 5  # gain, 0..9; −1: auto", {"help": "gain; −1: auto"}),
        ("x = 5  # Gain. Required, or so. More", {"help": "Gain, or so. More", "required": True}),
        ("x = 5  # type: int | str", {"type": "int | str", "help": ""}),
        ("x = 5  # µm per step [µm/step]", {"unit": "µm/step", "help": "µm per step"}),
    ],
)
def test_declarations_in_comments(read, line, expected):
    parameter = read(line)["x"]
    for name, value in expected.items():
        found = getattr(parameter, name)
        assert (str(found) if name == "type" else found) == value, name


PROSE = [
    "x = 5  # not required if the mode is one of the old ones",
    "x = 5  # required if mode is a, else ignored",
    "x = 5  # required, when no run is given",
    "x = 5  # set to [-1] for all, Default [-1] for selecting all data aggregators",
    "x = 5  # range list [st, end, step] of cells. 3 allowed maximum list input elements.",
    "x = 5  # e.g. 1..5 or so",
    "x = 5  # 1,000..2,000",
    "x = 5  # from 7000 to 9000",
    "x = 5  # 9000..7000",
    "x = 5  # pages 1...5",
    "x = 5  # version 1.2.3",
    "x = 5  # the key [image] of the source [optional]",
    "x = 5  # from [m] to [s]",
    "x = 5  # one of the detectors, see docs",
    "x = 5  # one of: the detectors, see docs",
    "x = 'a'  # one of: a, b, ...",
    "x = 'a'  # one of: a",
    "x = 'a'  # one of: the known detectors, see docs",
    "x = 'a'  # energy [eV], 5..6",
    "x = True  # 0..1",
    "x = 5  # a; b; c, d. E",
    "x = 5  # min, max and mean",
    "x = 5  # maximum",
    "x = 5  # ratio 0..1",
    "x = 5  # type: ignore me please",
    "x = 5  # type: list of bins",
    "x = 5  # file type: str",
    "x = 5  # 5..furlongs",
    "x = 5  # photons [1e9 or so]",
    "x = 'a'  # not one of: a, b",
    "x = 5  # one of: low, high",
    "x = 'a'  # one of: a=first, b=second",
    "x = 5  # one of: 0 (high), 1 (low)",
]


@pytest.mark.parametrize("line", PROSE)
def test_prose_stays_help_word_for_word(read, line):
    parameter = read(line)["x"]
    assert parameter.help == line.partition("# ")[2]
    assert not parameter.required
    assert (parameter.unit, parameter.range, parameter.choices) == ("", "", ())


def test_bounds_in_another_unit_are_no_bounds(read):
    parameter = read("x = 5.0  # energy [keV], 7000..9000 eV")["x"]
    assert (parameter.unit, parameter.range) == ("keV", "")
    assert parameter.help == "energy, 7000..9000 eV"


def test_the_comment_above_and_the_comment_beside(read):
    parameters = read(
        "# ---------\n"
        "# photon energy\n"
        "#   of the mono [eV],\n"
        "# 7000..9000\n"
        "energy = 8333.0\n"
        "# an old one, required\n"
        "\n"
        "a = 1\n"
        "# run = 486\n"
        "run = 487\n"
        "# beside wins\n"
        "beside = 1  # the one\n"
        "x = 5; y = 6  # both [s]\n"
    )
    energy = parameters["energy"]
    assert (energy.help, energy.unit, energy.range) == (
        "photon energy of the mono",
        "eV",
        "7000..9000 eV",
    )
    assert (parameters["a"].help, parameters["a"].required) == ("", False)
    assert parameters["run"].help == ""
    assert read("# Parameters\nx = 1")["x"].help == ""
    assert parameters["beside"].help == "the one"
    assert [parameters[name].unit for name in "xy"] == ["s", "s"]


def test_all_lines_of_a_value_are_read(read):
    parameter = read(
        "bins = [  # energy bins [eV]\n    1, 2,  # the 'low' # ones\n    # required\n]  # 0..9\n"
    )["bins"]
    assert parameter.help == "energy bins; the 'low' # ones"
    assert (parameter.unit, parameter.required, parameter.range) == ("eV", True, "0..9 eV")


def test_hash_in_a_text_is_no_comment(read):
    assert read("x = '# required [eV]'")["x"].help == ""


@pytest.mark.parametrize(
    ("line", "kind", "default"),
    [
        ("x: float = 1", "float", 1.0),
        ("x: 'float' = 1", "float", 1.0),
        ("x: Optional[int] = None", "int | None", None),
        ("x: int | None = 5", "int | None", 5),
        ("x: Union[int, str, None] = 5", "int | str | None", 5),
        ("x: int = None", "int | None", None),
        ("x: Literal['a', 'b'] = 'a'", "'a' | 'b'", "a"),
        ("x: typing.Literal[1, None] = 1", "1 | None", 1),
        ("x: list = [1, 2]", "list[int]", [1, 2]),
        ("x: List[float] = [1]", "list[float]", [1.0]),
        ("x: Sequence[int] = (1, 2)", "list[int]", [1, 2]),
        ("x: tuple[int, str] = (1, 'a')", "tuple[int, str]", (1, "a")),
        ("x: tuple[float, ...] = (1,)", "tuple[float, ...]", (1.0,)),
        ("x: dict[str, float] = {'a': 1}", "dict[str, float]", {"a": 1.0}),
        ("x: set[int] = set()", "set[int]", set()),
        ("x: np.float64 = 5", "float", 5.0),
        ("x: Any = 5", "any", 5),
        ("x: Final[int] = 5", "int", 5),
        ("x: NoneType = None", "any", None),
        ("x: SomethingElse = 5", "int", 5),
        ("x: np.ndarray = [1, 2]", "list[int]", [1, 2]),
        ("x: int = 'wrong'", "int", "wrong"),
    ],
)
def test_annotations_win(read, line, kind, default):
    parameter = read(line)["x"]
    assert (str(parameter.type), parameter.default) == (kind, default)
    assert read(line).validate({}) == {"x": default}


def test_annotated_carries_unit_help_and_range(read):
    parameter = read("x: Annotated[float | None, 'eV', 'the edge', '0..9', Field(ge=1)] = None")[
        "x"
    ]
    assert str(parameter.type) == "float | None"
    assert (parameter.unit, parameter.help) == ("eV", "the edge")
    assert (parameter.minimum, parameter.maximum) == (1, 9)


def test_dates_and_paths_from_annotations(read):
    import datetime
    from pathlib import Path

    parameters = read("day: datetime.date = '2026-05-01'\nwhen: datetime.datetime\np: Path = 'a/b'")
    assert parameters["day"].default == datetime.date(2026, 5, 1)
    assert str(parameters["when"].type) == "datetime"
    assert parameters["when"].required
    assert parameters["p"].default == Path("a/b")


def test_metadata_add_and_win(make_notebook):
    metadata = {
        "parameterise": {"x": {"unit": "keV", "min": 1, "max": 9, "display_name": "X"}},
        "beambook": {"parameters": {"x": {"max": 8, "help": "told"}, "m": {"choices": ["a", "b"]}}},
    }
    notebook = make_notebook("x = 5.0  # energy [eV], 0..100\nm = 'a'", metadata=metadata)
    parameters = Parameters.of(notebook)
    x = parameters["x"]
    assert (x.unit, x.range, x.help) == ("keV", "1..8 keV", "told")
    assert parameters["m"].choices == ("a", "b")


def test_choices_of_other_types_than_text(read):
    parameters = read(
        "p: Path = '/a'  # one of: /a, /b\nd: datetime.date = '2026-01-01'  "
        "# one of: 2026-01-01, 2026-01-02\nq: list[Path] = []  # one of: /a, /b"
    )
    values = parameters.validate(parameters.parse(["p=/b", "d=2026-01-02", "q=/a,/b"]))
    assert parameters.from_json(parameters.to_json(values)) == values
    with pytest.raises(ParameterError, match="is not one of"):
        parameters.validate({"p": "/c"})


@pytest.mark.parametrize(
    "facts",
    [
        {"min": "low"},
        {"min": True},
        {"choices": "abc"},
        {"choices": ["a", "b"]},
        {"choices": [[1]]},
        {"required": "yes"},
    ],
)
def test_metadata_of_the_wrong_type_are_named(make_notebook, facts):
    notebook = make_notebook("x = 5", metadata={"parameterise": {"x": facts}})
    with pytest.raises(NotebookError, match="metadata of parameter 'x'"):
        Parameters.of(notebook)


XFEL_CALIBRATE = """\
in_folder = "/gpfs/exfel/exp/SPB/202131/p900230/raw"  # path to input data, required
out_folder = ""  # path to output to, required
sequences = [-1]  # sequences to correct, set to -1 for all, range allowed
modules = [-1]  # modules to correct, set to -1 for all, RANGE ALLOWED
run = 225  # runs to process, required

karabo_da = ['-1']  # a list of data aggregators names, Default [-1] for selecting all
path_template = 'RAW-R{:04d}-{}-S{:05d}.h5'  # the template to use to access data
mem_cells = -1  # Number of memory cells used, set to -1 to automatically infer.
max_pulses = [0, 352, 1]  # range list [st, end, step] of memory cell indices
photon_energy = 9.2  # photon energy in keV
overwrite = True  # set to True if existing data should be overwritten

def balance_sequences(in_folder, run, sequences, sequences_per_node, karabo_da, max_nodes):
    from xfel_calibrate.calibrate import balance_sequences as bs
    return bs(in_folder, run, sequences, sequences_per_node, karabo_da, max_nodes=max_nodes)
"""


def test_notebooks_of_xfel_calibrate(read, rewritten):
    parameters = read(XFEL_CALIBRATE)
    assert [each.name for each in parameters if each.required] == ["in_folder", "out_folder", "run"]
    assert parameters["sequences"].help == "sequences to correct, set to -1 for all"
    assert parameters["max_pulses"].unit == ""
    given = parameters.parse(
        [
            "in-folder=/data",
            "out-folder=/out",
            "run=9",
            "sequences=0-2,5",
            "karabo_da=AGIPD00,AGIPD01",
        ]
    )
    values = parameters.validate(given)
    assert values["sequences"] == [0, 1, 2, 5]
    assert values["karabo_da"] == ["AGIPD00", "AGIPD01"]
    assert parameters.parse(["sequences=-1"]) == {"sequences": [-1]}
    new = rewritten(XFEL_CALIBRATE, **given)
    assert "sequences = [0, 1, 2, 5]  # sequences to correct" in new
    assert new.endswith(XFEL_CALIBRATE[XFEL_CALIBRATE.index("path_template") :])
