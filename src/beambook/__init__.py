"""beambook: open a run, execute a recipe on it, read its report.

The front door is lazy: a name is imported when it is first used, so that
``import beambook`` and ``beambook --help`` cost nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_HOME = {
    "Card": "card",
    "Channel": "data",
    "DataWarning": "data",
    "Execution": "recipe",
    "Parameters": "parameters",
    "PeakWindow": "analysis",
    "Recipe": "recipe",
    "Report": "recipe",
    "Run": "data",
    "Spectrum": "analysis",
    "Train": "data",
    "Verdict": "recipe",
    "XAS": "analysis",
    "by_id": "data",
    "by_index": "data",
    "check": "data",
    "check_window": "analysis",
    "compare": "recipe",
    "edge_of": "analysis",
    "execute": "recipe",
    "integrate_peaks": "analysis",
    "open_file": "data",
    "open_run": "data",
    "record": "recipe",
    "xas": "analysis",
    "xmcd": "analysis",
}

__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'beambook' has no attribute {name!r}")
    return getattr(import_module(f"beambook.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
