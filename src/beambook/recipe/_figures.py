"""Figures compared by the numbers drawn."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from beambook.recipe._align import opcodes
from beambook.recipe._arrays import compare_arrays
from beambook.recipe._tally import Tally, Tolerance
from beambook.recipe._text import Context, compare_texts

__all__ = ["compare_figures"]

VISIBLE = 1e-4  # of the span of an axis: nothing larger passes
SINGLE = 1e-6  # of the span of an axis: precision of single numbers
_ALONG = {"x": "x", "width": "x", "y": "y", "height": "y", "z": "z"}
_NOT_PLACED = ("pixels", "colours", "colour limits", "sizes", "levels", "u", "v")

Document = Mapping[str, Any]


def compare_figures(
    value: Document, reference: Document, tally: Tally, context: Context, *, where: str = ""
) -> None:
    """Compare two fingerprints of figures (``application/vnd.beambook.figure+json``)."""
    if value == reference:
        tally.same(_size(value), precise=_precise(value))
        return
    if "cut" in value or "cut" in reference:
        tally.cannot = "the figure is too large for its numbers to be stored"
        return
    figures = _Figures(value, reference, tally, context)
    figures.compare(where)
    if not figures.same_software:
        tally.noise = 0.0  # that of Matplotlib, which computes in single precision


def _size(document: Document) -> int:
    sizes = [1]
    for array in document.get("arrays", ()):
        count = 1
        for length in array["shape"]:
            count *= length
        sizes.append(count)
    return sum(sizes)


def _precise(document: Document) -> int:
    return sum(str(array.get("dtype", "")) == "f8" for array in document.get("arrays", ()))


class _Figures:
    """Two figures on their way through a comparison."""

    def __init__(
        self, value: Document, reference: Document, tally: Tally, context: Context
    ) -> None:
        self.value, self.reference = value, reference
        self.tally, self.context = tally, context
        self.same_software = value.get("library") == reference.get("library")
        self.spans: dict[str, float] = {}  # of the axes that are compared now

    def compare(self, where: str) -> None:
        self.words(_join(where, "texts"), self.value.get("texts"), self.reference.get("texts"))
        mine, theirs = self.value.get("axes", []), self.reference.get("axes", [])
        if len(mine) != len(theirs):
            self.tally.differ(_join(where, "number of axes"), len(mine), len(theirs))
        for i, (a, b) in enumerate(zip(mine, theirs, strict=False)):
            self.axes(a, b, _join(where, f"axes {i + 1}" if len(theirs) > 1 else ""))
        self.artists(self.value.get("artists", []), self.reference.get("artists", []), where)

    def words(self, where: str, a: Any, b: Any) -> None:
        """Titles and labels; numbers in them within tolerance."""
        a, b = ([x] if isinstance(x, str) else list(x or ()) for x in (a, b))
        if len(a) != len(b):
            self.tally.differ(where, "; ".join(a), "; ".join(b))
            return
        for one, two in zip(a, b, strict=True):
            compare_texts(one, two, self.tally, self.context, where=where)

    def axes(self, a: Document, b: Document, where: str) -> None:
        self.tally.word(_join(where, "kind"), a.get("kind"), b.get("kind"))
        if "place" in a and "place" in b and a["kind"] != "colour bar":
            self.tally.word(_join(where, "place"), a["place"], b["place"])
        for name in ("title", "legend"):
            self.words(_join(where, name), a.get(name), b.get(name))
        for name in sorted({*a.get("axis", {}), *b.get("axis", {})}):
            one, two = (each.get("axis", {}).get(name, {}) for each in (a, b))
            self.axis(one, two, _join(where, f"{name} axis"))
        self.numbers(a.get("view", []), b.get("view", []), _join(where, "view"))
        self.spans = _spans(b)
        mine, theirs = self.placed(a.get("artists", []), b.get("artists", []))
        self.artists(mine, theirs, where)
        self.spans = {}
        for name, two in b.get("axis", {}).items() if self.comparable_limits(b) else ():
            limits = a.get("axis", {}).get(name, {}).get("limits", [])
            self.limits(limits, two.get("limits", []), _join(where, f"{name} limits"))

    def placed(
        self, mine: list[Document], theirs: list[Document]
    ) -> tuple[list[Document], list[Document]]:
        """The artists, without the labels of contours where another Matplotlib placed them."""
        labelled = any("paths beside labels" in each.get("numbers", {}) for each in theirs)
        if self.same_software or not labelled:
            return mine, theirs
        one, two = ([x for x in found if x.get("kind") != "text"] for found in (mine, theirs))
        return one, two

    def comparable_limits(self, axes: Document) -> bool:
        """Matplotlib changed the default limits of 3-D axes between versions."""
        return self.same_software or axes.get("kind") != "3d"

    def axis(self, a: Document, b: Document, where: str) -> None:
        self.words(f"{where} label", a.get("label"), b.get("label"))
        self.tally.word(f"{where} scale", a.get("scale"), b.get("scale"))
        self.words(f"{where} categories", a.get("names"), b.get("names"))
        if self.same_software:
            self.words(f"{where} tick labels", a.get("ticks"), b.get("ticks"))

    def limits(self, a: list[float], b: list[float], where: str) -> None:
        span = abs(b[1] - b[0]) if len(b) == 2 else 0.0
        given = self.context.tolerance
        visible = max(1e-6, given.rtol) * span
        self.numbers(a, b, where, Tolerance(0.0, visible + given.atol))

    def numbers(
        self, a: list[float], b: list[float], where: str, tolerance: Tolerance | None = None
    ) -> None:
        if len(a) != len(b):
            self.tally.differ(where, a, b)
            return
        for one, two in zip(a, b, strict=True):
            self.tally.number(where, one, two, tolerance or self.context.tolerance)

    def artists(self, mine: list[Document], theirs: list[Document], where: str) -> None:
        names = [[_name(artist) for artist in artists] for artists in (mine, theirs)]
        if self.same_names(mine, theirs):
            for i, (a, b) in enumerate(zip(mine, theirs, strict=True)):
                self.artist(a, b, _join(where, _title(b, i, theirs)))
            return
        for tag, i, i2, j, j2 in opcodes(names[0], names[1]):
            if tag == "equal":
                for k in range(i2 - i):
                    self.artist(mine[i + k], theirs[j + k], _join(where, names[1][j + k]))
            else:
                mine_here, theirs_here = names[0][i:i2], names[1][j:j2]
                self.tally.differ(_join(where, "drawn"), _list(mine_here), _list(theirs_here))

    def same_names(self, mine: list[Document], theirs: list[Document]) -> bool:
        """Whether kinds and labels are the same; a label may hold a folder or the time."""
        if [_name({**a, "label": ""}) for a in mine] != [_name({**b, "label": ""}) for b in theirs]:
            return False
        labels = Tally("figure")
        for a, b in zip(mine, theirs, strict=True):
            compare_texts(a.get("label") or "", b.get("label") or "", labels, self.context)
        self.tally.ignored += 0 if labels.count else labels.ignored
        return not labels.count

    def artist(self, a: Document, b: Document, where: str) -> None:
        self.words(_join(where, "text"), a.get("text"), b.get("text"))
        self.words(_join(where, "texts"), a.get("texts"), b.get("texts"))
        for name in ("count", "norm", "crc"):
            if name != "crc" or not ("texts" in a or "texts" in b):
                self.tally.word(_join(where, name), a.get(name), b.get(name))
        if a.get("style") != b.get("style"):
            self.tally.notes.append(f"{where}: drawn {a.get('style')}, not {b.get('style')}")
        self.drawn(a.get("numbers", {}), b.get("numbers", {}), where, _colour_maps(a, b))

    def drawn(self, a: Document, b: Document, where: str, colours: tuple[str, str]) -> None:
        for name in (*b, *(name for name in a if name not in b)):
            place = _join(where, name)
            if name == "paths beside labels" and not self.same_software:
                self.tally.notes.append(f"{place}: not compared between versions of Matplotlib")
                continue
            if name not in a or name not in b:
                if self.same_software:
                    self.tally.differ(place, _there(a, name), _there(b, name))
            elif isinstance(a[name], str) or isinstance(b[name], str):
                self.tally.word(place, a[name], b[name])
            elif name in ("colour map", "own colours"):
                self.colours(a[name], b[name], place, colours)
            else:
                self.arrays(a[name], b[name], place, self.tolerance(name), self.visible(name))

    def colours(self, a: int, b: int, where: str, names: tuple[str, str]) -> None:
        """Colours agree when no eye tells them apart (1/64)."""
        before = self.tally.count
        self.arrays(a, b, where, Tolerance(0.0, 1 / 64))
        if self.tally.count > before and names[0] != names[1]:
            self.tally.count = before
            del self.tally.differences[max(0, before) :]
            self.tally.differ(where, *names)

    def arrays(
        self, a: int, b: int, where: str, tolerance: Tolerance, visible: float = float("inf")
    ) -> None:
        one, two = self.value["arrays"][a], self.reference["arrays"][b]
        compare_arrays(one, two, self.tally, tolerance, where, visible=visible)

    def tolerance(self, name: str) -> Tolerance:
        """The given one; Matplotlib computes the corners of wedges and circles in single."""
        given = self.context.tolerance
        if name not in ("corners", "place", "ends"):
            return given
        return Tolerance(given.rtol, given.atol + SINGLE * max(self.spans.values(), default=1.0))

    def visible(self, name: str) -> float:
        """What the eye could see of numbers of this name."""
        if name in _NOT_PLACED or not self.spans:
            return float("inf")
        span = self.spans.get(_ALONG.get(name, ""), max(self.spans.values()))
        return max(VISIBLE, self.context.tolerance.rtol) * span


def _spans(axes: Document) -> dict[str, float]:
    limits = {name: axis.get("limits", ()) for name, axis in axes.get("axis", {}).items()}
    return {name: abs(v[1] - v[0]) for name, v in limits.items() if len(v) == 2 and v[0] != v[1]}


def _colour_maps(a: Document, b: Document) -> tuple[str, str]:
    return str(a.get("cmap", "")), str(b.get("cmap", ""))


def _there(numbers: Document, name: str) -> str:
    return "drawn" if name in numbers else "not drawn"


def _name(artist: Document) -> str:
    label = artist.get("label") or ""
    kind = str(artist.get("type") or artist.get("kind"))
    return f"{kind} {label!r}" if label else kind


def _title(artist: Document, position: int, artists: Iterable[Document]) -> str:
    name = _name(artist)
    alike = [i for i, other in enumerate(artists) if _name(other) == name]
    return name if len(alike) == 1 else f"{name} {alike.index(position) + 1}"


def _list(names: list[str]) -> str:
    return ", ".join(names) or "nothing"


def _join(*parts: str) -> str:
    return ", ".join(part for part in parts if part)
