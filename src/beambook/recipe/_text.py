"""Texts compared with their numbers in tolerance and their volatile parts left out.

A text becomes a row of tokens: numbers, words, marks, and volatile things (addresses, ids,
clock times, dates, absolute paths). White space does not count. Two texts agree when their
tokens do, in order; where the order is that of a set, in any order.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from beambook.recipe._align import opcodes
from beambook.recipe._numbers import LONGEST, Number, compare_numbers
from beambook.recipe._paths import PATH, RANDOM_NAME, placed, same_path
from beambook.recipe._stated import Stated, shown_by, words_of
from beambook.recipe._tally import Tally, Tolerance
from beambook.recipe._versions import unversioned
from beambook.recipe._volatile import scrub

__all__ = ["Context", "Token", "compare_texts", "tokens_of"]

MANY_LINES = 3000
BESIDE = 5  # tokens from a number to the words that are said of it
BARE = ("np", "numpy", "array", "int32", "int64", "float32", "float64")  # words of a mere repr
DAY = 86400
MINUTES = 120  # s between a clock reading and the end of its execution
NEAR = 36 * 3600.0  # s around an execution: whatever its time zone, its day is in there

_KINDS = re.compile(
    r"(?P<gone>⟨volatile⟩)"
    r"|(?P<address>(?<=\bat )0x[0-9a-fA-F]+|\b0x[0-9a-fA-F]{9,16}\b)"
    r"|(?P<uuid>\b[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}\b)"
    r"|(?P<date>\b\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?(?:Z|[+-]\d\d:?\d\d)?)?\b"
    r"|\b(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*,? +(?:\d+ +)?[A-Z][a-z]{2} +\d+,?"
    r" +(?:\d\d:\d\d:\d\d(?: [A-Z]{3,4})? \d{4}|\d{4}(?: \d\d:\d\d(?::\d\d)?)?)"
    r"|\b\d\d?[./]\d\d?[./](?:19|20)\d\d(?:,? \d\d:\d\d(?::\d\d)?)?\b"
    r"|\b\d{8}[T_-]\d{6}\b"
    r"|\b\d\d? (?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]*,? (?:19|20)\d\d\b"
    r"(?:,? \d\d:\d\d(?::\d\d)?)?"
    r"|\b(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]* \d\d?,? (?:19|20)\d\d\b"
    r"(?:,? \d\d:\d\d(?::\d\d)?)?)"
    r"|(?P<clock>\b\d{1,2}:\d\d:\d\d(?:[.,]\d+)?\b)"
    rf"|(?P<path>{PATH})"
    r"|(?P<word>\b0[xX][0-9a-fA-F]+\b|\b\d+(?:\.\d+){2,}\w*|[^\W\d]\w*)"
    r"|(?P<number>(?:(?<![\w)\]])[+\-−])?(?:\d+\.?\d*|\.\d+)(?:[eE][+\-]?\d+)?)"
    r"|(?P<mark>[^\w\s])|(?P<rest>\S)"
)


@dataclass(frozen=True)
class Context:
    """What is known beside the two texts.

    Attributes
    ----------
    tolerance : Tolerance
    times, reference_times : tuple of float
        When the two were executed, in s since the epoch, as far as known; now among them.
    guess : bool
        Nobody wrote down when that was: dates with a clock time count as it.
    words : tuple of tuple of str
        Pairs of names (hosts, users) that stand for each other.
    folders, reference_folders : tuple of str
        Where the two were executed, as far as known; longest first.
    unordered : bool
        The source prints in the order of a set or of a folder.
    racing : bool
        The source prints from several threads or processes: lines come in any order.
    columns : frozenset of str
        Columns of tables that the source fills with volatile values.
    coarse : bool
        The numbers are known to be the same; one text may show fewer digits of them.
    stated : tuple of Stated
        Results that both recorded with a tolerance, which holds wherever they are printed.
    """

    tolerance: Tolerance = field(default_factory=Tolerance)
    times: tuple[float, ...] = ()
    reference_times: tuple[float, ...] = ()
    guess: bool = False
    words: tuple[tuple[str, str], ...] = ()
    folders: tuple[str, ...] = ()
    reference_folders: tuple[str, ...] = ()
    unordered: bool = False
    racing: bool = False
    columns: frozenset[str] = frozenset()
    coarse: bool = False
    stated: tuple[Stated, ...] = ()

    def result(self, a: Number, b: Number, beside: frozenset[str] | int) -> Stated | None:
        """The recorded result that two numbers print; None where the usual tolerance does."""
        known_alike = self.coarse or self.tolerance.near(a.value, b.value)
        return None if known_alike else shown_by(self.stated, a, b, beside)


@dataclass(frozen=True)
class Token:
    """A piece of text: its kind, and itself."""

    kind: str
    text: str


def tokens_of(text: str) -> list[Token]:
    """The tokens of a text, white space left out.

    Examples
    --------
    >>> [(t.kind, t.text) for t in tokens_of("E0 = -8.5e3 eV")]
    [('word', 'E0'), ('mark', '='), ('number', '-8.5e3'), ('word', 'eV')]
    """
    return [Token(match.lastgroup or "", match[0]) for match in _KINDS.finditer(text)]


def compare_texts(
    value: str, reference: str, tally: Tally, context: Context, *, where: str = ""
) -> None:
    """Compare two texts; differences go into `tally`."""
    if value == reference:
        _count_identical(value, tally)
        return
    here, there = placed(value, context.folders), placed(reference, context.reference_folders)
    tally.ignored += (here, there) != (value, reference)
    (value, ignored), (reference, _) = scrub(here), scrub(there)
    value, reference = unversioned(value, reference)
    tally.ignored += ignored
    pairs = _aligned(value, reference, context)
    if pairs is not None:
        _compare_tokens(pairs, tally, context, where)
    else:
        _compare_lines(value.split("\n"), reference.split("\n"), tally, context, where)


def _count_identical(text: str, tally: Tally) -> None:
    if len(text) > 1_000_000:
        tally.same()
        return
    found = tokens_of(text)
    precise = sum(t.kind == "number" and Number.read(t.text).precise for t in found)
    tally.same(max(1, len(found)), precise=precise)


Pairs = list[tuple[Token, Token]]


def _aligned(value: str, reference: str, context: Context) -> Pairs | None:
    """Tokens in pairs, when both texts have the same words; best those with the same numbers."""
    first = None
    for form in _forms(context):
        pairs = _paired(tokens_of(form(value)), tokens_of(form(reference)), context)
        if pairs is not None and _near_numbers(pairs, context):
            return pairs
        first = first or pairs
    return first


def _near_numbers(pairs: Pairs, context: Context) -> bool:
    """Whether no form would bring together numbers that are closer to each other."""
    for a, b in pairs:
        if a.kind == b.kind == "number" and a.text != b.text:
            one, two = Number.read(a.text), Number.read(b.text)
            apart = abs(one.value - two.value) > 1.001 * max(one.unit, two.unit)
            if apart and not context.tolerance.near(one.value, two.value):
                return False
    return True


def _paired(value: Sequence[Token], reference: Sequence[Token], context: Context) -> Pairs | None:
    if len(value) != len(reference):
        return None
    pairs = list(zip(value, reference, strict=True))
    return pairs if all(_same_word(a, b, context) for a, b in pairs) else None


def _same_word(a: Token, b: Token, context: Context) -> bool:
    if a.text == b.text:
        return True
    if a.kind == b.kind == "number":
        return all(len(t) <= LONGEST and _is_finite(t) for t in (a.text, b.text))
    if a.kind == b.kind:
        return a.kind not in ("word", "mark", "rest") or _named(a, b, context)
    return "gone" in (a.kind, b.kind) and {a.kind, b.kind} <= {"gone", "number", "clock", "date"}


def _is_finite(number: str) -> bool:
    """Whether a float can hold it; what none can is compared letter by letter."""
    return math.isfinite(float(number.replace("−", "-")))


def _named(a: Token, b: Token, context: Context) -> bool:
    if a.kind != "word":
        return False
    if (a.text, b.text) in context.words:
        return True
    return bool(RANDOM_NAME.fullmatch(a.text) and RANDOM_NAME.fullmatch(b.text))


def _forms(context: Context) -> Iterable[Callable[[str], str]]:
    yield lambda text: text
    yield sorted_braces
    if context.racing:
        yield lambda text: "\n".join(sorted(text.split("\n")))
    if context.unordered:
        yield lambda text: sorted_braces(text, also_lists=True)
        yield _sorted_words


def _sorted_words(text: str) -> str:
    """Lines in order, and what commas part within them."""
    lines = (sorted_braces(line, also_lists=True) for line in text.split("\n"))
    return "\n".join(sorted(" , ".join(sorted(re.split(r"\s*,\s*|\s+", x))) for x in lines))


def _compare_tokens(pairs: Pairs, tally: Tally, context: Context, where: str) -> None:
    floor = 0.0 if context.coarse else _floor(pairs)
    for i, (a, b) in enumerate(pairs):
        if a.kind == "number" and b.kind == "number":
            beside = _beside(pairs, i, where) if context.stated and a != b else 0
            _compare_number(a, b, tally, context, where, floor, beside)
        elif a.text == b.text or a.kind in ("word", "mark", "rest"):
            tally.same()
        elif _agree(a, b, context):
            tally.ignored += 1
        else:
            tally.differ(where, a.text, b.text)


def _beside(pairs: Pairs, place: int, where: str) -> frozenset[str] | int:
    """The words around a number, and of its place in a table; of bare numbers, how many."""
    near = pairs[max(0, place - BESIDE) : place + BESIDE + 1]
    if words := words_of(" ".join([where, *_words(near)])):
        return words
    return 0 if any(_words(pairs)) else sum(b.kind == "number" for _, b in pairs)


def _words(pairs: Pairs) -> Iterable[str]:
    return (b.text for _, b in pairs if b.kind in ("word", "path") and b.text not in BARE)


def _compare_number(
    a: Token,
    b: Token,
    tally: Tally,
    context: Context,
    where: str,
    floor: float,
    beside: frozenset[str] | int,
) -> None:
    one, two = Number.read(a.text), Number.read(b.text)
    if a.text != b.text and _epoch(one.value, two.value, context):
        tally.ignored += 1
    elif (result := context.result(one, two, beside)) is not None:
        result.compare(one, two, tally, where)
    else:
        compare_numbers(one, two, tally, context.tolerance, where, floor, coarse=context.coarse)


def _floor(pairs: Pairs) -> float:
    """Rounding noise of the numbers within brackets: what is 0 in theory is 1e-17 in print."""
    largest, depth = 0.0, 0
    for _, b in pairs:
        depth += (b.text == "[") - (b.text == "]")
        if depth > 0 and b.kind == "number":
            largest = max(largest, abs(Number.read(b.text).value))
    return 1e-15 * largest


def _agree(a: Token, b: Token, context: Context) -> bool:
    """Whether two volatile tokens of the same kind may stand for each other."""
    if a.kind == "date" and b.kind == "date":
        return _both_now(a.text, b.text, context)
    if a.kind == "path":
        return same_path(a.text, b.text)
    if a.kind == "clock":
        guessed = context.guess and not any(t.text.endswith(":00") for t in (a, b))
        return guessed or "." in a.text or _just_now(a.text, context.times)
    return True


def _just_now(clock: str, times: Iterable[float]) -> bool:
    """Whether a clock here, or one that shows UTC, showed this at one of the times."""
    hours, minutes, seconds = (int(part) for part in clock.split(":"))
    shown = hours * 3600 + minutes * 60 + seconds
    moments = [datetime.fromtimestamp(time, UTC) for time in times]
    readings = [each for moment in moments for each in (moment, moment.astimezone())]
    steps = [(shown - r.hour * 3600 - r.minute * 60 - r.second) % DAY for r in readings]
    return any(min(step, DAY - step) < MINUTES for step in steps)


def _epoch(a: float, b: float, context: Context) -> bool:
    """Whether both are clock readings in seconds, milli-, micro- or nanoseconds."""
    for factor in (1.0, 1e3, 1e6, 1e9):
        if all(1.2e9 < v / factor < 2.5e9 for v in (a, b)):
            near = _near(a / factor, context.times)
            return near and (b / factor < a / factor + NEAR or _near(b, context.reference_times))
    return False


def _near(moment: float, times: Iterable[float]) -> bool:
    return any(abs(moment - time) < NEAR for time in times)


def _both_now(a: str, b: str, context: Context) -> bool:
    """Whether `a` is the time of the execution; of the reference's nobody may know."""
    one, two = moment_of(a), moment_of(b)
    if one is None or two is None:
        return False
    if _near(one, context.times) or _near(two, context.reference_times):
        return True
    return context.guess and all(":" in text and one % 60 and two % 60 for text in (a, b))


