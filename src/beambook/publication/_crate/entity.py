"""Pieces of JSON-LD."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any
from urllib.parse import quote

__all__ = ["Entity", "file_id", "identifier", "reference", "references"]

Entity = dict[str, Any]


def reference(entity: Entity | str) -> dict[str, str]:
    """``{"@id": …}`` of an entity or of an identifier."""
    return {"@id": entity if isinstance(entity, str) else str(entity["@id"])}


def references(entities: Iterable[Entity | str]) -> list[dict[str, str]]:
    """The references of several, each once, in their order."""
    return [{"@id": each} for each in dict.fromkeys(reference(e)["@id"] for e in entities)]


def file_id(name: str) -> str:
    """A file's identifier: its relative path as an address.

    Examples
    --------
    >>> file_id("work/run 487.csv")
    'work/run%20487.csv'
    """
    return quote(name, safe="/~+,;=@()!$&'*-._")


def identifier(*words: str) -> str:
    """An identifier of something that is no file.

    Examples
    --------
    >>> identifier("input", "fit.ipynb", "run")
    '#input/fit.ipynb/run'
    """
    return "#" + quote(re.sub(r"\s+", "-", "/".join(words)), safe="/.-_")
