"""The declaration, completed: by what was given, and by what the notebooks say themselves."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from beambook.errors import PublicationError
from beambook.publication._author import Author
from beambook.publication._declaration import Declaration, spdx
from beambook.publication._seal.source import Source
from beambook.recipe import Recipe

__all__ = ["completed"]


def completed(source: Source, *, values: Mapping[str, Any] | None, **given: Any) -> Declaration:
    """What was declared, with what was given, and what the notebooks say where nobody else does.

    Parameters
    ----------
    source : Source
    values : mapping or None
        Of the parameters of a single notebook.
    **given
        Fields of the declaration; empty ones count as not given.

    Raises
    ------
    PublicationError
        If values were given for many notebooks, or the licence is a phrase.
    """
    declared = source.declaration
    if given["licence"]:
        given["licence"] = spdx(given["licence"])
    if values:
        if len(source.notebooks) > 1:
            raise PublicationError(
                "Values were given for a folder of notebooks",
                hint="Declare them in publication.yml, for each notebook",
            )
        name = source.notebooks[0]
        facts = {**declared.notebooks.get(name, {}), "path": name, "values": dict(values)}
        given["notebooks"] = {**declared.notebooks, name: facts}
    done = declared.over(**given)
    return done.over(
        title=done.title or _title_of(source), authors=done.authors or _authors_of(source)
    )


def _title_of(source: Source) -> str:
    if len(source.notebooks) > 1 and source.origin.name:
        return source.origin.name
    path = source.path(source.notebooks[0])
    return Recipe(path, Path(source.notebooks[0]).stem).title


def _authors_of(source: Source) -> tuple[Author, ...]:
    names = [Recipe(source.path(name), name).author for name in source.notebooks]
    each = [part.strip() for name in names for part in name.split(",") if part.strip()]
    return tuple(map(Author.of, dict.fromkeys(each)))