_DAYS: tuple[str, ...] = (
    "%Y-%m-%d",
    "%d.%m.%Y",
    "%m/%d/%Y",
    "%d/%m/%Y",
    "%d %b %Y",
    "%d %B %Y",
    "%b %d %Y",
)
_DAYS += ("%B %d %Y", "%a %d %b %Y", "%A %d %B %Y")
_FORMATS = [f"{day}{clock}" for day in _DAYS for clock in ("", " %H:%M:%S", " %H:%M")]
_FORMATS += ["%Y%m%d %H%M%S", "%a %b %d %H:%M:%S %Y"]


def _one_line(text: str) -> str:
    return re.sub(r"(?<=:\d\d),(?=\d)", ".", text).replace(",", " ").strip()


def moment_of(text: str) -> float | None:
    """Seconds since the epoch of a date in one of the usual forms, taken as UTC."""
    plain = re.sub(r"(?<=\d)[T_](?=\d)|(?<=^\d{8})-", " ", _one_line(text))
    plain = " ".join(re.sub(r"(?<=\d\d:\d\d:\d\d) [A-Z]{3,4}\b", "", plain).split())
    try:
        moment = datetime.fromisoformat(plain)
    except ValueError:
        moment = None
    for form in () if moment else _FORMATS:
        try:
            moment = moment or datetime.strptime(plain, form).replace(tzinfo=UTC)
        except ValueError:
            continue
    if moment is None:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def sorted_braces(text: str, *, also_lists: bool = False) -> str:
    """`text` with what stands in braces sorted: sets and dicts have no order that counts.

    Examples
    --------
    >>> sorted_braces("{'b': 2, 'a': {3, 1}}")
    "{'a': {1, 3}, 'b': 2}"
    """
    pairs = {"{": "}", "[": "]", "(": ")"}
    stack: list[tuple[str, list[str]]] = [("", [""])]
    for piece in re.findall(r"'[^'\n]*'|\"[^\"\n]*\"|[\[\](){},]|[^\[\](){},'\"]+|.", text, re.S):
        opener, items = stack[-1]
        if piece in pairs:
            stack.append((piece, [""]))
        elif opener and piece == pairs[opener]:
            stack.pop()
            inner = [item.strip() for item in items]
            if opener == "{" or (also_lists and opener == "["):
                inner.sort()
            stack[-1][1][-1] += opener + ", ".join(inner) + piece
        elif piece == "," and opener:
            items.append("")
        else:
            items[-1] += piece
    while len(stack) > 1:
        opener, items = stack.pop()
        stack[-1][1][-1] += opener + ",".join(items)
    return stack[0][1][0]


