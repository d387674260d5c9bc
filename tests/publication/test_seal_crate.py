"""What others read of a publication: the crate, DataCite, the citation, the README."""

import json
import re
import warnings
from pathlib import Path

import nbformat
import pytest
import yaml
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from beambook.errors import PublicationError
from beambook.publication import seal
from beambook.publication._author import Author, orcid, ror

PROFILES = (
    "ro-crate-1.1",
    "process-run-crate-0.5",
    "workflow-run-crate-0.5",
    "workflow-ro-crate-1.0",
)
BIOSCHEMAS = "https://bioschemas.org/"
# The rocrate wheel brings the context of RO-Crate 1.3, which has other addresses for these.
OF_1_1 = {
    "ComputationalWorkflow": f"{BIOSCHEMAS}ComputationalWorkflow",
    "FormalParameter": f"{BIOSCHEMAS}FormalParameter",
    "input": f"{BIOSCHEMAS}ComputationalWorkflow#input",
    "output": f"{BIOSCHEMAS}ComputationalWorkflow#output",
}
DECLARED = """
title: Edge of nickel
description: A foil, measured twice.
licence: CC0-1.0
publisher: European XFEL
doi: 10.5281/zenodo.7654321
authors:
  - name: Josiah Carberry
    orcid: https://orcid.org/0000-0002-1825-0097
    affiliation: Brown University
    ror: https://ror.org/05gq02987
  - Ludwig van Beethoven
keywords: [X-ray, "edge: nickel"]
related:
  - identifier: https://doi.org/10.1107/S160057752
  - {identifier: "https://example.org/logbook", relation: isdocumentedby}
data:
  - {doi: 10.22003/XFEL.EU-DATA-002012-00, name: raw}
  - beside
  - {folder: ../foils, doi: 10.5281/zenodo.99}
"""


class Answer:
    """What requests would return: the context where it is known, else nothing."""

    def __init__(self, document):
        self.document, self.ok = document, document is not None
        self.status_code = 200 if self.ok else 404
        self.text, self.headers = json.dumps(document), {"Content-Type": "application/ld+json"}

    def json(self):
        return self.document


def broken_rules(folder, profile, monkeypatch):
    """What a profile requires and a crate has not; nothing is fetched."""
    rocrate = pytest.importorskip("rocrate", reason="its wheel brings the contexts")
    services = pytest.importorskip("rocrate_validator.services")
    from rocrate_validator.models import Severity
    from rocrate_validator.utils.http import HttpRequester

    terms = json.loads((Path(rocrate.__file__).parent / "data" / "ro-crate.jsonld").read_bytes())
    contexts = {"workflow-run": {}, "ro/crate": {**terms["@context"], **OF_1_1}}

    def get(_self, url, *_, **__):
        known = [{"@context": c} for part, c in contexts.items() if part in str(url)]
        return Answer(known[0] if known else None)

    monkeypatch.setattr(HttpRequester, "get", get, raising=False)
    monkeypatch.setattr(HttpRequester, "head", get, raising=False)
    settings = {
        "rocrate_uri": str(folder), "profile_identifier": profile,
        "requirement_severity": Severity.REQUIRED, "abort_on_first": False,
    }  # fmt: skip
    with warnings.catch_warnings(action="ignore", category=DeprecationWarning):  # rdflib's own
        result = services.validate(settings)
    return [f"{issue.check.identifier}: {issue.message}" for issue in result.get_issues()]


def notebook(path, title, *sources, result=None):
    cells = [new_markdown_cell(f"# {title}")]
    for number, source in enumerate(sources, 1):
        outputs = [new_output("stream", text=f"{number}\n")]
        cells.append(new_code_cell(source, execution_count=number, outputs=outputs))
    if result is not None:
        data = {"application/vnd.beambook.result+json": result, "text/plain": "edge = 8333.1 eV"}
        cells[-1].outputs.append(new_output("display_data", data))
    for number, cell in enumerate(cells):
        cell["id"] = f"cell-{number}"
    path.parent.mkdir(exist_ok=True, parents=True)
    nbformat.write(new_notebook(cells=cells), path)


@pytest.fixture(scope="module")
def publication(tmp_path_factory):
    folder = tmp_path_factory.mktemp("crate")
    source = folder / "edge of nickel"
    record = {"version": 1, "name": "edge", "value": 8333.1, "unit": "eV", "claim": True}
    notebook(source / "2 fit.ipynb", "Fit", "energy = 8333.0  # eV\nname = 'µ'", result=record)
    notebook(source / "10 plot.ipynb", "Plot | all", "import numpy")
    (source / "beside").mkdir()
    (source / "beside" / "a b%20.csv").write_text("1,2\n")
    (folder / "foils").mkdir()
    (folder / "foils" / "nickel.csv").write_text("3,4\n")
    (source / "publication.yml").write_text(DECLARED)
    return seal(source, folder / "sealed", environment="none", date="2026-11-23")


@pytest.mark.parametrize("profile", PROFILES)
def test_crate_has_all_that_the_profile_requires(publication, profile, monkeypatch):
    assert broken_rules(publication.path, profile, monkeypatch) == []


def test_every_file_in_the_crate_has_its_size_and_format(publication):
    crate = json.loads((publication.path / "ro-crate-metadata.json").read_bytes())
    files = [e for e in crate["@graph"] if "File" in e["@type"]]
    lacking = {e["@id"] for e in files if not {"contentSize", "encodingFormat"} <= e.keys()}
    assert lacking == {"manifest-sha256.txt"}  # it is written last, of all others


