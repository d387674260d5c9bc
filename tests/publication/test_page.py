"""The verdict page: what a reader finds on it, in HTML and in PDF."""

import re
from dataclasses import replace

import pytest
from nbformat.v4 import new_output

from beambook.publication import Verification, verify
from beambook.publication._page.words import HEADLINES
from beambook.publication._verify.imprint import Imprint
from beambook.publication._verify.leg import CellOutcome, NotebookVerdict, PackageChange

from .verdicts import (
    code,
    compared,
    displayed,
    edge,
    leg,
    page_of,
    pdf_text,
    recorded,
    verification,
    write,
)

# --- the answer and the claims ------------------------------------------------


@pytest.fixture(scope="module")
def different(tmp_path_factory):
    folder = tmp_path_factory.mktemp("different")
    notebook = compared(folder, "edge.ipynb", edge(8333.0), edge(8333.4, shift=30))
    made = verification(folder, leg(notebook), data=(("r1", "run p900074 r0001; found"),))
    return made, page_of(made), pdf_text(folder)


def test_the_page_leads_with_the_answer_and_its_cause(different):
    made, page, paper = different
    assert made.status == "different"
    for text in (page.text, paper):
        assert text.index("It came out different.") < text.index("First cause: cell 2")
        assert text.index("First cause") < text.index("Claims (3)") < text.index("Every cell")
        assert "8333.4 instead of 8333 (relative 4.8e-05)" in text


def test_the_head_says_whose_publication_it_is_and_which(tmp_path):
    record = {
        "authors": [{"name": f"Anna <b>\x1b[31m{n}"} for n in range(12)] + [{"name": 5}, "x", None],
        "date": "2026-11-20",
        "version": "1.2",
        "doi": "10.22003/XFEL.EU-DATA-002012-00",
    }
    notebook = compared(tmp_path, "edge.ipynb", edge(1.0), edge(1.0))
    made = verification(tmp_path, leg(notebook), imprint=Imprint.of(record))
    page, paper = page_of(made), pdf_text(tmp_path)
    facts = "published 2026-11-20 · version 1.2 · doi 10.22003/XFEL.EU-DATA-002012-00"
    for text in (page.text, paper):
        head = text[: text.index("Notebooks are documents")]
        assert "Anna <b>" in head
        assert "6 others" in head
        assert facts in head
        assert made.checksum in head
    assert Verification.load(tmp_path).imprint == made.imprint
    assert made.document()["publication"]["doi"] == record["doi"]
    assert len(made.document()["publication"]["authors"]) == 13


@pytest.mark.parametrize("record", [{}, {"authors": 3, "date": [1]}, {"authors": {"a": 1}}])
def test_what_is_no_author_is_not_told(record):
    assert Imprint.of(record) == Imprint()


def test_a_claimed_number_stands_beside_the_published_one(different):
    _, page, paper = different
    for text in (page.text, paper):
        assert "8333.000 ± 0.250 eV" in text
        assert "8333.400 ± 0.250 eV" in text
        assert "± 0.1 eV" in text
        assert "4.8e-05" in text


def test_what_the_authors_say_of_a_claim_names_it(tmp_path):
    notebook = compared(tmp_path, "edge.ipynb", edge(8333.0), edge(8333.0))
    cells = tuple(replace(cell, said="Figure 2 of the paper") for cell in notebook.cells)
    made = verification(tmp_path, leg(replace(notebook, cells=cells)))
    assert "Figure 2 of the paper; edge.ipynb, cell 2" in page_of(made).text
    assert made.claims[0].said == "Figure 2 of the paper"


def test_values_that_differ_never_look_alike(tmp_path):
    one, two = edge(8333.00000001), edge(8333.00000002)
    page = page_of(verification(tmp_path, leg(compared(tmp_path, "e.ipynb", one, two))))
    published, new = re.findall(r"<code>(8333[^<]*)</code>", page.source)[:2]
    assert published != new


