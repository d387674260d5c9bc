"""Text to values: what is typed on a command line or into a form. Nothing is evaluated."""

from __future__ import annotations

import ast
import datetime
import math
import re
from collections.abc import Callable
from typing import Any

from beambook.parameters._plain import NotFitting, no_choice, plain, show
from beambook.parameters._type import ANY, Type, is_number

__all__ = ["read_text"]

_TRUE, _FALSE = {"true", "yes", "on", "1"}, {"false", "no", "off", "0"}
_NONE = {"none", "null"}
_LARGEST_EXPONENT = 308
_MOST = 1_000_000
_SPAN = re.compile(r"([-+]?\d+)\s*(?:-|\.\.)\s*([-+]?\d+)")
_OPEN = re.compile(r"[-+]?\d+\s*(?:-|\.\.)|\.\.\s*[-+]?\d+|-|\.\.")
_JSON_NUMBER = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][-+]?\d+)?")
_QUOTED = re.compile(r"'(?:\\.|[^'\\])*'|\"(?:\\.|[^\"\\])*\"", re.DOTALL)
_PAIRS = {"[": "]", "(": ")", "{": "}"}


def read_text(text: str, kind: Type = ANY) -> Any:
    """Read a value from text.

    Parameters
    ----------
    text : str
    kind : Type

    Returns
    -------
    object
        A plain Python value of the type.

    Raises
    ------
    NotFitting
        If the text is no value of the type.

    Examples
    --------
    >>> read_text("0-5,8", Type("list", (Type("int"),)))
    [0, 1, 2, 3, 4, 5, 8]
    >>> read_text("007", Type("str")), read_text("1e3", Type("int")), read_text("yes", Type("bool"))
    ('007', 1000, True)
    """
    try:
        return _READ[kind.kind](text, kind)
    except RecursionError:
        raise NotFitting("is nested too deeply") from None


def _bool(text: str, kind: Type) -> bool:
    word = text.strip().lower()
    if word in _TRUE or word in _FALSE:
        return word in _TRUE
    raise NotFitting(f"{show(text)} is not true or false")


def _int(text: str, kind: Type) -> int:
    word = text.strip()
    try:
        if re.fullmatch(r"[-+]?0[xXoObB]\w+", word):
            return int(word, 0)
        return int(word) if not re.search(r"[.eE]", word) else _integral(word)
    except ValueError:
        raise NotFitting(f"{show(text)} is not an integer") from None


def _integral(word: str) -> int:
    from decimal import Decimal, InvalidOperation  # 1e23 is exact in it, and only here

    try:
        number = Decimal(word)
    except InvalidOperation:
        raise ValueError(word) from None
    if not number.is_finite() or number.adjusted() > _LARGEST_EXPONENT:
        raise ValueError(word)
    if number != number.to_integral_value():
        raise ValueError(word)
    return int(number)


def _float(text: str, kind: Type) -> float:
    word = text.strip()
    try:
        number = float(word)
    except ValueError:
        raise NotFitting(f"{show(text)} is not a number") from None
    if math.isinf(number) and re.search(r"\d", word):
        raise NotFitting(f"{show(text)} is too large a number")
    return number


def _str(text: str, kind: Type) -> str:
    quoted = _unquoted(text)
    return text if quoted is None else quoted


def _unquoted(text: str) -> str | None:
    """A text in quotes as Python reads it, None if it is not in quotes."""
    word = text.strip()
    if len(word) < 2 or word[0] not in "'\"" or word[-1] != word[0]:
        return None
    try:
        value = ast.literal_eval(word)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return None
    return value if isinstance(value, str) else None


def _path(text: str, kind: Type) -> Any:
    word = _str(text, kind)
    if not word.strip():
        raise NotFitting("is empty; the folder you are in is '.'")
    return plain(word, kind)


def _date(text: str, kind: Type) -> datetime.date:
    value: datetime.date = plain(_str(text, kind), kind)
    return value


def _none(text: str, kind: Type) -> None:
    if text.strip().lower() not in _NONE:
        raise NotFitting(f"{show(text)} is not none")


def _literal(text: str, kind: Type) -> Any:
    word = _str(text.strip(), kind)
    for choice in kind.choices:
        if word == str(choice) or (_is_word(choice) and word.lower() == str(choice).lower()):
            return choice
        if is_number(choice) and _is_number(word) and float(word) == choice:
            return choice
    raise NotFitting(no_choice(word, kind.choices))


def _is_word(choice: Any) -> bool:
    return choice is None or isinstance(choice, bool)


def _is_number(word: str) -> bool:
    try:
        return bool(float(word) == float(word))
    except ValueError:
        return False


def _union(text: str, kind: Type) -> Any:
    reasons = []
    for each in sorted(kind.items, key=lambda item: _ORDER.get(item.kind, 1)):
        try:
            return read_text(text, each)
        except NotFitting as error:
            reasons.append(str(error))
    others = [reason for reason in dict.fromkeys(reasons) if not reason.endswith("is not none")]
    raise NotFitting(", and ".join(others))


_ORDER = {"none": 0, "path": 2, "str": 3, "any": 3}


