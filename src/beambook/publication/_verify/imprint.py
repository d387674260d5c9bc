"""Whose publication it is: what stands in the head of a verdict."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from beambook.publication._verify.outcome import plain

__all__ = ["Imprint"]


@dataclass(frozen=True)
class Imprint:
    """By whom, when and where something was published; empty of a folder that nobody sealed.

    Attributes
    ----------
    authors : tuple of str
        Names.
    date, version, doi : str

    Examples
    --------
    >>> Imprint.of({"authors": [{"name": "Anna Beispiel"}], "date": "2026-11-23", "doi": ""})
    Imprint(authors=('Anna Beispiel',), date='2026-11-23', version='', doi='')
    """

    authors: tuple[str, ...] = ()
    date: str = ""
    version: str = ""
    doi: str = ""

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> Imprint:
        """From ``publication.json`` or ``verdict.json``; what a stranger's has else is left out."""
        authors = record.get("authors")
        names = [_name(each) for each in authors] if isinstance(authors, list) else []
        facts = {key: record.get(key) for key in ("date", "version", "doi")}
        said = {key: plain(fact) for key, fact in facts.items() if isinstance(fact, str)}
        return cls(tuple(name for name in names if name), **said)

    def document(self) -> dict[str, Any]:
        """As ``verdict.json`` has it."""
        return {**vars(self), "authors": list(self.authors)}


def _name(author: Any) -> str:
    name = author.get("name") if isinstance(author, Mapping) else author
    return plain(name) if isinstance(name, str) else ""
