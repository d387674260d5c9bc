"""Two outputs compared by the best evidence that both hold."""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from beambook.recipe._align import aligned
from beambook.recipe._cells import Output
from beambook.recipe._elided import without_elided
from beambook.recipe._figures import compare_figures
from beambook.recipe._fingerprint import FIGURE, TABLE, VALUES
from beambook.recipe._pictures import FAR, NEAR, Bounds, compare_pictures
from beambook.recipe._plotly import plain_figure
from beambook.recipe._record import RESULT
from beambook.recipe._scripts import VEGA
from beambook.recipe._source import Reading
from beambook.recipe._svg import compare_svg
from beambook.recipe._tables import compare_html, compare_tables, read_page
from beambook.recipe._tally import Difference, Tally, Tolerance
from beambook.recipe._text import Context, compare_texts
from beambook.recipe._values import compare_json, compare_results, compare_shown_arrays
from beambook.recipe._versions import one_missing

__all__ = ["compare_outputs", "paired"]

WIDGET = "application/vnd.jupyter.widget-view+json"
HTML, TEXT = "text/html", "text/plain"
FEW = 2  # words and numbers that somebody may have changed in a text that fewer see
PICTURES = ("image/png", "image/jpeg", "image/gif", "image/webp")

# What a text says that only names what is shown beside it.
_PLACEHOLDER = re.compile(
    r"<(?:Figure size|IPython\.core\.display\.|pandas\.io\.formats\.style)[^>]*>"
)

# What stands around a formula, which is another with each version of SymPy.
_FORMULA = re.compile(r"^\s*\$+(?:\\displaystyle\b)?|\$+\s*$")

OutputPair = tuple["Output | None", "Output | None"]


def paired(mine: tuple[Output, ...], theirs: tuple[Output, ...]) -> list[OutputPair]:
    """Outputs that belong together: in order, of the same kind; the rest stay alone."""
    signs = [[_sign(output) for output in outputs] for outputs in (mine, theirs)]
    if signs[0] == signs[1] or len(mine) == len(theirs) == 1:
        return list(zip(mine, theirs, strict=True))
    return [
        (None if i is None else mine[i], None if j is None else theirs[j])
        for i, j in aligned(signs[0], signs[1])
    ]


def _sign(output: Output) -> str:
    """What an output is recognised by among those of its cell."""
    if output.result:
        return f"result {output.result.get('name')}"
    if any(mime.startswith("image/") for mime in output.data):
        return "picture"
    if output.kind == "display" and (TABLE in output.data or "<table" in output.data.get(HTML, "")):
        return "table"
    return output.kind


def compare_outputs(
    value: Output | None, reference: Output | None, context: Context, reading: Reading
) -> Tally:
    """Compare two outputs, or say that one is missing."""
    if value is None or reference is None:
        return _alone(value, reference)
    if value.kind != reference.kind:
        tally = Tally("error" if "error" in (value.kind, reference.kind) else "text")
        tally.differ("output", _brief(value), _brief(reference))
        return tally
    if value.kind == "error":
        return _errors(value, reference, context)
    if value.kind == "stdout":
        return _printed(value, reference, context, reading)
    return _displayed(value, reference, context, reading)


def _alone(value: Output | None, reference: Output | None) -> Tally:
    there = value or reference
    tally = Tally("error" if there is not None and there.kind == "error" else "outputs")
    if value is None:
        tally.differ("missing output", "", _brief(reference))
    else:
        tally.differ("output too many", _brief(value), "")
    return tally


def _brief(output: Output | None) -> str:
    if output is None:
        return ""
    if output.kind == "error":
        return f"{output.get('ename')}: {output.get('evalue')}"
    text = str(output.get(TEXT) or read_page(str(output.get(HTML) or "")).text)
    if not output.result and (not text or _PLACEHOLDER.fullmatch(text.strip())):
        return sorted(output.data)[0] if output.data else "nothing"
    return text.strip()