def test_a_claimed_figure_has_both_pictures_and_their_difference(different):
    _, page, paper = different
    alts = [each["alt"] for each in page.all("img")]
    assert len(alts) == 3
    assert "as it was published" in alts[0]
    assert re.search(r"where the two pictures differ, [\d.]+ % of the area", alts[2])
    assert "Red: only in the new picture" in page.text
    assert "Red: only in the new picture" in paper


def test_drawings_have_a_picture_of_their_difference_too(tmp_path):
    svg = (
        '<svg xmlns="http://www.w3.org/2000/svg" width="200" height="100" viewBox="0 0 200 100">'
        '<rect width="{}" height="40" fill="navy"/></svg>'
    )
    published, new = ([code("p", displayed(svg=svg.format(w), plain="x"))] for w in (60, 120))
    page = page_of(verification(tmp_path, leg(compared(tmp_path, "e.ipynb", published, new))))
    kinds = [each["src"].partition(";")[0] for each in page.all("img")]
    assert kinds == ["data:image/svg+xml", "data:image/svg+xml", "data:image/png"]
    share = re.search(r"([\d.]+) % of the area differs", page.text)
    assert float(share[1]) == pytest.approx(60 * 40 / (200 * 100) * 100, rel=0.1)


def test_identical_pictures_need_no_picture_of_a_difference(tmp_path):
    page = page_of(verification(tmp_path, leg(compared(tmp_path, "e.ipynb", edge(1.0), edge(1.0)))))
    assert len(page.all("img")) == 2
    assert "identical, pixel for pixel" in page.text
    assert "It came out the same." in page.text
    assert "All of the 3 claims of the authors came out." in page.text


@pytest.mark.parametrize("before", ["", "x" * 300, "line\n" * 40], ids=["first", "right", "below"])
def test_texts_are_shown_where_they_differ(before, tmp_path):
    published, new = ([code("t", displayed(plain=f"{before}edge {e}"))] for e in ("A", "B"))
    page = page_of(verification(tmp_path, leg(compared(tmp_path, "e.ipynb", published, new))))
    assert "edge A" in page.text
    assert "edge B" in page.text
    assert "the same" not in page.text.partition("Every cell")[2].partition("Integrity")[0]


def test_without_claims_the_page_says_so_and_shows_what_was_recorded(tmp_path):
    cells = [code("r", recorded("width", 1.5, unit="eV"))]
    page = page_of(verification(tmp_path, leg(compared(tmp_path, "e.ipynb", cells, cells))))
    assert "The authors marked no numbers" in page.text
    assert "1.5 eV" in page.text


def test_a_claim_that_was_not_reached_still_shows_what_was_published(tmp_path):
    reference = write(tmp_path / "reference" / "e.ipynb", edge(8333.0))
    cells = (CellOutcome(2, "Edge of nickel", "not reached", claim=True),)
    made = NotebookVerdict("e.ipynb", "not verified", "it needs a.ipynb", cells, None, reference)
    page = page_of(verification(tmp_path, leg(made)))
    assert "It could not be verified." in page.text
    assert "Why: it needs a.ipynb" in page.text
    assert "8333.000 ± 0.250 eV" in page.text


# --- the circumstances --------------------------------------------------------


def test_integrity_software_sandbox_data_and_times_are_told(different):
    _, page, paper = different
    for text in (page.text, paper):
        assert "byte for byte, as it was sealed" in text
        assert "each checked by its hash" in text
        assert "had no network" in text
        assert "run p900074 r0001; found" in text
        assert "2026-11-23T14:00:00" in text
    assert "5e" * 32 in page.text
    assert "5e" * 32 in paper.replace(" ", "")


def test_what_was_changed_since_it_was_sealed_is_listed(tmp_path):
    changed = tuple((f"work/f{i}.csv", "its checksum is another one") for i in range(60))
    page = page_of(verification(tmp_path, integrity=changed))
    assert "It is not what was sealed" in page.text
    assert "work/f0.csv" in page.text
    assert "20 more files left out" in page.text
    assert "nothing is known about their results" in page.text
    assert "has executed them" not in page.text


