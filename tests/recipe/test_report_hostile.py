"""Notebooks made to break a report, or to make it read what it should not."""

from __future__ import annotations

import base64
import itertools
import json
import runpy
import struct
import zlib
from pathlib import Path
from typing import Any

import pypdf
import pytest
from nbformat.v4 import new_markdown_cell, new_raw_cell

here = Path(__file__).parent
sample = runpy.run_path(str(here / "report_sample.py"))
tests = runpy.run_path(str(here / "test_report.py"))
code, shown, printed, png = (sample[name] for name in ("code", "shown", "printed", "png"))
make, read_pdf, Report = (tests[name] for name in ("make", "read_pdf", "Report"))
md = new_markdown_cell
SECRET = "top-secret-4711"


def both(folder: Path, *cells: Any, **metadata: Any) -> list[str]:
    """Text of the HTML and of the PDF."""
    page = make(folder, *cells, **metadata)
    assert page.stack == []
    assert len(page.ids) == len(set(page.ids))
    return [page.text, make(folder, *cells, kind="pdf", **metadata)]


def joined(text: str) -> str:
    return " ".join(text.split())


def test_empty_notebooks(tmp_path: Path) -> None:
    for text in both(tmp_path):
        assert "sample" in text
    both(tmp_path, md(""), code("", count=None), new_raw_cell(""), md("# \n\n##"))


def test_one_cell_cannot_swallow_the_next(tmp_path: Path) -> None:
    cells = [
        md("# T\n\n```python\nx = 1"),
        md("<div><b>bold"),
        md("<!-- open"),
        md("$$ open"),
        md("the end"),
    ]
    for text in both(tmp_path, *cells, md("$$ open"), md("the end")):
        assert "the end" in text
        assert "bold" in text


