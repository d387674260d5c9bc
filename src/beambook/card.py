"""One description, three faces: text for terminals, HTML for notebooks, JSON for programs.

A noun that inherits from `Described` says once what it is (`card()`), and is
shown everywhere. The HTML is static and semantic and has no style of its own:
what shows a notebook (JupyterLab, GitHub, a report) strips or overrides it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from html import escape
from typing import Any

__all__ = ["Card", "Described", "Table"]

TEXT_ROWS = 12
HTML_ROWS = 200


@dataclass(frozen=True)
class Table:
    """Rows under named columns.

    Attributes
    ----------
    columns : tuple of str
    rows : tuple of tuple
        Cells are shown with ``str``; JSON keeps numbers as numbers.
    title : str
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    title: str = ""

    def text(self, *, rows: int = TEXT_ROWS) -> str:
        """Columns set under each other, at most `rows` of them."""
        shown = [tuple(map(str, row)) for row in self.rows[:rows]]
        widths = [max(map(len, cells)) for cells in zip(self.columns, *shown, strict=True)]
        lines = [
            "  " + "  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip()
            for row in (self.columns, *shown)
        ]
        return "\n".join(
            [*([self.title] if self.title else []), *lines, *self._rest(rows, "  … {} more")]
        )

    def html(self, *, rows: int = HTML_ROWS) -> str:
        """A `<details>` that folds a `<table>`."""
        head = "".join(f"<th>{escape(c)}</th>" for c in self.columns)
        body = "".join(
            "<tr>" + "".join(f"<td>{escape(str(c))}</td>" for c in row) + "</tr>"
            for row in self.rows[:rows]
        )
        rest = "".join(self._rest(rows, "<p>… {} more</p>"))
        summary = escape(f"{self.title} ({len(self.rows)})" if self.title else str(len(self.rows)))
        return (
            f"<details><summary>{summary}</summary><table><thead><tr>{head}</tr></thead>"
            f"<tbody>{body}</tbody></table>{rest}</details>"
        )

    def _rest(self, rows: int, text: str) -> list[str]:
        left = len(self.rows) - rows
        return [text.format(left)] if left > 0 else []


@dataclass(frozen=True)
class Card:
    """What a thing is, in at most eight facts and a few tables.

    Attributes
    ----------
    kind, name : str
        ``Card("Run", "p900074 r0487")``.
    facts : mapping of str to str
        Short facts in the order of their importance.
    tables : tuple of Table
    hints : tuple of str
        What one would do next; shown in terminals only.

    Examples
    --------
    >>> print(Card("Run", "r0487", {"trains": "500", "sources": "24"}).text())
    Run r0487
      trains   500
      sources  24
    """

    kind: str
    name: str
    facts: Mapping[str, str] = field(default_factory=dict)
    tables: tuple[Table, ...] = ()
    hints: tuple[str, ...] = ()

    def text(self, *, rows: int = TEXT_ROWS) -> str:
        """Face for terminals, at most `rows` of each table."""
        width = max(map(len, self.facts), default=0)
        blocks = [f"{self.kind} {self.name}".rstrip()]
        blocks += [f"  {fact.ljust(width)}  {value}" for fact, value in self.facts.items()]
        for table in self.tables:
            blocks += ["", table.text(rows=rows)]
        if self.hints:
            blocks += ["", *(f"  → {hint}" for hint in self.hints)]
        return "\n".join(blocks)

    def html(self) -> str:
        """Face for notebooks and web pages."""
        facts = "".join(
            f"<dt>{escape(k)}</dt><dd>{escape(str(v))}</dd>" for k, v in self.facts.items()
        )
        tables = "".join(table.html() for table in self.tables)
        return (
            f'<article class="bb-card"><h4>{escape(self.kind)} <b>{escape(self.name)}</b></h4>'
            f"<dl>{facts}</dl>{tables}</article>"
        )

    def json(self) -> str:
        """Face for programs."""
        return json.dumps(asdict(self) | {"facts": dict(self.facts)}, default=str)

    def line(self) -> str:
        """One line, as a repr."""
        facts = ", ".join(f"{k} {v}" for k, v in self.facts.items())
        head = f"{self.kind} {self.name}".rstrip()
        return f"<{head}{': ' if facts else ''}{facts}>"


class Described:
    """A thing that says what it is in a `Card` gets every display for free."""

    def card(self) -> Card:
        """Describe this thing; must not load arrays."""
        raise NotImplementedError

    def __repr__(self) -> str:
        return self.card().line()

    def _repr_html_(self) -> str:
        return self.card().html()

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:  # noqa: FBT001 IPython calls it so
        printer.text("…" if cycle else self.card().text())
