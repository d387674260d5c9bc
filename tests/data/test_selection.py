"""Aliases and other libraries' choices count wherever something is chosen."""

import extra_data
import numpy as np
import pandas as pd
import pytest

from beambook.data import by_id, open_run
from beambook.errors import DataError, KeyNotFound, SourceNotFound

XGM = "SA2_XTD1_XGM/XGM/DOOCS:output"
MOTOR = "MID_EXP_SAM/MOTOR/X"
NAMES = {"xgm": (XGM, "data.intensityTD"), "gas": XGM, "x": (MOTOR, "actualPosition")}


@pytest.fixture
def run(small_run):
    return open_run(small_run, aliases=NAMES)


def test_the_key_asked_for_counts_before_that_of_an_alias(run):
    keys, other = run[MOTOR].keys(), "state.value"
    assert len(keys) == 4
    assert run.select([("x", "state")]).selection[MOTOR] <= keys - {"actualPosition.value"}
    assert run.select([("x", other)]).selection == {MOTOR: {other}}
    assert run.select("x", "*").selection == {MOTOR: {"actualPosition.value"}}
    assert run.select("x", "*.value").selection == {MOTOR: {"actualPosition.value", other}}
    assert run.select("gas", "data.*").selection == {XGM: {"data.intensityTD"}}
    assert run.deselect("x", other).selection[MOTOR] == keys - {other}
    for key in ("nope", "energy*"):
        with pytest.raises(KeyNotFound, match=f"No key '{key[:4]}"):
            run.select("xgm", key)


def test_trains_by_choices_of_extra_data(run):
    ids = run.train_ids
    theirs = extra_data.by_id[int(ids[2]) : int(ids[5])]
    assert run[theirs].train_ids.tolist() == ids[2:5].tolist()
    assert run.select_trains(extra_data.by_id[[int(ids[3])]]).train_ids.tolist() == [ids[3]]
    assert run[extra_data.by_index[-2:]].train_ids.tolist() == ids[-2:].tolist()
    assert run["xgm"][theirs].train_ids.tolist() == ids[2:5].tolist()


def test_trains_by_a_series_of_booleans(run):
    position = run["x"].series()
    high = position > position.median()
    assert 0 < len(run[high].train_ids) < len(run.train_ids)
    assert run[high].train_ids.tolist() == position.index[high].tolist()
    assert run[high[::-1]].train_ids.tolist() == run[high].train_ids.tolist()
    assert run[by_id[1005:1010]][high].train_ids.tolist() == [
        t for t in position.index[high] if 1005 <= t < 1010
    ]
    for wrong in (position, pd.Series([True, False]), pd.Series([True], index=["a"])):
        with pytest.raises(DataError, match=r"condition is (a Series of booleans|about none)"):
            run[wrong]
    with pytest.raises(TypeError, match=r"not by dict$"):
        run[{"long": "text"}]


def test_aliases_in_a_train(run):
    train_id, train = next(iter(run.select("xgm", require_all=True).trains()))
    stored = run["xgm"][by_id[[train_id]]].ndarray()[0]
    np.testing.assert_array_equal(train["xgm"], stored)
    np.testing.assert_array_equal(train["xgm", "data.intensityTD"], stored)
    assert train["gas"] is train[XGM]
    with pytest.raises(SourceNotFound, match="did you mean 'xgm'"):
        train["xgn"]
    with pytest.raises(SourceNotFound, match="there is SA2"):
        train["something"]
    with pytest.raises(SourceNotFound, match=MOTOR):
        train["x"]


def test_aliases_are_no_sources_in_messages(run):
    many = run.with_aliases({f"alias-{n}": XGM for n in range(20)})
    with pytest.raises(SourceNotFound) as error:
        many["something"]
    assert "others exist" not in str(error.value)
    assert all(source in str(error.value) for source in run.all_sources)
    assert "alias" not in str(error.value)
    with pytest.raises(SourceNotFound, match="did you mean 'alias-1'"):
        many["alias_1x"]


def test_an_alias_that_says_less_is_no_conflict(run):
    full = {"source": XGM, "key": "data.intensityTD", "pulses": "sase2"}
    for first, then in ((full, NAMES["xgm"]), (NAMES["xgm"], full)):
        both = run.drop_aliases().with_aliases({"xgm": first}).with_aliases({"XGM": then})
        assert both.aliases["xgm"].pulses == "sase2"
    with pytest.raises(DataError, match="conflicting"):
        run.with_aliases({"xgm": MOTOR})