def test_typst_in_the_text_is_text(tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text(SECRET)
    source = (
        f'```{{=typst}}\n#read("{secret}")\n```\n\n`#read("secret.txt")`{{=typst}} #panic("x")\n\n'
        f'#include "{secret}" and #read("/notebook.ipynb") \\#x <label>'
        f' @label $#read("{secret}")$\n\n'
        '[#a](http://x.y/"#z) *#b* // comment /* c */ = no heading'
    )
    for text in both(tmp_path, md(source), code("1", printed(source))):
        assert SECRET not in text
        assert "#include" in text
        assert "/* c */ = no heading" in text


def test_pictures_outside_of_the_folder_are_not_read(tmp_path: Path) -> None:
    folder = tmp_path / "inner"
    folder.mkdir()
    picture = base64.b64decode(png())
    (tmp_path / "outside.png").write_bytes(picture)
    (folder / "link.png").symlink_to(tmp_path / "outside.png")
    (folder / "inside.png").write_bytes(picture)
    names = ["../outside.png", f"{tmp_path}/outside.png", "link.png", "%2e%2e/outside.png",
             f"file://{tmp_path}/outside.png", "https://example.org/x.png", "//example.org/x.png",
             "missing.png", "/etc/passwd", "x\x00y.png", "attachment:no.png",
             "data:image/png,zz"]  # fmt: skip
    source = "\n\n".join(f"![c]({name})" for name in names)
    html = f'<img src="../outside.png"><img src="file://{tmp_path}/outside.png">'
    cells = [md(source), md(html), code("h", shown({"text/html": html})), md("![fine](inside.png)")]
    page = make(folder, *cells)
    assert len(page.all("img")) == 1
    assert page.text.count("lies outside of the notebook's folder") >= 4
    text = joined(make(folder, *cells, kind="pdf"))
    assert text.count("lies outside of the notebook's folder") >= 4
    assert "is not fetched" in text


def test_scripts_are_stripped(tmp_path: Path) -> None:
    html = (
        "<script>evil()</script><p onmouseover='evil()'>para</p><iframe src='http://e.x'></iframe>"
        "<object data=x></object><a href='javascript:evil()'>click</a><svg onload='evil()'></svg>"
        "<link rel=stylesheet href='http://e.x'><base href='http://e.x'>"
        "<meta http-equiv=refresh content='0;url=http://e.x'>"
        "<form action='http://e.x'><input></form><div style='background:url(http://e.x)'>text</div>"
        "<table onclick='evil()'><tr><td onclick='evil()' "
        "style='color: red; width: expression(evil())'>cell</td></tr></table>"
    )
    for cells in (
        [md(html)],
        [md(f"in *line* {html} here")],
        [code("h", shown({"text/html": html}))],
    ):
        page = make(tmp_path, *cells)
        names = {name for name, _ in page.tags}
        assert not names & {"script", "iframe", "object", "link", "form", "base", "svg", "input"}
        assert not any(key.startswith("on") for _, attrs in page.tags for key in attrs)
        values = [
            str(v)
            for name, attrs in page.tags
            for k, v in attrs.items()
            if k in {"href", "style", "src"}
        ]
        assert not any("evil" in v or "e.x" in v for v in values)
        assert "para" in page.text
        assert "cell" in page.text
        assert "not shown" in page.text


def damaged_png() -> str:
    """A PNG whose checksums are right and whose pixels are not."""
    return base64.b64encode(sample["dot"](b"no pixels")).decode()


def bomb() -> str:
    """A PNG that says it is 100,000 pixels wide and high."""
    content = bytearray(base64.b64decode(damaged_png()))
    content[16:24] = struct.pack(">II", 100_000, 100_000)
    content[29:33] = struct.pack(">I", zlib.crc32(bytes(content[12:29])))
    return base64.b64encode(bytes(content)).decode()


SVG = (
    '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
    'width="9" height="9">'
)


@pytest.mark.parametrize(
    ("kind", "content", "note"),
    [
        ("image/png", png()[:400], "damaged or cut off"),
        ("image/png", damaged_png(), "damaged or cut off"),
        ("image/png", bomb(), "too large"),
        ("image/png", "no base64!", "damaged"),
        ("image/jpeg", base64.b64encode(b"\xff\xd8\xff\xe0junk").decode(), "damaged"),
        ("image/svg+xml", SVG + "<g>", "damaged"),
        ("image/svg+xml", "<!DOCTYPE svg [<!ENTITY a 'b'>]>" + SVG + "&a;</svg>", "entities"),
    ],
)
def test_broken_pictures_are_told(tmp_path: Path, kind: str, content: str, note: str) -> None:
    broken = shown({kind: content, "text/plain": "<Figure size 640x480>"})
    for text in both(tmp_path, code("f", broken), md("goes on")):
        assert "A damaged picture is not shown: <Figure size 640x480>" in joined(text)
        assert "goes on" in text
        assert note in text[text.lower().index("notes on this report") :]


def test_svg_fetches_nothing_and_may_lack_glyphs(tmp_path: Path) -> None:
    images = '<image xlink:href="file:///etc/passwd"/><image href="http://e.x/y.png" width="3"/>'
    svg = SVG + images + '<text y="8">中</text><rect width="4" height="4"/></svg>'
    for text in both(tmp_path, code("f", shown({"image/svg+xml": svg}))):
        assert "they are not fetched" in text
        assert "Figure 1" in text


def test_formulas_that_pandoc_lacks_stay_readable(tmp_path: Path) -> None:
    source = (
        r"$\foo{x}$ $$\begin{foo}y\end{foo}$$ $x^{$ $\bra{\psi}$ ${\bf v}$ $\ce{H2O}$ $\SI{3}{mm}$"
        "\n\n\\newcommand{\\kb}{k_\\mathrm{B}}$\\kb T$ \\\\(z\\\\) "
        "\\begin{equation}E=mc^2\\tag{7}\\end{equation}"
        "\n\n$$\n- a\n+ b\n\n= c\n$$\n\n$ p + q $ price $5 and $6, US$3, `$code$` $1,000 and $2,000"
    )
    page = make(tmp_path, md(source))
    assert len(page.all("math")) >= 9
    assert r"$\foo{x}$" in page.text
    assert "price $5 and $6, US$3, $code$ $1,000 and $2,000" in page.text
    text = make(tmp_path, md(source), kind="pdf")
    assert r"$\foo{x}$" in text
    assert "a formula is shown as its TeX source" in text
    assert "(7)" in text


def test_latex_outputs(tmp_path: Path) -> None:
    one = shown({"text/latex": r"$\displaystyle \frac{1}{2}$", "text/plain": "1/2"})
    two = shown({"text/latex": r"\begin{align} a &= b \end{align}", "text/plain": "x"})
    page = make(tmp_path, code("s", one, two))
    assert [attrs["display"] for attrs in page.all("math")] == ["block", "block"]


def test_unicode_without_a_glyph_is_told(tmp_path: Path) -> None:
    source = "# Ünïcode µ − Å 中文 😀\n\nΑΒΓ αβγ ∑∫√ ≤≥ ⟨x⟩ العربية हिन्दी 👩‍🔬 \u202e\ufeff"
    cells = [md(source), code("p", printed("日本 \x00\x07 ┌─┐ █ \x1b[31mred\x1b[0m"))]
    html, pdf = both(tmp_path, *cells)
    assert "中文 😀" in html
    assert "┌─┐ █ red" in html
    assert "□" in pdf
    assert "U+4E2D CJK UNIFIED IDEOGRAPH-4E2D" in joined(pdf)
    assert "αβγ" in pdf


def test_long_and_wide_tables(tmp_path: Path) -> None:
    table = sample["table"]
    cells = [code("l", shown(table(1000)), caption="Long."), code("w", shown(table(5, 15)))]
    make(tmp_path, cells[0])
    assert (tmp_path / "report.html").read_text().count("<tr") >= 1000
    make(tmp_path, *cells, code("v", shown(table(4, 40))), kind="pdf")
    pages = pypdf.PdfReader(tmp_path / "report.pdf").pages
    assert len(pages) > 12
    assert "sigma" in pages[7].extract_text()  # the header is repeated
    assert "a table of 41 columns is shown in parts" in pages[-1].extract_text()


def test_bold_words_of_a_header_have_room(tmp_path: Path) -> None:
    names = ["aggregator", "sequence", "trains", "frames in", "frames", "masked", "high gain",
             "medium gain", "low gain", "GB in", "GB out", "seconds"]  # fmt: skip
    head, row = "".join(f"<th>{n}</th>" for n in names), "<td>0.0116</td>" * len(names)
    html = f"<table><thead><tr>{head}</tr></thead><tbody><tr>{row}</tr></tbody></table>"
    make(tmp_path, code("t", shown({"text/html": html})), kind="pdf")
    pages = pypdf.PdfReader(tmp_path / "report.pdf").pages
    text = "".join(page.extract_text() for page in pages)
    assert "aggregator sequence trains frames in frames masked high gain" in text


def test_endless_outputs_are_cut_and_told(tmp_path: Path) -> None:
    rows = "".join(f"<tr><td>row {i}</td></tr>" for i in range(20_000))
    lines = printed("\n".join(f"line {i}" for i in range(50_000)))
    cells = [code("t", shown({"text/html": f"<table>{rows}</table>"})), code("p", lines)]
    for text in both(tmp_path, *cells):
        assert "row 0" in text
        assert "row 19999" in text
        assert "18,400 rows of a table are left out" in joined(text)
        assert "line 49999" in text
        assert "49,540 lines of text are left out" in joined(text)


def test_long_words_stay_on_the_page(tmp_path: Path) -> None:
    make(tmp_path, md("x" * 3000), code("p", printed("y" * 3000)), kind="pdf")
    text = read_pdf(tmp_path / "report.pdf")[1]
    assert text.count("x") >= 3000
    assert text.count("y") >= 3000
    # a line of the page holds fewer than 130 characters of either
    assert max(len(line) for line in text.splitlines()) < 130


def test_deep_nesting_is_shown_as_its_source(tmp_path: Path) -> None:
    cells = [
        md(">" * 1500 + " deep quote"),
        md("$" + "{" * 1000 + "x" + "}" * 1000 + "$"),
        code("h", shown({"text/html": "<div>" * 1500 + "deep div"})),
        code("h", shown({"text/html": "<table><tr><td>" * 60 + "deep table"})),
        md("the end"),
    ]
    text = make(tmp_path, *cells, kind="pdf")
    assert "deep quote" in joined(text).replace("↪ ", "").replace("d eep", "deep")
    assert "deep div" in text
    assert "deep table" in text
    assert "the end" in text
    assert "a part is shown as its source" in text


def test_only_live_outputs_say_so(tmp_path: Path) -> None:
    live = [
        {"application/vnd.plotly.v1+json": {}, "text/html": "<div></div><script>p()</script>"},
        {
            "application/vnd.jupyter.widget-view+json": {"model_id": "x"},
            "text/plain": "IntSlider(value=3)",
        },
        {"application/vnd.bokehjs_exec.v0+json": "", "text/html": "<div></div>"},
        {"application/javascript": "p()"},
    ]
    for text in both(tmp_path, *(code("w", shown(each)) for each in live)):
        assert joined(text).count("Interactive output not shown") == 4
        assert "IntSlider(value=3)" in text
        assert "interactive output not shown (application/vnd.plotly.v1+json)" in joined(text)


def test_unknown_kinds_are_named(tmp_path: Path) -> None:
    for text in both(tmp_path, code("x", shown({"application/x-strange": "1"}))):
        assert "application/x-strange is not shown" in joined(text)


def test_other_languages(tmp_path: Path) -> None:
    spec = {"name": "julia-1.9", "display_name": "Julia 1.9", "language": "julia"}
    cells = [md("# Julia"), code("x = 1 # unit", printed("1\n"))]
    for text in both(tmp_path, *cells, kernelspec=spec, language_info={"name": "julia"}):
        assert "Julia 1.9" in text


def test_links_and_references(tmp_path: Path) -> None:
    source = (
        "# T\n\n[a](#Second-Part) [b](#nowhere) [c](other.ipynb) [d](mailto:x@y.z) @fig-none "
        "me@fig-x.org a[^1]\n\n## Second Part\n\n## Second Part\n\n###### Deep\n\n[^1]: one"
    )
    page = make(tmp_path, md(source), md("b[^1]\n\n[^1]: two"))
    links = {str(a["href"]) for a in page.all("a")}
    assert {"#second-part", "mailto:x@y.z"} <= links
    assert "#nowhere" not in links
    assert {a for a in links if a.startswith("#")} <= {f"#{name}" for name in page.ids}
    assert (
        "1.1 Deep" in page.text or "2.1 Deep" in page.text
    )  # the heading that skips four levels is the next level
    assert "the reference @fig-none points to no figure" in page.text
    text = make(tmp_path, md(source), md("b[^1]\n\n[^1]: two"), kind="pdf")
    assert "two" in text


def test_captions_from_everywhere(tmp_path: Path) -> None:
    drawn = {"application/vnd.beambook.figure+json": {"axes": [{"title": "From the figure"}]}}
    cells = [
        code("f", shown({"image/png": png(), **drawn})),
        code("#| label: fig-q\n#| fig-cap: From *Quarto*\nf", shown({"image/png": png()})),
        code("f", shown({"image/png": png()}), shown({"image/png": png()}), caption=["A", "B"]),
        md("![From the text](attachment:a.png) see @fig-q"),
        md("![image.png](attachment:a.png)"),
        md("@fig-q, the second."),
    ]
    for cell in cells[3:5]:
        cell["attachments"] = {"a.png": {"image/png": png()}}
    page = make(tmp_path, *cells)
    for words in (
        "Figure 1. From the figure",
        "Figure 2. From Quarto",
        "Figure 3. A",
        "Figure 4. B",
    ):
        assert words in page.text
    assert "Figure 2, the second." in page.text
    assert "image.png" not in page.text
    assert len(page.all("img")) == 6


def test_odd_metadata(tmp_path: Path) -> None:
    notebook = {
        "nbformat": 4,
        "nbformat_minor": 2,
        "metadata": {"authors": [{"name": "A"}, "B"], "title": "Own title", "beambook": 3},
        "cells": [
            {
                "cell_type": "markdown",
                "metadata": {},
                "source": ["a\n", "b"],
                "attachments": {"x": {}},
            },
            {
                "cell_type": "code",
                "metadata": {"tags": "no list", "caption": 7, "label": ["a b", "c"]},
                "source": "x",
                "execution_count": 1,
                "outputs": [
                    {
                        "output_type": "display_data",
                        "metadata": {},
                        "data": {"image/png": png(), "text/plain": ["a", "b"]},
                    },
                    {"output_type": "error", "ename": "E", "evalue": "", "traceback": []},
                ],
            },
        ],
    }  # fmt: skip
    path = tmp_path / "odd.ipynb"
    path.write_text(json.dumps(notebook))
    for kind in ("html", "pdf"):
        made = getattr(Report(path), kind)(tmp_path / f"r.{kind}")
        text = made.read_text() if kind == "html" else read_pdf(made)[1]
        assert "Own title" in text
        assert "A, B" in text


def test_tags_leave_out_and_say_so(tmp_path: Path) -> None:
    cells = [
        code("x", printed("gone"), tags=["remove-cell"]),
        code("x", printed("gone"), tags=["hide-output"]),
        code("secret_source", printed("kept"), tags=["remove-input"]),
    ]
    page = make(tmp_path, *cells, code_=True)
    assert "gone" not in page.text
    assert "secret_source" not in page.text
    assert "kept" in page.text
    assert "left out, as its tag asks" in page.text


def test_two_hundred_figures(tmp_path: Path) -> None:
    picture = base64.b64encode(sample["dot"](b"")).decode()
    cells = list(itertools.chain.from_iterable(
        (md(f"## Section {i}"), code("f", shown({"image/png": picture}), caption=f"Number {i}"))
        for i in range(200)
    ))  # fmt: skip
    make(tmp_path, *cells, kind="pdf")
    last = pypdf.PdfReader(tmp_path / "report.pdf").pages[-1].extract_text().replace("\xa0", " ")
    assert "Figure 200. Number 199" in last
