"""Which notebook of a folder gets which value."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from beambook.errors import ParameterError, ParameterNotFound
from beambook.parameters import Parameters
from beambook.publication._declaration import DECLARATION
from beambook.publication._seal.source import Source
from beambook.recipe import Recipe
from beambook.recipe._plan import on_paths

__all__ = ["Given", "values_for"]

Given = Mapping[str, Any] | Iterable[str]


def values_for(source: Source, given: Given) -> dict[str, dict[str, Any]]:
    """The values of each notebook: those declared, and those given to all that know their names.

    Parameters
    ----------
    source : Source
    given : mapping, or iterable of str
        ``{"run": 9}`` or ``["run=9"]``. A relative path starts in the caller's folder, those
        that are declared start in the notebook's.

    Raises
    ------
    ParameterNotFound
        If no notebook declares a name; it names the closest.
    ParameterError
        If a value is missing, not allowed, or other than is declared.
    NotebookError
        If a file is no notebook.
    """
    known = {name: Recipe.find(source.path(name)).parameters for name in source.notebooks}
    pairs = [given] if isinstance(given, str) else [*given]
    takers = {pair: _takers(pair.partition("=")[0].strip(), known, source) for pair in pairs}
    found = {}
    for name, parameters in known.items():
        mine = [pair for pair in pairs if name in takers[pair]]
        words = {pair: given[pair] for pair in mine} if isinstance(given, Mapping) else mine
        found[name] = _values(name, parameters, words, source)
    return found


def _takers(wanted: str, known: Mapping[str, Parameters], source: Source) -> list[str]:
    """Notebooks that declare a parameter."""
    found = [name for name, parameters in known.items() if _has(parameters, wanted)]
    if found:
        return found
    for parameters in known.values():
        if wanted in parameters.computed:
            parameters[wanted]  # says why it cannot be given
    names = dict.fromkeys(name for parameters in known.values() for name in parameters.names)
    raise ParameterNotFound(wanted, names, where=f"the notebooks of {source.root.name}")


def _has(parameters: Parameters, name: str) -> bool:
    try:
        return bool(parameters[name])
    except ParameterNotFound:
        return False


def _values(
    name: str, parameters: Parameters, given: Mapping[str, Any] | list[str], source: Source
) -> dict[str, Any]:
    stated = source.declaration.notebooks.get(name, {}).get("values") or {}
    folder = (source.root / name).parent
    try:
        declared = _absolute(parameters.from_json(stated), folder)
        typed = _absolute(parameters.parse(given), Path.cwd())
        for each in declared.keys() & typed.keys():
            if declared[each] != typed[each]:
                raise ParameterError(
                    f"{each}={typed[each]} is given, and {DECLARATION} declares {declared[each]}",
                    hint="Change it there",
                )
        parameters.validate(declared | typed)
    except ParameterError as error:
        lines = str(error).splitlines()
        raise ParameterError("\n".join(f"{name}: {line}" for line in lines)) from error
    return declared | typed


def _absolute(values: Mapping[str, Any], base: Path) -> dict[str, Any]:
    return {n: on_paths(v, lambda path: base / path.expanduser()) for n, v in values.items()}
