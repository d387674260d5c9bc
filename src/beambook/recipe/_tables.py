"""Tables compared by their data, or as shown in HTML."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from html.parser import HTMLParser
from typing import Any

from beambook.recipe._align import aligned, opcodes
from beambook.recipe._arrays import compare_arrays
from beambook.recipe._numbers import Number
from beambook.recipe._stated import words_of
from beambook.recipe._tally import Tally, Tolerance
from beambook.recipe._text import Context, compare_texts
from beambook.recipe._versions import MISSING

__all__ = ["Page", "compare_html", "compare_tables", "read_page"]

Document = Mapping[str, Any]
Row = Sequence[Any]


def compare_tables(value: Document, reference: Document, tally: Tally, context: Context) -> None:
    """Compare two Table Schema resources by the data in them.

    Keys that describe how the schema was written (``pandas_version``, ``extDtype``, types) do
    not count: 2 and 2.0 are the same number. pandas' own resources have ten decimals only.
    """
    context = replace(context, guess=False)  # a column of dates is data
    if not all("beambook" in document for document in (value, reference)):
        given = context.tolerance
        context = replace(context, tolerance=Tolerance(given.rtol, max(given.atol, 1e-10)))
    names = [_names(document) for document in (value, reference)]
    common = _compare_columns(names[0], names[1], tally)
    _compare_orders(value, reference, tally)
    key = _key(reference, common)
    rows = [[dict(row) for row in document.get("data", ())] for document in (value, reference)]
    tally.ignored += len(context.columns.intersection(common))
    for where, a, b in _matched_rows(rows[0], rows[1], key, tally):
        for name in (name for name in common if name not in context.columns):
            _compare_cell(a.get(name), b.get(name), tally, context, f"{where}, column {name!r}")
    sizes = [_rows(document) for document in (value, reference)]
    if sizes[0] != sizes[1]:
        tally.differ("number of rows", sizes[0], sizes[1])
    _compare_digests(value, reference, tally, context)


def _names(document: Document) -> list[str]:
    fields = document.get("schema", {}).get("fields", ())
    return [_field_name(each.get("name")) for each in fields]


def _field_name(name: object) -> str:
    return str(name)


def _rows(document: Document) -> int:
    return int(document.get("beambook", {}).get("rows", len(document.get("data", ()))))


def _compare_columns(mine: list[str], theirs: list[str], tally: Tally) -> list[str]:
    """Report columns too many, missing or moved; returns those that both have."""
    for name in (name for name in theirs if name not in mine):
        tally.differ("column", "", name)
    for name in (name for name in mine if name not in theirs):
        tally.differ("column", name, "")
    common = [name for name in theirs if name in mine]
    moved = [name for name in mine if name in theirs]
    if common != moved:
        tally.differ("order of columns", ", ".join(moved), ", ".join(common))
    tally.same(len(common))
    return common


def _compare_orders(value: Document, reference: Document, tally: Tally) -> None:
    """Order of categories, where both say that it counts or not."""
    one, two = (
        {str(f.get("name")): f for f in document.get("schema", {}).get("fields", ())}
        for document in (value, reference)
    )
    for name in two:
        if name in one and (one[name].get("ordered") or two[name].get("ordered")):
            enums = (d[name].get("constraints", {}).get("enum") for d in (one, two))
            tally.word(f"categories of column {name!r}", *(_joined(enum) for enum in enums))


def _joined(names: Any) -> str:
    return " < ".join(map(str, names or ("not in order",)))


def _key(document: Document, common: Sequence[str]) -> list[str]:
    key = document.get("schema", {}).get("primaryKey", ())
    key = [key] if isinstance(key, str) else list(key)
    return [name for name in key if name in common]


Matched = tuple[str, Mapping[str, Any], Mapping[str, Any]]


def _matched_rows(
    mine: list[dict[str, Any]], theirs: list[dict[str, Any]], key: list[str], tally: Tally
) -> list[Matched]:
    """Pairs of rows; rows too many and missing are reported by their index."""
    if len(mine) == len(theirs):
        return [(_row(b, i, key), a, b) for i, (a, b) in enumerate(zip(mine, theirs, strict=True))]
    signs = [[_sign(row, key, i) for i, row in enumerate(rows)] for rows in (mine, theirs)]
    found: list[Matched] = []
    for tag, i, i2, j, j2 in opcodes(signs[0], signs[1]):
        if tag == "equal":
            pairs = zip(mine[i:i2], theirs[j:j2], strict=True)
            found += [(_row(b, j + k, key), a, b) for k, (a, b) in enumerate(pairs)]
            continue
        for k, row in enumerate(theirs[j:j2]):
            tally.differ(_row(row, j + k, key), "no such row", _content(row))
        for k, row in enumerate(mine[i:i2]):
            tally.differ(_row(row, i + k, key), _content(row), "no such row")
    without = [name for name in key if _is_count(mine, name) and _is_count(theirs, name)]
    return [(w, _without(a, without), _without(b, without)) for w, a, b in found]


def _sign(row: Mapping[str, Any], key: list[str], position: int) -> str:
    """What a row is recognised by: its index, unless that only counts the rows."""
    index = [row.get(name) for name in key]
    if key and index != [position]:
        return repr(index)
    rest = {name: v for name, v in row.items() if name not in key}
    return repr({n: f"{v:.5g}" if isinstance(v, float) else v for n, v in rest.items()})


def _is_count(rows: list[dict[str, Any]], name: str) -> bool:
    return [row.get(name) for row in rows] == list(range(len(rows)))


def _without(row: Mapping[str, Any], names: list[str]) -> Mapping[str, Any]:
    return {name: value for name, value in row.items() if name not in names}


def _row(row: Mapping[str, Any], position: int, key: list[str]) -> str:
    index = ", ".join(str(row.get(name)) for name in key)
    return f"row {index or position}"


def _content(row: Mapping[str, Any]) -> str:
    return ", ".join(str(value) for value in row.values())


def _compare_cell(a: Any, b: Any, tally: Tally, context: Context, where: str) -> None:
    a, b = (_infinite(v) for v in (a, b))
    if a is None or b is None or isinstance(a, bool) or isinstance(b, bool):
        tally.word(where, a, b)
    elif isinstance(a, str) and isinstance(b, str):
        compare_texts(_date(a), _date(b), tally, context, where=where)
    elif isinstance(a, str) or isinstance(b, str):
        tally.word(where, str(a), str(b))
    else:
        _compare_number(a, b, tally, context, where)


def _compare_number(a: float, b: float, tally: Tally, context: Context, where: str) -> None:
    """Within tolerance; that of a recorded result where the cells hold one."""
    if max(abs(a), abs(b)) < math.inf:
        one, two = Number.of(a), Number.of(b)
        if (result := context.result(one, two, words_of(where))) is not None:
            result.compare(one, two, tally, where)
            return
    tally.number(where, a, b, context.tolerance)


def _infinite(value: Any) -> Any:
    return float(value) if value in ("+inf", "-inf") else value


def _date(text: str) -> str:
    """Dates without zeros that only some writers add: ``00.000Z``."""
    return re.sub(r"(?<=:\d\d)\.0+(?=Z?$)|(?<=:\d\d)Z$", "", text)


def _compare_digests(a: Document, b: Document, tally: Tally, context: Context) -> None:
    """Long tables: each column as an array."""
    one, two = (d.get("beambook", {}).get("digest", {}) for d in (a, b))
    for name in (name for name in two if name in one and name not in context.columns):
        where = f"column {name!r}"
        if "shape" in one[name] and "shape" in two[name]:
            compare_arrays(one[name], two[name], tally, context.tolerance, where)
        else:
            tally.word(where, one[name], two[name])


@dataclass
class Page:
    """What a reader sees of some HTML.

    Attributes
    ----------
    words : list of str
        Text outside tables.
    tables : list of list of list of str
        Cells of the tables, row by row.
    """

    words: list[str] = field(default_factory=list)
    tables: list[list[list[str]]] = field(default_factory=list)

    @property
    def text(self) -> str:
        """All of it."""
        rows = [" ".join(row) for table in self.tables for row in table]
        return "\n".join([*self.words, *rows])


HIDDEN = ("style", "script", "title", "metadata")  # the last: which Matplotlib drew an <svg>


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.page = Page()
        self.open: list[list[list[str]]] = []
        self.hidden = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in HIDDEN:
            self.hidden += 1
        elif tag == "table":
            self.open.append([])
            self.page.tables.append(self.open[-1])
        elif tag == "tr" and self.open:
            self.open[-1].append([])
        elif tag in ("td", "th") and self.open:
            self._row().append("")
        elif tag == "br":
            self.handle_data(" ")

    def handle_endtag(self, tag: str) -> None:
        if tag in HIDDEN:
            self.hidden = max(0, self.hidden - 1)
        elif tag == "table" and self.open:
            self.open.pop()

    def handle_data(self, data: str) -> None:
        if self.hidden:
            return
        if self.open and self.open[-1] and self.open[-1][-1]:
            self.open[-1][-1][-1] += data
        elif data.strip():
            self.page.words.append(data.strip())

    def _row(self) -> list[str]:
        if not self.open[-1]:
            self.open[-1].append([])
        return self.open[-1][-1]


def read_page(html: str) -> Page:
    """What a reader sees of `html`; styles, scripts and identifiers left out."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    page = reader.page
    page.tables = [
        [[" ".join(cell.split()) for cell in row] for row in table if row] for table in page.tables
    ]
    return page


