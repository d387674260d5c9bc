"""Reports of whole notebooks: what a reader finds in the HTML and in the PDF."""

from __future__ import annotations

import hashlib
import json
import re
import runpy
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import nbformat
import pypdf
import pytest
from nbformat.v4 import new_markdown_cell, new_notebook

from beambook.errors import MissingPackage, NotebookError, ReportError, RunNotFound
from beambook.recipe import _report_pandoc, _report_pdf
from beambook.recipe._report import Report

sample = runpy.run_path(str(Path(__file__).with_name("report_sample.py")))


class Page(HTMLParser):
    """What a browser would make of a page: its text, tags, ids and links."""

    VOID = frozenset({"meta", "link", "img", "br", "hr", "col", "input"})

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.stack: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.stack.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.stack, f"</{tag}> without a beginning"
        assert self.stack[-1] == tag, f"</{tag}> closes <{self.stack[-1]}>"
        self.stack.pop()
        if tag in {"td", "th", "p", "li"}:
            self.words.append(" ")

    def handle_data(self, data: str) -> None:
        if not {"style", "annotation"} & set(self.stack):
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join("".join(self.words).replace("\xa0", " ").split())

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attrs for name, attrs in self.tags if name == tag]

    @property
    def ids(self) -> list[str]:
        return [str(attrs["id"]) for _, attrs in self.tags if attrs.get("id")]


def read_pdf(path: Path) -> tuple[pypdf.PdfReader, str]:
    reader = pypdf.PdfReader(path)
    text = "\n".join(page.extract_text() for page in reader.pages)
    return reader, text.replace("\xa0", " ").replace("\u200b", "")


def make(path: Path, *cells: Any, kind: str = "html", code: bool = False, **metadata: Any) -> Any:
    """Text of the report of a notebook with these cells."""
    source = path / "sample.ipynb"
    nbformat.write(new_notebook(cells=list(cells), metadata=metadata), source)
    made = getattr(Report(source), kind)(path / f"report.{kind}", code=code)
    return Page(made.read_text()) if kind == "html" else read_pdf(made)[1]


@pytest.fixture(scope="module")
def failed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("failed")
    error = {"name": "ZeroDivisionError", "value": "division by zero", "cell": 16}
    return sample["execution"](folder, sample["rich"](), status="failed", error=error)


@pytest.fixture(scope="module")
def page(failed: Path) -> Page:
    return Page(Report(failed).html(failed / "report.html").read_text())


@pytest.fixture(scope="module")
def pdf(failed: Path) -> tuple[pypdf.PdfReader, str]:
    return read_pdf(Report(failed).pdf(failed / "report.pdf"))


def test_html_is_one_wellformed_file_that_fetches_nothing(page: Page, failed: Path) -> None:
    assert page.stack == []
    assert not page.all("script")
    assert not page.all("link")
    assert len(page.ids) == len(set(page.ids))
    assert all(str(img["src"]).startswith("data:image/") for img in page.all("img"))
    policy = next(m for m in page.all("meta") if m.get("http-equiv") == "Content-Security-Policy")
    assert str(policy["content"]).startswith("default-src 'none'")
    inner = [str(a["href"])[1:] for a in page.all("a") if str(a.get("href")).startswith("#")]
    assert inner
    assert set(inner) <= set(page.ids)


def test_html_front_tells_what_was_done(page: Page) -> None:
    front = page.text[: page.text.index("Contents")]
    for words in (
        "X-ray absorption of nickel",
        "A. Scientist",
        "failed",
        "Cell 17 (An error): ZeroDivisionError: division by zero",
        "Not executed: cell 18",
        "edge position 8340.123 ± 0.043 eV",
        "run 487",
        "run number",
        "8300.0, 8420.0 eV range that is shown",
        "412 MB",
        "max-exfl123",
        "numpy 2.2.1",
        "4f1d2c3b5a69788796a5b4c3d2e1f00112233445, with changes not committed",
        "164 MB",
        "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "2026-03-01 10:15:00 UTC, for 7.5 s",
        "max-exfl123, by scientist",
    ):
        assert words in front


def test_html_numbers_headings_figures_and_references(page: Page) -> None:
    assert "3.1 Result" in page.text
    assert "Figure 1. Mean trace with the integration window" in page.text
    assert "The spectrum is in Figure 2, the bins in Table 1." in page.text
    assert "Table 1. The first bins." in page.text
    assert {"fig-spectrum", "tbl-bins"} <= set(page.ids)


def test_html_keeps_formulas_colours_and_footnotes(page: Page, failed: Path) -> None:
    assert len(page.all("math")) >= 10
    assert "equation (1) holds" in page.text
    styles = [str(td.get("style")) for td in page.all("td")]
    assert any("color: #f1f1f1; background-color: #440154" in style for style in styles)
    assert "between $20 and $30, ask x.user@example.org, not @nobody" in page.text
    assert "See the note of the XAS working group" in page.text
    assert "integrating 10%" not in page.text  # overprinted
    assert '<span class="ansi-red">' in (failed / "report.html").read_text()


def test_code_is_folded_unless_wanted(failed: Path, page: Page) -> None:
    assert "1/0" in page.text
    assert not any("open" in details for details in page.all("details"))
    opened = Page(Report(failed).html(failed / "code.html", code=True).read_text())
    assert sum("open" in details for details in opened.all("details")) > 5


