"""The verdict page of what strangers wrote: hostile, broken, and very much of it."""

import base64
import io
import struct
import zlib
from dataclasses import replace

import pypdfium2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from nbformat.v4 import new_markdown_cell, new_output
from PIL import Image

from beambook.publication._page.compose import compose
from beambook.publication._page.html import html_page
from beambook.publication._page.words import shown
from beambook.publication._verify.leg import CellOutcome, NotebookVerdict
from beambook.recipe._record import RESULT

from .verdicts import (
    Page,
    code,
    compared,
    displayed,
    leg,
    page_of,
    pdf_text,
    png,
    recorded,
    verification,
)

EVIL = "<script>alert(1)</script><img src=x onerror=alert(1)>\"'</style></pre>"
TYPST = '#panic("out") $ @a <b> \\u{41} */ #eval("1")'
STRANGE = "\x1b[31mred\x1b[0m \x00 \u202eturned \ue000 日本語 עברית 🦀 𓀀 \u200b"
EVIL_SVG = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="20" height="20" onload="alert(1)">'
    '<script>alert(1)</script><image href="https://example.org/x.png"/><rect width="9" height="9"/>'
    "</svg>"
)


def broken(kind):
    content = {
        "bomb": _bomb(),
        "cut": base64.b64decode(png())[:60],
        "text": b"not a picture at all",
        "empty": b"",
    }[kind]
    return base64.b64encode(content).decode()


