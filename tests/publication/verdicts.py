"""Verifications made without a kernel, by the real comparison; their pages as readers see them."""

import base64
import io
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import nbformat
import pypdfium2
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from PIL import Image, ImageDraw

from beambook.publication import Verification
from beambook.publication._verify.leg import CellOutcome, Leg, NotebookVerdict, Software
from beambook.recipe import compare
from beambook.recipe._record import RESULT, encode

BUBBLEWRAP = "bubblewrap"


def png(shift=0):
    picture = Image.new("RGB", (240, 160), "white")
    ImageDraw.Draw(picture).line([(20, 140), (120 + shift, 80), (220, 20)], "navy", 4)
    file = io.BytesIO()
    picture.save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()


def displayed(**data):
    names = {"png": "image/png", "html": "text/html", "plain": "text/plain", "svg": "image/svg+xml"}
    return new_output("display_data", {names[key]: value for key, value in data.items()})


def recorded(name, value, **more):
    result = encode(name, value, **more)
    return new_output("display_data", {RESULT: result, "text/plain": f"{name} = {value}"})


def code(source, *outputs, tags=()):
    return new_code_cell(
        source, outputs=list(outputs), execution_count=1, metadata={"tags": list(tags)}
    )


def write(path, cells):
    path.parent.mkdir(parents=True, exist_ok=True)
    for number, cell in enumerate(cells):
        cell["id"] = f"cell{number}abc"
    nbformat.write(new_notebook(cells=list(cells)), path)
    return path


def compared(folder, name, published, new, *, leg="preserved"):
    """A notebook's verdict by the real comparison of two notebooks that need no kernel."""
    reference = write(folder / "reference" / name, published)
    execution = folder / leg / "executions" / Path(name).stem
    verdict = compare(write(execution / "notebook.ipynb", new), reference)
    cells = tuple(
        CellOutcome(c.number, c.heading, c.status, c.line(), c.evidence, claim=c.claim)
        for c in verdict.cells
    )
    status = verdict.status if verdict.status != "not comparable" else "not verified"
    return NotebookVerdict(
        name, status, cells=cells, execution=execution, reference=reference, verdict=verdict,
        seconds=2.5,
    )  # fmt: skip


def leg(*notebooks, name="preserved", **facts):
    software = Software("wheels", "3.11.7", digest="ab12", packages={"numpy": "2.1.0"}, seconds=1.0)
    return Leg(name, replace(software, **facts), BUBBLEWRAP, notebooks, seconds=3.0)


def verification(folder, *legs, **facts):
    given = {"kind": "publication", "checksum": "5e" * 32, "seconds": 9.0, **facts}
    return Verification(
        name="n", title="Nickel edge", subject="/p", path=folder, date="2026-11-23T14:00:00+00:00",
        legs=legs, **given,
    )  # fmt: skip


def edge(position, *, shift=0):
    return [
        new_markdown_cell("# Edge of nickel"),
        code(
            "record(...)",
            recorded("edge", position, unit="eV", error=0.25, tol=0.1, claim=True),
        ),
        code("plot()", displayed(png=png(shift), plain="<Figure size 640x480>"), tags=["claim"]),
        code("table", displayed(plain="a b\n1 2"), tags=["claim"]),
        code("print(1)", new_output("stream", name="stdout", text=f"at {position}\n")),
    ]


def page_of(verification):
    verification.save()
    return Page((verification.path / "verdict.html").read_text(encoding="utf-8"))


class Page(HTMLParser):
    """The page as a reader sees it: its text, its tags with attributes."""

    def __init__(self, source):
        super().__init__()
        self.source, self.tags, self.words = source, [], []
        self.feed(source)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        if not self.tags or self.tags[-1][0] != "style":
            self.words.append(data)

    @property
    def text(self):
        return " ".join("".join(self.words).split())

    def all(self, tag):
        return [attrs for name, attrs in self.tags if name == tag]


def pdf_text(folder):
    document = pypdfium2.PdfDocument(folder / "verdict.pdf")
    text = " ".join(page.get_textpage().get_text_range() for page in document)
    return " ".join(text.replace("\u200b", "").replace("\ufffe", "").split())