def _compare_lines(
    value: list[str], reference: list[str], tally: Tally, context: Context, where: str
) -> None:
    """Line by line, when the words differ."""
    value, reference = ([line for line in lines if line.strip()] for lines in (value, reference))
    for i, j, count, extra, missing in _hunks(value, reference):
        for k in range(count):
            place = _line(where, i + k) if len(reference) > 1 else where
            _compare_line(value[i + k], reference[j + k], tally, context, place)
        for line in extra:
            tally.differ(_line(where, i), line, "")
        for line in missing:
            tally.differ(_line(where, i), "", line)


def _line(where: str, number: int) -> str:
    return ", ".join(part for part in (where, f"line {number + 1}") if part)


Hunk = tuple[int, int, int, list[str], list[str]]


def _hunks(value: list[str], reference: list[str]) -> Iterable[Hunk]:
    """Runs of lines that belong together: positions, count, lines too many, lines missing."""
    if len(value) == len(reference) or max(len(value), len(reference)) > MANY_LINES:
        count = min(len(value), len(reference))
        yield 0, 0, count, value[count:], reference[count:]
        return
    mine, theirs = ([re.sub(r"\d+", "0", line) for line in ls] for ls in (value, reference))
    for _, i, i2, j, j2 in opcodes(mine, theirs):
        count = min(i2 - i, j2 - j)
        yield i, j, count, value[i + count : i2], reference[j + count : j2]


def _compare_line(a: str, b: str, tally: Tally, context: Context, where: str) -> None:
    pairs = _aligned(a, b, context)
    if pairs is not None:
        _compare_tokens(pairs, tally, context, where)
        return
    one, two = tokens_of(a), tokens_of(b)
    if len(one) != len(two):
        tally.differ(where, a, b)
        return
    for x, y in zip(one, two, strict=True):
        if not _same_word(x, y, context):
            tally.differ(where, _around(one, x), _around(two, y))
            return
    tally.differ(where, a, b)


def _around(tokens: Sequence[Token], token: Token) -> str:
    """A word with its neighbours, to be found by eye."""
    position = next(i for i, each in enumerate(tokens) if each is token)
    return " ".join(t.text for t in tokens[max(0, position - 2) : position + 3])