def test_pdf_is_archivable_with_its_notebook_inside(
    pdf: tuple[pypdf.PdfReader, str], failed: Path
) -> None:
    reader, _ = pdf
    xmp = reader.xmp_metadata
    assert xmp is not None
    raw = xmp.stream.get_data().decode()
    assert "<pdfaid:part>3</pdfaid:part>" in raw
    assert "<pdfaid:conformance>B</pdfaid:conformance>" in raw
    assert set(reader.attachments) == {"notebook.ipynb", "execution.json"}
    assert reader.attachments["notebook.ipynb"][0] == (failed / "notebook.ipynb").read_bytes()
    assert json.loads(reader.attachments["execution.json"][0])["status"] == "failed"
    assert reader.metadata is not None
    assert reader.metadata.title == "X-ray absorption of nickel"
    assert reader.metadata.author == "A. Scientist"
    assert reader.outline


def test_pdf_says_the_same_as_the_html(pdf: tuple[pypdf.PdfReader, str]) -> None:
    reader, text = pdf
    words = " ".join(text.split())
    for expected in (
        "X-ray absorption of nickel",
        "failed",
        "ZeroDivisionError: division by zero",
        "Not executed: cell 18",
        "8340.123 ± 0.043",
        "edge_range",
        "range that is shown",
        "4f1d2c3b5a69788796a5b4c3d2e1f00112233445",
        "3.1 Result",
        "The spectrum is in Figure 2",
        "Figure 2. Absorption of nickel",
        "Table 1. The first bins.",
        "µ − Å σ χ² → ✓ ≥",
    ):
        assert expected in words
    assert "\x1b" not in text
    assert "bb.check_window" not in text  # code is hidden
    assert len(reader.pages) == 5


def test_pdf_shows_code_when_wanted(tmp_path: Path) -> None:
    cell = sample["code"]("shown = 'here'")
    assert "shown = 'here'" in make(tmp_path, cell, kind="pdf", code=True)
    assert "shown = 'here'" not in make(tmp_path, cell, kind="pdf")


def test_same_execution_gives_the_same_bytes(
    failed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    first = Report(failed).pdf(tmp_path / "a.pdf").read_bytes()
    second = Report(failed).pdf(tmp_path / "b.pdf").read_bytes()
    assert first == second
    assert Report(failed).html(tmp_path / "a.html").read_bytes() == (
        Report(failed).html(tmp_path / "b.html").read_bytes()
    )
    assert "14 November 2023" in read_pdf(tmp_path / "a.pdf")[1]


def test_large_notebook_is_named_by_its_checksum(
    failed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_report_pdf, "ATTACHED_BYTES", 10_000)
    reader, text = read_pdf(Report(failed).pdf(failed / "small.pdf"))
    assert set(reader.attachments) == {"execution.json"}
    digest = hashlib.sha256((failed / "notebook.ipynb").read_bytes()).hexdigest()
    assert digest in re.sub(r"\s", "", text)


def test_killed_execution_says_where(tmp_path: Path) -> None:
    notebook = new_notebook(
        cells=[new_markdown_cell("# Big\n\n## Fill"), sample["code"]("x = 1"), sample["code"]("y")]
    )
    notebook.cells[2].execution_count = None
    error = {"name": "KernelDied", "value": "SIGKILL at 3.9 GB", "cell": 2, "signal": "SIGKILL"}
    folder = sample["execution"](tmp_path / "e", notebook, status="killed", error=error)
    page = Page(Report(folder).html(tmp_path / "r.html").read_text())
    assert "Cell 3 (Fill): KernelDied: SIGKILL at 3.9 GB" in page.text
    assert "Not executed: cell 3" in page.text
    assert "killed" in read_pdf(Report(folder).pdf(tmp_path / "r.pdf"))[1]


def test_execution_object_and_folder_and_file_are_one(failed: Path, tmp_path: Path) -> None:
    class Handle:
        path = failed

    pages = [
        Report(source).html(tmp_path / "r.html").read_text()
        for source in (Handle(), failed, str(failed), failed / "notebook.ipynb")
    ]
    assert len(set(pages)) == 1


def test_record_may_be_poor_or_broken(tmp_path: Path) -> None:
    folder = sample["execution"](tmp_path / "e", sample["rich"](broken=False))
    for record in ("{}", "[]", "{", '{"inputs": [7], "values": 3, "recipe": {}, "git": "abc"}'):
        (folder / "execution.json").write_text(record)
        assert "X-ray" in Page(Report(folder).html(tmp_path / "r.html").read_text()).text


def test_card_tells_what_it_is_about(failed: Path) -> None:
    card = Report(failed).card()
    assert card.name == "X-ray absorption of nickel"
    assert card.facts["status"] == "failed"
    assert card.facts["errors"] == "1"


def test_what_is_no_notebook_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RunNotFound):
        Report(tmp_path / "none.ipynb")
    with pytest.raises(RunNotFound):
        Report(tmp_path)
    (tmp_path / "bad.ipynb").write_text("{")
    with pytest.raises(NotebookError):
        Report(tmp_path / "bad.ipynb")


def test_failure_leaves_the_old_report(
    failed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "r.html").write_text("old")
    monkeypatch.setattr(_report_pandoc, "RESOURCES", tmp_path)  # its script is not there
    with pytest.raises(ReportError, match="pandoc failed"):
        Report(failed).html(tmp_path / "r.html")
    assert (tmp_path / "r.html").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["r.html"]


@pytest.mark.parametrize(("kind", "package"), [("html", "pypandoc"), ("pdf", "typst")])
def test_missing_package_names_the_extra(
    kind: str, package: str, failed: Path, tmp_path: Path
) -> None:
    program = f"""
import sys
sys.modules[{package!r}] = None
from beambook.recipe._report import Report
try:
    Report({str(failed)!r}).{kind}({str(tmp_path / "r")!r})
except ImportError as error:
    print(type(error).__name__, error)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith(MissingPackage.__name__)
    assert "pip install 'beambook[report]'" in done.stdout
    assert not (tmp_path / "r").exists()
