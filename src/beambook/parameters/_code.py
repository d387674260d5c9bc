"""Values as the Python code that gives them back, in a cell with these imports."""

from __future__ import annotations

import datetime
import math
from pathlib import Path
from typing import Any

from beambook.parameters._constant import Names

__all__ = ["to_code"]


def to_code(value: Any, names: Names | None = None) -> str:
    """Write a plain value as one line of Python.

    Parameters
    ----------
    value : object
        As `plain` gives it.
    names : Names, optional
        What is imported where the code will stand. A path or a date whose class is
        not imported there is written as a text.

    Returns
    -------
    str

    Examples
    --------
    >>> print(to_code([1.5, float("nan"), Path("/data"), "it's"]))
    [1.5, float('nan'), '/data', "it's"]
    """
    names = names or Names()
    if isinstance(value, Path):
        return _call(names.spell("pathlib.Path"), str(value))
    if isinstance(value, datetime.date):
        full = "datetime.datetime" if isinstance(value, datetime.datetime) else "datetime.date"
        spelled = names.spell(full)
        return _call(spelled and f"{spelled}.fromisoformat", value.isoformat())
    if isinstance(value, float) and not math.isfinite(value):
        return f"float({str(value)!r})"
    if isinstance(value, list | tuple | set | dict):
        return _container(value, names)
    return repr(value)


def _call(function: str | None, text: str) -> str:
    return f"{function}({text!r})" if function else repr(text)


def _container(value: Any, names: Names) -> str:
    if isinstance(value, dict):
        pairs = (f"{to_code(key, names)}: {to_code(each, names)}" for key, each in value.items())
        return "{" + ", ".join(pairs) + "}"
    items = [to_code(each, names) for each in value]
    if isinstance(value, set):  # in an order of its own, so that the same set is the same code
        return "{" + ", ".join(sorted(items)) + "}" if items else "set()"
    if isinstance(value, tuple):
        return f"({items[0]},)" if len(items) == 1 else f"({', '.join(items)})"
    return f"[{', '.join(items)}]"
