"""Metadata for registering a DOI: DataCite 4.5 as JSON (``datacite.json``)."""

from __future__ import annotations

from typing import Any

from beambook.publication._author import Author
from beambook.publication._crate.crate import Facts, licence_url

__all__ = ["datacite"]

SCHEMA = "http://datacite.org/schema/kernel-4"
NOBODY = "(not yet published)"


def datacite(facts: Facts) -> dict[str, Any]:
    """The document; the DOI is that of the declaration, else whoever registers it adds one.

    Parameters
    ----------
    facts : Facts

    Returns
    -------
    dict
    """
    declared = facts.declaration
    document: dict[str, Any] = {
        "doi": declared.doi,
        "identifiers": [{"identifier": declared.doi, "identifierType": "DOI"}]
        if declared.doi
        else [],
        "creators": [_creator(author) for author in declared.authors],
        "titles": [{"title": declared.title}],
        "publisher": {"name": declared.publisher or NOBODY},
        "publicationYear": facts.date[:4],
        "types": {
            "resourceType": "Executable publication",
            "resourceTypeGeneral": "ComputationalNotebook",
        },
        "subjects": [{"subject": word} for word in declared.keywords],
        "dates": [{"date": facts.date, "dateType": "Created"}],
        "language": "en",
        "version": declared.version,
        "formats": ["application/x-ipynb+json", "application/ld+json"],
        "sizes": [f"{len(facts.files)} files", f"{sum(facts.files.values())} bytes"],
        "rightsList": [_rights(declared.licence)],
        "descriptions": _descriptions(declared.description),
        "relatedIdentifiers": [*_related(facts)],
        "schemaVersion": SCHEMA,
    }
    return {key: value for key, value in document.items() if value}


def _creator(author: Author) -> dict[str, Any]:
    creator: dict[str, Any] = {
        "name": f"{author.family}, {author.given}" if author.given else author.family,
        "nameType": "Personal",
        "givenName": author.given,
        "familyName": author.family,
    }
    if author.orcid:
        creator["nameIdentifiers"] = [
            {
                "nameIdentifier": f"https://orcid.org/{author.orcid}",
                "nameIdentifierScheme": "ORCID",
                "schemeUri": "https://orcid.org",
            }
        ]
    if author.affiliation or author.ror:
        creator["affiliation"] = [_affiliation(author)]
    return {key: value for key, value in creator.items() if value}


def _affiliation(author: Author) -> dict[str, str]:
    home = {"name": author.affiliation or f"https://ror.org/{author.ror}"}
    if author.ror:
        home |= {
            "affiliationIdentifier": f"https://ror.org/{author.ror}",
            "affiliationIdentifierScheme": "ROR",
            "schemeUri": "https://ror.org",
        }
    return home


def _rights(spdx: str) -> dict[str, str]:
    return {
        "rights": spdx,
        "rightsUri": licence_url(spdx),
        "rightsIdentifier": spdx,
        "rightsIdentifierScheme": "SPDX",
        "schemeUri": "https://spdx.org/licenses/",
    }


def _descriptions(text: str) -> list[dict[str, str]]:
    return [{"description": text, "descriptionType": "Abstract"}] if text else []


def _related(facts: Facts) -> list[dict[str, str]]:
    """Works that the author names, the data it comes from, the code it is a version of."""
    found = [
        {
            "relatedIdentifier": each.identifier,
            "relatedIdentifierType": "DOI" if each.is_doi else "URL",
            "relationType": each.relation,
        }
        for each in facts.declaration.related
    ]
    found += [_derived(doi, "DOI") for each in facts.data for doi in each.dois]
    found += [_derived(each.where, "URL") for each in facts.data if each.kind == "url"]
    if remote := facts.code.get("remote"):
        found.append(
            {
                "relatedIdentifier": remote,
                "relatedIdentifierType": "URL",
                "relationType": "IsVersionOf",
            }
        )
    return found


def _derived(identifier: str, kind: str) -> dict[str, str]:
    return {
        "relatedIdentifier": identifier,
        "relatedIdentifierType": kind,
        "relationType": "IsDerivedFrom",
    }
