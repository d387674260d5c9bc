"""A notebook with Parameters: found by name or path, described without being run."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files
from pathlib import Path
from typing import Any

from beambook.card import Card, Described
from beambook.errors import NotebookError, RecipeNotFound
from beambook.parameters import Parameters
from beambook.parameters._looks import looks_of

__all__ = ["Recipe"]

_HEADING = re.compile(r"^#{1,6} +(.+?) *#*$", re.M)
_FENCE = re.compile(r"^(```|~~~).*?^\1", re.M | re.S)
PROPOSALS = Path("usr", "recipes")  # where a proposal keeps its own
THEORY_SHOWN = 160


@dataclass(frozen=True, repr=False)
class Recipe(Described):
    """A notebook with Parameters, title, author and theory.

    Looking at a recipe never executes anything of it.

    Attributes
    ----------
    path : Path
        The notebook.
    name : str
        What it is called by: the file's name without its suffix.

    Examples
    --------
    >>> [recipe.name for recipe in Recipe.all()]  # doctest: +SKIP
    ['run-overview', 'xas', 'xgm-statistics']
    """

    path: Path
    name: str

    @classmethod
    def find(cls, name: str | Path | Recipe, *, proposal: str | Path | None = None) -> Recipe:
        """The recipe of this name, or the notebook at this path.

        Parameters
        ----------
        name : str, Path or Recipe
            ``"xas"`` for a shipped recipe, ``"analysis/mine.ipynb"`` for any notebook.
        proposal : str or Path, optional
            Folder of a proposal, whose own recipes are looked at first.

        Returns
        -------
        Recipe

        Raises
        ------
        RecipeNotFound
            If no recipe and no file has this name.
        NotebookError
            If the file is not a notebook.
        """
        if isinstance(name, Recipe):
            return name
        path = Path(name)
        known = {recipe.name: recipe for recipe in cls.all(proposal)}
        if str(name) in known and not path.is_file():
            return known[str(name)]
        if not path.is_file():
            hint = f"{name} is a folder" if path.is_dir() else "Or give the path of a notebook"
            raise RecipeNotFound(str(name), known, hint=hint)
        recipe = cls(path.absolute(), path.stem)
        _ = recipe._document  # a file that is no notebook is refused here
        return recipe

    @classmethod
    def all(cls, proposal: str | Path | None = None) -> tuple[Recipe, ...]:
        """Every recipe that is shipped with beambook, by name.

        Parameters
        ----------
        proposal : str or Path, optional
            Folder of a proposal: the notebooks in its ``usr/recipes`` are recipes too, and stand
            for shipped ones of the same name.
        """
        folders = [Path(str(files("beambook"))) / "recipes"]
        folders += [Path(proposal) / PROPOSALS] if proposal is not None else []
        found = {p.stem: cls(p.absolute(), p.stem) for f in folders for p in f.glob("*.ipynb")}
        return tuple(found[name] for name in sorted(found))

    @property
    def title(self) -> str:
        """First heading, else the name."""
        for text in self._markdown():
            if match := _first_heading(text):
                return match[1].strip()
        return self.name

    @property
    def author(self) -> str:
        """From ``metadata.beambook.author``, else from the notebook's list of authors."""
        if isinstance(author := self._declared.get("author"), str):
            return author
        authors = self._metadata.get("authors")
        names = [a.get("name", "") for a in authors or [] if isinstance(a, dict)]
        return ", ".join(str(name) for name in names if name)

    @property
    def theory(self) -> str:
        """Text before the first code cell, without the title; Markdown."""
        texts = []
        for cell in self._cells:
            if cell.get("cell_type") == "code":
                break
            if cell.get("cell_type") == "markdown":
                texts.append(_source(cell))
        text = "\n\n".join(texts)
        match = _first_heading(text)
        return (text[: match.start()] + text[match.end() :] if match else text).strip()

    @property
    def outputs(self) -> tuple[str, ...]:
        """Files, or patterns of files, that every execution must write."""
        return self._words("outputs")

    @property
    def keywords(self) -> tuple[str, ...]:
        """What it is about."""
        return self._words("keywords")

    @property
    def is_declared(self) -> bool:
        """Whether the notebook says that it is a recipe: it has ``metadata.beambook``."""
        return isinstance(self._metadata.get("beambook"), dict)

    @property
    def has_pipeline(self) -> bool:
        """Whether a ``.yml`` beside the notebook says what comes before and after it."""
        return self.path.with_suffix(".yml").is_file()

    @property
    def language(self) -> str:
        """The programming language, in lower case; ``"python"`` when nothing says otherwise."""
        for group, key in (("kernelspec", "language"), ("language_info", "name")):
            found = self._metadata.get(group)
            if isinstance(found, dict) and isinstance(found.get(key), str) and found[key]:
                return str(found[key]).lower()
        return "python"

    @property
    def kernel_name(self) -> str:
        """The kernel that the notebook asks for, or an empty string."""
        spec = self._metadata.get("kernelspec")
        name = spec.get("name") if isinstance(spec, dict) else ""
        return name if isinstance(name, str) else ""

    @cached_property
    def parameters(self) -> Parameters:
        """What it can be given."""
        return Parameters.of(self.path)

    def notebook(self) -> Any:
        """The notebook itself, read anew.

        Returns
        -------
        nbformat.NotebookNode
        """
        from beambook.recipe._notebook import read_notebook

        return read_notebook(self.path)

    def card(self) -> Card:
        """Title, author, outputs and the parameters."""
        facts = {"title": self.title}
        if self.author:
            facts["author"] = self.author
        if theory := " ".join(self.theory.split()):
            facts["about"] = theory[:THEORY_SHOWN] + ("…" if len(theory) > THEORY_SHOWN else "")
        if self.outputs:
            facts["writes"] = ", ".join(self.outputs)
        if self.keywords:
            facts["keywords"] = ", ".join(self.keywords)
        facts["notebook"] = str(self.path)
        tables = self.parameters.card().tables if self.language == "python" else ()
        hint = f"beambook run {self.name} …  executes it"
        return Card("Recipe", self.name, facts, tables, (hint,))

    @cached_property
    def _document(self) -> dict[str, Any]:
        try:
            document = json.loads(self.path.read_bytes())
        except (ValueError, RecursionError):
            document = None
        if not isinstance(document, dict) or not ({"cells", "worksheets"} & set(document)):
            looks = looks_of(self.path)
            raise NotebookError(f"{str(self.path)!r} is not a Jupyter notebook: {looks}")
        return document

    @property
    def _metadata(self) -> dict[str, Any]:
        found = self._document.get("metadata")
        return found if isinstance(found, dict) else {}

    @property
    def _declared(self) -> dict[str, Any]:
        found = self._metadata.get("beambook")
        return found if isinstance(found, dict) else {}

    @property
    def _cells(self) -> list[dict[str, Any]]:
        sheets = self._document.get("worksheets") or [self._document]  # format 3 has worksheets
        return [cell for cell in sheets[0].get("cells", []) if isinstance(cell, dict)]

    def _markdown(self) -> list[str]:
        return [_source(cell) for cell in self._cells if cell.get("cell_type") == "markdown"]

    def _words(self, key: str) -> tuple[str, ...]:
        words = self._declared.get(key, [])
        words = [words] if isinstance(words, str) else words
        return tuple(str(word) for word in words) if isinstance(words, list) else ()


def _first_heading(text: str) -> re.Match[str] | None:
    """The first heading that is not a comment in a block of code."""
    return _HEADING.search(_FENCE.sub(lambda block: " " * len(block[0]), text))


def _source(cell: dict[str, Any]) -> str:
    source = cell.get("source", "")
    return "".join(source) if isinstance(source, list) else str(source)