def _errors(value: Output, reference: Output, context: Context) -> Tally:
    tally = Tally("error")
    tally.word("error", value.get("ename"), reference.get("ename"))
    compare_texts(value.get("evalue"), reference.get("evalue"), tally, context, where="message")
    return tally


def _printed(value: Output, reference: Output, context: Context, reading: Reading) -> Tally:
    tally = Tally("text")
    a, b = str(value.get(TEXT)), str(reference.get(TEXT))
    if a != b:
        (a, ignored), (b, _) = reading.scrub(a), reading.scrub(b)
        tally.ignored += ignored
    compare_texts(a, b, tally, context)
    if tally.count and reading.racing and sorted("".join(a.split())) == sorted("".join(b.split())):
        return Tally("text", compared=1, notes=["several threads printed at once"])
    return tally


def _displayed(value: Output, reference: Output, context: Context, reading: Reading) -> Tally:
    if value.data == reference.data:
        return _identical(value, context)
    damaged: list[str] = []
    for evidence, applies, compare in _LADDER:
        if applies(value.data) and applies(reference.data):
            tally = Tally(evidence)
            if evidence == "text" and reading.result:
                tally.ignored += 1
                tally.notes.append("the source says that this value is volatile")
                return tally
            if not _tried(compare, value.data, reference.data, tally, context):
                damaged.append(tally.cannot)
                continue
            if not tally.cannot:
                _cross_check(value.data, reference.data, tally, context)
                tally.notes += damaged
                if evidence == "picture" and tally.count and reading.drawn:
                    tally.count, tally.differences = 0, []
                    tally.cannot = "the source writes a time or a folder into the picture"
                return tally
            return _next_best(value, reference, context, tally)
    tally = Tally("outputs")
    kinds = [", ".join(sorted(output.data)) for output in (value, reference)]
    tally.cannot = f"nothing static in common: {kinds[0]} here, {kinds[1]} in the reference"
    return tally


def _tried(compare: Compare, a: Data, b: Data, tally: Tally, context: Context) -> bool:
    """Compare, unless what is stored is not what its MIME type says: anybody can write there."""
    try:
        compare(a, b, tally, context)
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        tally.cannot = f"the stored {tally.evidence} is damaged ({type(error).__name__})"
        return False
    return True


def _identical(value: Output, context: Context) -> Tally:
    """The same bytes; still counted by the best evidence."""
    for evidence, applies, compare in _LADDER:
        if applies(value.data) and evidence not in ("picture", "geometry", "widget", "bytes"):
            tally = Tally(evidence)
            if _tried(compare, value.data, value.data, tally, context):
                tally.cannot = ""
                return tally
    return Tally("picture" if any(m.startswith("image/") for m in value.data) else "bytes", 1)


def _next_best(value: Output, reference: Output, context: Context, tally: Tally) -> Tally:
    """A figure without numbers still has its looks."""
    if tally.evidence == "figure" and _pictures(value.data) and _pictures(reference.data):
        looks = Tally("picture", notes=[tally.cannot])
        _compare_pictures(value.data, reference.data, looks, context)
        return looks
    return tally


Data = Mapping[str, Any]
Applies = Callable[[Data], bool]
Compare = Callable[[Data, Data, Tally, Context], None]


def _has(mime: str) -> Applies:
    return lambda data: mime in data


def _by(mime: str, compare: Callable[[Any, Any, Tally, Context], None]) -> Compare:
    return lambda a, b, tally, context: compare(a[mime], b[mime], tally, context)


def _pictures(data: Data) -> bool:
    return any(mime in data for mime in PICTURES)


def _compare_pictures(
    a: Data, b: Data, tally: Tally, context: Context, *, likeness: Bounds | None = None
) -> None:
    both = [m for m in PICTURES if m in a and m in b] or PICTURES
    one, two = (next(data[m] for m in both if m in data) for data in (a, b))
    try:
        compare_pictures(b64decode(one), b64decode(two), tally, likeness=likeness)
    except ValueError:
        tally.cannot = "a picture cannot be read"


