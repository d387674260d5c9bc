"""Vector pictures (SVG) compared by their geometry and their texts.

Two versions of Matplotlib place the letters otherwise, and the axes with them by up to two points
(measured between 3.9 and 3.11 on 27 figures of published notebooks). Between them the letters are
left out, the words are compared, and lines may move a little, as in `_pictures`.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any
from xml.etree import ElementTree

from beambook.recipe._tally import Tally
from beambook.recipe._text import Context, compare_texts, tokens_of

__all__ = ["compare_svg"]

_PASSING = ("id", "href", "clip-path", "class", "aria-labelledby", "aria-describedby", "style")
_LETTERS = re.compile(r"text_\d+")
SIMILAR, DIFFERENT = 3.0, 6.0  # points that a line moves


def compare_svg(value: str, reference: str, tally: Tally, context: Context) -> None:
    """Compare two SVG pictures by their geometry and texts; identifiers do not count.

    Parameters
    ----------
    value, reference : str
    tally : Tally
    context : Context
    """
    made_by, made_with = (_software(svg) for svg in (value, reference))
    if made_by and made_with and made_by != made_with:
        tally.notes.append(f"drawn by {made_by} here, by {made_with} in the reference")
        _compare_versions(value, reference, tally, context)
    else:
        compare_texts(_geometry(value), _geometry(reference), tally, context, where="svg")


def _software(svg: str) -> str:
    found = re.search(r"<dc:title>(Matplotlib v[\w.+]+)", svg[:10_000])
    return found[1] if found else ""


def _compare_versions(value: str, reference: str, tally: Tally, context: Context) -> None:
    words = ["\n".join(re.findall(r"<!-- (.*?) -->", svg, re.S)) for svg in (value, reference)]
    compare_texts(words[0], words[1], tally, context, where="svg, texts")
    parts = [_parts(svg) for svg in (value, reference)]
    for kind in sorted(parts[0].keys() | parts[1].keys()):
        if parts[0][kind] != parts[1][kind]:
            tally.differ("svg", *(f"{p[kind]} of {kind}" for p in parts))
    if not tally.count:
        one, two = (_geometry(svg, letters=False) for svg in (value, reference))
        _judge_moves(one, two, tally)


def _judge_moves(value: str, reference: str, tally: Tally) -> None:
    """How far things have moved; the words (colours, kinds of elements) must be the same."""
    one, two = tokens_of(value), tokens_of(reference)
    if [t.kind for t in one] != [t.kind for t in two]:
        tally.cannot = "the two versions draw it with other points"
        return
    furthest = 0.0
    for a, b in zip(one, two, strict=True):
        if a.kind == "number":
            furthest = max(furthest, abs(float(a.text) - float(b.text)))
        elif a.text != b.text:
            tally.differ("svg", a.text, b.text)
    if furthest >= DIFFERENT:
        tally.differ("svg", f"lines moved by up to {furthest:.0f} points", "the reference")
    elif furthest > SIMILAR:
        tally.cannot = f"lines moved by up to {furthest:.1f} points"
    elif furthest:
        tally.within()


def _parts(svg: str) -> Counter[str]:
    """How many lines, patches, texts … Matplotlib drew."""
    return Counter(re.findall(r'<g id="([A-Za-z]\w*)_\d+"', svg))


def _geometry(svg: str, *, letters: bool = True) -> str:
    plain = re.sub(r"<!DOCTYPE[^>\[]*(?:\[.*?\])?\s*>", "", svg, flags=re.S)
    try:
        root = ElementTree.fromstring(plain)  # noqa: S314 no DOCTYPE is left, so no entities
    except ElementTree.ParseError:
        return svg
    elements = root.iter() if letters else _without_letters(root)
    return "\n".join(line for element in elements for line in _element(element))


def _without_letters(root: Any) -> Iterator[Any]:
    waiting = [root]
    while waiting:
        element = waiting.pop()
        if not _LETTERS.fullmatch(element.get("id", "")):
            yield element
            waiting.extend(reversed(element))


def _element(element: Any) -> list[str]:
    tag = str(element.tag).rpartition("}")[2]
    if (
        tag in ("metadata", "date", "creator", "title", "defs", "style")
        or "purl.org" in element.tag
    ):
        return []
    kept = []
    for name, text in sorted(element.attrib.items()):
        short = name.rpartition("}")[2]
        if short not in _PASSING:
            kept.append(f"{short} {re.sub(r'(?<=[a-zA-Z])(?=[-+.0-9])', ' ', text)}")
    if paint := re.findall(r"(?:fill|stroke): ?(#\w+|none)", element.attrib.get("style", "")):
        kept.append(" ".join(paint))
    kept.append((element.text or "").strip() if tag in ("text", "tspan") else "")
    return [f"{tag} {'; '.join(kept)}"]
