"""The report as one HTML file: no script, no network, pictures inside."""

from __future__ import annotations

import re
from html import escape
from string import Template

from beambook import __version__
from beambook.recipe._report_elements import Document, Element
from beambook.recipe._report_front import Front
from beambook.recipe._report_images import Image, Images
from beambook.recipe._report_pandoc import RESOURCES, Body
from beambook.recipe._report_subject import Subject
from beambook.recipe._report_text import ansi_html

__all__ = ["html_page"]

MARKS = {"done": "✓", "failed": "✗", "killed": "✗", "running": "…", "queued": "…"}
PLACE = re.compile(r'<bb-image data-id="(\w+)"></bb-image>')


def html_page(subject: Subject, document: Document, body: Body, *, code: bool) -> str:
    """Put the page together.

    Parameters
    ----------
    subject : Subject
    document : Document
    body : Body
        Fragments of HTML from pandoc.
    code : bool
        Whether code is open; it is folded else.
    """
    front = subject.front(document, body.title)
    parts = [_element(element, document, body, code=code) for element in document.elements]
    page = Template((RESOURCES / "template.html").read_text(encoding="utf-8"))
    return page.substitute(
        version=escape(__version__),
        author=escape(front.author),
        title=escape(front.title),
        kicker=escape(subject.kicker),
        byline=_byline(front),
        problems=_problems(front),
        front=_front(front),
        contents=_contents(body),
        body="\n".join(parts) or "<p class=remark>This notebook is empty.</p>",
        details=_last(front),
        notes=_notes(document),
        source=escape(subject.path.name),
        style=(RESOURCES / "style.css").read_text(encoding="utf-8"),
    )


def _element(element: Element, document: Document, body: Body, *, code: bool) -> str:
    if not element.for_pandoc:
        return _text(element)
    fragment = body.fragments.get(element.index, "")
    if element.kind == "code":
        opened = " open" if code else ""
        return f"<details{opened}><summary>Code</summary>{fragment}</details>"
    return PLACE.sub(lambda match: _image(match[1], document.images), fragment)


def _text(element: Element) -> str:
    text = ansi_html(element.text)
    if element.kind == "remark":
        return f'<p class="remark">{text}</p>'
    if element.kind == "stderr":
        return f'<details><summary>Messages</summary><pre class="stderr">{text}</pre></details>'
    if element.kind == "error":
        summary = escape(element.more["summary"])
        return (
            f'<div class="error" id="problem-{element.cell}"><p>{summary}</p>'
            f"<details><summary>Traceback</summary><pre>{text}</pre></details></div>"
        )
    return f"<pre>{text}</pre>"


def _image(name: str, images: Images) -> str:
    image = images.found.get(name)
    if not isinstance(image, Image):
        return f'<span class="remark">[{escape(str(image or "no picture"))}]</span>'
    width = f' width="{image.width / 0.75:.0f}"' if image.width else ""
    alt = escape(images.alts.get(name, ""))
    return f'<img src="{image.data_uri}" alt="{alt}"{width}>'


def _byline(front: Front) -> str:
    parts = [f"<span>{escape(front.author)}</span>"] if front.author else []
    parts.append(f'<time datetime="{front.time:%Y-%m-%d}">{escape(front.date)}</time>')
    if front.status:
        kind = front.status if front.status in MARKS else "other"
        mark = MARKS.get(front.status, "")
        parts.append(f'<span class="status {kind}">{mark} {escape(front.status)}</span>')
    return "".join(parts)


def _problems(front: Front) -> str:
    lines = []
    for text in front.problems:
        cell = re.match(r"Cell (\d+)", text)
        shown = escape(text)
        lines.append(
            f'<p><a href="#problem-{cell[1]}">{shown}</a></p>' if cell else f"<p>{shown}</p>"
        )
    summary = f'<p class="summary">{escape(front.summary)}</p>' if front.summary else ""
    alert = f'<div class="problems" role="alert">{"".join(lines)}</div>' if lines else ""
    return summary + alert


def _front(front: Front) -> str:
    tables = [
        ("Results", "results", ["name", "value", "unit"], front.results),
        *((t.title, t.kind, t.columns, t.rows) for t in front.tables),
    ]
    shown = "\n".join(_table(*table) for table in tables if table[3])
    return shown if front.details_last else f"{shown}\n{_details(front)}"


def _details(front: Front) -> str:
    tables = [
        ("Parameters", "parameters", ["name", "value", "unit", "help"], front.parameters),
        ("Input data", "inputs", ["path", "files", "size", "checksum"], front.inputs),
        ("Provenance", "provenance", [], front.provenance),
    ]
    return "\n".join(_table(*table) for table in tables if table[3])


def _last(front: Front) -> str:
    if not front.details_last:
        return ""
    return f'<section class="front" aria-label="Details">\n{_details(front)}\n</section>\n'


def _table(title: str, kind: str, columns: list[str], rows: list[list[str]]) -> str:
    used = [i for i in range(len(rows[0])) if any(row[i] for row in rows)]
    head = "".join(f"<th>{columns[i]}</th>" for i in used) if columns else ""
    head = f"<thead><tr>{head}</tr></thead>" if head else ""
    names = columns or ["", ""]
    body = "".join(
        "<tr>" + "".join(f'<td class="{names[i]}">{escape(row[i])}</td>' for i in used) + "</tr>"
        for row in rows
    )
    table = f'<table class="{kind}">{head}<tbody>{body}</tbody></table>'
    return f'<h2>{title}</h2><div class="table">{table}</div>'


def _contents(body: Body) -> str:
    if len(body.headings) < 2:
        return ""
    lines = "".join(
        f'<li class="level{h.level}"><a href="#{h.id}">'
        + (f'<span class="number">{h.number}</span> ' if h.number else "")
        + f"{escape(h.text)}</a></li>"
        for h in body.headings
        if h.level <= 3
    )
    return f'<nav aria-label="Contents"><h2>Contents</h2><ol>{lines}</ol></nav>'


def _notes(document: Document) -> str:
    lines = "".join(f"<li>{escape(line)}</li>" for line in document.told())
    return (
        f'<section id="notes"><h2>Notes on this report</h2><ul>{lines}</ul></section>'
        if lines
        else ""
    )
