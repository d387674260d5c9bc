"""Notebooks with parameters: find, execute, compare, report.

Names are imported when they are first used: ``import beambook.recipe`` costs
nothing, and listing recipes needs neither nbformat nor IPython.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

_HOME = {
    "Execution": "_execution",
    "Recipe": "_recipe",
    "Report": "_report",
    "Verdict": "_compare",
    "compare": "_compare",
    "execute": "_execute",
    "execute_many": "_execute",
    "record": "_record",
}

__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'beambook.recipe' has no attribute {name!r}")
    return getattr(import_module(f"beambook.recipe.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return list(__all__)
