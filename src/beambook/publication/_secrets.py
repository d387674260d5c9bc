"""What would leave by accident: tokens, keys, passwords, home folders, names of users.

Notebooks are looked at cell by cell, in code, outputs and metadata; other texts line by line.
Pictures and other binary content are not read. What is found is shown shortened, so that a log
of the search is no leak itself.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from beambook.publication._rules import RULES, Rule, personal_rules
from beambook.publication._texts import texts_of

__all__ = ["KINDS", "Leak", "find_secrets"]

KINDS = ("token", "key", "password", "home", "path", "user", "host", "e-mail")
SHOWN = 48
MOST = 100  # things of one kind that are told of one cell or file
_COLOURS = re.compile(r"(?:\x1b|\\u001[bB]|\\x1[bB]|\\033)\[[0-9;:?]{0,32}[A-Za-z]")
_EMBEDDED = re.compile(r"base64,[A-Za-z0-9+/=\\\s]{100,}")  # pictures in HTML


@dataclass(frozen=True)
class Leak:
    """Something that should perhaps not leave.

    Attributes
    ----------
    file : str
        Name of the file.
    cell : int or None
        Of a notebook, from 1 and counting all cells; None for its own metadata.
    kind : str
        ``token``, ``key``, ``password``, ``home``, ``path``, ``user``, ``host`` or ``e-mail``.
    shown : str
        What it is, shortened.
    place : str
        ``code``, ``text``, ``output``, ``metadata``, or ``line 7``.
    """

    file: str
    cell: int | None
    kind: str
    shown: str
    place: str = ""

    def __str__(self) -> str:
        where = f", cell {self.cell}" if self.cell is not None else ""
        return f"{self.file}{where} ({self.place}): {self.kind} {self.shown}"


def find_secrets(
    files: Iterable[str | Path] | Mapping[str, Path], *, users: Iterable[str] = ()
) -> tuple[Leak, ...]:
    """Look for what should not leave by accident.

    Parameters
    ----------
    files : iterable of path, or mapping of str to Path
        Notebooks and other files; a mapping has the names by which they are told.
    users : iterable of str
        Names of users to look for besides the one who runs this.

    Returns
    -------
    tuple of Leak
        Each thing once per place, in the order of files and cells.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     file = Path(folder, "fit.py")
    ...     _ = file.write_text('data = open("/home/schmidt/run.csv")')
    ...     [(leak.kind, leak.shown) for leak in find_secrets({"fit.py": file})]
    [('home', "'/home/schmidt/run.csv'")]
    """
    named = files if isinstance(files, Mapping) else {str(each): Path(each) for each in files}
    rules = (*RULES, *personal_rules(tuple(users)))
    found: dict[Leak, None] = {}
    for name, path in named.items():
        for cell, place, text in texts_of(path):
            for kind, shown, where in _leaks(text, rules, name, place):
                found[Leak(name, cell, kind, shown, where)] = None
    return tuple(found)


def _leaks(
    text: str, rules: tuple[Rule, ...], file: str, place: str
) -> Iterator[tuple[str, str, str]]:
    """(kind, what, place) of each leak; the same thing once for a cell, or a file."""
    text = _as_read(text)
    if "base64," in text:
        text = _EMBEDDED.sub("base64,", text)
    lower = text.lower()
    taken: list[tuple[int, int]] = []  # a token in a password is one leak, not two
    for rule in rules:
        if any(hint in lower for hint in rule.hints):
            for start, end, what in _matches(text, rule, file, place, taken):
                taken.append((start, end))
                yield rule.kind, what, place or f"line {text.count(chr(10), 0, start) + 1}"


def _as_read(text: str) -> str:
    """Without the colours that stand between the letters of a traceback, nor HTML's escapes."""
    if "[" in text:
        text = _COLOURS.sub("", text)
    return html.unescape(text) if "&" in text else text


def _matches(
    text: str, rule: Rule, file: str, place: str, taken: list[tuple[int, int]]
) -> Iterator[tuple[int, int, str]]:
    said: set[str] = set()
    for match in rule.pattern.finditer(text):
        start, end = match.span()
        if match[0] in said or any(a < end and start < b for a, b in taken):
            continue
        if not rule.counts(match, file, place):
            continue
        if len(said) == MOST:
            yield start, end, "and more of them"
            return
        said.add(match[0])
        yield start, end, _shown(rule.kind, match[0])


def _shown(kind: str, text: str) -> str:
    text = " ".join(text.split())
    if kind in ("token", "key", "password"):
        return repr(f"{text[:8]}…") if len(text) > 8 else "…"
    return repr(text if len(text) <= SHOWN else f"{text[:SHOWN]}…")
