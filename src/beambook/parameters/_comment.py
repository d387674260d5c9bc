"""What a comment declares: unit, ``required``, range and choices; the rest is help.

The grammar is in ``docs/reference/parameters.md``. Its one principle: a piece
of the comment is taken for a declaration only if it is nothing else, and what
is not taken stays in the help, word for word.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from beambook.parameters._unit import is_unit

__all__ = ["Note", "read_comment"]

_NUMBER = r"[-+−]?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?"
_RANGE = re.compile(rf"({_NUMBER})?\s*\.\.\s*({_NUMBER})?(?:\s*\[?([^\s\d\]][^\]]*)\]?)?")
_BOUND = re.compile(
    rf"(?:(?P<low>>=|≥|min(?:imum)?)|(?P<high><=|≤|max(?:imum)?))\.?\s*[:=]?\s*({_NUMBER})"
    rf"(?:\s*\[?([^\s\d\]][^\]]*)\]?)?",
    re.IGNORECASE,
)
_UNIT = re.compile(r"\s*\[([^\[\]]{1,30})\]")
_CHOICES = re.compile(
    r"(?P<open>\()?(?<!not )\b(?:one of|choices)\s*:\s*"
    r"(?P<list>(?(open)[^;()]+|[^;]+))(?(open)\)|(?:;|$))",
    re.IGNORECASE,
)
_ENDLESS = re.compile(r"\.\.\.|…|\betc\b")
_BREAK = re.compile(r"(\s*(?:;|(?<!\d),|,(?!\d))\s*|(?<=\w\w)\.\s+)")
_UNLESS = re.compile(r"(?:if|when|unless|only|except|for|in|but|with)\b", re.IGNORECASE)
_WORD = re.compile(r"[^\s'\"=()]+|'[^']*'|\"[^\"]*\"")


@dataclass(frozen=True)
class Note:
    """What was read from a comment.

    Attributes
    ----------
    help, unit : str
    required, ranges : bool
        `ranges`: the comment says RANGE ALLOWED, so the list is one of integers.
    minimum, maximum : float or None
    choices : tuple
    """

    help: str = ""
    unit: str = ""
    required: bool = False
    ranges: bool = False
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[Any, ...] = ()


def read_comment(text: str, *, numeric: bool = False, convert: Callable[[str], Any] = str) -> Note:
    """Take the declarations out of a comment.

    Parameters
    ----------
    text : str
        Without hashes.
    numeric : bool
        Whether the parameter is a number or holds numbers; else it has no unit and no range.
    convert : callable
        Text to one value of the parameter, ValueError if it is none: what cannot be
        converted is no choice.

    Returns
    -------
    Note

    Examples
    --------
    >>> read_comment("photon energy [eV], required, 7000..9000", numeric=True)
    ... # doctest: +NORMALIZE_WHITESPACE
    Note(help='photon energy', unit='eV', required=True, ranges=False, minimum=7000,
         maximum=9000, choices=())
    >>> read_comment("mode, one of: a, b").choices
    ('a', 'b')
    >>> read_comment("not required if the mode is one of the old ones [see docs], e.g. 1..5").help
    'not required if the mode is one of the old ones [see docs], e.g. 1..5'
    """
    text = " ".join(text.split())
    text, choices, rest = _take_choices(text, convert)
    unit = ""
    if numeric:
        text, unit = _take_unit(text)
    return replace(_take_words(text + rest, unit=unit, numeric=numeric), choices=choices)


def _take_choices(text: str, convert: Callable[[str], Any]) -> tuple[str, tuple[Any, ...], str]:
    """The text without its choices, the choices, and declarations that stood among them."""
    found = _CHOICES.search(text)
    if not found or _ENDLESS.search(found["list"]):
        return text, (), ""
    listed = re.split(r",|\bor\b|\|", found["list"].rstrip(" ."))
    words = [word.strip() for word in listed if word.strip()]
    declared = [word for word in words[1:] if _is_declaration(word)]
    words = [word for word in words if word not in declared]
    if len(words) < 2 or not all(_WORD.fullmatch(word) for word in words):
        return text, (), ""
    try:
        choices = tuple(convert(word) for word in words)
    except ValueError:
        return text, (), ""
    before = text[: found.start()].rstrip(" ,;(:")
    after = text[found.end() :].strip()
    return before + (f"; {after}" if after else ""), choices, "".join(f"; {d}" for d in declared)


def _is_declaration(word: str) -> bool:
    return word.lower() in {"required", "range allowed"} or bool(
        _RANGE.fullmatch(word) and word != ".."
    )


def _take_unit(text: str) -> tuple[str, str]:
    found = [match for match in _UNIT.finditer(text) if is_unit(match[1])]
    if len(found) != 1:
        return text, ""
    before, after = text[: found[0].start()], text[found[0].end() :].strip()
    if after and before and _is_declaration(after.partition(",")[0].strip()):
        before += ","  # "energy [eV] 7000..9000"
    glue = " " if before and after and after[0] not in ",;.:)" else ""
    return (before + glue + after).strip(), found[0][1].strip()


def _take_words(text: str, *, unit: str, numeric: bool) -> Note:
    pieces = _BREAK.split(text)
    clauses, breaks = pieces[::2], ["", *pieces[1::2]]
    note = Note(unit=unit)
    kept: list[tuple[str, str]] = []
    for index, clause in enumerate(clauses):
        following = clauses[index + 1] if index + 1 < len(clauses) else ""
        read = _read_clause(_bare(clause), following, numeric=numeric)
        if not read or _clash(note, read):
            kept.append((breaks[index] if kept else "", clause))
        else:
            note = replace(note, **read)
    if not _ordered(note):
        return Note(help=text, unit=unit)
    words = "".join(gap + clause for gap, clause in kept)
    return replace(note, help=words if len(kept) == len(clauses) else words.strip(" ,;"))


def _bare(clause: str) -> str:
    """A clause without brackets around it and a full stop behind it."""
    clause = re.sub(r"(?<!\.)\.$", "", clause.strip())
    return clause[1:-1].strip() if clause[:1] == "(" and clause[-1:] == ")" else clause


def _read_clause(clause: str, following: str, *, numeric: bool) -> dict[str, Any]:
    if clause.lower() in {"required", "[required]"} and not _UNLESS.match(following):
        return {"required": True}
    if clause.lower() in {"range allowed", "ranges allowed"}:
        return {"ranges": True}
    if numeric and (match := _RANGE.fullmatch(clause)) and (match[1] or match[2]):
        return _bounds(match[1], match[2], match[3])
    if numeric and (match := _BOUND.fullmatch(clause)):
        low, high = (match[3], None) if match["low"] else (None, match[3])
        return _bounds(low, high, match[4])
    return {}


def _bounds(low: str | None, high: str | None, unit: str | None) -> dict[str, Any]:
    if unit and not is_unit(unit):
        return {}
    read: dict[str, Any] = {"minimum": _number(low)} if low else {}
    if high:
        read["maximum"] = _number(high)
    return read | ({"unit": unit} if unit else {})


def _number(text: str) -> float:
    text = text.replace("−", "-")
    return int(text) if re.fullmatch(r"[-+]?\d+", text) else float(text)


def _clash(note: Note, read: dict[str, Any]) -> bool:
    """Whether a bound is given twice, or in another unit: then nobody knows what was meant."""
    if note.unit and read.get("unit", note.unit) != note.unit:
        return True
    return any(getattr(note, name) is not None for name in ("minimum", "maximum") if name in read)


def _ordered(note: Note) -> bool:
    return note.minimum is None or note.maximum is None or note.minimum <= note.maximum