def _data_mime(data: Data) -> str:
    """JSON that holds what is shown (plotly, Vega, GeoJSON), by its MIME type."""
    found = [m for m in sorted(data) if m.endswith("+json") or m == "application/json"]
    found.sort(key=lambda mime: mime == VEGA)
    own = (RESULT, FIGURE, TABLE, VALUES, WIDGET)
    found += [m for m in sorted(data) if re.fullmatch(r"application/vnd\.vega.*\.json", m)]
    return next((m for m in found if m not in own and "exec" not in m and "load" not in m), "")


def _compare_data(a: Data, b: Data, tally: Tally, context: Context) -> None:
    mimes = _data_mime(a), _data_mime(b)
    if VEGA in a and VEGA in b:
        mimes = VEGA, VEGA
    tally.word("type", *mimes)
    one, two = (plain_figure(d[mime]) for d, mime in zip((a, b), mimes, strict=True))
    compare_json(one, two, tally, context, "")


def _is_html_of_its_own(data: Data) -> bool:
    """HTML that says more than the text beside it, and that is not made by scripts."""
    html, text = str(data.get(HTML, "")), str(data.get(TEXT, ""))
    if not html or _is_xarray(data):
        return False
    page = read_page(html)
    return bool(page.tables) or (bool(page.words) and _placeholder(text))


def _is_xarray(data: Data) -> bool:
    return bool(re.match(r"\s*<xarray\.|\s*dask\.array<|\s*Delayed\(", str(data.get(TEXT, ""))))


def _placeholder(text: str) -> bool:
    return not text.strip() or bool(_PLACEHOLDER.fullmatch(text.strip()))


def _compare_pages(a: Data, b: Data, tally: Tally, context: Context) -> None:
    one, two = read_page(a[HTML]), read_page(b[HTML])
    compare_html(one, two, tally, context)
    if one == two and TEXT in a and TEXT in b:
        beside = Tally(tally.evidence)
        compare_texts(str(a[TEXT]), str(b[TEXT]), beside, context, where="as plain text")
        if beside.count <= FEW:  # more: it is broken into lines or worded otherwise
            tally.add(beside)


def _is_text(data: Data) -> bool:
    return any(mime in data for mime in _TEXTS) and not _placeholder(_text(data))


_TEXTS = ("text/latex", "text/markdown", TEXT)


def _text(data: Data) -> str:
    return next((str(data[mime]) for mime in _TEXTS if mime in data), "")


def _compare_text(a: Data, b: Data, tally: Tally, context: Context) -> None:
    if _is_xarray(a) and _is_xarray(b):  # the attributes of variables are in the HTML only
        one, two = (_attributes(str(d.get(HTML, ""))) for d in (a, b))
        if one and two:
            compare_texts(one, two, tally, context, where="attributes")
    common = [mime for mime in _TEXTS if mime in a and mime in b]
    one, two = (str(d[common[0]]) if common else _text(d) for d in (a, b))
    compare_texts(one, two, tally, context)


def _attributes(html: str) -> str:
    lists = re.findall(r"<dl class='xr-attrs'>(.*?)</dl>", html, re.S)
    return read_page("<br>".join(lists)).text


def _compare_formulas(a: str, b: str, tally: Tally, context: Context) -> None:
    one, two = (_FORMULA.sub("", text) for text in (a, b))
    compare_texts(one, two, tally, context)


def _cannot_widget(a: Data, b: Data, tally: Tally, context: Context) -> None:
    tally.cannot = "a widget, which leaves nothing static to compare"


def _bytes(a: Data, b: Data, tally: Tally, context: Context) -> None:
    common = [m for m in sorted(a) if m in b and m != TEXT]
    if common and all(a[m] == b[m] for m in common):
        tally.same()
    else:
        tally.cannot = f"{', '.join(common) or 'the outputs'} can only be compared byte by byte"


