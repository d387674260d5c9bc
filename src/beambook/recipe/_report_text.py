"""Text of terminals made fit for paper: colours, overprinting, long lines, strange characters."""

from __future__ import annotations

import re
import unicodedata
from html import escape

__all__ = ["ansi_html", "clean_text", "plain_text", "shorten", "wrap"]

ESCAPE = re.compile(r"\x1b\[([0-9;:?]*)([@-~])|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[@-Z\\-_=>]")
CONTROL = dict.fromkeys({*range(32), 127} - {9, 10}, "\ufffd")
NAMES = ("black", "red", "green", "yellow", "blue", "magenta", "cyan", "white")


def clean_text(text: str) -> str:
    r"""Text that every format can hold: no lone surrogate, no control but tab and newline.

    Examples
    --------
    >>> clean_text("a\x00b\ud800")
    'a�b?'
    """
    return text.encode(errors="replace").decode().replace("\r\n", "\n").translate(CONTROL)


def plain_text(text: str) -> str:
    r"""What a terminal would show in the end, without its colours.

    Examples
    --------
    >>> plain_text("\x1b[31mred\x1b[0m 10%\r90%")
    '90%'
    """
    return clean_text(_overprint(ESCAPE.sub("", text)))


def ansi_html(text: str) -> str:
    r"""The same as HTML, its 16 colours and bold as classes ``ansi-…``.

    Examples
    --------
    >>> ansi_html("\x1b[31mred\x1b[0m <b>")
    '<span class="ansi-red">red</span> &lt;b&gt;'
    """
    out: list[str] = []
    classes: list[str] = []
    at = 0
    text = _overprint(text)
    for match in ESCAPE.finditer(text):
        out.append(_span(text[at : match.start()], classes))
        if match[2] == "m":
            classes = _classes(match[1], classes)
        at = match.end()
    return "".join([*out, _span(text[at:], classes)])


# What an execution writes where most of a text went to a file, see `_overflow`.
SPILLED = re.compile(r"^… [\d,]+ bytes in all, of which [^\n]+ …$", re.M)
SPILLED_LINES = 20


def shorten(text: str, *, first: int, last: int) -> tuple[str, int]:
    """The first and last lines of `text`, and how many lines between them are left out.

    Of a text that an execution shortened before, its own note stays, and no lines are counted:
    what is here does not tell how many there were.
    """
    if spilled := SPILLED.search(text):
        head = text[: spilled.start()].rstrip("\n").split("\n")[:SPILLED_LINES]
        tail = text[spilled.end() :].lstrip("\n").split("\n")[-SPILLED_LINES:]
        return "\n".join([*head, "", spilled[0], "", *tail]), 0
    lines = text.split("\n")
    left = len(lines) - first - last
    if left <= 1:
        return text, 0
    middle = f"… {left:,} lines are left out here …"
    return "\n".join([*lines[:first], middle, *lines[-last:]]), left


def wrap(text: str, width: int) -> str:
    r"""Break lines at `width` columns; a continued line begins with ``↪``.

    Examples
    --------
    >>> wrap("abcdef", 4)
    'abcd\n↪ ef'
    """
    return "\n".join(part for line in text.expandtabs(8).split("\n") for part in _cut(line, width))


def _cut(line: str, width: int) -> list[str]:
    if len(line) * 2 <= width:
        return [line]
    parts, part, used = [], "", 0
    for character in line:
        columns = 2 if unicodedata.east_asian_width(character) in "WF" else 1
        if used + columns > width:
            parts.append(part)
            part, used = "↪ ", 2
        part, used = part + character, used + columns
    return [*parts, part]


def _overprint(text: str) -> str:
    """Only what the last carriage return of each line left standing."""
    if "\r" not in text and "\b" not in text:
        return text
    text = re.sub(r"\r+\n", "\n", text)
    text = re.sub(r"[^\n\r\b]\x08", "", text)
    return "\n".join(_last(line) for line in text.split("\n"))


def _last(line: str) -> str:
    parts = [part for part in line.split("\r") if part.strip()]
    return parts[-1] if parts else ""


def _span(text: str, classes: list[str]) -> str:
    text = escape(clean_text(text), quote=False)
    if not text or not classes:
        return text
    return f'<span class="{" ".join(classes)}">{text}</span>'


def _classes(codes: str, classes: list[str]) -> list[str]:
    numbers = [int(code) if code.isdigit() else 0 for code in re.split("[;:]", codes)]
    if 38 in numbers or 48 in numbers:  # 256 colours and true colour: bold alone is kept
        return [c for c in classes if c == "ansi-bold"]
    for number in numbers:
        if number == 0:
            classes = []
        elif number == 1:
            classes = [*classes, "ansi-bold"]
        elif number % 60 in range(30, 38):
            colour = f"ansi-{NAMES[number % 60 - 30]}"
            classes = [*(c for c in classes if c == "ansi-bold"), colour]
    return list(dict.fromkeys(classes))
