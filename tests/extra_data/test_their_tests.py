"""EXtra-data's own tests pass on ours; see `their_tests` for what they need."""

from __future__ import annotations

import sys
from fnmatch import fnmatchcase
from importlib.metadata import version
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parent))

from their_tests import EXPECTED, Outcome, run_their_tests


@pytest.fixture(scope="module")
def outcome() -> Outcome:
    return run_their_tests()


@pytest.mark.timeout(1800)  # it takes a minute or two on two idle cores
def test_no_test_fails_but_those_with_a_reason(outcome: Outcome) -> None:
    assert not outcome.unexpected, "\n".join([*outcome.lines(), outcome.log])


@pytest.mark.timeout(1800)
def test_as_many_pass_as_it_has(outcome: Outcome) -> None:
    assert version("extra-data") == "1.25.0", "count its tests again"
    assert len(outcome.passed) + len(outcome.failed) == 655
    assert len(outcome.skipped) <= 2  # one is for people without privileges, one for the facility


def test_each_reason_is_for_a_test_that_fails(outcome: Outcome) -> None:
    for pattern in EXPECTED:
        assert any(fnmatchcase(name, pattern) for name in outcome.failed), pattern
