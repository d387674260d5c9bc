"""Recorded results: what is written down, and that scripts stay silent."""

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from beambook.errors import ParameterError
from beambook.recipe._record import encode, show
from beambook.recipe._tally import Tally
from beambook.recipe._text import Context
from beambook.recipe._values import compare_results

PLAIN = [
    (None, None),
    (True, True),
    (np.True_, True),
    (5, 5),
    (np.uint64(2**63), 2**63),
    (8333.12, 8333.12),
    (np.float32(0.5), 0.5),
    (np.array(2.5), 2.5),
    ("Ni", "Ni"),
    (float("nan"), {"type": "float", "value": "nan"}),
    (float("-inf"), {"type": "float", "value": "-inf"}),
    (1 + 2j, {"type": "complex", "value": [1.0, 2.0]}),
    (np.complex64(1j), {"type": "complex", "value": [0.0, 1.0]}),
    (timedelta(minutes=1), {"type": "duration", "seconds": 60.0}),
    (np.timedelta64(5, "s"), {"type": "duration", "seconds": 5.0}),
    (pd.Timedelta("1s"), {"type": "duration", "seconds": 1.0}),
    (datetime(2026, 5, 1, tzinfo=UTC), {"type": "datetime", "value": "2026-05-01T00:00:00+00:00"}),
    (np.datetime64("2026-05-01T12:00"), {"type": "datetime", "value": "2026-05-01T12:00:00"}),
    (pd.Timestamp("2026-05-01"), {"type": "datetime", "value": "2026-05-01T00:00:00"}),
    (pd.NaT, None),
    ((1, 2.5), [1, 2.5]),
    ({"a": 1, 2: "b"}, {"type": "mapping", "items": [["a", 1], ["2", "b"]]}),
    pytest.param({"b", "a"}, ["a", "b"], id="set"),  # its repr depends on the hash seed
    (np.array(["x", "y"]), ["x", "y"]),
    (pd.DataFrame({"n": ["x"]}), {"type": "mapping", "items": [["n", ["x"]]]}),
]


@pytest.mark.parametrize(("value", "expected"), PLAIN, ids=lambda v: repr(v)[:30])
def test_values_are_written_as_json(value, expected):
    document = encode("r", value)
    assert document["value"] == expected
    assert type(document["value"]) is type(expected)
    json.dumps(document, allow_nan=False)


@pytest.mark.parametrize(
    "values", [np.arange(6.0).reshape(2, 3), np.arange(3) > 1, np.arange(4) * 1j]
)
def test_arrays_are_written_whole(values):
    document = encode("r", values)["value"]
    assert document["type"] == "array"
    assert document["shape"] == list(values.shape)
    assert document["dtype"] == values.dtype.kind + str(values.dtype.itemsize)
    assert "f8" in document


def test_large_arrays_stay_small_and_a_moved_point_is_found():
    values = np.sin(np.arange(1_000_000) / 1000) + 2
    moved = values.copy()
    moved[123_456] *= 1.01
    documents = [encode("r", v) for v in (values, moved, values * (1 + 1e-12))]
    assert len(json.dumps(documents[0])) < 150_000
    for document, count in ((documents[1], 1), (documents[2], 0)):
        tally = Tally("result")
        compare_results(document, documents[0], tally, Context())
        assert tally.count == count


def test_what_labelled_values_know_comes_along():
    assert encode("r", xr.DataArray(2.5, attrs={"units": "mm"}))["unit"] == "mm"
    assert encode("r", xr.DataArray([1.0], attrs={"units": "mm"}), unit="cm")["unit"] == "cm"
    assert encode("r", pd.Series([1.0, 2.0]))["value"]["shape"] == [2]

    class Quantity:
        magnitude, units = 5.0, "eV"

    class Measured:
        nominal_value, std_dev = 5.0, 0.1

    assert (encode("r", Quantity())["value"], encode("r", Quantity())["unit"]) == (5.0, "eV")
    assert encode("r", Measured())["error"] == 0.1


@pytest.mark.parametrize(
    ("name", "value", "options", "match"),
    [
        ("", 1.0, {}, "needs a name"),
        (5, 1.0, {}, "needs a name"),
        ("r", object(), {}, "'r' is a object"),
        ("r", {"a": [lambda: 1]}, {}, "function, which cannot be recorded"),
        ("r", 1.0, {"tol": -0.1}, "tol is -0.1"),
        ("r", 1.0, {"rtol": float("nan")}, "rtol is nan"),
    ],
)
def test_what_cannot_be_recorded_is_refused(name, value, options, match):
    with pytest.raises(ParameterError, match=match):
        encode(name, value, **options)


def test_a_script_prints_nothing():
    code = "import beambook as bb; bb.record('edge', 8333.12, unit='eV', claim=True)"
    code += "; import sys; assert 'IPython' not in sys.modules"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("", "")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (8333.123456789012, "8333.123457"),
        ([1, 2.5], "[1, 2.5]"),
        (1 + 2j, "1 + 2 i"),
        (None, "None"),
        ([[1, "a"], [2, "b"]], "2 rows, the first is [1, a]"),
        ({str(k): k for k in range(9)}, "{0: 0, 1: 1, 2: 2, 3: 3, 4: 4, 5: 5, 6: 6, 7: 7, …}"),
    ],
)
def test_values_are_shown_shortly(value, text):
    assert show(encode("r", value)["value"]) == text


scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.complex_numbers(),
    st.text(max_size=10),
    st.datetimes(),
    st.timedeltas(),
)
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(values)
def test_every_value_survives_json_and_agrees_with_itself(value):
    document = json.loads(json.dumps(encode("r", value, unit="eV"), allow_nan=False))
    tally = Tally("result")
    compare_results(document, encode("r", value, unit="eV"), tally, Context())
    assert tally.count == tally.noisy == 0


@given(st.floats(-1e9, 1e9), st.floats(1e-3, 1e3), st.sampled_from([-1, 1]))
def test_the_tolerance_is_where_it_was_put(value, tol, sign):
    reference = encode("r", value, tol=tol)
    for factor, different in ((0.9, False), (1.1, True)):
        tally = Tally("result")
        compare_results(encode("r", value + sign * factor * tol), reference, tally, Context())
        assert (tally.count > 0) is different
