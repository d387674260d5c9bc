"""What the author says about a publication: ``publication.yml`` beside the notebooks."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml
from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression

from beambook.errors import PublicationError, close_names
from beambook.publication._author import Author

__all__ = ["DECLARATION", "LICENCE", "Declaration", "Related", "doi", "read_declaration"]

DECLARATION = "publication.yml"
LICENCE = "CC-BY-4.0"
RELATIONS = (
    "Cites", "Continues", "Documents", "HasPart", "IsCitedBy", "IsContinuedBy", "IsDerivedFrom",
    "IsDescribedBy", "IsDocumentedBy", "IsIdenticalTo", "IsNewVersionOf", "IsPartOf",
    "IsPreviousVersionOf", "IsReferencedBy", "IsRequiredBy", "IsSourceOf", "IsSupplementTo",
    "IsSupplementedBy", "IsVariantFormOf", "IsVersionOf", "References", "Requires",
)  # fmt: skip
_DOI = re.compile(r"(?:(?:https?://)?(?:dx\.)?doi\.org/|doi:)?(10\.\d{4,9}/\S+)", re.I)
_LICENCES = (
    "CC-BY-4.0", "CC0-1.0", "CC-BY-SA-4.0", "CC-BY-NC-4.0", "MIT", "BSD-3-Clause", "BSD-2-Clause",
    "Apache-2.0", "GPL-3.0-or-later", "GPL-2.0-or-later", "LGPL-3.0-or-later", "ODbL-1.0",
)  # fmt: skip
_SPDX = re.compile(r"[A-Za-z0-9.+-]+(?: (?:AND|OR|WITH) [A-Za-z0-9.+-]+)*")
_TEXTS = ("title", "description", "licence", "publisher", "version", "repository", "main", "date")
_LISTS = ("keywords", "order", "include", "exclude")
_MOST_BYTES = 1 << 20


@dataclass(frozen=True)
class Related:
    """Another work, and how this one relates to it in DataCite's words."""

    identifier: str
    relation: str = "IsSupplementTo"

    @property
    def is_doi(self) -> bool:
        """Whether it is a DOI, not an address."""
        return self.identifier.startswith("10.")

    @property
    def url(self) -> str:
        """An address that opens it."""
        return f"https://doi.org/{self.identifier}" if self.is_doi else self.identifier


@dataclass(frozen=True)
class Declaration:
    """What the author declares, completed by what the notebooks say.

    Attributes
    ----------
    title, description, licence, publisher, version, doi, repository, main, date : str
        `licence` is an SPDX identifier; `main` the notebook that the others lead to.
    authors : tuple of Author
    keywords : tuple of str
    order : tuple of str
        Notebooks, in the order in which they are executed; the others come behind.
    notebooks : mapping
        Path to what is declared of it: ``values``, ``requires``, ``title``, ``data``.
    data : tuple of mapping
    claims : tuple of mapping
    related : tuple of Related
    include, exclude : tuple of str
        Patterns of files.
    """

    title: str = ""
    description: str = ""
    licence: str = ""
    publisher: str = ""
    version: str = ""
    doi: str = ""
    repository: str = ""
    main: str = ""
    date: str = ""
    authors: tuple[Author, ...] = ()
    keywords: tuple[str, ...] = ()
    order: tuple[str, ...] = ()
    notebooks: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    data: tuple[Mapping[str, Any], ...] = ()
    claims: tuple[Mapping[str, Any], ...] = ()
    related: tuple[Related, ...] = ()
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()

    def over(self, **given: Any) -> Declaration:
        """The same with what is given (and not empty) in the place of what was declared."""
        return replace(self, **{name: value for name, value in given.items() if value})


def doi(text: str) -> str:
    """A DOI without its address.

    Raises
    ------
    PublicationError
        If it is none.

    Examples
    --------
    >>> doi("https://doi.org/10.22003/XFEL.EU-DATA-002012-00")
    '10.22003/XFEL.EU-DATA-002012-00'
    """
    found = _DOI.fullmatch(text.strip())
    if found is None:
        raise PublicationError(f"{text!r} is no DOI", hint="It looks like 10.5281/zenodo.1234567")
    return found[1]


def read_declaration(folder: Path) -> Declaration:
    """The declaration in a folder; an empty one where there is none.

    Raises
    ------
    PublicationError
        If it cannot be read, or says something that nobody understands: the key is named, and
        the closest that exists.
    """
    path = folder / DECLARATION
    if not path.is_file():
        return Declaration()
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise PublicationError(f"{DECLARATION} is larger than a declaration can be")
        document = yaml.safe_load(path.read_bytes()) or {}
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        where = " ".join(str(error).split())[:160]
        raise PublicationError(f"{DECLARATION} is no YAML: {where}") from error
    return _declared(document)


