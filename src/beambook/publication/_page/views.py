"""What a person would see of two outputs: pictures, or texts, beside each other."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import zip_longest

from beambook.publication._page.evidence import Evidence
from beambook.publication._page.model import Block, Paragraph, Side, Sides, Table
from beambook.publication._page.pictures import Album, has_picture
from beambook.publication._page.words import clean, count, cut, shown
from beambook.recipe._cells import Output
from beambook.recipe._tally import Difference

__all__ = ["differences", "views"]

LINES, COLUMNS = 12, 110


def views(evidence: Evidence, what: str, album: Album, *, leg: str = "") -> Iterator[Block]:
    """What a person would see: pictures beside each other, else texts beside each other."""
    if has_picture(evidence):
        pictures = album.pictures(evidence, shown(what, 120), leg)
        if pictures is not None:
            yield pictures
        else:
            yield Paragraph("There is no room for more pictures on this page.", "left out")
        return
    whole = [_text(side) for side in (evidence.reference, evidence.value)]
    if not any(whole):
        return
    texts = _excerpts(*whole)
    if whole[0] == whole[1]:
        yield Sides([Side("Published and executed again, the same", texts[0])])
    else:
        labels = ("Published", "Executed again")
        yield Sides([Side(label, t or "—") for label, t in zip(labels, texts, strict=True)])


def _excerpts(a: str, b: str) -> tuple[str, str]:
    """A few lines of both texts, from a little before the first letter that differs."""
    one, two = (text.expandtabs().split("\n") for text in (a, b))
    lines = zip_longest(one, two, fillvalue="")
    at, (x, y) = next(((i, both) for i, both in enumerate(lines) if both[0] != both[1]), (0, "  "))
    column = next((i for i, (p, q) in enumerate(zip(x, y, strict=False)) if p != q), 0)
    start = max(0, at - LINES // 2) if max(len(one), len(two)) > LINES else 0
    left = max(0, column - COLUMNS // 2) if column > COLUMNS - 10 else 0
    return _excerpt(one, start, left), _excerpt(two, start, left)


def _excerpt(lines: list[str], start: int, left: int) -> str:
    kept = [cut(f"…{line[left:]}" if left else line, COLUMNS) for line in lines[start:]][:LINES]
    before = [f"… {count(start, 'line')} before"] if start else []
    more = len(lines) - start - LINES
    after = [f"… {count(more, 'more line')}"] if more > 0 else []
    return "\n".join([*before, *kept, *after])


def _text(output: Output | None) -> str:
    """What is shown as plain text."""
    if output is None:
        return ""
    if output.kind == "error":
        return shown(f"{output.get('ename')}: {output.get('evalue')}")
    text = output.get("text/plain") or output.get("text/markdown") or output.get("text/latex") or ""
    if not isinstance(text, str):
        return ""
    return clean(text[:200_000]).strip("\n")


def differences(found: Sequence[Difference], differing: int) -> Table:
    """A table of the differences that are kept."""
    rows = [
        [
            shown(each.where, 120),
            shown(each.reference, 160) or "nothing",
            shown(each.value, 160) or "nothing",
            "" if each.relative is None else f"{each.relative:.2g}",
            shown(_worded(each.tolerance), 60),
        ]
        for each in found
    ]
    more = differing - len(found)
    caption = "Differences" if more <= 0 else f"The first {len(found)} of {differing:,} differences"
    columns = ("where", "published", "executed again", "relative difference", "allowed")
    return Table(columns, rows, caption, "", frozenset({1, 2}))


def _worded(tolerance: str) -> str:
    """A tolerance without its short names."""
    said = re.sub(r"\batol ([^\s,]+)", r"\1 absolute", tolerance)
    return re.sub(r"\brtol ([^\s,]+)", r"\1 relative", said)
