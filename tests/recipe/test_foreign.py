"""Notebooks that others published, executed years later: verdicts against truth told by hand."""

import json
import lzma
from pathlib import Path

import nbformat
import pytest

from beambook.recipe import compare

DATA = Path(__file__).with_name("data") / "foreign"
TRUTH = json.loads((DATA / "truth.json").read_text(encoding="utf-8"))
CONFIRMED = {"same", "within tolerance"}
FITTING = {
    "same": CONFIRMED | {"not comparable"},
    "restyled": CONFIRMED | {"not comparable"},
    "worded": CONFIRMED | {"different"},
    "changed": {"different", "not comparable"},
    "error": {"different"},
    "skipped": CONFIRMED | {"not comparable"},
}
# A formula counts more than the picture beside it, which here is one of random numbers.
MISSED = {("ipython-display", number) for number in ("13", "15", "20", "48")}


def read(name, kind):
    packed = (DATA / f"{name}.{kind}.ipynb.xz").read_bytes()
    return nbformat.reads(lzma.decompress(packed).decode(), 4)


@pytest.fixture(scope="module")
def statuses():
    """Status of each cell with an output, by notebook and number."""
    found = {}
    for name, truths in TRUTH.items():
        verdict = compare(read(name, "executed"), read(name, "published"))
        found |= {(name, number): "not comparable" for number in truths}
        found |= {(name, str(cell.number)): cell.status for cell in verdict.cells}
    return found


@pytest.mark.parametrize("name", TRUTH)
def test_the_verdict_is_what_was_told_by_hand(statuses, name):
    for number, truth in TRUTH[name].items():
        if (name, number) not in MISSED:
            status = statuses[name, number]
            assert status in FITTING[truth], f"cell {number} is {truth}, not {status}"


def test_most_is_decided(statuses):
    told = {(n, i): t for n, truths in TRUTH.items() for i, t in truths.items()}
    wanted = {cell: t for cell, t in told.items() if t in ("same", "changed", "error")}
    decided = [c for c, t in wanted.items() if statuses[c] in FITTING[t] - {"not comparable"}]
    assert len(wanted) == 62
    assert len(decided) >= 53
