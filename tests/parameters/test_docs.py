"""The pages about parameters: their examples give what they say."""

from __future__ import annotations

import doctest
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"


def test_reference_examples():
    result = doctest.testfile(
        str(DOCS / "reference" / "parameters.md"),
        module_relative=False,
        optionflags=doctest.NORMALIZE_WHITESPACE,
    )
    assert result.attempted > 15
    assert result.failed == 0


def test_docstring_examples():
    import beambook.parameters as room

    modules = sorted(Path(room.__file__).parent.glob("_*.py"))
    assert len(modules) > 10
    attempted = 0
    for path in modules:
        if path.stem != "__init__":
            module = __import__(f"beambook.parameters.{path.stem}", fromlist=["x"])
            result = doctest.testmod(module, optionflags=doctest.NORMALIZE_WHITESPACE)
            assert result.failed == 0, path.name
            attempted += result.attempted
    assert attempted > 20
