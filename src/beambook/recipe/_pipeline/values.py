"""Values of a whole pipeline: checked before anything starts, to each notebook what it declares."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from beambook.errors import BeambookError, ParameterError, ParameterNotFound
from beambook.parameters import Parameters
from beambook.recipe._recipe import Recipe

if TYPE_CHECKING:
    from beambook.recipe._pipeline.pipeline import Pipeline

__all__ = ["ASKED", "OURS", "PARTS_FOLDER", "absolute", "check", "declared", "parse", "shared_of"]

# Values that are ours: `after` is told where the parts are, `before` all that was given, so that
# it can refuse what no part could work with.
PARTS_FOLDER, ASKED = OURS = ("parts_folder", "asked_values")


def parse(words: Iterable[str], pipeline: Pipeline) -> dict[str, Any]:
    """Values as typed on a command line, by the first notebook that declares them.

    Raises
    ------
    ParameterNotFound, ParameterError
        As `Parameters.parse` does.
    """
    values: dict[str, Any] = {}
    problems: list[BeambookError] = []
    for word in words:
        try:
            owner = _owner(word.partition("=")[0].strip(), pipeline)
            found = (owner or pipeline.recipe).parameters.parse([word])
            if given := next((name for name in found if name in values), None):
                raise ParameterError(f"{given}: is given twice")
            values |= found
        except BeambookError as error:
            problems.append(_widened(error, pipeline))
    _refuse(problems)
    return values


def check(values: Mapping[str, Any], pipeline: Pipeline) -> dict[str, Any]:
    """Check values against all notebooks of `pipeline`, before anything starts.

    What the notebook before finds out (the values of the parts, shared ones) may be missing.

    Parameters
    ----------
    values : mapping
        As a person has given them.
    pipeline : Pipeline

    Returns
    -------
    dict
        The same, typed; relative paths start in the current folder.

    Raises
    ------
    ParameterNotFound
        If no notebook has a parameter of this name; it names the closest of all of them.
    ParameterError
        If a notebook does not allow a value, or the first one needs another.
    """
    problems: list[BeambookError] = []
    typed: dict[str, Any] = {}
    for name, value in values.items():
        owners = [r for r in pipeline.recipes if name in _names(r)]
        if not owners:
            problems.append(ParameterNotFound(name, _all(pipeline), where=_where(pipeline)))
        for owner in owners:
            try:
                typed.setdefault(name, owner.parameters.from_json({name: value})[name])
                owner.parameters.from_json({name: value})
            except BeambookError as error:
                problems.append(error)
    _refuse(list({str(each): each for each in problems}.values()))
    first = pipeline.before or (pipeline.recipe if pipeline.is_plain else None)
    if first is not None:
        first.parameters.validate(declared(typed, first.parameters))
    return {name: absolute(value, Path.cwd()) for name, value in typed.items()}


def declared(values: Mapping[str, Any], parameters: Parameters) -> dict[str, Any]:
    """Those of the values that a notebook declares."""
    return {name: value for name, value in values.items() if name in parameters.names}


def shared_of(recorded: Any, pipeline: Pipeline, folder: Path) -> dict[str, Any]:
    """Values that the notebook before has recorded for all parts and for what comes after.

    Parameters
    ----------
    recorded : object
        Decoded value of the result ``shared``.
    pipeline : Pipeline
    folder : Path
        Where that notebook worked: relative paths start there.

    Raises
    ------
    ParameterError
        If it is no mapping.
    ParameterNotFound
        If neither the recipe nor the notebook after has a parameter of this name.
    """
    if not isinstance(recorded, Mapping):
        raise ParameterError("The result 'shared' is no mapping of names to values")
    takers = [r for r in (pipeline.recipe, pipeline.after) if r is not None]
    typed: dict[str, Any] = {}
    for name, value in recorded.items():
        owners = [r for r in takers if name in r.parameters.names]
        if not owners:
            names = [n for r in takers for n in r.parameters.names]
            raise ParameterNotFound(name, names, where=" and ".join(r.name for r in takers))
        for owner in owners:
            typed.setdefault(name, owner.parameters.from_json({name: value})[name])
            owner.parameters.from_json({name: value})
    return {name: absolute(value, folder) for name, value in typed.items()}


def absolute(value: Any, base: Path) -> Any:
    """The value with its relative paths starting at `base`."""
    if isinstance(value, Path):
        return value if value.is_absolute() else (base / value.expanduser()).absolute()
    if isinstance(value, list | tuple | set):
        return type(value)(absolute(each, base) for each in value)
    if isinstance(value, dict):
        return {key: absolute(each, base) for key, each in value.items()}
    return value


def _owner(name: str, pipeline: Pipeline) -> Recipe | None:
    return next((r for r in pipeline.recipes if name in _names(r)), None)


def _names(recipe: Recipe) -> set[str]:
    names = set(recipe.parameters.names) - {*OURS}
    return names | {name.replace("_", "-") for name in names}


def _all(pipeline: Pipeline) -> list[str]:
    names = [name for recipe in pipeline.recipes for name in recipe.parameters.names]
    return [name for name in dict.fromkeys(names) if name not in OURS]


def _where(pipeline: Pipeline) -> str:
    return ", ".join(f"{recipe.name}.ipynb" for recipe in pipeline.recipes)


def _widened(error: BeambookError, pipeline: Pipeline) -> BeambookError:
    """A name that the recipe does not know may be close to one that another notebook knows."""
    if isinstance(error, ParameterNotFound):
        return ParameterNotFound(error.name, _all(pipeline), where=_where(pipeline))
    return error


def _refuse(problems: list[BeambookError]) -> None:
    if len(problems) == 1:
        raise problems[0]
    if problems:
        raise ParameterError("\n".join(map(str, problems)))