_LADDER: tuple[tuple[str, Applies, Compare], ...] = (
    ("result", _has(RESULT), _by(RESULT, compare_results)),
    ("table", _has(TABLE), _by(TABLE, compare_tables)),
    ("figure", _has(FIGURE), _by(FIGURE, compare_figures)),
    ("values", _has(VALUES), _by(VALUES, compare_shown_arrays)),
    ("data", lambda data: bool(_data_mime(data)), _compare_data),
    ("widget", _has(WIDGET), _cannot_widget),
    (
        "text",
        _has("text/latex"),
        _by("text/latex", _compare_formulas),
    ),  # SymPy adds a picture of it
    ("geometry", _has("image/svg+xml"), _by("image/svg+xml", compare_svg)),
    ("picture", _pictures, _compare_pictures),
    ("table as shown", _is_html_of_its_own, _compare_pages),
    ("text", _is_text, _compare_text),
    ("bytes", lambda data: True, _bytes),
)


def _cross_check(a: Data, b: Data, tally: Tally, context: Context) -> None:
    """What is shown beside the best evidence must not contradict it.

    Where the data are the same, a number in the text beside them that is not, is an output
    that somebody changed, or a table formatted otherwise than its reference.
    """
    if tally.count or tally.noisy or tally.evidence not in ("result", "table", "figure", "values"):
        return
    beside = Tally(tally.evidence)
    printed = replace(context, coarse=True, tolerance=Tolerance(0.0, 0.0))
    worded = True  # what differs is not a version's way to say it
    if tally.evidence == "figure":
        if not tally.ignored:  # a folder or a date in a title is also in the picture
            _check_picture(a, b, beside)
    else:
        worded = _check_shown(a, b, beside, printed) or _styled(b) or _same_library(a, b)
    if not beside.count and beside.noisy:
        tally.notes.append("shown with other digits")
    numbers_only = all(map(_same_form, beside.differences))
    sure = numbers_only or worded
    if beside.count and sure:
        tally.notes.append("the stored data are the same, but not what is shown of them")
        tally.count += beside.count
        tally.differences = beside.differences
        tally.picture = beside.picture


def _same_library(a: Data, b: Data) -> bool:
    """Whether both were written by the same version, which words things in one way."""
    documents = [(d.get(TABLE, {}).get("beambook"), d.get(VALUES)) for d in (a, b)]
    one, two = ({(p or {}).get("library", "") for p in parts} - {""} for parts in documents)
    return bool(one) and one == two


def _check_shown(a: Data, b: Data, beside: Tally, printed: Context) -> bool:
    """Compare texts beside data; whether what differs is another wording in no version.

    That is so of the HTML of tables, and of a few words of their text if the HTML is the same.
    """
    mime = {"result": RESULT, "table": TABLE, "values": VALUES}[beside.evidence]
    one, two = (d[mime].get("data", d[mime].get("value", d[mime])) for d in (a, b))
    if HTML in a and HTML in b:
        pages = without_elided(str(a[HTML]), str(b[HTML]), (one, two))
        compare_html(read_page(pages[0]), read_page(pages[1]), beside, printed)
    found = beside.count
    if TEXT in a and TEXT in b and not printed.columns:
        texts = without_elided(str(a[TEXT]), str(b[TEXT]), (one, two))
        if mime == TABLE:
            texts = one_missing(texts[0]), one_missing(texts[1])
        compare_texts(*texts, beside, printed)
    return mime == TABLE and HTML in a and (found > 0 or beside.count <= FEW)


def _same_form(found: Difference) -> bool:
    """Numbers and dates that differ in their digits only: not another wording."""
    forms = {re.sub(r"\d+", "0", text) for text in (found.value, found.reference)}
    return found.relative is not None or len(forms) == 1


def _styled(data: Data) -> bool:
    return "pandas.io.formats.style" in str(data.get(TEXT, ""))


def _check_picture(a: Data, b: Data, beside: Tally) -> None:
    """Same numbers: then pictures that look altogether different contradict."""
    if _pictures(a) and _pictures(b):
        same_software = a[FIGURE].get("library") == b[FIGURE].get("library")
        looks = Tally("picture")
        _compare_pictures(a, b, looks, Context(), likeness=NEAR if same_software else FAR)
        if looks.count:
            beside.add(looks)
