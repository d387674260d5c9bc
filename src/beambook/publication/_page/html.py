"""The page as one HTML file: no script, no network, everything that comes from outside escaped."""

from __future__ import annotations

import re
from collections.abc import Iterable
from html import escape
from pathlib import Path
from string import Template

from beambook.publication._page.model import (
    Block,
    Cell,
    Fold,
    Heading,
    Mark,
    Named,
    Page,
    Paragraph,
    Picture,
    Pictures,
    Sides,
    Table,
)
from beambook.publication._page.words import MARKS

__all__ = ["html_page"]

HERE = Path(__file__).parent
WORD = 24  # letters of a word that need not break
LONG = re.compile(r"([/_.,:=@\-](?=\w)|\w{16}(?=\w{8}))")


def html_page(page: Page) -> str:
    """Write the page as HTML."""
    template = Template((HERE / "page.html").read_text(encoding="utf-8"))
    sign, kind = MARKS[page.status]
    return template.substitute(
        version=escape(page.version),
        title=escape(page.title),
        headline=escape(page.headline),
        sign=sign,
        kind=kind,
        lead="\n".join(f"<p>{_broken(text)}</p>" for text in page.lead),
        about=escape(page.about),
        byline=_byline(page.byline),
        date=escape(page.date),
        contents=_contents(page.blocks),
        body="\n".join(_block(block) for block in page.blocks),
        foot="\n".join(f"<p>{escape(text)}</p>" for text in page.foot),
        style=(HERE / "style.css").read_text(encoding="utf-8"),
    )


def _byline(lines: Iterable[str]) -> str:
    parts = "".join(f"<p>{_broken(text)}</p>" for text in lines)
    return f'<div class="byline">{parts}</div>' if parts else ""


def _contents(blocks: Iterable[Block]) -> str:
    names = [block.text for block in blocks if isinstance(block, Heading)]
    items = "".join(f'<li><a href="#{_anchor(name)}">{escape(name)}</a></li>' for name in names)
    return f'<nav aria-label="Contents"><ul>{items}</ul></nav>'


def _anchor(text: str) -> str:
    return re.sub(r"[^a-z]+", "-", text.lower()).strip("-")


def _block(block: Block) -> str:
    match block:
        case Heading():
            return f'<h2 id="{_anchor(block.text)}">{escape(block.text)}</h2>'
        case Paragraph():
            kind = f' class="{block.kind.replace(" ", "-")}"' if block.kind else ""
            return f"<p{kind}>{_broken(block.text)}</p>"
        case Table():
            return _table(block)
        case Sides():
            return _sides(block)
        case Pictures():
            return _pictures(block)
        case Fold():
            return _fold(block)


def _mark(word: str) -> str:
    sign, kind = MARKS.get(word, ("", "soft"))
    return f'<span class="mark {kind}"><span aria-hidden="true">{sign}</span> {escape(word)}</span>'


def _table(table: Table) -> str:
    """A table that a narrow screen shows row by row; roles keep it a table for readers of it."""
    facts, table = table.kind == "facts", table.used
    caption = f"<caption>{escape(table.caption)}</caption>" if table.caption else ""
    head = "".join(f'<th scope="col" role="columnheader">{escape(c)}</th>' for c in table.columns)
    head = "" if facts else f'<thead role="rowgroup"><tr role="row">{head}</tr></thead>'
    body = "".join(f'<tr role="row">{_row(table, row)}</tr>' for row in table.rows)
    kind = f' class="{table.kind}"' if table.kind else ""
    return f'<table role="table"{kind}>{caption}{head}<tbody role="rowgroup">{body}</tbody></table>'


def _row(table: Table, row: Iterable[Cell]) -> str:
    cells = []
    for i, (cell, column) in enumerate(zip(row, table.columns, strict=True)):
        text = _cell(cell)
        text = f"<code>{text}</code>" if i in table.code and text else text
        label = f' data-label="{escape(column)}"' if column else ""
        empty = "" if text else ' class="empty"'
        name, scope = ("th", ' scope="row" role="rowheader"') if not i else ("td", ' role="cell"')
        cells.append(f"<{name}{scope}{label}{empty}>{text}</{name}>")
    return "".join(cells)


def _cell(cell: Cell) -> str:
    match cell:
        case Mark():
            return _mark(cell.word)
        case Named():
            return f'{_broken(cell.name)} <span class="where">{_broken(cell.where)}</span>'
        case _:
            return _broken(cell)


def _broken(text: str) -> str:
    """Escaped, with places where paths and checksums may break."""
    words = (LONG.sub("\\1\0", word) if len(word) > WORD else word for word in text.split(" "))
    return "<wbr>".join(escape(part) for part in " ".join(words).split("\0"))


def _sides(sides: Sides) -> str:
    parts = "".join(
        f'<figure><figcaption>{escape(side.label)}</figcaption><pre tabindex="0">'
        f"{escape(side.text)}</pre></figure>"
        for side in sides.sides
    )
    return f'<div class="sides n{len(sides.sides)}">{parts}</div>'


def _pictures(pictures: Pictures) -> str:
    parts = "".join(_picture(each) for each in pictures.pictures)
    caption = f'<p class="note">{escape(pictures.caption)}</p>' if pictures.caption else ""
    return f'<div class="sides n{len(pictures.pictures)}">{parts}</div>{caption}'


def _picture(picture: Picture) -> str:
    label = f"<figcaption>{escape(picture.label)}</figcaption>"
    if picture.image is None:
        return f'<figure>{label}<p class="missing">{escape(picture.alt)}</p></figure>'
    source = f'<img src="{picture.image.data_uri}" alt="{escape(picture.alt)}">'
    return f"<figure>{label}{source}</figure>"


def _fold(fold: Fold) -> str:
    opened = " open" if fold.opened else ""
    body = "\n".join(_block(block) for block in fold.blocks)
    title = f"<strong>{_broken(fold.title)}</strong> {_mark(fold.mark)}"
    return f"<details{opened}><summary>{title}</summary>\n{body}\n</details>"