def test_validator_sees_what_is_missing(publication, tmp_path, monkeypatch):
    crate = json.loads((publication.path / "ro-crate-metadata.json").read_bytes())
    crate["@graph"] = [e for e in crate["@graph"] if e["@type"] != "CreateAction"]
    (tmp_path / "ro-crate-metadata.json").write_text(json.dumps(crate))
    assert broken_rules(tmp_path, "workflow-run-crate-0.5", monkeypatch)


def test_every_reference_in_the_crate_leads_somewhere(publication):
    crate = json.loads((publication.path / "ro-crate-metadata.json").read_bytes())
    there = {entity["@id"] for entity in crate["@graph"]}
    assert len(there) == len(crate["@graph"])
    text = json.dumps(crate["@graph"])
    aimed = set(re.findall(r'\{"@id": "([^"]+)"\}', text))
    outside = {each for each in aimed - there if not each.startswith("http")}
    assert outside == set()


def test_crate_says_values_results_and_order(publication):
    crate = json.loads((publication.path / "ro-crate-metadata.json").read_bytes())
    by_id = {entity["@id"]: entity for entity in crate["@graph"]}
    root = by_id["./"]
    assert root["mainEntity"] == {"@id": "work/10%20plot.ipynb"}
    action = by_id["#execution/2-fit.ipynb"]
    objects = [by_id[each["@id"]] for each in action["object"]]
    assert {o["name"]: o.get("value") for o in objects if o["@type"] == "PropertyValue"} == {
        "energy": 8333.0, "name": "µ",
    }  # fmt: skip
    results = [by_id[each["@id"]] for each in action["result"]]
    assert [r["value"] for r in results if r["@type"] == "PropertyValue"] == [8333.1]
    assert [r["unitText"] for r in results if r["@type"] == "PropertyValue"] == ["eV"]


def test_datacite_has_what_is_mandatory(publication):
    document = json.loads((publication.path / "datacite.json").read_bytes())
    assert document["identifiers"] == [
        {"identifier": "10.5281/zenodo.7654321", "identifierType": "DOI"}
    ]
    first, second = document["creators"]
    assert first["name"] == "Carberry, Josiah"
    assert first["nameIdentifiers"][0]["nameIdentifier"].endswith("0000-0002-1825-0097")
    assert first["affiliation"][0]["affiliationIdentifier"] == "https://ror.org/05gq02987"
    assert second == {
        "name": "Beethoven, Ludwig van", "nameType": "Personal",
        "givenName": "Ludwig van", "familyName": "Beethoven",
    }  # fmt: skip
    assert document["titles"] == [{"title": "Edge of nickel"}]
    assert document["publisher"] == {"name": "European XFEL"}
    assert document["publicationYear"] == "2026"
    assert document["types"]["resourceTypeGeneral"] == "ComputationalNotebook"
    related = {(r["relatedIdentifier"], r["relationType"]) for r in document["relatedIdentifiers"]}
    assert related == {
        ("10.1107/S160057752", "IsSupplementTo"),
        ("https://example.org/logbook", "IsDocumentedBy"),
        ("10.22003/XFEL.EU-DATA-002012-00", "IsDerivedFrom"),
        ("10.5281/zenodo.99", "IsDerivedFrom"),  # it is carried as well
    }


def test_citation_survives_reading(publication):
    document = yaml.safe_load((publication.path / "CITATION.cff").read_text())
    assert document["cff-version"] == "1.2.0"
    assert document["title"] == "Edge of nickel"
    assert document["authors"][0]["orcid"] == "https://orcid.org/0000-0002-1825-0097"
    assert document["keywords"] == ["X-ray", "edge: nickel"]
    assert str(document["date-released"]) == "2026-11-23"
    assert document["license"] == "CC0-1.0"


def test_readme_tells_what_to_type_and_every_link_leads_to_a_file(publication):
    text = (publication.path / "README.md").read_text()
    assert "beambook verify ." in text
    assert "`beambook rerun . '2 fit.ipynb' energy=8333.0`" in text
    assert "The software was not sealed" in text
    assert re.search(r"- `work/` \(\d+ files, [\d.]+ kB\): ", text)
    links = re.findall(r"\]\(<([^>]+)>\)", text)
    assert len(links) == 4
    assert all((publication.path / link).is_file() for link in links)


@pytest.mark.parametrize("wrong", ["0000-0002-1825-0098", "0000-0002-1825", "https://orcid.org/x"])
def test_mistyped_orcid_is_refused(wrong):
    with pytest.raises(PublicationError, match="no ORCID"):
        orcid(wrong)


def test_orcid_that_ends_in_ten_ends_in_x():
    assert orcid("0000-0002-9079-593x") == "0000-0002-9079-593X"


def test_mistyped_ror_is_refused():
    assert ror("01wp2jz98") == "01wp2jz98"
    with pytest.raises(PublicationError, match="last two digits"):
        ror("01wp2jz89")


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("Jane Doe", ("Jane", "Doe")),
        ("Doe, Jane Q.", ("Jane Q.", "Doe")),
        ({"given": "Jane", "family": "van Doe"}, ("Jane", "van Doe")),
        ("Plato", ("", "Plato")),
    ],
)
def test_names_are_cut_where_their_owners_would(given, expected):
    author = Author.of(given)
    assert (author.given, author.family) == expected


def test_unknown_word_in_an_author_names_the_closest():
    with pytest.raises(PublicationError, match="affiliation"):
        Author.of({"name": "Jane", "afiliation": "Here"})