def test_two_legs_stand_side_by_side_with_the_sentence_that_explains_them(tmp_path):
    good = compared(tmp_path, "e.ipynb", edge(8333.0), edge(8333.0))
    bad = compared(tmp_path, "e.ipynb", edge(8333.0), edge(8334.0), leg="newest")
    newest = leg(
        bad, name="newest", packages={"numpy": "3.0.0"},
        changes=(PackageChange("numpy", "3.0.0", "2.1.0"),),
    )  # fmt: skip
    made = verification(tmp_path, leg(good), newest)
    page = page_of(made)
    assert made.status == "same"
    for text in (page.text, pdf_text(tmp_path)):
        assert "the software has changed, not the science" in text
        assert "preserved software" in text
        assert "newest software" in text
        assert "numpy 2.1.0 → 3.0.0" in text
    assert "8334.000 ± 0.250 eV" in page.text
    assert "has executed them again from the beginning" in page.text


def test_without_a_sandbox_the_page_says_what_was_not_prevented(tmp_path):
    made = leg(compared(tmp_path, "e.ipynb", edge(1.0), edge(1.0)))
    plain = replace(made, sandbox="none: a plain folder, which does not prevent network")
    assert "does not prevent network" in page_of(verification(tmp_path, plain)).text


# --- one file, for everybody --------------------------------------------------


def test_the_page_needs_no_network_and_no_script(different):
    _, page, _ = different
    assert not page.all("script")
    assert not page.all("link")
    assert all(each["src"].startswith("data:image/png;base64,") for each in page.all("img"))
    assert all(each["href"].startswith("#") for each in page.all("a"))
    assert "default-src 'none'" in page.source


def test_every_link_of_the_contents_leads_somewhere(different):
    _, page, _ = different
    anchors = {attrs["id"] for _, attrs in page.tags if "id" in attrs}
    links = [each["href"][1:] for each in page.all("a")]
    assert links
    assert set(links) <= anchors


def test_no_verdict_is_told_by_colour_alone(different):
    _, page, _ = different
    marks = re.findall(r'<span class="mark \w+"><span aria-hidden="true">(.)</span> (.+?)</span>',
                       page.source)  # fmt: skip
    assert ("≠", "different") in marks
    assert all(sign.strip() and word for sign, word in marks)
    assert all("alt" in each for each in page.all("img"))
    assert {each.get("lang") for each in page.all("html")} == {"en"}


def test_the_same_verification_gives_the_same_bytes(tmp_path):
    made = verification(
        tmp_path, leg(compared(tmp_path, "e.ipynb", edge(8333.0), edge(8334.0, shift=9)))
    )
    files = [tmp_path / name for name in ("verdict.html", "verdict.pdf")]
    made.save()
    first = [file.read_bytes() for file in files]
    Verification.load(tmp_path).save()
    assert [file.read_bytes() for file in files] == first


@pytest.mark.parametrize("answer", HEADLINES)
def test_each_answer_has_its_sentence(answer, tmp_path):
    cells = (CellOutcome(1, "", "error" if answer == "different" else "same", "raised E"),)
    made = NotebookVerdict("a.ipynb", answer, cells=cells, execution=tmp_path / "gone")
    page = page_of(verification(tmp_path, leg(made)))
    assert HEADLINES[answer] in page.text
    assert HEADLINES[answer] in pdf_text(tmp_path)


def test_verify_writes_the_pages_and_names_them(tmp_path):
    source = tmp_path / "paper"
    write(source / "a.ipynb", [code("print(1)", new_output("stream", name="stdout", text="2\n"))])
    made = verify(source, environment="here", into=tmp_path / "v")
    names = [file.name for file in made.files]
    assert {"verdict.html", "verdict.pdf"} <= set(names)
    assert "It came out different." in (made.path / "verdict.html").read_text(encoding="utf-8")
    assert "It came out different." in pdf_text(made.path)
