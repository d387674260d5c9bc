"""Warnings point at the line of the user, and say no less than they should."""

import functools
import warnings

from beambook.data import DataWarning
from beambook.data._findings import Finding, Findings, warn


def test_a_warning_points_at_who_asked_not_at_the_standard_library():
    namespace = {"__name__": "beambook.made_up", "functools": functools, "warn": warn}
    made = "class Lazy:\n    @functools.cached_property\n    def value(self): warn('lost')\n"
    exec(made, namespace)  # as a module of beambook
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        _ = namespace["Lazy"]().value
    assert [(c.filename, c.category) for c in caught] == [(__file__, DataWarning)]


def test_what_is_optional_is_shown_and_no_fault():
    optional, fault = Finding("no title", "/entry", 1), Finding("broken link", "/entry/x", 1)
    fine = Findings("x.nxs", 3, 1, 1, (optional,), event="point")
    assert fine.ok
    assert "no title" in fine.card().text()
    assert "3 points" in fine.card().text()
    assert [f["fault"] for f in fine.as_dict()["findings"]] == [False]
    assert not Findings("x.nxs", 3, 1, 1, (optional, fault)).ok