def _bomb():
    """A PNG that says it has four thousand million pixels."""

    header = struct.pack(">IIBBBBB", 65000, 65000, 8, 2, 0, 0, 0)
    parts = ((b"IHDR", header), (b"IDAT", zlib.compress(b"0" * 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in parts
    )


def cells(text, turn):
    return [
        new_markdown_cell(f"# {text}"),
        code("a", recorded(text, 1.0 + turn, unit=text[:40], claim=True)),
        code("b", displayed(html=text, plain=f"{text} {turn}"), tags=["claim"]),
        code("c", new_output("stream", name="stdout", text=f"{text} {turn}\n")),
        code("d", displayed(svg=EVIL_SVG.replace("9", str(turn + 2)), plain=text), tags=["claim"]),
        code("e", new_output("error", ename=text, evalue=f"{text} {turn}", traceback=[text])),
    ]


def of(folder, text):
    notebook = compared(folder, "n.ipynb", cells(text, 0), cells(text, 1))
    notebook = replace(notebook, path=f"{text}.ipynb", problem=text, notes=(text,))
    made = verification(
        folder, replace(leg(notebook), notes=(text,)), notes=(text,), data=((text, text),)
    )
    return replace(made, title=text)


@pytest.mark.parametrize("text", [EVIL, TYPST, STRANGE], ids=["html", "typst", "letters"])
def test_nothing_that_a_stranger_wrote_is_executed_or_fetched(text, tmp_path):
    page = page_of(of(tmp_path, text))
    assert {tag for tag, _ in page.tags} <= {
        "html", "head", "meta", "title", "style", "body", "header", "p", "h1", "h2", "div", "span",
        "nav", "ul", "li", "a", "main", "table", "caption", "thead", "tbody", "tr", "th", "td",
        "code", "pre", "figure", "figcaption", "img", "details", "summary", "strong", "wbr",
        "footer", "time",
    }  # fmt: skip
    assert not [name for _, attrs in page.tags for name in attrs if name.startswith("on")]
    assert all(each["src"].startswith("data:image/") for each in page.all("img"))
    assert not set("\x00\x1b\u202e\ue000") & set(page.source)
    assert (tmp_path / "verdict.pdf").read_bytes().startswith(b"%PDF-")
    assert "example.org" not in page.text
    for source in (each["src"] for each in page.all("img")):
        content = base64.b64decode(source.partition(",")[2])
        assert b"https://example.org" not in content


def test_letters_without_a_glyph_are_boxes_and_told(tmp_path):
    page_of(of(tmp_path, STRANGE))
    text = " ".join(
        page.get_textpage().get_text_range()
        for page in pypdfium2.PdfDocument(tmp_path / "verdict.pdf")
    )
    assert "stands for characters that no font here has" in text


@pytest.mark.parametrize("kind", ["bomb", "cut", "text", "empty"])
def test_a_broken_picture_is_told(kind, tmp_path):
    published = [code("p", displayed(png=png(), plain="x"), tags=["claim"])]
    new = [code("p", displayed(png=broken(kind), plain="x"), tags=["claim"])]
    page = page_of(verification(tmp_path, leg(compared(tmp_path, "n.ipynb", published, new))))
    assert len(page.all("img")) == 1
    assert "cannot be shown" in page.text or "no picture was stored" in page.text


@pytest.mark.parametrize(
    "result",
    [
        {"name": 3, "value": {"type": "array"}, "unit": ["x"], "claim": 1},
        {"name": "a", "value": {"type": "mapping", "items": 5}, "tol": "much", "claim": True},
        {"name": "a", "value": None, "error": {}, "rtol": None, "claim": "yes"},
        {"name": "a", "value": [[1], [2]], "error": "1", "claim": True},
        {"claim": True},
    ],
)
def test_a_forged_result_does_not_stop_the_page(result, tmp_path):
    output = new_output("display_data", {RESULT: result, "text/plain": "forged"})
    other = new_output("display_data", {RESULT: {**result, "value": 1.0}, "text/plain": "forged"})
    made = leg(compared(tmp_path, "n.ipynb", [code("r", output)], [code("r", other)]))
    assert "Claims" in page_of(verification(tmp_path, made)).text


@given(st.text(max_size=80))
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
def test_any_text_can_stand_on_the_page(tmp_path_factory, text):
    cell = CellOutcome(1, text, "different", text)
    notebook = NotebookVerdict(text or "n", "different", text, (cell,))
    made = replace(verification(tmp_path_factory.getbasetemp(), leg(notebook)), title=text)
    page = html_page(compose(made))
    page.encode()
    assert shown(text, 80) in Page(page).text.replace("  ", " ") or not text.strip()
    assert "<script" not in page


# --- very much of it ----------------------------------------------------------


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    """Fifty notebooks of forty cells each, most of which differ, and a hundred claimed figures."""
    folder = tmp_path_factory.mktemp("many")
    published = [code("p", displayed(png=png(), plain="x"), tags=["claim"]) for _ in range(3)]
    new = [code("p", displayed(png=png(30), plain="x"), tags=["claim"]) for _ in range(3)]
    text = [code("t", new_output("stream", name="stdout", text="1 " * 5_000))]
    other = [code("t", new_output("stream", name="stdout", text="2 " * 5_000))]
    judged = compared(folder, "n.ipynb", [*published, *text], [*new, *other])
    more = tuple(CellOutcome(n, f"Part {n}", "same", "", "text") for n in range(5, 45))
    notebooks = [
        replace(judged, path=f"part-{n}/fit.ipynb", cells=(*judged.cells, *more)) for n in range(50)
    ]
    made = verification(folder, leg(*notebooks))
    return made, page_of(made)


def test_fifty_notebooks_give_a_page_of_bounded_size(many):
    made, _ = many
    assert (made.path / "verdict.html").stat().st_size < 3_000_000
    assert len(pypdfium2.PdfDocument(made.path / "verdict.pdf")) < 80


def test_every_notebook_and_every_cell_is_there(many):
    _, page = many
    for n in range(50):
        assert f"part-{n}/fit.ipynb" in page.text
    assert page.text.count("5–44") == 50
    assert "neighbours that came out alike share one" in page.text


def test_what_is_left_out_is_said(many):
    _, page = many
    assert "more claims left out here; verdict.json has all of them" in page.text
    assert "Details of 10 more cells are left out" in page.text


def test_what_did_not_come_out_is_never_left_out_for_what_did(tmp_path):
    published = [code(f"{i}", recorded(f"r{i}", 1.0, claim=True)) for i in range(80)]
    new = [code(f"{i}", recorded(f"r{i}", 1.0 + (i == 79), claim=True)) for i in range(80)]
    page = page_of(verification(tmp_path, leg(compared(tmp_path, "n.ipynb", published, new))))
    claims = page.text.rpartition("Every cell")[0]
    assert "20 more claims left out here" in claims
    assert "r79 n.ipynb, cell 80" in claims


def test_a_large_picture_is_made_smaller(tmp_path):
    file = io.BytesIO()
    Image.effect_noise((2000, 100), 60).save(file, "PNG")
    output = displayed(png=base64.b64encode(file.getvalue()).decode(), plain="x")
    cells = [code("p", output, tags=["claim"])]
    page = page_of(verification(tmp_path, leg(compared(tmp_path, "n.ipynb", cells, cells))))
    widths = [
        Image.open(io.BytesIO(base64.b64decode(each["src"].partition(",")[2]))).width
        for each in page.all("img")
    ]
    assert widths == [1000, 1000]


def test_a_page_without_typst_is_html_that_says_so(tmp_path, monkeypatch):
    made = verification(tmp_path, leg(compared(tmp_path, "n.ipynb", [], [])))
    (tmp_path / "verdict.pdf").write_bytes(b"of an earlier answer")
    monkeypatch.setattr("beambook.publication._page.pdf.find_spec", lambda name: None)
    page = page_of(made)
    assert "There is no PDF" in page.text
    assert "pip install" in page.text
    assert not (tmp_path / "verdict.pdf").exists()


def test_a_picture_that_typst_refuses_is_left_out_of_the_paper_only(tmp_path):
    svg = '<svg xmlns="http://www.w3.org/2000/svg" width="0" height="0"><rect width="1"/></svg>'
    cells = [code("p", displayed(svg=svg, plain="x"), tags=["claim"])]
    page = page_of(verification(tmp_path, leg(compared(tmp_path, "n.ipynb", cells, cells))))
    assert len(page.all("img")) == 2
    assert "There is no PDF" not in page.text
    assert "a picture that cannot be set" in pdf_text(tmp_path)
