"""What the page calls things, and text of strangers made fit to be shown."""

from __future__ import annotations

import re
from collections.abc import Iterable

from beambook.recipe._report_text import plain_text

__all__ = [
    "HEADLINES",
    "MARKS",
    "MEANINGS",
    "STOPPED",
    "count",
    "duration",
    "listed",
    "ranges",
    "shown",
]

HEADLINES = {
    "same": "It came out the same.",
    "within tolerance": "It came out the same, within tolerance.",
    "different": "It came out different.",
    "not verified": "It could not be verified.",
}

STOPPED = "It was stopped before its end."

# A sign beside each word, so that colour is never all there is; with the kind of its colour.
MARKS = {
    "same": ("✓", "good"),
    "within tolerance": ("≈", "good"),
    "different": ("≠", "bad"),
    "error": ("✗", "bad"),
    "missing software": ("✗", "wait"),
    "not verified": ("?", "wait"),
    "not reached": ("–", "soft"),
    "not comparable": ("?", "soft"),
    "no output": ("·", "soft"),
}

MEANINGS = {
    "same": "The output is the published one.",
    "within tolerance": "Numbers differ by no more than is allowed.",
    "different": "An output is not the published one.",
    "error": "The cell stopped with an error that the published notebook has not.",
    "missing software": "The cell needs software that is not there.",
    "not verified": "Nobody can say: it could not be executed to its end, or not be compared.",
    "not reached": "The cell was not executed: something before it failed, or it was stopped.",
    "not comparable": "There is nothing in it that can be compared.",
    "no output": "The cell was executed; it shows nothing, neither then nor now.",
}

BIDI = dict.fromkeys((*range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x200E, 0x200F, 0x061C))

PRIVATE = re.compile("[\ue000-\uf8ff\ufdd0-\ufdef\ufff0-\ufff8\ufffe\uffff\U000f0000-\U0010ffff]")


def shown(text: object, most: int = 300) -> str:
    r"""Text on one line, short, without what would steer a terminal or turn the writing round.

    Examples
    --------
    >>> shown("raised \x1b[31mError\x1b[0m\n  at \u202eonce")
    'raised Error at once'
    """
    return cut(" ".join(clean(str(text)[: 20 * most]).split()), most)


def clean(text: str) -> str:
    """Text without escape sequences, controls, turned writing and private characters."""
    return PRIVATE.sub("", plain_text(text).translate(BIDI))


def cut(text: str, most: int) -> str:
    """The beginning of a text, with … where it goes on."""
    return text if len(text) <= most else f"{text[: most - 1].rstrip()}…"


def count(number: int, word: str, plural: str = "") -> str:
    """A number with its word.

    Examples
    --------
    >>> count(1, "cell"), count(2000, "cell")
    ('1 cell', '2,000 cells')
    """
    return f"{number:,} {word if number == 1 else plural or word + 's'}"


def listed(words: Iterable[str]) -> str:
    """Words as a sentence has them.

    Examples
    --------
    >>> listed(["a", "b", "c"])
    'a, b and c'
    """
    *most, last = words
    return f"{', '.join(most)} and {last}" if most else last


def ranges(numbers: Iterable[int]) -> str:
    """Numbers that rise, neighbours drawn together.

    Examples
    --------
    >>> ranges([2, 3, 4, 7])
    '2–4, 7'
    """
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    return ", ".join(str(a) if a == b else f"{a}–{b}" for a, b in runs)


def duration(seconds: float) -> str:
    """Seconds as people say them.

    Examples
    --------
    >>> duration(3.21), duration(252), duration(7300)
    ('3.2 s', '4 min 12 s', '2 h 1 min')
    """
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"
