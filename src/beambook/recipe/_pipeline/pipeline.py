"""What is executed before and after a recipe, and what its parts differ in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from beambook.errors import NotebookError, ParameterNotFound, close_names
from beambook.parameters import Parameters
from beambook.recipe._pipeline.values import OURS, check, parse
from beambook.recipe._recipe import Recipe

__all__ = ["Pipeline"]

KEYS = ("before", "after", "over")


@dataclass(frozen=True)
class Pipeline:
    """A recipe with what comes before and after it.

    Attributes
    ----------
    recipe : Recipe
        Executed once for each part.
    before, after : Recipe or None
    over : tuple of str
        Parameters that parts may differ in; empty for any.
    path : Path or None
        The file that says so; None where there is none.
    """

    recipe: Recipe
    before: Recipe | None = None
    after: Recipe | None = None
    over: tuple[str, ...] = ()
    path: Path | None = None

    @classmethod
    def of(cls, recipe: Recipe) -> Pipeline:
        """Read the ``.yml`` beside the notebook; without one the recipe is all there is.

        Raises
        ------
        NotebookError
            If the file is no YAML, or says something that nobody understands.
        RecipeNotFound
            If a notebook that it names is not there.
        ParameterNotFound
            If it spreads over a parameter that the recipe does not have.
        """
        path = recipe.path.with_suffix(".yml")
        if not path.is_file():
            return cls(recipe)
        said = _read(path)
        before, after = (_named(said.get(key), path) for key in ("before", "after"))
        over = _names(said.get("over") or [], path)
        for name in over:
            if name not in recipe.parameters:
                raise ParameterNotFound(name, recipe.parameters.names, where=f"{recipe.name}.ipynb")
        return cls(recipe, before, after, over, path)

    @property
    def recipes(self) -> tuple[Recipe, ...]:
        """All of its notebooks, in the order in which they are executed."""
        return tuple(r for r in (self.before, self.recipe, self.after) if r is not None)

    @property
    def is_plain(self) -> bool:
        """Whether there is nothing but the recipe."""
        return self.path is None

    @property
    def parameters(self) -> Parameters:
        """All that it can be given: what any of its notebooks declares, by the first that does."""
        found = {each.name: each for r in reversed(self.recipes) for each in r.parameters}
        names = dict.fromkeys(name for r in self.recipes for name in r.parameters.names)
        mine = tuple(found[name] for name in names if name not in OURS)
        return Parameters(mine, " + ".join(recipe.name for recipe in self.recipes))

    def parse(self, words: Iterable[str]) -> dict[str, Any]:
        """Values as typed on a command line, ``run=9``: those of any of its notebooks.

        Raises
        ------
        ParameterNotFound, ParameterError
            As `Parameters.parse` does; the closest name is looked for in all of its notebooks.
        """
        return parse(words, self)

    def check(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """The values, typed, if all of its notebooks allow them.

        What the notebook before finds out may be missing.

        Raises
        ------
        ParameterNotFound
            If no notebook has a parameter of this name.
        ParameterError
            If one does not allow a value, or the first one needs another.
        """
        return check(values, self)


def _read(path: Path) -> dict[str, Any]:
    try:
        said = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split())
        raise NotebookError(f"{str(path)!r} is not YAML: {reason}") from error
    if not isinstance(said, dict):
        raise NotebookError(f"{str(path)!r} does not say 'before: NOTEBOOK' or 'after: NOTEBOOK'")
    for key in said:
        if key not in KEYS:
            close = close_names(str(key), KEYS) or list(KEYS)
            raise NotebookError(f"{str(path)!r} says {key!r}; known are {', '.join(close)}")
    return said


def _names(said: Any, path: Path) -> tuple[str, ...]:
    """Parameters that parts may differ in: a name, or a list of names."""
    names = [said] if isinstance(said, str) else said
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise NotebookError(f"{str(path)!r} says 'over: {said}'; write 'over: [NAME, NAME]'")
    return tuple(names)


def _named(name: Any, path: Path) -> Recipe | None:
    """The notebook beside the file, else a recipe of this name."""
    if name is None:
        return None
    beside = path.parent / (str(name) if str(name).endswith(".ipynb") else f"{name}.ipynb")
    return Recipe.find(beside if beside.is_file() else str(name))