def _items(text: str, opening: str) -> list[str]:
    """The pieces between commas, with or without brackets around them."""
    word = text.strip()
    if word[:1] and word[0] in opening and word.endswith(_PAIRS[word[0]]) and _encloses(word):
        word = word[1:-1]
    pieces = split(word, ",")
    if not pieces[-1].strip():
        pieces.pop()
    if not all(piece.strip() for piece in pieces):
        raise NotFitting(f"{show(text)} has nothing between two commas")
    return pieces


def _encloses(word: str) -> bool:
    """Whether the first bracket closes at the end: not so in ``(1,2),(3,4)``."""
    return len(split(word, ",")) == 1


def split(text: str, at: str) -> list[str]:
    """Split at any character of `at` that is outside quotes and brackets.

    Examples
    --------
    >>> split("a, 'b, c', [d, e], it's", ",")
    ['a', " 'b, c'", ' [d, e]', " it's"]
    """
    pieces, depth, begin, position, before = [], 0, 0, 0, ","
    while position < len(text):
        letter = text[position]
        quoted = None if before.isalnum() else _QUOTED.match(text, position)
        depth += (letter in "[({") - (letter in "])}")
        if letter in at and depth == 0:
            pieces.append(text[begin:position])
            begin = position + 1
        before = before if letter.isspace() else letter
        position = quoted.end() if quoted else position + 1
    return [*pieces, text[begin:]]


def _each(text: str, kind: Type, opening: str) -> list[Any]:
    item, done = kind.items[0], []
    for piece in _items(text, opening):
        if _takes_ranges(item) and (span := _span(piece.strip())) is not None:
            done += [plain(number, item) for number in span]
        else:
            done.append(_read_item(piece, item))
        if len(done) > _MOST:
            raise NotFitting(f"is a list of over {_MOST:,} values")
    return done


def _read_item(piece: str, item: Type) -> Any:
    word = piece.strip()
    if any(leaf.kind in {"any", "str"} for leaf in item.leaves):
        return read_text(word, item)
    quoted = _unquoted(word)
    return read_text(word if quoted is None else quoted, item)


def _takes_ranges(item: Type) -> bool:
    kinds = {leaf.kind for leaf in (item.items if item.kind == "union" else (item,))}
    whole = item.kind == "literal" and all(type(each) is int for each in item.choices)
    return whole or ("int" in kinds and kinds <= {"int", "none"})


def _span(word: str) -> range | None:
    """``0-5`` as a range with both ends; None if the word is no range."""
    if match := _SPAN.fullmatch(word):
        first, last = int(match[1]), int(match[2])
        if last < first:
            raise NotFitting(f"{word!r} ends before it begins")
        if last - first >= _MOST:
            raise NotFitting(f"{word!r} is a range of over {_MOST:,} values")
        return range(first, last + 1)
    if _OPEN.fullmatch(word):
        raise NotFitting(f"{word!r} is a range with an open end; write both, e.g. 0-5")
    return None


def _list(text: str, kind: Type) -> list[Any]:
    return _each(text, kind, "[(")


def _tuple(text: str, kind: Type) -> tuple[Any, ...]:
    return tuple(_each(text, kind, "[("))


def _record(text: str, kind: Type) -> tuple[Any, ...]:
    pieces = _items(text, "[(")
    if len(pieces) != len(kind.items):
        raise NotFitting(f"{show(text)} has {len(pieces)} values, not {len(kind.items)}")
    return tuple(_read_item(piece, item) for piece, item in zip(pieces, kind.items, strict=True))


def _set(text: str, kind: Type) -> Any:
    if text.strip() == "set()":
        return set()
    return plain(_each(text, kind, "[({"), kind)


def _dict(text: str, kind: Type) -> dict[Any, Any]:
    done = {}
    for piece in _items(text, "{"):
        parts = split(piece, ":=")
        if len(parts) < 2:
            raise NotFitting(f"{show(piece.strip())} is not key: value")
        key = _read_item(parts[0], kind.items[0])
        value = _read_item(piece[len(parts[0]) + 1 :], kind.items[1])
        done.update(plain({key: value}, kind))
    return done


def _any(text: str, kind: Type) -> Any:
    """A value that nothing was said about: as JSON or Python would write it, else a text."""
    word = text.strip()
    if word.lower() in _NONE:
        return None
    if word.lower() in {"true", "false"}:
        return word.lower() == "true"
    if _JSON_NUMBER.fullmatch(word):
        return _int(word, kind) if re.fullmatch(r"-?\d+", word) else _float(word, kind)
    if word[:1] and word[0] in _PAIRS and word.endswith(_PAIRS[word[0]]):
        return _bracketed(word)
    return _str(text, kind)


def _bracketed(word: str) -> Any:
    if word[0] == "(":
        return _tuple(word, Type("tuple", (ANY,)))
    if word[0] == "[":
        return _list(word, Type("list", (ANY,)))
    if word[1:-1].strip() and len(split(word[1:-1], ":")) == 1:
        return _set(word, Type("set", (ANY,)))
    return _dict(word, Type("dict", (ANY, ANY)))


_READ: dict[str, Callable[[str, Type], Any]] = {
    "any": _any,
    "bool": _bool,
    "date": _date,
    "datetime": _date,
    "dict": _dict,
    "float": _float,
    "int": _int,
    "list": _list,
    "literal": _literal,
    "none": _none,
    "path": _path,
    "record": _record,
    "set": _set,
    "str": _str,
    "tuple": _tuple,
    "union": _union,
}