def _declared(document: Any) -> Declaration:
    if not isinstance(document, Mapping):
        raise PublicationError(f"{DECLARATION} is a list of names with values, such as title: …")
    facts = {_KEYS_ALSO.get(str(key), str(key)): value for key, value in document.items()}
    known = {*_TEXTS, *_LISTS, *_READERS}
    for key in facts:
        if key not in known:
            close = " or ".join(close_names(key, known)) or ", ".join(sorted(known))
            raise PublicationError(f"{DECLARATION}: unknown {key!r}", hint=f"Did you mean {close}?")
    made: dict[str, Any] = {key: _text(key, facts[key]) for key in _TEXTS if key in facts}
    made |= {key: _words(key, facts[key]) for key in _LISTS if key in facts}
    made |= {key: read(facts[key]) for key, read in _READERS.items() if key in facts}
    if licence := made.get("licence"):
        made["licence"] = spdx(licence)
    return Declaration(**made)


def spdx(licence: str) -> str:
    """The licence as SPDX writes it, if it is one of SPDX or an expression of them.

    Raises
    ------
    PublicationError
        If it is a phrase, or SPDX knows no such licence.
    """
    try:
        if _SPDX.fullmatch(licence.strip()):
            return str(canonicalize_license_expression(licence.strip()))
    except InvalidLicenseExpression:
        pass
    close = close_names(licence.strip(), _LICENCES)
    such = f"Did you mean {', '.join(close)}? See" if close else f"Such as {_LICENCES[0]}, MIT; see"
    raise PublicationError(
        f"{licence!r} is no SPDX identifier of a licence", hint=f"{such} spdx.org/licenses"
    )


def _text(key: str, value: Any) -> str:
    if isinstance(value, Mapping | list):
        raise PublicationError(f"{DECLARATION}: {key} is a text")
    return " ".join(str(value).split()) if value is not None else ""


def _words(key: str, value: Any) -> tuple[str, ...]:
    if isinstance(value, str):
        return (value,)
    if not isinstance(value, Sequence) or any(isinstance(each, Mapping | list) for each in value):
        raise PublicationError(f"{DECLARATION}: {key} is a list of texts")
    return tuple(map(str, value))


def _authors(value: Any) -> tuple[Author, ...]:
    return tuple(map(Author.of, value if isinstance(value, list) else [value]))


def _mappings(key: str, main: str, allowed: Sequence[str]) -> Any:
    """A reader of a list of mappings; a mere text stands for the one key that matters."""

    def read(value: Any) -> tuple[Mapping[str, Any], ...]:
        listed = value if isinstance(value, list) else [value]
        found = [{main: each} if isinstance(each, str) else each for each in listed]
        for each in found:
            if not isinstance(each, Mapping):
                raise PublicationError(f"{DECLARATION}: {key} is a list of mappings")
            for name in each:
                if name not in allowed:
                    close = " or ".join(close_names(str(name), allowed)) or ", ".join(allowed)
                    raise PublicationError(
                        f"{DECLARATION}: {key}: unknown {name!r}", hint=f"Did you mean {close}?"
                    )
        return tuple(found)

    return read


def _notebooks(value: Any) -> Mapping[str, Mapping[str, Any]]:
    allowed = ("path", "values", "requires", "title", "data")
    listed = _mappings("notebooks", "path", allowed)(value)
    for each in listed:
        if not isinstance(each.get("path"), str):
            raise PublicationError(f"{DECLARATION}: a notebook has a path, such as path: a.ipynb")
        if not isinstance(each.get("values") or {}, Mapping):
            raise PublicationError(f"{DECLARATION}: {each['path']}: values are names with values")
    return {each["path"]: each for each in listed}


def _related(value: Any) -> tuple[Related, ...]:
    listed = _mappings("related", "identifier", ("identifier", "relation"))(value)
    return tuple(map(_one_related, listed))


def _one_related(each: Mapping[str, Any]) -> Related:
    identifier = str(each.get("identifier") or "").strip()
    relation = str(each.get("relation") or Related.relation)
    named = {name.lower(): name for name in RELATIONS}
    if relation.lower() not in named:
        close = " or ".join(close_names(relation, RELATIONS)) or ", ".join(RELATIONS)
        raise PublicationError(
            f"{DECLARATION}: no relation {relation!r}", hint=f"Did you mean {close}?"
        )
    if not re.match(r"https?://", identifier) or "doi.org/" in identifier:
        identifier = doi(identifier)
    return Related(identifier, named[relation.lower()])


_KEYS_ALSO = {"license": "licence", "identifiers": "related", "author": "authors"}
_READERS: dict[str, Any] = {
    "authors": _authors,
    "notebooks": _notebooks,
    "related": _related,
    "data": _mappings(
        "data", "where",
        ("name", "where", "doi", "url", "folder", "proposal", "run", "runs", "target", "files",
         "carry", "size", "sha256"),
    ),
    "claims": _mappings("claims", "name", ("name", "notebook", "cell", "text", "kind")),
    "doi": lambda value: doi(str(value)),
}  # fmt: skip