def compare_html(value: Page, reference: Page, tally: Tally, context: Context) -> None:
    """Compare what is seen of two pieces of HTML, table by table and row by row."""
    compare_texts("\n".join(value.words), "\n".join(reference.words), tally, context)
    if len(value.tables) != len(reference.tables):
        tally.differ("number of tables", len(value.tables), len(reference.tables))
    for i, (a, b) in enumerate(zip(value.tables, reference.tables, strict=False)):
        where = f"table {i + 1}, " if len(reference.tables) > 1 else ""
        _compare_grid(a, b, tally, context, where)


def _compare_grid(
    mine: list[list[str]], theirs: list[list[str]], tally: Tally, context: Context, where: str
) -> None:
    for i, a, j, b in _grid_rows(mine, theirs):
        if a is None or b is None:
            place = f"{where}row {j if b else i}"
            tally.differ(place, " ".join(a or ["no such row"]), " ".join(b or ["no such row"]))
        elif len(a) != len(b):
            tally.differ(f"{where}row {j}: columns", len(a), len(b))
        else:
            heads = theirs[0] if len(theirs[0]) == len(b) else [""] * len(b)
            for k, (x, y) in enumerate(zip(a, b, strict=True)):
                place = f"{where}row {b[0] or j}, column {heads[k] or k}"
                if (heads[k] in context.columns and j) or {x, y} <= MISSING:
                    tally.ignored += x != y
                    tally.same()
                else:
                    compare_texts(x, y, tally, context, where=place)


Pair = tuple[int, list[str] | None, int, list[str] | None]


def _grid_rows(mine: list[list[str]], theirs: list[list[str]]) -> list[Pair]:
    if len(mine) == len(theirs):
        return [(i, a, i, b) for i, (a, b) in enumerate(zip(mine, theirs, strict=True))]
    signs = [[tuple(row) for row in rows] for rows in (mine, theirs)]
    return [
        (i or 0, None if i is None else mine[i], j or 0, None if j is None else theirs[j])
        for i, j in aligned(signs[0], signs[1])
    ]
