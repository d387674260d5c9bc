"""Errors say what was asked, what exists, and what to do next."""

import inspect

import pytest

from beambook import errors
from beambook.errors import BeambookError, NameNotFound, RunNotFound, SourceNotFound


def test_closest_names_are_offered_and_case_does_not_matter():
    names = ["SA2_XTD1_XGM/XGM/DOOCS", "MID_OPT_MONO/MDL/ENERGY", "OTHER"]
    text = str(SourceNotFound("sa2_xtd1_xgm/xgm/docs", names, where="run r0487"))
    assert "did you mean 'SA2_XTD1_XGM/XGM/DOOCS'?" in text
    assert "run r0487" in text


def test_at_most_three_names_are_offered():
    assert str(NameNotFound("abcd", [f"abc{i}" for i in range(20)])).count("'abc") == 4


def test_few_names_are_listed_when_none_is_close():
    assert "there are a1, b2" in str(NameNotFound("zzzzz", ["b2", "a1"]))


def test_hint_follows_the_message():
    assert str(RunNotFound("No run 3", hint="Set $BEAMBOOK_DATA")) == "No run 3. Set $BEAMBOOK_DATA"


@pytest.mark.parametrize("name", errors.__all__)
def test_every_error_is_in_the_drawn_tree_and_has_an_exit_code(name):
    error = getattr(errors, name)
    assert issubclass(error, BeambookError)
    assert f" {name} " in f" {inspect.cleandoc(errors.__doc__)} ".replace("\n", " \n")
    assert error.exit_code in (1, 2)
    builtins = [c for c in error.__mro__ if c.__module__ == "builtins"]
    if error is not BeambookError:
        assert builtins[0] is not Exception, "users expect a builtin to catch"
