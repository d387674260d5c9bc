"""How to cite it: ``CITATION.cff``, Citation File Format 1.2."""

from __future__ import annotations

from typing import Any

import yaml

from beambook.publication._author import Author
from beambook.publication._crate.crate import Facts

__all__ = ["citation"]


def citation(facts: Facts) -> str:
    """The file's text.

    Parameters
    ----------
    facts : Facts

    Returns
    -------
    str
    """
    declared = facts.declaration
    document: dict[str, Any] = {
        "cff-version": "1.2.0",
        "message": "If you use this work, please cite it as below.",
        "type": "dataset",
        "title": declared.title,
        "abstract": declared.description,
        "authors": [_person(author) for author in declared.authors],
        "date-released": facts.date,
        "version": declared.version,
        "doi": declared.doi,
        "keywords": list(declared.keywords),
        "license": _licence(declared.licence),
        "repository-code": facts.code.get("remote", ""),
        "commit": facts.code.get("commit", ""),
    }
    kept = {key: value for key, value in document.items() if value}
    return str(yaml.safe_dump(kept, sort_keys=False, allow_unicode=True, width=88))


def _licence(spdx: str) -> str | list[str]:
    """One, or a list to choose from; for all else (AND, WITH) the format has no words."""
    either = spdx.split(" OR ")
    if any(" " in each for each in either):
        return ""
    return either if len(either) > 1 else spdx


def _person(author: Author) -> dict[str, str]:
    person = {
        "family-names": author.family,
        "given-names": author.given,
        "affiliation": author.affiliation,
        "orcid": f"https://orcid.org/{author.orcid}" if author.orcid else "",
    }
    return {key: value for key, value in person.items() if value}
